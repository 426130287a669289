//! Priorities (RFC 9218): a client's are heard with its requests and in frames, the application's own go before them, and the
//! transport sends by what comes of both.

use super::state::Connection;
use crate::exchange::Shared;
use crate::priority::update_frame;
use crate::request_stream::RequestStream;
use crate::transport::Transport;
use crate::violation::Violation;
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
                place(&self.shared, stream, id, transport);
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
                place(&self.shared, stream, id, transport);
                self.flush_outgoing(transport);
                Ok(())
            }
        }
    }

    /// A client has said how it wants a response from now on, perhaps before the request has come.
    pub(super) fn on_priority_update(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        priority: Priority,
    ) -> Result<(), Violation> {
        // RFC 9218 section 7.2-5, 7.2-6: beyond the streams that it may open there is no request.
        if transport.requests_allowed().is_some_and(|allowed| id.index() >= allowed) {
            return Err(Violation::PriorityId);
        }
        // Each is work for us. An honest client changes its mind less often than it asks.
        self.shared.budget.spend()?;
        self.shared.is_prioritized = true;
        if let Some(stream) = self.streams.get_mut(id) {
            stream.priority.client = Some(priority);
            place(&self.shared, stream, id, transport);
        } else if id.value() >= self.next_request.value() {
            self.shared.pending.insert(id, priority, self.shared.config.limits.max_early_priorities);
        }
        Ok(())
    }
}

/// The head of a request has come: what it says, unless a frame has said something else since.
pub(crate) fn on_request(shared: &mut Shared, stream: &mut RequestStream, id: StreamId, said: Option<Priority>) {
    let update = if shared.pending.is_empty() { None } else { shared.pending.take(id) };
    shared.is_prioritized |= said.is_some();
    // A frame may have come between the stream and its head.
    stream.priority.client = stream.priority.client.or(update).or(said);
}

/// Has the transport send the stream by what is said of it.
pub(crate) fn place(shared: &Shared, stream: &RequestStream, id: StreamId, transport: &mut impl Transport) {
    if let Some((urgency, incremental)) = stream.priority.place(!shared.is_prioritized) {
        transport.prioritize(id, urgency, incremental);
    }
}
