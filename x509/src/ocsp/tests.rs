use super::*;
use crate::issue::{self, IssueRequest};
use crate::issue_response::{self, ResponseRequest, ocsp_response};
use crate::pem::load_certificates_pem;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec;
use crypto::{KeyKind, PrivateKeyFormat, SecretBytes, SigningKey};
use crypto_ring::PROVIDER;

/// When openssl made its responses.
const MADE: u64 = 1_795_869_716;
const WEEK: u64 = 7 * 86_400;

fn made(name: &str) -> &'static [u8] {
    match name {
        "good" => include_bytes!("../../tests/made/ocsp/good.der"),
        "good-sha256" => include_bytes!("../../tests/made/ocsp/good-sha256.der"),
        "revoked" => include_bytes!("../../tests/made/ocsp/revoked.der"),
        "unknown" => include_bytes!("../../tests/made/ocsp/unknown.der"),
        _ => include_bytes!("../../tests/made/ocsp/endless.der"),
    }
}

fn chain() -> Vec<CertificateDer<'static>> {
    load_certificates_pem(include_bytes!("../../tests/made/ocsp/chain.pem")).expect("a chain")
}

fn stapled(der: &[u8], chain: &[CertificateDer<'_>], now: u64) -> Result<Staple, OcspProblem> {
    OcspResponse::read(der)?.staple(&PROVIDER, chain, now)
}

/// RFC 6960 section 4.2.1.
#[test]
fn what_openssl_answers_is_understood() {
    let chain = chain();
    for name in ["good", "good-sha256"] {
        let staple = stapled(made(name), &chain, MADE).expect("a staple");
        assert_eq!((staple.der(), staple.next_update()), (made(name), (MADE + WEEK) as i64));
        // Without the issuer's certificate its key cannot be compared.
        assert_eq!(stapled(made(name), &chain[..1], MADE), Ok(staple));
        assert_eq!(stapled(made(name), &chain[1..], MADE), Err(OcspProblem::OtherCertificate));
        assert_eq!(stapled(made(name), &[], MADE), Err(OcspProblem::OtherCertificate));
    }
    assert!(matches!(stapled(made("revoked"), &chain, MADE), Err(OcspProblem::Revoked(_))));
    assert_eq!(stapled(made("endless"), &chain, MADE), Err(OcspProblem::Stale(Staleness::Endless)));
    // The answer of openssl about a certificate that it does not know has the serial number that was asked for.
    assert_eq!(stapled(made("unknown"), &chain, MADE), Err(OcspProblem::Unknown));
}

#[test]
fn a_response_is_sent_from_this_update_to_next_update() {
    let chain = chain();
    let staple = stapled(made("good"), &chain, MADE).expect("a staple");
    for (now, is_current) in [(MADE - 1, false), (MADE, true), (MADE + WEEK, true), (MADE + WEEK + 1, false)] {
        assert_eq!(stapled(made("good"), &chain, now).is_ok(), is_current, "{now}");
        assert_eq!(staple.is_current(now), is_current, "{now}");
    }
    let over = stapled(made("good"), &chain, u64::MAX).expect_err("over").to_string();
    assert!(over.contains("was good until 2026-12-05 12:41:56 UTC") && over.contains("fetch a new one"), "{over}");
}

struct Authority {
    certificate: CertificateDer<'static>,
    pkcs8: SecretBytes,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let pkcs8 = crypto_ring::generate_key(KeyKind::Ed25519).expect("a key");
        let certificate =
            issue::self_signed(&PROVIDER, &pkcs8, &request(name, true)).expect("an authority").certificate;
        Authority { certificate, pkcs8 }
    }

    fn key(&self) -> Box<dyn SigningKey> {
        crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &self.pkcs8).expect("a key")
    }

    fn server(&self) -> CertificateDer<'static> {
        self.server_with(SERIAL)
    }

    fn server_with(&self, serial: [u8; 16]) -> CertificateDer<'static> {
        let pkcs8 = crypto_ring::generate_key(KeyKind::Ed25519).expect("a key");
        let key = crypto_ring::load_key(PrivateKeyFormat::Pkcs8, &pkcs8).expect("a key");
        let request = IssueRequest { serial, ..request("a.example", false) };
        issue::issued_by(&PROVIDER, &self.certificate, &*self.key(), &*key, &request).expect("a certificate")
    }

    fn response(&self, certificate: &CertificateDer<'_>, revoked_unix: Option<u64>) -> Vec<u8> {
        let request = ResponseRequest { revoked_unix, this_update_unix: MADE, next_update_unix: MADE + WEEK };
        ocsp_response(&PROVIDER, &self.certificate, &*self.key(), certificate, &request).expect("a response")
    }
}

/// If nothing else is said, all have one serial number.
const SERIAL: [u8; 16] = [9; 16];

fn request(name: &str, is_authority: bool) -> IssueRequest {
    let names = vec![name.into()];
    IssueRequest { names, not_before_unix: MADE, lifetime_seconds: WEEK, serial: SERIAL, is_authority }
}

/// Serial numbers are unique for each issuer only.
#[test]
fn a_response_of_another_authority_is_about_another_certificate() {
    // Of the same name, so that only the key tells them apart; and of another.
    let (one, namesake, other) = (Authority::new("one"), Authority::new("one"), Authority::new("other"));
    let leaf = one.server();
    let chain = [leaf.clone(), one.certificate.clone()];
    assert!(stapled(&one.response(&leaf, None), &chain, MADE).is_ok());
    assert_eq!(stapled(&one.response(&leaf, Some(MADE)), &chain, MADE), Err(OcspProblem::Revoked(MADE as i64)));
    assert_eq!(stapled(&other.response(&leaf, None), &chain, MADE), Err(OcspProblem::OtherCertificate));
    assert_eq!(stapled(&namesake.response(&leaf, None), &chain, MADE), Err(OcspProblem::OtherCertificate));
    let alone = &chain[..1];
    assert!(stapled(&namesake.response(&leaf, None), alone, MADE).is_ok(), "the key is not known");
    assert_eq!(stapled(&other.response(&leaf, None), alone, MADE), Err(OcspProblem::OtherCertificate));
}

/// In whatever order they come.
#[test]
fn of_several_answers_the_newest_that_is_current_counts() {
    const HOUR: u64 = 3600;
    let authority = Authority::new("one");
    let leaf = authority.server();
    let chain = [leaf.clone(), authority.certificate.clone()];
    let at = |hours: i64| MADE.saturating_add_signed(hours * HOUR as i64);
    let answer = |(revoked, from, until): (bool, i64, i64)| {
        let revoked_unix = revoked.then_some(MADE);
        let request = ResponseRequest { revoked_unix, this_update_unix: at(from), next_update_unix: at(until) };
        issue_response::answer(&PROVIDER, &authority.certificate, &leaf, &request).expect("an answer")
    };
    // Good or revoked, from, until, in hours from now; and until when it is sent, or why not.
    const GOOD: bool = false;
    const REVOKED: bool = true;
    let (revoked, over) = (OcspProblem::Revoked(MADE as i64), OcspProblem::Stale(Staleness::Over(at(-1) as i64)));
    for (one, other, expected) in [
        ((GOOD, -2, 2), (GOOD, -1, 1), Ok(1)),
        ((GOOD, -2, 1), (GOOD, -1, 2), Ok(2)),
        // One that is over, not yet good, or about another time, does not count beside one that is current.
        ((GOOD, -9, -1), (GOOD, -10, 3), Ok(3)),
        ((GOOD, 1, 9), (GOOD, -10, 3), Ok(3)),
        ((REVOKED, -9, -1), (GOOD, -10, 3), Ok(3)),
        ((REVOKED, 1, 9), (GOOD, -10, 3), Ok(3)),
        // What is newer is what the responder knows now.
        ((REVOKED, -2, 2), (GOOD, -1, 2), Ok(2)),
        ((GOOD, -2, 2), (REVOKED, -1, 2), Err(revoked.clone())),
        ((GOOD, -1, 2), (REVOKED, -1, 2), Err(revoked)),
        // If none is current, the newest is told.
        ((GOOD, -9, -2), (GOOD, -8, -1), Err(over)),
    ] {
        for order in [[one, other], [other, one]] {
            let answers = order.map(answer);
            let response = issue_response::signed(&authority.certificate, &*authority.key(), &answers, MADE);
            let result = stapled(&response.expect("a response"), &chain, MADE).map(|staple| staple.next_update());
            assert_eq!(result, expected.clone().map(|hours| at(hours) as i64), "{order:?}");
        }
    }
    // Answers about others do not count, however new they are.
    let other = authority.server_with([8; 16]);
    let of = |certificate: &CertificateDer<'_>, revoked_unix, from| {
        let request = ResponseRequest { revoked_unix, this_update_unix: at(from), next_update_unix: at(9) };
        issue_response::answer(&PROVIDER, &authority.certificate, certificate, &request).expect("an answer")
    };
    let answers = [of(&other, Some(MADE), -1), of(&leaf, None, -2)];
    let response =
        issue_response::signed(&authority.certificate, &*authority.key(), &answers, MADE).expect("a response");
    assert!(stapled(&response, &chain, MADE).is_ok());
    assert_eq!(stapled(&response, &[other], MADE), Err(OcspProblem::Revoked(MADE as i64)));
}

#[test]
fn what_is_no_answer_is_told() {
    let unsuccessful = |status: u8| OcspResponse::read(&[0x30, 3, 0x0a, 1, status]);
    assert_eq!(unsuccessful(3), Err(OcspProblem::NotSuccessful("tryLater")));
    assert_eq!(unsuccessful(6), Err(OcspProblem::NotSuccessful("unauthorized")));
    assert_eq!(unsuccessful(0), Err(OcspProblem::Malformed("responseBytes")));
    assert_eq!(unsuccessful(4), Err(OcspProblem::Malformed("responseStatus")));
    assert_eq!(OcspResponse::read(&vec![0; MAX_LEN + 1]), Err(OcspProblem::TooLong));
    let pem = b"-----BEGIN CERTIFICATE-----";
    assert!(OcspResponse::read(pem).expect_err("PEM").to_string().contains("no OCSP response in DER"));
}

#[test]
fn no_cut_is_read_and_no_change_panics() {
    let chain = chain();
    for name in ["good", "good-sha256", "endless", "unknown", "revoked"] {
        let whole = made(name);
        for end in 0..whole.len() {
            assert!(OcspResponse::read(&whole[..end]).is_err(), "{name} {end}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.to_vec();
                changed[at] ^= 1 << bit;
                let _ = stapled(&changed, &chain, MADE);
            }
        }
    }
}
