//! Which stream sends next: round robin within each queue, and the queues in the order control, lost data, ends, new
//! data. New data goes by priority ([`levels`](super::levels)) where the application has given any (RFC 9000 section 2.3).
//!
//! A stream is in a queue exactly while it has something for it, so that "is there anything to send" reads four
//! lengths.

use super::levels::Levels;
use super::priority::StreamPriority;
use alloc::boxed::Box;
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
    // Where a stream has a priority of its own: who has new data, instead of the queue of that.
    levels: Option<Box<Levels>>,
}

impl Schedule {
    /// Gives back what the queues do not use.
    pub(crate) fn release_memory(&mut self) {
        if self.levels.as_ref().is_some_and(|levels| !levels.is_needed())
            && let Some(levels) = self.levels.take()
        {
            *self.queue_mut(Queue::Data) = levels.into_sharing();
        }
        self.queues.iter_mut().for_each(VecDeque::shrink_to_fit);
    }

    /// Streams with a priority of their own, if there are any.
    pub(crate) fn levels(&mut self) -> Option<&mut Levels> {
        self.levels.as_deref_mut()
    }

    /// A stream that is in no queue of new data gets another priority. `unsent` bytes were handed over and not sent of it, and
    /// `all_unsent` of all streams.
    pub(crate) fn change_priority(&mut self, from: StreamPriority, to: StreamPriority, unsent: u64, all_unsent: u64) {
        let queue = &mut self.queues[Queue::Data as usize];
        let make = || Box::new(Levels::new(core::mem::take(queue), all_unsent));
        self.levels.get_or_insert_with(make).change(from, to, unsent);
    }

    /// Bytes that wait on streams that are less urgent than this.
    pub(crate) fn unsent_behind(&self, priority: StreamPriority) -> u64 {
        self.levels.as_ref().map_or(0, |levels| levels.unsent_behind(priority))
    }

    /// Whether `queue` is empty.
    pub(crate) fn is_empty(&self, queue: Queue) -> bool {
        match &self.levels {
            Some(levels) if queue == Queue::Data => levels.is_empty(),
            _ => self.queue(queue).is_empty(),
        }
    }

    /// Who is next in `queue`.
    pub(crate) fn front(&self, queue: Queue) -> Option<StreamId> {
        match &self.levels {
            Some(levels) if queue == Queue::Data => levels.front(),
            _ => self.queue(queue).front().copied(),
        }
    }

    /// The stream that was first among those with new data had its turn, and `goes_on` if it has more.
    pub(crate) fn on_turn(&mut self, id: StreamId, priority: StreamPriority, goes_on: bool) {
        if let Some(levels) = &mut self.levels {
            return levels.on_turn(id, priority, goes_on);
        }
        let queue = self.queue_mut(Queue::Data);
        if goes_on && let Some(front) = queue.pop_front() {
            queue.push_back(front);
        }
    }

    /// The stream `id`, which was in `current`, is to be in `wanted`. Joining is at the end, or by `priority`. Leaving from the
    /// front costs nothing; from elsewhere, which takes a reset or a late acknowledgment, a pass over the queue.
    pub(crate) fn update(
        &mut self,
        id: StreamId,
        priority: StreamPriority,
        current: &mut Membership,
        wanted: Membership,
    ) {
        if *current == wanted {
            return;
        }
        for which in Queue::ALL {
            let levels = self.levels.as_deref_mut().filter(|_| which == Queue::Data);
            match (current.has(which), wanted.has(which), levels) {
                (false, true, Some(levels)) => levels.join(id, priority),
                (true, false, Some(levels)) => levels.leave(id, priority),
                (false, true, None) => self.queue_mut(which).push_back(id),
                (true, false, None) => {
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
        *current = wanted;
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
            let priority = StreamPriority::default();
            schedule.update(id, priority, &mut membership, wanted);
            schedule.update(id, priority, &mut membership, Membership::default());
        }
        schedule.release_memory();
        assert!(schedule.queues.iter().all(|queue| queue.capacity() == 0));
    }
}
