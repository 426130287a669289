//! Priorities (RFC 9218) that the application changes: a client's are told to the server, and a server's own go before what its
//! client says. The transport sends by what comes of both.

use super::state::Connection;
use crate::priority::update_frame;
use crate::transport::Transport;
use base::{Side, StreamId};
use http::Priority;
use http::exchange::SendError;

impl Connection {
    /// Changes the priority of an exchange at any time before its response is complete. A client tells the server, by
    /// PRIORITY_UPDATE (section 7.2). A server has the response sent by it from now on, whatever its client said: what is not
    /// said here stays with the client.
    ///
    /// # Errors
    /// The exchange is over; or, on a client, the server takes nothing on the control stream for now (`Blocked`): a priority is
    /// of use at once or not at all, so that none is kept.
    pub fn prioritize(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        priority: Priority,
    ) -> Result<(), SendError> {
        let stream = self.streams.get_mut(id).filter(|_| !self.is_closed).ok_or(SendError::Ended)?;
        match self.shared.side {
            Side::Server => {
                stream.priority.server = priority;
                self.shared.place(stream, id, transport);
                Ok(())
            }
            Side::Client => {
                let [control, ..] = &mut self.outgoing;
                if control.id.is_none() || !control.outbox.is_empty() {
                    return Err(SendError::Blocked);
                }
                // RFC 9218 section 7.2-1, 7.2-3.
                control.outbox.push(update_frame(id, priority));
                stream.priority.client = Some(priority);
                self.shared.place(stream, id, transport);
                self.flush_outgoing(transport);
                Ok(())
            }
        }
    }
}
