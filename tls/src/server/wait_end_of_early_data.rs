//! WAIT_EOED: the server's flight is sent, and it takes early data over records: a message under the keys of early data ends
//! that (RFC 9846 section 4.6). Over QUIC there is none.

use crate::message::framing::Message;
use crate::server::wait_finished::WaitFinished;
use crate::violation::Violation;
use alloc::boxed::Box;

/// Expects EndOfEarlyData.
#[derive(Debug)]
pub(crate) struct WaitEndOfEarlyData {
    next: Box<WaitFinished>,
}

impl WaitEndOfEarlyData {
    /// Early data comes before the client's Finished.
    pub(crate) const fn before(next: Box<WaitFinished>) -> WaitEndOfEarlyData {
        WaitEndOfEarlyData { next }
    }

    /// Early data is over.
    pub(crate) fn on_end_of_early_data(self, message: &Message<'_>) -> Result<Box<WaitFinished>, Violation> {
        if !message.body.is_empty() {
            return Err(Violation::Malformed);
        }
        let mut next = self.next;
        next.sent.transcript.add(message.bytes);
        Ok(next)
    }
}
