use super::*;
use crate::chain::verify_server;
use crate::der::Elements;
use crate::root_store::RootStore;
use alloc::vec;
use crypto::SignatureAlgorithm;
use crypto_ring::PROVIDER;

const NOW: u64 = 1_795_000_000;

fn request(names: &[&str], is_authority: bool) -> IssueRequest {
    IssueRequest {
        names: names.iter().map(|name| String::from(*name)).collect(),
        not_before_unix: NOW,
        lifetime_seconds: DEFAULT_LIFETIME_SECONDS,
        serial: [0xff; 16],
        is_authority,
    }
}

fn key(kind: KeyKind) -> SecretBytes {
    crypto_ring::generate_key(kind).expect("a key")
}

#[test]
fn a_development_identity_is_accepted_by_who_trusts_it() {
    let provider = &PROVIDER;
    let mut random = crypto_ring::SystemRandom::new();
    let identity = development(provider, &[String::from("Dev.Example")], NOW, &mut random).expect("an identity");
    let certificate = Certificate::parse(&identity.certificate).expect("it can be read");
    let validity = certificate.validity();
    assert_eq!(validity.not_after - validity.not_before, 13 * 86_400);
    assert_eq!((certificate.version(), certificate.serial_number().len()), (3, 16));
    let extensions = certificate.extensions();
    assert!(extensions.basic_constraints.is_some_and(|basic| !basic.is_authority && basic.critical));
    assert!(extensions.key_usage.is_some_and(|usage| usage.digital_signature && !usage.certificate_signing));
    assert!(extensions.extended_key_usage.is_some_and(|usage| usage.server_authentication));
    let mut roots = RootStore::new();
    roots.add_der(&identity.certificate).expect("an anchor");
    let chain = [identity.certificate.clone()];
    for name in ["localhost", "127.0.0.1", "::1", "dev.example"] {
        let name = ServerName::parse(name).expect("a name");
        assert_eq!(verify_server(provider, &roots, &chain, &name, NOW), Ok(()), "{name}");
    }
    let name = ServerName::parse("localhost").expect("a name");
    assert!(matches!(verify_server(provider, &RootStore::new(), &chain, &name, NOW), Err(Error::UnknownIssuer { .. })));
    // Its key is the one whose private half comes with it.
    let private = crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &identity.key_pkcs8).expect("a key");
    let (kind, public) = certificate.subject_public_key().expect("a key");
    assert_eq!((kind, public), (PublicKeyAlgorithm::EcP256, private.public_key()));
    assert!(certificate.spki_der().ends_with(public) && certificate.spki_der().len() == public.len() + 26);
}

#[test]
fn an_authority_issues_for_both_kinds_of_key() {
    let provider = &PROVIDER;
    for kind in [KeyKind::EcP256, KeyKind::Ed25519] {
        let root = self_signed(provider, &key(kind), &request(&["Test"], true)).expect("an authority");
        let root_key = crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &root.key_pkcs8).expect("a key");
        let leaf_key = crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &key(kind)).expect("a key");
        let wanted = request(&["*.example.com", "192.0.2.1"], false);
        let leaf = issued_by(provider, &root.certificate, &*root_key, &*leaf_key, &wanted).expect("a certificate");
        let mut roots = RootStore::new();
        roots.add_der(&root.certificate).expect("an anchor");
        for name in ["a.example.com", "192.0.2.1"] {
            let name = ServerName::parse(name).expect("a name");
            assert_eq!(verify_server(provider, &roots, core::slice::from_ref(&leaf), &name, NOW), Ok(()));
        }
    }
}

/// RFC 5280 section 4.1.2.2: positive, and what was drawn but for two bits that keep it so and of one length.
/// RFC 5280 section 4.1.2.2-5.
#[test]
fn serial_numbers_are_what_was_drawn() {
    let key = key(KeyKind::Ed25519);
    for (drawn, issued) in [(0x00, 0x40), (0x15, 0x55), (0x40, 0x40), (0x80, 0x40), (0xff, 0x7f)] {
        let request = IssueRequest { serial: [drawn; 16], ..request(&["localhost"], false) };
        let identity = self_signed(&PROVIDER, &key, &request).expect("a certificate");
        let certificate = Certificate::parse(&identity.certificate).expect("it can be read");
        assert_eq!(*certificate.serial_number(), [&[issued][..], &[drawn; 15]].concat()[..], "{drawn:x}");
    }
}

#[test]
fn what_could_not_be_verified_is_not_issued() {
    let provider = &PROVIDER;
    let key = key(KeyKind::EcP256);
    for names in [&[][..], &["a b"], &["a_b.example"], &["*.com"], &["*"], &["a\0b"]] {
        let issued = self_signed(provider, &key, &request(names, false));
        assert_eq!(issued.map(|_| ()), Err(Error::InvalidServerName), "{names:?}");
    }
    let issued = self_signed(provider, &[1, 2, 3], &request(&["localhost"], false));
    assert_eq!(issued.map(|_| ()), Err(Error::KeyRejected));
}

/// RFC 5280 section 4.1.2.5-1.
#[test]
fn times_and_integers_have_the_form_that_is_read() {
    assert_eq!(time(0), element(tag::UTC_TIME, &[b"700101000000Z"]));
    assert_eq!(time(2_524_608_000), element(tag::GENERALIZED_TIME, &[b"20500101000000Z"]));
    assert_eq!(unsigned(&[0, 0]), [2, 1, 0]);
    assert_eq!(unsigned(&[0, 0x80]), [2, 2, 0, 0x80]);
    let long = vec![7; 300];
    assert_eq!(element(4, &[&long]).get(..4), Some(&[4, 0x82, 1, 0x2c][..]));
    // X.690 s8.1.3.4: up to 127, the length is one byte.
    assert_eq!(element(4, &[&long[..127]]).get(..3), Some(&[4, 127, 7][..]));
    assert_eq!(element(4, &[&long[..128]]).get(..3), Some(&[4, 0x81, 128][..]));
}

/// What an authority reads of a request: names, key, and that whoever asks holds it.
#[test]
fn a_request_names_what_is_wanted_and_is_signed() {
    let key = (PROVIDER.generate_key)(KeyKind::EcP256).unwrap();
    let key = (PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, &key).unwrap();
    let names = ["one.example".to_string(), "*.two.example".to_string()];
    let request = crate::certification_request(&*key, &names).unwrap();
    let mut outer = Elements::new(&request);
    let mut inside = Elements::new(outer.value(tag::SEQUENCE, "request").unwrap());
    outer.end("request").unwrap();
    let signed = inside.any("what is signed").unwrap();
    inside.value(tag::SEQUENCE, "algorithm").unwrap();
    let [0, signature @ ..] = inside.value(tag::BIT_STRING, "signature").unwrap() else { panic!("whole bytes") };
    inside.end("request").unwrap();
    let verifier = PROVIDER.verifier(PublicKeyAlgorithm::EcP256, SignatureAlgorithm::EcdsaSha256).unwrap();
    let message = sequence(&[signed.value]);
    assert!(verifier.verify(key.public_key(), &message, signature).is_ok());
    let mut parts = Elements::new(signed.value);
    assert_eq!(parts.value(tag::INTEGER, "version").unwrap(), [0]);
    assert!(parts.value(tag::SEQUENCE, "subject").unwrap().is_empty());
    assert!(parts.value(tag::SEQUENCE, "key").unwrap().ends_with(key.public_key()));
    let attributes = parts.value(tag::context_constructed(0), "attributes").unwrap();
    parts.end("request").unwrap();
    for name in names {
        assert!(attributes.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
    }
    for wrong in [&[][..], &["no name".to_string()]] {
        assert!(crate::certification_request(&*key, wrong).is_err());
    }
}

/// RFC 8737 section 3: the name, the digest in a critical extension, and nobody else takes it.
#[test]
fn a_challenge_s_certificate_has_its_digest_and_is_for_nothing_else() {
    let key = (PROVIDER.generate_key)(KeyKind::EcP256).unwrap();
    let request = IssueRequest {
        names: alloc::vec!["one.example".to_string()],
        not_before_unix: 1000,
        lifetime_seconds: 1000,
        serial: [1; 16],
        is_authority: false,
    };
    let identity = acme_challenge(&PROVIDER, &key, &request, &[7; 32]).unwrap();
    let certificate = Certificate::parse(&identity.certificate).unwrap();
    assert_eq!(certificate.extensions().unknown_critical, Some(oid::ACME_IDENTIFIER));
    // Critical, and an OCTET STRING within the one that every extension is in.
    let extension = [&[0x06, 8][..], oid::ACME_IDENTIFIER, &[1, 1, 0xff, 4, 34, 4, 32], &[7; 32]].concat();
    assert!(identity.certificate.windows(extension.len()).any(|part| part == extension));
    let names = certificate.extensions().subject_alternative_name.unwrap();
    assert_eq!(names.names.iter().count(), 1);
}
