//! The calls of one exchange on a TCP connection.

use crate::exchange::calls::{Exchange, Peer};
use crate::exchange::door::{self, Extent, Responded};
use crate::tcp::line::Line;
use crate::tcp::machine::Place;
use base::Bytes;
use http::exchange::{Body, Reason, SendError};
use http::{Fields, Priority, ResponseHead};
use runtime::Handle;
use std::rc::Rc;

/// An exchange on its connection.
struct Door {
    line: Rc<Line>,
    place: Place,
}

/// The exchange at this place of a connection with `peer`. What happens to it is told from now on.
pub(crate) fn exchange(line: &Rc<Line>, place: Place, peer: Peer) -> Exchange {
    let (exchange, events) = Exchange::new(peer, Door { line: line.clone(), place });
    line.add_exchange(place, events);
    exchange
}

impl door::Door for Door {
    fn respond(&self, head: &ResponseHead, body: &mut Bytes, ends: bool) -> Result<Responded, SendError> {
        let sent = self.line.with(|machine, now| machine.respond(now, self.place, head, body, ends));
        sent.unwrap_or(Err(SendError::Closed))
    }

    fn room(&self, wanted: usize) -> Result<usize, SendError> {
        self.line.with(|machine, _| machine.room(self.place, wanted)).unwrap_or(Err(SendError::Closed))
    }

    fn write(&self, data: &mut Bytes) -> Result<(), SendError> {
        self.line.with(|machine, now| machine.write(now, self.place, data)).unwrap_or(Err(SendError::Closed))
    }

    fn read(&self, max: usize) -> Option<Body> {
        self.line.with(|machine, now| machine.read(now, self.place, max)).flatten()
    }

    fn finish(&self, trailers: Option<&Fields>) -> Result<(), SendError> {
        let finished = self.line.with(|machine, now| machine.finish(now, self.place, trailers));
        finished.unwrap_or(Err(SendError::Closed))
    }

    fn prioritize(&self, priority: Priority) -> Result<(), SendError> {
        self.line.with(|machine, _| machine.prioritize(self.place, priority));
        Ok(())
    }

    fn lift_time_limits(&self) {
        self.line.with(|machine, _| machine.lift_time_limits(self.place));
    }

    fn executor(&self) -> Option<&Handle> {
        Some(self.line.handle())
    }

    fn cancel(&self, extent: Extent, reason: Reason) {
        self.line.with(|machine, now| machine.cancel(now, self.place, extent, reason));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.line.remove_exchange(self.place);
    }
}
