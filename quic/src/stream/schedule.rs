//! Which stream sends next: round robin within each queue, and the queues in the order control, lost data, ends, new
//! data.
//!
//! A stream is in a queue exactly while it has something for it, so that "is there anything to send" reads four
//! lengths. Priorities (RFC 9000 section 2.3) belong here.

use alloc::collections::VecDeque;
use base::StreamId;

/// What a stream may have to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// RESET_STREAM, STOP_SENDING, MAX_STREAM_DATA, STREAM_DATA_BLOCKED.
    Control = 0,
    /// Bytes, or an end, that were lost: they need no credit.
    Lost = 1,
    /// An end without new bytes: it needs no credit.
    End = 2,
    /// New bytes, within the stream's credit; they need the connection's.
    Data = 3,
}

impl Queue {
    /// In the order of sending.
    pub(crate) const ALL: [Queue; 4] = [Queue::Control, Queue::Lost, Queue::End, Queue::Data];
}

/// The queues a stream is in, or wants to be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Membership(u8);

impl Membership {
    /// With `queue` if `wanted`.
    pub(crate) const fn with(self, queue: Queue, wanted: bool) -> Membership {
        Membership(self.0 | (wanted as u8) << queue as u8)
    }

    /// Whether `queue` is among them.
    pub(crate) const fn has(self, queue: Queue) -> bool {
        self.0 & 1 << queue as u8 != 0
    }
}

/// The queues.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    queues: [VecDeque<StreamId>; 4],
}

impl Schedule {
    /// Gives back what the queues do not use.
    pub(crate) fn release_memory(&mut self) {
        self.queues.iter_mut().for_each(VecDeque::shrink_to_fit);
    }

    /// Whether `queue` is empty.
    pub(crate) fn is_empty(&self, queue: Queue) -> bool {
        self.queue(queue).is_empty()
    }

    /// Who is next in `queue`.
    pub(crate) fn front(&self, queue: Queue) -> Option<StreamId> {
        self.queue(queue).front().copied()
    }

    /// Who is first in `queue` goes to its end.
    pub(crate) fn rotate(&mut self, queue: Queue) {
        let queue = self.queue_mut(queue);
        if let Some(front) = queue.pop_front() {
            queue.push_back(front);
        }
    }

    /// The stream `id`, which was in `current`, is to be in `wanted`. Joining is at the end. Leaving from the front costs
    /// nothing; from elsewhere, which takes a reset or a late acknowledgment, a pass over the queue.
    #[inline]
    pub(crate) fn update(&mut self, id: StreamId, current: &mut Membership, wanted: Membership) {
        if *current != wanted {
            self.change(id, *current, wanted);
            *current = wanted;
        }
    }

    fn change(&mut self, id: StreamId, current: Membership, wanted: Membership) {
        for which in Queue::ALL {
            match (current.has(which), wanted.has(which)) {
                (false, true) => self.queue_mut(which).push_back(id),
                (true, false) => {
                    let queue = self.queue_mut(which);
                    if queue.front() == Some(&id) {
                        queue.pop_front();
                    } else {
                        queue.retain(|member| *member != id);
                    }
                }
                _ => {}
            }
        }
    }

    const fn queue(&self, queue: Queue) -> &VecDeque<StreamId> {
        &self.queues[queue as usize]
    }

    const fn queue_mut(&mut self, queue: Queue) -> &mut VecDeque<StreamId> {
        &mut self.queues[queue as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::VarInt;

    #[test]
    fn queues_that_are_empty_again_keep_nothing() {
        let mut schedule = Schedule::default();
        let wanted = Queue::ALL.into_iter().fold(Membership::default(), |wanted, queue| wanted.with(queue, true));
        for index in 0..100 {
            let (id, mut membership) = (StreamId::from_varint(VarInt::from_u32(index)), Membership::default());
            schedule.update(id, &mut membership, wanted);
            schedule.update(id, &mut membership, Membership::default());
        }
        schedule.release_memory();
        assert!(schedule.queues.iter().all(|queue| queue.capacity() == 0));
    }
}
