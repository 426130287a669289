//! Turning what a certificate says into text that is safe to print: escaped, bounded, dated.

use alloc::string::String;
use core::fmt;

/// Characters of peer text that an error keeps; DNS names fit whole.
const MAX_TEXT: usize = 255;

/// `text` with control characters, invisible direction marks and quotes escaped, cut after [`MAX_TEXT`] characters.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == MAX_TEXT {
            out.push_str("...");
            break;
        }
        // Debug escaping covers control characters, unassigned ones and direction marks alike.
        if character == '\'' || character == '"' { out.push(character) } else { out.extend(character.escape_debug()) }
    }
    out
}

/// As [`escaped`], for bytes that may not be UTF-8.
pub(crate) fn escaped_bytes(bytes: &[u8]) -> String {
    // Four bytes per character at most: what is beyond would be cut anyway.
    let bounded = bytes.chunks(4 * (MAX_TEXT + 1)).next().unwrap_or_default();
    escaped(&String::from_utf8_lossy(bounded))
}

/// Seconds since 1970, printed as `2026-11-21 05:30:00 UTC`.
pub(crate) struct Date(pub(crate) i64);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, second) = (Civil::from_unix(self.0), self.0.rem_euclid(86_400));
        write!(f, "{:04}-{:02}-{:02} ", date.year, date.month, date.day)?;
        write!(f, "{:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
    }
}

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    /// Anno Domini.
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    /// 1 to 31.
    pub(crate) day: i64,
}

/// Days of 400 years, after which the calendar repeats.
const DAYS_OF_CYCLE: i64 = 146_097;

impl Civil {
    /// Days since 1970-01-01.
    pub(crate) fn days(self) -> i64 {
        // Years that begin in March have their leap day at the end, so a month's offset does not depend on the year.
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        cycle * DAYS_OF_CYCLE + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719_468
    }

    /// The day of a second.
    pub(crate) fn from_unix(seconds: i64) -> Civil {
        let days = seconds.div_euclid(86_400) + 719_468;
        let (cycle, of_cycle) = (days.div_euclid(DAYS_OF_CYCLE), days.rem_euclid(DAYS_OF_CYCLE));
        let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
        let of_year = of_cycle - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Civil { year: cycle * 400 + year + i64::from(month <= 2), month, day }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn dates_of_known_seconds() {
        assert_eq!(Date(0).to_string(), "1970-01-01 00:00:00 UTC");
        assert_eq!(Date(951_782_400).to_string(), "2000-02-29 00:00:00 UTC");
        assert_eq!(Date(1_711_929_599).to_string(), "2024-03-31 23:59:59 UTC");
        assert_eq!(Date(253_402_300_799).to_string(), "9999-12-31 23:59:59 UTC");
        assert_eq!(Date(-1).to_string(), "1969-12-31 23:59:59 UTC");
    }

    #[test]
    fn days_and_civil_dates_are_inverse() {
        for days in (-20_000..2_900_000).step_by(17) {
            assert_eq!(Civil::from_unix(days * 86_400).days(), days);
        }
    }

    #[test]
    fn peer_text_is_escaped_and_bounded() {
        assert_eq!(escaped("a\0b\u{1b}[31m\n\u{202e}"), "a\\0b\\u{1b}[31m\\n\\u{202e}");
        assert_eq!(escaped("it's \"so\""), "it's \"so\"", "quotes harm nobody");
        assert_eq!(escaped_bytes(&[b'a', 0xff]), "a\u{fffd}");
        // Characters of four bytes, one more than are kept: the cut is seen.
        assert_eq!(escaped_bytes("\u{1f600}".repeat(256).as_bytes()), format!("{}...", "\u{1f600}".repeat(255)));
        assert_eq!(escaped_bytes(&[b'a'; 100_000]), format!("{}...", "a".repeat(255)));
    }
}
