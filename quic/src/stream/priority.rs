//! How urgent what is sent on a stream is, beside that on other streams (RFC 9000 section 2.3).

/// The place of a stream among those that have something to send.
///
/// Of streams that differ in urgency, the more urgent one goes first. Of those that are as urgent as each other, streams that
/// share take turns, packet by packet, and the others are sent one after the other, in the order in which they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPriority {
    urgency: u8,
    shares: bool,
}

impl StreamPriority {
    /// How many degrees of urgency there are.
    pub(crate) const URGENCIES: usize = 8;

    /// Of an urgency from 0, the highest, to 7; a larger number counts as 7. `shares` if what is sent is of use in parts, so that
    /// the stream takes turns with others.
    pub const fn new(urgency: u8, shares: bool) -> StreamPriority {
        let least = StreamPriority::URGENCIES as u8 - 1;
        StreamPriority { urgency: if urgency < least { urgency } else { least }, shares }
    }

    /// From 0, the highest, to 7.
    pub const fn urgency(self) -> u8 {
        self.urgency
    }

    /// Whether the stream takes turns with others that are as urgent.
    pub const fn shares(self) -> bool {
        self.shares
    }

    pub(crate) const fn level(self) -> usize {
        self.urgency as usize
    }
}

impl Default for StreamPriority {
    /// That of a stream of which nothing was said: urgency 3, and it shares.
    fn default() -> StreamPriority {
        StreamPriority::new(3, true)
    }
}
