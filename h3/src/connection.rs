//! One HTTP/3 connection: control flow only. What the transport tells comes in here; what the application calls is in
//! `body`, `client` and `server`.
//!
//! Every input touches the one stream it is about. Inputs about streams that are gone are ignored, so the order in which
//! a reset, a stop and an end are learned does not matter.

use crate::config::Config;
use crate::control_stream::{ControlFrame, ControlStream};
use crate::error_code;
use crate::event::Event;
use crate::exchange::{Progress, Shared, advance};
use crate::frame::{self, grease, push_header};
use crate::frame_reader::VarIntReader;
use crate::goaway;
use crate::message::headers_frame;
use crate::outbox::Outbox;
use crate::request_stream::RequestStream;
use crate::settings;
use crate::stream_type::{self, StreamType};
use crate::trace;
use crate::transport::{Read, Transport};
use crate::violation::{Scope, Violation};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Bytes, Direction, Side, StreamId, StreamMap, VarInt};
use http::exchange::{self, Reason, SendPhase};
use http::{ResponseHead, Status};
use qpack::{DecoderStream, EncoderStream};

/// How many bytes of a control or QPACK stream are read at a time.
const CHUNK: usize = 2048;

/// The place of the control stream among those that this side opens.
const CONTROL: usize = 0;

/// One end of an HTTP/3 connection.
#[derive(Debug)]
pub struct Connection {
    pub(crate) is_closed: bool,
    pub(crate) shared: Shared,
    /// Request streams that have not ended in both directions.
    pub(crate) streams: StreamMap<Box<RequestStream>>,
    /// The peer's unidirectional streams, as far as we read them. QUIC limits how many there can be.
    incoming: BTreeMap<StreamId, Incoming>,
    seen: Seen,
    /// Our control, encoder and decoder streams. They never end.
    outgoing: [Outgoing; 3],
    /// One past the last request stream the peer opened.
    next_request: VarInt,
    /// Whether a request had to wait for the peer to allow more streams.
    pub(crate) wants_stream: bool,
}

#[derive(Debug)]
enum Incoming {
    /// Its type has not come.
    Unidentified(VarIntReader),
    Control(ControlStream),
    Encoder(EncoderStream),
    Decoder(DecoderStream),
}

/// Which of the streams that may exist once were opened by the peer.
#[derive(Debug, Default)]
struct Seen {
    control: bool,
    encoder: bool,
    decoder: bool,
}

#[derive(Debug)]
struct Outgoing {
    id: Option<StreamId>,
    outbox: Outbox,
}

impl Outgoing {
    fn new(first: Vec<u8>) -> Outgoing {
        let mut outbox = Outbox::new();
        outbox.push(Bytes::from(first));
        Outgoing { id: None, outbox }
    }
}

impl Connection {
    /// The end that sends requests.
    pub fn client(config: Config) -> Connection {
        Connection::new(Side::Client, config)
    }

    /// The end that answers them.
    pub fn server(config: Config) -> Connection {
        Connection::new(Side::Server, config)
    }

    fn new(side: Side, config: Config) -> Connection {
        let single = |stream_type| {
            let mut first = Vec::new();
            push_varint(&mut first, stream_type);
            Outgoing::new(first)
        };
        let outgoing = [
            Outgoing::new(control_preface(&config, side)),
            // Nothing is ever sent on these two, but peers may wait for them.
            // RFC 9204 section 3.2.3-4, 4.2-1: their types are all that goes out.
            single(stream_type::QPACK_ENCODER),
            single(stream_type::QPACK_DECODER),
        ];
        Connection {
            is_closed: false,
            shared: Shared::new(side, config),
            streams: StreamMap::new(),
            incoming: BTreeMap::new(),
            seen: Seen::default(),
            outgoing,
            next_request: VarInt::ZERO,
            wants_stream: false,
        }
    }

    /// What happened, in order; `None` when nothing is left.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.shared.events.pop_front()
    }

    /// Whether `poll_event` has something.
    pub(crate) fn has_events(&self) -> bool {
        !self.shared.events.is_empty()
    }

    /// Whether no request is open and none will be taken: a connection that was shut down can be closed without loss.
    pub fn is_drained(&self) -> bool {
        let goaway = &self.shared.goaway;
        let refuses = match self.shared.side {
            Side::Server => goaway.sent.is_some_and(|sent| sent < goaway::SERVER_NOTICE),
            Side::Client => goaway.sent.is_some() || goaway.received.is_some(),
        };
        // A response that is complete needs nothing more, though the end of its request has not come.
        let mut streams = self.streams.values();
        self.is_closed || (refuses && streams.all(|stream| stream.receive.is_unwanted && stream.send.has_ended()))
    }

    /// The transport can carry data: opens our three streams and sends SETTINGS. May be called as soon as the transport
    /// can send, which for a server is before the handshake ends (RFC 9114 section 7.2.4.2).
    pub fn on_connected(&mut self, transport: &mut impl Transport) {
        self.flush_outgoing(transport);
    }

    /// The peer allows more streams.
    pub fn on_streams_available(&mut self, transport: &mut impl Transport, direction: Direction) {
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
        if self.shared.side == Side::Client {
            return self.close_for(transport, Violation::ServerBidirectionalStream);
        }
        if self.shared.goaway.rejects(id) {
            transport.reset(id, error_code::H3_REQUEST_REJECTED);
            transport.stop_sending(id, error_code::H3_REQUEST_REJECTED);
            return self.spend(transport);
        }
        let next = VarInt::new(id.value().saturating_add(4)).unwrap_or(VarInt::MAX);
        self.next_request = self.next_request.max(next);
        self.streams.insert(id, Box::new(RequestStream::new()));
    }

    /// Something can be read on a stream: bytes, its end, or a reset.
    pub fn on_stream_readable(&mut self, transport: &mut impl Transport, id: StreamId) {
        if self.is_closed {
            return;
        }
        if id.direction() == Direction::Unidirectional {
            if let Err(violation) = self.read_incoming(transport, id) {
                self.close_for(transport, violation);
            }
            return;
        }
        let Some(stream) = self.streams.get_mut(id) else { return };
        if stream.receive.is_unwanted && !stream.receive.has_ended() {
            return self.read_unwanted(transport, id);
        }
        if stream.receive.body_left() > 0 && stream.receive.is_announced {
            return;
        }
        let progress = advance(&mut self.shared, stream, id, transport);
        self.on_progress(transport, id, progress);
    }

    /// A stream that left data takes more.
    pub fn on_stream_writable(&mut self, transport: &mut impl Transport, id: StreamId) {
        if self.is_closed {
            return;
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
                None | Some(Incoming::Unidentified(_)) => {}
                Some(_) => self.close_for(transport, Violation::ClosedCriticalStream),
            }
            return;
        }
        self.on_progress(transport, id, Ok(Progress::Reset(code)));
    }

    /// The peer does not read a stream any more.
    pub fn on_stream_stopped(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        if self.is_closed {
            return;
        }
        if id.direction() == Direction::Unidirectional {
            // RFC 9114 s6.2.1: nobody may ask for these to end.
            // RFC 9114 section 6.2.1-5: to be asked to end it is as bad.
            if self.outgoing.iter().any(|outgoing| outgoing.id == Some(id)) {
                self.close_for(transport, Violation::ClosedCriticalStream);
            }
            return;
        }
        let Some(stream) = self.streams.get_mut(id) else { return };
        if stream.send.has_ended() {
            return;
        }
        // RFC 9114 section 4.1.1-5: "rejected" is only said of what nobody worked on, even if the peer said it first.
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
            self.remove_if_over(id);
            self.spend(transport);
        } else if stream.is_known {
            stream.send.abandon(Some(error_code::reason(code)));
            self.shared.tell(id, exchange::Event::Stopped(error_code::reason(code)));
            self.spend(transport);
        } else {
            // Nobody would read the response, so there is no point in reading the request.
            transport.stop_sending(id, error_code::H3_REQUEST_REJECTED);
            self.remove(id);
            self.spend(transport);
        }
    }

    /// The transport's connection is over, but content that had arrived can still be read. Every stream without such content
    /// ends as if the peer had given it up with `code`, and no request can be made.
    pub(crate) fn on_transport_over(&mut self, code: VarInt) {
        self.shared.goaway.received = Some(0);
        for id in self.select(|_, stream| !stream.receive.is_announced) {
            self.shared.tell(id, exchange::Event::Reset(error_code::reason(code)));
            self.remove(id);
        }
    }

    /// Whether the application was told of content that it has not read.
    pub(crate) fn has_unread(&self) -> bool {
        self.streams.values().any(|stream| stream.receive.is_announced)
    }

    /// The transport's connection is over, with the code the peer or the transport gave.
    pub fn on_closed(&mut self, code: VarInt) {
        self.end(code, None);
    }

    /// Closes the connection at once. Requests that are open are lost; see `shutdown` for the way that loses none.
    pub fn close(&mut self, transport: &mut impl Transport, code: VarInt, reason: &'static str) {
        if !self.is_closed {
            transport.close(code, reason);
            self.end(code, None);
        }
    }

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

    fn flush_outgoing(&mut self, transport: &mut impl Transport) {
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

    fn read_incoming(&mut self, transport: &mut impl Transport, id: StreamId) -> Result<(), Violation> {
        while self.incoming.contains_key(&id) {
            match transport.read(id, CHUNK) {
                Read::Data(bytes) => self.on_incoming_bytes(transport, id, bytes)?,
                Read::Blocked => return Ok(()),
                Read::Finished | Read::Reset(_) => {
                    // RFC 9204 section 4.2-4: a stream of QPACK is needed until the end.
                    return match self.incoming.remove(&id) {
                        // RFC 9114 section 6.2-10: a stream may end before its type was sent.
                        None | Some(Incoming::Unidentified(_)) => Ok(()),
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
            match self.identify(StreamType::from_value(value))? {
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
            Some(Incoming::Encoder(stream)) => stream.on_bytes(&bytes).map_err(Violation::EncoderStream),
            Some(Incoming::Decoder(stream)) => stream.on_bytes(&bytes).map_err(Violation::DecoderStream),
            Some(Incoming::Control(_)) => self.on_control_bytes(transport, id, bytes),
            Some(Incoming::Unidentified(_)) | None => Ok(()),
        }
    }

    /// What a stream of this type is to us; `None` if it means nothing.
    /// RFC 9204 section 4.2-2, 4.2-7: the streams of QPACK are taken whatever the settings say, each once.
    fn identify(&mut self, stream_type: StreamType) -> Result<Option<Incoming>, Violation> {
        let (seen, incoming) = match (stream_type, self.shared.side) {
            (StreamType::Control, side) => (&mut self.seen.control, Incoming::Control(ControlStream::new(side.peer()))),
            (StreamType::QpackEncoder, _) => (&mut self.seen.encoder, Incoming::Encoder(EncoderStream::new())),
            (StreamType::QpackDecoder, _) => (&mut self.seen.decoder, Incoming::Decoder(DecoderStream::new())),
            // RFC 9114 section 6.2.2-1: only servers push.
            (StreamType::Push, Side::Server) => return Err(Violation::PushStreamOfClient),
            // RFC 9114 section 4.6-2: this side never sends MAX_PUSH_ID.
            (StreamType::Push, Side::Client) => return Err(Violation::PushStreamNotAllowed),
            (StreamType::Unknown, _) => return Ok(None),
        };
        // RFC 9114 section 6.2.1-3: one of each kind.
        if core::mem::replace(seen, true) {
            return Err(Violation::DuplicateCriticalStream);
        }
        Ok(Some(incoming))
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
                Some(ControlFrame::Settings(settings)) => {
                    if transport.is_traced() {
                        transport.trace(id, &trace::settings(false));
                    }
                    // RFC 9114 section 7.2.4.2-7: what is sent from now on is held to them.
                    self.shared.peer = settings;
                    self.shared.events.push_back(Event::Settings(settings));
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

    pub(crate) fn on_progress(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        progress: Result<Progress, Violation>,
    ) {
        match progress {
            Ok(Progress::Waiting) => {}
            Ok(Progress::Finished) => {
                self.remove_if_over(id);
            }
            Ok(Progress::Reset(code)) => self.on_message_reset(transport, id, code),
            Err(violation) => self.on_violation(transport, id, violation),
        }
    }

    /// The peer gave up its message.
    fn on_message_reset(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if stream.receive.has_ended() {
            return;
        }
        self.shared.header_buffered -= stream.receive.buffered();
        stream.receive.abandon();
        if stream.receive.is_unwanted {
            return self.remove_if_over(id);
        }
        if self.shared.side == Side::Client {
            // No response, so the rest of the request is of no use.
            transport.reset(id, error_code::H3_REQUEST_CANCELLED);
            self.shared.tell(id, exchange::Event::Reset(error_code::reason(code)));
            self.remove(id);
            return;
        }
        if stream.is_known {
            // The application may still answer, or give up too; until then the request counts as in hand.
            self.shared.tell(id, exchange::Event::Reset(error_code::reason(code)));
        } else {
            // RFC 9114 s4.1.1: nothing of it was processed.
            transport.reset(id, error_code::H3_REQUEST_REJECTED);
            self.remove(id);
        }
        self.spend(transport);
    }

    /// RFC 9114 section 4.1.2-2.
    pub(crate) fn on_violation(&mut self, transport: &mut impl Transport, id: StreamId, violation: Violation) {
        if violation.scope() == Scope::Connection {
            return self.close_for(transport, violation);
        }
        let Some(stream) = self.streams.get(id) else { return };
        let is_known = stream.is_known;
        if is_known || violation != Violation::FieldSectionTooLarge || !self.answer_too_large(transport, id) {
            transport.reset(id, violation.code());
            transport.stop_sending(id, violation.code());
            self.remove(id);
        }
        if is_known {
            self.forget_events(id);
            let malformed = violation.malformed().expect("a message that was begun can only be malformed");
            self.shared.tell(id, exchange::Event::Failed(malformed));
        } else {
            self.shared.events.push_back(Event::Refused { id, violation });
        }
        self.spend(transport);
    }

    /// RFC 9114 s4.2.2: a head over the limit is answered where that is possible, so that the client learns what is wrong.
    /// The answer is complete without the rest of the request, which is not read (s4.1). False if there was no answer.
    fn answer_too_large(&mut self, transport: &mut impl Transport, id: StreamId) -> bool {
        let head = ResponseHead::new(Status::REQUEST_HEADER_FIELDS_TOO_LARGE);
        let frame = headers_frame(head.lines(), self.shared.peer.max_field_section_size);
        // Where the peer takes no fields at all, there is no answer.
        let Some(frame) = frame else { return false };
        let stream = self.streams.get_mut(id).expect("a request that is refused is there");
        let is_sent = stream.send.message.phase() == SendPhase::Head && stream.send.frame(transport, id, frame).is_ok();
        if is_sent {
            stream.send.finish(transport, id);
            self.give_up_reading(transport, id, error_code::H3_NO_ERROR);
            self.remove_if_over(id);
        }
        is_sent
    }

    /// Asks the peer to send no more on a stream, unless all has come.
    pub(crate) fn give_up_reading(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if !stream.receive.has_ended() {
            self.shared.header_buffered -= stream.receive.buffered();
            stream.receive.abandon();
            transport.stop_sending(id, code);
        }
    }

    /// The streams of which `which` is true, in their order.
    fn select(&self, which: impl Fn(StreamId, &RequestStream) -> bool) -> Vec<StreamId> {
        let chosen = self.streams.iter().filter(|(id, stream)| which(*id, stream));
        let mut chosen: Vec<StreamId> = chosen.map(|(id, _)| id).collect();
        chosen.sort_unstable();
        chosen
    }

    /// Takes a stream out if both directions have ended.
    pub(crate) fn remove_if_over(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(id).filter(|stream| stream.is_over()) else { return };
        if stream.is_known {
            self.shared.budget.earn();
        }
        self.remove(id);
    }

    /// Takes a stream out.
    pub(crate) fn remove(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.remove(id) {
            self.shared.on_gone(&stream);
        }
    }

    /// Drops what the application was not yet told about a stream that it gave up or that failed.
    pub(crate) fn forget_events(&mut self, id: StreamId) {
        self.shared.events.retain(|event| !matches!(event, Event::Exchange(of, _) if *of == id));
    }

    pub(crate) fn spend(&mut self, transport: &mut impl Transport) {
        if let Err(violation) = self.shared.budget.spend() {
            self.close_for(transport, violation);
        }
    }

    pub(crate) fn close_for(&mut self, transport: &mut impl Transport, violation: Violation) {
        if !self.is_closed {
            transport.close(violation.code(), violation.reason());
            self.end(violation.code(), Some(violation));
        }
    }

    fn end(&mut self, code: VarInt, violation: Option<Violation>) {
        if core::mem::replace(&mut self.is_closed, true) {
            return;
        }
        self.streams.clear();
        self.incoming.clear();
        self.shared.events.push_back(Event::Closed { code, violation });
    }
}

/// Stream type, SETTINGS, and once a frame that means nothing.
/// RFC 9114 section 3.2-5, 6.2.1-1, 7.2.4-1.
fn control_preface(config: &Config, side: Side) -> Vec<u8> {
    let mut out = Vec::new();
    push_varint(&mut out, stream_type::CONTROL);
    settings::push(&mut out, config, side == Side::Server);
    if let Some(number) = config.grease {
        push_header(&mut out, grease(number), 0);
    }
    out
}
