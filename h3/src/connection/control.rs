//! The streams that exist once: ours are opened and written, the peer's are identified and read.

use super::state::Connection;
use crate::control_stream::ControlFrame;
use crate::critical_streams::{CONTROL, Incoming};
use crate::error_code;
use crate::event::Event;
use crate::frame::{self, push_header};
use crate::frame_reader::VarIntReader;
use crate::goaway;
use crate::stream_type::StreamType;
use crate::trace;
use crate::transport::{Read, Transport};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Bytes, Direction, Side, StreamId, VarInt};
use http::Priority;
use http::exchange::{self, Reason};

/// How many bytes of a control or QPACK stream are read at a time.
const CHUNK: usize = 2048;

impl Connection {
    /// Ends the connection gracefully (RFC 9114 section 5.2). A server calls it twice: the first time asks the client for
    /// no new requests, the second time, a round trip later, rejects those that still come. Then wait for `is_drained`.
    pub fn shutdown(&mut self, transport: &mut impl Transport) {
        let identifier = match (self.shared.side, self.shared.goaway.sent) {
            (Side::Server, None) => goaway::SERVER_NOTICE,
            (Side::Server, Some(_)) => self.next_request,
            // A client names a push, and there are none.
            (Side::Client, _) => VarInt::ZERO,
        };
        // RFC 9114 section 5.2-8: identifiers only go down.
        if self.is_closed || self.shared.goaway.sent.is_some_and(|sent| sent <= identifier) {
            return;
        }
        self.shared.goaway.sent = Some(identifier);
        let mut bytes = Vec::new();
        push_header(&mut bytes, frame::GOAWAY, identifier.encoded_len());
        push_varint(&mut bytes, identifier);
        let [control, ..] = &mut self.outgoing;
        if let Some(id) = control.id.filter(|_| transport.is_traced()) {
            transport.trace(id, &trace::goaway(true, identifier));
        }
        control.outbox.push(Bytes::from(bytes));
        self.flush_outgoing(transport);
    }

    pub(super) fn flush_outgoing(&mut self, transport: &mut impl Transport) {
        if self.is_closed {
            return;
        }
        for (place, outgoing) in self.outgoing.iter_mut().enumerate() {
            if outgoing.id.is_none() {
                outgoing.id = transport.open(Direction::Unidirectional);
                if let Some(id) = outgoing.id.filter(|_| place == CONTROL && transport.is_traced()) {
                    transport.trace(id, &trace::settings(true));
                }
            }
            if let Some(id) = outgoing.id {
                // If the peer stopped the stream, that comes as an input of its own and closes the connection.
                let _ = outgoing.outbox.flush(transport, id);
            }
        }
    }

    pub(super) fn read_incoming(&mut self, transport: &mut impl Transport, id: StreamId) -> Result<(), Violation> {
        while self.incoming.contains_key(&id) {
            match transport.read(id, CHUNK) {
                Read::Data(bytes) => self.on_incoming_bytes(transport, id, bytes)?,
                Read::Blocked => return Ok(()),
                Read::Finished | Read::Reset(_) => {
                    // RFC 9204 section 4.2-4: a stream of QPACK is needed until the end.
                    return match self.incoming.remove(&id) {
                        // RFC 9114 section 6.2-10: a stream may end before its type was sent.
                        None | Some(Incoming::Unidentified(_) | Incoming::Data { .. }) => Ok(()),
                        // RFC 9114 section 6.2.1-5: everything else was a stream that must stay.
                        Some(_) => Err(Violation::ClosedCriticalStream),
                    };
                }
            }
        }
        Ok(())
    }

    fn on_incoming_bytes(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        mut bytes: Bytes,
    ) -> Result<(), Violation> {
        if let Some(Incoming::Unidentified(reader)) = self.incoming.get_mut(&id) {
            let Some(value) = reader.read(&mut bytes) else { return Ok(()) };
            let type_len = reader.len();
            let (stream_type, takes_data) = (StreamType::from_value(value), self.takes_data_streams());
            match self.seen.identify(self.shared.side, stream_type, takes_data)? {
                None if stream_type == StreamType::Data && takes_data => {
                    self.incoming.insert(id, Incoming::Data { type_len, request: VarIntReader::new() });
                }
                Some(incoming) => {
                    self.incoming.insert(id, incoming);
                }
                None => {
                    // RFC 9114 section 6.2-4, 6.2-6, 6.2.3-2, 9-2: not an error, but not wanted either.
                    self.incoming.remove(&id);
                    transport.stop_sending(id, error_code::H3_STREAM_CREATION_ERROR);
                    return self.shared.budget.spend();
                }
            }
        }
        match self.incoming.get_mut(&id) {
            Some(Incoming::Encoder) => self.on_encoder_bytes(transport, &bytes),
            Some(Incoming::Decoder) => self.on_decoder_bytes(&bytes),
            Some(Incoming::Control(_)) => self.on_control_bytes(transport, id, bytes),
            Some(Incoming::Data { .. }) => self.on_data_beginning(transport, id, bytes),
            Some(Incoming::Unidentified(_)) | None => Ok(()),
        }
    }

    /// The number of the request that a stream belongs to.
    fn on_data_beginning(
        &mut self,
        transport: &impl Transport,
        id: StreamId,
        mut bytes: Bytes,
    ) -> Result<(), Violation> {
        let Some(Incoming::Data { type_len, request }) = self.incoming.get_mut(&id) else { return Ok(()) };
        let Some(number) = request.read(&mut bytes) else { return Ok(()) };
        let header_len = *type_len + request.len();
        self.incoming.remove(&id);
        self.hand_over(transport, id, number, header_len, bytes)
    }

    fn on_control_bytes(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        mut bytes: Bytes,
    ) -> Result<(), Violation> {
        loop {
            let Some(Incoming::Control(stream)) = self.incoming.get_mut(&id) else { return Ok(()) };
            match stream.read(&mut bytes)? {
                None => return Ok(()),
                Some(ControlFrame::Ignored) => self.shared.budget.spend()?,
                Some(ControlFrame::Priority(request, priority)) => {
                    self.on_priority_update(transport, request, priority)?;
                }
                Some(ControlFrame::Settings(settings)) => {
                    if transport.is_traced() {
                        transport.trace(id, &trace::settings(false));
                    }
                    if let Some(relied_on) = self.relied_on.take() {
                        settings.keeps(&relied_on)?;
                    }
                    if self.shared.side == Side::Client {
                        transport.remember(&settings.encode());
                    }
                    self.shared.on_settings(settings);
                    self.has_settings = true;
                    self.shared.events.push_back(Event::Settings(settings));
                    // One that had to wait may have waited for this.
                    if !self.is_early && core::mem::take(&mut self.wants_stream) {
                        self.shared.events.push_back(Event::RequestsAvailable);
                    }
                }
                Some(ControlFrame::GoAway(identifier)) => {
                    if let Some(goaway) = VarInt::new(identifier).filter(|_| transport.is_traced()) {
                        transport.trace(id, &trace::goaway(false, goaway));
                    }
                    self.on_goaway(transport, identifier)?;
                }
            }
        }
    }

    fn on_goaway(&mut self, transport: &mut impl Transport, identifier: u64) -> Result<(), Violation> {
        let before = self.shared.goaway.received;
        self.shared.goaway.on_received(identifier, self.shared.side.peer())?;
        // One tells all; a second one narrows it down. There is no honest reason for many.
        if before.is_some() {
            self.shared.budget.spend()?;
        }
        if before == Some(identifier) {
            return Ok(());
        }
        self.shared.events.push_back(Event::GoAway { id: identifier });
        let first = VarInt::new(identifier).map(StreamId::from_varint);
        let (Side::Client, Some(first)) = (self.shared.side, first) else { return Ok(()) };
        // RFC 9114 s5.2: these were not processed, and what they hold in the transport is ours to release.
        for id in self.select(|id, _| id >= first) {
            transport.reset(id, error_code::H3_REQUEST_CANCELLED);
            transport.stop_sending(id, error_code::H3_REQUEST_CANCELLED);
            self.remove(id);
            self.forget_events(id);
            self.shared.tell(id, exchange::Event::Reset(Reason::Rejected));
        }
        Ok(())
    }

    /// A client has said how it wants a response from now on, perhaps before the request has come.
    fn on_priority_update(
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
            self.shared.place(stream, id, transport);
        } else if id.value() >= self.next_request.value() {
            self.shared.ahead.on_priority(id, priority, self.shared.config.limits.max_early_priorities);
        }
        Ok(())
    }
}
