//! The figures of a running server, as Prometheus reads them, and whether it is well.

use crate::command::failure::Failure;
use crate::command::log::Log;
use crate::command::plain_http::{self, Page};
use posthaste::{Answer, EndpointStats, Executor, HttpVersion, Meter, ServerEvent};
use runtime::TcpListener;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The upper ends of the classes into which durations of requests are sorted, in milliseconds.
const CLASSES: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000, 30_000, 120_000];

/// What is counted of requests and events, by all threads.
#[derive(Default)]
pub struct Counters {
    /// By the first digit of the status; those without an answer come first.
    statuses: [AtomicU64; 6],
    /// By HTTP/1.1, HTTP/2 and HTTP/3.
    versions: [AtomicU64; 3],
    broken_off: AtomicU64,
    bytes: AtomicU64,
    /// Those up to the end of each class and above the one before; beyond all classes comes last.
    durations: [AtomicU64; CLASSES.len() + 1],
    microseconds: AtomicU64,
    handler_failures: AtomicU64,
    refused: AtomicU64,
    too_slow: AtomicU64,
    failed_connections: AtomicU64,
    moves: AtomicU64,
    full_networks: AtomicU64,
    full_of_requests: AtomicU64,
    short_of_memory: AtomicU64,
    ended: Ended,
}

/// What connections that are over had counted.
#[derive(Default)]
struct Ended {
    connections: AtomicU64,
    packets_sent: AtomicU64,
    packets_received: AtomicU64,
    packets_lost: AtomicU64,
    packets_late: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    probe_timeouts: AtomicU64,
    resumed: AtomicU64,
}

impl Ended {
    fn add(&self, stats: &posthaste::Stats) {
        for (counter, count) in [
            (&self.connections, 1),
            (&self.packets_sent, stats.packets_sent),
            (&self.packets_received, stats.packets_received),
            (&self.packets_lost, stats.packets_lost),
            (&self.packets_late, stats.packets_late),
            (&self.bytes_sent, stats.bytes_sent),
            (&self.bytes_received, stats.bytes_received),
            (&self.probe_timeouts, stats.probe_timeouts),
            (&self.resumed, u64::from(stats.is_resumed)),
        ] {
            add(counter, count);
        }
    }

    fn write(&self, text: &mut String) {
        for (name, help, counter) in [
            ("connections_ended_total", "Connections that are over. What follows is of these.", &self.connections),
            ("connections_resumed_total", "Those that went on from an earlier one.", &self.resumed),
            ("packets_sent_total", "Packets sent.", &self.packets_sent),
            ("packets_received_total", "Packets received.", &self.packets_received),
            ("packets_lost_total", "Packets declared lost.", &self.packets_lost),
            ("packets_late_total", "Packets that arrived after that.", &self.packets_late),
            ("bytes_sent_total", "Bytes of UDP payload sent.", &self.bytes_sent),
            ("bytes_received_total", "Bytes of UDP payload received.", &self.bytes_received),
            ("probe_timeouts_total", "Times when nothing came for too long.", &self.probe_timeouts),
        ] {
            counter_line(text, name, help, get(counter));
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Counters {
    /// Counts a request that is over.
    pub fn answered(&self, answer: &Answer<'_>) {
        let class = answer.status.map_or(0, |status| usize::from(status.code() / 100));
        add(&self.statuses[class.min(5)], 1);
        let version = match answer.version {
            HttpVersion::Http1 => 0,
            HttpVersion::Http2 => 1,
            _ => 2,
        };
        add(&self.versions[version], 1);
        add(&self.broken_off, u64::from(!answer.is_complete));
        add(&self.bytes, answer.bytes);
        let millis = answer.duration.as_secs_f64() * 1000.0;
        let class = CLASSES.iter().position(|end| millis <= *end as f64).unwrap_or(CLASSES.len());
        add(&self.durations[class], 1);
        add(&self.microseconds, u64::try_from(answer.duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts what a connection that is over had counted.
    pub fn ended(&self, stats: &posthaste::Stats) {
        self.ended.add(stats);
    }

    /// Counts what else happens.
    pub fn happened(&self, event: &ServerEvent<'_>) {
        match event {
            ServerEvent::HandlerFailed { .. } | ServerEvent::HandlerPanicked { .. } => add(&self.handler_failures, 1),
            ServerEvent::RequestRefused { .. } => add(&self.refused, 1),
            ServerEvent::ClientTooSlow { .. } => add(&self.too_slow, 1),
            ServerEvent::ConnectionFailed { .. } => add(&self.failed_connections, 1),
            ServerEvent::ClientMoved { .. } => add(&self.moves, 1),
            ServerEvent::NetworkFull { .. } => add(&self.full_networks, 1),
            ServerEvent::MemoryShort => add(&self.short_of_memory, 1),
            ServerEvent::RequestsFull { .. } => add(&self.full_of_requests, 1),
            _ => {}
        }
    }

    fn write(&self, text: &mut String) {
        head(
            text,
            "requests_total",
            "counter",
            "Requests that are over, by the first digit of the status; 0 is for no answer.",
        );
        for (class, counter) in self.statuses.iter().enumerate() {
            let _ = writeln!(text, "posthaste_requests_total{{status_class=\"{class}\"}} {}", get(counter));
        }
        head(text, "requests_by_version_total", "counter", "The same requests, by the version of HTTP.");
        for (version, counter) in ["1.1", "2", "3"].iter().zip(&self.versions) {
            let _ = writeln!(text, "posthaste_requests_by_version_total{{version=\"{version}\"}} {}", get(counter));
        }
        for (name, help, counter) in [
            ("requests_broken_off_total", "Requests whose response was not sent whole.", &self.broken_off),
            ("response_bytes_total", "Bytes of content that were sent.", &self.bytes),
            ("handler_failures_total", "Requests that failed within the server.", &self.handler_failures),
            ("requests_refused_total", "Requests that were refused before they were looked at.", &self.refused),
            ("clients_too_slow_total", "Requests that were given up because of a slow client.", &self.too_slow),
            ("connections_failed_total", "Connections that ended by a failure.", &self.failed_connections),
            ("networks_full_total", "Times that a network had as many connections as it may.", &self.full_networks),
            ("requests_full_total", "Times that as many requests were under way as may be.", &self.full_of_requests),
            ("memory_short_total", "Times that connections held all that may wait to be sent.", &self.short_of_memory),
            ("client_moves_total", "Clients that went on from another address.", &self.moves),
        ] {
            counter_line(text, name, help, get(counter));
        }
        self.ended.write(text);
        head(text, "request_duration_seconds", "histogram", "From the head of a request to the end of its response.");
        let mut sum = 0;
        for (end, counter) in CLASSES.iter().zip(&self.durations) {
            sum += get(counter);
            let seconds = *end as f64 / 1000.0;
            let _ = writeln!(text, "posthaste_request_duration_seconds_bucket{{le=\"{seconds}\"}} {sum}");
        }
        sum += self.durations.last().map_or(0, get);
        let _ = writeln!(text, "posthaste_request_duration_seconds_bucket{{le=\"+Inf\"}} {sum}");
        let seconds = get(&self.microseconds) as f64 / 1e6;
        let _ = writeln!(text, "posthaste_request_duration_seconds_sum {seconds}");
        let _ = writeln!(text, "posthaste_request_duration_seconds_count {sum}");
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP posthaste_{name} {help}\n# TYPE posthaste_{name} {kind}");
}

fn counter_line(text: &mut String, name: &str, help: &str, value: u64) {
    head(text, name, "counter", help);
    let _ = writeln!(text, "posthaste_{name} {value}");
}

fn gauge_line(text: &mut String, name: &str, help: &str, value: u64) {
    head(text, name, "gauge", help);
    let _ = writeln!(text, "posthaste_{name} {value}");
}

/// What the endpoints of all workers hold and have seen.
fn write_endpoint(text: &mut String, stats: &EndpointStats) {
    let strangers = &stats.strangers;
    head(text, "first_packets_total", "counter", "Clients' first packets, by what became of them.");
    for (became, count) in [
        ("accepted", strangers.accepted),
        ("retried", strangers.retried),
        ("refused", strangers.refused),
        ("ignored", strangers.ignored),
        ("at_limits", strangers.at_limits),
        ("invalid_token", strangers.invalid_tokens),
        ("unanswered", strangers.unanswered),
    ] {
        let _ = writeln!(text, "posthaste_first_packets_total{{became=\"{became}\"}} {count}");
    }
    counter_line(
        text,
        "datagrams_handed_over_total",
        "Datagrams that came to another worker's socket.",
        stats.handed_over,
    );
    counter_line(text, "datagrams_handover_dropped_total", "Those that were dropped.", stats.handover_dropped);
    counter_line(text, "address_tokens_given_total", "Tokens for later connections.", stats.tokens.given);
    counter_line(text, "address_tokens_taken_total", "Tokens that clients came back with.", stats.tokens.taken);
}

/// What is open just now.
fn write_open(text: &mut String, meter: &Meter) -> Result<(), posthaste::Error> {
    let connections = meter.connections()?;
    gauge_line(text, "connections", "QUIC connections that are open.", connections.len() as u64);
    gauge_line(text, "tcp_connections", "TCP connections that are open.", meter.tcp_connections()? as u64);
    gauge_line(text, "requests_under_way", "Requests that are being answered.", meter.requests_under_way()? as u64);
    let sum = |of: fn(&posthaste::Stats) -> u64| connections.iter().map(|(_, stats)| of(stats)).sum();
    for (name, help, value) in [
        ("open_packets_sent", "Packets sent on the connections that are open.", sum(|stats| stats.packets_sent)),
        ("open_packets_lost", "Those that were lost.", sum(|stats| stats.packets_lost)),
        ("open_bytes_sent", "Bytes sent on the connections that are open.", sum(|stats| stats.bytes_sent)),
        ("open_bytes_received", "Bytes received on them.", sum(|stats| stats.bytes_received)),
        ("open_bytes_buffered", "Bytes of content that they hold.", sum(|stats| stats.buffered)),
    ] {
        gauge_line(text, name, help, value);
    }
    Ok(())
}

/// Where those who watch are to be answered. A port alone is one of this machine.
pub fn address(address: &str) -> Result<SocketAddr, Failure> {
    let port = address.parse().ok().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    address.parse().ok().or(port).ok_or_else(|| {
        let words = "--metrics needs an address with a port, such as 127.0.0.1:9100, or a port of this machine";
        Failure::Usage(format!("{words}, not {address:?}"))
    })
}

/// A listener there.
pub fn listen(text: &str) -> Result<TcpListener, Failure> {
    let address = address(text)?;
    TcpListener::bind(address)
        .map_err(|error| Failure::Failed(format!("cannot listen on {address} for --metrics: {error}")))
}

/// Answers there from now on, on a thread of its own. The meter comes once the server has started; until then it is not ready.
pub fn start(
    listener: TcpListener,
    counters: Arc<Counters>,
    meter: Arc<OnceLock<Meter>>,
    log: Log,
) -> Result<(), Failure> {
    let serve = move || {
        let page = move |path: &str| match path {
            "/metrics" => Some(metrics(&counters, meter.get())),
            "/healthz" => Some(health(meter.get())),
            _ => None,
        };
        let served = Executor::new().and_then(|executor| {
            let handle = executor.handle().clone();
            executor.block_on(plain_http::serve(&handle, listener, page))
        });
        if let Err(error) = served {
            log.report(&format!("warning: --metrics is not answered any more: {error}"));
        }
    };
    let started = std::thread::Builder::new().name("metrics".into()).spawn(serve);
    started.map(drop).map_err(|error| Failure::Failed(format!("a thread could not be started: {error}")))
}

fn metrics(counters: &Counters, meter: Option<&Meter>) -> Page {
    let mut text = String::new();
    let version = env!("CARGO_PKG_VERSION");
    head(&mut text, "info", "gauge", "Which server it is.");
    let _ = writeln!(text, "posthaste_info{{version=\"{version}\"}} 1");
    counters.write(&mut text);
    let asked = meter.map(|meter| {
        write_endpoint(&mut text, &meter.stats()?);
        write_open(&mut text, meter)
    });
    let is_up = matches!(asked, Some(Ok(())));
    gauge_line(&mut text, "up", "Whether all workers answer.", u64::from(is_up));
    Page { status: "200 OK", media_type: "text/plain; version=0.0.4; charset=utf-8", text }
}

/// Good for an orchestrator that wants to know whether to send clients here.
fn health(meter: Option<&Meter>) -> Page {
    const UNWELL: &str = "503 Service Unavailable";
    match meter {
        None => Page::plain(UNWELL, "it has not started yet\n"),
        Some(meter) if meter.is_ending() => Page::plain(UNWELL, "it is ending\n"),
        Some(meter) => match meter.stats() {
            Ok(_) => Page::plain("200 OK", "ok\n"),
            Err(error) => Page::plain(UNWELL, format!("{error}\n")),
        },
    }
}
