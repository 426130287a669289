//! The capsules of a session (draft-ietf-webtrans-http3 sections 4.7, 5.6 and 6): those of the other end, judged, and those that wait to
//! be sent. Of each kind one waits at most, with its newest value, so that a peer who takes nothing makes nothing grow.

use crate::flow::{Kind, MAX_STREAMS};
use crate::violation::Violation;
use alloc::string::String;
use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Bytes, Reader, VarInt};
use http::capsule::{self, Capsule, CapsuleReader};

const CLOSE: u64 = 0x2843;
const DRAIN: u64 = 0x78ae;
const MAX_DATA: u64 = 0x190b_4d3d;
const MAX_STREAM_DATA: u64 = 0x190b_4d3e;
const MAX_STREAMS_BIDI: u64 = 0x190b_4d3f;
const MAX_STREAMS_UNI: u64 = 0x190b_4d40;
const DATA_BLOCKED: u64 = 0x190b_4d41;
const STREAM_DATA_BLOCKED: u64 = 0x190b_4d42;
const STREAMS_BLOCKED_BIDI: u64 = 0x190b_4d43;
const STREAMS_BLOCKED_UNI: u64 = 0x190b_4d44;

const WANTED: [u64; 10] = [
    CLOSE,
    DRAIN,
    MAX_DATA,
    MAX_STREAM_DATA,
    MAX_STREAMS_BIDI,
    MAX_STREAMS_UNI,
    DATA_BLOCKED,
    STREAM_DATA_BLOCKED,
    STREAMS_BLOCKED_BIDI,
    STREAMS_BLOCKED_UNI,
];

/// Bytes of the longest message of a close (section 6).
const MAX_REASON: usize = 1024;
/// The longest capsule that is kept: a close.
const MAX_LEN: usize = 4 + MAX_REASON;

/// What a capsule of the other end says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Close {
        code: u32,
        reason: String,
    },
    Drain,
    /// This much is allowed from now on.
    Max(Kind, u64),
    /// The other end could do more if it were allowed.
    Blocked,
}

/// Finds the capsules in the stream of a session.
#[derive(Debug)]
pub(crate) struct Incoming {
    reader: CapsuleReader,
}

impl Incoming {
    pub(crate) const fn new() -> Incoming {
        Incoming { reader: CapsuleReader::new(&WANTED, MAX_LEN) }
    }

    /// The next capsule that ends in `input`; `None` when all was taken. Those of unknown types are skipped as they come, whatever
    /// length they say.
    ///
    /// M18: a capsule that is too long is a breach as soon as its length has come.
    pub(crate) fn next(&mut self, input: &mut Bytes) -> Result<Option<Said>, Violation> {
        let capsule = self.reader.read(input);
        match self.reader.take_too_long() {
            // draft-ietf-webtrans-http3 section 6-6.
            Some(CLOSE) => return Err(Violation::CloseTooLong),
            // draft-ietf-webtrans-http3 section 5.4-1.
            Some(MAX_STREAM_DATA | STREAM_DATA_BLOCKED) => return Err(Violation::StreamDataCapsule),
            Some(_) => return Err(Violation::CapsuleMalformed),
            None => {}
        }
        capsule.map(|capsule| judge(&capsule)).transpose()
    }

    /// Whether the stream may end here.
    pub(crate) const fn is_between(&self) -> bool {
        self.reader.is_between()
    }
}

fn judge(capsule: &Capsule) -> Result<Said, Violation> {
    Ok(match capsule.kind {
        CLOSE => close(&capsule.payload)?,
        DRAIN if capsule.payload.is_empty() => Said::Drain,
        DRAIN => return Err(Violation::CapsuleMalformed),
        MAX_DATA => Said::Max(Kind::Data, number(&capsule.payload)?),
        MAX_STREAMS_BIDI => Said::Max(Kind::Bidirectional, streams(&capsule.payload)?),
        MAX_STREAMS_UNI => Said::Max(Kind::Unidirectional, streams(&capsule.payload)?),
        DATA_BLOCKED => number(&capsule.payload).map(|_| Said::Blocked)?,
        // draft-ietf-webtrans-http3 section 5.6.3-2.
        STREAMS_BLOCKED_BIDI | STREAMS_BLOCKED_UNI => streams(&capsule.payload).map(|_| Said::Blocked)?,
        // draft-ietf-webtrans-http3 section 5.4-1.
        _ => return Err(Violation::StreamDataCapsule),
    })
}

/// draft-ietf-webtrans-http3 section 6-3, 6-4, 6-6.
fn close(payload: &[u8]) -> Result<Said, Violation> {
    let (code, reason) = payload.split_first_chunk().ok_or(Violation::CloseMalformed)?;
    let reason = core::str::from_utf8(reason).map_err(|_| Violation::CloseMalformed)?;
    Ok(Said::Close { code: u32::from_be_bytes(*code), reason: reason.into() })
}

fn number(payload: &[u8]) -> Result<u64, Violation> {
    let mut reader = Reader::new(payload);
    let number = reader.varint().map_err(|_| Violation::CapsuleMalformed)?;
    if reader.is_empty() { Ok(number) } else { Err(Violation::CapsuleMalformed) }
}

/// draft-ietf-webtrans-http3 section 5.6.2-1.
fn streams(payload: &[u8]) -> Result<u64, Violation> {
    number(payload).and_then(|count| if count > MAX_STREAMS { Err(Violation::LimitTooLarge) } else { Ok(count) })
}

/// As much of a message as a close can say: it ends between two characters.
///
/// draft-ietf-webtrans-http3 section 6-4, 6-5.
pub(crate) fn truncate(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.split_at(end).0
}

/// What is to be sent, and was not handed over.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    max: [Option<u64>; 3],
    blocked: [Option<u64>; 3],
    drain: bool,
    close: Option<(u32, String)>,
    /// Whole capsules of which HTTP/3 has not taken all.
    pub(crate) unsent: Bytes,
}

impl Outgoing {
    pub(crate) const fn is_empty(&self) -> bool {
        let has_limit = self.max[0].is_some() || self.max[1].is_some() || self.max[2].is_some();
        let is_blocked = self.blocked[0].is_some() || self.blocked[1].is_some() || self.blocked[2].is_some();
        !has_limit && !is_blocked && !self.drain && self.close.is_none() && self.unsent.is_empty()
    }

    pub(crate) const fn allow(&mut self, kind: Kind, limit: u64) {
        self.max[kind as usize] = Some(limit);
    }

    pub(crate) const fn block(&mut self, kind: Kind, limit: u64) {
        self.blocked[kind as usize] = Some(limit);
    }

    pub(crate) const fn drain(&mut self) {
        self.drain = true;
    }

    /// The last that is said: what else waits is of no use any more.
    pub(crate) fn close(&mut self, code: u32, reason: &str) {
        let unsent = core::mem::take(&mut self.unsent);
        *self = Outgoing { close: Some((code, truncate(reason).into())), unsent, ..Outgoing::default() };
    }

    /// What waits as bytes, which are waited for in turn.
    pub(crate) fn fill(&mut self) -> &mut Bytes {
        if self.unsent.is_empty() {
            self.unsent = Bytes::from(self.encode());
        }
        &mut self.unsent
    }

    fn encode(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for kind in Kind::ALL {
            let (max, blocked) = match kind {
                Kind::Bidirectional => (MAX_STREAMS_BIDI, STREAMS_BLOCKED_BIDI),
                Kind::Unidirectional => (MAX_STREAMS_UNI, STREAMS_BLOCKED_UNI),
                Kind::Data => (MAX_DATA, DATA_BLOCKED),
            };
            for (capsule, value) in
                [(max, self.max[kind as usize].take()), (blocked, self.blocked[kind as usize].take())]
            {
                if let Some(value) = value {
                    let mut payload = Vec::new();
                    push_varint(&mut payload, VarInt::new(value).unwrap_or(VarInt::MAX));
                    capsule::push(&mut out, capsule, &payload);
                }
            }
        }
        if core::mem::take(&mut self.drain) {
            capsule::push(&mut out, DRAIN, &[]);
        }
        if let Some((code, reason)) = self.close.take() {
            let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
            capsule::push(&mut out, CLOSE, &payload);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], size: usize) -> Result<Vec<Said>, Violation> {
        let (mut incoming, mut said) = (Incoming::new(), Vec::new());
        for piece in bytes.chunks(size) {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(one) = incoming.next(&mut input)? {
                said.push(one);
            }
        }
        if incoming.is_between() { Ok(said) } else { Err(Violation::CapsuleTruncated) }
    }

    fn one(kind: u64, payload: &[u8]) -> Result<Vec<Said>, Violation> {
        let mut out = Vec::new();
        capsule::push(&mut out, kind, payload);
        let whole = read(&out, out.len());
        for size in 1..out.len() {
            assert_eq!(read(&out, size), whole, "in pieces of {size}");
        }
        whole
    }

    fn everything() -> Vec<u8> {
        let mut outgoing = Outgoing::default();
        Kind::ALL.iter().for_each(|kind| outgoing.allow(*kind, 70 + *kind as u64));
        Kind::ALL.iter().for_each(|kind| outgoing.block(*kind, 7));
        outgoing.drain();
        let mut all = outgoing.fill().to_vec();
        outgoing.unsent = Bytes::new();
        outgoing.close(9, "bye");
        all.extend_from_slice(outgoing.fill());
        all
    }

    #[test]
    fn what_is_sent_is_read_in_pieces_of_any_size() {
        let all = everything();
        let expected = [
            Said::Max(Kind::Bidirectional, 70),
            Said::Blocked,
            Said::Max(Kind::Unidirectional, 71),
            Said::Blocked,
            Said::Max(Kind::Data, 72),
            Said::Blocked,
            Said::Drain,
            Said::Close { code: 9, reason: "bye".into() },
        ];
        for size in 1..=all.len() {
            assert_eq!(read(&all, size).unwrap(), expected);
        }
        assert!(Outgoing::default().is_empty());
    }

    #[test]
    fn a_close_makes_all_else_needless() {
        let mut outgoing = Outgoing::default();
        outgoing.drain();
        outgoing.allow(Kind::Data, 5);
        outgoing.close(1, "");
        assert_eq!(read(outgoing.fill(), 100).unwrap(), [Said::Close { code: 1, reason: String::new() }]);
    }

    /// draft-ietf-webtrans-http3 section 6-3, 6-4, 6-6. M18: a close that says that it is long is a breach before it has come.
    #[test]
    fn m18_closes_that_are_too_long_or_malformed() {
        let reason = [b'x'; MAX_REASON];
        let longest = [&[0, 0, 1, 0], &reason[..]].concat();
        let text = core::str::from_utf8(&reason).unwrap();
        assert_eq!(one(CLOSE, &longest), Ok([Said::Close { code: 256, reason: text.into() }].to_vec()));
        assert_eq!(one(CLOSE, &[longest, [b'x'].to_vec()].concat()), Err(Violation::CloseTooLong));
        for short in [&[][..], &[0], &[0, 0, 0]] {
            assert_eq!(one(CLOSE, short), Err(Violation::CloseMalformed));
        }
        assert_eq!(one(CLOSE, &[0, 0, 0, 0, 0xff]), Err(Violation::CloseMalformed));
        assert_eq!(one(CLOSE, &[0; 4]), Ok([Said::Close { code: 0, reason: String::new() }].to_vec()));
        let mut header = Vec::new();
        push_varint(&mut header, VarInt::new(CLOSE).unwrap());
        push_varint(&mut header, VarInt::new(1 << 40).unwrap());
        assert_eq!(Incoming::new().next(&mut Bytes::from(header)), Err(Violation::CloseTooLong));
    }

    /// M18: an unknown capsule is skipped as it comes, whatever length it says.
    #[test]
    fn m18_unknown_capsules_are_not_kept() {
        let mut stream = Vec::new();
        push_varint(&mut stream, VarInt::new(0x1f * 99 + 0x17).unwrap());
        push_varint(&mut stream, VarInt::new(1 << 40).unwrap());
        let mut incoming = Incoming::new();
        assert_eq!(incoming.next(&mut Bytes::from(stream)), Ok(None));
        for _ in 0..100 {
            assert_eq!(incoming.next(&mut Bytes::from(alloc::vec![0; 10_000])), Ok(None));
        }
        assert!(!incoming.is_between());
    }

    /// draft-ietf-webtrans-http3 section 5.4-1, 5.6.2-1, 5.6.3-2.
    #[test]
    fn limits_that_cannot_be() {
        let above = |count: u64| (0b11 << 62 | count).to_be_bytes();
        for kind in [MAX_STREAMS_BIDI, MAX_STREAMS_UNI, STREAMS_BLOCKED_BIDI, STREAMS_BLOCKED_UNI] {
            assert_eq!(one(kind, &above(MAX_STREAMS + 1)), Err(Violation::LimitTooLarge));
            assert!(one(kind, &above(MAX_STREAMS)).is_ok());
        }
        for kind in [MAX_DATA, DATA_BLOCKED, MAX_STREAMS_BIDI, STREAMS_BLOCKED_UNI] {
            for bad in [&[][..], &[0x40], &[1, 1], &[0; 2000]] {
                assert_eq!(one(kind, bad), Err(Violation::CapsuleMalformed));
            }
        }
        assert_eq!(one(DRAIN, &[0]), Err(Violation::CapsuleMalformed));
        for kind in [MAX_STREAM_DATA, STREAM_DATA_BLOCKED] {
            for payload in [&[0, 5][..], &[0; 2000]] {
                assert_eq!(one(kind, payload), Err(Violation::StreamDataCapsule));
            }
        }
    }

    /// draft-ietf-webtrans-http3 section 6-4, 6-5.
    #[test]
    fn a_message_is_cut_between_characters() {
        assert_eq!(truncate("short"), "short");
        let long = "ä".repeat(600);
        assert_eq!(truncate(&long).len(), 1024);
        let odd = alloc::format!("x{long}");
        assert_eq!(truncate(&odd).len(), 1023);
        assert!(odd.starts_with(truncate(&odd)));
    }

    #[test]
    fn no_cut_and_no_change_of_a_byte_breaks_anything() {
        let all = everything();
        for cut in 0..all.len() {
            let _ = read(&all[..cut], 3);
        }
        for place in 0..all.len() {
            for byte in 0..=255 {
                let mut changed = all.clone();
                changed[place] = byte;
                assert_eq!(read(&changed, 1), read(&changed, changed.len()), "in pieces or whole");
            }
        }
    }
}
