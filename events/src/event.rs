//! What is published: an event.

use crate::protobuf::{MAX_REPEATED, Malformed, Message, fields, messages};
use alloc::collections::BTreeMap;
use alloc::string::String;
use base::Bytes;

messages! {
    /// An event: `EventPayload` of `docs/events.proto`. A server keeps its bytes as they came, so that fields of later versions get through.
    Event {
        /// What tells it from all others of its namespace, from 1 to [`Event::MAX_ID`] bytes; what is published twice with one is stored once.
        id: String = 1,
        /// Where it belongs. Empty, or the same as the one that it is published in.
        namespace: String = 2,
        /// What happened, in a word of the publisher's.
        kind: String = 3,
        /// The same for people.
        message: String = 4,
        /// Whatever goes with it.
        data: Bytes = 5,
        /// When it happened, in milliseconds since 1970 (UTC).
        timestamp: u64 = 6,
        /// More about it.
        metadata: BTreeMap<String, String> = 7,
        /// Events of one key are delivered in their order, where the subscription asks for it.
        key: String = 8,
    }
}

impl Event {
    /// Bytes of an [`id`](Event::id), at most.
    pub const MAX_ID: usize = 128;
    /// Bytes of a [`key`](Event::key), at most.
    pub const MAX_KEY: usize = 256;
}

/// What a server looks at of an event, in the event's own bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventHead<'a> {
    pub(crate) id: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) timestamp: u64,
    pub(crate) key: &'a str,
}

impl EventHead<'_> {
    /// Reads what [`Event`] would be read from, and refuses what it would refuse.
    ///
    /// # Errors
    /// The bytes are no event.
    pub(crate) fn read(bytes: &Bytes) -> Result<EventHead<'_>, Malformed> {
        let (mut head, mut entries) = (EventHead::default(), 0);
        for field in fields(bytes) {
            let field = field?;
            match field.number {
                1 => head.id = field.text()?.unwrap_or(head.id),
                2 => head.namespace = field.text()?.unwrap_or(head.namespace),
                3 | 4 => _ = field.text()?,
                6 => head.timestamp = field.number().unwrap_or(head.timestamp),
                7 => {
                    field.check_entry()?;
                    entries += 1;
                }
                8 => head.key = field.text()?.unwrap_or(head.key),
                _ => {}
            }
        }
        // Of entries with the same key only one counts: whether there are too many is seen where they are kept.
        if entries > MAX_REPEATED {
            Event::parse(bytes)?;
        }
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    fn whole() -> Vec<u8> {
        let metadata = [("key", "value"), ("", "")].map(|(key, value)| (key.to_string(), value.to_string()));
        let event = Event {
            id: "order-17".into(),
            namespace: "shop".into(),
            kind: "paid".into(),
            message: "an order was paid".into(),
            data: Bytes::from_static(&[0xff; 130]),
            timestamp: 1_700_000_000_000,
            metadata: metadata.into(),
            key: "customer-3".into(),
        };
        event.encoded()
    }

    /// A look at an event says what reading all of it says.
    fn check(bytes: &Bytes) {
        let read = Event::parse(bytes);
        let head = EventHead::read(bytes);
        let of_whole = |event: &Event| (event.id.clone(), event.namespace.clone(), event.timestamp, event.key.clone());
        let of_head = |head: EventHead<'_>| (head.id.into(), head.namespace.into(), head.timestamp, head.key.into());
        assert_eq!(head.map(of_head), read.as_ref().map(of_whole).map_err(|error| *error), "{bytes:?}");
    }

    #[test]
    fn a_look_at_an_event_is_the_same_as_reading_it_whatever_is_cut_off_or_changed() {
        let bytes = whole();
        for len in 0..=bytes.len() {
            check(&Bytes::copy_from_slice(&bytes[..len]));
        }
        for place in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[place] = value;
                check(&Bytes::from(changed));
            }
        }
    }

    #[test]
    fn a_field_that_comes_twice_counts_as_its_last() {
        check(&Bytes::from([whole(), Event { id: "other".into(), ..Event::default() }.encoded()].concat()));
    }

    #[test]
    fn more_metadata_than_is_taken_is_refused_by_both_and_the_same_entry_again_by_neither() {
        let entry = |key: String| Event { metadata: [(key, String::new())].into(), ..Event::default() }.encoded();
        let many: Vec<u8> = (0..=MAX_REPEATED).flat_map(|number| entry(number.to_string())).collect();
        assert_eq!(EventHead::read(&Bytes::from(many.clone())), Err(Malformed::TooMany));
        check(&Bytes::from(many));
        let again: Vec<u8> = (0..=MAX_REPEATED).flat_map(|_| entry("key".into())).collect();
        assert!(EventHead::read(&Bytes::from(again)).is_ok());
    }
}
