//! What the transport tells, one call for each kind of event.
//!
//! Every input touches the one stream it is about. Inputs about streams that are gone are ignored, so the order in which
//! a reset, a stop and an end are learned does not matter.

use super::state::Connection;
use crate::critical_streams::Incoming;
use crate::data_streams::DataStreamEvent;
use crate::error_code;
use crate::event::Event;
use crate::exchange::{Progress, advance};
use crate::frame_reader::VarIntReader;
use crate::transport::Transport;
use crate::violation::Violation;
use base::{Direction, Side, StreamId, VarInt};
use http::exchange::{self, SendPhase};

impl Connection {
    /// The transport can carry data: opens our three streams and sends SETTINGS. May be called as soon as the transport
    /// can send, which for a server is before the handshake ends (RFC 9114 section 7.2.4.2).
    pub fn on_connected(&mut self, transport: &mut impl Transport) {
        self.flush_outgoing(transport);
    }

    /// The peer allows more streams.
    pub fn on_streams_available(&mut self, transport: &mut impl Transport, direction: Direction) {
        if self.takes_data_streams() && !self.is_closed {
            self.shared.events.push_back(Event::StreamsAvailable(direction));
        }
        match direction {
            Direction::Unidirectional => self.flush_outgoing(transport),
            Direction::Bidirectional => {
                if core::mem::take(&mut self.wants_stream) && !self.is_closed {
                    self.shared.events.push_back(Event::RequestsAvailable);
                }
            }
        }
    }

    /// The peer opened a stream. Comes before any other input about it.
    pub fn on_stream_opened(&mut self, transport: &mut impl Transport, id: StreamId) {
        if self.is_closed || id.initiator() == self.shared.side {
            return;
        }
        if id.direction() == Direction::Unidirectional {
            self.incoming.insert(id, Incoming::Unidentified(VarIntReader::new()));
            return;
        }
        // RFC 9114 section 6.1-3: servers open no requests.
        if self.shared.side == Side::Client && !self.takes_data_streams() {
            return self.close_for(transport, Violation::ServerBidirectionalStream);
        }
        let is_late = self.shared.goaway.rejects(id);
        // draft-ietf-webtrans-http3 s4.7: after GOAWAY there are no new requests, and there may be new streams of those before.
        if self.shared.side == Side::Client || is_late && self.takes_data_streams() {
            return self.data_streams.await_signal(id);
        }
        if is_late {
            transport.reset(id, error_code::H3_REQUEST_REJECTED);
            transport.stop_sending(id, error_code::H3_REQUEST_REJECTED);
            return self.spend(transport);
        }
        let next = VarInt::new(id.value().saturating_add(4)).unwrap_or(VarInt::MAX);
        self.next_request = self.next_request.max(next);
        let now = transport.now();
        if let Some(end) = self.shared.config.times.end_of_head(now) {
            self.shared.watch.at(end);
        }
        let stream = self.new_stream(now);
        self.streams.insert(id, stream);
    }

    /// Something can be read on a stream: bytes, its end, or a reset.
    pub fn on_stream_readable(&mut self, transport: &mut impl Transport, id: StreamId) {
        if self.is_closed {
            return;
        }
        if self.data_streams.contains(id) {
            return self.tell_data_stream(id, DataStreamEvent::Readable);
        }
        if id.direction() == Direction::Unidirectional {
            if let Err(violation) = self.read_incoming(transport, id) {
                self.close_for(transport, violation);
            }
            return;
        }
        if self.data_streams.beginning(id).is_some() {
            if let Err(violation) = self.read_signal(transport, id) {
                self.close_for(transport, violation);
            }
            return;
        }
        let Some(stream) = self.streams.get_mut(id).filter(|stream| !stream.receive.has_ended()) else {
            return self.read_unwanted(transport, id);
        };
        stream.waiting.pause(transport.now());
        if stream.receive.is_unwanted {
            self.read_unwanted(transport, id);
            return self.wait_for_content(id, transport.now());
        }
        if stream.receive.body_left() > 0 && stream.receive.is_announced {
            return;
        }
        let progress = advance(&mut self.shared, stream, id, transport);
        self.on_progress(transport, id, progress);
        if self.streams.get(id).is_none_or(|stream| stream.is_known)
            && let Some(code) = self.data_streams.take_stop(id)
        {
            self.on_stream_stopped(transport, id, code);
        }
    }

    /// A stream that left data takes more.
    pub fn on_stream_writable(&mut self, transport: &mut impl Transport, id: StreamId) {
        if self.is_closed {
            return;
        }
        if self.data_streams.contains(id) {
            return self.tell_data_stream(id, DataStreamEvent::Writable);
        }
        if id.direction() == Direction::Unidirectional {
            return self.flush_outgoing(transport);
        }
        let Some(stream) = self.streams.get_mut(id) else { return };
        match stream.send.flush(transport, id) {
            Ok(true) => self.shared.tell(id, exchange::Event::Writable),
            Ok(false) => {}
            // The reason comes as an input of its own.
            Err(_) => return,
        }
        self.remove_if_over(id);
    }

    /// The peer gave up sending on a stream.
    pub fn on_stream_reset(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        if self.is_closed {
            return;
        }
        if id.direction() == Direction::Unidirectional {
            match self.incoming.remove(&id) {
                None | Some(Incoming::Unidentified(_) | Incoming::Data { .. }) => {}
                Some(_) => self.close_for(transport, Violation::ClosedCriticalStream),
            }
            return;
        }
        if self.data_streams.forget(id) {
            transport.reset(id, error_code::H3_REQUEST_REJECTED);
            return self.spend(transport);
        }
        self.forget_rest(id);
        self.on_progress(transport, id, Ok(Progress::Reset(code)));
    }

    /// The peer does not read a stream any more.
    pub fn on_stream_stopped(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        if self.is_closed {
            return;
        }
        if self.data_streams.contains(id) {
            return self.tell_data_stream(id, DataStreamEvent::Stopped(code));
        }
        if id.direction() == Direction::Unidirectional {
            // RFC 9114 s6.2.1: a peer must not ask for these to end.
            // RFC 9114 section 6.2.1-5: to be asked to end it is as bad.
            if self.outgoing.iter().any(|outgoing| outgoing.id == Some(id)) {
                self.close_for(transport, Violation::ClosedCriticalStream);
            }
            return;
        }
        if self.data_streams.beginning(id).is_some() {
            return self.data_streams.on_early_stop(id, code);
        }
        let takes_data = self.takes_data_streams();
        let Some(stream) = self.streams.get_mut(id) else { return };
        if takes_data && !stream.is_known && !stream.receive.is_unwanted {
            // What the stream is has not come. If it is a request, that is looked at again.
            return self.data_streams.on_early_stop(id, code);
        }
        if stream.send.has_ended() && !stream.send.awaits_delivery {
            return;
        }
        // RFC 9114 section 4.1.1-5: only a request that was not processed is "rejected", even if the peer used the code
        // first.
        let is_work = self.shared.side == Side::Server && stream.is_known;
        let is_misused = is_work && code == error_code::H3_REQUEST_REJECTED;
        transport.reset(id, if is_misused { error_code::H3_REQUEST_CANCELLED } else { code });
        if self.shared.side == Side::Client {
            // Our request is cut short, but the response may still come (RFC 9114 section 4.1-16).
            stream.send.abandon(None);
            self.shared.tell(id, exchange::Event::Stopped(error_code::reason(code)));
            self.remove_if_over(id);
        } else if stream.send.message.phase() == SendPhase::Finishing {
            // The application was done with it and will not come back; what waited for the transport is dropped.
            stream.send.abandon(None);
            self.give_up_reading(transport, id, error_code::H3_REQUEST_CANCELLED);
            self.remove_if_over(id);
            self.spend(transport);
        } else if stream.is_known {
            stream.send.abandon(Some(error_code::reason(code)));
            self.shared.tell(id, exchange::Event::Stopped(error_code::reason(code)));
            self.spend(transport);
        } else {
            // The client would not read the response, so there is no point in reading the request.
            transport.stop_sending(id, error_code::H3_REQUEST_REJECTED);
            self.remove(id);
            self.spend(transport);
        }
    }

    /// All of a stream's data has arrived.
    pub fn on_stream_delivered(&mut self, id: StreamId) {
        if self.data_streams.contains(id) {
            return self.tell_data_stream(id, DataStreamEvent::Delivered);
        }
        let Some(stream) = self.streams.get_mut(id) else { return };
        if core::mem::take(&mut stream.send.awaits_delivery) {
            self.shared.tell(id, exchange::Event::Delivered);
            self.remove_if_over(id);
        }
    }

    /// The transport's connection is over, but content that had arrived can still be read. Every stream without such content
    /// ends as if the peer had given it up with `code`, and no request can be made.
    pub(crate) fn on_transport_over(&mut self, code: VarInt) {
        self.shared.goaway.received = Some(0);
        for id in self.select(|_, stream| !stream.receive.is_announced) {
            if self.streams.get(id).is_some_and(|stream| !stream.receive.has_ended()) {
                self.shared.tell(id, exchange::Event::Reset(error_code::reason(code)));
            }
            self.remove(id);
        }
    }

    /// The transport's connection is over, with the code the peer or the transport gave.
    pub fn on_closed(&mut self, code: VarInt) {
        self.end(code, None);
    }
}
