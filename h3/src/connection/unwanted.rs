//! Requests that were answered before they were complete: how the client is asked to stop, and how what still comes is read and
//! forgotten.

use super::state::Connection;
use crate::error_code;
use crate::request_stream::{Receive, RequestStream};
use crate::rest::{Rest, Rests, read_rest};
use crate::transport::Transport;
use crate::violation::Violation;
use alloc::boxed::Box;
use base::{Instant, StreamId, StreamMap, VarInt};

impl Connection {
    /// The client is asked to send no more of what is not wanted, unless all has come or it was asked. What it sent before it
    /// knows is read on.
    pub(crate) fn stop_unwanted(&mut self, transport: &mut impl Transport, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if !stream.receive.is_unwanted || stream.receive.has_ended() {
            return;
        }
        transport.ask_to_stop(id, error_code::H3_NO_ERROR);
        let until = self.shared.config.times.request().map(|rate| transport.now() + rate.patience);
        self.rests.insert(id, stream.receive.take_rest(), until);
        if let Some(until) = until {
            self.shared.watch.at(until);
        }
    }

    /// Reads what came on a stream whose rest is not wanted.
    pub(super) fn advance_rest(&mut self, transport: &mut impl Transport, id: StreamId) -> Result<(), Violation> {
        let Some(receive) = unwanted(&mut self.rests, &mut self.streams, id) else { return Ok(()) };
        match read_rest(&mut self.shared, receive, id, transport)? {
            Rest::Waiting => {}
            Rest::Wanting => {
                self.stop_unwanted(transport, id);
                self.remove_if_over(id);
            }
            Rest::Over => self.forget_rest(id),
            Rest::TooMuch => self.drop_rest(transport, id, error_code::H3_NO_ERROR),
        }
        Ok(())
    }

    /// Whether what is not wanted of a request is still read.
    pub(crate) fn is_read_on(&mut self, id: StreamId) -> bool {
        unwanted(&mut self.rests, &mut self.streams, id).is_some()
    }

    /// Of what is not wanted, no more is read, and what comes is thrown away. A client that was not asked to stop is, with `code`.
    pub(crate) fn drop_rest(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        if self.is_read_on(id) {
            transport.stop_sending(id, code);
            self.forget_rest(id);
        }
    }

    /// What is not wanted has come to its end.
    pub(super) fn forget_rest(&mut self, id: StreamId) {
        if let Some(mut receive) = self.rests.remove(id) {
            self.shared.give_up(&mut receive, id);
        } else if let Some(stream) = self.streams.get_mut(id).filter(|stream| stream.receive.is_unwanted) {
            self.shared.give_up(&mut stream.receive, id);
            self.remove_if_over(id);
        }
    }

    /// Drops what was read for long enough.
    pub(super) fn look_at_rests(&mut self, transport: &mut impl Transport, now: Instant) {
        for id in self.rests.due(now) {
            self.drop_rest(transport, id, error_code::H3_NO_ERROR);
        }
        if let Some(next) = self.rests.next_due() {
            self.shared.watch.at(next);
        }
    }
}

/// The message on a stream whose rest is not wanted and still read.
fn unwanted<'a>(
    rests: &'a mut Rests,
    streams: &'a mut StreamMap<Box<RequestStream>>,
    id: StreamId,
) -> Option<&'a mut Receive> {
    let awaited = |stream: &'a mut Box<RequestStream>| {
        Some(&mut stream.receive).filter(|receive| receive.is_unwanted && !receive.has_ended())
    };
    rests.get_mut(id).or_else(|| streams.get_mut(id).and_then(awaited))
}
