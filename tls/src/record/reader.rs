//! Records as they come: each is opened where it lies (RFC 9846 section 5.1, 5.2, 5.4).

use crate::alert::Alert;
use crate::error::{Error, LocalError};
use crate::level::Level;
use crate::record::header::{ContentType, HEADER_LEN, Header, MAX_INNER_LEN};
use crate::record::keys::{KeysError, TrafficKeys};
use crate::records::PeerAlert;
use crate::violation::Violation;
use core::ops::Range;
use crypto::aead::TAG_LEN;

/// Early data that a server skips because it has refused it, in bytes of records (RFC 9846 section 4.3.10).
const MAX_SKIPPED_EARLY_DATA: usize = 1 << 16;

/// One record that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// What it holds.
    pub kind: ContentType,
    /// Where its content lies now.
    pub content: Range<usize>,
    /// Bytes of the record, header and all.
    pub len: usize,
}

/// What was found at the front of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Not a whole record.
    Incomplete,
    /// A record.
    Record(Record),
    /// Early data that nobody can read, of so many bytes.
    Skipped(usize),
}

/// Opens what the peer sends.
#[derive(Debug)]
pub(crate) struct RecordReader {
    /// None before the first keys.
    keys: Option<TrafficKeys>,
    level: Level,
    /// How often the peer has replaced them.
    updates: u64,
    /// The longest inner plaintext that is taken.
    inner_limit: usize,
    /// Whether a record was opened with any keys: then the peer has them.
    has_opened: bool,
    /// Bytes of refused early data that may still come, if there is any.
    skippable: Option<usize>,
}

impl RecordReader {
    /// One without keys.
    pub(crate) fn new(record_size_limit: u16) -> RecordReader {
        let inner_limit = usize::from(record_size_limit).min(MAX_INNER_LEN);
        RecordReader { keys: None, level: Level::Initial, updates: 0, inner_limit, has_opened: false, skippable: None }
    }

    /// Whose keys the next record is opened with.
    pub(crate) const fn level(&self) -> Level {
        self.level
    }

    /// Takes the keys of the next level.
    pub(crate) fn set_keys(&mut self, level: Level, keys: TrafficKeys) {
        (self.level, self.keys) = (level, Some(keys));
    }

    /// The peer has announced new keys.
    /// RFC 9846 section 4.7.3-3, 4.7.3-8.
    pub(crate) fn update_keys(&mut self) {
        if let Some(keys) = &mut self.keys {
            keys.update();
            self.updates = self.updates.saturating_add(1);
        }
    }

    /// How often the peer has replaced its keys.
    pub(crate) const fn updates(&self) -> u64 {
        self.updates
    }

    /// The client's early data is refused: what it sent by then is passed over.
    pub(crate) fn skip_early_data(&mut self) {
        self.skippable.get_or_insert(MAX_SKIPPED_EARLY_DATA);
    }

    /// Forgets the keys: nothing is read any more.
    pub(crate) fn forget(&mut self) {
        self.keys = None;
    }

    /// Opens the record at the front of `bytes`, if it is whole.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> Result<Found, Error> {
        let Some(header) = Header::decode(bytes)? else { return Ok(Found::Incomplete) };
        let len = HEADER_LEN + header.len;
        let is_protected = header.kind == ContentType::ApplicationData;
        if is_protected && header.len > self.inner_limit.saturating_add(TAG_LEN) {
            // RFC 8449 section 4, RFC 9846 section 5.4-6: what is inside is longer than is taken.
            return Err(Violation::RecordTooLong.into());
        }
        let Some(record) = bytes.get_mut(..len) else { return Ok(Found::Incomplete) };
        if is_protected { self.open(record) } else { self.unprotected(header, record) }
    }

    fn unprotected(&self, header: Header, record: &[u8]) -> Result<Found, Error> {
        let content = HEADER_LEN..record.len();
        let body = record.get(content.clone()).unwrap_or_default();
        match header.kind {
            // Whether one may come now is for the connection to say.
            ContentType::ChangeCipherSpec if body == [1] => {}
            // RFC 9846 section 5-2.
            ContentType::ChangeCipherSpec => return Err(Violation::ChangeCipherSpec.into()),
            _ if body.is_empty() => return Err(Violation::EmptyRecord.into()),
            _ if self.keys.is_none() => {}
            // A peer that could not make the keys says so without them. It can only be an error: whoever is on the way
            // could have cut the connection as well, but must not end it as if the peer had.
            ContentType::Alert if !self.has_opened && is_error(body) => {}
            _ => return Err(Violation::UnprotectedRecord.into()),
        }
        Ok(Found::Record(Record { kind: header.kind, content, len: record.len() }))
    }

    /// RFC 9846 section 4.3.10-16, 4.3.10-17.
    fn open(&mut self, record: &mut [u8]) -> Result<Found, Error> {
        let len = record.len();
        let (header, body) = record.split_at_mut(HEADER_LEN);
        let Some(keys) = &mut self.keys else {
            return self.skip(len, Violation::RecordType);
        };
        match keys.open(header, body) {
            Ok(inner_len) => {
                (self.has_opened, self.skippable) = (true, Some(0));
                let inner = body.get(..inner_len).unwrap_or_default();
                Ok(Found::Record(inner_record(inner, len)?))
            }
            Err(KeysError::NotAuthentic) => self.skip(len, Violation::RecordProtection),
            Err(KeysError::UsedUp) => Err(LocalError::KeysUsedUp.into()),
        }
    }

    /// Passes over early data, as far as it may be that.
    /// RFC 9846 section 4.3.10-6.
    fn skip(&mut self, len: usize, otherwise: Violation) -> Result<Found, Error> {
        match self.skippable.and_then(|left| left.checked_sub(len)) {
            Some(left) => {
                self.skippable = Some(left);
                Ok(Found::Skipped(len))
            }
            // RFC 9846 section 5.2-3.
            None => Err(otherwise.into()),
        }
    }

    /// As if so many records had been opened.
    #[cfg(test)]
    pub(crate) fn set_count(&mut self, sequence: u64) {
        self.keys.as_mut().expect("keys").set_count(sequence);
    }
}

/// Looks for the type behind the content, and the padding behind that.
fn inner_record(inner: &[u8], len: usize) -> Result<Record, Violation> {
    // RFC 9846 section 5.4-4, 5.4-5.
    let at = inner.iter().rposition(|byte| *byte != 0).ok_or(Violation::RecordWithoutType)?;
    let kind = ContentType::from_byte(inner.get(at).copied().unwrap_or_default())?;
    match kind {
        // RFC 9846 section 5-2.
        ContentType::ChangeCipherSpec => Err(Violation::ChangeCipherSpec),
        // RFC 9846 section 5.4-3.
        ContentType::Alert | ContentType::Handshake if at == 0 => Err(Violation::EmptyRecord),
        _ => Ok(Record { kind, content: HEADER_LEN..HEADER_LEN + at, len }),
    }
}

fn is_error(content: &[u8]) -> bool {
    matches!(PeerAlert::decode(content), Ok(PeerAlert::Error(Alert(_))))
}
