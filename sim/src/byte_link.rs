//! One direction of a byte stream as TCP offers it: bytes in order, in pieces of any size, after a delay, and no more on their way than
//! fit.

use crate::random::SeededRandom;
use base::{Duration, Instant};
use std::collections::VecDeque;

/// What a byte link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteLinkConfig {
    /// From the last byte of a piece sent to its arrival.
    pub delay: Duration,
    /// Bytes per second; `None` sends everything at once.
    pub rate: Option<u64>,
    /// Bytes that may be on their way or wait to be read. Who reads makes room at once: what a reader tells its peer has no
    /// delay of its own.
    pub capacity: usize,
    /// The length of a piece, drawn anew for each: what one write takes, and one read gives, at least (unless there is no more) ...
    pub smallest: usize,
    /// ... and at most.
    pub largest: usize,
}

impl ByteLinkConfig {
    /// Pieces as large as the 64 KiB that fit.
    pub const fn new(delay: Duration) -> ByteLinkConfig {
        let capacity = 1 << 16;
        ByteLinkConfig { delay, rate: None, capacity, smallest: capacity, largest: capacity }
    }

    /// Pieces of a drawn length between these.
    #[must_use]
    pub const fn with_pieces(self, smallest: usize, largest: usize) -> ByteLinkConfig {
        ByteLinkConfig { smallest, largest, ..self }
    }
}

/// What reading gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes, written to the front of the room.
    Bytes(usize),
    /// Nothing has arrived.
    Nothing,
    /// Nothing will arrive any more.
    End,
}

/// One direction.
#[derive(Debug)]
pub struct ByteLink {
    config: ByteLinkConfig,
    random: SeededRandom,
    pieces: VecDeque<Piece>,
    /// Bytes in `pieces`, and bytes that were lost to silence, which keep their room.
    held: usize,
    /// When the last byte written will have left.
    busy_until: Instant,
    end: Option<Instant>,
    is_silent: bool,
}

#[derive(Debug)]
struct Piece {
    arrival: Instant,
    bytes: Vec<u8>,
    read: usize,
}

impl ByteLink {
    /// Nothing on its way.
    ///
    /// # Panics
    /// If a piece could be empty, or nothing fits.
    pub fn new(config: ByteLinkConfig, random: SeededRandom) -> ByteLink {
        assert!(config.capacity > 0, "a link on which nothing fits carries nothing");
        assert!(0 < config.smallest && config.smallest <= config.largest, "pieces have a length: {config:?}");
        ByteLink {
            config,
            random,
            pieces: VecDeque::new(),
            held: 0,
            busy_until: Instant::ZERO,
            end: None,
            is_silent: false,
        }
    }

    /// Takes a piece from the front of `bytes`, and says how long it is: zero only if nothing fits now.
    pub fn write(&mut self, now: Instant, bytes: &[u8]) -> usize {
        assert!(self.end.is_none(), "bytes are written after the end");
        let drawn =
            self.config.smallest as u64 + self.random.below((self.config.largest - self.config.smallest) as u64 + 1);
        let room = self.config.capacity - self.held;
        let len = usize::try_from(drawn).map_or(room, |drawn| drawn.min(room)).min(bytes.len());
        if len > 0 {
            self.held += len;
            let arrival = self.leave(now, len) + self.config.delay;
            if !self.is_silent {
                self.pieces.push_back(Piece { arrival, bytes: bytes[..len].to_vec(), read: 0 });
            }
        }
        len
    }

    /// Nothing is written any more.
    pub fn end(&mut self, now: Instant) {
        if !self.is_silent {
            self.end = Some(self.busy_until.max(now) + self.config.delay);
        }
    }

    /// Bytes in transit and bytes written later are lost without notice: the peer, or the path, has vanished.
    pub fn silence(&mut self) {
        self.is_silent = true;
        self.end = None;
        self.pieces.clear();
    }

    /// When reading gives something, which may lie back.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.pieces.front().map(|piece| piece.arrival).or(self.end)
    }

    /// When what is said at `now` arrives.
    pub(crate) fn arrival(&self, now: Instant) -> Option<Instant> {
        (!self.is_silent).then_some(now + self.config.delay)
    }

    /// Reads what has arrived of one piece.
    pub fn read(&mut self, now: Instant, room: &mut [u8]) -> Read {
        if self.next_arrival().is_none_or(|at| at > now) {
            return Read::Nothing;
        }
        let Some(piece) = self.pieces.front_mut() else { return Read::End };
        let len = room.len().min(piece.bytes.len() - piece.read);
        room[..len].copy_from_slice(&piece.bytes[piece.read..piece.read + len]);
        piece.read += len;
        if piece.read == piece.bytes.len() {
            self.pieces.pop_front();
        }
        self.held -= len;
        Read::Bytes(len)
    }

    /// When the last byte will have left.
    fn leave(&mut self, now: Instant, len: usize) -> Instant {
        let nanoseconds = match self.config.rate {
            Some(rate) => len as u128 * 1_000_000_000 / u128::from(rate.max(1)),
            None => 0,
        };
        let spent = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.busy_until = self.busy_until.max(now) + spent;
        self.busy_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(milliseconds)
    }

    fn link(config: ByteLinkConfig) -> ByteLink {
        ByteLink::new(config, SeededRandom::new(1))
    }

    fn config() -> ByteLinkConfig {
        ByteLinkConfig::new(Duration::from_millis(10))
    }

    #[test]
    fn bytes_arrive_after_rate_and_delay_and_the_end_behind_them() {
        let mut link = link(ByteLinkConfig { rate: Some(1000), ..config() });
        let mut room = [0; 8];
        assert_eq!((link.write(at(0), b"abc"), link.write(at(0), b"d")), (3, 1));
        link.end(at(1));
        assert_eq!(link.read(at(12), &mut room), Read::Nothing);
        assert_eq!((link.read(at(13), &mut room), &room[..3]), (Read::Bytes(3), &b"abc"[..]));
        assert_eq!(link.read(at(13), &mut room), Read::Nothing);
        assert_eq!(link.next_arrival(), Some(at(14)));
        assert_eq!((link.read(at(14), &mut room), room[0]), (Read::Bytes(1), b'd'));
        assert_eq!(link.read(at(14), &mut room), Read::End);
    }

    #[test]
    fn pieces_have_the_lengths_they_may_have() {
        for (smallest, largest) in [(1, 1), (3, 7), (100, 1000)] {
            let mut link = link(config().with_pieces(smallest, largest));
            let lengths: Vec<usize> = (0..50).map(|_| link.write(at(0), &[7; 2000])).collect();
            assert!(lengths.iter().all(|len| (smallest..=largest).contains(len)), "{lengths:?}");
            assert_eq!(lengths.iter().any(|len| *len != lengths[0]), smallest != largest);
            let mut room = [0; 2000];
            assert!(lengths.iter().all(|len| link.read(at(10), &mut room) == Read::Bytes(*len)));
        }
    }

    #[test]
    fn a_slow_reader_fills_the_link_and_makes_room_by_reading() {
        let mut link = link(ByteLinkConfig { capacity: 10, ..config() });
        assert_eq!([link.write(at(0), &[1; 6]), link.write(at(0), &[2; 6]), link.write(at(0), &[3; 6])], [6, 4, 0]);
        let mut room = [0; 4];
        assert_eq!(link.read(at(10), &mut room), Read::Bytes(4));
        assert_eq!(link.write(at(10), &[3; 6]), 4);
        assert_eq!(link.read(at(10), &mut room), Read::Bytes(2), "the rest of the piece");
    }

    #[test]
    fn silence_swallows_everything_and_gives_no_room_back() {
        let mut link = link(ByteLinkConfig { capacity: 10, ..config() });
        assert_eq!(link.write(at(0), &[1; 6]), 6);
        link.silence();
        assert_eq!((link.write(at(0), &[1; 6]), link.write(at(0), &[1; 6])), (4, 0));
        link.end(at(0));
        assert_eq!((link.next_arrival(), link.arrival(at(0))), (None, None));
        assert_eq!(link.read(at(1000), &mut [0; 4]), Read::Nothing);
    }
}
