//! Priorities of responses (RFC 9218): the field Priority, and what the frames that change one carry.

use crate::fields::Fields;
use crate::structured::{self, Item};
use alloc::string::String;
use core::fmt::{self, Write};

/// How urgent a response is to the client, and whether parts of it are of use. What is not said is `None`.
///
/// ```
/// use posthaste_http as http;
/// use http::Priority;
///
/// let priority = Priority::parse(b"u=5, i, x=(1 2)");
/// assert_eq!(priority, Priority { urgency: Some(5), incremental: Some(true) });
/// assert_eq!(priority.to_string(), "u=5, i");
/// assert_eq!(Priority::parse(b"u=9"), Priority::default(), "what is out of range counts as not said");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Priority {
    /// From 0, the most urgent, to 7 (section 4.1).
    pub urgency: Option<u8>,
    /// Whether the parts of the response are of use as they come (section 4.2).
    pub incremental: Option<bool>,
}

impl Priority {
    /// What holds where nothing is said (section 4.1).
    pub const DEFAULT_URGENCY: u8 = 3;
    const LEAST_URGENCY: u8 = 7;

    /// Of this urgency, from 0 to 7; a larger number counts as 7.
    pub const fn new(urgency: u8, incremental: bool) -> Priority {
        let urgency = if urgency < Priority::LEAST_URGENCY { urgency } else { Priority::LEAST_URGENCY };
        Priority { urgency: Some(urgency), incremental: Some(incremental) }
    }

    /// From the value of a field or of a frame. One that is no dictionary of structured fields says nothing; parameters that are
    /// not known, out of range or of another type count as not said.
    /// RFC 9218 section 4-2.
    pub fn parse(value: &[u8]) -> Priority {
        let mut priority = Priority::default();
        // What was read before an error does not count either (RFC 8941 section 4.2).
        let read = structured::dictionary(value, |key, item| match (key, item) {
            (b"u", Item::Integer(urgency)) => {
                priority.urgency = u8::try_from(urgency).ok().filter(|urgency| *urgency <= Priority::LEAST_URGENCY);
            }
            (b"u", Item::Other | Item::Boolean(_)) => priority.urgency = None,
            (b"i", Item::Boolean(incremental)) => priority.incremental = Some(incremental),
            (b"i", Item::Other | Item::Integer(_)) => priority.incremental = None,
            _ => {}
        });
        if read.is_some() { priority } else { Priority::default() }
    }

    /// What the fields of a message say; `None` if there is no such field.
    pub fn of(fields: &Fields) -> Option<Priority> {
        let mut lines = fields.all("priority");
        let first = lines.next()?;
        let Some(second) = lines.next() else { return Some(Priority::parse(first)) };
        // RFC 9110 section 5.3: lines of one name are one list.
        let mut value = first.to_vec();
        for line in core::iter::once(second).chain(lines) {
            value.extend_from_slice(b", ");
            value.extend_from_slice(line);
        }
        Some(Priority::parse(&value))
    }

    /// This, and where it says nothing, `other` (section 8: what a server says goes before what the client has said).
    pub fn or(self, other: Priority) -> Priority {
        Priority { urgency: self.urgency.or(other.urgency), incremental: self.incremental.or(other.incremental) }
    }

    /// The value of a field that says this.
    pub fn to_field(self) -> String {
        let mut value = String::new();
        write!(value, "{self}").expect("a string takes everything");
        value
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urgency) = self.urgency {
            write!(f, "u={urgency}")?;
        }
        let comma = if self.urgency.is_some() { ", " } else { "" };
        match self.incremental {
            Some(true) => write!(f, "{comma}i"),
            Some(false) => write!(f, "{comma}i=?0"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn priority(urgency: Option<u8>, incremental: Option<bool>) -> Priority {
        Priority { urgency, incremental }
    }

    /// RFC 9218 section 4-2.
    #[test]
    fn what_can_be_read_and_what_counts() {
        for (value, expected) in [
            ("", priority(None, None)),
            ("u=0", priority(Some(0), None)),
            ("u=7,i", priority(Some(7), Some(true))),
            ("  i=?0 ,\tu=1  ", priority(Some(1), Some(false))),
            ("i;a=b;c, u=2;d=\"x, u=3\"", priority(Some(2), Some(true))),
            ("u=3, u=5", priority(Some(5), None)),
            // Out of range, of another type, unknown.
            ("u=8, i", priority(None, Some(true))),
            ("u=-1", priority(None, None)),
            ("u=1.5", priority(None, None)),
            ("u, i", priority(None, Some(true))),
            ("u=2, u", priority(None, None)),
            ("u=\"1\", i=1", priority(None, None)),
            ("i=(1 2), u=(), x=:aGk=:, *y-_.*=a/b:c", priority(None, None)),
            // No dictionaries: nothing of them counts.
            ("u=1,", priority(None, None)),
            ("u=1, ,i", priority(None, None)),
            ("u=1 i", priority(None, None)),
            ("u=1, I", priority(None, None)),
            ("u=", priority(None, None)),
            ("u=1, i=?2", priority(None, None)),
            ("u=1, x=(1", priority(None, None)),
            ("u=1, x=\"a", priority(None, None)),
            ("u=1, x=1234567890123456", priority(None, None)),
            ("u=1;, i", priority(None, None)),
        ] {
            assert_eq!(Priority::parse(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for urgency in (0..8).map(Some).chain([None]) {
            for incremental in [None, Some(true), Some(false)] {
                let priority = priority(urgency, incremental);
                assert_eq!(Priority::parse(priority.to_field().as_bytes()), priority);
            }
        }
        assert_eq!(Priority::new(200, true), priority(Some(7), Some(true)));
    }

    #[test]
    fn lines_are_one_list_and_the_server_goes_first() {
        let mut fields = Fields::new();
        assert_eq!(Priority::of(&fields), None);
        fields.push("priority", "u=1").unwrap();
        assert_eq!(Priority::of(&fields), Some(priority(Some(1), None)));
        fields.push("Priority", "i").unwrap();
        assert_eq!(Priority::of(&fields), Some(priority(Some(1), Some(true))));
        assert_eq!(priority(Some(5), None).or(priority(Some(1), Some(true))), priority(Some(5), Some(true)));
    }

    /// Whatever comes, and however it is cut, it is read or it is not.
    #[test]
    fn no_value_is_too_much() {
        let long = "u=1, i;x=\"\\\"a\";y=:AAAA:, z=(a;b 2;c (".repeat(20);
        for end in 0..long.len() {
            Priority::parse(&long.as_bytes()[..end]);
        }
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                Priority::parse(&[b'u', b'=', first, second]);
                Priority::parse(&[first, second]);
            }
        }
    }
}
