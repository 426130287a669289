//! Dates as HTTP writes them (RFC 9110 section 5.6.7): all three forms are read, one is written. Nothing here knows what
//! time it is.

use core::fmt;

/// A moment, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpDate(i64);

/// `9999-12-31T23:59:59`: the form has four digits for the year.
const LATEST: i64 = 253_402_300_799;
/// `0000-01-01T00:00:00`.
const EARLIEST: i64 = -62_167_219_200;

const DAY: i64 = 86_400;

const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// How many letters of a weekday are written.
const SHORT: usize = 3;

impl HttpDate {
    /// How long the written form is, in bytes.
    pub const LEN: usize = 29;

    /// 1994-11-06T08:49:37, the example of RFC 9110.
    #[cfg(test)]
    pub(crate) const SUNDAY: HttpDate = HttpDate(784_111_777);

    /// So many seconds after the beginning of 1970; at the latest the end of the year 9999.
    pub fn from_unix(seconds: u64) -> HttpDate {
        HttpDate(i64::try_from(seconds).map_or(LATEST, |seconds| seconds.min(LATEST)))
    }

    /// Seconds since the beginning of 1970; negative before.
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`. Where a year has
    /// two digits, `now` says which century is meant. `None` if it is none of them, or no day of the calendar.
    /// RFC 9110 section 5.6.7-1.
    pub fn parse(text: &[u8], now: HttpDate) -> Option<HttpDate> {
        let text = core::str::from_utf8(text).ok()?;
        match text.split_once(", ") {
            Some((weekday, rest)) if weekday.len() == SHORT => fixed(weekday, rest),
            Some((weekday, rest)) => with_short_year(weekday, rest, now),
            None => as_of_c(text),
        }
    }

    /// The written form: `Sun, 06 Nov 1994 08:49:37 GMT`.
    /// RFC 9110 section 5.6.7-2, 5.6.7-3.
    pub fn to_bytes(self) -> [u8; HttpDate::LEN] {
        let (days, second) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let mut out = *b"Thu, 01 Jan 1970 00:00:00 GMT";
        let weekday = WEEKDAYS.iter().cycle().nth(days.rem_euclid(7) as usize);
        let month = MONTHS.get((month - 1) as usize);
        let (Some(weekday), Some(month)) = (weekday, month) else {
            unreachable!("a week has seven days, a year twelve months")
        };
        put(&mut out, 0, weekday.as_bytes().iter().copied().take(SHORT));
        put(&mut out, 5, digits(day, 2));
        put(&mut out, 8, month.bytes());
        put(&mut out, 12, digits(year, 4));
        put(&mut out, 17, digits(second / 3600, 2));
        put(&mut out, 20, digits(second / 60 % 60, 2));
        put(&mut out, 23, digits(second % 60, 2));
        out
    }

    /// Year, month and day of the Gregorian calendar, in universal time.
    pub fn day(self) -> (i64, i64, i64) {
        civil(self.0.div_euclid(DAY))
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.to_bytes()).expect("a date is ASCII"))
    }
}

fn put(out: &mut [u8], at: usize, bytes: impl Iterator<Item = u8>) {
    out.iter_mut().skip(at).zip(bytes).for_each(|(place, byte)| *place = byte);
}

fn digits(number: i64, width: u32) -> impl Iterator<Item = u8> {
    (0..width).rev().map(move |place| b'0' + (number / 10i64.pow(place) % 10) as u8)
}

/// `06 Nov 1994 08:49:37 GMT`, after the weekday.
fn fixed(weekday: &str, rest: &str) -> Option<HttpDate> {
    is_weekday(weekday, SHORT).then_some(())?;
    let mut words = rest.split(' ');
    let (day, month, year) = (number(words.next()?, 2)?, month(words.next()?)?, number(words.next()?, 4)?);
    let second = of_day(words.next()?)?;
    (words.next() == Some("GMT") && words.next().is_none()).then_some(())?;
    date(year, month, day, second)
}

/// `06-Nov-94 08:49:37 GMT`, after the weekday.
/// RFC 9110 section 5.6.7-4.
fn with_short_year(weekday: &str, rest: &str, now: HttpDate) -> Option<HttpDate> {
    is_weekday(weekday, usize::MAX).then_some(())?;
    let mut words = rest.split(' ');
    let mut day_month_year = words.next()?.split('-');
    let (day, month) = (number(day_month_year.next()?, 2)?, month(day_month_year.next()?)?);
    let year = number(day_month_year.next()?, 2)?;
    let second = of_day(words.next()?)?;
    let ends = day_month_year.next().is_none() && words.next() == Some("GMT") && words.next().is_none();
    ends.then_some(())?;
    let (this_year, this_month, today) = civil(now.0.div_euclid(DAY));
    let in_fifty_years = moment(this_year + 50, this_month, today, now.0.rem_euclid(DAY));
    let century = this_year / 100 * 100;
    // The latest year with these digits that is not more than fifty years away. That it is no day of the calendar (29 February)
    // is true of that year alone.
    let is_near = |year: &i64| moment(*year, month, day, second) <= in_fifty_years;
    let year = [century + 100, century, century - 100].map(|century| century + year).into_iter().find(is_near)?;
    date(year, month, day, second)
}

/// `Sun Nov  6 08:49:37 1994`: the form of C's `asctime`.
fn as_of_c(text: &str) -> Option<HttpDate> {
    let (weekday, rest) = text.split_once(' ')?;
    is_weekday(weekday, SHORT).then_some(())?;
    let (month_name, rest) = rest.split_once(' ')?;
    let month = month(month_name)?;
    let (day, rest) = rest.split_at_checked(2)?;
    let day = number(day.strip_prefix(' ').unwrap_or(day), if day.starts_with(' ') { 1 } else { 2 })?;
    let (time, year) = rest.strip_prefix(' ')?.split_once(' ')?;
    date(number(year, 4)?, month, day, of_day(time)?)
}

/// Whether these are so many letters of a weekday. That it is the weekday of the date is not looked at: the rest says it all.
fn is_weekday(text: &str, letters: usize) -> bool {
    WEEKDAYS.iter().any(|weekday| weekday.get(..letters).unwrap_or(weekday) == text)
}

/// Exactly so many digits.
fn number(text: &str, width: usize) -> Option<i64> {
    let is_plain = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn month(text: &str) -> Option<i64> {
    let place = MONTHS.iter().position(|month| *month == text)?;
    i64::try_from(place + 1).ok()
}

/// `08:49:37`. A leap second is the first second of the next minute.
fn of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let is_valid = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    is_valid.then_some(hour * 3600 + minute * 60 + second)
}

fn date(year: i64, month: i64, day: i64, second: i64) -> Option<HttpDate> {
    let moment = moment(year, month, day, second);
    // The calendar gives another day back where this one does not exist.
    let is_day = civil((moment - second).div_euclid(DAY)) == (year, month, day);
    (is_day && (EARLIEST..=LATEST).contains(&moment)).then_some(HttpDate(moment))
}

fn moment(year: i64, month: i64, day: i64, second: i64) -> i64 {
    days(year, month, day) * DAY + second
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01. Years are counted from March on, so that the day
/// that is not always there comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    // From 0000-03-01 on, in cycles of 400 years.
    let days = days + 719_468;
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (cycle * 400 + year + i64::from(month <= 2), month, day)
}

/// The way back.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day = (153 * month + 2) / 5 + day - 1;
    cycle * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    const MOMENT: HttpDate = HttpDate::SUNDAY;

    fn parse(text: &str) -> Option<HttpDate> {
        HttpDate::parse(text.as_bytes(), MOMENT)
    }

    /// RFC 9110 section 5.6.7-2, 5.6.7-3.
    #[test]
    fn known_moments_are_written() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let date = HttpDate::from_unix(seconds);
            assert_eq!(date.to_string(), text);
            assert_eq!(parse(text), Some(date));
        }
        assert_eq!(MOMENT.day(), (1994, 11, 6));
    }

    /// RFC 9110 section 5.6.7-1.
    #[test]
    fn all_three_forms_are_read() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text), Some(MOMENT), "{text}");
        }
        assert_eq!(parse("Wed Nov 16 08:49:37 1994"), Some(HttpDate(784_111_777 + 10 * DAY)));
        assert_eq!(parse("Mon, 01 Jan 1900 00:00:00 GMT").unwrap().unix_seconds(), -2_208_988_800);
        assert_eq!(parse("Fri, 31 Dec 1999 23:59:60 GMT"), parse("Sat, 01 Jan 2000 00:00:00 GMT"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "0",
            "784111777",
            "Sun",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Tue, 29 Feb 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 +8:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(HttpDate::parse(b"Sun, 06 Nov 1994 08:49:37 \xff", MOMENT), None);
    }

    /// RFC 9110 section 5.6.7-4.
    #[test]
    fn a_year_of_two_digits_is_never_more_than_fifty_years_ahead() {
        for (now, digits, year) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 94, 1994),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 44, 2044),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 45, 1945),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 2000),
            ("Sat, 28 Nov 2026 00:00:00 GMT", 94, 1994),
            ("Sat, 28 Nov 2026 00:00:00 GMT", 76, 2076),
            ("Sat, 28 Nov 2026 00:00:00 GMT", 77, 1977),
            ("Sat, 28 Nov 2026 00:00:00 GMT", 26, 2026),
        ] {
            let now = parse(now).unwrap();
            let text = format!("Sunday, 06-Nov-{digits:02} 08:00:00 GMT");
            let date = HttpDate::parse(text.as_bytes(), now).unwrap();
            assert_eq!(date.day(), (year, 11, 6), "{text} at {now}");
        }
        // The 29th of February of the year that is meant, and of no other.
        let now = parse("Sat, 28 Nov 2026 00:00:00 GMT").unwrap();
        assert!(HttpDate::parse(b"Tuesday, 29-Feb-00 00:00:00 GMT", now).is_some());
        assert!(HttpDate::parse(b"Tuesday, 29-Feb-01 00:00:00 GMT", now).is_none());
    }

    #[test]
    fn the_calendar_goes_there_and_back() {
        for day in (EARLIEST / DAY..=LATEST / DAY).step_by(13) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
            let date = HttpDate(day * DAY);
            assert_eq!(parse(&date.to_string()), Some(date));
        }
    }
}
