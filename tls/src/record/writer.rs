//! Records as they go: content is cut, padded and sealed where it lies (RFC 9846 section 5.1, 5.2, 5.4).

use crate::error::LocalError;
use crate::record::header::{self, ContentType, FIRST_VERSION, HEADER_LEN, MAX_INNER_LEN, VERSION};
use crate::record::keys::TrafficKeys;
use alloc::vec::Vec;
use base::Side;
use crypto::aead::TAG_LEN;

/// Key updates of one direction.
/// RFC 9846 section 4.7.3-9.
pub(crate) const MAX_UPDATES: u64 = (1 << 48) - 1;

/// Seals what this side sends.
#[derive(Debug)]
pub(crate) struct RecordWriter {
    /// None before the first keys.
    keys: Option<TrafficKeys>,
    /// Whether a message was written.
    has_written: bool,
    /// legacy_record_version of the first message, which on a client is the first ClientHello.
    first_version: u16,
    /// The longest inner plaintext that the peer takes.
    inner_limit: usize,
    padding_multiple: usize,
    records_per_key: u64,
    updates: u64,
    /// Records that are sealed and not yet taken: handshake messages and alerts, never data.
    waiting: Vec<u8>,
    /// How many bytes of them were taken.
    taken: usize,
}

impl RecordWriter {
    /// One without keys.
    pub(crate) fn new(side: Side, padding_multiple: u16, records_per_key: u64) -> RecordWriter {
        let first_version = match side {
            Side::Client => FIRST_VERSION,
            Side::Server => VERSION,
        };
        RecordWriter {
            keys: None,
            has_written: false,
            first_version,
            inner_limit: MAX_INNER_LEN,
            padding_multiple: usize::from(padding_multiple),
            records_per_key,
            updates: 0,
            waiting: Vec::new(),
            taken: 0,
        }
    }

    /// Takes the keys of the next level.
    pub(crate) fn set_keys(&mut self, keys: TrafficKeys) {
        self.keys = Some(keys);
    }

    /// Whether what it writes is protected.
    pub(crate) const fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// The peer takes no longer inner plaintext (RFC 8449 section 4).
    pub(crate) fn set_inner_limit(&mut self, limit: u16) {
        self.inner_limit = usize::from(limit).min(MAX_INNER_LEN);
    }

    /// Whether a message was written.
    pub(crate) const fn has_written(&self) -> bool {
        self.has_written
    }

    /// Whether these keys have sealed as much as they may, but for the message that replaces them.
    /// RFC 9846 section 5.5-1.
    pub(crate) fn wants_update(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.count().saturating_add(1) >= self.records_per_key.min(keys.limit()))
    }

    /// Whether there may be another update.
    /// RFC 9846 section 4.7.3-11.
    pub(crate) const fn may_update(&self) -> bool {
        self.updates < MAX_UPDATES
    }

    /// How often the keys were replaced.
    pub(crate) const fn updates(&self) -> u64 {
        self.updates
    }

    /// Goes on to the next keys: the KeyUpdate was sealed with the ones before.
    /// RFC 9846 section 4.7.3-2, 4.7.3-7.
    pub(crate) fn update_keys(&mut self) {
        if let Some(keys) = &mut self.keys {
            keys.update();
            self.updates += 1;
        }
    }

    /// Forgets the keys: what waits still goes, and nothing after it.
    pub(crate) fn forget(&mut self) {
        self.keys = None;
    }

    /// Forgets what waits as well.
    pub(crate) fn discard(&mut self) {
        self.forget();
        (self.waiting, self.taken) = (Vec::new(), 0);
    }

    /// Seals `content`, in as many records as it needs, and keeps them until they are taken. A new record begins with it.
    /// RFC 9846 section 5.1-7.
    pub(crate) fn push(&mut self, kind: ContentType, content: &[u8]) -> Result<(), LocalError> {
        let mut rest = content;
        // RFC 9846 section 5.1-13, 5.1-17.
        let version = if self.has_written { VERSION } else { self.first_version };
        self.has_written = true;
        // RFC 9846 section 5.1-8: no content, no record.
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.max_content()));
            let start = self.waiting.len();
            self.waiting.resize(start + self.record_len(now.len()), 0);
            let layout = self.layout(kind, version);
            let (_, room) = self.waiting.split_at_mut(start);
            if let Err(error) = layout.write(self.keys.as_mut(), now, room) {
                self.waiting.truncate(start);
                return Err(error);
            }
            rest = later;
        }
        Ok(())
    }

    /// A change_cipher_spec record, which is never protected (RFC 9846 appendix E.4).
    pub(crate) fn push_change_cipher_spec(&mut self) {
        self.waiting.extend_from_slice(&header::encode(ContentType::ChangeCipherSpec, VERSION, 1));
        self.waiting.push(1);
    }

    /// Whether records wait to be taken.
    pub(crate) fn has_waiting(&self) -> bool {
        self.taken < self.waiting.len()
    }

    /// Moves what waits to the front of `out`, as much as fits.
    pub(crate) fn take(&mut self, out: &mut [u8]) -> usize {
        let waiting = self.waiting.get(self.taken..).unwrap_or_default();
        let len = waiting.len().min(out.len());
        if let (Some(from), Some(to)) = (waiting.get(..len), out.get_mut(..len)) {
            to.copy_from_slice(from);
        }
        self.taken += len;
        if self.taken == self.waiting.len() {
            (self.waiting, self.taken) = (Vec::new(), 0);
        }
        len
    }

    /// Seals as much of `data` as one record takes at the front of `out`. Gives how much of `data` is in it and how long the
    /// record is; nothing if `out` has no room for it.
    pub(crate) fn write_data(&mut self, data: &[u8], out: &mut [u8]) -> Result<Option<(usize, usize)>, LocalError> {
        let (now, _) = data.split_at(data.len().min(self.max_content()));
        let len = self.record_len(now.len());
        let Some(room) = out.get_mut(..len) else { return Ok(None) };
        let layout = self.layout(ContentType::ApplicationData, VERSION);
        // RFC 9846 section 5.1-18: a caller without keys is not complete.
        let keys = self.keys.as_mut().ok_or(LocalError::NotComplete)?;
        layout.write(Some(keys), now, room)?;
        Ok(Some((now.len(), len)))
    }

    /// How much content, put behind where the first header goes, [`seal_in_place`](RecordWriter::seal_in_place) can make records of
    /// within `room` bytes.
    pub(crate) fn content_room(&self, room: usize) -> usize {
        let full = self.record_len(self.max_content());
        let records = room / full;
        let inner = (room - records * full).saturating_sub(HEADER_LEN + TAG_LEN);
        let padding = if self.padding_multiple > 1 { inner % self.padding_multiple } else { 0 };
        records * self.max_content() + (inner - padding).saturating_sub(1)
    }

    /// Whether so much content can be sealed before the keys have to be replaced.
    pub(crate) fn may_seal(&self, content: usize) -> bool {
        let records = content.div_ceil(self.max_content()) as u64;
        self.keys.as_ref().is_some_and(|keys| {
            keys.count().saturating_add(records).saturating_add(1) <= self.records_per_key.min(keys.limit())
        })
    }

    /// Makes records of `len` bytes of content where they lie: at the front of `out`, but for the room of a header. Gives how long the
    /// records are. It must be no more than [`content_room`](RecordWriter::content_room) and [`may_seal`](RecordWriter::may_seal) say.
    pub(crate) fn seal_in_place(&mut self, len: usize, out: &mut [u8]) -> Result<usize, LocalError> {
        let (most, full) = (self.max_content(), self.record_len(self.max_content()));
        // Each but the first makes room for what surrounds those before it: the last first.
        for place in (1..len.div_ceil(most)).rev() {
            let from = HEADER_LEN + place * most;
            out.copy_within(from..(from + most).min(HEADER_LEN + len), HEADER_LEN + place * full);
        }
        let layout = self.layout(ContentType::ApplicationData, VERSION);
        let (mut left, mut written) = (len, 0);
        while left > 0 {
            let now = left.min(most);
            let record_len = self.record_len(now);
            let room = out.get_mut(written..written + record_len).expect("content that has room in records");
            layout.seal(self.keys.as_mut().ok_or(LocalError::NotComplete)?, now, room)?;
            (left, written) = (left - now, written + record_len);
        }
        Ok(written)
    }

    const fn layout(&self, kind: ContentType, version: u16) -> Layout {
        Layout { kind, version, padding: self.padding_multiple, limit: self.inner_limit }
    }

    const fn max_content(&self) -> usize {
        // RFC 9846 section 5.1-15, 5.4-6.
        self.inner_limit - 1
    }

    /// Bytes of a record with so much content.
    fn record_len(&self, content_len: usize) -> usize {
        match &self.keys {
            Some(_) => HEADER_LEN + inner_len(content_len, self.padding_multiple, self.inner_limit) + TAG_LEN,
            None => HEADER_LEN + content_len,
        }
    }

    /// As if so many records had been sealed.
    #[cfg(test)]
    pub(crate) fn set_count(&mut self, sequence: u64) {
        self.keys.as_mut().expect("keys").set_count(sequence);
    }

    /// Records that the keys have sealed.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.keys.as_ref().expect("keys").count()
    }

    /// A record with this inner plaintext, as no writer makes it.
    #[cfg(test)]
    pub(crate) fn seal_inner(&mut self, inner: &[u8]) -> Vec<u8> {
        let mut record = header::encode(ContentType::ApplicationData, VERSION, inner.len() + TAG_LEN).to_vec();
        record.extend_from_slice(inner);
        let (header, body) = record.split_at_mut(HEADER_LEN);
        let tag = self.keys.as_mut().expect("keys").seal(header, body).expect("sealed");
        record.extend_from_slice(&tag);
        record
    }

    /// As if the keys had been updated so often.
    #[cfg(test)]
    pub(crate) fn set_updates(&mut self, updates: u64) {
        self.updates = updates;
    }
}

/// How a record is made.
struct Layout {
    kind: ContentType,
    version: u16,
    padding: usize,
    limit: usize,
}

impl Layout {
    /// Writes the record of `content`, which fits, into `room`, which is exactly as long as it.
    fn write(&self, keys: Option<&mut TrafficKeys>, content: &[u8], room: &mut [u8]) -> Result<(), LocalError> {
        let (header, body) = room.split_at_mut(HEADER_LEN);
        let (place, _) = body.split_at_mut(content.len());
        place.copy_from_slice(content);
        let Some(keys) = keys else {
            header.copy_from_slice(&header::encode(self.kind, self.version, body.len()));
            return Ok(());
        };
        self.seal(keys, content.len(), room)
    }

    /// Makes the record of content that lies in `room`, which is exactly as long as it, behind where the header goes.
    fn seal(&self, keys: &mut TrafficKeys, content_len: usize, room: &mut [u8]) -> Result<(), LocalError> {
        let (header, body) = room.split_at_mut(HEADER_LEN);
        let (body_len, (_, behind)) = (body.len(), body.split_at_mut(content_len));
        header.copy_from_slice(&header::encode(ContentType::ApplicationData, VERSION, body_len));
        // RFC 9846 section 5.4-2: the type, and zeros behind it.
        behind.fill(0);
        if let Some(kind) = behind.first_mut() {
            *kind = self.kind.byte();
        }
        let (inner, tag) = body.split_at_mut(inner_len(content_len, self.padding, self.limit));
        let made = keys.seal(header, inner).map_err(|_| LocalError::KeysUsedUp)?;
        tag.copy_from_slice(&made);
        Ok(())
    }
}

/// The length of an inner plaintext: content, type, and padding up to a multiple, as far as the limit allows.
fn inner_len(content_len: usize, multiple: usize, limit: usize) -> usize {
    let least = content_len + 1;
    if multiple <= 1 {
        return least;
    }
    least.next_multiple_of(multiple).min(limit).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_reaches_a_multiple_or_the_limit() {
        let cases = [
            ((0, 1, 16_385), 1),
            ((10, 1, 16_385), 11),
            ((0, 512, 16_385), 512),
            ((511, 512, 16_385), 512),
            ((512, 512, 16_385), 1024),
            ((16_383, 16_384, 16_385), 16_384),
            ((16_384, 16_384, 16_385), 16_385),
            ((10, 1000, 64), 64),
            ((63, 16_384, 64), 64),
        ];
        for ((content, multiple, limit), len) in cases {
            assert_eq!(inner_len(content, multiple, limit), len, "{content} {multiple} {limit}");
        }
    }
}
