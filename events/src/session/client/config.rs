//! Who a client is, and how patient.

use alloc::string::String;
use alloc::vec::Vec;
use base::Duration;

/// Who the client is, and how patient.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name in the server's registry.
    pub client_id: String,
    /// What shows that it is this client.
    pub token: String,
    /// The namespaces that it is about; empty for all that it may use.
    pub namespaces: Vec<String>,
    /// What the server's log calls the program.
    pub agent: String,
    /// Events that wait to be published or acknowledged. Default 10,000.
    pub max_queue: usize,
    /// Bytes of them. Default 64 MiB.
    pub max_queue_bytes: usize,
    /// Publishes that are not answered; what comes meanwhile goes together in the next. Default 8, of which those after the second have
    /// 64 events or 16 KiB.
    pub max_publishes: usize,
    /// Deliveries of a consumer that the program has not taken; meanwhile its stream is not read. Default 1000.
    pub max_unread: usize,
    /// How long the first attempt to connect again waits, at most. Default 100 ms.
    pub backoff_first: Duration,
    /// How long each attempt to connect again waits, at most. Default 30 s.
    pub backoff_most: Duration,
    /// How often the server is pinged. Default 5 s.
    pub ping: Duration,
    /// After how many pings without an answer the connection is given up. Default 3.
    pub missed_pongs: u32,
    /// How long the server has to answer Auth. Default 10 s.
    pub authentication: Duration,
    /// Whether a client that comes back by QUIC alone sends a Ping, and nothing else, as early data (0-RTT), to know a round trip or two
    /// earlier that the server is there. Default yes. Whoever records it can send it again, of which nothing comes but a Pong.
    pub early_ping: bool,
}

impl Config {
    /// With defaults.
    pub fn new(client_id: impl Into<String>, token: impl Into<String>) -> Config {
        Config {
            client_id: client_id.into(),
            token: token.into(),
            namespaces: Vec::new(),
            agent: String::new(),
            max_queue: 10_000,
            max_queue_bytes: 64 << 20,
            max_publishes: 8,
            max_unread: 1000,
            backoff_first: Duration::from_millis(100),
            backoff_most: Duration::from_secs(30),
            ping: Duration::from_secs(5),
            missed_pongs: 3,
            authentication: Duration::from_secs(10),
            early_ping: true,
        }
    }
}

impl core::fmt::Debug for Config {
    /// Without the token.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
