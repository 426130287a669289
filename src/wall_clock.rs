//! The time of day, for certificates and for the Date of responses.

use http::HttpDate;
use std::cell::Cell;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl tls::WallClock for SystemClock {
    fn unix_seconds(&self) -> u64 {
        runtime::clock::unix_seconds()
    }

    fn unix_millis(&self) -> u64 {
        runtime::clock::unix_millis()
    }
}

/// Now, as the Date of a response says it (RFC 9110 section 6.6.1). Written once for each second and thread.
pub(crate) fn date_now() -> [u8; HttpDate::LEN] {
    thread_local! {
        static LAST: Cell<Option<(u64, [u8; HttpDate::LEN])>> = const { Cell::new(None) };
    }
    let now = runtime::clock::unix_seconds();
    match LAST.get() {
        Some((second, text)) if second == now => text,
        _ => {
            let text = HttpDate::from_unix(now).to_bytes();
            LAST.set(Some((now, text)));
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 section 6.6.1-2.
    #[test]
    fn the_date_is_that_of_the_system() {
        let before = runtime::clock::unix_seconds();
        let (first, second) = (date_now(), date_now());
        let after = HttpDate::from_unix(runtime::clock::unix_seconds());
        for text in [first, second] {
            let date = HttpDate::parse(&text, after).unwrap();
            assert!(HttpDate::from_unix(before) <= date && date <= after);
        }
    }
}
