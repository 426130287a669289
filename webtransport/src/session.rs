//! One session: how it stands, which streams it has, what it may do and what the other end may.

use crate::capsules::{Incoming, Outgoing};
use crate::flow::{Allowance, Flow, Kind, Window};
use crate::stream::End;
use crate::version::Version;
use crate::violation::Violation;
use alloc::collections::{BTreeSet, VecDeque};
use base::{Direction, StreamId};

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The request has been made, and was not answered.
    Asked,
    /// It is used.
    Open,
    /// It is over, and the stream of its request is not: what waits for that is sent, and the end of the other end's is awaited.
    Over,
}

/// What a session has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Streams that this side opened.
    pub opened: u64,
    /// Streams that the other end opened.
    pub accepted: u64,
    /// Bytes of content that were written to streams.
    pub written: u64,
    /// Bytes of content that were read from streams.
    pub read: u64,
    /// Datagrams that were sent.
    pub datagrams_sent: u64,
    /// Datagrams that have come.
    pub datagrams_received: u64,
    /// Of them, those that were read.
    pub datagrams_read: u64,
    /// And those that gave way because too many waited to be read.
    pub datagrams_dropped: u64,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) phase: Phase,
    pub(crate) version: Option<Version>,
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
    /// If both ends want it.
    flow: Option<Flow>,
    pub(crate) streams: BTreeSet<StreamId>,
    /// The other end's streams that nobody has taken, of each direction.
    arrived: [VecDeque<StreamId>; 2],
    /// Whether somebody could not open a stream.
    wants_stream: [bool; 2],
    /// Streams on which more was to be written than the session allows.
    pub(crate) wants_data: BTreeSet<StreamId>,
    /// This side's direction of the request's stream has ended, and the other end's.
    pub(crate) has_ended: [bool; 2],
    /// The other end has closed it: nothing may follow.
    pub(crate) is_closed_there: bool,
    pub(crate) stats: SessionStats,
}

impl Session {
    pub(crate) fn asked() -> Session {
        Session {
            phase: Phase::Asked,
            version: None,
            incoming: Incoming::new(),
            outgoing: Outgoing::default(),
            flow: None,
            streams: BTreeSet::new(),
            arrived: Default::default(),
            wants_stream: [false; 2],
            wants_data: BTreeSet::new(),
            has_ended: [false; 2],
            is_closed_there: false,
            stats: SessionStats::default(),
        }
    }

    /// What both ends have said is known: how much each may do. `None` where one of them wants no flow control.
    ///
    /// draft-ietf-webtrans-http3 section 5.1-4.
    pub(crate) fn on_limits(&mut self, version: Version, limits: Option<([u64; 3], [u64; 3])>) {
        self.version = Some(version);
        if self.flow.is_none() {
            self.flow = limits
                .map(|(allowed, own)| Flow { allowed: allowed.map(Allowance::new), windows: own.map(Window::new) });
        }
    }

    /// Whether this side may open a stream. If not, that is said, and told when it may.
    pub(crate) fn may_open(&mut self, direction: Direction) -> bool {
        let kind = Kind::of(direction);
        let Some(allowance) = self.flow.as_mut().map(|flow| &mut flow.allowed[kind as usize]) else { return true };
        if allowance.left() > 0 {
            return true;
        }
        // draft-ietf-webtrans-http3 section 5.6.3-1.
        if let Some(limit) = allowance.block() {
            self.outgoing.block(kind, limit);
        }
        false
    }

    /// Somebody waits until a stream can be opened.
    pub(crate) const fn await_stream(&mut self, direction: Direction) {
        self.wants_stream[direction as usize] = true;
    }

    /// Whether somebody waited for that.
    pub(crate) const fn take_wish(&mut self, direction: Direction) -> bool {
        core::mem::replace(&mut self.wants_stream[direction as usize], false)
    }

    /// This side has opened a stream.
    pub(crate) fn on_opened(&mut self, id: StreamId) {
        if let Some(flow) = &mut self.flow {
            flow.allowed[Kind::of(id.direction()) as usize].take(1);
        }
        self.stats.opened += 1;
        self.streams.insert(id);
    }

    /// The other end has opened a stream.
    ///
    /// draft-ietf-webtrans-http3 section 5.6.2-3.
    pub(crate) fn on_arrived(&mut self, id: StreamId) -> Result<(), Violation> {
        self.use_window(Kind::of(id.direction()), 1)?;
        self.stats.accepted += 1;
        self.streams.insert(id);
        self.arrived[id.direction() as usize].push_back(id);
        Ok(())
    }

    /// The oldest stream of the other end's that nobody has taken.
    pub(crate) fn take_arrived(&mut self, direction: Direction) -> Option<StreamId> {
        self.arrived[direction as usize].pop_front()
    }

    /// Whether the other end has given up a stream that nobody has taken, where nothing limits how many it opens: such a stream is not kept
    /// for its reset alone, or giving up would fill this side's memory.
    pub(crate) fn is_of_no_use(&self, id: StreamId, end: Option<End>) -> bool {
        self.flow.is_none() && matches!(end, Some(End::Reset(_))) && self.arrived[id.direction() as usize].contains(&id)
    }

    /// A stream is over. One of the other end's makes room for another.
    pub(crate) fn on_stream_over(&mut self, id: StreamId, is_ours: bool) {
        self.streams.remove(&id);
        self.wants_data.remove(&id);
        if !is_ours {
            self.arrived[id.direction() as usize].retain(|arrived| *arrived != id);
            self.free_window(Kind::of(id.direction()), 1);
        }
    }

    /// How much content of `wanted` bytes may be sent on a stream. 0: that is said, and told when there may be more.
    pub(crate) fn may_send(&mut self, id: StreamId, wanted: usize) -> usize {
        let Some(allowance) = self.flow.as_mut().map(|flow| &mut flow.allowed[Kind::Data as usize]) else {
            return wanted;
        };
        let most = usize::try_from(allowance.left()).unwrap_or(usize::MAX).min(wanted);
        if most == 0 && wanted > 0 {
            // draft-ietf-webtrans-http3 section 5.6.5-1.
            if let Some(limit) = allowance.block() {
                self.outgoing.block(Kind::Data, limit);
            }
            self.wants_data.insert(id);
        }
        most
    }

    /// So much content was written.
    ///
    /// draft-ietf-webtrans-http3 section 5.6.4-1.
    pub(crate) fn on_written(&mut self, count: usize) {
        self.stats.written += count as u64;
        if let Some(flow) = &mut self.flow {
            flow.allowed[Kind::Data as usize].take(count as u64);
        }
    }

    /// So much of what was written will never be sent.
    pub(crate) fn on_unsent(&mut self, count: u64) {
        if let Some(flow) = &mut self.flow {
            flow.allowed[Kind::Data as usize].give_back(count);
        }
    }

    /// Whether a stream that is stopped has to be read to its end, because its bytes count.
    pub(crate) const fn counts_bytes(&self) -> bool {
        self.flow.is_some()
    }

    /// So much content has come, or will never come.
    ///
    /// draft-ietf-webtrans-http3 section 5.6.4-2.
    pub(crate) fn on_content(&mut self, count: u64) -> Result<(), Violation> {
        self.use_window(Kind::Data, count)
    }

    /// So much of it is done with. Whether that is enough for a new limit.
    pub(crate) fn on_content_done(&mut self, count: u64) -> bool {
        self.free_window(Kind::Data, count)
    }

    /// How much the other end may have sent that was not read; `None` without flow control.
    pub(crate) fn data_window(&self) -> Option<u64> {
        self.flow.as_ref().map(|flow| flow.windows[Kind::Data as usize].size())
    }

    /// It may have sent so much more.
    pub(crate) fn grow_data_window(&mut self, more: u64) {
        if let Some(limit) = self.flow.as_mut().map(|flow| flow.windows[Kind::Data as usize].grow(more)) {
            self.outgoing.allow(Kind::Data, limit);
        }
    }

    /// The other end allows more. Whether it is more than before; where there is no flow control it means nothing.
    pub(crate) fn raise(&mut self, kind: Kind, limit: u64) -> Result<bool, Violation> {
        match &mut self.flow {
            Some(flow) => flow.allowed[kind as usize].raise(limit),
            None => Ok(false),
        }
    }

    fn use_window(&mut self, kind: Kind, count: u64) -> Result<(), Violation> {
        let Some(flow) = &mut self.flow else { return Ok(()) };
        if flow.windows[kind as usize].take(count) { Ok(()) } else { Err(Flow::breach(kind)) }
    }

    fn free_window(&mut self, kind: Kind, count: u64) -> bool {
        let limit = self.flow.as_mut().and_then(|flow| flow.windows[kind as usize].give_back(count));
        if let Some(limit) = limit {
            self.outgoing.allow(kind, limit);
        }
        limit.is_some()
    }
}
