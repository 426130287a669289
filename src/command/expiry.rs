//! Until when the revocation lists and OCSP responses in use are good, and the warnings that are due because of that.

use posthaste::date;
use std::time::Duration;

/// Who has to bring the next one should hear of it a day before.
const NOTICE_SECONDS: u64 = 86_400;
/// The time of day is looked at again after no more than this, because it may be set.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Something in use that is good until a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// What it is, and in which file.
    pub what: String,
    /// What happens once it is not good any more.
    pub then: &'static str,
    /// The last second in which it is good, since 1970.
    pub until: u64,
}

/// What is in use, and what was said of it. Each has one warning a day before its end, and one at its end.
#[derive(Debug, Default)]
pub struct Expiries(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    of: InUse,
    said: Said,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Nothing,
    Soon,
    Over,
}

impl Expiries {
    /// Nothing was said of any of these.
    pub fn new(in_use: impl Iterator<Item = InUse>) -> Expiries {
        Expiries(in_use.map(|of| Entry { of, said: Said::Nothing }).collect())
    }

    /// The warnings that are due at this time, in seconds since 1970, and were not given.
    pub fn warnings(&mut self, now: u64) -> Vec<String> {
        let due = self.0.iter_mut().filter(|entry| entry.of.due(now) > entry.said);
        due.map(|entry| {
            entry.said = entry.of.due(now);
            entry.of.in_words(entry.said)
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
        match self.said {
            Said::Nothing => Some(self.of.until.saturating_sub(NOTICE_SECONDS)),
            Said::Soon => Some(self.of.until.saturating_add(1)),
            Said::Over => None,
        }
    }
}

impl InUse {
    fn due(&self, now: u64) -> Said {
        if now > self.until {
            Said::Over
        } else if self.until - now <= NOTICE_SECONDS {
            Said::Soon
        } else {
            Said::Nothing
        }
    }

    fn in_words(&self, said: Said) -> String {
        let InUse { what, then, until } = self;
        let is = if said == Said::Over { "was" } else { "is" };
        let until = date::http_date(*until);
        format!("warning: {what} {is} good until {until}: put the next one there and send SIGHUP; without it {then}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u64 = 1_800_000_000;
    const NONE: Vec<String> = Vec::new();

    fn of(until: u64) -> InUse {
        InUse { what: "the list".into(), then: "it ends", until }
    }

    #[test]
    fn each_stage_is_said_once_and_at_its_time() {
        let mut expiries = Expiries::new([of(END), of(END + 1_000_000)].into_iter());
        let soon = END - NOTICE_SECONDS;
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
        let soon = END - NOTICE_SECONDS;
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
}
