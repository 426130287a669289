//! Why what an authority said of its certificates does not count at a time: revocation lists and OCSP responses are good from
//! thisUpdate to nextUpdate (RFC 5280 section 5.1.2.5, RFC 6960 section 2.4).

use crate::text::Date;
use core::fmt;

/// Why something with a thisUpdate and a nextUpdate is not current. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// Its thisUpdate is in the future.
    NotYet(i64),
    /// Its nextUpdate is past.
    Over(i64),
    /// It has no nextUpdate, so that nobody can say for how long it is good.
    Endless,
}

impl Staleness {
    /// Both ends are within the time.
    pub(crate) fn of(this_update: i64, next_update: Option<i64>, now: i64) -> Option<Staleness> {
        match next_update {
            _ if now < this_update => Some(Staleness::NotYet(this_update)),
            None => Some(Staleness::Endless),
            Some(next) if next < now => Some(Staleness::Over(next)),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Staleness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Staleness::NotYet(from) => write!(f, "is not good before {} (thisUpdate)", Date(*from)),
            Staleness::Over(until) => write!(f, "was good until {} (nextUpdate)", Date(*until)),
            Staleness::Endless => f.write_str("has no nextUpdate, so that nobody can say for how long it is good"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn both_ends_are_within() {
        let at = |now| Staleness::of(10, Some(20), now);
        assert_eq!([9, 10, 20, 21].map(at), [Some(Staleness::NotYet(10)), None, None, Some(Staleness::Over(20))]);
        assert_eq!(Staleness::of(10, None, 15), Some(Staleness::Endless));
        assert_eq!(Staleness::of(10, None, 5), Some(Staleness::NotYet(10)));
        assert_eq!(Staleness::Over(0).to_string(), "was good until 1970-01-01 00:00:00 UTC (nextUpdate)");
    }
}
