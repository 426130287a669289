//! Handshake messages put together from the bytes of one encryption level, at most one at a time (RFC 9846 section 4).
//!
//! What is held grows with the bytes that arrived, never with the length that a header declares.

use crate::message::framing::{HEADER_LEN, HandshakeType, Message};
use crate::violation::Violation;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// The longest message that is accepted: a chain of a dozen large certificates fits, and a peer cannot make us hold more
/// than this.
pub(crate) const MAX_MESSAGE_LEN: usize = 65_536;

/// The part of a message that has arrived.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    partial: Vec<u8>,
}

impl Inbox {
    /// Nothing has arrived.
    pub(crate) fn new() -> Inbox {
        Inbox::default()
    }

    /// Whether a message has begun and not ended.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }

    /// The type of the message that has begun.
    pub(crate) fn kind(&self) -> Option<HandshakeType> {
        self.partial.first().copied().map(HandshakeType)
    }

    /// Takes from the front of `bytes` what the current message lacks, and gives the message away if it is whole now. One that
    /// arrives in one piece stays where it is.
    pub(crate) fn fill<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, Violation> {
        if self.partial.is_empty() {
            match whole_len(bytes) {
                Some(len) if len <= bytes.len() && len <= HEADER_LEN + MAX_MESSAGE_LEN => {
                    let (message, rest) = bytes.split_at(len);
                    *bytes = rest;
                    return Ok(Some(Cow::Borrowed(message)));
                }
                // What has come, and no more.
                whole => self.partial.reserve_exact(whole.unwrap_or(HEADER_LEN).min(bytes.len())),
            }
        }
        self.take_up_to(HEADER_LEN, bytes);
        let Some(whole_len) = whole_len(&self.partial) else { return Ok(None) };
        if whole_len > HEADER_LEN + MAX_MESSAGE_LEN {
            return Err(Violation::MessageTooLong);
        }
        self.take_up_to(whole_len, bytes);
        let is_whole = self.partial.len() == whole_len;
        Ok(is_whole.then(|| Cow::Owned(core::mem::take(&mut self.partial))))
    }

    fn take_up_to(&mut self, len: usize, bytes: &mut &[u8]) {
        let lacking = len.saturating_sub(self.partial.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(lacking);
        self.partial.extend_from_slice(taken);
        *bytes = rest;
    }
}

/// How long the message is that begins with `bytes`, with its header; `None` if not all of that is there.
fn whole_len(bytes: &[u8]) -> Option<usize> {
    let [_, high, middle, low] = bytes.first_chunk::<HEADER_LEN>()?;
    Some(HEADER_LEN + (usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low)))
}

/// The message that these bytes are, header and body.
///
/// # Panics
/// If there is no header: `bytes` came out of an [`Inbox`] or of our own encoder.
pub(crate) fn message(bytes: &[u8]) -> Message<'_> {
    let (header, body) = bytes.split_first_chunk::<HEADER_LEN>().expect("a message has a header");
    Message { kind: HandshakeType(header[0]), body, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn messages_in_any_pieces() {
        let flight = [8, 0, 0, 2, 1, 2, 20, 0, 0, 0, 11, 0, 0, 1, 9];
        for size in 1..=flight.len() {
            let (mut inbox, mut messages) = (Inbox::new(), Vec::new());
            for mut piece in flight.chunks(size) {
                while !piece.is_empty() {
                    let whole = inbox.fill(&mut piece).unwrap();
                    assert_eq!(inbox.is_empty(), whole.is_some(), "a message has begun, or it is whole");
                    messages.extend(whole.map(Cow::into_owned));
                }
            }
            assert_eq!(messages, [vec![8, 0, 0, 2, 1, 2], vec![20, 0, 0, 0], vec![11, 0, 0, 1, 9]]);
            assert!(inbox.is_empty());
        }
    }

    #[test]
    fn a_long_message_is_refused_at_its_header() {
        let mut inbox = Inbox::new();
        assert_eq!(inbox.fill(&mut &[11, 1, 0, 1][..]), Err(Violation::MessageTooLong));
        let mut inbox = Inbox::new();
        assert_eq!(inbox.fill(&mut &[11, 1, 0, 0][..]), Ok(None));
        assert!(inbox.partial.capacity() < 64, "nothing is reserved for bytes that have not come");
        let mut inbox = Inbox::new();
        let flight = [11, 0, 0, 3, 1, 2, 3, 11, 0, 0, 9, 1];
        let mut left = &flight[..];
        let whole = inbox.fill(&mut left);
        assert!(matches!(whole, Ok(Some(Cow::Borrowed([11, 0, 0, 3, 1, 2, 3])))), "{whole:?} stays where it is");
        assert_eq!((left.len(), inbox.fill(&mut left)), (5, Ok(None)));
        assert_eq!(inbox.partial.capacity(), 5, "what came is held once");
        // A message as long as is allowed, which has come at once, and one that is longer.
        let mut longest = [&[11, 1, 0, 0][..], &[7; MAX_MESSAGE_LEN]].concat();
        assert_eq!(Inbox::new().fill(&mut &longest[..]).map(|whole| whole.map(|whole| whole.len())), Ok(Some(65_540)));
        longest[3] = 1;
        longest.push(7);
        assert_eq!(Inbox::new().fill(&mut &longest[..]), Err(Violation::MessageTooLong));
    }
}
