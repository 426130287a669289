//! The content of records: integers of fixed length, most significant byte first; texts with their length before them.

use crate::delivery::{Backoff, EncodedEvent, Start, SubscriptionSettings};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base::{Duration, Reader, Truncated};

/// The highest number that an event can have: reached in centuries, and far from where arithmetic ends.
pub(crate) const MAX_SEQUENCE: u64 = 1 << 62;
/// The most events that a subscription may have under way.
pub(crate) const MAX_IN_FLIGHT: u32 = 100_000;

/// The parts of an event's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventContent<'a> {
    /// What tells it from others.
    pub id: &'a str,
    /// What it is ordered by.
    pub key: &'a str,
    /// When it happened.
    pub timestamp: u64,
    /// The event as on the wire.
    pub bytes: &'a [u8],
}

/// Bytes that [`write_event`] appends.
pub(crate) fn event_len(event: &EncodedEvent) -> usize {
    2 + event.id.len() + 2 + event.key.len() + 8 + event.bytes.len()
}

/// Appends an event's record.
pub(crate) fn write_event(out: &mut Vec<u8>, event: &EncodedEvent) {
    put_text(out, &event.id);
    put_text(out, &event.key);
    put_u64(out, event.timestamp);
    out.extend_from_slice(&event.bytes);
}

/// The parts of an event's record; nothing if it is none.
pub fn read_event(content: &[u8]) -> Option<EventContent<'_>> {
    let mut reader = Reader::new(content);
    let id = text(&mut reader).ok()?;
    let key = text(&mut reader).ok()?;
    let timestamp = reader.u64().ok()?;
    Some(EventContent { id, key, timestamp, bytes: reader.rest() })
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// At most 65,535 bytes, which the broker has checked of everything that it writes.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes().get(..usize::from(u16::MAX)).unwrap_or(text.as_bytes());
    out.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

pub(crate) fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Truncated> {
    core::str::from_utf8(reader.u16_prefixed()?).map_err(|_| Truncated)
}

fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    put_u64(out, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
}

/// Appends a subscription's settings. Where it began is no part of them.
pub(crate) fn put_settings(out: &mut Vec<u8>, settings: &SubscriptionSettings) {
    put_u32(out, settings.max_in_flight);
    put_duration(out, settings.acknowledgment_deadline);
    put_duration(out, settings.backoff.first);
    put_duration(out, settings.backoff.most);
    put_u32(out, settings.max_deliveries.unwrap_or(0));
    put_text(out, settings.dead_letter.as_deref().unwrap_or(""));
    out.push(u8::from(settings.is_ordered_by_key));
}

/// Reads what [`put_settings`] has written.
pub(crate) fn settings(reader: &mut Reader<'_>) -> Result<SubscriptionSettings, Truncated> {
    let max_in_flight = reader.u32()?;
    if max_in_flight > MAX_IN_FLIGHT {
        return Err(Truncated);
    }
    let acknowledgment_deadline = Duration::from_nanos(reader.u64()?);
    let first = Duration::from_nanos(reader.u64()?);
    let most = Duration::from_nanos(reader.u64()?);
    let max_deliveries = reader.u32()?;
    let dead_letter = text(reader)?;
    let is_ordered_by_key = reader.u8()? != 0;
    Ok(SubscriptionSettings {
        start: Start::Earliest,
        max_in_flight,
        acknowledgment_deadline,
        backoff: Backoff { first, most },
        max_deliveries: (max_deliveries > 0).then_some(max_deliveries),
        dead_letter: (!dead_letter.is_empty()).then(|| dead_letter.to_string()),
        is_ordered_by_key,
    })
}

/// An event that says where a dead one came from and why it is there: its bytes are a message of protobuf, in which fields that are
/// appended count as if they had been there from the start. These are the namespace (field 2) and entries of metadata (field 7).
pub(crate) fn dead_event(bytes: &[u8], namespace: &str, why: &[(&str, String)]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    put_field(&mut out, 2, namespace.as_bytes());
    for (key, value) in why {
        let mut entry = Vec::new();
        put_field(&mut entry, 1, key.as_bytes());
        put_field(&mut entry, 2, value.as_bytes());
        put_field(&mut out, 7, &entry);
    }
    out
}

/// A field of protobuf with a length.
fn put_field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Bytes;

    #[test]
    fn an_event_comes_back_and_no_truncation_is_taken_for_one_with_its_parts() {
        let bytes = Bytes::from_static(b"payload");
        let event = EncodedEvent { id: "id".into(), key: "key".into(), timestamp: 7, bytes };
        let mut content = Vec::new();
        write_event(&mut content, &event);
        let whole = read_event(&content).unwrap();
        assert_eq!((whole.id, whole.key, whole.timestamp, whole.bytes), ("id", "key", 7, &b"payload"[..]));
        for end in 0..content.len() - 7 {
            assert_eq!(read_event(&content[..end]), None, "{end}");
        }
        for at in 0..content.len() {
            for bit in 0..8 {
                let mut other = content.clone();
                other[at] ^= 1 << bit;
                assert_ne!(read_event(&other), Some(whole), "byte {at}");
            }
        }
    }

    #[test]
    fn settings_come_back() {
        let settings_ = SubscriptionSettings {
            start: Start::Earliest,
            max_in_flight: 9,
            acknowledgment_deadline: Duration::from_millis(1),
            backoff: Backoff { first: Duration::from_nanos(3), most: Duration::from_secs(4) },
            max_deliveries: Some(5),
            dead_letter: Some("dead".into()),
            is_ordered_by_key: true,
        };
        for one in [settings_, SubscriptionSettings::default()] {
            let mut out = Vec::new();
            put_settings(&mut out, &one);
            assert_eq!(settings(&mut Reader::new(&out)), Ok(one));
            for end in 0..out.len() {
                assert_eq!(settings(&mut Reader::new(&out[..end])), Err(Truncated), "{end}");
            }
        }
    }

    #[test]
    fn a_dead_event_has_its_reasons_behind_its_bytes() {
        let dead = dead_event(b"\x0a\x01x", "d", &[("k", "v".repeat(200))]);
        assert_eq!(&dead[..6], b"\x0a\x01x\x12\x01d");
        // An entry of 3 + 3 + 200 bytes, whose length takes two bytes, as that of the value does.
        assert_eq!(&dead[6..15], [0x3a, 0xce, 0x01, 0x0a, 0x01, b'k', 0x12, 0xc8, 0x01]);
        assert_eq!(dead.len(), 15 + 200);
    }
}
