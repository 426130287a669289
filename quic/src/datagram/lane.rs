//! Datagrams that are sent in the order in which they were taken: what is to be known of each, and the bytes of all in one ring.
//!
//! One that is dropped in the middle leaves its bytes where they are until what is in front of it has gone, or until more is
//! dropped than waits: then those that wait are moved together.

use super::event::DatagramId;
use alloc::collections::VecDeque;
use base::{ByteRing, Instant};

/// One that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: DatagramId,
    /// How many bytes it has.
    pub(crate) len: usize,
    pub(crate) deadline: Option<Instant>,
    pub(crate) tells_fate: bool,
}

#[derive(Debug)]
struct Place {
    waiting: Waiting,
    is_dropped: bool,
}

/// The lane. Its first one is never one that was dropped.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    places: VecDeque<Place>,
    bytes: ByteRing,
    /// Places of datagrams that were dropped, and their bytes.
    dropped: usize,
    dropped_bytes: usize,
}

impl Lane {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.dropped
    }

    /// One more, whose bytes are those of both parts.
    pub(crate) fn push(&mut self, waiting: Waiting, parts: [&[u8]; 2]) {
        assert!(parts[0].len() + parts[1].len() == waiting.len, "a datagram is as long as its parts");
        parts.into_iter().for_each(|part| self.bytes.push(part));
        self.places.push_back(Place { waiting, is_dropped: false });
    }

    /// The first.
    #[inline]
    pub(crate) fn first(&self) -> Option<Waiting> {
        self.places.front().map(|place| place.waiting)
    }

    /// Its bytes.
    #[inline]
    pub(crate) fn bytes(&self, first: Waiting) -> [&[u8]; 2] {
        self.bytes.front(first.len)
    }

    /// Takes the first out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        let first = self.places.pop_front()?.waiting;
        self.bytes.skip(first.len);
        if self.dropped > 0 {
            self.skip_dropped();
        }
        Some(first)
    }

    /// Drops each whose time is over, and tells of it. When the time of the next one is.
    #[inline(never)]
    pub(crate) fn expire(&mut self, now: Instant, tell: &mut dyn FnMut(Waiting)) -> Option<Instant> {
        let mut next = None;
        for place in self.places.iter_mut().filter(|place| !place.is_dropped) {
            let Some(deadline) = place.waiting.deadline else { continue };
            if deadline <= now {
                place.is_dropped = true;
                self.dropped += 1;
                self.dropped_bytes += place.waiting.len;
                tell(place.waiting);
            } else {
                next = [next, Some(deadline)].into_iter().flatten().min();
            }
        }
        self.skip_dropped();
        if self.dropped > self.len() || self.dropped_bytes > self.bytes.len() / 2 {
            self.move_together();
        }
        next
    }

    /// Gives back what it has grown to and does not use.
    pub(crate) fn release_memory(&mut self) {
        self.places.shrink_to_fit();
        self.bytes.release_memory();
    }

    fn skip_dropped(&mut self) {
        while self.places.front().is_some_and(|place| place.is_dropped)
            && let Some(place) = self.places.pop_front()
        {
            self.bytes.skip(place.waiting.len);
            self.dropped -= 1;
            self.dropped_bytes -= place.waiting.len;
        }
    }

    fn move_together(&mut self) {
        let Lane { places, mut bytes, .. } = core::mem::take(self);
        for place in places {
            if !place.is_dropped {
                self.push(place.waiting, bytes.front(place.waiting.len));
            }
            bytes.skip(place.waiting.len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use base::Duration;

    fn at(milliseconds: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(milliseconds)
    }

    fn push(lane: &mut Lane, id: u64, len: usize, deadline: Option<u64>) {
        let waiting = Waiting { id: DatagramId(id), len, deadline: deadline.map(at), tells_fate: true };
        let bytes = vec![id as u8; len];
        lane.push(waiting, [&bytes[..len / 3], &bytes[len / 3..]]);
    }

    fn pop(lane: &mut Lane) -> Option<(u64, Vec<u8>)> {
        let first = lane.first()?;
        let bytes = lane.bytes(first).concat();
        assert_eq!(lane.pop().map(|waiting| waiting.id), Some(first.id));
        Some((first.id.0, bytes))
    }

    /// Of a thousand behind one that stays, no more is held than waits.
    #[test]
    fn what_is_dropped_in_the_middle_does_not_stay() {
        let mut lane = Lane::default();
        push(&mut lane, 0, 10, None);
        for round in 1..1000 {
            push(&mut lane, round, 100, Some(round));
            push(&mut lane, 1000 + round, 1, (round % 100 > 0).then_some(round));
            let mut told = Vec::new();
            assert_eq!(lane.expire(at(round), &mut |waiting| told.push(waiting.id.0)), None);
            assert_eq!(told[0], round);
        }
        assert_eq!((lane.len(), lane.places.len() <= 2 * lane.len(), lane.bytes.capacity()), (10, true, 256));
        assert_eq!(pop(&mut lane), Some((0, vec![0; 10])));
        let rest: Vec<u64> = core::iter::from_fn(|| pop(&mut lane))
            .map(|(id, bytes)| {
                assert_eq!(bytes, [id as u8]);
                id
            })
            .collect();
        assert_eq!(rest, (1..10).map(|round| 1000 + 100 * round).collect::<Vec<_>>());
        lane.release_memory();
        assert_eq!((lane.places.capacity(), lane.bytes.capacity()), (0, 0));
    }

    #[test]
    fn the_next_deadline_is_the_earliest_of_those_that_wait() {
        let mut lane = Lane::default();
        for (id, deadline) in [(0, None), (1, Some(30)), (2, Some(10)), (3, Some(20))] {
            push(&mut lane, id, 5, deadline);
        }
        assert_eq!(lane.expire(at(9), &mut |_| panic!("none yet")), Some(at(10)));
        assert_eq!(lane.expire(at(10), &mut |waiting| assert_eq!(waiting.id.0, 2)), Some(at(20)));
        assert_eq!((lane.len(), pop(&mut lane).unwrap().0, pop(&mut lane).unwrap().0), (3, 0, 1));
        assert_eq!((lane.first().unwrap().id.0, lane.len()), (3, 1), "what was dropped is skipped");
    }
}
