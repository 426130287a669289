use super::*;
use crate::der::tag;
use crate::encode::{bit_string, element, object_identifier, sequence, time, unsigned};
use crate::oid;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use crypto::{KeyKind, PrivateKeyFormat, SignatureScheme, SigningKey};

const NOW: u64 = 1_795_000_000;

/// A certificate in the making: everything can be set wrong.
struct Draft {
    subject: String,
    not_before: i64,
    not_after: i64,
    serial: Vec<u8>,
    extensions: Vec<(&'static [u8], bool, Vec<u8>)>,
}

fn key() -> Box<dyn SigningKey> {
    let pkcs8 = crypto_ring::generate_key(KeyKind::Ed25519).expect("a key");
    crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &pkcs8).expect("a key")
}

fn name(text: &str) -> Vec<u8> {
    if text.is_empty() {
        return sequence(&[]);
    }
    let attribute = sequence(&[&object_identifier(oid::COMMON_NAME), &element(tag::UTF8_STRING, &[text.as_bytes()])]);
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
        Draft { extensions, subject, not_before: now - 10, not_after: now + 10, serial: vec![1] }
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
        if issuer != self.subject {
            let identifier = sequence(&[&element(tag::context(0), &[issuer.as_bytes()])]);
            self.extensions.push((oid::AUTHORITY_KEY_IDENTIFIER, false, identifier));
        }
        let algorithm = sequence(&[&object_identifier(oid::ED25519)]);
        let mut extensions = Vec::new();
        for (id, critical, value) in &self.extensions {
            let flag: &[u8] = if *critical { &[1, 1, 0xff] } else { &[] };
            extensions.extend(sequence(&[&object_identifier(id), flag, &element(tag::OCTET_STRING, &[value])]));
        }
        let to_be_signed = sequence(&[
            &element(tag::context_constructed(0), &[&unsigned(&[2])]),
            &element(tag::INTEGER, &[&self.serial]),
            &algorithm,
            &name(issuer),
            &sequence(&[&time(self.not_before), &time(self.not_after)]),
            &name(&self.subject),
            &sequence(&[&algorithm, &bit_string(own_key.public_key())]),
            &element(tag::context_constructed(3), &[&sequence(&[&extensions])]),
        ]);
        let signature = issuer_key.sign(SignatureScheme::ED25519, &to_be_signed).expect("a signature");
        CertificateDer::from(sequence(&[&to_be_signed, &algorithm, &bit_string(&signature)]))
    }
}

fn verify(roots: &[&CertificateDer<'static>], chain: &[CertificateDer<'static>], name: &str) -> Result<(), Error> {
    let mut store = RootStore::new();
    for root in roots {
        store.add_der(root).expect("an anchor");
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
        _ => None,
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

#[test]
fn time_counts_for_every_certificate_and_says_so() {
    let late = || Draft { not_before: NOW as i64 + 1, ..good_leaf() };
    let old = || Draft { not_after: NOW as i64 - 1, ..good_leaf() };
    let edge = || Draft { not_before: NOW as i64, not_after: NOW as i64, ..good_leaf() };
    assert_eq!(pair(Draft::authority("root"), edge()), Ok(()));
    assert!(matches!(pair(Draft::authority("root"), late()), Err(Error::NotYetValid { .. })));
    let error = pair(Draft::authority("root"), old()).expect_err("expired");
    assert_eq!(format!("{error}"), "certificate of leaf expired on 2026-11-18 11:06:39 UTC");
    assert!(error.is_about_time());
    let root = Draft { not_after: NOW as i64 - 1, ..Draft::authority("root") };
    assert!(matches!(pair(root, good_leaf()), Err(Error::Expired { subject, .. }) if subject == "root"));
}

#[test]
fn another_name_is_told_in_bounded_escaped_text() {
    let error = pair(Draft::authority("root"), Draft::leaf(&["example.com", "a\0b\u{1b}"])).expect_err("another name");
    assert_eq!(format!("{error}"), "certificate is for example.com, a\\0b\\u{1b}, not www.example.com");
    let many: Vec<String> = (0..5000).map(|index| format!("{index}.{}.example", "a".repeat(60))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let error = pair(Draft::authority("root"), Draft::leaf(&many)).expect_err("another name");
    assert!(matches!(&error, Error::NameMismatch { more: 4995, .. }) && format!("{error}").len() < 600);
}

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
    assert_eq!(check(good_leaf().with(oid::KEY_USAGE, true, usage(&[5, 0x20]))), Some(Rule::KeyUsage));
    assert_eq!(check(good_leaf().with(oid::KEY_USAGE, true, usage(&[7, 0x80]))), None);
    assert_eq!(check(good_leaf().with(oid::KEY_USAGE, true, usage(&[0, 0x80]))), Some(Rule::Encoding));
    for bits in [&[][..], &[0], &[0, 0], &[8, 0x80], &[7, 0xc0], &[0, 0, 0, 1]] {
        let result = pair(Draft::authority("root"), good_leaf().with(oid::KEY_USAGE, true, usage(bits)));
        assert_eq!(result, Err(Error::Malformed("key usage")), "{bits:?}");
    }
    let purpose = |list: &[&[u8]], critical| check(good_leaf().with(oid::EXTENDED_KEY_USAGE, critical, purposes(list)));
    assert_eq!(purpose(&[CLIENT_AUTHENTICATION], false), Some(Rule::ExtendedKeyUsage));
    assert_eq!(purpose(&[oid::ANY_EXTENDED_KEY_USAGE], false), Some(Rule::ExtendedKeyUsage));
    assert_eq!(purpose(&[CLIENT_AUTHENTICATION, oid::SERVER_AUTHENTICATION], false), None);
    assert_eq!(purpose(&[oid::SERVER_AUTHENTICATION], true), Some(Rule::Criticality));
    assert_eq!(check(good_leaf().with(&[0x2a, 3], true, vec![])), Some(Rule::UnknownCriticalExtension));
    assert_eq!(check(good_leaf().with(&[0x2a, 3], false, vec![])), None);
    assert_eq!(check(good_leaf().without(oid::SUBJECT_ALTERNATIVE_NAME)), Some(Rule::NoSubjectAlternativeName));
    let names = || sequence(&[&dns("www.example.com")]);
    assert_eq!(check(good_leaf().with(oid::SUBJECT_ALTERNATIVE_NAME, true, names())), Some(Rule::Criticality));
    let empty = || Draft { subject: String::new(), ..good_leaf() };
    assert_eq!(check(empty()), Some(Rule::Criticality));
    assert_eq!(pair(Draft::authority("root"), empty().with(oid::SUBJECT_ALTERNATIVE_NAME, true, names())), Ok(()));
    assert_eq!(check(Draft { subject: String::from("WWW.example.com"), ..good_leaf() }), Some(Rule::CommonName));
    for serial in [&[0][..], &[0x80], &[1; 21]] {
        assert_eq!(check(Draft { serial: serial.to_vec(), ..good_leaf() }), Some(Rule::SerialNumber), "{serial:?}");
    }
}

#[test]
fn the_table_of_rules_for_an_anchor() {
    let check = |root: Draft| rule(pair(root, good_leaf()));
    let root = || Draft::authority("root");
    assert_eq!(check(root().without(oid::BASIC_CONSTRAINTS)), Some(Rule::NotAnAuthority));
    assert_eq!(check(root().with(oid::BASIC_CONSTRAINTS, true, sequence(&[]))), Some(Rule::NotAnAuthority));
    let basic = sequence(&[&[1, 1, 0xff]]);
    assert_eq!(check(root().with(oid::BASIC_CONSTRAINTS, false, basic)), Some(Rule::Criticality));
    let odd = element(tag::BIT_STRING, &[&[0, 0x06]]);
    assert_eq!(pair(root().with(oid::KEY_USAGE, true, odd), good_leaf()), Ok(()), "as real anchors have it");
    let usage = element(tag::BIT_STRING, &[&[7, 0x80]]);
    assert_eq!(check(root().with(oid::KEY_USAGE, true, usage)), Some(Rule::KeyUsage));
    assert_eq!(check(root().with(oid::POLICY_CONSTRAINTS, true, sequence(&[]))), Some(Rule::PolicyConstraints));
    assert_eq!(check(root().without(oid::SUBJECT_KEY_IDENTIFIER)), Some(Rule::KeyIdentifier));
    assert_eq!(pair(Draft { serial: vec![0], ..root() }, good_leaf()), Ok(()), "as real anchors have it");
}

#[test]
fn who_did_not_sign_is_not_the_issuer() {
    let (root_key, other_key, leaf_key) = (key(), key(), key());
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let forged = good_leaf().sign("root", &*other_key, &*leaf_key);
    assert!(matches!(verify(&[&root], &[forged], "www.example.com"), Err(Error::BadSignature { .. })));
    let stranger = good_leaf().sign("another", &*other_key, &*leaf_key);
    let error = verify(&[&root], &[stranger], "www.example.com").expect_err("unknown");
    assert_eq!(error, Error::UnknownIssuer { issuer: String::from("another") });
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
    assert_eq!(rule(verify(&[&root], &chain, "www.example.com")), Some(Rule::PathLength));
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
    assert_eq!(rule(with_depth(1)), Some(Rule::PathLength));
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
    assert!(chain.len() < MAX_CERTIFICATES);
    assert_eq!(verify(&[&root], &chain, "www.example.com"), Err(Error::TooMuchWork));
    let many = vec![chain[0].clone(); MAX_CERTIFICATES + 1];
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

#[test]
fn the_table_of_name_constraints() {
    let ip = |bytes: &[u8]| element(tag::context(7), &[bytes]);
    let directory = |text: &str| element(tag::context_constructed(4), &[&name(text)]);
    let uri = |text: &str| element(tag::context(6), &[text.as_bytes()]);
    let leaf = |names: &[Vec<u8>]| {
        let names = [&dns("www.example.com")[..], &names.concat()].concat();
        Draft::new("leaf").with(oid::SUBJECT_ALTERNATIVE_NAME, false, sequence(&[&names]))
    };
    let (outside, refused) = (Some(Rule::NameConstraints), Some(Rule::UnsupportedConstraint));
    let net = || ip(&[192, 0, 2, 0, 255, 255, 255, 0]);
    let permitted = |subtree: Vec<u8>, names: &[Vec<u8>]| rule(pair(constrained(&[subtree], &[]), leaf(names)));
    let excluded = |subtree: Vec<u8>, names: &[Vec<u8>]| rule(pair(constrained(&[], &[subtree]), leaf(names)));
    for (subtree, names, when_permitted, when_excluded) in [
        (dns("example.com"), vec![], None, outside),
        (dns(""), vec![], None, outside),
        (dns("EXAMPLE.com"), vec![], None, outside),
        (dns("ample.com"), vec![], outside, None),
        (dns("a.www.example.com"), vec![], outside, None),
        (dns("example.com"), vec![dns("example.org")], outside, outside),
        (dns(".example.com"), vec![], refused, refused),
        (dns("*.example.com"), vec![], refused, refused),
        (dns("example.com"), vec![dns("*.example.com")], None, outside),
        (dns("www.example.com"), vec![dns("*.example.com")], outside, outside),
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
        (uri("example.com"), vec![], None, None),
        (uri("example.com"), vec![uri("https://example.com/")], refused, refused),
    ] {
        assert_eq!(permitted(subtree.clone(), &names), when_permitted, "{subtree:x?} permitted, {names:x?}");
        assert_eq!(excluded(subtree.clone(), &names), when_excluded, "{subtree:x?} excluded, {names:x?}");
    }
    assert_eq!(rule(pair(constrained(&[dns("example.com")], &[dns("www.example.com")]), leaf(&[]))), outside);
}

#[test]
fn comparing_names_with_constraints_has_a_limit() {
    let many = |suffix: &str| (0..1000).map(|index| dns(&format!("n{index}.{suffix}"))).collect::<Vec<_>>();
    let names = [dns("www.example.com"), many("example.org").concat()].concat();
    let leaf = Draft::new("leaf").with(oid::SUBJECT_ALTERNATIVE_NAME, false, sequence(&[&names]));
    assert_eq!(pair(constrained(&[], &many("example.net")), leaf), Err(Error::TooMuchWork));
}
