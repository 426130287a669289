//! What a request gets of a file that is there: all, a part, or the word that its copy is good (RFC 9110 sections 13 and 14).

use http::conditions::{EntityTag, Part, Precondition, Validators, precondition, requested_part};
use http::{Fields, HttpDate, Method, Status};
use std::ops::Range;

/// A version of a file, as a client is told of it.
pub(super) struct Version {
    pub(super) len: u64,
    pub(super) entity_tag: String,
    pub(super) last_modified: HttpDate,
}

/// What is to be answered.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// These bytes, with 200 or 206.
    Content(Status, Range<u64>),
    /// Several parts, with 206.
    Parts(Vec<Range<u64>>),
    /// No content: 304, 412 or 416.
    Without(Status),
}

impl Version {
    /// `modified` is what the file system says, and `now` the time; both in seconds since 1970.
    /// RFC 9110 section 8.8.2.1-3, 8.8.2.1-4: nothing was modified after the response was made.
    pub(super) fn new(len: u64, entity_tag: String, modified: u64, now: u64) -> Version {
        Version { len, entity_tag, last_modified: HttpDate::from_unix(modified.min(now)) }
    }

    /// What a request that GET or HEAD makes is answered with, at the time `now`.
    /// RFC 9110 section 13.2.1-1: after all else was looked at.
    pub(super) fn answer(&self, method: &Method, fields: &Fields, now: u64) -> Answer {
        let entity_tag = EntityTag::parse(self.entity_tag.as_bytes());
        let (current, now) =
            (Validators { entity_tag, last_modified: Some(self.last_modified) }, HttpDate::from_unix(now));
        match precondition(method, fields, Some(&current), now) {
            Precondition::Proceed => {}
            Precondition::NotModified => return Answer::Without(Status::NOT_MODIFIED),
            Precondition::Failed => return Answer::Without(Status::PRECONDITION_FAILED),
        }
        match requested_part(method, fields, self.len, &current, now) {
            Part::All => Answer::Content(Status::OK, 0..self.len),
            // RFC 9110 section 15.3.7.1-1: the caller says which bytes these are.
            Part::Range(range) => Answer::Content(Status::PARTIAL_CONTENT, range),
            Part::Ranges(ranges) => Answer::Parts(ranges),
            Part::OutOfRange => Answer::Without(Status::RANGE_NOT_SATISFIABLE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(modified: u64, now: u64) -> Version {
        Version::new(10, "\"e\"".into(), modified, now)
    }

    /// RFC 9110 section 8.8.2.1-3, 8.8.2.1-4.
    #[test]
    fn nothing_was_modified_in_the_future() {
        assert_eq!(version(500, 1000).last_modified, HttpDate::from_unix(500));
        assert_eq!(version(5000, 1000).last_modified, HttpDate::from_unix(1000));
    }

    /// RFC 9110 section 13.2.1-1, 13.2.2-1.
    #[test]
    fn conditions_come_before_ranges() {
        let answer = |lines: &[(&str, &str)]| {
            let mut fields = Fields::new();
            lines.iter().for_each(|(name, value)| fields.push(name, value).unwrap());
            version(500, 1000).answer(&Method::Get, &fields, 1000)
        };
        let (part, beyond) = (("range", "bytes=0-1"), ("range", "bytes=10-"));
        assert_eq!(answer(&[]), Answer::Content(Status::OK, 0..10));
        assert_eq!(answer(&[part]), Answer::Content(Status::PARTIAL_CONTENT, 0..2));
        assert_eq!(answer(&[beyond]), Answer::Without(Status::RANGE_NOT_SATISFIABLE));
        assert_eq!(answer(&[beyond, ("if-none-match", "\"e\"")]), Answer::Without(Status::NOT_MODIFIED));
        assert_eq!(answer(&[part, ("if-match", "\"x\"")]), Answer::Without(Status::PRECONDITION_FAILED));
        assert_eq!(answer(&[part, ("if-range", "\"x\"")]), Answer::Content(Status::OK, 0..10));
    }
}
