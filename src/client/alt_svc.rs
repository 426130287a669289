//! Where servers say that they are also found: the field Alt-Svc (RFC 7838), what a client keeps of it, and for how long.
//!
//! An alternative is believed because the server's own response says so, and used only with a certificate that is good for the server's
//! own name. Of all protocols only `h3` is of use here.

use http::HttpDate;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Servers whose alternatives are kept. The one whose alternatives end first makes way.
const MAX_SERVERS: usize = 256;
/// Alternatives that are kept of one server: the first of its list, which it likes best.
const PER_SERVER: usize = 4;
/// For how long an alternative is kept at most, in seconds: 30 days.
const MAX_AGE: u64 = 30 * 86_400;
/// For how long one is kept that says nothing of that, in seconds: one day (RFC 7838 section 3.1).
const DEFAULT_AGE: u64 = 86_400;
/// For how long one is left alone that could not be used, in seconds.
const BROKEN: u64 = 300;

/// What servers have said of where they are also found, for one client or for several. Clones are about the same value. In memory
/// only, unless a program keeps [`AltSvc::to_text`].
#[derive(Clone, Debug, Default)]
pub struct AltSvc {
    cache: Arc<Mutex<Cache>>,
}

#[derive(Debug, Default)]
struct Cache {
    /// By host and port.
    servers: HashMap<(Box<str>, u16), Vec<Alternative>>,
}

/// Where a server is also found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alternative {
    host: Box<str>,
    port: u16,
    /// Until when it is good, in seconds since 1970.
    until: u64,
    /// It is good when the client's network has changed, too.
    persists: bool,
    /// Until when it is left alone.
    broken_until: u64,
}

/// What a field says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// Nothing that was said before is good any more.
    Clear,
    /// These, of which the age is in `until`; a host that is empty is the server's own.
    Alternatives(Vec<Alternative>),
}

impl AltSvc {
    /// What [`AltSvc::to_text`] wrote. Lines of another form are passed over, and so are alternatives that have run out.
    pub fn from_text(text: &str, unix_seconds: u64) -> AltSvc {
        let known = AltSvc::default();
        for line in text.lines() {
            if let Some((server, alternative)) = parse_line(line, unix_seconds) {
                let mut cache = known.lock();
                let of_server = cache.servers.entry(server).or_default();
                if of_server.len() < PER_SERVER {
                    of_server.push(alternative);
                }
                cache.make_room();
            }
        }
        known
    }

    /// A line for each alternative: protocol, host and port of the server, then of the alternative, until when it is good, and
    /// whether it persists. Other clients write the same form into files.
    pub fn to_text(&self) -> String {
        let cache = self.lock();
        let mut lines: Vec<String> = Vec::new();
        for ((host, port), alternatives) in &cache.servers {
            for other in alternatives {
                let (until, persists) = (write_time(other.until), u8::from(other.persists));
                let (host, at) = (bracketed(host), bracketed(&other.host));
                lines.push(format!("h3 {host} {port} h3 {at} {} \"{until}\" {persists} 0\n", other.port));
            }
        }
        lines.sort();
        lines.concat()
    }

    /// How many servers have an alternative.
    pub fn len(&self) -> usize {
        self.lock().servers.len()
    }

    /// Whether no server has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A response of this server, as old as `age` seconds, has the field with these values.
    pub(crate) fn learn<'a>(
        &self,
        (host, port): (&str, u16),
        values: impl Iterator<Item = &'a [u8]>,
        age: u64,
        unix_seconds: u64,
    ) {
        let values: Vec<&[u8]> = values.collect();
        if values.is_empty() {
            return;
        }
        let Some(said) = std::str::from_utf8(&values.join(&b", "[..])).ok().and_then(parse) else { return };
        let mut cache = self.lock();
        let server = (host.into(), port);
        // What is said replaces all that was said before (RFC 7838 section 3).
        cache.servers.remove(&server);
        let Said::Alternatives(mut alternatives) = said else { return };
        for other in &mut alternatives {
            other.until = unix_seconds + other.until.min(MAX_AGE).saturating_sub(age);
            if other.host.is_empty() {
                other.host = host.into();
            }
        }
        // Where the URL leads anyway is no alternative.
        alternatives.retain(|other| other.until > unix_seconds && (&*other.host, other.port) != (host, port));
        alternatives.truncate(PER_SERVER);
        if !alternatives.is_empty() {
            cache.servers.insert(server, alternatives);
            cache.make_room();
        }
    }

    /// Where this server is also found: host and port of the best that is good.
    pub(crate) fn alternative(&self, host: &str, port: u16, unix_seconds: u64) -> Option<(Box<str>, u16)> {
        let mut cache = self.lock();
        let server = (host.into(), port);
        let known = cache.servers.get_mut(&server)?;
        known.retain(|other| other.until > unix_seconds);
        let found = known.iter().find(|other| other.broken_until <= unix_seconds);
        let found = found.map(|other| (other.host.clone(), other.port));
        if known.is_empty() {
            cache.servers.remove(&server);
        }
        found
    }

    /// The server did not answer there, or was another one.
    pub(crate) fn mark_broken(&self, host: &str, port: u16, (at, at_port): (&str, u16), unix_seconds: u64) {
        let mut cache = self.lock();
        let known = cache.servers.get_mut(&(host.into(), port));
        for other in known.into_iter().flatten().filter(|other| (&*other.host, other.port) == (at, at_port)) {
            other.broken_until = unix_seconds + BROKEN;
        }
    }

    /// What was said by this server is not so.
    pub(crate) fn forget(&self, host: &str, port: u16) {
        self.lock().servers.remove(&(host.into(), port));
    }

    /// The client is in another network: what does not persist may not be good there (RFC 7838 section 2.2).
    pub(crate) fn on_network_change(&self) {
        let mut cache = self.lock();
        cache.servers.retain(|_, known| {
            known.retain(|other| other.persists);
            !known.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn make_room(&mut self) {
        while self.servers.len() > MAX_SERVERS {
            let ends = |known: &Vec<Alternative>| known.iter().map(|other| other.until).max();
            let first = self.servers.iter().min_by_key(|(_, known)| ends(known)).map(|(server, _)| server.clone());
            let Some(first) = first else { return };
            self.servers.remove(&first);
        }
    }
}

/// Reads a field's value; `None` if it has not the form of one (RFC 7838 section 3).
fn parse(text: &str) -> Option<Said> {
    if text.trim() == "clear" {
        return Some(Said::Clear);
    }
    let mut alternatives = Vec::new();
    for value in split(text, ',').filter(|value| !value.trim().is_empty()) {
        let mut parts = split(value, ';');
        let (protocol, authority) = parts.next()?.trim().split_once('=')?;
        let authority = unquoted(authority)?;
        let (mut age, mut persists) = (DEFAULT_AGE, false);
        for parameter in parts {
            let (name, value) = parameter.trim().split_once('=')?;
            match (name.trim_end(), unquoted(value.trim_start()).or_else(|| token(value))?.as_str()) {
                ("ma", seconds) => age = seconds.parse().ok()?,
                ("persist", "1") => persists = true,
                // Others, and other values, mean nothing.
                _ => {}
            }
        }
        if protocol == "h3"
            && let Some((host, port)) = host_and_port(&authority)
        {
            alternatives.push(Alternative { host, port, until: age, persists, broken_until: 0 });
        }
    }
    Some(Said::Alternatives(alternatives))
}

/// The parts between separators that are not in quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character: char| {
        let is_quote = character == '"' && !escaped;
        quoted ^= is_quote;
        escaped = quoted && character == '\\' && !escaped;
        character == separator && !quoted
    })
}

fn token(text: &str) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let text = text.trim();
    (!text.is_empty() && text.bytes().all(is_token)).then(|| text.to_owned())
}

/// What is between the quotes of a quoted string (RFC 9110 section 5.6.4).
fn unquoted(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    let mut plain = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next()?),
            '"' => return None,
            character => plain.push(character),
        }
    }
    Some(plain)
}

/// `:443` or `host:443`; no host is an empty one, and an IPv6 address comes without its brackets.
fn host_and_port(authority: &str) -> Option<(Box<str>, u16)> {
    let (host, port) = authority.rsplit_once(':')?;
    let port = port.parse().ok().filter(|number| *number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()))?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|host| host.parse::<std::net::Ipv6Addr>().is_ok())?,
        None => host,
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = host.bytes().all(is_name) || host.parse::<std::net::Ipv6Addr>().is_ok();
    is_host.then(|| (host.to_ascii_lowercase().into(), port))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn parse_line(line: &str, unix_seconds: u64) -> Option<((Box<str>, u16), Alternative)> {
    let (before, rest) = line.trim().split_once('"')?;
    let (time, after) = rest.split_once('"')?;
    let words: Vec<&str> = before.split_whitespace().collect();
    let [_, host, port, "h3", other, other_port] = words[..] else { return None };
    let server = host_and_port(&format!("{host}:{port}"))?;
    let (host, port) = host_and_port(&format!("{other}:{other_port}"))?;
    let until = read_time(time)?.min(unix_seconds + MAX_AGE);
    let persists = after.split_whitespace().next()? == "1";
    let is_of_use = until > unix_seconds && !server.0.is_empty() && !host.is_empty();
    is_of_use.then_some((server, Alternative { host, port, until, persists, broken_until: 0 }))
}

/// `20260131 23:59:58`, in UTC.
fn write_time(unix_seconds: u64) -> String {
    let (year, month, day) = HttpDate::from_unix(unix_seconds).day();
    let second = unix_seconds % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02} {hour:02}:{minute:02}:{second:02}")
}

fn read_time(text: &str) -> Option<u64> {
    let is_formed = text.len() == 17 && text.is_ascii();
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
    };
    let (year, month, day) =
        is_formed.then_some(()).and_then(|()| Some((number(0, 4)?, number(4, 6)?, number(6, 8)?)))?;
    let (hour, minute, second) = (number(9, 11)?, number(12, 14)?, number(15, 17)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60
    {
        return None;
    }
    // Years begin in March here, so that a leap day is the last of one; 719,468 days after the first of them was 1970.
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)?;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn learned(values: &[&str], age: u64) -> Option<(Box<str>, u16)> {
        let known = AltSvc::default();
        known.learn(("a.example", 443), values.iter().map(|value| value.as_bytes()), age, NOW);
        known.alternative("a.example", 443, NOW)
    }

    #[test]
    fn values_are_read_as_they_are_meant() {
        let found = |host: &str, port| Some((host.into(), port));
        for (values, expected) in [
            (&["h3=\":8443\""][..], found("a.example", 8443)),
            (&["h3=\"B.example:443\"; ma=60"], found("b.example", 443)),
            (&["h2=\":1\", h3=\":2\";ma=\"5\" ; persist=1"], found("a.example", 2)),
            (&["h2=\":1\"", "h3=\"[::1]:2\""], found("::1", 2)),
            (&["h3=\"b\\.example:3\""], found("b.example", 3)),
            (&["h3-29=\":2\""], None),
            (&["w%3D%3A=\"x,y;z:4\", h3=\":5\"; unknown=\"a,b;c\""], found("a.example", 5)),
            // It is where the URL leads.
            (&["h3=\":443\""], None),
            (&["h3=\":443\", h3=\"b.example:443\""], found("b.example", 443)),
            (&["clear"], None),
            (&["h3=\":2\"; ma=0"], None),
            (&["h3=:2"], None),
            (&["h3=\":2\"; ma=x"], None),
            (&["h3=\":2"], None),
            (&["h3=\":0\""], None),
            (&["h3=\":65536\""], None),
            (&["h3=\":+1\""], None),
            (&["h3=\"a b:1\""], None),
            (&["h3=\"user@b:1\""], None),
            (&["h3"], None),
            (&[";"], None),
            (&[""], None),
        ] {
            assert_eq!(learned(values, 0), expected, "{values:?}");
        }
        assert_eq!(learned(&["h3=\":2\"; ma=60"], 59), found("a.example", 2));
        assert_eq!(learned(&["h3=\":2\"; ma=60"], 60), None, "it was as old when it came");
    }

    #[test]
    fn an_alternative_ends_with_its_time_is_replaced_and_is_cleared() {
        let known = AltSvc::default();
        let learn = |value: &str| known.learn(("a", 443), [value.as_bytes()].into_iter(), 0, NOW);
        let port = |now| known.alternative("a", 443, now).map(|(_, port)| port);
        learn("h3=\":1\"; ma=60, h3=\":2\"; ma=90");
        assert_eq!([NOW, NOW + 59, NOW + 60, NOW + 89, NOW + 90].map(port), [Some(1), Some(1), Some(2), Some(2), None]);
        assert!(known.is_empty(), "nothing is kept of what has run out");
        learn("h3=\":1\"");
        learn("h3=\":2\"");
        assert_eq!(port(NOW), Some(2));
        assert_eq!(port(NOW + DEFAULT_AGE), None);
        learn("h3=\":3\"; ma=99999999999");
        assert_eq!([NOW + MAX_AGE - 1, NOW + MAX_AGE].map(port), [Some(3), None]);
        learn("h3=\":3\"");
        learn("not of any form");
        assert_eq!(port(NOW), Some(3), "what cannot be read says nothing");
        learn("clear");
        assert_eq!(port(NOW), None);
        learn("h3=\":3\"");
        known.forget("a", 443);
        assert_eq!(port(NOW), None);
    }

    #[test]
    fn one_that_does_not_answer_is_left_alone_for_a_while() {
        let known = AltSvc::default();
        known.learn(("a", 443), [&b"h3=\":1\", h3=\":2\""[..]].into_iter(), 0, NOW);
        known.mark_broken("a", 443, ("a", 1), NOW);
        let port = |now| known.alternative("a", 443, now).map(|(_, port)| port);
        assert_eq!([port(NOW), port(NOW + BROKEN)], [Some(2), Some(1)]);
    }

    #[test]
    fn in_another_network_only_what_persists_is_good() {
        let known = AltSvc::default();
        known.learn(("a", 443), [&b"h3=\":1\", h3=\":2\"; persist=1"[..]].into_iter(), 0, NOW);
        known.learn(("b", 443), [&b"h3=\":1\"; persist=2"[..]].into_iter(), 0, NOW);
        known.on_network_change();
        assert_eq!(known.alternative("a", 443, NOW), Some(("a".into(), 2)));
        assert_eq!(known.len(), 1);
    }

    #[test]
    fn u3_what_is_kept_has_a_bound() {
        let known = AltSvc::default();
        let many: Vec<String> = (1..100).map(|port| format!("h3=\":{port}\"")).collect();
        known.learn(("a", 443), [many.join(", ").as_bytes()].into_iter(), 0, NOW);
        assert_eq!(known.to_text().lines().count(), PER_SERVER);
        for number in 0..MAX_SERVERS as u64 + 50 {
            let value = format!("h3=\":1\"; ma={}", 1000 + number);
            known.learn((&format!("s{number}"), 443), [value.as_bytes()].into_iter(), 0, NOW);
        }
        assert_eq!(known.len(), MAX_SERVERS);
        assert_eq!(known.alternative("s0", 443, NOW), None, "it would have ended first");
        assert!(known.alternative("s300", 443, NOW).is_some());
    }

    #[test]
    fn as_text_and_back() {
        let known = AltSvc::default();
        known.learn(("a", 443), [&b"h3=\"b:1\"; ma=100; persist=1, h3=\"[::1]:2\""[..]].into_iter(), 0, NOW);
        let text = known.to_text();
        assert_eq!(text.lines().last(), Some("h3 a 443 h3 b 1 \"20231114 22:15:00\" 1 0"));
        assert_eq!(AltSvc::from_text(&text, NOW).to_text(), text);
        assert!(AltSvc::from_text(&text, NOW + 86_400).is_empty());
        for line in [
            "",
            "h3 a 443 h3 b 1",
            "h3 a x h3 b 1 \"20331114 22:15:00\" 1 0",
            "h3 a 443 h2 b 1 \"20331114 22:15:00\" 1 0",
        ] {
            assert!(AltSvc::from_text(line, NOW).is_empty(), "{line}");
        }
    }

    #[test]
    fn times_are_written_and_read() {
        for (seconds, text) in [
            (0, "19700101 00:00:00"),
            (951_782_400, "20000229 00:00:00"),
            (1_709_251_199, "20240229 23:59:59"),
            (4_102_444_800, "21000101 00:00:00"),
        ] {
            assert_eq!(write_time(seconds), text);
            assert_eq!(read_time(text), Some(seconds));
        }
        for text in [
            "",
            "20231314 22:15:00",
            "20230014 22:15:00",
            "2023111422:15:000",
            "19691231 00:00:00",
            "20231114 24:00:00",
        ] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }
}
