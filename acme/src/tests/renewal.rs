//! When certificates are renewed.

use super::authority::{Authority, load};
use crate::renewal::rfc3339;
use crate::{Answer, Due, Schedule, certificate_id, renewal_request};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use base::{Duration, Random};
use crypto::KeyKind;
use crypto_ring::PROVIDER;

const DAY: u64 = 86_400;
/// As the authority in memory issues them.
const FROM: u64 = 1_000_000;
const TO: u64 = FROM + 90 * DAY;

/// Always the same number.
struct Fixed(u64);

impl Random for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0.to_be_bytes()[..bytes.len()]);
    }
}

fn leaf() -> Vec<u8> {
    let key = (PROVIDER.generate_key)(KeyKind::EcP256).unwrap();
    let pem = Authority::new().certify(&*load(&key), &["one.example"]);
    x509::load_certificates_pem(pem.as_bytes()).unwrap()[0].to_vec()
}

#[test]
fn without_a_word_it_is_renewed_when_a_third_is_left_or_a_little_before() {
    let leaf = leaf();
    for (drawn, before) in [(0, 0), (90 * DAY / 20, 90 * DAY / 20), (90 * DAY / 20 + 1, 0), (5, 5)] {
        assert_eq!(Schedule::of(&leaf, &mut Fixed(drawn)).renew_at(), TO - 30 * DAY - before, "{drawn}");
    }
    let mut schedule = Schedule::of(&leaf, &mut Fixed(0));
    assert_eq!(schedule.due(FROM), Due::Ask);
    schedule.on_silence(FROM);
    assert_eq!(schedule.due(FROM), Due::Nothing(Duration::from_secs(3600)));
    assert_eq!(schedule.due(FROM + 6 * 3600 - 5), Due::Nothing(Duration::from_secs(5)));
    assert_eq!(schedule.due(FROM + 6 * 3600), Due::Ask);
    assert_eq!(schedule.due(TO - 30 * DAY), Due::Renew);
    assert_eq!(Schedule::none().due(0), Due::Renew);
    assert_eq!(Schedule::of(b"no certificate", &mut Fixed(0)).due(0), Due::Renew);
}

fn told(start: &str, end: &str) -> Answer {
    let body = format!("{{\"suggestedWindow\":{{\"start\":\"{start}\",\"end\":\"{end}\"}}}}").into_bytes();
    Answer { status: 200, body, ..Answer::default() }
}

#[test]
fn the_authority_s_window_counts_and_a_time_in_it_is_drawn_once() {
    let mut schedule = Schedule::of(&leaf(), &mut Fixed(0));
    let window = told("1970-01-12T13:46:40Z", "1970-01-12T13:46:50Z");
    schedule.on_renewal_info(1, &window, &mut Fixed(3)).unwrap();
    assert_eq!(schedule.renew_at(), 999_999 + 1 + 3);
    schedule.on_renewal_info(1, &window, &mut Fixed(7)).unwrap();
    assert_eq!(schedule.renew_at(), 1_000_003, "drawn once");
    // The certificate is to be revoked: now.
    schedule.on_renewal_info(1, &told("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"), &mut Fixed(0)).unwrap();
    assert_eq!(schedule.due(2), Due::Renew);
    for (retry_after, wait) in [(Some(1), 60), (Some(600), 600), (Some(30 * DAY), DAY), (None, 6 * 3600)] {
        let mut schedule = Schedule::of(&leaf(), &mut Fixed(0));
        let answer = Answer { retry_after: retry_after.map(Duration::from_secs), ..window.clone() };
        schedule.on_renewal_info(5, &answer, &mut Fixed(3)).unwrap();
        assert_eq!(schedule.due(5 + wait), Due::Ask);
        assert_ne!(schedule.due(4 + wait), Due::Ask);
    }
}

#[test]
fn a_window_that_is_none_changes_nothing() {
    let mut schedule = Schedule::of(&leaf(), &mut Fixed(0));
    let before = schedule.renew_at();
    let not_found = Answer { status: 404, ..Answer::default() };
    let empty = Answer { status: 200, body: b"{}".to_vec(), ..Answer::default() };
    let backwards = told("1970-01-02T00:00:00Z", "1970-01-01T00:00:00Z");
    for answer in [not_found, empty, backwards, told("soon", "later")] {
        assert!(schedule.on_renewal_info(1, &answer, &mut Fixed(0)).is_err());
        assert_eq!(schedule.renew_at(), before);
        assert_ne!(schedule.due(2), Due::Ask, "it is not asked again at once");
    }
    let text = schedule.on_renewal_info(1, &told("soon", "later"), &mut Fixed(0)).unwrap_err().to_string();
    assert!(text.ends_with("`suggestedWindow` has no time `start`"), "{text}");
}

#[test]
fn attempts_are_made_later_and_later() {
    let mut schedule = Schedule::none();
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let pause = schedule.on_failure(1000, None, &mut Fixed(0)).as_secs();
        assert_eq!(
            (schedule.due(1000 + pause - 1), schedule.due(1000 + pause)),
            (Due::Nothing(Duration::from_secs(1)), Due::Renew)
        );
        pauses.push(pause);
    }
    assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3840, 7680, 15_360, 21_600, 21_600, 21_600]);
    let asked = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(Schedule::none().on_failure(0, asked(3600), &mut Fixed(0)).as_secs(), 3600);
    assert_eq!(Schedule::none().on_failure(0, asked(u64::MAX), &mut Fixed(0)).as_secs(), 7 * DAY);
    assert_eq!(Schedule::none().on_failure(0, asked(3600), &mut Fixed(900)).as_secs(), 4500, "by chance");
}

#[test]
fn a_certificate_is_named_by_its_issuer_s_key_and_its_number() {
    let leaf = leaf();
    let id = certificate_id(&leaf).unwrap();
    let (issuer, serial) = id.split_once('.').unwrap();
    assert_eq!(issuer.len(), 27, "20 bytes");
    assert_eq!(super::authority::decode(serial), x509::Certificate::parse(&leaf).unwrap().serial_number());
    assert_eq!(renewal_request("https://a/ri", "x.y"), renewal_request("https://a/ri/", "x.y"));
    assert_eq!(renewal_request("https://a/ri", "x.y").url, "https://a/ri/x.y");
    assert_eq!(certificate_id(b""), None);
}

#[test]
fn times_are_read_as_the_standard_has_them() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2000-02-29T12:30:15Z", Some(951_827_415)),
        ("2021-01-03T00:00:00.123456789Z", Some(1_609_632_000)),
        ("2021-01-03t02:00:00+02:00", Some(1_609_632_000)),
        ("2021-01-02 22:30:00-01:30", Some(1_609_632_000)),
        ("2038-01-19T03:14:08Z", Some(1 << 31)),
        ("1969-12-31T23:59:59Z", None),
        ("2021-13-03T00:00:00Z", None),
        ("2021-01-03T24:00:00Z", None),
        ("2021-01-03T00:00:00", None),
        ("2021-01-03T00:00:00.Z", None),
        ("2021-01-03T00:00:00+2:00", None),
        ("2021-01-03T00:00:00+24:00", None),
        ("2021-01-03T00:00:00Zx", None),
        ("+021-01-03T00:00:00Z", None),
        ("2021-01-03", None),
        ("\u{e9}021-01-03T00:00:00Z", None),
        ("", None),
    ] {
        assert_eq!(rfc3339(text), seconds, "{text}");
    }
}
