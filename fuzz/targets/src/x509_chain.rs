//! Chains drawn from the input, with signatures that all are good: so that what is left, names, lives, roles and
//! constraints, is fuzzed deep inside and not only at its door.

use super::input::Input;
use crypto::{BadSignature, Provider, PublicKeyAlgorithm, SignatureAlgorithm, SignatureScheme, Verifier};
use rustls_pki_types::CertificateDer;
use x509::{RootStore, ServerName};

/// The time in all scenarios.
pub const NOW: u64 = 1_795_000_000;

/// Believes every Ed25519 signature.
struct Credulous;

impl Verifier for Credulous {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        PublicKeyAlgorithm::Ed25519
    }

    fn signature_algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Ed25519
    }

    fn scheme(&self) -> Option<SignatureScheme> {
        None
    }

    fn verify(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), BadSignature> {
        Ok(())
    }
}

/// What a server sends, and whom its client trusts.
pub struct Scenario {
    pub anchors: Vec<Vec<u8>>,
    /// The leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The name that the client wants.
    pub name: &'static str,
}

impl Scenario {
    /// Our verdict.
    pub fn verdict(&self) -> Result<(), x509::Error> {
        let provider = Provider { verifiers: &[&Credulous], ..crypto_ring::provider() };
        let mut roots = RootStore::new();
        for anchor in &self.anchors {
            // One that cannot be read is no anchor.
            let _ = roots.add_der(anchor);
        }
        let chain: Vec<_> = self.chain.iter().map(|der| CertificateDer::from(&der[..])).collect();
        let name = ServerName::parse(self.name).expect("a name");
        x509::verify_server(&provider, &roots, &chain, &name, NOW)
    }
}

pub fn run(data: &[u8]) {
    let scenario = draw(data);
    if let Err(error) = scenario.verdict() {
        assert!(!error.to_string().chars().any(char::is_control));
        return;
    }
    // Nothing is believed without an anchor, for another name, or before its time.
    let without = Scenario { anchors: Vec::new(), ..draw(data) };
    assert!(without.verdict().is_err());
    let other = Scenario { name: "other.test", ..draw(data) };
    assert!(other.verdict().is_err());
}

/// Names that certificates are for, and constraints are about.
const NAMES: [&str; 8] =
    ["a.example", "*.example", "b.a.example", "example", "*.a.example", "xn--a.example", "*", "A.Example"];
const CONSTRAINTS: [&str; 8] = ["example", "a.example", ".example", "", "b.a.example", "b.example", "EXAMPLE", "*.a"];
const AUTHORITIES: [&str; 4] = ["one", "two", "three", "ONE"];

pub fn draw(data: &[u8]) -> Scenario {
    draw_with(data, false)
}

/// As `draw`, but one name is always written in the same way: not everybody compares names as RFC 5280 section 7.1 says.
pub fn draw_plain(data: &[u8]) -> Scenario {
    draw_with(data, true)
}

fn draw_with(data: &[u8], plain: bool) -> Scenario {
    let mut input = Input::new(data);
    let choice = input.u8();
    let name = ["a.example", "b.a.example", "192.0.2.1", "example"][usize::from(choice & 3)];
    let anchors = 1 + usize::from(choice >> 2 & 1);
    let others = usize::from(choice >> 3 & 7);
    let anchors = (0..anchors).map(|_| certificate(&mut input, true, name, plain)).collect();
    let mut chain = vec![certificate(&mut input, false, name, plain)];
    chain.extend((0..others).map(|_| certificate(&mut input, true, name, plain)));
    Scenario { anchors, chain, name }
}

/// Zero bytes of input make a certificate that is well-formed and valid.
fn certificate(input: &mut Input<'_>, is_authority: bool, name: &str, plain: bool) -> Vec<u8> {
    let spelling = if plain { 0 } else { 0xff };
    let authorities = if plain { ["one", "two", "three", "four"] } else { AUTHORITIES };
    let flags = input.u8();
    let (subject, issuer) = (input.u8(), input.u8());
    let subject_name = if is_authority { authorities[usize::from(subject & 3)] } else { "leaf" };
    let issuer_name = authorities[usize::from(issuer & 3)];
    let mut extensions = Vec::new();
    let role = input.u8();
    if is_authority != (role & 1 == 1) {
        let mut basic = der(1, &[0xff]);
        if role & 2 != 0 {
            basic.extend(der(2, &[role >> 4]));
        }
        push(&mut extensions, 19, role & 4 == 0, &der(0x30, &basic));
    }
    if role & 8 != 0 {
        // keyUsage: keyCertSign, digitalSignature, both or neither.
        let bits = [[2, 0x04], [7, 0x80], [2, 0x84], [6, 0x40]][usize::from(role >> 4 & 3)];
        push(&mut extensions, 15, true, &der(3, &bits));
    }
    if !is_authority || flags & 1 != 0 {
        push(&mut extensions, 17, flags & 2 != 0, &alternative_names(input, name));
    }
    if flags & 4 != 0 {
        let purpose: &[u8] = match input.u8() & 3 {
            0 => &[0x2b, 6, 1, 5, 5, 7, 3, 1],
            // Not everybody takes any purpose for this one.
            1 if !plain => &[0x55, 0x1d, 0x25, 0],
            _ => &[0x2b, 6, 1, 5, 5, 7, 3, 2],
        };
        push(&mut extensions, 37, false, &der(0x30, &der(6, purpose)));
    }
    if flags & 8 != 0 {
        push(&mut extensions, 30, true, &constraints(input, plain));
    }
    if flags & 16 != 0 {
        // Any other extension, known or not.
        let (id, critical) = (input.u8() & 0x7f, input.u8());
        let value = input.chunk().to_vec();
        push(&mut extensions, id, critical & 1 != 0, &value);
    }
    push(&mut extensions, 14, false, &der(4, subject_name.as_bytes()));
    if subject_name != issuer_name {
        push(&mut extensions, 35, false, &der(0x30, &der(0x80, issuer_name.as_bytes())));
    }
    let mut body = der(0xa0, &der(2, &[2]));
    body.extend(der(2, &[1 + (subject >> 4)]));
    body.extend(algorithm());
    let issuer = distinguished_name(issuer_name, issuer >> 2 & spelling);
    let issuer_at = body.len()..body.len() + issuer.len();
    body.extend(issuer);
    let life: [&[u8]; 2] = match flags >> 5 {
        1 => [b"200101000000Z", b"210101000000Z"],
        2 => [b"300101000000Z", b"400101000000Z"],
        3 => [b"400101000000Z", b"300101000000Z"],
        _ => [b"200101000000Z", b"400101000000Z"],
    };
    body.extend(der(0x30, &[der(0x17, life[0]), der(0x17, life[1])].concat()));
    let subject_name = distinguished_name(subject_name, subject >> 2 & spelling);
    let subject_at = body.len()..body.len() + subject_name.len();
    body.extend(subject_name);
    let key = [subject >> 2 & 3; 33];
    let mut key_bits = key.to_vec();
    key_bits[0] = 0;
    body.extend(der(0x30, &[algorithm(), der(3, &key_bits)].concat()));
    body.extend(der(0xa3, &der(0x30, &extensions)));
    let mut signature = vec![0];
    signature.extend([7; 64]);
    let tail = [algorithm(), der(3, &signature)].concat();
    let mut out = der(0x30, &[&der(0x30, &body)[..], &tail].concat());
    if flags >> 5 == 7 {
        // And one byte of it changed, but for names that are to stay as they are.
        let (at, value) = (usize::from(input.u16()), input.u8());
        let at = at % out.len();
        let in_body = at.checked_sub(out.len() - tail.len() - body.len());
        let in_name = in_body.is_some_and(|at| issuer_at.contains(&at) || subject_at.contains(&at));
        if !(plain && in_name) {
            out[at] = value;
        }
    }
    out
}

fn alternative_names(input: &mut Input<'_>, name: &str) -> Vec<u8> {
    let mut names = Vec::new();
    let choice = input.u8();
    if choice & 1 == 0 {
        match name.parse::<std::net::Ipv4Addr>() {
            Ok(address) => names.extend(der(0x87, &address.octets())),
            Err(_) => names.extend(der(0x82, name.as_bytes())),
        }
    }
    for _ in 0..choice >> 1 & 3 {
        names.extend(general_name(input, &NAMES, 4, false));
    }
    der(0x30, &names)
}

fn general_name(input: &mut Input<'_>, texts: &[&str; 8], address_len: usize, plain: bool) -> Vec<u8> {
    let choice = input.u8();
    match choice >> 3 & 7 {
        0..=3 => der(0x82, texts[usize::from(choice & 7)].as_bytes()),
        4 if address_len == 4 => der(0x87, &[192, 0, 2, choice & 7]),
        4 => {
            let mask: [u8; 4] = [[255, 255, 255, 0], [0; 4], [255; 4], [255, 0, 255, 0]][usize::from(choice & 3)];
            der(0x87, &[[192, 0, 2, 0], mask].concat())
        }
        // Not everybody reads constraints on directory names.
        5 if !plain => der(0xa4, &distinguished_name(AUTHORITIES[usize::from(choice & 3)], 0)),
        6 => der(0x81, b"a@a.example"),
        _ => der(0x80 | choice & 7, input.chunk()),
    }
}

fn constraints(input: &mut Input<'_>, plain: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let choice = input.u8();
    for (tag, count) in [(0xa0, choice & 3), (0xa1, choice >> 2 & 3)] {
        let mut subtrees = Vec::new();
        for _ in 0..count {
            subtrees.extend(der(0x30, &general_name(input, &CONSTRAINTS, 8, plain)));
        }
        if count > 0 || choice & 0x80 != 0 {
            out.extend(der(tag, &subtrees));
        }
    }
    der(0x30, &out)
}

/// Ed25519.
fn algorithm() -> Vec<u8> {
    der(0x30, &der(6, &[0x2b, 0x65, 0x70]))
}

/// A common name, as one of two types of text that mean the same.
fn distinguished_name(text: &str, choice: u8) -> Vec<u8> {
    let tag = if choice & 0x20 == 0 { 0x0c } else { 0x13 };
    let attribute = [der(6, &[0x55, 4, 3]), der(tag, text.as_bytes())].concat();
    der(0x30, &der(0x31, &der(0x30, &attribute)))
}

/// An extension of 2.5.29.
fn push(extensions: &mut Vec<u8>, id: u8, critical: bool, value: &[u8]) {
    let flag = if critical { der(1, &[0xff]) } else { Vec::new() };
    extensions.extend(der(0x30, &[der(6, &[0x55, 0x1d, id]), flag, der(4, value)].concat()));
}

/// One element.
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match value.len() {
        len @ 0..=127 => out.push(len as u8),
        len @ 128..=255 => out.extend([0x81, len as u8]),
        len => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend_from_slice(value);
    out
}
