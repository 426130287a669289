//! The conductor: frames in, frames out, and the streams between.

mod blocks;
mod control;
mod ending;
mod incoming;
mod outgoing;
mod times;

use crate::config::Config;
use crate::event::{Closing, Event};
use crate::frame::{self, Kind};
use crate::settings::{self, DEFAULT_WINDOW, PeerSettings};
use crate::stream::{Stream, StreamNumber};
use crate::violation::Violation;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use base::{Bytes, Demand, Instant, Outgoing, Side, StreamMachine};
use blocks::Block;
use hpack::{Decoder, Encoder};
use http::exchange;
use http::{Authority, HttpDate, ResponseHead};
use times::Clocks;

/// What a client sends before all else (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One end of an HTTP/2 connection (RFC 9113).
///
/// It is a [`StreamMachine`]: a driver moves its bytes. The application's calls never wait: what cannot be done now is told later
/// as an event. A call that ends or gives up a message has its effect when the driver asks for output next.
#[derive(Debug)]
pub struct Connection {
    pub(crate) side: Side,
    pub(crate) config: Config,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) numbers: Numbers,
    pub(crate) peer: PeerSettings,
    decoder: Decoder,
    encoder: Encoder,
    /// The parts of a block of fields that is not complete.
    block: Option<Block>,
    /// What the last request named: most of a connection's requests name the same.
    known: Option<Authority>,
    pub(crate) out: Out,
    window_in: u32,
    credit: u32,
    events: VecDeque<Event>,
    pub(crate) clocks: Clocks,
    glitches: u32,
    state: State,
    /// What a server says in Alt-Svc.
    pub(crate) alternative: Option<Bytes>,
}

/// Which streams there were.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The last that the peer opened.
    last_of_peer: u32,
    /// The next that this side opens.
    pub(crate) next: u32,
    /// Those that were reset by this side last: what still comes on them is no breach (RFC 9113 section 5.1-11).
    reset: VecDeque<u32>,
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// All frames but DATA, in their order.
    control: VecDeque<Bytes>,
    control_len: usize,
    /// Answers to frames of the peer among them: it decides how many there are.
    answers: usize,
    /// The window of the connection.
    window: i64,
    /// Bytes of content that wait, of all streams.
    unsent: usize,
    /// The streams that can send now: by urgency, by turn, by number.
    ready: BTreeSet<(u8, u64, u32)>,
    next_turn: u64,
    /// Streams that wait for room.
    wanting: BTreeSet<u32>,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Bytes of the client's preface that have come.
    preface: usize,
    has_settings: bool,
    /// The lowest stream number of a GOAWAY that was sent, and that was received.
    goaway_sent: Option<u32>,
    goaway_received: Option<u32>,
    /// No stream is to be opened any more; once there is none the connection ends.
    is_draining: bool,
    /// What waits is sent, then our side ends.
    is_ending: bool,
    is_broken: bool,
    has_ended: bool,
    peer_has_ended: bool,
    is_told: bool,
}

/// Streams that this side has reset which are remembered.
const MAX_RESET: usize = 128;

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
        };
        connection.begin();
        connection
    }

    /// RFC 9113 section 3.4-1, 3.4-2, 6.5-1: the preface, and SETTINGS as the first frame.
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
    fn forget_events(&mut self, number: u32) {
        self.events.retain(|event| !matches!(event, Event::Exchange(of, _) if of.0 == number));
    }

    fn tell_closed(&mut self, closing: Closing) {
        if !core::mem::replace(&mut self.state.is_told, true) {
            self.events.push_back(Event::Closed(closing));
        }
    }

    /// Whether new exchanges can still begin.
    pub(crate) fn is_open(&self) -> bool {
        let state = &self.state;
        !(state.is_draining || state.is_ending || state.is_broken || state.peer_has_ended)
            && state.goaway_received.is_none()
    }

    /// The peer did something useless. RFC 9113 s10.5.
    fn spend(&mut self) -> Result<(), Violation> {
        self.glitches = self.glitches.checked_sub(1).ok_or(Violation::Glitches)?;
        Ok(())
    }

    /// A request ended well.
    fn earn(&mut self) {
        let limits = &self.config.limits;
        self.glitches = self.glitches.saturating_add(limits.glitches_earned).min(limits.glitches);
    }

    /// The Date that a response is given, if it has none.
    pub(crate) fn date_for(&self, head: &ResponseHead) -> Option<[u8; HttpDate::LEN]> {
        self.config.date.filter(|_| !head.fields.contains("date")).map(|date| date())
    }
}

impl StreamMachine for Connection {
    fn demand(&self) -> Demand {
        if self.state.is_broken { Demand::Reset } else { Demand::More }
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.take_in(now, bytes)
    }

    fn on_end(&mut self, now: Instant, _left: &[u8]) {
        self.on_peer_end(now);
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.give_out(now, buffer)
    }

    fn on_reset(&mut self, _now: Instant) {
        self.break_off(Closing::Reset);
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_look()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.look(now);
    }
}
