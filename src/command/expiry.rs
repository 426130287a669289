//! Until when the certificates, revocation lists and OCSP responses in use are good, and the warnings that are due because of that.

use posthaste::{Identity, date};
use std::time::Duration;
use x509::{Certificate, Validity};

const DAY: u64 = 86_400;
/// How long before its end who has to bring the next list or response should hear of it: seconds, the longest first.
pub const NOTICES: &[u64] = &[DAY];
/// The same of a certificate, which may take people to get.
const CERTIFICATE_NOTICES: &[u64] = &[30 * DAY, 7 * DAY, DAY];
/// What is a greater part of a certificate's life than one in so many is no notice: one that lives for months is renewed by a program
/// when a third of its life is left, and people need not hear of it each time.
const PART_OF_LIFE: u64 = 4;
/// The time of day is looked at again after no more than this, because it may be set.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How to bring the next of what is in a file.
pub const BY_FILE: &str = "put the next one there and send SIGHUP";
/// How to get another certificate where the server has made its own.
const BY_RESTART: &str = "start the server again for another";

/// Something in use that is good until a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// What it is, and in which file.
    pub what: String,
    /// What to do about its end.
    pub remedy: &'static str,
    /// What happens once it is not good any more.
    pub then: &'static str,
    /// The last second in which it is good, since 1970.
    pub until: u64,
    /// How long before that there is a warning: seconds, the longest first.
    pub notices: &'static [u64],
}

/// What is in use, and what was said of it. Each has one warning at each of its notices, and one at its end.
#[derive(Debug, Default)]
pub struct Expiries(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    of: InUse,
    /// How many of its warnings were given, or passed over because a later one was due.
    said: usize,
}

impl Expiries {
    /// Nothing was said of any of these.
    pub fn new(in_use: impl Iterator<Item = InUse>) -> Expiries {
        Expiries(in_use.map(|of| Entry { of, said: 0 }).collect())
    }

    /// The warnings that are due at this time, in seconds since 1970, and were not given.
    pub fn warnings(&mut self, now: u64) -> Vec<String> {
        let due = self.0.iter_mut().filter(|entry| entry.of.due(now) > entry.said);
        due.map(|entry| {
            entry.said = entry.of.due(now);
            entry.of.in_words(now)
        })
        .collect()
    }

    /// How long to wait until the next may be due; `None` if none will ever be.
    pub fn wait(&self, now: u64) -> Option<Duration> {
        let next = self.0.iter().filter_map(Entry::next).min()?;
        Some(Duration::from_secs(next.saturating_sub(now)).min(LONGEST_WAIT))
    }
}

impl Entry {
    /// When there is more to say of it.
    fn next(&self) -> Option<u64> {
        let InUse { until, notices, .. } = &self.of;
        match notices.get(self.said) {
            Some(notice) => Some(until.saturating_sub(*notice)),
            None => (self.said == notices.len()).then(|| until.saturating_add(1)),
        }
    }
}

impl InUse {
    /// The certificates that a server shows, its own first: of this file, or one made by itself. A path of clients leads through
    /// some of the others.
    pub fn certificates<'a>(file: Option<&'a str>, identity: &'a Identity) -> impl Iterator<Item = InUse> + 'a {
        identity.chain().iter().enumerate().filter_map(move |(place, der)| {
            let certificate = Certificate::parse(der).ok()?;
            let (what, remedy) = match file {
                Some(file) if place == 0 => (format!("the certificate in {file}"), BY_FILE),
                Some(file) => (format!("the certificate of {} in {file}", certificate.label()), BY_FILE),
                None => ("the development certificate".to_owned(), BY_RESTART),
            };
            let then = if place == 0 { "clients refuse the server" } else { "clients that need it refuse the server" };
            Some(InUse::certificate(&certificate, what, remedy, then))
        })
    }

    /// The authorities of clients in this file, which has this content. None vouches for anybody after its time.
    pub fn authorities(file: &str, pem: &[u8]) -> Vec<InUse> {
        let anchors = x509::load_certificates_pem(pem).unwrap_or_default();
        let anchors = anchors.iter().filter_map(|der| Certificate::parse(der).ok());
        let then = "clients that it vouches for are refused";
        anchors
            .map(|anchor| {
                InUse::certificate(&anchor, format!("the authority {} in {file}", anchor.label()), BY_FILE, then)
            })
            .collect()
    }

    fn certificate(certificate: &Certificate<'_>, what: String, remedy: &'static str, then: &'static str) -> InUse {
        let Validity { not_before, not_after, .. } = certificate.validity();
        // Both ends belong to its life (RFC 5280 section 4.1.2.5).
        let life = u64::try_from(not_after.saturating_sub(not_before).saturating_add(1)).unwrap_or(0);
        let until = u64::try_from(not_after).unwrap_or(0);
        InUse { what, remedy, then, until, notices: notices_of(life) }
    }

    /// How many warnings should have been given.
    fn due(&self, now: u64) -> usize {
        let Some(left) = self.until.checked_sub(now) else { return self.notices.len() + 1 };
        self.notices.iter().take_while(|notice| left <= **notice).count()
    }

    fn in_words(&self, now: u64) -> String {
        let InUse { what, remedy, then, until, .. } = self;
        let is = if now > *until { "was" } else { "is" };
        let until = date::http_date(*until);
        format!("warning: {what} {is} good until {until}: {remedy}; without it {then}")
    }
}

/// The notices that a certificate with a life of so many seconds has.
fn notices_of(life: u64) -> &'static [u64] {
    let is_short = |notice: &&u64| **notice <= life / PART_OF_LIFE;
    let too_long = CERTIFICATE_NOTICES.iter().take_while(|notice| !is_short(notice)).count();
    CERTIFICATE_NOTICES.get(too_long..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u64 = 1_800_000_000;
    const NONE: Vec<String> = Vec::new();

    fn of(until: u64) -> InUse {
        InUse { what: "the list".into(), remedy: BY_FILE, then: "it ends", until, notices: NOTICES }
    }

    #[test]
    fn each_stage_is_said_once_and_at_its_time() {
        let mut expiries = Expiries::new([of(END), of(END + 1_000_000)].into_iter());
        let soon = END - DAY;
        let mut said = |now| expiries.warnings(now);
        assert_eq!(said(soon - 1), NONE);
        let text = "warning: the list is good until Fri, 15 Jan 2027 08:00:00 GMT: put the next one there and send SIGHUP; \
                    without it it ends";
        assert_eq!(said(soon), [text]);
        assert_eq!([said(soon), said(END)], [NONE; 2]);
        assert_eq!(said(END + 1), [text.replace(" is ", " was ")]);
        // A clock that is set back makes nothing new of it.
        assert_eq!([said(END + 2), said(soon)], [NONE; 2]);
        // What is over already needs no notice that it will be.
        assert_eq!(Expiries::new([of(END)].into_iter()).warnings(END + 1).len(), 1);
    }

    #[test]
    fn waits_end_when_something_is_due() {
        let mut expiries = Expiries::new([of(END)].into_iter());
        let soon = END - DAY;
        assert_eq!(expiries.wait(0), Some(LONGEST_WAIT));
        assert_eq!(
            [soon - 10, soon, soon + 5].map(|now| expiries.wait(now)),
            [10, 0, 0].map(|wait| Some(Duration::from_secs(wait)))
        );
        expiries.warnings(soon);
        assert_eq!(expiries.wait(END - 4), Some(Duration::from_secs(5)));
        expiries.warnings(END + 1);
        assert_eq!(expiries.wait(END + 1), None);
        assert_eq!(Expiries::default().wait(0), None);
    }

    /// A month, a week and a day before, and after.
    #[test]
    fn a_certificate_is_told_four_times() {
        let certificate = InUse { notices: notices_of(365 * DAY), ..of(END) };
        let mut expiries = Expiries::new([certificate.clone()].into_iter());
        let mut at = END - 40 * DAY;
        let mut said = Vec::new();
        // As the server does it: it waits, and says what is due.
        while let Some(wait) = expiries.wait(at) {
            at += wait.as_secs();
            said.extend(
                expiries.warnings(at).iter().map(|text| (END.saturating_sub(at) / DAY, text.contains(" was "))),
            );
        }
        assert_eq!(said, [(30, false), (7, false), (1, false), (0, true)]);
        assert_eq!(at, END + 1);
        // Who is started in between hears of it once, and then of what is to come.
        for (days, first, then) in [(31, 0, 30), (29, 1, 7), (7, 1, 1), (3, 1, 1), (1, 1, 0)] {
            let now = END - days * DAY;
            let mut expiries = Expiries::new([certificate.clone()].into_iter());
            assert_eq!(expiries.warnings(now).len(), first, "{days} days before");
            let next = END - then * DAY + u64::from(then == 0);
            assert_eq!(expiries.0[0].next(), Some(next), "{days} days before");
        }
    }

    #[test]
    fn a_notice_is_a_small_part_of_a_life() {
        for (days, notices) in
            [(365, &[30, 7, 1][..]), (120, &[30, 7, 1]), (119, &[7, 1]), (90, &[7, 1]), (13, &[1]), (3, &[])]
        {
            let found: Vec<u64> = notices_of(days * DAY).iter().map(|notice| notice / DAY).collect();
            assert_eq!(found, notices, "{days} days");
        }
    }

    /// Not the first alone: a client that needs one of the others refuses the server as well.
    #[test]
    fn all_certificates_of_a_chain_and_all_authorities_are_told() {
        let identities = ["one.example", "two.example"].map(|name| Identity::development(&[name.to_owned()]).unwrap());
        let chain = identities.iter().flat_map(|identity| identity.chain().iter().cloned()).collect();
        let key = (crypto_ring::PROVIDER.generate_key)(crypto::KeyKind::EcP256).unwrap();
        let key = (crypto_ring::PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, &key).unwrap();
        let both = Identity::from_certified(std::sync::Arc::new(tls::CertifiedKey { chain, key }));
        let until = identities.each_ref().map(|identity| u64::try_from(identity.validity().1).unwrap());
        let label = Certificate::parse(&identities[1].chain()[0]).unwrap().label();
        let told = |in_use: &[InUse]| -> Vec<(String, u64)> {
            in_use.iter().map(|of| (format!("{}; {}", of.what, of.then), of.until)).collect()
        };
        let of_server: Vec<InUse> = InUse::certificates(Some("file"), &both).collect();
        assert_eq!(
            told(&of_server),
            [
                ("the certificate in file; clients refuse the server".into(), until[0]),
                (format!("the certificate of {label} in file; clients that need it refuse the server"), until[1]),
            ]
        );
        let pem: String = identities.iter().map(Identity::certificate_pem).collect();
        let of_clients = InUse::authorities("file", pem.as_bytes());
        assert_eq!(of_clients.len(), 2);
        assert_eq!(
            told(&of_clients[1..]),
            [(format!("the authority {label} in file; clients that it vouches for are refused"), until[1])]
        );
        assert!(of_server.iter().chain(&of_clients).all(|of| !of.notices.is_empty() && of.remedy == BY_FILE));
        assert_eq!(InUse::authorities("file", b"nothing"), []);
    }

    /// The server has made it, so that no file brings another.
    #[test]
    fn a_development_certificate_is_told_too() {
        let identity = Identity::development(&[]).unwrap();
        let until = u64::try_from(identity.validity().1).unwrap();
        let mut expiries = Expiries::new(InUse::certificates(None, &identity));
        assert_eq!(expiries.warnings(until - DAY - 1), NONE);
        for (now, is) in [(until - DAY, "is"), (until + 1, "was")] {
            let [text] = &expiries.warnings(now)[..] else { panic!("one at {now}") };
            assert!(text.starts_with(&format!("warning: the development certificate {is} good until ")), "{text}");
            assert!(
                text.ends_with("start the server again for another; without it clients refuse the server"),
                "{text}"
            );
        }
    }
}
