//! Stream identifiers (RFC 9000 section 2.1): two bits say who opened the stream and whether it runs both ways.

use crate::VarInt;
use core::fmt;

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The end that opened the connection.
    Client = 0,
    /// The end that answered.
    Server = 1,
}

impl Side {
    /// The other end.
    pub const fn peer(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// Whether data flows both ways on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Both ends send.
    Bidirectional = 0,
    /// Only the end that opened the stream sends.
    Unidirectional = 1,
}

/// The number of a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

impl StreamId {
    /// Streams of one kind an endpoint can open in a connection's life: stream ids have 62 bits, two of them the kind.
    pub const MAX_COUNT: u64 = 1 << 60;

    /// The `index`-th stream (from 0) of its kind; `None` from 2^60 on.
    pub const fn new(initiator: Side, direction: Direction, index: u64) -> Option<StreamId> {
        if index < Self::MAX_COUNT {
            Some(StreamId(index << 2 | (direction as u64) << 1 | initiator as u64))
        } else {
            None
        }
    }

    /// From the wire.
    pub const fn from_varint(value: VarInt) -> StreamId {
        StreamId(value.value())
    }

    /// To the wire.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Who opened it.
    pub const fn initiator(self) -> Side {
        if self.0 & 1 == 0 { Side::Client } else { Side::Server }
    }

    /// Whether it runs both ways.
    pub const fn direction(self) -> Direction {
        if self.0 & 2 == 0 { Direction::Bidirectional } else { Direction::Unidirectional }
    }

    /// Its place among the streams of its kind, from 0.
    pub const fn index(self) -> u64 {
        self.0 >> 2
    }

    /// Whether `side` may send on it.
    pub fn is_sent_by(self, side: Side) -> bool {
        self.direction() == Direction::Bidirectional || self.initiator() == side
    }

    /// Whether `side` may receive on it.
    pub fn is_received_by(self, side: Side) -> bool {
        self.is_sent_by(side.peer())
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_kinds_of_table_1() {
        let kinds = [
            (0, Side::Client, Direction::Bidirectional),
            (1, Side::Server, Direction::Bidirectional),
            (2, Side::Client, Direction::Unidirectional),
            (3, Side::Server, Direction::Unidirectional),
        ];
        for (value, initiator, direction) in kinds {
            for index in [0, 1, StreamId::MAX_COUNT - 1] {
                let id = StreamId::new(initiator, direction, index).unwrap();
                assert_eq!(id.value(), value + 4 * index);
                assert_eq!((id.initiator(), id.direction(), id.index()), (initiator, direction, index));
                assert!(id.is_sent_by(initiator) && id.is_received_by(initiator.peer()));
                assert_eq!(id.is_sent_by(initiator.peer()), direction == Direction::Bidirectional);
            }
        }
        assert_eq!(StreamId::new(Side::Client, Direction::Bidirectional, StreamId::MAX_COUNT), None);
    }
}
