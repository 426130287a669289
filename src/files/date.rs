//! Dates as HTTP writes them (RFC 9110 section 5.6.7), and as people and logs read them.

use http::HttpDate;
use std::time::{SystemTime, UNIX_EPOCH};

/// `Sun, 06 Nov 1994 08:49:37 GMT` for seconds since 1970.
pub fn http_date(unix_seconds: u64) -> String {
    HttpDate::from_unix(unix_seconds).to_string()
}

/// `1994-11-06`, for people.
pub fn plain_date(unix_seconds: u64) -> String {
    let (year, month, day) = HttpDate::from_unix(unix_seconds).day();
    format!("{year:04}-{month:02}-{day:02}")
}

/// `1994-11-06T08:49:37.123Z` (RFC 3339), for logs.
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let second_of_day = since.as_secs() % 86_400;
    let (year, month, day) = HttpDate::from_unix(since.as_secs()).day();
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// `06/Nov/1994:08:49:37 +0000`, as the logs of web servers have it.
pub fn log_date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (second_of_day, text) = (seconds % 86_400, HttpDate::from_unix(seconds).to_string());
    // `Sun, 06 Nov 1994 08:49:37 GMT` has what is needed, and the names of the months.
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{}/{}/{}:{hour:02}:{minute:02}:{second:02} +0000", part(5..7), part(8..11), part(12..16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(plain_date(784_111_777), "1994-11-06");
        let moment = UNIX_EPOCH + std::time::Duration::from_millis(784_111_777_042);
        assert_eq!(rfc3339(moment), "1994-11-06T08:49:37.042Z");
        assert_eq!(log_date(moment), "06/Nov/1994:08:49:37 +0000");
    }
}
