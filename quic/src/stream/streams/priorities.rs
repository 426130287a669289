//! Priorities of streams: given and changed at any time, also while a stream is being sent.

use super::Streams;
use crate::stream::priority::StreamPriority;
use crate::stream::schedule::{Membership, Queue};
use base::StreamId;

impl Streams {
    /// The stream is sent by this priority from now on. Nothing happens if there is no such stream, or it is not sent on.
    pub(crate) fn set_priority(&mut self, id: StreamId, priority: StreamPriority) {
        let Some(stream) = super::touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id)
        else {
            return;
        };
        let Some(send) = stream.send.as_ref().filter(|_| stream.priority != priority) else { return };
        let unsent = send.load().unsent;
        // It leaves the queue of new data under the old priority, and joins under the new one.
        let others = Queue::ALL.into_iter().filter(|queue| *queue != Queue::Data);
        let without_data =
            others.fold(Membership::default(), |all, queue| all.with(queue, stream.membership.has(queue)));
        self.schedule.update(id, stream.priority, &mut stream.membership, without_data);
        let all_unsent = self.window.unsent(&self.send_credit);
        self.schedule.change_priority(stream.priority, priority, unsent, all_unsent);
        stream.priority = priority;
        self.wake(id);
        self.settle(id);
    }

    /// How many bidirectional streams the peer may have opened so far.
    pub(crate) fn peer_may_open(&self) -> u64 {
        self.bidirectional.remote.limit()
    }
}
