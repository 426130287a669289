//! The counters of an endpoint: what it holds, and what became of first packets.

use core::ops::Add;

/// A snapshot. What an endpoint holds is as of now; counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointStats {
    /// What it holds.
    pub held: Held,
    /// What became of first packets.
    pub strangers: Strangers,
    /// What became of tokens for later connections (RFC 9000 section 8.1.3).
    pub tokens: TokenCounts,
    /// Datagrams of other workers' connections that the driver took.
    pub handed_over: u64,
    /// Those that were dropped because too many waited.
    pub handover_dropped: u64,
}

/// What became of clients' first packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// A connection began.
    pub accepted: u64,
    /// The client was asked to show its address first.
    pub retried: u64,
    /// The client was told that no connection begins.
    pub refused: u64,
    /// Dropped because it was decided so.
    pub ignored: u64,
    /// Dropped because the limits allowed no further connection.
    pub at_limits: u64,
    /// The client was told that the token of a Retry packet is not valid, or not any more.
    pub invalid_tokens: u64,
    /// Dropped because too many answers to others were waiting to be sent.
    pub unanswered: u64,
}

/// Tokens of NEW_TOKEN frames, on either side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// A server has given them to its clients.
    pub given: u64,
    /// A client came with one that was taken: it has shown its address.
    pub taken: u64,
    /// A client came with one that was not taken: too old, used before, or of another address, version or key.
    pub refused: u64,
    /// A client has kept them for later.
    pub kept: u64,
    /// A client has begun a connection with one.
    pub shown: u64,
}

/// How many entries the tables of an endpoint have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Connections.
    pub connections: usize,
    /// Connections whose handshake is not complete.
    pub handshaking: usize,
    /// Those of them that clients began who had not shown that they receive what is sent to their address.
    pub unvalidated: usize,
    /// Connections that are over, whose value has not been given back yet.
    pub drained: usize,
    /// Timers.
    pub timers: usize,
    /// Connection IDs that clients chose for their first packets.
    pub chosen_by_clients: usize,
    /// Tokens of stateless resets that would end a connection.
    pub reset_tokens: usize,
    /// Networks with handshakes under way.
    pub networks: usize,
    /// Entries of the queues: connections that may send, took input, or have something to tell, and answers to strangers.
    pub queued: usize,
}

/// Of several endpoints together.
impl Add for EndpointStats {
    type Output = EndpointStats;

    fn add(self, other: EndpointStats) -> EndpointStats {
        EndpointStats {
            held: self.held + other.held,
            strangers: self.strangers + other.strangers,
            tokens: self.tokens + other.tokens,
            handed_over: self.handed_over + other.handed_over,
            handover_dropped: self.handover_dropped + other.handover_dropped,
        }
    }
}

/// Of several endpoints together.
impl Add for Strangers {
    type Output = Strangers;

    fn add(self, other: Strangers) -> Strangers {
        Strangers {
            accepted: self.accepted + other.accepted,
            retried: self.retried + other.retried,
            refused: self.refused + other.refused,
            ignored: self.ignored + other.ignored,
            at_limits: self.at_limits + other.at_limits,
            invalid_tokens: self.invalid_tokens + other.invalid_tokens,
            unanswered: self.unanswered + other.unanswered,
        }
    }
}

/// Of several endpoints together.
impl Add for Held {
    type Output = Held;

    fn add(self, other: Held) -> Held {
        Held {
            connections: self.connections + other.connections,
            handshaking: self.handshaking + other.handshaking,
            unvalidated: self.unvalidated + other.unvalidated,
            drained: self.drained + other.drained,
            timers: self.timers + other.timers,
            chosen_by_clients: self.chosen_by_clients + other.chosen_by_clients,
            reset_tokens: self.reset_tokens + other.reset_tokens,
            networks: self.networks + other.networks,
            queued: self.queued + other.queued,
        }
    }
}

/// Of several endpoints together.
impl Add for TokenCounts {
    type Output = TokenCounts;

    fn add(self, other: TokenCounts) -> TokenCounts {
        TokenCounts {
            given: self.given + other.given,
            taken: self.taken + other.taken,
            refused: self.refused + other.refused,
            kept: self.kept + other.kept,
            shown: self.shown + other.shown,
        }
    }
}
