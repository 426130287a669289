//! Handshake messages put together from the bytes of one encryption level, at most one at a time (RFC 9846 section 4).
//!
//! What is held grows with the bytes that arrived, never with the length that a header declares.

use crate::message::framing::{HEADER_LEN, HandshakeType, Message};
use crate::violation::Violation;
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

    /// Takes from the front of `bytes` what the current message lacks. `true` if it is whole now.
    pub(crate) fn fill(&mut self, bytes: &mut &[u8]) -> Result<bool, Violation> {
        if self.partial.is_empty() {
            // Mostly all of it has come.
            self.partial.reserve_exact(whole_len(bytes).unwrap_or(HEADER_LEN).min(bytes.len()));
        }
        self.take_up_to(HEADER_LEN, bytes);
        let Some(whole_len) = whole_len(&self.partial) else { return Ok(false) };
        if whole_len > HEADER_LEN + MAX_MESSAGE_LEN {
            return Err(Violation::MessageTooLong);
        }
        self.take_up_to(whole_len, bytes);
        Ok(self.partial.len() == whole_len)
    }

    /// Gives the whole message away.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.partial)
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
                    let is_whole = inbox.fill(&mut piece).unwrap();
                    assert!(!inbox.is_empty(), "a message has begun");
                    if is_whole {
                        messages.push(inbox.take());
                    }
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
        assert_eq!(inbox.fill(&mut &[11, 1, 0, 0][..]), Ok(false));
        assert!(inbox.partial.capacity() < 64, "nothing is reserved for bytes that have not come");
        let mut inbox = Inbox::new();
        assert_eq!(inbox.fill(&mut &[11, 0, 0, 3, 1, 2, 3, 11, 0, 0, 9][..]), Ok(true));
        assert_eq!(inbox.partial.capacity(), 7, "what came is held once, and no more of it than is the message's");
    }
}
