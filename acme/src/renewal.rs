//! When a certificate is renewed: when its authority wants it to be (RFC 9773), or when a third of its life is left.

use crate::base64url;
use crate::error::Error;
use crate::exchange::{Answer, Request};
use crate::messages::{Directory, object};
use crate::problem::Problem;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use base::{Duration, Random};
use json::Value;
use x509::{Certificate, Validity};

/// How often an authority is asked when it wants a certificate to be renewed: at least and at most (RFC 9773 section 4.3).
const LEAST_BETWEEN: Duration = Duration::from_secs(60);
const MOST_BETWEEN: Duration = Duration::from_secs(24 * 3600);
/// The same where it says nothing, or could not be asked.
const BETWEEN: Duration = Duration::from_secs(6 * 3600);
/// The first wait after an attempt that failed, and the longest.
const FIRST_PAUSE: u64 = 60;
const LONGEST_PAUSE: u64 = 6 * 3600;
/// However long an authority does not want to be asked.
const LONGEST_REFUSAL: u64 = 7 * 86_400;

/// What an authority calls a certificate when it is asked about its renewal (RFC 9773 section 4.1): the identifier of its issuer's
/// key, and its serial number. `None` if it does not name the former.
pub fn certificate_id(der: &[u8]) -> Option<String> {
    let certificate = Certificate::parse(der).ok()?;
    let issuer = certificate.extensions().authority_key_identifier.as_ref()?.key_identifier?;
    Some([&base64url::encode(issuer), ".", &base64url::encode(certificate.serial_number())].concat())
}

/// Seconds since 1970.
type Seconds = u64;

/// When a certificate is to be renewed, and when the next attempt is due. Knows no clock: the time of day is handed in.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// When it is renewed; at once if there is none.
    renew_at: Seconds,
    /// When the authority is asked again.
    ask_at: Seconds,
    /// Its window, as it was told last.
    window: Option<(Seconds, Seconds)>,
    failures: u32,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A certificate is to be got.
    Renew,
    /// The authority is to be asked when it wants that.
    Ask,
    /// Nothing, for so long.
    Nothing(Duration),
}

impl Schedule {
    /// There is no certificate.
    pub fn none() -> Schedule {
        Schedule { renew_at: 0, ask_at: Seconds::MAX, window: None, failures: 0 }
    }

    /// There is this one, until further notice: renewed when a third of its life is left, or up to a twentieth of its life before, so
    /// that many servers do not come at one time. The authority is asked at once.
    pub fn of(certificate: &[u8], random: &mut dyn Random) -> Schedule {
        let Ok(certificate) = Certificate::parse(certificate) else { return Schedule::none() };
        let Validity { not_before, not_after, .. } = certificate.validity();
        let (from, to) = (u64::try_from(not_before).unwrap_or(0), u64::try_from(not_after).unwrap_or(0));
        let life = to.saturating_sub(from);
        let renew_at = (to - life / 3).saturating_sub(up_to(life / 20, random));
        Schedule { renew_at, ask_at: 0, window: None, failures: 0 }
    }

    /// What is due now.
    pub fn due(&self, now: Seconds) -> Due {
        if now >= self.renew_at {
            Due::Renew
        } else if now >= self.ask_at {
            Due::Ask
        } else {
            // The time of day may be set: it is looked at again within the hour.
            Due::Nothing(Duration::from_secs((self.renew_at.min(self.ask_at) - now).min(3600)))
        }
    }

    /// When the certificate is renewed.
    pub fn renew_at(&self) -> Seconds {
        self.renew_at
    }

    /// The authority does not say when, for now.
    pub fn on_silence(&mut self, now: Seconds) {
        self.ask_at = now.saturating_add(BETWEEN.as_secs());
    }

    /// What the authority says (RFC 9773 section 4.2): a time in its window is drawn, anew only if the window is another.
    ///
    /// # Errors
    /// It says nothing that could be used.
    pub fn on_renewal_info(&mut self, now: Seconds, answer: &Answer, random: &mut dyn Random) -> Result<(), Error> {
        let between = answer.retry_after.unwrap_or(BETWEEN).clamp(LEAST_BETWEEN, MOST_BETWEEN);
        self.ask_at = now.saturating_add(between.as_secs());
        let what = || "the time of renewal".to_string();
        if !answer.is_success() {
            let problem = Box::new(object(&answer.body).map(|value| Problem::of(&value)).unwrap_or_default());
            let (status, retry_after) = (answer.status, answer.retry_after);
            return Err(Error::Refused { what: what(), status, problem, retry_after });
        }
        let window = window(&answer.body).map_err(|why| Error::Unexpected { what: what(), why })?;
        if self.window != Some(window) {
            self.window = Some(window);
            self.renew_at = window.0 + up_to(window.1 - window.0, random);
        }
        Ok(())
    }

    /// An attempt failed: the next is later and later, and not before the authority wants to be asked again. Up to a quarter of the wait is
    /// added by chance.
    pub fn on_failure(&mut self, now: Seconds, retry_after: Option<Duration>, random: &mut dyn Random) -> Duration {
        let pause = (FIRST_PAUSE << self.failures.min(10)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.unwrap_or_default().as_secs().min(LONGEST_REFUSAL);
        let pause = pause.max(asked);
        let pause = pause + up_to(pause / 4, random);
        (self.renew_at, self.ask_at) = (now.saturating_add(pause), Seconds::MAX);
        Duration::from_secs(pause)
    }
}

/// Where an authority says when it wants certificates to be renewed, by its directory; `None` if it does not say.
///
/// # Errors
/// It is no directory.
pub fn renewal_info_of(directory: &[u8]) -> Result<Option<String>, Error> {
    let directory = Directory::read(directory);
    let unexpected = |why| Error::Unexpected { what: "its directory".to_string(), why };
    directory.map(|directory| directory.renewal_info).map_err(unexpected)
}

/// The question about a certificate. It is not signed.
pub fn renewal_request(renewal_info: &str, certificate_id: &str) -> Request {
    let url = [renewal_info.trim_end_matches('/'), "/", certificate_id].concat();
    Request { method: "GET", url, body: String::new() }
}

/// A number up to this one.
fn up_to(most: u64, random: &mut dyn Random) -> u64 {
    // Which of a few seconds more often does not matter.
    u64::from_be_bytes(base::random::array(random)) % (most + 1)
}

fn window(body: &[u8]) -> Result<(Seconds, Seconds), String> {
    let value = object(body)?;
    let time = |name| {
        let text = value.get("suggestedWindow").and_then(|window| window.get(name)).and_then(Value::as_str);
        text.and_then(rfc3339).ok_or_else(|| ["`suggestedWindow` has no time `", name, "`"].concat())
    };
    let (start, end) = (time("start")?, time("end")?);
    if start <= end { Ok((start, end)) } else { Err("`suggestedWindow` ends before it begins".into()) }
}

/// Seconds since 1970 of a date and time (RFC 3339 section 5.6), without fractions; `None` if it is none, or before.
pub(crate) fn rfc3339(text: &str) -> Option<Seconds> {
    let bytes = text.as_bytes();
    let number = |from: usize, len: usize| -> Option<i64> {
        let digits = text.get(from..from + len)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |place: usize, allowed: &[u8]| bytes.get(place).is_some_and(|byte| allowed.contains(byte));
    let separated = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !separated || !in_range {
        return None;
    }
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        rest = fraction.get(digits..).filter(|_| digits > 0)?;
    }
    let offset = match rest.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = text.len() - 5;
            let (hours, minutes) = (number(at, 2)?, number(at + 3, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let days = days_from_civil(year, month, day);
    u64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second - offset).ok()
}

/// Days since 1970 of a day of the Gregorian calendar, whose years are counted from March here.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
