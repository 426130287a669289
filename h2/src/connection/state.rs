//! The state of a connection, and what concerns it alone: windows, room, and turns.

use crate::block::Block;
use crate::clocks::Clocks;
use crate::config::{Config, Limits};
use crate::event::{Closing, Event};
use crate::frame::{self, Kind};
use crate::settings::{self, DEFAULT_WINDOW, PeerSettings};
use crate::stream::{Stream, StreamNumber};
use crate::violation::Violation;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use base::{Bytes, Instant, Side};
use hpack::{Decoder, Encoder};
use http::pace::LeastRate;
use http::{Authority, HttpDate, Priority, ResponseHead, exchange};

/// How often, within the patience with a peer that takes a response, it is looked at.
const LOOKS: u32 = 4;
/// What a client sends before all else (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One end of an HTTP/2 connection (RFC 9113).
///
/// It is a [`StreamMachine`](base::StreamMachine): a driver moves its bytes. The application's calls never wait: what cannot be done now is told later
/// as an event. A call that ends or gives up a message has its effect when the driver asks for output next.
#[derive(Debug)]
pub struct Connection {
    pub(crate) side: Side,
    pub(crate) config: Config,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) numbers: Numbers,
    pub(crate) peer: PeerSettings,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    /// The parts of a block of fields that is not complete.
    pub(super) block: Option<Block>,
    /// What the last request named: most of a connection's requests name the same.
    pub(super) known: Option<Authority>,
    pub(crate) out: Out,
    pub(super) window_in: u32,
    pub(super) credit: u32,
    pub(super) events: VecDeque<Event>,
    pub(crate) clocks: Clocks,
    pub(super) glitches: u32,
    pub(crate) state: State,
    /// What a server says in Alt-Svc.
    pub(crate) alternative: Option<Bytes>,
    /// Bytes that may wait to be sent, as far as other connections leave room.
    pub(super) unsent_share: usize,
}

/// Which streams there were.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The last that the peer opened.
    pub(crate) last_of_peer: u32,
    /// The next that this side opens.
    pub(crate) next: u32,
    /// Those that were reset by this side last: what still comes on them is no breach (RFC 9113 section 5.1-11).
    pub(crate) reset: VecDeque<u32>,
    /// Priorities of streams that are still to be opened.
    pub(crate) early: BTreeMap<u32, Priority>,
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// All frames but DATA, in their order.
    pub(crate) control: VecDeque<Bytes>,
    pub(crate) control_len: usize,
    /// Answers to frames of the peer among them: it decides how many there are.
    pub(crate) answers: usize,
    /// The window of the connection.
    pub(crate) window: i64,
    /// Bytes of content that wait, of all streams.
    pub(crate) unsent: usize,
    /// The streams that can send now: by urgency, by turn, by number.
    pub(crate) ready: BTreeSet<(u8, u64, u32)>,
    pub(crate) next_turn: u64,
    /// Streams that wait for room.
    pub(crate) wanting: BTreeSet<u32>,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Bytes of the client's preface that have come.
    pub(crate) preface: usize,
    pub(crate) has_settings: bool,
    /// A request waits for them.
    pub(crate) awaits_settings: bool,
    /// The lowest stream number of a GOAWAY that was sent, and that was received.
    pub(crate) goaway_sent: Option<u32>,
    pub(crate) goaway_received: Option<u32>,
    /// No stream is to be opened any more; once there is none the connection ends.
    pub(crate) is_draining: bool,
    /// What waits is sent, then our side ends.
    pub(crate) is_ending: bool,
    pub(crate) is_broken: bool,
    pub(crate) has_ended: bool,
    pub(crate) peer_has_ended: bool,
    pub(crate) is_told: bool,
}

/// Where memory is short, each message may have the same part of what the connection may, whatever the others have. Default a 16th: 2 KiB of
/// 32 KiB.
const SHARED_AMONG: usize = 16;
/// Streams that this side has reset which are remembered.
const MAX_RESET: usize = 128;

impl Numbers {
    /// Whether this side has reset that stream, not long ago. RFC 9113 section 5.4.2-1, 6.4-2.
    pub(crate) fn was_reset(&self, number: u32) -> bool {
        self.reset.contains(&number)
    }

    pub(crate) fn on_reset(&mut self, number: u32) {
        if self.reset.len() >= MAX_RESET {
            self.reset.pop_front();
        }
        self.reset.push_back(number);
    }
}

impl Out {
    /// Queues frames.
    pub(crate) fn push_control(&mut self, frames: Bytes) {
        self.control_len += frames.len();
        self.control.push_back(frames);
    }
}

impl Out {
    fn next_turn(&mut self) -> u64 {
        // Behind every stream that keeps its place by its number.
        self.next_turn += 1;
        (1 << 32) + self.next_turn
    }

    /// Moves queued frames to the front of `room`.
    pub(crate) fn put_control(&mut self, room: &mut [u8]) -> usize {
        let mut written = 0;
        while let Some(frames) = self.control.front_mut() {
            let rest = room.get_mut(written..).unwrap_or_default();
            let count = frames.len().min(rest.len());
            if count == 0 {
                break;
            }
            let (to, from) = (rest.get_mut(..count), frames.as_slice().get(..count));
            to.zip(from).map(|(to, from)| to.copy_from_slice(from)).expect("both are as long as the shorter one");
            frames.advance(count);
            written += count;
            if frames.is_empty() {
                self.control.pop_front();
            }
        }
        self.control_len -= written;
        if self.control.is_empty() {
            self.answers = 0;
        }
        written
    }

    /// Bytes of queued frames.
    pub(super) const fn control_len(&self) -> usize {
        self.control_len
    }
}

impl Connection {
    /// A server's end.
    pub fn server(config: Config, now: Instant) -> Connection {
        let mut connection = Connection::new(Side::Server, config);
        connection.clocks.on_quiet(now);
        connection
    }

    /// A client's end.
    pub fn client(config: Config) -> Connection {
        let mut connection = Connection::new(Side::Client, config);
        connection.numbers.next = 1;
        connection.state.preface = PREFACE.len();
        connection
    }

    fn new(side: Side, config: Config) -> Connection {
        let mut connection = Connection {
            side,
            config,
            streams: BTreeMap::new(),
            numbers: Numbers::default(),
            peer: PeerSettings::default(),
            decoder: Decoder::new(),
            encoder: Encoder::new(),
            block: None,
            known: None,
            out: Out { window: i64::from(DEFAULT_WINDOW), ..Out::default() },
            window_in: config.limits.connection_window.max(DEFAULT_WINDOW),
            credit: 0,
            events: VecDeque::new(),
            clocks: Clocks::default(),
            glitches: config.limits.glitches,
            state: State::default(),
            alternative: None,
            unsent_share: usize::MAX,
        };
        connection.begin();
        connection
    }

    /// RFC 9113 section 3.2-2, 3.4-1, 3.4-2, 6.5-1: the preface, and SETTINGS as the first frame.
    fn begin(&mut self) {
        let mut first = Vec::new();
        if self.side == Side::Client {
            first.extend_from_slice(PREFACE);
        }
        frame::push(&mut first, Kind::Settings, 0, 0, &settings::own(&self.config, self.side));
        let widened = self.config.limits.connection_window.saturating_sub(DEFAULT_WINDOW);
        if widened > 0 {
            frame::push(&mut first, Kind::WindowUpdate, 0, 0, &widened.to_be_bytes());
        }
        self.out.push_control(Bytes::from(first));
    }

    /// What has happened and was not told.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Exchanges under way.
    pub fn exchange_count(&self) -> usize {
        self.streams.len()
    }

    /// Has a server tell its clients from now on where else it can be reached, in the Alt-Svc field of each response that has none
    /// (RFC 7838 section 3). The value is not checked.
    pub fn set_alternative(&mut self, value: Option<Bytes>) {
        self.alternative = value;
    }

    pub(crate) fn tell(&mut self, number: u32, event: exchange::Event) {
        self.events.push_back(Event::Exchange(StreamNumber(number), event));
    }

    /// What was not told of an exchange is not told any more.
    pub(crate) fn forget_events(&mut self, number: u32) {
        self.events.retain(|event| !matches!(event, Event::Exchange(of, _) if of.0 == number));
    }

    pub(crate) fn tell_closed(&mut self, closing: Closing) {
        if !core::mem::replace(&mut self.state.is_told, true) {
            self.events.push_back(Event::Closed(closing));
        }
    }

    /// Whether new exchanges can still begin. RFC 9113 section 6.8-1.
    pub(crate) fn is_open(&self) -> bool {
        let state = &self.state;
        !(state.is_draining || state.is_ending || state.is_broken || state.peer_has_ended)
            && state.goaway_received.is_none()
    }

    /// The peer did something useless. RFC 9113 s10.5.
    pub(crate) fn spend(&mut self) -> Result<(), Violation> {
        self.glitches = self.glitches.checked_sub(1).ok_or(Violation::Glitches)?;
        Ok(())
    }

    /// A request ended well.
    pub(crate) fn earn(&mut self) {
        let limits = &self.config.limits;
        self.glitches = self.glitches.saturating_add(limits.glitches_earned).min(limits.glitches);
    }

    /// The Date that a response is given, if it has none.
    pub(crate) fn date_for(&self, head: &ResponseHead) -> Option<[u8; HttpDate::LEN]> {
        self.config.date.filter(|_| !head.fields.contains("date")).map(|date| date())
    }

    pub(crate) fn send_frame(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = Vec::with_capacity(frame::HEADER_LEN + payload.len());
        frame::push(&mut bytes, kind, flags, stream, payload);
        self.out.push_control(Bytes::from(bytes));
    }

    /// RFC 9113 section 6.8-6: the last stream is the last that was opened, and none is opened after it was said.
    pub(crate) fn send_goaway(&mut self, last: u32, code: u32, words: &[u8]) {
        let payload = [&last.to_be_bytes()[..], &code.to_be_bytes(), words].concat();
        self.send_frame(Kind::GoAway, 0, 0, &payload);
        self.state.goaway_sent = Some(last);
    }

    // Our windows.

    /// The peer has used so many bytes of the window of the connection.
    pub(crate) fn use_window(&mut self, len: usize) -> Result<(), Violation> {
        let left = u32::try_from(len).ok().and_then(|len| self.window_in.checked_sub(len));
        self.window_in = left.ok_or(Violation::ConnectionWindowExceeded)?;
        Ok(())
    }

    /// They need not be held any more.
    pub(crate) fn give_window(&mut self, len: usize) {
        self.credit = self.credit.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        if self.credit >= self.config.limits.connection_window / 2 {
            let credit = core::mem::take(&mut self.credit);
            self.window_in += credit;
            self.send_frame(Kind::WindowUpdate, 0, 0, &credit.to_be_bytes());
        }
    }

    /// So many bytes of a stream need not be held any more.
    pub(crate) fn on_read(&mut self, number: u32, len: usize) {
        if len == 0 {
            return;
        }
        let window = self.config.limits.stream_window;
        if let Some(credit) = self.streams.get_mut(&number).and_then(|stream| stream.on_read(len, window)) {
            self.send_frame(Kind::WindowUpdate, 0, number, &credit.to_be_bytes());
        }
        self.give_window(len);
    }

    /// Bytes that there is room for on a stream.
    pub(crate) fn free(&self, number: u32) -> usize {
        let Some(stream) = self.streams.get(&number) else { return 0 };
        let (own, limits) = (stream.unsent_len(), &self.config.limits);
        let shared = limits.max_unsent_together.min(self.unsent_share).saturating_sub(self.out.unsent);
        limits.max_unsent.saturating_sub(own).min(shared).max(self.least_unsent().saturating_sub(own))
    }

    /// Bytes of each message that may wait whatever the others have.
    pub(super) fn least_unsent(&self) -> usize {
        Limits::LEAST_UNSENT.min(self.config.limits.max_unsent).min(self.unsent_share / SHARED_AMONG)
    }

    /// Bytes of content that wait to be sent.
    pub fn unsent(&self) -> usize {
        self.out.unsent
    }

    /// From now on no more than so many may wait, if that is less than [`Limits::max_unsent_together`], and of each message a 16th of it in
    /// any case: for connections that share their memory.
    pub fn share_unsent(&mut self, most: usize) {
        self.unsent_share = most;
    }

    /// A stream may have become ready to send, or not so any more, or of another priority.
    ///
    /// Streams of one urgency that are not incremental are sent one after the other, in the order of their requests; those that are
    /// take turns (RFC 9218 section 10).
    pub(crate) fn requeue(&mut self, number: u32) {
        let Some(stream) = self.streams.get_mut(&number) else { return };
        let urgency = stream.priority.urgency.unwrap_or(Priority::DEFAULT_URGENCY);
        let is_ready = stream.is_ready();
        if let Some((before, turn)) = stream.turn {
            if is_ready && before == urgency {
                return;
            }
            stream.turn = None;
            self.out.ready.remove(&(before, turn, number));
        }
        if is_ready {
            // A stream keeps its place by its number; one that takes turns goes to the end.
            let turn = if stream.priority.incremental == Some(true) { self.out.next_turn() } else { u64::from(number) };
            stream.turn = Some((urgency, turn));
            self.out.ready.insert((urgency, turn, number));
        }
    }

    /// Nothing more of a stream is sent.
    pub(crate) fn drop_unsent(&mut self, number: u32) {
        let Some(stream) = self.streams.get_mut(&number) else { return };
        self.out.unsent -= stream.unsent_len();
        stream.drop_unsent();
        if let Some((urgency, turn)) = stream.turn.take() {
            self.out.ready.remove(&(urgency, turn, number));
        }
        self.out.wanting.remove(&number);
    }

    /// A frame on a stream that is not there. RFC 9113 section 5.1-1, 5.1-11.
    pub(crate) fn on_missing(&mut self, number: u32) -> Result<(), Violation> {
        let was_opened = match (self.side, number % 2) {
            (Side::Server, 1) => number <= self.numbers.last_of_peer,
            (Side::Client, 1) => number < self.numbers.next,
            _ => false,
        };
        if !was_opened {
            return Err(Violation::IdleStream);
        }
        if self.numbers.was_reset(number) { self.spend() } else { Err(Violation::ClosedStream) }
    }

    pub(crate) fn rate_of_content(&self) -> Option<LeastRate> {
        self.config.times.request().filter(|_| self.side == Side::Server)
    }

    /// A response that is not all written, or not all taken.
    pub(crate) fn wait_for_reader(&mut self, now: Instant) {
        if self.side == Side::Server
            && let Some(rate) = self.config.times.response()
        {
            self.clocks.look.get_or_insert(now + rate.patience / LOOKS);
        }
    }
}
