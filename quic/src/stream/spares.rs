//! The memory of streams that are over, kept for those that begin next, until the connection rests. Streams of requests come and go in
//! numbers: an allocator keeps few pieces of their size at hand.

use super::entry::Stream;
use super::send::SendHalf;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Direction, Spare, StreamId};

/// The most bytes of memory of what was sent that are kept: a head, and a content of a packet's length.
const MOST_MEMORY: usize = 2048;

/// Spare memory of one connection: a word, until it has a bidirectional stream. Streams in one direction are few, and most of them never
/// end.
#[derive(Debug, Default)]
pub(crate) struct Spares(Option<Box<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// Bidirectional streams that were made and are not over.
    in_use: usize,
    streams: Spare<Box<Stream>>,
    memory: Spare<Vec<u8>>,
}

impl Spares {
    /// A place for a new stream, where one stood that is over if there is such a place.
    pub(crate) fn make(&mut self, id: StreamId, stream: Stream) -> Box<Stream> {
        if id.direction() == Direction::Unidirectional {
            return Box::new(stream);
        }
        let kept = self.0.get_or_insert_default();
        kept.in_use += 1;
        match kept.streams.take() {
            Some(mut place) => {
                *place = stream;
                place
            }
            None => Box::new(stream),
        }
    }

    /// A stream is over.
    pub(crate) fn keep(&mut self, id: StreamId, mut stream: Box<Stream>) {
        let Some(kept) = self.0.as_mut().filter(|_| id.direction() == Direction::Bidirectional) else { return };
        kept.in_use -= 1;
        // As many as are in use, and one where they follow each other.
        let most = kept.in_use + 1;
        let memory = stream.send.as_mut().map(SendHalf::take_memory).unwrap_or_default();
        if memory.capacity() > 0 && memory.capacity() <= MOST_MEMORY {
            kept.memory.keep(memory, most);
        }
        // What it held goes now, and only its place is kept.
        (stream.send, stream.receive) = (None, None);
        kept.streams.keep(stream, most);
    }

    /// Memory of what was sent, empty.
    pub(crate) fn memory(&mut self) -> Vec<u8> {
        self.0.as_mut().and_then(|kept| kept.memory.take()).unwrap_or_default()
    }

    /// Keeps nothing any longer.
    pub(crate) fn release(&mut self) {
        match &mut self.0 {
            Some(kept) if kept.in_use > 0 => {
                kept.streams.release();
                kept.memory.release();
            }
            _ => self.0 = None,
        }
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub(crate) const fn is_released(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Side;

    fn stream() -> Stream {
        Stream::new(Some(SendHalf::new(0)), None)
    }

    #[test]
    fn places_are_used_again_and_a_connection_at_rest_keeps_none() {
        let mut spares = Spares::default();
        let id = |direction| StreamId::new(Side::Client, direction, 0).unwrap();
        let (both, one) = (id(Direction::Bidirectional), id(Direction::Unidirectional));
        let of_one_direction = spares.make(one, stream());
        spares.keep(one, of_one_direction);
        assert!(spares.is_released());
        let mut streams: Vec<Box<Stream>> = (0..100).map(|_| spares.make(both, stream())).collect();
        spares.release();
        let places: Vec<*const Stream> = streams.iter().map(|stream| core::ptr::from_ref(&**stream)).collect();
        spares.keep(both, streams.pop().unwrap());
        let again = spares.make(both, stream());
        assert!(core::ptr::eq(&*again, places[99]));
        streams.push(again);
        streams.into_iter().for_each(|stream| spares.keep(both, stream));
        assert!((1..=64).contains(&spares.0.as_ref().unwrap().streams.len()));
        spares.release();
        assert!(spares.is_released());
    }
}
