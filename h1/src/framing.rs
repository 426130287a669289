//! The fields of one connection (RFC 9110 section 7.6.1, RFC 9112 sections 6 and 9): where the message ends, and whether another
//! may follow.

use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::vec::Vec;
use http::{Fields, Malformed, Protocol};

/// The minor version of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.0: no chunks, no informational responses, and one exchange unless both sides say otherwise.
    Old,
    /// HTTP/1.1, or a later minor version (RFC 9110 section 2.5).
    Current,
}

/// What a head says about its connection. Nothing of it reaches the application as a field.
#[derive(Debug)]
pub(crate) struct Framing {
    pub(crate) version: Version,
    coding: Option<Coding>,
    has_length: bool,
    /// `Connection: close`, and `keep-alive`.
    says_close: bool,
    says_keep_alive: bool,
    says_upgrade: bool,
    /// The first protocol of Upgrade.
    upgrade: Option<Protocol>,
    named: Named,
}

/// The fields that Connection names, in lower case: they are for this connection too, and go no further. Most messages name none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named(Vec<Box<[u8]>>);

impl Named {
    fn add(&mut self, option: &[u8]) {
        // RFC 9110 section 7.6.1-4: what says where the content ends is for every recipient, and would be missed.
        if !option.eq_ignore_ascii_case(b"content-length") {
            self.0.push(option.to_ascii_lowercase().into_boxed_slice());
        }
    }

    /// All were read: they are looked up from now on.
    fn sort(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops those fields.
    ///
    /// RFC 9110 section 7.6-1, 7.6.1-2.
    pub(crate) fn remove_from(&self, fields: &mut Fields) {
        let is_named = |name: &str| self.0.binary_search_by(|named| (**named).cmp(name.as_bytes())).is_ok();
        let next =
            |fields: &Fields| fields.iter().find(|(name, _)| is_named(name)).map(|(name, _)| Box::<str>::from(name));
        while let Some(name) = next(fields) {
            fields.remove(&*name);
        }
    }
}

/// What Transfer-Encoding says, over all its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Chunked,
    /// The last is chunked, and there are others before it.
    UnknownThenChunked,
    /// The last is not chunked, or chunked is said twice.
    NotChunkedLast,
}

/// How the content is delimited, as far as the message itself says (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimited {
    Chunked,
    /// By Content-Length.
    Length,
    /// Not at all.
    Unsaid,
}

impl Framing {
    pub(crate) const fn new(version: Version) -> Framing {
        let (has_length, says_close, says_keep_alive, says_upgrade) = (false, false, false, false);
        Framing {
            version,
            coding: None,
            has_length,
            says_close,
            says_keep_alive,
            says_upgrade,
            upgrade: None,
            named: Named(Vec::new()),
        }
    }

    /// All that was said, of which nothing is left here.
    pub(crate) const fn take_all(&mut self) -> Framing {
        core::mem::replace(self, Framing::new(self.version))
    }

    /// Drops the fields that are of this connection because it says so. To be called when all were read.
    pub(crate) fn drop_named(&mut self, fields: &mut Fields) {
        if !self.named.is_empty() {
            self.named.sort();
            self.named.remove_from(fields);
        }
    }

    /// The fields that it has named: trailers are held to it as well.
    pub(crate) const fn named(&self) -> &Named {
        &self.named
    }

    /// A field of the head, its name in lower case. Says whether it is one of the connection, which goes no further.
    pub(crate) fn take(&mut self, name: &[u8], value: &[u8]) -> Result<bool, Violation> {
        match name {
            b"transfer-encoding" => self.on_coding(value),
            b"connection" => list(value).for_each(|option| self.on_option(option)),
            b"upgrade" => self.on_upgrade(value),
            b"keep-alive" | b"proxy-connection" => {}
            b"content-length" => {
                self.has_length = true;
                return Ok(false);
            }
            // RFC 9110 s10.1.4: codings that a client takes. Only what is said of trailers is of the message.
            b"te" => return Ok(!value.eq_ignore_ascii_case(b"trailers")),
            _ => return Ok(false),
        }
        if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(Violation::Malformed(Malformed::FieldValue));
        }
        Ok(true)
    }

    fn on_coding(&mut self, value: &[u8]) {
        let mut names = list(value).peekable();
        if names.peek().is_none() {
            self.coding = Some(Coding::NotChunkedLast);
        }
        for name in names {
            let is_chunked = name.eq_ignore_ascii_case(b"chunked");
            self.coding = Some(match (self.coding, is_chunked) {
                (None, true) => Coding::Chunked,
                (Some(Coding::NotChunkedLast), true) => Coding::UnknownThenChunked,
                // RFC 9112 section 6.1-2: chunked comes once, and last.
                _ => Coding::NotChunkedLast,
            });
        }
    }

    fn on_option(&mut self, option: &[u8]) {
        let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
        match (is(b"close"), is(b"keep-alive"), is(b"upgrade")) {
            (true, _, _) => self.says_close = true,
            (_, true, _) => self.says_keep_alive = true,
            (_, _, true) => self.says_upgrade = true,
            // What TE says of trailers is read by whoever answers.
            _ if is(b"te") => {}
            _ => self.named.add(option),
        }
    }

    fn on_upgrade(&mut self, value: &[u8]) {
        if self.upgrade.is_none() {
            self.upgrade = list(value).next().and_then(|name| Protocol::from_bytes(name).ok());
        }
    }

    /// Where the content ends. A message that could be read in two ways is refused: that is how requests are smuggled.
    ///
    /// RFC 9112 section 6.1-1, 6.1-9, 6.1-13, 6.1-14, 6.3-3.
    pub(crate) fn delimited(&self) -> Result<Delimited, Violation> {
        let Some(coding) = self.coding else {
            return Ok(if self.has_length { Delimited::Length } else { Delimited::Unsaid });
        };
        if self.version == Version::Old {
            return Err(Violation::CodingInOldVersion);
        }
        if self.has_length {
            return Err(Violation::LengthAndCoding);
        }
        match coding {
            Coding::Chunked => Ok(Delimited::Chunked),
            Coding::UnknownThenChunked => Err(Violation::UnknownCoding),
            Coding::NotChunkedLast => Err(Violation::NotChunkedLast),
        }
    }

    /// Whether the connection may go on after the message. RFC 9112 section 9.3-4, 9.6-3, 9.6-8.
    pub(crate) fn keeps_alive(&self) -> bool {
        !self.says_close && (self.version == Version::Current || self.says_keep_alive)
    }

    /// The protocol that the message changes to, or wants to (RFC 9110 section 7.8-11). An HTTP/1.0 message cannot.
    pub(crate) fn upgrade(&self) -> Option<&Protocol> {
        self.upgrade.as_ref().filter(|_| self.says_upgrade && self.version == Version::Current)
    }
}

/// The members of a list (RFC 9110 section 5.6.1); empty ones are left out.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(version: Version, lines: &[(&str, &str)]) -> Framing {
        let mut framing = Framing::new(version);
        for (name, value) in lines {
            framing.take(name.as_bytes(), value.as_bytes()).unwrap();
        }
        framing
    }

    /// RFC 9112 section 6.1-1, 6.1-9, 6.1-13, 6.1-14, 6.3-3.
    #[test]
    fn every_way_to_delimit_content() {
        let coding = |value| framing(Version::Current, &[("transfer-encoding", value)]).delimited();
        assert_eq!(coding("chunked"), Ok(Delimited::Chunked));
        assert_eq!(coding(" ,CHUNKED, "), Ok(Delimited::Chunked));
        assert_eq!(coding("gzip, chunked"), Err(Violation::UnknownCoding));
        for value in
            ["", "gzip", "chunked, chunked", "chunked, gzip", "xchunked", "chunked;x", "\"chunked\"", "chunked\u{b}"]
        {
            let framing = Framing::new(Version::Current).take(b"transfer-encoding", value.as_bytes());
            let result = framing.and_then(|_| coding(value));
            assert!(
                matches!(result, Err(Violation::NotChunkedLast | Violation::Malformed(_))),
                "{value:?}: {result:?}"
            );
        }
        let two = framing(Version::Current, &[("transfer-encoding", "chunked"), ("transfer-encoding", "identity")]);
        assert_eq!(two.delimited(), Err(Violation::NotChunkedLast));
        let both = framing(Version::Current, &[("content-length", "3"), ("transfer-encoding", "chunked")]);
        assert_eq!(both.delimited(), Err(Violation::LengthAndCoding));
        let old = framing(Version::Old, &[("transfer-encoding", "chunked")]);
        assert_eq!(old.delimited(), Err(Violation::CodingInOldVersion));
        assert_eq!(framing(Version::Old, &[("content-length", "3")]).delimited(), Ok(Delimited::Length));
        assert_eq!(framing(Version::Current, &[]).delimited(), Ok(Delimited::Unsaid));
    }

    /// RFC 9112 section 9.3-4.
    #[test]
    fn who_keeps_a_connection() {
        for (version, value, keeps) in [
            (Version::Current, "", true),
            (Version::Current, "x, Close", false),
            (Version::Old, "", false),
            (Version::Old, "Keep-Alive", true),
            (Version::Old, "keep-alive, close", false),
        ] {
            assert_eq!(framing(version, &[("connection", value)]).keeps_alive(), keeps, "{version:?} {value}");
        }
    }

    #[test]
    fn an_upgrade_is_said_twice() {
        let both = [("connection", "Upgrade"), ("upgrade", "websocket, other/1")];
        let name = |framing: Framing| framing.upgrade().map(|protocol| protocol.as_str().len());
        assert_eq!(name(framing(Version::Current, &both)), Some(9));
        assert_eq!(name(framing(Version::Old, &both)), None);
        assert_eq!(name(framing(Version::Current, &both[1..])), None);
        assert_eq!(name(framing(Version::Current, &both[..1])), None);
    }

    /// RFC 9110 section 7.6-1, 7.6.1-2, 7.6.1-4.
    #[test]
    fn fields_that_connection_names_go_no_further() {
        let lines = [("connection", "X-Own, close,, x-hop"), ("connection", "Content-Length, TE, x-absent")];
        let mut framing = framing(Version::Current, &lines);
        let mut fields = Fields::new();
        for name in ["x-own", "x-kept", "X-Hop", "te", "x-own", "content-length"] {
            fields.push(name, "1").unwrap();
        }
        framing.drop_named(&mut fields);
        assert_eq!(fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["x-kept", "te", "content-length"]);
        let mut trailers = Fields::new();
        trailers.push("x-hop", "1").unwrap();
        framing.named().remove_from(&mut trailers);
        assert!(trailers.is_empty() && !framing.keeps_alive());
    }

    #[test]
    fn what_is_of_the_connection_goes_no_further() {
        let mut framing = Framing::new(Version::Current);
        for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
            assert_eq!(framing.take(name.as_bytes(), b"x"), Ok(true), "{name}");
            let control = framing.take(name.as_bytes(), b"chunked\x0b");
            assert_eq!(control, Err(Violation::Malformed(Malformed::FieldValue)), "{name}");
        }
        assert_eq!(framing.take(b"te", b"gzip"), Ok(true));
        assert_eq!(framing.take(b"te", b"trailers"), Ok(false));
        assert_eq!(framing.take(b"host", b"x"), Ok(false));
    }
}
