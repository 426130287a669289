//! The application's options, and the limits that are enforced on a peer. SETTINGS advertises the same values.

use crate::webtransport_settings::WebTransportSettings;
use http::{HttpDate, TimeLimits};
use qpack::DecoderLimits;

/// Options of a connection.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the peer can make us hold or do.
    pub limits: Limits,
    /// How slow the client of a server may be.
    pub times: TimeLimits,
    /// Whether a server takes extended CONNECT (RFC 9220).
    pub extended_connect: bool,
    /// How large a dynamic table of QPACK this side makes its peer keep, in bytes, where the peer allows it (RFC 9204 section
    /// 3.2.3). Zero: nothing is inserted, and no section that this side sends waits for another stream. What the peer may insert
    /// is in the limits.
    pub qpack_encoder_capacity: u32,
    /// Whether this side takes HTTP datagrams (RFC 9297), on exchanges by extended CONNECT. The transport has to take datagrams
    /// as well.
    pub datagrams: bool,
    /// What is said of WebTransport, if anything. Then streams that belong to requests are handed over ([`DataStreamEvent`]) to
    /// whoever knows sessions; without, they mean nothing. Sessions need extended CONNECT and datagrams as well.
    ///
    /// [`DataStreamEvent`]: crate::DataStreamEvent
    pub webtransport: Option<WebTransportSettings>,
    /// GREASE: any number, which chooses the reserved setting and the reserved frame that are sent once, so that peers
    /// keep ignoring what they do not know (RFC 9114 sections 7.2.4.1 and 7.2.8). `None` sends neither.
    pub grease: Option<u32>,
    /// What a server with a clock calls for the Date of each response that has none (RFC 9110 section 6.6.1). Nothing here knows
    /// the time; without this no Date is added.
    pub date: Option<fn() -> [u8; HttpDate::LEN]>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            limits: Limits::default(),
            times: TimeLimits::default(),
            extended_connect: false,
            qpack_encoder_capacity: 0,
            datagrams: false,
            webtransport: None,
            grease: Some(0x0b5e),
            date: None,
        }
    }
}

/// How many streams may wait for insertions where there is a dynamic table, if nothing else is said. 100: as many as most clients
/// have requests under way.
const BLOCKED_STREAMS: u16 = 100;

impl Config {
    /// The same dynamic table of QPACK in both directions, in bytes, and a hundred streams that may wait for it; zero for none.
    pub const fn set_dynamic_table(&mut self, bytes: u32) {
        self.qpack_encoder_capacity = bytes;
        self.limits.qpack_table_capacity = bytes;
        self.limits.qpack_blocked_streams = if bytes == 0 { 0 } else { BLOCKED_STREAMS };
    }
}

/// Everything that is bounded, each with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// SETTINGS_MAX_FIELD_SECTION_SIZE in bytes: names, values and 32 for each line. 64 KiB is more than any browser sends.
    pub max_field_section_size: u64,
    /// Bytes of field sections that have come in part or wait for insertions, over all streams. A section is held only while it spans packets,
    /// so honest peers stay far below.
    pub max_header_buffer: usize,
    /// SETTINGS_QPACK_MAX_TABLE_CAPACITY in bytes: what the peer may have kept of lines that it refers to later, 32 for each of
    /// them counted in. Zero: only the static table, and nothing is kept.
    pub qpack_table_capacity: u32,
    /// SETTINGS_QPACK_BLOCKED_STREAMS: how many streams may wait for insertions that have not come. The bytes of their field
    /// sections are counted as those that have come in part are (`max_header_buffer`).
    pub qpack_blocked_streams: u16,
    /// Requests that the application may have in progress at once. A request counts until the application has ended its
    /// response, not until the peer cancels it: cancelling does not make room for more work.
    pub max_concurrent_requests: usize,
    /// How often a peer may cause useless work that the protocol allows: cancelled or malformed requests, frames and
    /// streams of unknown types, empty DATA frames, informational responses. Requests that end well earn some of it
    /// back.
    pub glitches: u32,
    /// What each request that ends well earns back.
    pub glitches_earned: u32,
    /// Priorities of requests that have not come yet (RFC 9218 section 7): of more the oldest is forgotten. 32: they overtake
    /// their requests by a round trip at most.
    pub max_early_priorities: usize,
    /// HTTP datagrams of one exchange that wait to be read: of more the oldest is dropped, and of more than 256 KiB of them, however
    /// few. 4,096: as many as the transport keeps, of which a turn brings thousands where they are small.
    pub max_datagrams: usize,
    /// HTTP datagrams of requests that have not come yet, on one connection: of more the oldest is dropped. 16: what a client
    /// sends with its request, where the network has changed the order.
    pub max_early_datagrams: usize,
}

impl Limits {
    /// What the peer's encoder may make our decoder hold.
    pub(crate) const fn of_decoder(&self) -> DecoderLimits {
        DecoderLimits { max_table_capacity: self.qpack_table_capacity, max_blocked_streams: self.qpack_blocked_streams }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_field_section_size: 64 * 1024,
            max_header_buffer: 1024 * 1024,
            qpack_table_capacity: 0,
            qpack_blocked_streams: 0,
            max_concurrent_requests: 256,
            glitches: 1000,
            glitches_earned: 4,
            max_early_priorities: 32,
            max_datagrams: 4096,
            max_early_datagrams: 16,
        }
    }
}
