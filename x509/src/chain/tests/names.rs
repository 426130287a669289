//! Who has to have a name, how a host's name is written, and certificates whose two kinds of usage allow nothing in common.

use super::*;
use crate::certificate::Certificate;
use crate::general_name::GeneralName;
use crate::issue::{self, IssueRequest};
use crate::profile::check_intermediate;
use crate::purpose::Purpose;
use alloc::string::ToString;

const CLIENT_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];

fn bits(bytes: &[u8]) -> Vec<u8> {
    element(tag::BIT_STRING, &[bytes])
}

/// An authority may sign revocation lists, which name their issuer; so it has a name, wherever it stands.
/// RFC 5280 section 4.1.2.6-3.
#[test]
fn who_signs_lists_has_a_name() {
    let (root_key, own) = (key(), key());
    // keyCertSign and cRLSign; and nothing that is said of usage, which forbids neither.
    for usage in [Some([1, 0x06]), None] {
        let authority = |subject: &str| match usage {
            Some(usage) => Draft::authority(subject).with(oid::KEY_USAGE, true, bits(&usage)),
            None => Draft::authority(subject),
        };
        for (subject, broken) in [("one", None), ("", Some(Rule::EmptyName("subject")))] {
            let der = authority(subject).sign("root", &*root_key, &*own);
            let certificate = Certificate::parse(&der).expect("it can be read");
            for purpose in [Purpose::Server, Purpose::Client] {
                assert_eq!(rule(check_intermediate(&certificate, purpose)), broken, "{subject:?} {usage:?}");
            }
            let anchor = authority(subject).sign(subject, &*own, &*own);
            assert_eq!(rule(RootStore::new().add_der(&anchor)), broken, "{subject:?} {usage:?}");
        }
    }
}

/// A host's name counts as a dNSName and as nothing else; what is issued here has it so.
/// RFC 5280 section 4.2.1.6-11.
#[test]
fn a_host_is_named_by_a_dns_name() {
    const HOST: &[u8] = b"www.example.com";
    // rfc822Name, uniformResourceIdentifier, registeredID; and with dNSName beside it.
    for kind in [1, 6, 8] {
        let other = element(tag::context(kind), &[HOST]);
        for (beside, expected) in [("www.example.org", false), ("www.example.com", true)] {
            let names = sequence(&[&other, &dns(beside)]);
            let leaf = Draft::new("www.example.com").with(oid::SUBJECT_ALTERNATIVE_NAME, false, names);
            let result = pair(Draft::authority("root"), leaf);
            assert_eq!(result.is_ok(), expected, "{kind} {beside}: {result:?}");
            assert!(matches!(result, Ok(()) | Err(Error::NameMismatch { .. })), "{kind} {beside}: {result:?}");
        }
    }
    let pkcs8 = crypto_ring::generate_key(KeyKind::Ed25519).expect("a key");
    let request = IssueRequest {
        names: vec![String::from("www.example.com"), String::from("*.example.org")],
        not_before_unix: NOW,
        lifetime_seconds: 100,
        serial: [1; 16],
        is_authority: false,
    };
    let made = issue::self_signed(&crypto_ring::PROVIDER, &pkcs8, &request).expect("a certificate");
    let certificate = Certificate::parse(&made.certificate).expect("it can be read");
    let names = &certificate.extensions().subject_alternative_name.as_ref().expect("names").names;
    let names: Vec<&[u8]> = names
        .iter()
        .map(|name| match name {
            GeneralName::Dns(name) => name,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, [HOST, b"*.example.org"]);
}

/// A name that is not written as a host's is covers nothing, not even itself.
/// RFC 5280 section 4.2.1.6-12, 4.2.1.6-13.
#[test]
fn a_dns_name_is_in_the_preferred_syntax() {
    for text in [" ", "", ".", "www example.com", "www.example.com ", "-www.example.com", "www-.example.com"] {
        let error = pair(Draft::authority("root"), Draft::leaf(&[text])).expect_err(text);
        assert!(matches!(error, Error::NameMismatch { .. }), "{text:?}: {error:?}");
        assert!(ServerName::parse(text).is_err(), "{text:?} can be asked for");
        assert!(!dns::matches(text.as_bytes(), text.as_bytes()), "{text:?}");
        assert!(!dns::is_issued_name(text.as_bytes()), "{text:?} is issued");
    }
    // Of all bytes, within a label: letters, digits and hyphens; underscores are read, and not written.
    for byte in 0..=255u8 {
        let name = [b"a", &[byte][..], b"b.example"].concat();
        let (is_plain, is_underscore) = (byte.is_ascii_alphanumeric() || b"-.".contains(&byte), byte == b'_');
        assert_eq!(dns::matches(&name, &name), is_plain || is_underscore, "{byte:#x}");
        assert_eq!(dns::is_issued_name(&name), is_plain, "{byte:#x}");
    }
}

/// Names of other scripts are longer in the form that certificates have than they look: there is room for all that DNS has.
/// RFC 5280 section 7.2-12.
#[test]
fn names_in_other_scripts_may_be_as_long_as_dns_allows() {
    let label = |length: usize| format!("xn--{}", "z".repeat(length - 4));
    let longest = format!("{0}.{0}.{0}.{1}", label(63), label(61));
    assert_eq!(longest.len(), 253);
    let (root_key, leaf_key) = (key(), key());
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let wildcard = format!("*.{}", longest.split_once('.').expect("four labels").1);
    for presented in [&longest, &wildcard, &longest.to_ascii_uppercase()] {
        let leaf = Draft::leaf(&[presented]).sign("root", &*root_key, &*leaf_key);
        assert_eq!(verify(&[&root], &[leaf], &longest), Ok(()), "{presented}");
    }
    // One that differs at its end only is another.
    let other = format!("{}y", &longest[..252]);
    let leaf = Draft::leaf(&[&other]).sign("root", &*root_key, &*leaf_key);
    let error = verify(&[&root], &[leaf], &longest).expect_err("another name");
    assert!(error.to_string().contains(&other), "{error}");
}

/// A certificate that may not sign by keyUsage is of no use to a server or a client, whatever extKeyUsage says, and the other way
/// round: each extension is looked at by itself, even where the certificate is itself trusted.
/// RFC 5280 section 4.2.1.12-8.
#[test]
fn two_kinds_of_usage_that_allow_nothing_together() {
    const SIGNS: [u8; 2] = [7, 0x80];
    // keyEncipherment and keyAgreement.
    const DOES_NOT_SIGN: [u8; 2] = [3, 0x28];
    const TIME_STAMPS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];
    let (root_key, own) = (key(), key());
    let root = Draft::authority("root").sign("root", &*root_key, &*root_key);
    let mut roots = RootStore::new();
    roots.add_der(&root).expect("an anchor");
    for (usage, purpose, serves, asks) in [
        (SIGNS, oid::SERVER_AUTHENTICATION, None, Some(Rule::ClientKeyUsage)),
        (SIGNS, CLIENT_AUTHENTICATION, Some(Rule::ExtendedKeyUsage), None),
        (SIGNS, TIME_STAMPS, Some(Rule::ExtendedKeyUsage), Some(Rule::ClientKeyUsage)),
        (DOES_NOT_SIGN, oid::SERVER_AUTHENTICATION, Some(SIGNATURE), Some(SIGNATURE)),
        (DOES_NOT_SIGN, CLIENT_AUTHENTICATION, Some(SIGNATURE), Some(SIGNATURE)),
        (DOES_NOT_SIGN, TIME_STAMPS, Some(SIGNATURE), Some(SIGNATURE)),
    ] {
        let draft = || {
            let purposes = sequence(&[&object_identifier(purpose)]);
            good_leaf().with(oid::KEY_USAGE, true, bits(&usage)).with(oid::EXTENDED_KEY_USAGE, false, purposes)
        };
        let leaf = draft().sign("root", &*root_key, &*own);
        let what = format!("{usage:?} {purpose:?}");
        assert_eq!(rule(verify(&[&root], core::slice::from_ref(&leaf), "www.example.com")), serves, "{what}");
        let client = verify_client(&crypto_ring::PROVIDER, &roots, &[leaf], NOW);
        assert_eq!(rule(client.map(drop)), asks, "{what}");
        let certificate = draft().sign("leaf", &*own, &*own);
        let certificate = Certificate::parse(&certificate).expect("it can be read");
        for (purpose, broken) in [(Purpose::Server, serves), (Purpose::Client, asks)] {
            assert_eq!(rule(profile::check_usage(&certificate, purpose)), broken, "{what}, trusted");
        }
    }
}

const SIGNATURE: Rule = Rule::KeyUsage("digitalSignature");
