//! What a client is to do, and how it tells what came of it.

use crate::measure::Usage;
use std::io::{BufRead, Write};
use std::time::Instant;

/// One measurement of a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// Bytes of one stream from the server.
    Download(u64),
    /// Bytes of one stream to the server.
    Upload(u64),
    /// So many requests for bodies of so many bytes; so many at a time on each of so many connections.
    Requests { count: u64, connections: usize, in_flight: usize, body: usize },
    /// So many connections, so many of them begun at a time, each closed once it is established.
    Handshakes { count: u64, in_flight: usize },
    /// The same with a ticket each. A connection is closed when the one after it is established: until then its tickets can come.
    Resumptions { count: u64, in_flight: usize },
    /// So many connections held open at a time.
    Idle(u64),
    /// A download while so many other connections are open.
    Beside { idle: u64, bytes: u64 },
}

impl Work {
    /// As words of a command line.
    pub fn encode(self) -> String {
        match self {
            Work::Download(bytes) => format!("download:{bytes}"),
            Work::Upload(bytes) => format!("upload:{bytes}"),
            Work::Requests { count, connections, in_flight, body } => {
                format!("requests:{count}:{connections}:{in_flight}:{body}")
            }
            Work::Handshakes { count, in_flight } => format!("handshakes:{count}:{in_flight}"),
            Work::Resumptions { count, in_flight } => format!("resumptions:{count}:{in_flight}"),
            Work::Idle(count) => format!("idle:{count}"),
            Work::Beside { idle, bytes } => format!("beside:{idle}:{bytes}"),
        }
    }

    /// Back again.
    pub fn decode(word: &str) -> Option<Work> {
        let mut parts = word.split(':');
        let kind = parts.next()?;
        let mut number = || parts.next()?.parse::<u64>().ok();
        Some(match kind {
            "download" => Work::Download(number()?),
            "upload" => Work::Upload(number()?),
            "requests" => Work::Requests {
                count: number()?,
                connections: number()? as usize,
                in_flight: number()? as usize,
                body: number()? as usize,
            },
            "handshakes" => Work::Handshakes { count: number()?, in_flight: number()? as usize },
            "resumptions" => Work::Resumptions { count: number()?, in_flight: number()? as usize },
            "idle" => Work::Idle(number()?),
            "beside" => Work::Beside { idle: number()?, bytes: number()? },
            _ => return None,
        })
    }

    /// The same kind of transfer, before the one that is measured.
    pub fn warm(self) -> Work {
        match self {
            Work::Upload(_) => Work::Upload(set("BENCH_WARM_BYTES", WARM_BYTES)),
            Work::Download(_) | Work::Beside { .. } => Work::Download(set("BENCH_WARM_BYTES", WARM_BYTES)),
            other => other,
        }
    }

    /// Bytes to the server, and bytes from it.
    pub fn bytes(self) -> (u64, u64) {
        match self {
            Work::Upload(bytes) => (bytes, 0),
            Work::Download(bytes) | Work::Beside { bytes, .. } => (0, bytes),
            _ => (0, 0),
        }
    }
}

/// Requests before a measurement, on each connection.
pub fn warm_requests() -> u64 {
    set("BENCH_WARM_REQUESTS", WARM_REQUESTS)
}

/// Set for both sides where tickets are given, kept and used.
pub const TICKETS: &str = "BENCH_TICKETS";

/// Whether tickets are given, kept and used.
pub fn with_tickets() -> bool {
    std::env::var_os(TICKETS).is_some()
}

/// What there is to say if a connection did not resume.
///
/// # Errors
/// Not all of them resumed.
pub fn check_resumed(resumed: u64, all: u64) -> Result<(), String> {
    if resumed == all { Ok(()) } else { Err(format!("{resumed} of {all} connections were resumed")) }
}

/// A number that the environment may set.
fn set(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|word| word.parse().ok()).unwrap_or(default)
}

/// The share of `count` of one of `tasks`.
pub fn share(count: u64, tasks: usize, place: usize) -> u64 {
    count / tasks as u64 + u64::from((place as u64) < count % tasks as u64)
}

/// The client's measurement: it begins when the parent has read what the server used so far.
pub struct Measurement {
    began: Instant,
    before: Usage,
}

impl Measurement {
    /// Warm; tells the parent and waits for its word.
    pub fn begin() -> Measurement {
        println!("ready");
        let _ = std::io::stdout().flush();
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
        Measurement { began: Instant::now(), before: Usage::now() }
    }

    /// Done; the time of each request in nanoseconds.
    pub fn end(self, mut latencies: Vec<u64>) {
        let done = self.done();
        latencies.sort_unstable();
        let at = |share: f64| {
            let place = (latencies.len() as f64 * share) as usize;
            latencies.get(place.min(latencies.len().saturating_sub(1))).copied().unwrap_or(0)
        };
        tell(done, at(0.5), at(0.99));
    }

    /// Done; how many datagrams were read at the other end, if that is what is measured, in the place of a latency.
    pub fn end_with_count(self, arrived: u64) {
        tell(self.done(), arrived, 0);
    }

    fn done(self) -> (u128, Usage) {
        (self.began.elapsed().as_nanos(), Usage::now().since(self.before))
    }
}

fn tell((nanoseconds, usage): (u128, Usage), first: u64, second: u64) {
    println!("done {nanoseconds} {first} {second} {}", usage.encode());
    let _ = std::io::stdout().flush();
}

/// The header of a bare stream: bytes that will come from the client, bytes that it wants.
pub fn header(work: Work) -> [u8; 16] {
    let (upload, download) = work.bytes();
    let mut header = [0; 16];
    header[..8].copy_from_slice(&upload.to_be_bytes());
    header[8..].copy_from_slice(&download.to_be_bytes());
    header
}

/// What all bodies are made of.
pub fn pattern() -> &'static [u8] {
    static PATTERN: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    PATTERN.get_or_init(|| (0..PATTERN_LEN).map(|at| (at % 251) as u8).collect())
}

/// Bytes of it.
pub const PATTERN_LEN: usize = 1 << 20;
/// Bytes of the same kind before a measurement of bulk: windows have opened and pages are mapped.
const WARM_BYTES: u64 = 64 << 20;
/// Requests before a measurement, on each connection.
const WARM_REQUESTS: u64 = 2_000;
/// Handshakes before a measurement.
pub const WARM_HANDSHAKES: u64 = 100;
/// How many tickets are kept: many more than there are handshakes under way.
pub const MAX_TICKETS: usize = 1_000;
/// Tickets that a server gives on each connection, where that can be set.
pub const TICKETS_EACH: usize = 2;
/// How many connections are begun at a time where many are to be held open.
pub const CONNECTING: usize = 32;
/// How long connections may be idle: longer than any measurement.
pub const IDLE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(300);
/// Streams that a client may have open at a time.
pub const MAX_STREAMS: u32 = 1_000;
/// Flow control, where a stack has a setting.
pub const WINDOW: u32 = 16 << 20;
/// Each socket's buffers.
pub const SOCKET_BUFFER: i32 = 4 << 20;
/// ALPN of bare streams.
pub const BULK: &[u8] = b"bulk";
/// And of HTTP/3.
pub const HTTP: &[u8] = b"h3";
/// Seconds that a client may take with everything.
const PATIENCE: u64 = 90;

/// A stack that stalls ends its client, and is told as a failure, rather than the whole table.
pub fn set_patience() {
    std::thread::spawn(|| {
        let seconds = set("BENCH_PATIENCE", PATIENCE);
        std::thread::sleep(std::time::Duration::from_secs(seconds));
        eprintln!("no end after {seconds} s");
        std::process::exit(1);
    });
}
