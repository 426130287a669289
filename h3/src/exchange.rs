//! What one exchange of request and response needs from its connection, and the loop that reads a request stream.
//!
//! The loop stops at content: that stays in the transport, on the peer's credit, until the application reads it.

use crate::ahead::Ahead;
use crate::budget::Budget;
use crate::config::Config;
use crate::datagram::Inbox;
use crate::event::Event;
use crate::frame::DataHeaders;
use crate::goaway::GoAway;
use crate::message;
use crate::request_stream::{Next, Receive, RequestStream};
use crate::settings::PeerSettings;
use crate::trace;
use crate::transport::{Read, Transport};
use crate::violation::Violation;
use crate::watch::Watch;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{Bytes, Side, StreamId};
use http::exchange::{self, ReceivePhase};
use http::{Authority, HttpDate, Priority, ResponseHead};
use qpack::EncoderLimits;

/// How many bytes are read at a time to look for frames. Content among them has left the transport before the application
/// asked for it, so this is also what an exchange can run ahead.
pub(crate) const READ_AHEAD: usize = 2048;
/// The longest authority that is kept for later requests: an idle connection must not hold what one request brought.
const MAX_KEPT_AUTHORITY: usize = 128;

/// The state that exchanges share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Our side.
    pub(crate) side: Side,
    pub(crate) config: Config,
    pub(crate) budget: Budget,
    pub(crate) events: VecDeque<Event>,
    pub(crate) peer: PeerSettings,
    pub(crate) goaway: GoAway,
    /// Bytes of field sections that have come in part.
    pub(crate) header_buffered: usize,
    /// Requests the application has and has not answered to the end.
    pub(crate) in_hand: usize,
    /// When to look whether the peer is too slow.
    pub(crate) watch: Watch,
    pub(crate) decoder: qpack::Decoder,
    pub(crate) encoder: qpack::Encoder,
    pub(crate) data_headers: DataHeaders,
    /// Whether the client has said anything of priorities: then it knows them, and where it says nothing the default holds.
    pub(crate) is_prioritized: bool,
    /// What has come of requests that have not.
    pub(crate) ahead: Ahead,
    /// What the last request named, for the next one to share.
    authority: Option<Authority>,
}

impl Shared {
    pub(crate) fn new(side: Side, config: Config) -> Shared {
        Shared {
            side,
            budget: Budget::new(&config.limits),
            decoder: qpack::Decoder::with_limits(config.limits.of_decoder()),
            encoder: qpack::Encoder::new(),
            config,
            events: VecDeque::new(),
            peer: PeerSettings::default(),
            goaway: GoAway::default(),
            header_buffered: 0,
            in_hand: 0,
            watch: Watch::default(),
            data_headers: DataHeaders::default(),
            is_prioritized: false,
            ahead: Ahead::default(),
            authority: None,
        }
    }

    /// Something happened to an exchange.
    pub(crate) fn tell(&mut self, id: StreamId, event: exchange::Event) {
        self.events.push_back(Event::Exchange(id, event));
    }

    /// The Date that is to be added to a final response: none if it has one, or if there is no clock.
    /// RFC 9110 section 6.6.1-2, 6.6.1-3.
    pub(crate) fn date_for(&self, head: &ResponseHead) -> Option<[u8; HttpDate::LEN]> {
        let is_needed = !head.status.is_informational() && !head.fields.contains("date");
        self.config.date.filter(|_| is_needed).map(|date| date())
    }

    /// The next bytes of a request stream, and whether its end was read with them. A stream that may turn out to belong to a request
    /// is left whole to whoever it belongs to.
    pub(crate) fn read(&self, transport: &mut impl Transport, id: StreamId, max: usize) -> (Read, bool) {
        match self.config.webtransport {
            None => transport.read_with_end(id, max),
            Some(_) => (transport.read(id, max), false),
        }
    }

    /// What is next in a message, whose parts of field sections are counted.
    pub(crate) fn next(&mut self, receive: &mut Receive) -> Result<Next, Violation> {
        let limits = &self.config.limits;
        let before = receive.buffered();
        let next = receive.next(limits.max_field_section_size, self.side, self.config.webtransport.is_some());
        self.header_buffered = self.header_buffered - before + receive.buffered();
        self.check_buffer()?;
        next
    }

    /// Field sections that have come in part, and those that wait for insertions, are held together.
    pub(crate) fn check_buffer(&self) -> Result<(), Violation> {
        let held = self.header_buffered + self.decoder.held();
        if held > self.config.limits.max_header_buffer { Err(Violation::HeaderBuffer) } else { Ok(()) }
    }

    /// The settings of the peer have come.
    pub(crate) fn on_settings(&mut self, settings: PeerSettings) {
        // RFC 9114 section 7.2.4.2-7: what is sent from now on is held to them.
        self.peer = settings;
        self.encoder.allow(EncoderLimits {
            max_table_capacity: settings.qpack_max_table_capacity,
            max_blocked_streams: settings.qpack_blocked_streams,
            table_capacity: self.config.qpack_encoder_capacity,
        });
    }

    /// Whether a section can be decoded now. If not, it is held, and its stream is read no further: what follows stays in the
    /// transport, on the peer's credit.
    /// RFC 9204 s2.2.1.
    pub(crate) fn admit(&mut self, receive: &mut Receive, id: StreamId, section: &[u8]) -> Result<bool, Violation> {
        let is_ready = self.decoder.admit(id.value(), section).map_err(Violation::Decompression)?;
        receive.is_blocked = !is_ready;
        self.check_buffer()?;
        Ok(is_ready)
    }

    /// Nothing more is read of a message. Unless all of it was, the peer's encoder learns that it waits in vain.
    /// RFC 9204 s2.2.2.2.
    pub(crate) fn give_up(&mut self, receive: &mut Receive, id: StreamId) {
        self.header_buffered -= receive.buffered();
        if !receive.has_ended() || receive.has_skipped {
            self.decoder.cancel(id.value());
        }
        receive.abandon();
    }

    /// Whether what is sent may refer to a dynamic table.
    pub(crate) fn has_table(&self) -> bool {
        self.encoder.has_table()
    }

    /// Whether a section that came needs entries of the dynamic table.
    pub(crate) fn refers_to_table(&self, section: &[u8]) -> bool {
        self.decoder.refers_to_table(section)
    }

    /// Whether there is something to tell the peer's encoder.
    pub(crate) fn owes_instructions(&self) -> bool {
        self.decoder.has_instructions()
    }

    /// The head of a request has come: how urgent it says that it is, unless a frame has said something else since.
    fn on_priority(&mut self, stream: &mut RequestStream, said: Option<Priority>, update: Option<Priority>) {
        self.is_prioritized |= said.is_some();
        // A frame may have come between the stream and its head.
        stream.priority.client = stream.priority.client.or(update).or(said);
    }

    /// Has the transport send a stream by what is said of it.
    pub(crate) fn place(&self, stream: &RequestStream, id: StreamId, transport: &mut impl Transport) {
        if let Some((urgency, incremental)) = stream.priority.place(!self.is_prioritized) {
            transport.prioritize(id, urgency, incremental);
        }
    }

    /// The place for the datagrams of an exchange, if it is of a kind that has some.
    pub(crate) fn inbox(&self, is_extended_connect: bool) -> Option<Box<Inbox>> {
        (is_extended_connect && self.config.datagrams).then(Box::default)
    }

    /// The head of a request has come: those datagrams of it that were faster.
    fn on_early_datagrams(
        &mut self,
        stream: &mut RequestStream,
        id: StreamId,
        early: Vec<Bytes>,
    ) -> Result<(), Violation> {
        for datagram in early {
            // RFC 9297 section 2-2, 2-3.
            let inbox = stream.datagrams.as_mut().ok_or(Violation::DatagramNotTaken)?;
            if inbox.push(&datagram, self.config.limits.max_datagrams) {
                self.tell(id, exchange::Event::Datagram);
            }
        }
        Ok(())
    }

    /// An exchange is over, whatever way.
    pub(crate) fn on_gone(&mut self, stream: &mut RequestStream, id: StreamId) {
        self.give_up(&mut stream.receive, id);
        if stream.is_known && self.side == Side::Server {
            self.in_hand -= 1;
        }
    }
}

/// How far reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing more for now: the transport has nothing, or the application has to read content.
    Waiting,
    /// The message is complete.
    Finished,
    /// The peer reset the stream.
    Reset(base::VarInt),
    /// It is no request, but a stream that belongs to one.
    Data {
        /// The number of that request.
        request: u64,
    },
}

/// Reads a stream up to content, its end, or the end of what has come.
pub(crate) fn advance(
    shared: &mut Shared,
    stream: &mut RequestStream,
    id: StreamId,
    transport: &mut impl Transport,
) -> Result<Progress, Violation> {
    while !stream.receive.has_ended() {
        if stream.receive.is_blocked {
            let Some(section) = shared.decoder.take(id.value()) else { return Ok(Progress::Waiting) };
            stream.receive.is_blocked = false;
            on_section(shared, stream, id, &section, transport)?;
            continue;
        }
        let next = match stream.receive.needs_input() {
            true => Next::NeedInput,
            false => shared.next(&mut stream.receive)?,
        };
        match next {
            Next::Section(section) => {
                if !shared.admit(&mut stream.receive, id, &section)? {
                    return Ok(Progress::Waiting);
                }
                on_section(shared, stream, id, &section, transport)?;
                transport.give_back(section);
            }
            Next::Glitch => shared.budget.spend()?,
            Next::Signal(request) => return Ok(Progress::Data { request }),
            Next::Body => {
                if !stream.receive.is_announced {
                    stream.receive.is_announced = true;
                    shared.tell(id, exchange::Event::Body);
                }
                return Ok(Progress::Waiting);
            }
            Next::NeedInput => {
                let (read, is_end) = match stream.receive.is_whole {
                    true => (Read::Finished, true),
                    false => shared.read(transport, id, READ_AHEAD),
                };
                stream.receive.is_whole = is_end;
                match read {
                    Read::Data(bytes) => stream.receive.feed(bytes),
                    Read::Blocked => return Ok(Progress::Waiting),
                    Read::Reset(code) => return Ok(Progress::Reset(code)),
                    Read::Finished => {
                        stream.receive.on_end(shared.side)?;
                        shared.tell(id, exchange::Event::Finished);
                        return Ok(Progress::Finished);
                    }
                }
            }
        }
    }
    Ok(Progress::Waiting)
}

/// A record of the field section that was told last.
#[cold]
fn trace_section(shared: &Shared, id: StreamId, transport: &mut impl Transport) {
    let Some(Event::Exchange(_, event)) = shared.events.back() else { return };
    let record = match event {
        exchange::Event::Request(head) => trace::headers(false, head.lines()),
        exchange::Event::Response(head) | exchange::Event::Informational(head) => trace::headers(false, head.lines()),
        exchange::Event::Trailers(fields) => trace::headers(false, fields.iter()),
        _ => return,
    };
    transport.trace(id, &record);
}

/// A whole field section, all of whose insertions have come.
fn on_section(
    shared: &mut Shared,
    stream: &mut RequestStream,
    id: StreamId,
    section: &[u8],
    transport: &mut impl Transport,
) -> Result<(), Violation> {
    let was_known = stream.is_known;
    tell_section(shared, stream, id, section)?;
    if stream.is_known != was_known {
        shared.place(stream, id, transport);
    }
    if transport.is_traced() {
        trace_section(shared, id, transport);
    }
    Ok(())
}

fn tell_section(
    shared: &mut Shared,
    stream: &mut RequestStream,
    id: StreamId,
    section: &[u8],
) -> Result<(), Violation> {
    if stream.receive.message.phase() == ReceivePhase::Body {
        let max_size = shared.config.limits.max_field_section_size;
        let fields = message::decode_trailers(&mut shared.decoder, id, section, max_size)?;
        stream.receive.message.on_trailers();
        // RFC 9110 section 6.5.1-2: the application gets them by themselves.
        shared.tell(id, exchange::Event::Trailers(fields));
        return Ok(());
    }
    match shared.side {
        Side::Server => on_request(shared, stream, id, section),
        Side::Client => on_response(shared, stream, id, section),
    }
}

/// RFC 9110 section 5.3-4: the whole head was there.
fn on_request(shared: &mut Shared, stream: &mut RequestStream, id: StreamId, section: &[u8]) -> Result<(), Violation> {
    let max_size = shared.config.limits.max_field_section_size;
    let extended_connect = shared.config.extended_connect;
    let known = &mut shared.authority;
    let head = message::decode_request(&mut shared.decoder, id, section, max_size, extended_connect, known)?;
    if known.as_ref().is_some_and(|authority| authority.as_str().len() > MAX_KEPT_AUTHORITY) {
        *known = None;
    }
    if shared.in_hand >= shared.config.limits.max_concurrent_requests {
        return Err(Violation::RequestsInHand);
    }
    stream.receive.message.on_request(&head).map_err(Violation::Malformed)?;
    stream.method = head.method.clone();
    stream.is_known = true;
    let (update, early) = shared.ahead.take(id);
    shared.on_priority(stream, Priority::of(&head.fields), update);
    stream.datagrams = shared.inbox(head.protocol.is_some());
    shared.in_hand += 1;
    shared.tell(id, exchange::Event::Request(Box::new(head)));
    shared.on_early_datagrams(stream, id, early)
}

fn on_response(shared: &mut Shared, stream: &mut RequestStream, id: StreamId, section: &[u8]) -> Result<(), Violation> {
    let max_size = shared.config.limits.max_field_section_size;
    // RFC 9114 section 4.1.2-4, 4.3.2-1: a response without a status, or malformed in any way, never reaches the
    // application.
    let head = message::decode_response(&mut shared.decoder, id, section, max_size)?;
    if head.status.is_informational() {
        // Any number of them is legal, and each is work for us and for the application.
        shared.budget.spend()?;
        shared.tell(id, exchange::Event::Informational(head));
        return Ok(());
    }
    stream.receive.message.on_response(&head, &stream.method).map_err(Violation::Malformed)?;
    shared.tell(id, exchange::Event::Response(head));
    Ok(())
}
