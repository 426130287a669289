use super::*;
use crate::chain::{verify_client, verify_server};
use crate::der::{Elements, tag};
use crate::encode::{element, object_identifier, sequence, time, unsigned};
use crate::issue::{self, IssueRequest};
use crate::issue_list::{ListParts, ListRequest, revocation_list, signed};
use crate::oid;
use crate::root_store::RootStore;
use crate::server_name::ServerName;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec;
use crypto::{KeyKind, PrivateKeyFormat, SecretBytes, SigningKey};
use crypto_ring::PROVIDER;
use rustls_pki_types::CertificateDer;

const NOW: u64 = 1_795_000_000;
const SERIAL: u8 = 0x47;

struct Authority {
    certificate: CertificateDer<'static>,
    pkcs8: SecretBytes,
}

fn request(name: &str, is_authority: bool, serial: u8) -> IssueRequest {
    let names = vec![name.into()];
    IssueRequest { names, not_before_unix: NOW - 1000, lifetime_seconds: 100_000, serial: [serial; 16], is_authority }
}

impl Authority {
    fn new(name: &str) -> Authority {
        let pkcs8 = crypto_ring::generate_key(KeyKind::Ed25519).expect("a key");
        let made = issue::self_signed(&PROVIDER, &pkcs8, &request(name, true, 1)).expect("an authority");
        Authority { certificate: made.certificate, pkcs8 }
    }

    fn key(&self) -> Box<dyn SigningKey> {
        crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &self.pkcs8).expect("a key")
    }

    fn issue(&self, subject: &dyn SigningKey, request: &IssueRequest) -> CertificateDer<'static> {
        issue::issued_by(&PROVIDER, &self.certificate, &*self.key(), subject, request).expect("a certificate")
    }

    fn below(&self, name: &str, serial: u8) -> Authority {
        let pkcs8 = crypto_ring::generate_key(KeyKind::Ed25519).expect("a key");
        let key = crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &pkcs8).expect("a key");
        Authority { certificate: self.issue(&*key, &request(name, true, serial)), pkcs8 }
    }

    fn server(&self) -> CertificateDer<'static> {
        let pkcs8 = crypto_ring::generate_key(KeyKind::Ed25519).expect("a key");
        let key = crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &pkcs8).expect("a key");
        self.issue(&*key, &request("a.example", false, SERIAL))
    }

    /// A list in which these serial numbers are, in the form that certificates made here have them.
    fn list(&self, revoked: &[u8]) -> Vec<u8> {
        let revoked = revoked.iter().map(|serial| vec![*serial; 16]).collect();
        let request = ListRequest { revoked, this_update_unix: NOW - 100, next_update_unix: NOW + 100 };
        revocation_list(&self.certificate, &*self.key(), &request).expect("a list")
    }

    /// A list with these extensions.
    fn list_with(&self, entries: Vec<Vec<u8>>, extensions: Vec<Vec<u8>>) -> Vec<u8> {
        let parts = ListParts { entries, this_update: NOW - 100, next_update: Some(NOW + 100), extensions };
        signed(&self.name(), &*self.key(), &parts).expect("a list")
    }

    fn name(&self) -> Vec<u8> {
        sequence(&[Certificate::parse(&self.certificate).expect("its own").subject().contents()])
    }
}

fn extension(identifier: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if is_critical { &[tag::BOOLEAN, 1, 0xff] } else { &[] };
    sequence(&[&object_identifier(identifier), flag, &element(tag::OCTET_STRING, &[value])])
}

fn entry(serial: u8, extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = if extensions.is_empty() { Vec::new() } else { sequence(&[&extensions.concat()]) };
    sequence(&[&unsigned(&[serial; 16]), &time(NOW as i64 - 50), &extensions])
}

/// A certificate's serial number, with the bits that issuing sets.
const fn as_issued(serial: u8) -> u8 {
    serial & 0x7f | 0x40
}

/// What becomes of a server's chain that ends at `root`, with these lists.
fn verify(root: &Authority, chain: &[CertificateDer<'_>], revocation: Revocation, now: u64) -> Result<(), Error> {
    let mut roots = RootStore::new();
    roots.add_der(&root.certificate).expect("an anchor");
    roots.check_revocation(revocation);
    verify_server(&PROVIDER, &roots, chain, &ServerName::parse("a.example").expect("a name"), now)
}

fn with(lists: &[Vec<u8>]) -> Revocation {
    let mut revocation = Revocation::new();
    lists.iter().for_each(|list| revocation.add_der(list).expect("a list"));
    revocation
}

fn unknown(result: Result<(), Error>) -> String {
    match result {
        Err(Error::RevocationUnknown { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

/// A list that revokes nothing has no place for what is revoked, and not an empty one.
/// RFC 5280 section 5.1.2.6-1.
#[test]
fn a_list_of_nothing_has_no_entries() {
    let root = Authority::new("root");
    for (revoked, has_entries) in [(&[][..], false), (&[1], true), (&[1, 2], true)] {
        let list = root.list(revoked);
        let mut fields = Elements::new(&list).nested(tag::SEQUENCE, "").expect("a list");
        let mut fields = fields.nested(tag::SEQUENCE, "").expect("what is signed");
        // version, signature, issuer, thisUpdate, nextUpdate.
        for _ in 0..5 {
            fields.any("").expect("a field");
        }
        let entries = fields.optional(tag::SEQUENCE, "").expect("DER");
        assert_eq!(entries.is_some_and(|entries| !entries.is_empty()), has_entries, "{revoked:?}");
        assert_eq!(entries.is_some(), has_entries, "{revoked:?}");
        assert!(fields.is_empty());
    }
}

/// Since when a certificate is revoked is written like all times, and what is written otherwise is not read.
/// RFC 5280 section 5.1.2.6-2.
#[test]
fn since_when_a_certificate_is_revoked_is_a_time_of_one_form() {
    let root = Authority::new("root");
    let read = |kind: u8, text: &str| {
        let entry = sequence(&[&unsigned(&[SERIAL; 16]), &element(kind, &[text.as_bytes()])]);
        RevocationList::read(&root.list_with(vec![entry], vec![]))
    };
    for (kind, text, seconds) in [
        (tag::UTC_TIME, "261118000000Z", 1_794_960_000),
        (tag::UTC_TIME, "500101000000Z", -631_152_000),
        (tag::GENERALIZED_TIME, "20500101000000Z", 2_524_608_000),
    ] {
        let list = read(kind, text).expect(text);
        assert_eq!(list.entry(&[SERIAL; 16]).map(|entry| entry.date), Some(seconds), "{text}");
    }
    for (kind, text) in [
        (tag::UTC_TIME, "2611180000Z"),
        (tag::UTC_TIME, "261118000000"),
        (tag::UTC_TIME, "261118000000+0000"),
        (tag::UTC_TIME, "20261118000000Z"),
        (tag::GENERALIZED_TIME, "20261118000000.5Z"),
        (tag::GENERALIZED_TIME, "2026111800Z"),
        (tag::INTEGER, "261118000000Z"),
    ] {
        let error = read(kind, text).map(drop).expect_err(text);
        assert_eq!(error, Error::Malformed("revocationDate"), "{text}");
    }
    // What is made here can be read.
    let list = RevocationList::read(&root.list(&[SERIAL])).expect("its own");
    assert_eq!(list.entry(&[SERIAL; 16]).map(|entry| entry.date), Some(NOW as i64 - 100));
}

/// RFC 5280 section 6.3-1, 5.1.1.3-2, 6.3.3-1, 8-9.
#[test]
fn a_revoked_certificate_is_refused_and_one_that_nobody_speaks_for_as_well() {
    let root = Authority::new("root");
    let chain = [root.server()];
    assert_eq!(as_issued(SERIAL), SERIAL);
    assert_eq!(verify(&root, &chain, with(&[root.list(&[])]), NOW), Ok(()));
    assert_eq!(verify(&root, &chain, with(&[root.list(&[1, 2, 0x7f])]), NOW), Ok(()));
    let revoked = verify(&root, &chain, with(&[root.list(&[1, SERIAL, 0x7f])]), NOW).expect_err("revoked");
    assert!(matches!(&revoked, Error::Revoked { reason: "unspecified", .. }));
    assert!(revoked.to_string().contains("certificate of Posthaste development was revoked on 2026-"), "{revoked}");
    assert!(unknown(verify(&root, &chain, Revocation::new(), NOW)).contains("no revocation list"));
    // One list of several is enough to refuse, and one that is good to accept.
    let lists = [root.list(&[]), root.list(&[SERIAL])];
    assert!(matches!(verify(&root, &chain, with(&lists), NOW), Err(Error::Revoked { .. })));
    // A namesake's list is not its issuer's.
    let namesake = Authority::new("root");
    assert!(unknown(verify(&root, &chain, with(&[namesake.list(&[])]), NOW)).contains("not signed by"));
    assert!(
        unknown(verify(&root, &chain, with(&[Authority::new("other").list(&[])]), NOW)).contains("no revocation list")
    );
    // Whoever wants it otherwise may; what is known counts all the same.
    let lenient = |lists: &[Vec<u8>]| Revocation { accepts_unknown: true, ..with(lists) };
    assert_eq!(verify(&root, &chain, lenient(&[]), NOW), Ok(()));
    assert_eq!(verify(&root, &chain, lenient(&[namesake.list(&[SERIAL])]), NOW), Ok(()));
    assert!(matches!(verify(&root, &chain, lenient(&[root.list(&[SERIAL])]), NOW), Err(Error::Revoked { .. })));
}

/// RFC 5280 section 4.2.1.3-4.
#[test]
fn an_authority_that_may_not_sign_lists_has_none() {
    let root = Authority::new("root");
    let (chain, list) = ([root.server()], root.list(&[]));
    assert_eq!(verify(&root, &chain, with(core::slice::from_ref(&list)), NOW), Ok(()));
    // keyCertSign and cRLSign, and then the first alone. Nobody looks at an anchor's own signature.
    let (both, first) = ([tag::BIT_STRING, 2, 1, 0x06], [tag::BIT_STRING, 2, 2, 0x04]);
    let mut changed = root.certificate.to_vec();
    let at = changed.windows(4).position(|window| window == both).expect("keyUsage");
    changed[at..at + 4].copy_from_slice(&first);
    let limited = Authority { certificate: CertificateDer::from(changed), ..root };
    assert!(unknown(verify(&limited, &chain, with(&[list]), NOW)).contains("without cRLSign"));
}

/// RFC 5280 section 5-5, 5.1-1, 5.1.1.2-2, 5.1.2.1-1, 5.1.2.2-1.
#[test]
fn what_a_list_says_of_its_version_and_signature_agrees() {
    let root = Authority::new("root");
    let said = |list: &[u8]| Revocation::new().add_der(list).map_err(|error| error.to_string());
    let list = root.list_with(vec![], vec![extension(&[0x55, 0x1d, 99], false, &[])]);
    assert_eq!(said(&list), Ok(()));
    let version = list.windows(4).position(|window| window == [tag::INTEGER, 1, 1, tag::SEQUENCE]).expect("a version");
    for other in [0, 2] {
        let mut changed = list.clone();
        changed[version + 2] = other;
        assert!(said(&changed).expect_err("another version").contains("version of a revocation list"));
    }
    let algorithm = object_identifier(oid::ED25519);
    let places: Vec<_> = (0..list.len()).filter(|at| list[*at..].starts_with(&algorithm)).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        let mut changed = list.clone();
        changed[at + algorithm.len() - 1] ^= 1;
        assert!(said(&changed).expect_err("another algorithm").contains("algorithms of a revocation list differ"));
    }
    // Without its version it is of version 1, which has no extensions. All lengths are in one byte or two.
    let parts = ListParts { entries: vec![], this_update: NOW - 100, next_update: Some(NOW + 100), extensions: vec![] };
    for (list, is_read) in [(signed(&root.name(), &*root.key(), &parts).expect("a list"), true), (list, false)] {
        assert_eq!(said(&without_version(&list)).is_ok(), is_read);
    }
}

/// The list without what says that it is of version 2. Its signature does not fit any more.
fn without_version(list: &[u8]) -> Vec<u8> {
    let mut outer = Elements::new(list);
    let mut outer = outer.nested(tag::SEQUENCE, "").expect("a list");
    let fields = outer.value(tag::SEQUENCE, "").expect("fields");
    let (algorithm, signature) = (outer.any("").expect("an algorithm"), outer.any("").expect("a signature"));
    sequence(&[&sequence(&[&fields[3..]]), algorithm.encoded, signature.encoded])
}

/// RFC 5280 section 6.3.3 (a).
#[test]
fn a_list_is_good_from_this_update_to_next_update() {
    let root = Authority::new("root");
    let chain = [root.server()];
    for (now, is_current) in [(NOW - 101, false), (NOW - 100, true), (NOW + 100, true), (NOW + 101, false)] {
        for revoked in [&[][..], &[SERIAL]] {
            let outcome = verify(&root, &chain, with(&[root.list(revoked)]), now);
            match (is_current, revoked.is_empty()) {
                (true, true) => assert_eq!(outcome, Ok(())),
                (true, false) => assert!(matches!(outcome, Err(Error::Revoked { .. }))),
                (false, _) if now < NOW => assert!(unknown(outcome).contains("not good before 2026-")),
                (false, _) => assert!(unknown(outcome).contains("was good until 2026-")),
            }
        }
    }
    // Without nextUpdate it is never known to be.
    let parts = ListParts { entries: vec![], this_update: NOW - 100, next_update: None, extensions: vec![] };
    let endless = signed(&root.name(), &*root.key(), &parts).expect("a list");
    assert!(unknown(verify(&root, &chain, with(&[endless]), NOW)).contains("has no nextUpdate"));
}

#[test]
fn lists_are_read_as_their_authorities_publish_them_and_say_whose_they_are() {
    let (root, other) = (Authority::new("root"), Authority::new("other"));
    let mut revocation = Revocation::new();
    assert_eq!(revocation.add_file_content(&root.list(&[SERIAL])), Ok(1));
    for (content, why) in [(&b"no list"[..], "there is no revocation list"), (&[tag::SEQUENCE, 1, 0], "malformed")] {
        assert!(revocation.add_file_content(content).expect_err("no list").to_string().contains(why));
    }
    let summaries: Vec<_> = revocation.summaries().collect();
    let next_update = Some(NOW as i64 + 100);
    let issuer = "CN=Posthaste authority root";
    assert!(summaries.len() == 1 && summaries[0].issuer.contains(issuer), "{summaries:?}");
    assert_eq!((summaries[0].next_update, summaries[0].revoked), (next_update, 1));
    assert_eq!(summaries[0].staleness(NOW), None);
    assert_eq!(summaries[0].staleness(NOW + 101), Some(crate::Staleness::Over(NOW as i64 + 100)));
    for (authority, has_one) in [(&root, true), (&other, false)] {
        let certificate = Certificate::parse(&authority.certificate).expect("its own");
        assert_eq!(revocation.has_list_by(&certificate), has_one);
    }
    // Whoever is refused for want of a list is told whose is needed.
    let refused = verify(&root, &[root.server()], Revocation::new(), NOW).expect_err("no list").to_string();
    assert!(refused.contains("a current list of ") && refused.contains(issuer), "{refused}");
}

#[test]
fn each_certificate_of_a_path_is_looked_up() {
    let root = Authority::new("root");
    let middle = root.below("middle", 0x55);
    let chain = [middle.server(), middle.certificate.clone()];
    let good = [root.list(&[]), middle.list(&[])];
    assert_eq!(verify(&root, &chain, with(&good), NOW), Ok(()));
    let revoked = verify(&root, &chain, with(&[root.list(&[0x55]), middle.list(&[])]), NOW);
    assert!(matches!(revoked, Err(Error::Revoked { subject, .. }) if subject == "Posthaste authority middle"));
    // The serial number of the one in the list of the other means nothing.
    assert_eq!(verify(&root, &chain, with(&[root.list(&[SERIAL]), middle.list(&[0x55])]), NOW), Ok(()));
    assert!(unknown(verify(&root, &chain, with(&good[1..]), NOW)).contains("no revocation list"));
    let first = Revocation { only_end_certificate: true, ..with(&good[1..]) };
    assert_eq!(verify(&root, &chain, first, NOW), Ok(()));
    let first = Revocation { only_end_certificate: true, ..with(&good[..1]) };
    assert!(unknown(verify(&root, &chain, first, NOW)).contains("no revocation list"));
    // Clients are looked up by the same rules.
    let key =
        crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &crypto_ring::generate_key(KeyKind::Ed25519).expect("a key"));
    let key = key.expect("a key");
    let wanted = request("c.example", false, SERIAL);
    let client = issue::issued_to_client(&PROVIDER, &root.certificate, &*root.key(), &*key, &wanted).expect("a client");
    for (revoked, is_good) in [(&[][..], true), (&[SERIAL], false)] {
        let mut roots = RootStore::new();
        roots.add_der(&root.certificate).expect("an anchor");
        roots.check_revocation(with(&[root.list(revoked)]));
        assert_eq!(verify_client(&PROVIDER, &roots, core::slice::from_ref(&client), NOW).is_ok(), is_good);
    }
}

/// A server's certificate that has these distribution points, each a list of URIs, perhaps with reasons.
fn with_points(root: &Authority, points: &[(&[&str], Option<[u8; 2]>)]) -> CertificateDer<'static> {
    let point = |(names, reasons): &(&[&str], Option<[u8; 2]>)| {
        let names: Vec<u8> = names.iter().flat_map(|name| uri(name)).collect();
        let name = element(tag::context_constructed(0), &[&element(tag::context_constructed(0), &[&names])]);
        let reasons = reasons.map(|bits| element(tag::context(1), &[&bits])).unwrap_or_default();
        sequence(&[&name, &reasons])
    };
    let list: Vec<u8> = points.iter().flat_map(point).collect();
    extended(root, &extension(oid::REVOCATION_LIST_POINTS, false, &sequence(&[&list])))
}

fn uri(name: &str) -> Vec<u8> {
    element(tag::context(6), &[name.as_bytes()])
}

/// A server's certificate with one extension more.
fn extended(root: &Authority, more: &[u8]) -> CertificateDer<'static> {
    let plain = root.server();
    let certificate = Certificate::parse(&plain).expect("a certificate");
    let mut fields = Elements::new(certificate.to_be_signed());
    let mut fields = fields.nested(tag::SEQUENCE, "").expect("fields");
    let mut parts: Vec<Vec<u8>> = Vec::new();
    while !fields.is_empty() {
        let field = fields.any("").expect("a field");
        let mut part = field.encoded.to_vec();
        if field.tag == tag::context_constructed(3) {
            let list = Elements::new(field.value).value(tag::SEQUENCE, "").expect("extensions");
            part = element(field.tag, &[&sequence(&[list, more])]);
        }
        parts.push(part);
    }
    let to_be_signed = sequence(&[&parts.concat()]);
    let signature = root.key().sign(crypto::SignatureScheme::ED25519, &to_be_signed).expect("a signature");
    let algorithm = sequence(&[&object_identifier(oid::ED25519)]);
    CertificateDer::from(sequence(&[&to_be_signed, &algorithm, &crate::encode::bit_string(&signature)]))
}

/// An issuingDistributionPoint: names, flags by their numbers, and reasons.
fn scope(names: &[&str], flags: &[u8], reasons: Option<[u8; 2]>) -> Vec<u8> {
    let all: Vec<u8> = names.iter().flat_map(|name| uri(name)).collect();
    let name = match names {
        [] => Vec::new(),
        _ => element(tag::context_constructed(0), &[&element(tag::context_constructed(0), &[&all])]),
    };
    let mut fields = vec![name];
    for number in 1..=5u8 {
        if flags.contains(&number) {
            fields.push(element(tag::context(number), &[&[0xff]]));
        }
        if let (3, Some(bits)) = (number, reasons) {
            fields.push(element(tag::context(3), &[&bits]));
        }
    }
    extension(oid::ISSUING_DISTRIBUTION_POINT, true, &sequence(&[&fields.concat()]))
}

/// T12: a list that speaks for others says nothing of this one: neither that it is good nor that it is revoked.
/// RFC 5280 section 6.3.3 (b) and (d).
/// RFC 5280 section 5.2.5-5.
#[test]
fn t12_the_table_of_scopes() {
    let root = Authority::new("root");
    let (a, b, c) = ("http://a/", "http://b/", "http://c/");
    let plain = root.server();
    // Two points, the second with two names.
    let pointed = with_points(&root, &[(&[a], None), (&[b, c], None)]);
    let key_compromise = [6, 0x40];
    let some = with_points(&root, &[(&[a], Some(key_compromise)), (&[b], None)]);
    let all_others = [7, 0x3f];
    for (what, certificate, scopes, speaks) in [
        ("everything", &plain, vec![None], true),
        ("end certificates", &plain, vec![Some(scope(&[], &[1], None))], true),
        ("authorities", &plain, vec![Some(scope(&[], &[2], None))], false),
        ("a point, and the certificate has none", &plain, vec![Some(scope(&[a], &[], None))], false),
        ("everything, whatever the points", &pointed, vec![None], true),
        ("the first point", &pointed, vec![Some(scope(&[a], &[], None))], true),
        ("the second point", &pointed, vec![Some(scope(&[b], &[], None))], true),
        ("its second name", &pointed, vec![Some(scope(&[c], &[], None))], true),
        ("one of several names", &pointed, vec![Some(scope(&["http://d/", c], &[], None))], true),
        ("another point", &pointed, vec![Some(scope(&["http://d/"], &[], None))], false),
        ("a name that only begins alike", &pointed, vec![Some(scope(&["http://a/b"], &[], None))], false),
        ("the point, of authorities", &pointed, vec![Some(scope(&[a], &[2], None))], false),
        ("some reasons", &plain, vec![Some(scope(&[], &[], Some(key_compromise)))], false),
        // aACompromise is in the second byte, and is missing here.
        ("all reasons but one", &plain, vec![Some(scope(&[], &[], Some([0, 0x7f])))], false),
        ("a point with some reasons", &some, vec![Some(scope(&[a], &[], None))], false),
        ("a point with all", &some, vec![Some(scope(&[b], &[], None))], true),
        ("reasons that do not meet", &some, vec![Some(scope(&[a], &[], Some(all_others)))], false),
    ] {
        let lists = |entries: &[Vec<u8>]| -> Vec<Vec<u8>> {
            scopes.iter().map(|scope| root.list_with(entries.to_vec(), scope.iter().cloned().collect())).collect()
        };
        let chain = [certificate.clone()];
        let good = verify(&root, &chain, with(&lists(&[])), NOW);
        let revoked = verify(&root, &chain, with(&lists(&[entry(SERIAL, &[])])), NOW);
        if speaks {
            assert_eq!(good, Ok(()), "{what}");
            assert!(matches!(revoked, Err(Error::Revoked { .. })), "{what}: {revoked:?}");
        } else {
            assert!(matches!(good, Err(Error::RevocationUnknown { .. })), "{what}: {good:?}");
            assert!(revoked.is_err(), "{what}");
        }
    }
    // Two lists that complete each other.
    let halves = [scope(&[], &[], Some([7, 0x7f])), {
        let second = element(tag::context(3), &[&[7, 0, 0x80]]);
        extension(oid::ISSUING_DISTRIBUTION_POINT, true, &sequence(&[&second]))
    }];
    let lists: Vec<_> = halves.into_iter().map(|scope| root.list_with(vec![], vec![scope])).collect();
    assert_eq!(verify(&root, core::slice::from_ref(&plain), with(&lists), NOW), Ok(()));
    assert!(unknown(verify(&root, core::slice::from_ref(&plain), with(&lists[..1]), NOW)).contains("some reasons"));
    // A list named after its issuer speaks for all that it issued.
    let directory = element(tag::context_constructed(4), &[&root.name()]);
    let named = element(tag::context_constructed(0), &[&element(tag::context_constructed(0), &[&directory])]);
    let named = extension(oid::ISSUING_DISTRIBUTION_POINT, true, &sequence(&[&named]));
    assert_eq!(verify(&root, &[plain], with(&[root.list_with(vec![], vec![named])]), NOW), Ok(()));
}

/// What a list says of others, or of changes alone, is not taken for a complete list.
/// RFC 5280 section 5.2-1, 5.3-1.
#[test]
fn t12_lists_of_other_kinds_are_refused_by_name() {
    let root = Authority::new("root");
    let number = |value: &[u8]| element(tag::INTEGER, &[value]);
    let reason = |code: u8| extension(oid::REASON_CODE, false, &element(tag::ENUMERATED, &[&[code]]));
    let unknown = [0x55, 0x1d, 99];
    let refused = |entries: Vec<Vec<u8>>, extensions: Vec<Vec<u8>>| {
        Revocation::new().add_der(&root.list_with(entries, extensions)).map_err(|error| error.to_string()).err()
    };
    for (entries, extensions, part) in [
        (vec![], vec![scope(&[], &[4], None)], "indirectCRL"),
        (vec![], vec![scope(&[], &[5], None)], "onlyContainsAttributeCerts"),
        (vec![], vec![extension(oid::DELTA_LIST_INDICATOR, true, &number(&[1]))], "delta list"),
        (vec![], vec![extension(&unknown, true, &[])], "critical extension"),
        (vec![entry(1, &[extension(oid::CERTIFICATE_ISSUER, true, &sequence(&[]))])], vec![], "indirect"),
        (vec![entry(1, &[extension(&unknown, true, &[])])], vec![], "critical extension"),
        (vec![entry(1, &[reason(8)])], vec![], "reasonCode"),
        (vec![entry(1, &[reason(11)])], vec![], "reasonCode"),
        (vec![], vec![extension(oid::ISSUING_DISTRIBUTION_POINT, true, &[5, 0])], "issuingDistributionPoint"),
    ] {
        let said = refused(entries, extensions).expect(part);
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(refused(vec![entry(1, &[reason(1)])], vec![extension(&unknown, false, &[])]), None);
    assert!(Revocation::new().add_pem(b"nothing").is_err());
    let chain = [root.server()];
    for (code, name) in [(1, "keyCompromise"), (6, "certificateHold"), (10, "aACompromise")] {
        let list = root.list_with(vec![entry(SERIAL, &[reason(code)])], vec![]);
        assert!(
            matches!(verify(&root, &chain, with(&[list]), NOW), Err(Error::Revoked { reason, .. }) if reason == name)
        );
    }
}

/// RFC 5280 s5.1.1.2: whatever is cut or changed is refused, or is no list of the issuer any more.
#[test]
fn no_change_of_a_list_makes_a_revoked_certificate_good() {
    let root = Authority::new("root");
    let (chain, list) = ([root.server()], root.list(&[1, SERIAL]));
    for place in 0..list.len() {
        assert!(Revocation::new().add_der(&list[..place]).is_err(), "cut at {place}");
        for bit in [1, 0x80] {
            let mut changed = list.clone();
            changed[place] ^= bit;
            let mut revocation = Revocation::new();
            if revocation.add_der(&changed).is_ok() {
                assert!(verify(&root, &chain, revocation, NOW).is_err(), "{place} {bit}");
            }
        }
    }
}

/// The signature of a list is checked once for each key, and counts as work each time.
#[test]
fn looking_a_certificate_up_costs_bounded_work() {
    let root = Authority::new("root");
    let chain = [root.server()];
    let lists: Vec<_> = (0..101).map(|_| root.list(&[])).collect();
    assert_eq!(verify(&root, &chain, with(&lists), NOW), Err(Error::TooMuchWork));
    assert_eq!(verify(&root, &chain, with(&lists[..99]), NOW), Ok(()));
}

#[test]
fn anchors_with_other_lists_have_another_fingerprint() {
    let authority = Authority::new("a");
    let with = |lists: &[&[u8]], change: fn(&mut Revocation)| {
        let (mut roots, mut revocation) = (RootStore::new(), Revocation::new());
        roots.add_der(&authority.certificate).expect("an anchor");
        lists.iter().for_each(|list| revocation.add_der(list).expect("a list"));
        change(&mut revocation);
        roots.check_revocation(revocation);
        roots.fingerprint()
    };
    let (one, other) = (authority.list(&[1]), authority.list(&[2]));
    assert_eq!(with(&[&one], |_| {}), with(&[&one], |_| {}));
    let mut without = RootStore::new();
    without.add_der(&authority.certificate).expect("an anchor");
    let mut all = vec![
        without.fingerprint(),
        with(&[], |_| {}),
        with(&[&one], |_| {}),
        with(&[&other], |_| {}),
        with(&[&one, &other], |_| {}),
        with(&[&one], |revocation| revocation.accepts_unknown = true),
        with(&[&one], |revocation| revocation.only_end_certificate = true),
    ];
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 7);
}
