//! The application's options, and the limits that are enforced on a peer.

use base::Duration;
use http::{HttpDate, Protocol, TimeLimits};

/// Options of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// What the peer can make us hold or do.
    pub limits: Limits,
    /// How slow the client of a server may be.
    pub times: TimeLimits,
    /// The protocols that a server's client may change to (RFC 9110 section 7.8), such as `websocket`. The application sees such
    /// a request as HTTP/2 and HTTP/3 show it: as an extended CONNECT (RFC 8441 section 5). Upgrade to any other is ignored.
    pub upgrades: &'static [&'static str],
    /// What a server with a clock calls for the Date of each response that has none (RFC 9110 section 6.6.1). Nothing here
    /// knows the time; without this no Date is added.
    pub date: Option<fn() -> [u8; HttpDate::LEN]>,
}

impl Config {
    /// RFC 9110 s7.8.
    pub(crate) fn takes(&self, protocol: &Protocol) -> bool {
        self.upgrades.iter().any(|taken| taken.eq_ignore_ascii_case(protocol.as_str()))
    }
}

/// Everything that is bounded, each with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the first line of a message. 16 KiB: twice what RFC 9112 section 3 asks every server to take.
    pub max_start_line: usize,
    /// Bytes of the fields of a head, and those of trailers, counted as HTTP/2 and HTTP/3 count them: name, value and 32 for each
    /// line. 64 KiB is more than any browser sends.
    pub max_fields: usize,
    /// Bytes of content that have come and were not read.
    pub max_held: usize,
    /// Bytes that wait to be sent. 63 KiB: with a head and in records of TLS they fill a buffer of 64 KiB, so that all of them go at once and
    /// a peer that reads nothing is held that buffer for and no more.
    pub max_unsent: usize,
    /// Bytes of content that nobody reads which are read and thrown away, so that the connection can go on. 64 KiB: about what
    /// a new connection would cost.
    pub max_discarded: u64,
    /// Bytes beside the content that chunks may have, besides sixteen for each byte of content.
    pub max_chunk_overhead: u64,
    /// Informational responses to one request.
    pub max_informational: u32,
    /// Bytes that a client may send ahead of the answer to the request before, besides those that stay in the carrier. They are taken
    /// so that the client's end is seen while its request is worked on.
    pub max_ahead: usize,
    /// How long a client that has ended its side is still worked for while nothing can be sent to it. Most of these are gone, and
    /// those that are not cannot be told from them; 1 s: an answer that is made at once reaches them.
    pub after_end: Duration,
    /// How long a server that is to end waits for the first request on a connection that has just been opened: its client cannot know that
    /// it came too late. 1 s, more than most round trips.
    pub notice: Duration,
    /// How long a server that has ended its side waits for the client to do so too, so that what it sent last is not lost with the
    /// connection (RFC 9112 section 9.6). 2 s: several round trips.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_start_line: 16 << 10,
            max_fields: 64 << 10,
            max_held: 64 << 10,
            max_unsent: 63 << 10,
            max_discarded: 64 << 10,
            max_chunk_overhead: 16 << 10,
            max_informational: 100,
            max_ahead: 16 << 10,
            after_end: Duration::from_secs(1),
            notice: Duration::from_secs(1),
            linger: Duration::from_secs(2),
        }
    }
}
