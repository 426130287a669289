use super::*;
use crate::der::tag;
use crate::encode::{bit_string, element, object_identifier, sequence, time, unsigned};
use crate::oid;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use crypto::{KeyKind, PrivateKeyFormat, SignatureScheme, SigningKey};

mod names;
mod webs;

const NOW: u64 = 1_795_000_000;

/// A certificate in the making: everything can be set wrong.
struct Draft {
    subject: String,
    not_before: i64,
    not_after: i64,
    serial: Vec<u8>,
    /// As elements: the version, and what comes between the key and the extensions.
    version: Vec<u8>,
    identifiers: Vec<u8>,
    extensions: Vec<(&'static [u8], bool, Vec<u8>)>,
    /// Whether the key of another issuer is named (authorityKeyIdentifier).
    names_issuer_key: bool,
    /// What the signature claims to be. It is of Ed25519 in any case.
    algorithm: &'static [u8],
}

fn key() -> Box<dyn SigningKey> {
    let pkcs8 = crypto_ring::generate_key(KeyKind::Ed25519).expect("a key");
    crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &pkcs8).expect("a key")
}

fn name(text: &str) -> Vec<u8> {
    if text.is_empty() {
        return sequence(&[]);
    }
    // An e-mail address has an attribute of its own.
    let (kind, string) =
        if text.contains('@') { (oid::EMAIL_ADDRESS, tag::IA5_STRING) } else { (oid::COMMON_NAME, tag::UTF8_STRING) };
    let attribute = sequence(&[&object_identifier(kind), &element(string, &[text.as_bytes()])]);
    sequence(&[&element(tag::SET, &[&attribute])])
}

fn dns(name: &str) -> Vec<u8> {
    element(tag::context(2), &[name.as_bytes()])
}

impl Draft {
    fn new(subject: &str) -> Draft {
        let now = NOW as i64;
        let subject = String::from(subject);
        let identifier = || element(tag::OCTET_STRING, &[subject.as_bytes()]);
        let extensions = vec![(oid::SUBJECT_KEY_IDENTIFIER, false, identifier())];
        let version = element(tag::context_constructed(0), &[&unsigned(&[2])]);
        let (not_before, not_after) = (now - 10, now + 10);
        Draft {
            subject,
            not_before,
            not_after,
            serial: vec![1],
            version,
            identifiers: vec![],
            extensions,
            names_issuer_key: true,
            algorithm: oid::ED25519,
        }
    }

    fn authority(subject: &str) -> Draft {
        let basic = sequence(&[&[1, 1, 0xff]]);
        Draft::new(subject).with(oid::BASIC_CONSTRAINTS, true, basic)
    }

    fn leaf(names: &[&str]) -> Draft {
        let names: Vec<Vec<u8>> = names.iter().map(|name| dns(name)).collect();
        Draft::new("leaf").with(oid::SUBJECT_ALTERNATIVE_NAME, false, sequence(&[&names.concat()]))
    }

    /// With this extension, in place of one of the same kind.
    fn with(mut self, id: &'static [u8], critical: bool, value: Vec<u8>) -> Draft {
        self = self.without(id);
        self.extensions.push((id, critical, value));
        self
    }

    fn without(mut self, id: &'static [u8]) -> Draft {
        self.extensions.retain(|(other, _, _)| *other != id);
        self
    }

    fn sign(mut self, issuer: &str, issuer_key: &dyn SigningKey, own_key: &dyn SigningKey) -> CertificateDer<'static> {
        if issuer != self.subject && self.names_issuer_key {
            let identifier = sequence(&[&element(tag::context(0), &[issuer.as_bytes()])]);
            self.extensions.push((oid::AUTHORITY_KEY_IDENTIFIER, false, identifier));
        }
        let (algorithm, key_algorithm) =
            (sequence(&[&object_identifier(self.algorithm)]), sequence(&[&object_identifier(oid::ED25519)]));
        let mut extensions = Vec::new();
        for (id, critical, value) in &self.extensions {
            let flag: &[u8] = if *critical { &[1, 1, 0xff] } else { &[] };
            extensions.extend(sequence(&[&object_identifier(id), flag, &element(tag::OCTET_STRING, &[value])]));
        }
        let to_be_signed = sequence(&[
            &self.version,
            &element(tag::INTEGER, &[&self.serial]),
            &algorithm,
            &name(issuer),
            &sequence(&[&time(self.not_before), &time(self.not_after)]),
            &name(&self.subject),
            &sequence(&[&key_algorithm, &bit_string(own_key.public_key())]),
            &self.identifiers,
            &if extensions.is_empty() {
                vec![]
            } else {
                element(tag::context_constructed(3), &[&sequence(&[&extensions])])
            },
        ]);
        let signature = issuer_key.sign(SignatureScheme::ED25519, &to_be_signed).expect("a signature");
        CertificateDer::from(sequence(&[&to_be_signed, &algorithm, &bit_string(&signature)]))
    }
}

fn verify(roots: &[&CertificateDer<'static>], chain: &[CertificateDer<'static>], name: &str) -> Result<(), Error> {
    let mut store = RootStore::new();
    for root in roots {
        store.add_der(root)?;
    }
    let name = ServerName::parse(name).expect("a name");
    verify_server(&crypto_ring::PROVIDER, &store, chain, &name, NOW)
}

/// A root, and a leaf that it issued.
fn pair(root: Draft, leaf: Draft) -> Result<(), Error> {
    let (root_key, leaf_key) = (key(), key());
    let root = root.sign("root", &*root_key, &*root_key);
    let leaf = leaf.sign("root", &*root_key, &*leaf_key);
    verify(&[&root], &[leaf], "www.example.com")
}

fn rule(result: Result<(), Error>) -> Option<Rule> {
    match result.err()? {
        Error::Rule { rule, .. } => Some(rule),
        other => panic!("no rule is broken: {other:?}"),
    }
}

fn good_leaf() -> Draft {
    Draft::leaf(&["www.example.com"])
}

#[test]
fn a_plain_chain_is_accepted() {
    assert_eq!(pair(Draft::authority("root"), good_leaf()), Ok(()));
    assert_eq!(verify(&[], &[], "a.example"), Err(Error::NoCertificate));
}

/// RFC 5280 section 6.1.3-1.
#[test]
fn time_counts_for_every_certificate_and_says_so() {
    let late = || Draft { not_before: NOW as i64 + 1, ..good_leaf() };
    let old = || Draft { not_after: NOW as i64 - 1, ..good_leaf() };
    let edge = || Draft { not_before: NOW as i64, not_after: NOW as i64, ..good_leaf() };
    assert_eq!(pair(Draft::authority("root"), edge()), Ok(()));
    assert!(matches!(pair(Draft::authority("root"), late()), Err(Error::NotYetValid { .. })));
    let error = pair(Draft::authority("root"), old()).expect_err("expired");
    assert_eq!(
        format!("{error}"),
        "certificate of leaf expired on 2026-11-18 11:06:39 UTC (checked at 2026-11-18 11:06:40 UTC)"
    );
    assert!(error.is_about_time());
    let root = Draft { not_after: NOW as i64 - 1, ..Draft::authority("root") };
    assert!(matches!(pair(root, good_leaf()), Err(Error::Expired { subject, .. }) if subject == "root"));
}

#[test]
fn another_name_is_told_in_bounded_escaped_text() {
    let error = pair(Draft::authority("root"), Draft::leaf(&["example.com", "a\0b\u{1b}"])).expect_err("another name");
    assert_eq!(format!("{error}"), "certificate is valid for example.com, a\\0b\\u{1b}, not www.example.com");
    let many: Vec<String> = (0..5000).map(|index| format!("{index}.{}.example", "a".repeat(60))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let error = pair(Draft::authority("root"), Draft::leaf(&many)).expect_err("another name");
    assert!(matches!(&error, Error::NameMismatch { more: 4995, .. }) && format!("{error}").len() < 600);
}

/// RFC 9846 section 4.5.1.2-3.
/// RFC 5280 section 4.1.2.2-1, 4.1.2.6-4, 4.2-1, 4.2-2, 4.2.1.3-3, 4.2.1.3-7, 4.2.1.6-4, 4.2.1.9-1, 4.2.1.11-3, 4.2.1.12-3.
/// RFC 5280 section 4.2.1.12-7, 6.1-5.
#[test]
fn the_table_of_rules_for_a_server() {
    let check = |leaf: Draft| rule(pair(Draft::authority("root"), leaf));
    let authority = || sequence(&[&[1, 1, 0xff]]);
    let usage = |bits: &[u8]| element(tag::BIT_STRING, &[bits]);
    let purposes = |list: &[&[u8]]| {
        let list: Vec<Vec<u8>> = list.iter().map(|id| object_identifier(id)).collect();
        sequence(&[&list.concat()])
    };
    const CLIENT_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
    assert_eq!(check(good_leaf().with(oid::BASIC_CONSTRAINTS, true, authority())), Some(Rule::AuthorityAsServer));
    assert_eq!(check(good_leaf().with(oid::KEY_USAGE, true, usage(&[2, 0x84]))), Some(Rule::AuthorityAsServer));
    assert_eq!(
        check(good_leaf().with(oid::KEY_USAGE, true, usage(&[5, 0x20]))),
        Some(Rule::KeyUsage("digitalSignature"))
    );
    assert_eq!(check(good_leaf().with(oid::KEY_USAGE, true, usage(&[7, 0x80]))), None);
    // Nine usages have a name, and the last is in a byte of its own.
    let nine = good_leaf().with(oid::KEY_USAGE, true, usage(&[7, 0x80, 0x80]));
    assert_eq!(pair(Draft::authority("root"), nine), Ok(()));
    assert_eq!(check(good_leaf().with(oid::KEY_USAGE, true, usage(&[0, 0x80]))), Some(Rule::Encoding("keyUsage")));
    for bits in [&[][..], &[0], &[0, 0], &[8, 0x80], &[7, 0xc0], &[0, 0, 0, 1]] {
        let result = pair(Draft::authority("root"), good_leaf().with(oid::KEY_USAGE, true, usage(bits)));
        assert_eq!(result, Err(Error::Malformed("key usage")), "{bits:?}");
    }
    let purpose = |list: &[&[u8]], critical| check(good_leaf().with(oid::EXTENDED_KEY_USAGE, critical, purposes(list)));
    assert_eq!(purpose(&[CLIENT_AUTHENTICATION], false), Some(Rule::ExtendedKeyUsage));
    assert_eq!(purpose(&[oid::ANY_EXTENDED_KEY_USAGE], false), Some(Rule::ExtendedKeyUsage));
    assert_eq!(purpose(&[CLIENT_AUTHENTICATION, oid::SERVER_AUTHENTICATION], false), None);
    assert_eq!(purpose(&[oid::SERVER_AUTHENTICATION], true), None, "as trustme has it");
    let unknown = Rule::UnknownCriticalExtension(String::from("1.2.3"));
    assert_eq!(check(good_leaf().with(&[0x2a, 3], true, vec![])), Some(unknown));
    assert_eq!(check(good_leaf().with(&[0x2a, 3], false, vec![])), None);
    assert_eq!(check(good_leaf().without(oid::SUBJECT_ALTERNATIVE_NAME)), Some(Rule::NoSubjectAlternativeName));
    let names = || sequence(&[&dns("www.example.com")]);
    assert_eq!(check(good_leaf().with(oid::SUBJECT_ALTERNATIVE_NAME, true, names())), None, "as trustme has it");
    let empty = || Draft { subject: String::new(), ..good_leaf() };
    assert_eq!(check(empty()), Some(Rule::MustBeCritical("subjectAltName")));
    assert_eq!(pair(Draft::authority("root"), empty().with(oid::SUBJECT_ALTERNATIVE_NAME, true, names())), Ok(()));
    assert_eq!(check(Draft { subject: String::from("WWW.example.com"), ..good_leaf() }), Some(Rule::CommonName));
    // Baseline Requirements s7.1.4.3: a host in another script; but what is no host may be in any.
    for (subject, broken) in [
        ("m\u{fc}nchen.example", Some(Rule::CommonName)),
        ("M\u{fc}nchen", None),
        ("Stadt M\u{fc}nchen a.d. Isar", None),
        ("other.example", None),
        ("a host", None),
    ] {
        assert_eq!(check(Draft { subject: String::from(subject), ..good_leaf() }), broken, "{subject}");
    }
    // RFC 5280 s6.1.5 (b): the last certificate of a path may demand a policy as well.
    for critical in [true, false] {
        let demand = sequence(&[&element(tag::context(0), &[&[0]])]);
        let leaf = good_leaf().with(oid::POLICY_CONSTRAINTS, critical, demand);
        assert_eq!(check(leaf), Some(Rule::PolicyConstraints));
    }
    for serial in [&[0][..], &[0x80], &[1; 21]] {
        assert_eq!(check(Draft { serial: serial.to_vec(), ..good_leaf() }), Some(Rule::SerialNumber), "{serial:?}");
    }
}

/// RFC 9846 section 4.5.1.2-1.
/// RFC 5280 section 4.1.2.2-4, 4.1.2.4-1, 4.2.1.1-6, 4.2.1.10-1.
#[test]
fn version_number_issuer_and_place_of_what_was_sent() {
    let check = |leaf: Draft| rule(pair(Draft::authority("root"), leaf));
    let plain = || Draft { names_issuer_key: false, ..good_leaf() };
    // A server's has no names either then, which is told first.
    for version in [vec![], element(tag::context_constructed(0), &[&unsigned(&[1])])] {
        let old = || Draft { version: version.clone(), extensions: vec![], ..plain() };
        assert_eq!(check(old()), Some(Rule::NoSubjectAlternativeName));
        let (root_key, own) = (key(), key());
        let mut roots = RootStore::new();
        roots.add_der(&Draft::authority("root").sign("root", &*root_key, &*root_key)).expect("an anchor");
        let client = verify_client(&crypto_ring::PROVIDER, &roots, &[old().sign("root", &*root_key, &*own)], NOW);
        assert_eq!(rule(client.map(drop)), Some(Rule::Version));
    }
    assert_eq!(pair(Draft::authority("root"), Draft { serial: vec![1; 20], ..good_leaf() }), Ok(()));
    assert_eq!(check(Draft { serial: vec![1; 21], ..good_leaf() }), Some(Rule::SerialNumber));
    for (critical, broken) in [(false, None), (true, Some(Rule::MustNotBeCritical("authorityKeyIdentifier")))] {
        let identifier = sequence(&[&element(tag::context(0), &[b"root"])]);
        assert_eq!(check(plain().with(oid::AUTHORITY_KEY_IDENTIFIER, critical, identifier)), broken);
    }
    let subtrees = element(tag::context_constructed(0), &[&sequence(&[&dns("example.com")])]);
    let limited = good_leaf().with(oid::NAME_CONSTRAINTS, true, sequence(&[&subtrees]));
    assert_eq!(check(limited), Some(Rule::UnsupportedConstraint), "only authorities have them");
    // Nobody has issued it, whoever is trusted.
    let root_key = key();
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let nameless = good_leaf().sign("", &*root_key, &*key());
    assert_eq!(rule(verify(&[&root], &[nameless], "www.example.com")), Some(Rule::EmptyName("issuer")));
}

/// RFC 5280 section 4.2.1.6-9, 4.2.1.6-10, 4.2.1.6-23, 4.2.1.9-3.
#[test]
fn values_without_a_meaning_are_malformed() {
    let check = |leaf: Draft| pair(Draft::authority("root"), leaf);
    for len in 0..=33 {
        let names = sequence(&[&dns("www.example.com"), &element(tag::context(7), &[&vec![1; len]])]);
        let expected = if len == 4 || len == 16 { Ok(()) } else { Err(Error::Malformed("IP address")) };
        assert_eq!(check(good_leaf().with(oid::SUBJECT_ALTERNATIVE_NAME, false, names)), expected, "{len}");
    }
    let nothing = good_leaf().with(oid::SUBJECT_ALTERNATIVE_NAME, false, sequence(&[]));
    assert_eq!(check(nothing), Err(Error::Malformed("empty subject alternative name")));
    for (length, is_read) in [(0, true), (0x7f, true), (0x80, false), (0xff, false)] {
        let own = key();
        let limit = sequence(&[&[1, 1, 0xff, 2, 1, length]]);
        let root = Draft::authority("root").with(oid::BASIC_CONSTRAINTS, true, limit).sign("root", &*own, &*own);
        let expected = if is_read { Ok(()) } else { Err(Error::Malformed("basic constraints")) };
        assert_eq!(Certificate::parse(&root).map(drop), expected, "{length}");
    }
}

/// RFC 5280 section 4.1.2.6-2.
#[test]
fn the_table_of_rules_for_an_anchor() {
    let check = |root: Draft| rule(pair(root, good_leaf()));
    let root = || Draft::authority("root");
    assert_eq!(check(root().without(oid::BASIC_CONSTRAINTS)), Some(Rule::NotAnAuthority));
    assert_eq!(check(root().with(oid::BASIC_CONSTRAINTS, true, sequence(&[]))), Some(Rule::NotAnAuthority));
    let usage = element(tag::BIT_STRING, &[&[7, 0x80]]);
    assert_eq!(check(root().with(oid::KEY_USAGE, true, usage)), Some(Rule::KeyUsage("keyCertSign")));
    let purposes = |id: &[u8]| sequence(&[&object_identifier(id)]);
    let client_authentication = purposes(&[0x2b, 6, 1, 5, 5, 7, 3, 2]);
    assert_eq!(check(root().with(oid::EXTENDED_KEY_USAGE, false, client_authentication)), Some(Rule::ExtendedKeyUsage));
    assert_eq!(check(root().with(oid::POLICY_CONSTRAINTS, true, sequence(&[]))), Some(Rule::PolicyConstraints));
    let unknown = Rule::UnknownCriticalExtension(String::from("1.2.3"));
    assert_eq!(check(root().with(&[0x2a, 3], true, vec![])), Some(unknown));
    let wrong = Some(Rule::MustNotBeCritical("subjectKeyIdentifier"));
    assert_eq!(check(root().with(oid::SUBJECT_KEY_IDENTIFIER, true, element(tag::OCTET_STRING, &[&[1]]))), wrong);
    let nameless = Draft::authority("").sign("", &*key(), &*key());
    assert_eq!(rule(RootStore::new().add_der(&nameless)), Some(Rule::EmptyName("subject")));
}

/// RFC 5280 sections 6.1.1 (d) and 6.2: an anchor is a name and a key, with the limits that it sets itself; the rest of the
/// certificate that brings them is nobody's promise. Each shape is one of a public root or of a common tool.
#[test]
fn the_table_of_anchors_that_look_odd_and_are_trusted_by_choice() {
    let root = || Draft::authority("root");
    let purposes = |id: &[u8]| sequence(&[&object_identifier(id)]);
    let key_identifier = |parts: &[&[u8]]| sequence(parts);
    let (issuer, number) = (element(tag::context_constructed(1), &[]), element(tag::context(2), &[&[7]]));
    let version = |contents: &[u8]| Draft { version: contents.to_vec(), extensions: vec![], ..root() };
    for (what, root) in [
        ("basicConstraints not critical", root().with(oid::BASIC_CONSTRAINTS, false, sequence(&[&[1, 1, 0xff]]))),
        ("key usage in an old encoding", root().with(oid::KEY_USAGE, true, element(tag::BIT_STRING, &[&[0, 0x06]]))),
        ("extKeyUsage serverAuth", root().with(oid::EXTENDED_KEY_USAGE, false, purposes(oid::SERVER_AUTHENTICATION))),
        ("extKeyUsage any", root().with(oid::EXTENDED_KEY_USAGE, true, purposes(oid::ANY_EXTENDED_KEY_USAGE))),
        ("no subjectKeyIdentifier", root().without(oid::SUBJECT_KEY_IDENTIFIER)),
        (
            "issuer and serial number",
            root().with(oid::AUTHORITY_KEY_IDENTIFIER, false, key_identifier(&[&issuer, &number])),
        ),
        ("serial number alone", root().with(oid::AUTHORITY_KEY_IDENTIFIER, false, key_identifier(&[&number]))),
        (
            "another key",
            root().with(oid::AUTHORITY_KEY_IDENTIFIER, false, key_identifier(&[&element(tag::context(0), &[&[9]])])),
        ),
        ("serial number 0", Draft { serial: vec![0], ..root() }),
        ("a negative serial number", Draft { serial: vec![0x80], ..root() }),
        ("a long serial number", Draft { serial: vec![1; 40], ..root() }),
        ("version 1", version(&[])),
        ("version 2", version(&element(tag::context_constructed(0), &[&unsigned(&[1])]))),
    ] {
        assert_eq!(pair(root, good_leaf()), Ok(()), "{what}");
    }
    // Of another issuer's name and signature, as a root that another authority signed, too.
    let (root_key, leaf_key) = (key(), key());
    let crossed = Draft::authority("root").sign("another", &*key(), &*root_key);
    let leaf = good_leaf().sign("root", &*root_key, &*leaf_key);
    assert_eq!(verify(&[&crossed], core::slice::from_ref(&leaf), "www.example.com"), Ok(()));
    // But a version that cannot say so makes no authority of what others issued.
    let old = Draft { version: vec![], extensions: vec![], ..Draft::new("root") };
    let mut issued = old.sign("root", &*root_key, &*root_key).to_vec();
    let at = issued.windows(6).position(|window| window == b"\x0c\x04root").expect("the issuer");
    issued[at + 5] = b's';
    let verdict = verify(&[&CertificateDer::from(issued)], core::slice::from_ref(&leaf), "www.example.com");
    assert_eq!(rule(verdict), Some(Rule::NotAnAuthority));
}

/// What an authority that a peer sent must have, and what it may lack.
/// RFC 5280 section 4.2.1.2-1, 4.2.1.3-4, 4.2.1.9-2, 6.1.4-1.
#[test]
fn the_table_of_rules_for_an_intermediate() {
    let check = |authority: Draft| {
        let (root_key, own, leaf_key) = (key(), key(), key());
        let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
        let chain = [good_leaf().sign("one", &*own, &*leaf_key), authority.sign("root", &*root_key, &*own)];
        rule(verify(&[&root], &chain, "www.example.com"))
    };
    let one = || Draft::authority("one");
    assert_eq!(check(one()), None);
    assert_eq!(
        check(one().with(oid::BASIC_CONSTRAINTS, false, sequence(&[&[1, 1, 0xff]]))),
        None,
        "as easy-rsa has it"
    );
    assert_eq!(check(Draft { names_issuer_key: false, ..one() }), None, "as rcgen has it");
    assert_eq!(check(one().with(oid::BASIC_CONSTRAINTS, true, sequence(&[]))), Some(Rule::NotAnAuthority));
    assert_eq!(check(one().without(oid::BASIC_CONSTRAINTS)), Some(Rule::NotAnAuthority));
    assert_eq!(check(one().without(oid::SUBJECT_KEY_IDENTIFIER)), Some(Rule::NoSubjectKeyIdentifier));
    let usage = |bits: &[u8]| element(tag::BIT_STRING, &[bits]);
    assert_eq!(check(one().with(oid::KEY_USAGE, true, usage(&[7, 0x80]))), Some(Rule::KeyUsage("keyCertSign")));
    assert_eq!(check(one().with(oid::KEY_USAGE, false, usage(&[2, 0x04]))), None);
    let purposes = |id: &[u8]| sequence(&[&object_identifier(id)]);
    let purpose = |id: &[u8]| check(one().with(oid::EXTENDED_KEY_USAGE, false, purposes(id)));
    assert_eq!(purpose(&[0x2b, 6, 1, 5, 5, 7, 3, 2]), Some(Rule::ExtendedKeyUsage));
    assert_eq!((purpose(oid::ANY_EXTENDED_KEY_USAGE), purpose(oid::SERVER_AUTHENTICATION)), (None, None));
    assert_eq!(check(one().with(oid::POLICY_CONSTRAINTS, true, sequence(&[]))), Some(Rule::PolicyConstraints));
    for serial in [&[0][..], &[0x80], &[1; 21]] {
        assert_eq!(check(Draft { serial: serial.to_vec(), ..one() }), Some(Rule::SerialNumber));
    }
    let version = Draft { version: vec![], extensions: vec![], ..one() };
    assert_eq!(check(Draft { names_issuer_key: false, ..version }), Some(Rule::Version));
}

/// Whoever asks why gets the extension and the rule.
#[test]
fn refusals_name_the_extension_and_the_rule() {
    let text = |leaf: Draft| format!("{}", pair(Draft::authority("root"), leaf).expect_err("a rule is broken"));
    let critical = good_leaf().with(oid::SUBJECT_KEY_IDENTIFIER, true, element(tag::OCTET_STRING, &[b"leaf"]));
    let unnamed = Draft { subject: String::new(), ..good_leaf() };
    for (leaf, words) in [
        (critical, "subjectKeyIdentifier is critical, which RFC 5280 forbids"),
        (unnamed, "subjectAltName must be critical but is not"),
        (
            good_leaf().with(&[0x2a, 3], true, vec![]),
            "extension 1.2.3 is critical but not known here (RFC 5280 section 4.2)",
        ),
        (good_leaf().without(oid::SUBJECT_ALTERNATIVE_NAME), "no subjectAltName, and a common name proves nothing"),
        (
            good_leaf().with(oid::KEY_USAGE, true, element(tag::BIT_STRING, &[&[5, 0x20]])),
            "keyUsage lacks digitalSignature",
        ),
    ] {
        let text = text(leaf);
        assert!(text.contains(words), "{text}");
    }
}

/// A signature that can be forged is refused as such (RFC 9846 s4.5.1.3), but an anchor's own proves nothing anyway.
#[test]
fn md5_and_sha1_are_told_by_name() {
    let (root_key, leaf_key) = (key(), key());
    for (algorithm, name) in [(oid::RSA_MD5, "RSA with MD5"), (oid::RSA_SHA1, "RSA with SHA-1")] {
        let weak = |draft: Draft, own: &dyn SigningKey| Draft { algorithm, ..draft }.sign("root", &*root_key, own);
        let root = weak(Draft::authority("root"), &*root_key);
        let good = good_leaf().sign("root", &*root_key, &*leaf_key);
        assert_eq!(verify(&[&root], &[good], "www.example.com"), Ok(()));
        let error =
            verify(&[&root], &[weak(good_leaf(), &*leaf_key)], "www.example.com").expect_err("it can be forged");
        assert_eq!(error, Error::BrokenHash { subject: String::from("leaf"), algorithm: String::from(name) });
        assert!(format!("{error}").contains(name));
    }
    let odd = Draft { algorithm: &[0x2a, 3], ..good_leaf() }.sign("root", &*root_key, &*leaf_key);
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let error = verify(&[&root], &[odd], "www.example.com").expect_err("nobody knows it");
    assert!(matches!(error, Error::UnsupportedSignature { algorithm, .. } if algorithm == "1.2.3"));
}

/// A key of another kind than that of the signature has not made it; that is all there is to say.
#[test]
fn a_key_of_another_kind_did_not_sign() {
    let provider = &crypto_ring::PROVIDER;
    let key_of = |kind| (provider.generate_key)(kind).expect("a key");
    let load = |pkcs8: &[u8]| (provider.load_key)(PrivateKeyFormat::Pkcs8, pkcs8).expect("a key");
    let request = |is_authority| crate::IssueRequest {
        names: vec![String::from("www.example.com")],
        not_before_unix: NOW - 10,
        lifetime_seconds: 20,
        serial: [1; 16],
        is_authority,
    };
    let (trusted, signer) = (key_of(KeyKind::EcP256), key_of(KeyKind::Ed25519));
    let root = crate::issue::self_signed(provider, &trusted, &request(true)).expect("a root").certificate;
    let leaf = crate::issue::issued_by(provider, &root, &*load(&signer), &*load(&signer), &request(false));
    let verdict = verify(&[&root], &[leaf.expect("a certificate")], "www.example.com");
    assert_eq!(verdict, Err(Error::BadSignature { subject: String::from("Posthaste development") }));
}

/// RFC 5280 section 6.1.3-1.
#[test]
fn who_did_not_sign_is_not_the_issuer() {
    let (root_key, other_key, leaf_key) = (key(), key(), key());
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let forged = good_leaf().sign("root", &*other_key, &*leaf_key);
    assert!(matches!(verify(&[&root], &[forged], "www.example.com"), Err(Error::BadSignature { .. })));
    let stranger = good_leaf().sign("another", &*other_key, &*leaf_key);
    let error = verify(&[&root], &[stranger], "www.example.com").expect_err("unknown");
    assert_eq!(error, Error::UnknownIssuer { issuer: String::from("CN=another"), unreadable: None });
    // A server's certificate issues nothing.
    let server = good_leaf().sign("root", &*root_key, &*leaf_key);
    let below = good_leaf().sign("leaf", &*leaf_key, &*other_key);
    // Its issuer has the same name as itself here, so that it also has to be told from a self-issued one.
    assert!(verify(&[&root], &[below, server], "www.example.com").is_err());
}

#[test]
fn a_trusted_certificate_is_accepted_as_it_is_but_not_for_other_names_or_times() {
    let own = key();
    let leaf = good_leaf().sign("leaf", &*own, &*own);
    assert_eq!(verify(&[&leaf], core::slice::from_ref(&leaf), "www.example.com"), Ok(()));
    let result = verify(&[&leaf], core::slice::from_ref(&leaf), "example.com");
    assert!(matches!(result, Err(Error::NameMismatch { .. })));
    let old = Draft { not_after: NOW as i64 - 1, ..good_leaf() }.sign("leaf", &*own, &*own);
    assert!(matches!(verify(&[&old], core::slice::from_ref(&old), "www.example.com"), Err(Error::Expired { .. })));
    // Another certificate with the same name and key is not the trusted one.
    let twin = Draft { serial: vec![2], ..good_leaf() }.sign("leaf", &*own, &*own);
    assert!(verify(&[&leaf], &[twin], "www.example.com").is_err());
}

#[test]
fn path_lengths_are_kept() {
    let basic = |length: u8| sequence(&[&[1, 1, 0xff, 2, 1, length]]);
    let keys: Vec<_> = (0..4).map(|_| key()).collect();
    let build = |limit: Option<u8>| {
        let root = Draft::authority("root");
        let root = match limit {
            Some(limit) => root.with(oid::BASIC_CONSTRAINTS, true, basic(limit)),
            None => root,
        };
        let root = root.sign("root", &*keys[0], &*keys[0]);
        let one = Draft::authority("one").sign("root", &*keys[0], &*keys[1]);
        let two = Draft::authority("two").sign("one", &*keys[1], &*keys[2]);
        let leaf = good_leaf().sign("two", &*keys[2], &*keys[3]);
        (root, vec![leaf, one, two])
    };
    let (root, chain) = build(Some(1));
    assert_eq!(rule(verify(&[&root], &chain, "www.example.com")), Some(Rule::PathLength { authorities: 2, limit: 1 }));
    let (root, chain) = build(Some(2));
    assert_eq!(verify(&[&root], &chain, "www.example.com"), Ok(()));
    let (root, chain) = build(None);
    let mut store = RootStore::new();
    store.add_der(&root).expect("an anchor");
    let wanted = ServerName::parse("www.example.com").expect("a name");
    let with_depth = |max_chain_depth| {
        verify_server_with(&Policy { max_chain_depth }, &crypto_ring::PROVIDER, &store, &chain, &wanted, NOW)
    };
    assert_eq!(with_depth(2), Ok(()));
    assert_eq!(with_depth(1), Err(Error::ChainTooLong { subject: String::from("one"), limit: 1 }));
}

#[test]
fn look_alike_authorities_end_in_an_error_soon() {
    // Every authority of a layer signed every authority of the next, all of one name: paths without number, none to a root.
    let keys: Vec<_> = (0..14).map(|_| key()).collect();
    let root_key = key();
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let mut chain = vec![good_leaf().sign("twin", &*keys[0], &*key())];
    for (index, own) in keys.iter().enumerate() {
        for issuer in keys.iter().skip(index + 1) {
            chain.push(Draft::authority("twin").sign("twin", &**issuer, &**own));
        }
    }
    let most = Allowance::of(Purpose::Server).certificates;
    assert!(chain.len() < most);
    assert_eq!(verify(&[&root], &chain, "www.example.com"), Err(Error::TooMuchWork));
    let many = vec![chain[0].clone(); most + 1];
    assert_eq!(verify(&[&root], &many, "www.example.com"), Err(Error::TooMuchWork));
}

/// A root with name constraints: permitted and excluded subtrees as general names.
fn constrained(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Draft {
    let list = |number, names: &[Vec<u8>]| {
        let subtrees: Vec<Vec<u8>> = names.iter().map(|name| sequence(&[name])).collect();
        if names.is_empty() { vec![] } else { element(tag::context_constructed(number), &[&subtrees.concat()]) }
    };
    let value = sequence(&[&list(0, permitted), &list(1, excluded)]);
    Draft::authority("root").with(oid::NAME_CONSTRAINTS, true, value)
}

/// RFC 5280 section 4.2.1.10-5, 4.2.1.10-6, 4.2.1.10-11, 4.2.1.10-14.
/// RFC 5280 section 4.2.1.10-15, 4.2.1.10-16, 4.2.1.10-20, 4.2.1.10-21, 4.2.1.10-22, 6.1.2-1.
#[test]
fn t11_the_table_of_name_constraints() {
    let ip = |bytes: &[u8]| element(tag::context(7), &[bytes]);
    let directory = |text: &str| element(tag::context_constructed(4), &[&name(text)]);
    let uri = |text: &str| element(tag::context(6), &[text.as_bytes()]);
    let email = |text: &str| element(tag::context(1), &[text.as_bytes()]);
    let of_type = |kind: u8, text: &[u8]| {
        let attribute = sequence(&[&object_identifier(oid::COMMON_NAME), &element(kind, &[text])]);
        element(tag::context_constructed(4), &[&sequence(&[&element(tag::SET, &[&attribute])])])
    };
    let mailbox = || {
        let address =
            element(tag::context_constructed(0), &[&element(tag::UTF8_STRING, &["\u{e9}@a.example".as_bytes()])]);
        element(tag::context_constructed(0), &[&object_identifier(oid::SMTP_UTF8_MAILBOX), &address])
    };
    // All addresses that begin with so many bits of 0x20 after 0x20.
    let long_net = |bits: usize| {
        let byte = |index: usize, value: u8| if index * 8 < bits { value } else { 0 };
        let bytes = (0..16).map(|index| byte(index, 0x20)).chain((0..16).map(|index| byte(index, 0xff)));
        ip(&bytes.collect::<Vec<u8>>())
    };
    let leaf = |names: &[Vec<u8>]| {
        let names = [&dns("www.example.com")[..], &names.concat()].concat();
        Draft::new("leaf").with(oid::SUBJECT_ALTERNATIVE_NAME, false, sequence(&[&names]))
    };
    let (outside, refused) = (Some("outside"), Some("refused"));
    let kind = |broken: Result<(), Error>| match rule(broken)? {
        Rule::NameConstraints { .. } => outside,
        Rule::UnsupportedConstraint | Rule::UncheckedName { .. } => refused,
        other => panic!("{other:?}"),
    };
    let net = || ip(&[192, 0, 2, 0, 255, 255, 255, 0]);
    let permitted = |subtree: Vec<u8>, names: &[Vec<u8>]| kind(pair(constrained(&[subtree], &[]), leaf(names)));
    let excluded = |subtree: Vec<u8>, names: &[Vec<u8>]| kind(pair(constrained(&[], &[subtree]), leaf(names)));
    for (subtree, names, when_permitted, when_excluded) in [
        (dns("example.com"), vec![], None, outside),
        (dns(""), vec![], None, outside),
        (dns("EXAMPLE.com"), vec![], None, outside),
        (dns("ample.com"), vec![], outside, None),
        (dns("a.www.example.com"), vec![], outside, None),
        (dns("example.com"), vec![dns("example.org")], outside, outside),
        (dns(".example.com"), vec![], None, outside),
        (dns(".www.example.com"), vec![], outside, outside),
        (dns(".ample.com"), vec![], outside, None),
        (dns(".example.com"), vec![dns("*.example.com")], None, outside),
        (dns(".example.com"), vec![dns("example.com")], outside, outside),
        (dns("."), vec![], refused, refused),
        (dns("..example.com"), vec![], refused, refused),
        (dns("a_b.example.com"), vec![dns("c.a_b.example.com")], outside, outside),
        (dns("example.com"), vec![dns("a_b.example.com")], None, outside),
        (dns("*.example.com"), vec![], refused, refused),
        (dns("example.com"), vec![dns("*.example.com")], None, outside),
        (dns("www.example.com"), vec![dns("*.example.com")], outside, outside),
        (dns("a.example.com"), vec![dns("*.example.com")], outside, outside),
        (dns("example.com"), vec![dns("a b")], outside, outside),
        (net(), vec![], None, None),
        (net(), vec![ip(&[192, 0, 2, 7])], None, outside),
        (net(), vec![ip(&[192, 0, 3, 7])], outside, None),
        (net(), vec![ip(&[0; 16])], outside, None),
        (ip(&[192, 0, 2, 0]), vec![], refused, refused),
        (ip(&[192, 0, 2, 0, 255, 0, 255, 0]), vec![], refused, refused),
        (directory("leaf"), vec![], None, outside),
        (directory("LEAF"), vec![], None, outside),
        (directory("other"), vec![], outside, None),
        (directory("leaf"), vec![directory("other")], outside, outside),
        (directory("leaf"), vec![of_type(0x1e, b"\0o\0t\0h\0e\0r")], outside, outside),
        (directory("other"), vec![of_type(0x1e, b"\0o\0t\0h\0e\0r")], outside, outside),
        (directory("other"), vec![of_type(0x0c, "o\u{301}ther".as_bytes())], outside, outside),
        (directory("\u{f3}ther"), vec![], outside, outside),
        (directory("other"), vec![of_type(0x04, b"other")], outside, outside),
        (directory("other"), vec![of_type(0x16, b"else")], outside, None),
        (email("example.com"), vec![mailbox()], refused, refused),
        (uri("example.com"), vec![mailbox()], None, None),
        (ip(&[192, 0, 0, 0, 255, 255, 0, 0]), vec![ip(&[192, 0, 3, 7])], None, outside),
        (ip(&[192, 0, 2, 0, 255, 255, 0, 255]), vec![], refused, refused),
        (long_net(32), vec![ip(&[0x20; 16])], None, outside),
        (long_net(32), vec![ip(&[0x21; 16])], outside, None),
        (long_net(32), vec![ip(&[0x20, 0x20, 0x20, 0x20])], outside, None),
        (ip(&[0x20; 31]), vec![], refused, refused),
        (email("example.com"), vec![], None, None),
        (email("example.com"), vec![email("a@example.com")], refused, refused),
        (email("example.com"), vec![uri("https://example.com/")], None, None),
        (uri("example.com"), vec![email("a@example.com")], None, None),
        (uri("example.com"), vec![], None, None),
        (uri("example.com"), vec![element(tag::context(8), &[&[0x2a, 3]])], None, None),
        (uri("example.com"), vec![uri("https://example.com/")], refused, refused),
        (element(tag::context_constructed(3), &[]), vec![], None, None),
        (element(tag::context_constructed(3), &[]), vec![element(tag::context_constructed(3), &[])], refused, refused),
    ] {
        assert_eq!(permitted(subtree.clone(), &names), when_permitted, "{subtree:x?} permitted, {names:x?}");
        assert_eq!(excluded(subtree.clone(), &names), when_excluded, "{subtree:x?} excluded, {names:x?}");
    }
    assert_eq!(kind(pair(constrained(&[dns("example.com")], &[dns("www.example.com")]), leaf(&[]))), outside);
}

/// RFC 5280 section 4.2.1.10: an e-mail address in the subject is a name like those of subjectAltName.
/// RFC 5280 section 4.2.1.10-13.
#[test]
fn an_email_address_in_the_subject_is_constrained() {
    let email = || vec![element(tag::context(1), &[b"example.com"])];
    let leaf = |subject: &str| Draft { subject: String::from(subject), ..good_leaf() };
    for root in [constrained(&email(), &[]), constrained(&[], &email())] {
        let broken = rule(pair(root, leaf("a@example.com")));
        assert!(matches!(&broken, Some(Rule::UncheckedName { kind: "an e-mail address", .. })), "{broken:?}");
    }
    for root in [constrained(&email(), &[]), constrained(&[], &email())] {
        assert_eq!(pair(root, leaf("leaf")), Ok(()));
    }
    assert_eq!(pair(Draft::authority("root"), leaf("a@example.com")), Ok(()));
}

#[test]
fn names_are_ascii_where_they_must_be() {
    for kind in [1, 2, 6] {
        let names = sequence(&[&dns("www.example.com"), &element(tag::context(kind), &["b\u{fc}".as_bytes()])]);
        let leaf = Draft::new("leaf").with(oid::SUBJECT_ALTERNATIVE_NAME, false, names);
        assert_eq!(pair(Draft::authority("root"), leaf), Err(Error::Malformed("general name")), "{kind}");
    }
}

#[test]
fn comparing_names_with_constraints_has_a_limit() {
    let many = |suffix: &str| (0..1000).map(|index| dns(&format!("n{index}.{suffix}"))).collect::<Vec<_>>();
    let names = [dns("www.example.com"), many("example.org").concat()].concat();
    let leaf = Draft::new("leaf").with(oid::SUBJECT_ALTERNATIVE_NAME, false, sequence(&[&names]));
    assert_eq!(pair(constrained(&[], &many("example.net")), leaf), Err(Error::TooMuchWork));
}

/// What a server does for clients that it knows nothing of is a part of what a client does for its server.
#[test]
fn c16_the_names_of_a_client_are_compared_less_often_than_those_of_a_server() {
    let (root_key, clients) = (key(), sequence(&[&object_identifier(oid::CLIENT_AUTHENTICATION)]));
    let many =
        |count: usize, suffix: &str| (0..count).map(|index| dns(&format!("n{index}.{suffix}"))).collect::<Vec<_>>();
    let root = constrained(&[], &many(100, "example.net")).sign("root", &*root_key, &*root_key);
    let mut roots = RootStore::new();
    roots.add_der(&root).expect("an anchor");
    let outcome = |names: usize| {
        let names = sequence(&[&many(names, "example.org").concat()]);
        let leaf = Draft::new("leaf").with(oid::SUBJECT_ALTERNATIVE_NAME, false, names);
        let leaf = leaf.with(oid::EXTENDED_KEY_USAGE, false, clients.clone()).sign("root", &*root_key, &*key());
        verify_client(&crypto_ring::PROVIDER, &roots, &[leaf], NOW).map(|path| path.len())
    };
    assert_eq!(outcome(40), Ok(2));
    assert_eq!(outcome(60), Err(Error::TooMuchWork));
}

/// RFC 5280 section 4.1: unique identifiers come with version 2, extensions with version 3, and version 1 is not written.
/// RFC 5280 section 4.1-1, 4.1-2, 4.1.2.1-1, 4.1.2.8-1, 4.1.2.8-2, 4.1.2.9-1.
#[test]
fn what_each_version_may_have() {
    let own = key();
    let version = |number: u8| element(tag::context_constructed(0), &[&unsigned(&[number])]);
    let identifier = |number: u8| element(tag::context(number), &[&[0, 1]]);
    let build = |version: Vec<u8>, identifiers: Vec<u8>, extended: bool| {
        let draft = Draft { version, identifiers, ..Draft::new("one") };
        let draft = if extended { draft } else { draft.without(oid::SUBJECT_KEY_IDENTIFIER) };
        let der = draft.sign("one", &*own, &*own);
        Certificate::parse(&der).map(|certificate| certificate.version())
    };
    assert_eq!(build(vec![], vec![], false), Ok(1));
    assert_eq!(build(version(1), vec![], false), Ok(2));
    assert_eq!(build(version(2), vec![], true), Ok(3));
    for number in [1, 2] {
        assert_eq!(build(vec![], identifier(number), false), Err(Error::Malformed("unique identifier")));
        assert_eq!(build(version(1), identifier(number), false), Ok(2));
        assert_eq!(build(version(2), identifier(number), true), Ok(3));
    }
    assert_eq!(build(vec![], vec![], true), Err(Error::Malformed("extensions")));
    assert_eq!(build(version(1), vec![], true), Err(Error::Malformed("extensions")));
    assert_eq!(build(version(0), vec![], false), Err(Error::Malformed("version")));
    assert_eq!(build(version(3), vec![], true), Err(Error::Malformed("version")));
}

#[test]
fn who_issued_itself() {
    let own = key();
    let parse = |subject: &str, issuer: &str| {
        let der = Draft::new(subject).sign(issuer, &*own, &*own);
        Certificate::parse(&der).expect("a certificate").is_self_issued()
    };
    assert!(parse("one", "one"));
    // RFC 5280 s7.1: case does not count.
    assert!(parse("one", "ONE"));
    assert!(!parse("one", "other"));
}

/// RFC 5280 section 4.2.1.1 wants the key named that signed; it orders the candidates and proves nothing, so that a
/// certificate without the name is as good.
#[test]
fn the_key_that_signed_need_not_be_named() {
    assert_eq!(pair(Draft::authority("root"), Draft { names_issuer_key: false, ..good_leaf() }), Ok(()));
}

/// RFC 5280 section 4.2-8, 4.2.1.2-7, 4.2.1.10-3, 4.2.1.10-4, 4.2.1.10-7, 4.2.1.10-8, 4.2.2.1-1.
#[test]
fn the_table_of_other_extensions() {
    let check = |id: &'static [u8], critical: bool, value: Vec<u8>| {
        pair(Draft::authority("root"), good_leaf().with(id, critical, value))
    };
    let malformed = |result: Result<(), Error>| matches!(result, Err(Error::Malformed(_)));
    let criticality = |result| matches!(rule(result), Some(Rule::MustNotBeCritical(_)));
    let identifier = || element(tag::OCTET_STRING, &[b"leaf"]);
    assert_eq!(check(oid::SUBJECT_KEY_IDENTIFIER, false, identifier()), Ok(()));
    assert!(criticality(check(oid::SUBJECT_KEY_IDENTIFIER, true, identifier())));
    // RFC 5280 s4.2.2.1: where and how, at least once.
    let location = || element(tag::context(6), &[b"http://a.example/"]);
    let description = || sequence(&[&object_identifier(&[0x2b, 6, 1, 5, 5, 7, 48, 2]), &location()]);
    let access = |critical, value| check(oid::AUTHORITY_INFORMATION_ACCESS, critical, value);
    assert_eq!(access(false, sequence(&[&description(), &description()])), Ok(()));
    assert!(criticality(access(true, sequence(&[&description()]))));
    for value in [sequence(&[]), sequence(&[&sequence(&[])]), sequence(&[&description(), &[5, 0]]), vec![]] {
        assert!(malformed(access(false, value.clone())), "{value:x?}");
    }
    for id in [oid::CERTIFICATE_POLICIES, oid::POLICY_MAPPINGS] {
        let policy = || sequence(&[&object_identifier(&[0x2a, 3])]);
        for critical in [false, true] {
            assert_eq!(check(id, critical, sequence(&[&policy(), &policy()])), Ok(()));
        }
        for value in [sequence(&[]), sequence(&[&policy(), &[5, 0]]), vec![], [5, 0].to_vec()] {
            assert!(malformed(check(id, false, value.clone())), "{value:x?}");
        }
    }
    assert_eq!(check(oid::INHIBIT_ANY_POLICY, true, unsigned(&[0])), Ok(()));
    assert!(malformed(check(oid::INHIBIT_ANY_POLICY, true, sequence(&[]))));
    // RFC 5280 s4.2.1.10: something is permitted or excluded, and no list is empty.
    let own = key();
    let constrain = |value| {
        let root = Draft::authority("root").with(oid::NAME_CONSTRAINTS, true, value).sign("root", &*own, &*own);
        Certificate::parse(&root).map(drop)
    };
    let list = |number, names: &[u8]| element(tag::context_constructed(number), &[names]);
    let subtree = || sequence(&[&dns("example.com")]);
    assert_eq!(constrain(sequence(&[&list(0, &subtree())])), Ok(()));
    for value in [
        sequence(&[]),
        sequence(&[&list(0, &[])]),
        sequence(&[&list(1, &[])]),
        sequence(&[&list(0, &subtree()), &list(1, &[])]),
        sequence(&[&list(0, &[]), &list(1, &subtree())]),
        // minimum, which is never written, and maximum.
        sequence(&[&list(0, &sequence(&[&dns("example.com"), &element(tag::context(0), &[&[0]])]))]),
        sequence(&[&list(0, &sequence(&[&dns("example.com"), &element(tag::context(0), &[&[1]])]))]),
        sequence(&[&list(1, &sequence(&[&dns("example.com"), &element(tag::context(1), &[&[9]])]))]),
    ] {
        assert!(malformed(constrain(value.clone())), "{value:x?}");
    }
}

/// RFC 5280 section 4.2-3.
#[test]
fn the_number_of_extensions_has_a_limit() {
    const IDS: [[u8; 2]; 100] = {
        let mut ids = [[0x2a, 0]; 100];
        let mut index = 0;
        while index < 100 {
            ids[index][1] = index as u8;
            index += 1;
        }
        ids
    };
    let with = |count: usize| {
        let mut leaf = good_leaf();
        leaf.extensions.extend(IDS[..count].iter().map(|id| (&id[..], false, vec![])));
        pair(Draft::authority("root"), leaf)
    };
    let most = (0..100).rev().find(|count| with(*count).is_ok()).expect("some are taken");
    // Beside the names and the two key identifiers.
    assert_eq!(most + 3, 64);
    assert_eq!(with(most + 1), Err(Error::Malformed("repeated extension")));
    let twice = good_leaf().with(&[0x2a, 3], false, vec![]);
    let twice = Draft { extensions: [twice.extensions.clone(), vec![(&[0x2a, 3], false, vec![])]].concat(), ..twice };
    assert_eq!(pair(Draft::authority("root"), twice), Err(Error::Malformed("repeated extension")));
}

/// RFC 9110 section 4.3.4-3.
/// RFC 5280 section 4.2.1.6-8.
#[test]
fn addresses_are_named_too_when_they_are_others() {
    let names = sequence(&[&element(tag::context(7), &[&[192, 0, 2, 1]]), &dns("a.example")]);
    let leaf = Draft::new("leaf").with(oid::SUBJECT_ALTERNATIVE_NAME, false, names);
    let error = pair(Draft::authority("root"), leaf).expect_err("another name");
    assert_eq!(format!("{error}"), "certificate is valid for 192.0.2.1, a.example, not www.example.com");
}

/// Of all that went wrong on the ways that were tried, that is told which says most, in whatever order they come.
#[test]
fn the_reason_that_says_most_is_told() {
    let (good, bad, leaf_key, nobody) = (key(), key(), key(), key());
    let leaf = good_leaf().sign("one", &*good, &*leaf_key);
    let look_alike = Draft::authority("one").sign("root", &*nobody, &*bad);
    let lost = Draft::authority("one").sign("nobody", &*nobody, &*good);
    let old = Draft { not_after: NOW as i64 - 1, ..Draft::authority("one") }.sign("root", &*nobody, &*good);
    let root = Draft::authority("root").sign("root", &*nobody, &*nobody);
    let reason = |others: &[&CertificateDer<'static>]| {
        let chain: Vec<_> = core::iter::once(&leaf).chain(others.iter().copied()).cloned().collect();
        verify(&[&root], &chain, "www.example.com").expect_err("no way leads to the root")
    };
    let unknown = Error::UnknownIssuer { issuer: String::from("CN=nobody"), unreadable: None };
    assert!(matches!(reason(&[&look_alike]), Error::BadSignature { .. }));
    for others in [[&look_alike, &lost], [&lost, &look_alike]] {
        assert_eq!(reason(&others), unknown);
    }
    for others in [[&look_alike, &old], [&old, &look_alike], [&lost, &old], [&old, &lost]] {
        assert!(matches!(reason(&others), Error::Expired { .. }));
    }
    // Of two that say as much, the first.
    let older = Draft { not_after: NOW as i64 - 2, ..Draft::authority("one") }.sign("root", &*nobody, &*good);
    for (others, first) in [([&old, &older], NOW as i64 - 1), ([&older, &old], NOW as i64 - 2)] {
        assert!(matches!(reason(&others), Error::Expired { not_after, .. } if not_after == first));
    }
}

/// The certificate that is missing may have been one of those that cannot be read.
#[test]
fn what_cannot_be_read_is_told_if_an_issuer_is_missing() {
    let (root_key, own) = (key(), key());
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let leaf = good_leaf().sign("one", &*own, &*key());
    let usage = element(tag::BIT_STRING, &[&[0, 0]]);
    let odd = Draft::authority("one").with(oid::KEY_USAGE, true, usage).sign("root", &*root_key, &*own);
    let good = Draft::authority("one").sign("root", &*root_key, &*own);
    let chain = [leaf.clone(), root.clone(), odd.clone()];
    let error = verify(&[&root], &chain, "www.example.com").expect_err("it cannot be read");
    let told = "issuer not found: CN=one is neither trusted nor was its certificate sent; intermediate certificate 2 that \
                was sent cannot be read: key usage";
    assert_eq!(format!("{error}"), told);
    assert_eq!(verify(&[&root], &[leaf, odd, good], "www.example.com"), Ok(()));
}

/// Only who has the name of the issuer is asked, and nobody twice on one way.
/// RFC 5280 section 6.1-8.
#[test]
fn strangers_are_not_asked_and_circles_end() {
    let (root_key, one, two) = (key(), key(), key());
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let stranger = Draft::authority("stranger").sign("root", &*root_key, &*one);
    let leaf = good_leaf().sign("nobody", &*two, &*two);
    let unknown = |name: &str| Err(Error::UnknownIssuer { issuer: format!("CN={name}"), unreadable: None });
    assert_eq!(verify(&[&root], &[leaf, stranger], "www.example.com"), unknown("nobody"));
    let circle = [
        good_leaf().sign("one", &*one, &*two),
        Draft::authority("one").sign("two", &*two, &*one),
        Draft::authority("two").sign("one", &*one, &*two),
    ];
    assert_eq!(verify(&[&root], &circle, "www.example.com"), unknown("one"));
}

/// RFC 4158 section 3.2: the authority whose key identifier fits is asked first, wherever it stands among its namesakes.
#[test]
fn key_identifiers_order_the_ways() {
    let keys: Vec<_> = (0..14).map(|_| key()).collect();
    let root_key = key();
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let other = || {
        let identifier = element(tag::OCTET_STRING, &[b"other"]);
        Draft::authority("twin").with(oid::SUBJECT_KEY_IDENTIFIER, false, identifier)
    };
    // Ways without number that lead nowhere, and one to the root by the same first key.
    let mut astray = Vec::new();
    for (index, own) in keys.iter().enumerate() {
        for issuer in keys.iter().skip(index + 1) {
            astray.push(other().sign("twin", &**issuer, &**own));
        }
    }
    let leaf = good_leaf().sign("twin", &*keys[0], &*key());
    let fitting = Draft::authority("twin").sign("root", &*root_key, &*keys[0]);
    let first = [vec![leaf.clone(), fitting.clone()], astray.clone()].concat();
    let last = [vec![leaf], astray, vec![fitting]].concat();
    assert_eq!(verify(&[&root], &first, "www.example.com"), Ok(()));
    assert_eq!(verify(&[&root], &last, "www.example.com"), Ok(()));
}

/// Self-issued authorities do not count for the length of a path (RFC 5280 section 6.1.4), but a path has an end all the
/// same.
#[test]
fn paths_of_self_issued_authorities_have_an_end() {
    let build = |count: usize| {
        let keys: Vec<_> = (0..=count).map(|_| key()).collect();
        let root = Draft::authority("root").sign("root", &*keys[0], &*keys[0]);
        let mut chain = vec![good_leaf().sign("root", &*keys[count], &*key())];
        chain.extend(
            (1..=count).rev().map(|place| Draft::authority("root").sign("root", &*keys[place - 1], &*keys[place])),
        );
        verify(&[&root], &chain, "www.example.com")
    };
    // The leaf, so many of them, and the anchor.
    assert_eq!(build(MAX_PATH - 2), Ok(()));
    assert!(build(MAX_PATH - 1).is_err());
}
