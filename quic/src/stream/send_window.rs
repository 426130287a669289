//! How much of what the application wants to send is taken from it ahead of the network.
//!
//! What is taken can be sent: it is within the peer's credit for the stream and for the connection, so a peer that gives no
//! credit makes us hold nothing, and nothing that is taken ever stands in the way of another stream. Of what can be sent,
//! as much is taken as keeps the path busy until the next acknowledgment, which begins small and grows with the congestion
//! window. And all that is held, sent or not, is bounded by the buffers that are configured and by the budget that the
//! connections of the endpoint share.
//!
//! What a peer asks for and then gives up was work for nothing. Where more of that was given up than has arrived, streams begin as
//! those of a new connection do, and each may hold more only as its own bytes arrive.

use super::limits::StreamsConfig;
use super::send_memory::{SendMemory, SendShare};
use crate::credit::SendCredit;

/// The least that all streams together may have handed over and not sent. 128 KiB: one stream alone has half of it, which is
/// four times what a connection may send at its beginning, so that most responses are taken at once.
const MIN_LEAD: u64 = 128 << 10;
/// What a stream that has nothing unsent may hand over, however many others do: as much as small writes are gathered to.
const GRAIN: u64 = 4 << 10;
/// How many congestion windows may be held, sent or not, behind a packet that stays lost. A path that loses a packet three
/// times needs four.
const HELD_WINDOWS: u64 = 16;
/// The least of that. 256 KiB, as much again as may run ahead.
const MIN_HELD: u64 = 256 << 10;
/// How much more a peer may have given up than it has taken, at least: beyond it streams begin as those of a new connection.
/// 1 MiB, or what may run ahead, if that is more: who leaves a page whose pictures are on their way gives up no more.
const MIN_GIVEN_UP: u64 = 1 << 20;
/// What such a stream may hold beside what has arrived of it. 16 KiB: what a connection may send at its beginning, so that it is as
/// fast as on a new connection.
const BEGINNING: u64 = 16 << 10;

/// The window of one connection.
#[derive(Debug)]
pub(crate) struct SendWindow {
    share: SendShare,
    // What may be in flight; nothing before that is known.
    congestion_window: u64,
    // Bytes handed over in all, without those that were abandoned before they were sent: so much of the connection's credit
    // is used or promised.
    promised: u64,
    // Bytes that were handed over and then given up, less those that arrived since: from nothing to twice what is allowed.
    given_up: u64,
}

impl SendWindow {
    /// Of a connection that has sent nothing yet.
    pub(crate) const fn new(memory: SendMemory) -> SendWindow {
        SendWindow { share: memory.share(), congestion_window: 0, promised: 0, given_up: 0 }
    }

    /// How much is held of all streams.
    pub(crate) const fn held(&self) -> u64 {
        self.share.held()
    }

    /// The connections that share the memory know what is held of it.
    pub(crate) fn tell(&mut self) {
        self.share.tell();
    }

    /// What may be in flight has changed.
    pub(crate) const fn follow(&mut self, congestion_window: u64) {
        self.congestion_window = congestion_window;
    }

    /// Bytes that all streams have handed over and not sent.
    pub(crate) const fn unsent(&self, connection: &SendCredit) -> u64 {
        self.promised.saturating_sub(connection.used())
    }

    /// Bytes that all streams may have handed over and not sent.
    fn lead(&self) -> u64 {
        self.congestion_window.saturating_mul(2).max(MIN_LEAD)
    }

    /// Bytes that all streams may hold as the path is now.
    fn path(&self) -> u64 {
        self.congestion_window.saturating_mul(HELD_WINDOWS).max(MIN_HELD)
    }

    /// A stream has handed `count` bytes over.
    pub(crate) fn take(&mut self, count: u64) {
        self.share.take(count);
        self.promised += count;
    }

    /// `count` bytes arrived.
    pub(crate) fn on_arrived(&mut self, count: u64) {
        self.share.give_back(count);
        self.given_up = self.given_up.saturating_sub(count);
    }

    /// A stream is given up that held so much, and of it so much that was never sent. Which side gave it up does not matter: a
    /// response is reset by this side because its request was.
    pub(crate) fn on_abandoned(&mut self, Abandoned { held, unsent }: Abandoned) {
        self.share.give_back(held);
        self.promised -= unsent;
        self.given_up = self.given_up.saturating_add(held).min(self.most_given_up().saturating_mul(2));
    }

    /// What may have been given up before streams have to show that they are wanted.
    fn most_given_up(&self) -> u64 {
        self.lead().max(MIN_GIVEN_UP)
    }

    /// How much of the peer's credit for the connection nobody was promised. More may be promised than there is, where early
    /// data was refused and the server's limits are lower than they were.
    pub(crate) const fn credit(&self, connection: &SendCredit) -> u64 {
        (connection.used() + connection.available()).saturating_sub(self.promised)
    }

    /// Nothing of what was handed over has been sent, as if it had been handed over just now. All of it is still held, but for
    /// what was given up.
    pub(crate) const fn rewind(&mut self) {
        self.promised = self.held();
    }

    /// Whether there is no room for any stream: the connection holds as much as it may, or all of its credit is promised.
    pub(crate) fn is_used_up(&self, config: &StreamsConfig, connection: &SendCredit) -> bool {
        self.held() >= self.most(config) || self.credit(connection) == 0
    }

    /// How much a stream may hand over now.
    pub(crate) fn room(&self, config: &StreamsConfig, connection: &SendCredit, stream: Load) -> u64 {
        let held = self.hold_of(config, stream).saturating_sub(stream.held);
        let lead = self.lead_of(connection, stream).saturating_sub(stream.unsent);
        held.min(lead).min(stream.credit).min(self.credit(connection))
    }

    /// For how many of `wanted` bytes a stream has room, and whether who waits for more waits for what the streams have
    /// together.
    pub(crate) fn measure(
        &self,
        config: &StreamsConfig,
        connection: &SendCredit,
        stream: Load,
        wanted: usize,
    ) -> (usize, bool) {
        let room = wanted.min(usize::try_from(self.room(config, connection, stream)).unwrap_or(usize::MAX));
        let is_left_nothing = room == 0 && stream.held == 0;
        (room, is_left_nothing || self.credit(connection) <= room as u64)
    }

    /// Whether there is enough room for a stream that waits to be told of it, rather than of every byte: half of what it may
    /// hold, or a quarter of what may run ahead. Where less is given than that, it is told when nothing of it is left.
    pub(crate) fn is_worth_telling(&self, config: &StreamsConfig, connection: &SendCredit, stream: Load) -> bool {
        let (hold, lead) = (self.hold_of(config, stream), self.lead_of(connection, stream));
        let credit = stream.credit.min(self.credit(connection));
        hold > 0
            && stream.held <= hold / 2
            && stream.unsent <= lead - lead / 4
            && (credit >= GRAIN || credit > 0 && stream.unsent == 0)
    }

    /// How much a stream may hold: as much as stays free for others then, so that there is room for one more stream however
    /// many the peer leaves unread.
    fn hold_of(&self, config: &StreamsConfig, stream: Load) -> u64 {
        let without_it = self.most(config).saturating_sub(self.held()) + stream.held;
        let shown =
            if self.given_up < self.most_given_up() { u64::MAX } else { BEGINNING.saturating_add(stream.arrived) };
        config.stream_send_buffer.min(without_it.div_ceil(2)).min(shown)
    }

    /// How much a stream may have handed over and not sent, by the same rule.
    fn lead_of(&self, connection: &SendCredit, stream: Load) -> u64 {
        let unsent = (self.promised - connection.used()).saturating_sub(stream.behind);
        let without_it = self.lead().saturating_sub(unsent) + stream.unsent;
        GRAIN.max(without_it.div_ceil(2))
    }

    fn most(&self, config: &StreamsConfig) -> u64 {
        config.connection_send_buffer.min(self.path()).min(self.share.most())
    }
}

/// What a stream holds, and may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Bytes that are not acknowledged.
    pub held: u64,
    /// Bytes of them that were never sent.
    pub unsent: u64,
    /// The peer's credit that is neither used nor promised to those.
    pub credit: u64,
    /// Bytes before those, which are acknowledged.
    pub arrived: u64,
    /// Bytes that less urgent streams have handed over and not sent: they do not stand in its way.
    pub behind: u64,
}

/// What a stream held when it was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abandoned {
    /// Bytes in all.
    pub held: u64,
    /// Bytes of them that were never sent.
    pub unsent: u64,
}
