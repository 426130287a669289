//! Resets behind a part that is delivered all the same (draft-ietf-quic-reliable-stream-reset).

use super::{EventKind, Streams, touch};
use crate::violation::Violation;
use base::{StreamId, VarInt};

impl Streams {
    /// Abandons what was written behind the first `reliable_size` bytes. A second time the size may only be smaller, and the code
    /// stays. Nothing happens if there is no such stream, if it has ended, or if the size is no smaller.
    pub(crate) fn reset_at(&mut self, id: StreamId, error_code: VarInt, reliable_size: u64) {
        let Some(stream) = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id) else {
            return;
        };
        let Some(send) = &mut stream.send else { return };
        if let Some(abandoned) = send.reset_at(error_code, reliable_size) {
            super::give_up(&mut self.window, &mut self.schedule, stream.priority, abandoned);
            stream.waiting = false;
            stream.pending.withdraw(EventKind::Writable);
            self.wake_all();
        }
        self.settle(id);
    }

    /// A RESET_STREAM_AT frame (section 4), whose sizes the decoder has compared.
    pub(crate) fn on_reset_stream_at(
        &mut self,
        id: StreamId,
        error_code: VarInt,
        final_size: u64,
        reliable_size: u64,
    ) -> Result<(), Violation> {
        self.reset_by_peer(id, |receive, account| receive.on_reset_at(error_code, final_size, reliable_size, account))
    }
}
