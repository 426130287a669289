//! The application's options, and the limits that are enforced on a peer. SETTINGS advertises the same values.

use base::Duration;
use http::{HttpDate, TimeLimits};

/// Options of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// What the peer can make us hold or do.
    pub limits: Limits,
    /// How slow the client of a server may be.
    pub times: TimeLimits,
    /// Whether a server takes extended CONNECT (RFC 8441).
    pub extended_connect: bool,
    /// What a server with a clock calls for the Date of each response that has none (RFC 9110 section 6.6.1). Nothing here
    /// knows the time; without this no Date is added.
    pub date: Option<fn() -> [u8; HttpDate::LEN]>,
}

/// Everything that is bounded, each with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// SETTINGS_MAX_CONCURRENT_STREAMS. 100: what RFC 9113 section 5.1.2 asks for at least.
    pub max_concurrent_streams: u32,
    /// SETTINGS_MAX_HEADER_LIST_SIZE in bytes: names, values and 32 for each line. 64 KiB is more than any browser sends. The block
    /// that they come in may be as large.
    pub max_field_section_size: usize,
    /// SETTINGS_INITIAL_WINDOW_SIZE: bytes of content of a stream that have come and were not read. 256 KiB.
    pub stream_window: u32,
    /// The same for all streams together. 1 MiB: what one connection can make us hold.
    pub connection_window: u32,
    /// Bytes of a message that wait to be sent, of one stream. 63 KiB: with the frames and records around them they fill a buffer of 64 KiB,
    /// so that all of them go at once.
    pub max_unsent: usize,
    /// The same of all streams together; each may have [`Limits::LEAST_UNSENT`] in any case, so that none stands still because the
    /// peer does not read the others.
    pub max_unsent_together: usize,
    /// Bytes of a request that nobody reads for which its client is given credit all the same, so that it comes to the end of its
    /// request and sees that it was answered. 16 MiB: what most people upload. Others are told to stop.
    pub max_discarded: u64,
    /// Bytes of answers to control frames that the peer does not take.
    pub max_control: usize,
    /// How often a peer may cause useless work that the protocol allows: cancelled or malformed requests, frames that mean
    /// nothing, settings, pings. Requests that end well earn some of it back.
    pub glitches: u32,
    /// What each request that ends well earns back.
    pub glitches_earned: u32,
    /// How long a server that has ended its side waits for the client to do so too, and one that has answered a request for the rest of
    /// it. 2 s: several round trips.
    pub linger: Duration,
    /// How long after the notice that a connection ends it takes requests that are on their way. 1 s, more than most round trips.
    pub notice: Duration,
}

impl Limits {
    /// Bytes of each message that may wait to be sent whatever the others have.
    pub const LEAST_UNSENT: usize = 16 << 10;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_concurrent_streams: 100,
            max_field_section_size: 64 << 10,
            stream_window: 256 << 10,
            connection_window: 1 << 20,
            max_unsent: 63 << 10,
            max_unsent_together: 512 << 10,
            max_discarded: 16 << 20,
            max_control: 64 << 10,
            glitches: 1000,
            glitches_earned: 4,
            linger: Duration::from_secs(2),
            notice: Duration::from_secs(1),
        }
    }
}
