//! One request stream (RFC 9114 section 4.1): its frames, and the progress of its two messages.

use crate::datagram::Inbox;
use crate::frame::{
    DATA, DATA_FRAME_HEADER, DATA_FRAME_STEP, DataHeaders, FrameHeader, FrameType, MAX_DATA_FRAME, push_header,
};
use crate::frame_reader::FrameHeaderReader;
use crate::outbox::Outbox;
use crate::priority::Said;
use crate::trace;
use crate::transport::{Transport, WriteError};
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Bytes, Instant, Side, StreamId};
use http::Method;
use http::exchange::{Reason, ReceivePhase, Receiving, SendPhase, Sending};
use http::pace::{Taking, Waiting};

/// How much of a request is read and judged after its response was complete. 256 KiB: half of the first window of a stream
/// (`StreamsConfig`), more than most clients have under way when they are asked to stop. What comes after that is dropped unread.
pub(crate) const MAX_REST: usize = 256 << 10;
/// Content up to this size makes a DATA frame even if the transport has room for a part of it only: where a peer gives credit
/// by the byte, frames are not as small. What the transport leaves waits here (as a reference, not a copy), so this is also
/// how far a body runs ahead of the transport.
const MIN_DATA_FRAME: usize = 4 * 1024;
/// Content up to this size is copied behind the head, so that both are one piece: that costs less than to keep account of three.
const MOST_JOINED: usize = 1024;

/// Both directions of a request stream.
#[derive(Debug)]
pub(crate) struct RequestStream {
    /// Of the request: what may be in the response depends on it.
    pub(crate) method: Method,
    /// Whether the application has heard of this stream.
    pub(crate) is_known: bool,
    /// How urgent its response is, and on a client its request as well.
    pub(crate) priority: Said,
    pub(crate) receive: Receive,
    pub(crate) send: Send,
    /// Datagrams that wait to be read, of an exchange that has some.
    pub(crate) datagrams: Option<Box<Inbox>>,
    /// When it began.
    pub(crate) opened: Instant,
    /// How the client of a server does with its content, and with our response.
    pub(crate) waiting: Waiting,
    pub(crate) taking: Taking,
    /// The application has lifted the limits of both.
    pub(crate) may_be_slow: bool,
}

impl RequestStream {
    pub(crate) fn new(opened: Instant) -> RequestStream {
        RequestStream {
            method: Method::Get,
            is_known: false,
            priority: Said::default(),
            datagrams: None,
            receive: Receive::new(),
            send: Send::new(),
            opened,
            waiting: Waiting::default(),
            taking: Taking::default(),
            may_be_slow: false,
        }
    }

    /// Whether a request may have content that has not come: a length was promised, or the method is one that has some.
    pub(crate) fn has_content_to_come(&self) -> bool {
        let is_bare = matches!(self.method, Method::Get | Method::Head);
        self.receive.message.announced().map_or(!is_bare, |left| left > 0)
    }

    /// Whether neither direction has anything left to do, and nothing is left to be learned of them.
    pub(crate) fn is_over(&self) -> bool {
        self.receive.has_ended() && self.send.has_ended() && !self.send.awaits_delivery
    }
}

/// The receiving direction.
#[derive(Debug)]
pub(crate) struct Receive {
    pub(crate) message: Receiving,
    /// Whether the application was told of content it has not yet read to `Blocked`.
    pub(crate) is_announced: bool,
    /// Whether the response was complete before the request: what still comes of it is judged, and not wanted.
    pub(crate) is_unwanted: bool,
    /// Whether a field section waits for insertions into the dynamic table. Nothing more is read until they have come.
    pub(crate) is_blocked: bool,
    /// Whether a field section was passed over: the peer waits for an acknowledgment of it that does not come.
    pub(crate) has_skipped: bool,
    /// How many bytes of what is not wanted are still read.
    pub(crate) rest_left: usize,
    header: FrameHeaderReader,
    frame: Frame,
    /// Whether the transport has given all of the stream, and its end.
    pub(crate) is_whole: bool,
    /// Whether a frame has begun, so that what follows is a message.
    is_begun: bool,
    /// Read from the transport, but not looked at yet.
    ahead: Bytes,
}

#[derive(Debug)]
enum Frame {
    Header,
    Section { left: usize, section: Vec<u8> },
    Data { left: u64 },
    Skip { left: u64 },
}

/// What is next in a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Everything read so far was used.
    NeedInput,
    /// A whole field section.
    Section(Bytes),
    /// Content, which stays where it is until the application wants it.
    Body,
    /// A frame that is allowed and of no use.
    Glitch,
    /// The stream is no request: it belongs to the one of this number.
    Signal(u64),
}

impl Receive {
    const fn new() -> Receive {
        Receive {
            message: Receiving::new(),
            is_announced: false,
            is_unwanted: false,
            is_blocked: false,
            has_skipped: false,
            rest_left: MAX_REST,
            header: FrameHeaderReader::new(),
            frame: Frame::Header,
            is_whole: false,
            is_begun: false,
            ahead: Bytes::new(),
        }
    }

    pub(crate) const fn has_ended(&self) -> bool {
        self.message.has_ended()
    }

    /// Whether content or trailers are sure to come, or have begun to.
    pub(crate) fn expects_content(&self) -> bool {
        let announced = self.message.announced().is_some_and(|left| left > 0);
        announced || matches!(self.frame, Frame::Section { .. } | Frame::Data { .. })
    }

    /// Takes out what is needed to read on, and leaves a message that was given up.
    pub(crate) fn take_rest(&mut self) -> Receive {
        let rest = core::mem::replace(self, Receive { is_unwanted: true, ..Receive::new() });
        self.message.abandon();
        rest
    }

    /// Content that was read already is dropped: how many bytes.
    pub(crate) fn drop_content(&mut self) -> Result<usize, Violation> {
        let count = self.take_ahead(usize::MAX).len();
        self.on_body(count)?;
        Ok(count)
    }

    /// Nothing more is wanted.
    pub(crate) fn abandon(&mut self) {
        self.message.abandon();
        self.is_blocked = false;
        self.has_skipped = false;
        self.frame = Frame::Header;
        self.ahead = Bytes::new();
    }

    /// Bytes of a field section held because the rest has not come.
    pub(crate) fn buffered(&self) -> usize {
        match &self.frame {
            Frame::Section { section, .. } => section.len(),
            _ => 0,
        }
    }

    /// Whether `next` would need input, as at the beginning of a message.
    pub(crate) const fn needs_input(&self) -> bool {
        self.ahead.is_empty() && matches!(self.frame, Frame::Header)
    }

    /// Bytes that came from the transport. Only after `NeedInput`.
    pub(crate) fn feed(&mut self, bytes: Bytes) {
        debug_assert!(self.ahead.is_empty(), "what was read before must be used first");
        self.ahead = bytes;
    }

    /// What was read behind the beginning of a stream that is no request, and how long the beginning was.
    pub(crate) fn take_data(&mut self) -> (Bytes, usize) {
        (core::mem::take(&mut self.ahead), self.header.last_len())
    }

    /// Looks at what was read, up to the next thing that matters. `receiver` is our side; `takes_data`: streams that belong to
    /// requests are taken.
    pub(crate) fn next(&mut self, max_section: u64, receiver: Side, takes_data: bool) -> Result<Next, Violation> {
        loop {
            match &mut self.frame {
                Frame::Header => match self.header.read(&mut self.ahead) {
                    None => return Ok(Next::NeedInput),
                    Some(FrameHeader { frame_type: FrameType::Signal, length }) if takes_data => {
                        // draft-ietf-webtrans-http3 section 4.3-5.
                        let is_first = !self.is_begun && receiver == Side::Server;
                        return if is_first { Ok(Next::Signal(length)) } else { Err(Violation::SignalMisplaced) };
                    }
                    Some(header) => {
                        self.is_begun = true;
                        if self.on_header(header, max_section, receiver)? {
                            return Ok(Next::Glitch);
                        }
                    }
                },
                Frame::Section { left, section } if section.is_empty() && self.ahead.len() >= *left => {
                    let section = self.ahead.split_to(*left);
                    self.frame = Frame::Header;
                    return Ok(Next::Section(section));
                }
                Frame::Section { left, section } => {
                    let piece = self.ahead.split_to(*left);
                    section.extend_from_slice(&piece);
                    *left -= piece.len();
                    if *left > 0 {
                        return Ok(Next::NeedInput);
                    }
                    let section = Bytes::from(core::mem::take(section));
                    self.frame = Frame::Header;
                    return Ok(Next::Section(section));
                }
                Frame::Data { left: 0 } | Frame::Skip { left: 0 } => self.frame = Frame::Header,
                Frame::Data { .. } => return Ok(Next::Body),
                Frame::Skip { left } => {
                    let taken = up_to(*left, self.ahead.len());
                    self.ahead.advance(taken);
                    *left -= taken as u64;
                    if *left > 0 {
                        return Ok(Next::NeedInput);
                    }
                }
            }
        }
    }

    /// Judges a frame by its header. True if the frame is of no use.
    fn on_header(&mut self, header: FrameHeader, max_section: u64, receiver: Side) -> Result<bool, Violation> {
        let FrameHeader { frame_type, length } = header;
        match (frame_type, self.message.phase()) {
            // RFC 9114 section 7.2.8-2, 9-1: skipped, wherever it stands.
            (FrameType::Unknown | FrameType::Signal, _) => {
                self.frame = Frame::Skip { left: length };
                return Ok(true);
            }
            (FrameType::Data, ReceivePhase::Body | ReceivePhase::Tunnel) => {
                self.frame = Frame::Data { left: length };
                return Ok(length == 0);
            }
            (FrameType::Headers, ReceivePhase::Head | ReceivePhase::Body) => {
                // A section is smaller than what it stands for, so one that is longer than the limit need not be read.
                let left = usize::try_from(length).ok().filter(|_| length <= max_section);
                let Some(left) = left else {
                    self.frame = Frame::Skip { left: length };
                    self.has_skipped = true;
                    return Err(Violation::FieldSectionTooLarge);
                };
                self.frame = Frame::Section { left, section: Vec::new() };
            }
            // RFC 9114 section 7.2.8-3.
            (FrameType::Reserved, _) => return Err(Violation::ReservedFrame),
            // RFC 9114 section 7.2.5-11: clients promise nothing.
            (FrameType::PushPromise, _) if receiver == Side::Server => return Err(Violation::FrameOfServer),
            // RFC 9114 section 7.2.5-2: this side never sends MAX_PUSH_ID.
            (FrameType::PushPromise, _) => return Err(Violation::PushNotAllowed),
            // RFC 9114 section 4.4-6: a tunnel carries DATA only.
            (FrameType::Headers, ReceivePhase::Tunnel) => return Err(Violation::FrameInTunnel),
            // RFC 9114 section 4.1-3: head, content, trailers, each in its turn.
            (FrameType::Data | FrameType::Headers, _) => return Err(Violation::FrameOutOfOrder),
            // RFC 9114 section 7.2.3-7, 7.2.4-4, 7.2.6-2, 7.2.7-1: these belong on the control stream.
            _ => return Err(Violation::FrameOnRequestStream),
        }
        Ok(false)
    }

    /// How much content the current DATA frame still holds.
    pub(crate) fn body_left(&self) -> u64 {
        match self.frame {
            Frame::Data { left } => left,
            _ => 0,
        }
    }

    /// Content that was read already, at most `max` bytes; may be empty.
    pub(crate) fn take_ahead(&mut self, max: usize) -> Bytes {
        let taken = up_to(self.body_left(), max);
        self.ahead.split_to(taken)
    }

    /// Content goes to the application.
    pub(crate) fn on_body(&mut self, count: usize) -> Result<(), Violation> {
        let Frame::Data { left } = &mut self.frame else { unreachable!("content is only in DATA frames") };
        *left -= count as u64;
        self.message.on_body(count as u64).map_err(Violation::Malformed)
    }

    /// The stream ends here.
    pub(crate) fn on_end(&mut self, receiver: Side) -> Result<(), Violation> {
        // RFC 9114 section 7.1-4: not inside a frame.
        let is_between_frames = match self.frame {
            Frame::Header => !self.header.is_inside(),
            Frame::Data { left } | Frame::Skip { left } => left == 0,
            Frame::Section { .. } => false,
        };
        if !is_between_frames {
            return Err(Violation::FrameTruncated);
        }
        // RFC 9114 s4.1.2: a request without a head has a code of its own.
        if self.message.phase() == ReceivePhase::Head && receiver == Side::Server {
            return Err(Violation::RequestIncomplete);
        }
        self.message.on_end().map_err(Violation::Malformed)
    }
}

fn up_to(left: u64, have: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(have)
}

/// How much content of `wanted` bytes goes into the next DATA frame; 0 if the transport has to have room first.
fn frame_len(transport: &mut impl Transport, id: StreamId, wanted: usize) -> Result<usize, WriteError> {
    let wanted = wanted.min(MAX_DATA_FRAME);
    let room = transport.room(id, wanted + DATA_FRAME_HEADER)?;
    if room == 0 || room >= wanted + DATA_FRAME_HEADER {
        return Ok(room.min(wanted));
    }
    let steps = room.saturating_sub(DATA_FRAME_HEADER) / DATA_FRAME_STEP;
    Ok((steps * DATA_FRAME_STEP).max(MIN_DATA_FRAME).min(wanted))
}

/// The sending direction.
#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) message: Sending,
    /// The application is to learn whether all of it arrives: a server may stop it while the transport has it.
    pub(crate) awaits_delivery: bool,
    /// Whether the application waits for room.
    wants_room: bool,
    outbox: Outbox,
}

impl Send {
    const fn new() -> Send {
        Send { message: Sending::new(), awaits_delivery: false, wants_room: false, outbox: Outbox::new() }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.message.has_ended()
    }

    /// Whether there is more to write than the transport has taken.
    pub(crate) fn has_more(&self) -> bool {
        self.wants_room || !self.outbox.is_empty()
    }

    /// A whole HEADERS frame.
    pub(crate) fn frame(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        frame: Vec<u8>,
    ) -> Result<(), WriteError> {
        self.outbox.write_own(transport, id, frame, false).map(drop)
    }

    /// A whole HEADERS frame, and the end of the message, whose head the frame is.
    pub(crate) fn last_frame(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        frame: Vec<u8>,
    ) -> Result<(), WriteError> {
        let has_ended = self.outbox.write_own(transport, id, frame, true)?;
        self.on_last(has_ended);
        Ok(())
    }

    /// All was said, and the transport has all of it, or not yet.
    const fn on_last(&mut self, has_ended: bool) {
        if has_ended { self.message.on_end() } else { self.message.on_finishing() }
    }

    /// A whole HEADERS frame, all of a small content after it, and with `ends` the end of the message, which stands at `message` by then.
    /// What the transport does not take of them waits here.
    ///
    /// # Panics
    /// If the content [is not small](Send::is_small).
    pub(crate) fn frame_and_body(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        (mut frame, data): (Vec<u8>, Bytes),
        headers: &mut DataHeaders,
        (message, ends): (Sending, bool),
    ) -> Result<(), WriteError> {
        assert!(Send::is_small(&data), "content of {} bytes is too large to wait", data.len());
        if transport.is_traced() {
            transport.trace(id, &trace::data(true, data.len()));
        }
        let has_ended = if data.len() <= MOST_JOINED {
            frame.reserve(DATA_FRAME_HEADER + data.len());
            push_header(&mut frame, DATA, data.len());
            frame.extend_from_slice(&data);
            self.outbox.write_own(transport, id, frame, ends)?
        } else {
            self.outbox.write(transport, id, [Bytes::from(frame), headers.of(data.len()), data], ends)?
        };
        self.message = message;
        if ends {
            self.on_last(has_ended);
        }
        Ok(())
    }

    /// Whether content makes one DATA frame, whatever room the transport has, and makes one at all.
    pub(crate) fn is_small(data: &Bytes) -> bool {
        (1..=MIN_DATA_FRAME).contains(&data.len())
    }

    /// Content, as far as it fits. What stays in `data` is announced by `flush` once there is room.
    pub(crate) fn body(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        data: &mut Bytes,
        headers: &mut DataHeaders,
    ) -> Result<(), WriteError> {
        self.outbox.flush(transport, id)?;
        while !data.is_empty() && self.outbox.is_empty() {
            let len = if data.len() <= MIN_DATA_FRAME { data.len() } else { frame_len(transport, id, data.len())? };
            if len == 0 {
                break;
            }
            let piece = data.split_to(len);
            if transport.is_traced() {
                transport.trace(id, &trace::data(true, piece.len()));
            }
            self.outbox.write(transport, id, [headers.of(piece.len()), piece], false)?;
        }
        self.wants_room = !data.is_empty();
        Ok(())
    }

    /// How many of `wanted` bytes of content would be sent now. After it gave 0, `flush` announces when there are some.
    pub(crate) fn room(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        wanted: usize,
    ) -> Result<usize, WriteError> {
        self.outbox.flush(transport, id)?;
        let room = if self.outbox.is_empty() { frame_len(transport, id, wanted)? } else { 0 };
        self.wants_room = room == 0 && wanted > 0;
        Ok(room)
    }

    /// Nothing more follows.
    pub(crate) fn finish(&mut self, transport: &mut impl Transport, id: StreamId) {
        if self.outbox.is_empty() {
            transport.finish(id);
            self.message.on_end();
        } else {
            self.message.on_finishing();
        }
    }

    /// The transport has room. True if the application waited for that.
    pub(crate) fn flush(&mut self, transport: &mut impl Transport, id: StreamId) -> Result<bool, WriteError> {
        self.outbox.flush(transport, id)?;
        if !self.outbox.is_empty() {
            return Ok(false);
        }
        if self.message.phase() == SendPhase::Finishing {
            self.finish(transport, id);
        }
        Ok(core::mem::take(&mut self.wants_room))
    }

    /// Given up: by the peer with `Some` reason, else by us.
    pub(crate) fn abandon(&mut self, stopped: Option<Reason>) {
        self.outbox.clear();
        self.wants_room = false;
        self.awaits_delivery = false;
        match stopped {
            Some(reason) => self.message.on_stopped(reason),
            None => self.message.on_end(),
        }
    }
}
