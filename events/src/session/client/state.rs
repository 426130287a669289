//! What a client's end consists of, and how it opens streams and sends on them.

use crate::frame::{DEFAULT_MAX_FRAME, Frame};
use crate::messages::{Delivery, Handle};
use crate::session::client::config::Config;
use crate::session::client::told::{ConsumerId, Output, PublishId, RequestId, Source, Told};
use crate::session::stream::Stream;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use base::{Bytes, Duration, Instant, Random};

pub(super) struct Queued {
    pub(super) id: PublishId,
    pub(super) namespace: String,
    pub(super) bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Until then nothing is tried.
    Waiting(Instant),
    Connecting,
    /// There is a connection whose handshake is not complete: what is sent may be sent again by whoever records it.
    Early,
    Authenticating(Instant),
    Ready,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Control,
    Publish,
    Delivery(ConsumerId),
}

/// What an answer on the control stream is for.
pub(super) enum Asked {
    Program(RequestId),
    Subscribe(ConsumerId),
    Acknowledge(ConsumerId, Vec<Handle>),
    /// A refuse or an extend: lost with the session.
    Once,
}

pub(super) struct Consumer {
    pub(super) source: Source,
    pub(super) stream: Option<u64>,
    pub(super) unread: VecDeque<Delivery>,
    /// Given to the program in this session, and not dealt with.
    pub(super) open: BTreeSet<(u64, u32)>,
    /// To be acknowledged.
    pub(super) dealt_with: Vec<Handle>,
    /// Acknowledgments that are not answered.
    pub(super) acknowledging: usize,
    /// All was read.
    pub(super) is_over: bool,
}

/// The session on the present connection.
#[derive(Default)]
pub(super) struct Now {
    pub(super) streams: BTreeMap<u64, (Role, Stream)>,
    pub(super) control: Option<u64>,
    pub(super) publish: Option<u64>,
    pub(super) max_requests: usize,
    pub(super) max_frame: usize,
    pub(super) asked: BTreeMap<u64, Asked>,
    pub(super) publishes: BTreeMap<u64, Vec<Queued>>,
    /// Publishes that came too soon or met a passing trouble, until then.
    pub(super) hold_until: Option<Instant>,
    /// When the pings that have no answer were sent.
    pub(super) pings: VecDeque<Instant>,
    pub(super) next_ping: Option<Instant>,
    /// A ping was answered.
    pub(super) is_answered: bool,
    pub(super) going_away: Option<Instant>,
}

/// The client's end: one client over any number of connections.
pub struct Client {
    pub(super) config: Config,
    pub(super) random: Box<dyn Random>,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) now: Now,
    pub(super) streams: u64,
    pub(super) requests: u64,
    pub(super) queue: VecDeque<Queued>,
    pub(super) queued: usize,
    pub(super) queued_bytes: usize,
    pub(super) publishes: u64,
    pub(super) consumers: BTreeMap<ConsumerId, Consumer>,
    pub(super) consumer_count: u64,
    pub(super) waiting: VecDeque<(RequestId, Frame)>,
    pub(super) request_count: u64,
    pub(super) round_trip: Option<Duration>,
    /// The server has refused a publish for now, and taken none since. The program knows.
    pub(super) is_held_back: bool,
    pub(super) is_closing: bool,
    pub(super) outputs: VecDeque<Output>,
    pub(super) told: VecDeque<Told>,
}

impl Client {
    /// A client that connects at once.
    pub fn new(config: Config, random: Box<dyn Random>) -> Client {
        Client {
            config,
            random,
            state: State::Connecting,
            attempts: 0,
            now: Now::default(),
            streams: 0,
            requests: 0,
            queue: VecDeque::new(),
            queued: 0,
            queued_bytes: 0,
            publishes: 0,
            consumers: BTreeMap::new(),
            consumer_count: 0,
            waiting: VecDeque::new(),
            request_count: 0,
            round_trip: None,
            is_held_back: false,
            is_closing: false,
            outputs: VecDeque::from([Output::Connect]),
            told: VecDeque::new(),
        }
    }

    /// Whether the server has let the client in, and the connection is there.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether it has ended, or was not let in.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub(super) fn open(&mut self, role: Role) -> u64 {
        self.streams += 1;
        self.now.streams.insert(self.streams, (role, Stream::new(self.now.max_frame.max(DEFAULT_MAX_FRAME))));
        self.outputs.push_back(Output::Open(self.streams));
        self.streams
    }

    /// Every frame goes through here: nothing but Ping is early.
    pub(super) fn send(&mut self, stream: u64, frame: &Frame) {
        let may_be_early = matches!(frame, Frame::Ping(_));
        assert!(self.state != State::Early || may_be_early, "a {} is not for early data", frame.name());
        if let Some((_, there)) = self.now.streams.get_mut(&stream) {
            there.send(frame);
            self.outputs.push_back(Output::Ready(stream));
        }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub(super) fn ask(&mut self, asked: Asked, frame: impl FnOnce(u64) -> Frame) {
        let Some(control) = self.now.control.filter(|_| self.is_ready()) else { return };
        let request = self.number();
        self.now.asked.insert(request, asked);
        self.send(control, &frame(request));
    }
}
