//! The limits on streams: what we allow the peer, what the peer allows us, and how many streams there are.

use crate::credit::{Consumed, CreditRule, ReceiveCredit, SendCredit};
use crate::violation::Violation;
use crate::wire::transport_parameters::TransportParameters;
use base::{Direction, Duration, Instant, Side, StreamId, VarInt};

/// What a connection's streams may hold. What is advertised in transport parameters is read from here too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsConfig {
    /// First limit on the bytes of all streams together, `initial_max_data`. 768 KiB: what a path of 60 Mbit/s and 100 ms
    /// holds, and all that a peer can make an application that does not read hold. Where the endpoint's connections have much of
    /// [`EndpointConfig::receive_memory`](crate::EndpointConfig::receive_memory), it is less for the next, and 64 KiB at least.
    pub max_data: u64,
    /// First limit on a stream that this side opened, `initial_max_stream_data_bidi_local`. 512 KiB.
    pub max_stream_data_bidi_local: u64,
    /// First limit on a bidirectional stream that the peer opened, `initial_max_stream_data_bidi_remote`. 512 KiB.
    pub max_stream_data_bidi_remote: u64,
    /// First limit on a unidirectional stream, `initial_max_stream_data_uni`. 512 KiB.
    pub max_stream_data_uni: u64,
    /// Bidirectional streams the peer may have open at a time, `initial_max_streams_bidi`. 256: HTTP asks for at least 100
    /// (RFC 9114 section 6.1), and with no more than that a client that keeps 100 requests under way waits for leave at
    /// each of them; 100 in flight gave 141,000 requests a second with 100 and 249,000 with 1,000.
    pub max_streams_bidi: u64,
    /// Unidirectional streams the peer may have open at a time, `initial_max_streams_uni`. 100.
    pub max_streams_uni: u64,
    /// How far a stream's window grows for a fast reader. 64 MiB: twice what a path of 1 Gbit/s and 200 ms holds, and some.
    pub max_stream_window: u64,
    /// How far the connection's window grows. 96 MiB, half a stream more than one of its streams, as far as
    /// [`EndpointConfig::receive_memory`](crate::EndpointConfig::receive_memory) allows.
    pub max_connection_window: u64,
    /// The most that a stream takes from the application before it is acknowledged. 64 MiB: on a path of 1 Gbit/s and 200 ms, what is in
    /// flight and as much again.
    /// Mostly it takes far less: what the peer has given credit for, and of that what keeps the path busy until the next
    /// acknowledgment. Bytes are referred to, not copied.
    pub stream_send_buffer: u64,
    /// The most that all streams together take before it is acknowledged. 128 MiB: a stream never takes more than it leaves
    /// for others, so that one more can be served whatever is not acknowledged, and one alone may take 64 MiB. All
    /// connections of an endpoint share [`EndpointConfig::send_memory`](crate::EndpointConfig::send_memory).
    pub connection_send_buffer: u64,
    /// Pieces out of order over all streams, beside one for each KiB of a stream that waits: a queue that overflows may lose every
    /// other packet of a large window. 4096: at about 100 bytes of overhead each, 400 KiB.
    pub max_segments: usize,
}

impl Default for StreamsConfig {
    fn default() -> StreamsConfig {
        StreamsConfig {
            max_data: 768 << 10,
            max_stream_data_bidi_local: 512 << 10,
            max_stream_data_bidi_remote: 512 << 10,
            max_stream_data_uni: 512 << 10,
            max_streams_bidi: 256,
            // RFC 9114 section 6.2-1: far more than the three that HTTP/3 needs.
            max_streams_uni: 100,
            max_stream_window: 64 << 20,
            max_connection_window: 96 << 20,
            stream_send_buffer: 64 << 20,
            connection_send_buffer: 128 << 20,
            max_segments: 4096,
        }
    }
}

impl StreamsConfig {
    /// Tells the peer of the first limits (section 18.2): the very values that are enforced. `first` is the connection's
    /// ([`ReceiveShare::first`](crate::ReceiveShare::first)).
    pub fn advertise(&self, parameters: &mut TransportParameters, first: u64) {
        parameters.initial_max_data = first.min(VarInt::MAX.value());
        parameters.initial_max_stream_data_bidi_local = self.max_stream_data_bidi_local.min(VarInt::MAX.value());
        parameters.initial_max_stream_data_bidi_remote = self.max_stream_data_bidi_remote.min(VarInt::MAX.value());
        parameters.initial_max_stream_data_uni = self.max_stream_data_uni.min(VarInt::MAX.value());
        parameters.initial_max_streams_bidi = self.max_streams_bidi.min(StreamId::MAX_COUNT);
        parameters.initial_max_streams_uni = self.max_streams_uni.min(StreamId::MAX_COUNT);
    }

    /// The credit for what the peer sends on `id`.
    pub(crate) fn receive_credit(&self, side: Side, id: StreamId) -> ReceiveCredit {
        let window = match (id.direction(), id.initiator() == side) {
            (Direction::Bidirectional, true) => self.max_stream_data_bidi_local,
            (Direction::Bidirectional, false) => self.max_stream_data_bidi_remote,
            (Direction::Unidirectional, _) => self.max_stream_data_uni,
        };
        ReceiveCredit::new(window, self.max_stream_window, &OF_DATA)
    }

    /// The credit for what the peer sends on all streams, which begins with a window of `first` bytes.
    pub(crate) fn connection_credit(&self, first: u64) -> ReceiveCredit {
        ReceiveCredit::new(first, self.max_connection_window, &OF_DATA)
    }
}

/// Credit for data is announced when a part of the window came free. A sender that uses the whole window waits a round trip
/// for each, so what flows is a window in a round trip and that part of one: with 32, 97 % of what the window allows (with 2
/// it would be 67 %), for 32 frames for a window's worth of packets.
static OF_DATA: CreditRule = CreditRule { highest: VarInt::MAX.value(), divisor: 32 };
/// Credit for streams is announced when an eighth of the window came free, as a peer that uses all of it waits for each.
static OF_STREAMS: CreditRule = CreditRule { highest: StreamId::MAX_COUNT, divisor: 8 };

/// What the peer's transport parameters allow before any frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerLimits {
    /// On streams that the peer opened.
    pub bidi_local: u64,
    /// On bidirectional streams that we opened.
    pub bidi_remote: u64,
    /// On unidirectional streams that we opened.
    pub uni: u64,
}

impl PeerLimits {
    /// As the peer's transport parameters say.
    pub(crate) const fn new(parameters: &TransportParameters) -> PeerLimits {
        PeerLimits {
            bidi_local: parameters.initial_max_stream_data_bidi_local,
            bidi_remote: parameters.initial_max_stream_data_bidi_remote,
            uni: parameters.initial_max_stream_data_uni,
        }
    }

    /// The first limit on what we send on `id`.
    pub(crate) fn of_stream(&self, side: Side, id: StreamId) -> u64 {
        match (id.direction(), id.initiator() == side) {
            (Direction::Bidirectional, true) => self.bidi_remote,
            (Direction::Bidirectional, false) => self.bidi_local,
            (Direction::Unidirectional, _) => self.uni,
        }
    }
}

/// What became of a stream that a frame names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It exists or existed.
    Created,
    /// It is the peer's and new: all of its kind with an index in this range are to be created (section 3.2).
    New {
        /// The first.
        from: u64,
        /// The one named.
        to: u64,
    },
}

/// The numbers of streams of one direction.
#[derive(Debug)]
pub(crate) struct StreamCounts {
    /// Ours: what the peer allows, and how many we opened.
    pub local: SendCredit,
    /// The peer's: what we allow, how many it opened and how many are gone.
    pub remote: ReceiveCredit,
    /// Peer's streams the application was told of.
    pub announced: u64,
    /// Whether the application asked for a stream and got none.
    pub refused: bool,
    /// Whether more of ours may be open than the peer allows: they were opened for early data that was refused.
    pub has_too_many: bool,
}

impl StreamCounts {
    /// The peer may have `window` streams open at a time.
    pub(crate) fn new(window: u64) -> StreamCounts {
        StreamCounts {
            local: SendCredit::default(),
            // The window does not grow: it is the number the application can serve.
            remote: ReceiveCredit::new(window, window, &OF_STREAMS),
            announced: 0,
            refused: false,
            has_too_many: false,
        }
    }

    /// What `id` is, which a frame of the peer names.
    ///
    /// # Errors
    /// It is ours and was not opened, or the peer's and over its limit.
    pub(crate) fn standing(&self, side: Side, id: StreamId) -> Result<Standing, Violation> {
        let index = id.index();
        if id.initiator() == side {
            // RFC 9000 section 19.5-1, 19.8-1, 19.10-1: only what we created can be spoken of.
            return if index < self.local.used() { Ok(Standing::Created) } else { Err(Violation::StreamNotOpened) };
        }
        if index < self.remote.received() {
            Ok(Standing::Created)
        } else if index < self.remote.limit() {
            Ok(Standing::New { from: self.remote.received(), to: index })
        } else {
            // RFC 9000 section 4.6-3, 19.11-4.
            Err(Violation::StreamLimit)
        }
    }

    /// One stream of the peer is gone.
    pub(crate) fn on_remote_gone(&mut self, now: Instant) {
        self.remote.on_consumed(now, Duration::ZERO, Consumed::all(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9000 sections 4.6 and 19.8: what a frame may name.
    /// RFC 9000 section 3.2-1, 4.6-3.
    #[test]
    fn streams_up_to_the_limit_exist_or_come_to_be() {
        let mut counts = StreamCounts::new(3);
        let id = |side, index| StreamId::new(side, Direction::Bidirectional, index).unwrap();
        let theirs = |counts: &StreamCounts, index| counts.standing(Side::Server, id(Side::Client, index));
        assert_eq!(theirs(&counts, 0), Ok(Standing::New { from: 0, to: 0 }));
        assert_eq!(theirs(&counts, 2), Ok(Standing::New { from: 0, to: 2 }));
        assert_eq!(theirs(&counts, 3), Err(Violation::StreamLimit));
        counts.remote.on_received(2).unwrap();
        assert_eq!(theirs(&counts, 1), Ok(Standing::Created));
        assert_eq!(theirs(&counts, 2), Ok(Standing::New { from: 2, to: 2 }));
        // Ours: none was opened.
        assert_eq!(counts.standing(Side::Server, id(Side::Server, 0)), Err(Violation::StreamNotOpened));
    }
}
