//! Ours in the simulated network.

use crate::{CLIENT, Cell, Control, SERVER, address, end, share, shares_of_two, world};
use base::{Bytes, Datagram, Direction, Duration, FourTuple, Instant, JournalLimits, Machine, StreamId, Transmit};
use posthaste::trace::{Qlog, TraceConsumer};
use quic::{
    Config, CongestionControl, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, Read, StreamEvent,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is sent repeats itself after so many bytes, a prime number: what is missing, doubled or out of place shows.
const PERIOD: usize = 251;
/// Bytes that are written at once.
const BLOCK: usize = 256 * PERIOD;

/// Where in the block the byte is that belongs at this offset.
const fn place(offset: u64) -> usize {
    (offset % PERIOD as u64) as usize
}

/// Windows on paths that hold much more than the default is for: as large as the others have them everywhere.
const WIDE: u64 = 256 << 20;

/// Raises what a stream may have on the way, where the default would hold it back: a gap takes three round trips to be filled, and
/// meanwhile a sender goes on.
fn widen(streams: &mut quic::StreamsConfig, cell: &Cell) {
    let held = cell.rate * 125 * cell.round_trip;
    if 4 * held > streams.max_stream_window {
        (streams.max_stream_window, streams.max_connection_window) = (WIDE, 2 * WIDE);
        (streams.stream_send_buffer, streams.connection_send_buffer) = (WIDE, 2 * WIDE);
    }
}

struct Host {
    endpoint: Endpoint,
    is_client: bool,
    connection: Option<ConnectionHandle>,
    block: Bytes,
    received: u64,
    /// Of it, by connection.
    each: BTreeMap<ConnectionHandle, u64>,
    written: BTreeMap<ConnectionHandle, u64>,
    /// A byte was not the one that belongs there.
    is_wrong: bool,
    /// Is given what is traced.
    listener: Option<Qlog>,
}

impl Host {
    /// A client's connection, from now on.
    fn connect(&mut self, now: Instant) {
        let (tls, _) = adversary::identity::pair().clone();
        let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
        let name = x509::ServerName::parse("localhost").expect("a name");
        self.endpoint.connect(now, tls, name, path).expect("a connection");
    }

    fn fill(&mut self, handle: ConnectionHandle, id: StreamId) {
        let Some(connection) = self.endpoint.connection_mut(handle) else { return };
        let written = self.written.entry(handle).or_default();
        loop {
            let mut bytes = self.block.slice(place(*written)..self.block.len());
            let before = bytes.len();
            let is_open = connection.write(id, &mut bytes).is_ok();
            *written += (before - bytes.len()) as u64;
            if !is_open || !bytes.is_empty() {
                return;
            }
        }
    }

    fn on_event(&mut self, handle: ConnectionHandle, event: Event) {
        self.connection = Some(handle);
        match event {
            Event::Established if self.is_client => {
                let connection = self.endpoint.connection_mut(handle).expect("it is there");
                let id = connection.open(Direction::Bidirectional).expect("a stream");
                connection.write(id, &mut Bytes::from(vec![1u8])).expect("room");
                connection.finish(id).expect("it is open");
            }
            Event::Stream(StreamEvent::Opened(id) | StreamEvent::Writable(id), _) if !self.is_client => {
                self.fill(handle, id);
            }
            Event::Stream(StreamEvent::Readable(id), _) => {
                let connection = self.endpoint.connection_mut(handle).expect("it is there");
                while let Ok(Read::Data(bytes)) = connection.read(id, BLOCK - PERIOD) {
                    let place = place(self.each.get(&handle).copied().unwrap_or(0));
                    // Less is read at once than a block has.
                    self.is_wrong |= bytes[..] != self.block[place..place + bytes.len()];
                    self.received += bytes.len() as u64;
                    *self.each.entry(handle).or_default() += bytes.len() as u64;
                }
            }
            _ => {}
        }
    }

    fn run(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(|connection| connection.poll_event())
            {
                self.on_event(handle, event);
            }
        }
        if let Some(listener) = &mut self.listener {
            self.endpoint.poll_traces(&mut |trace| listener.record(trace));
        }
    }
}

impl Machine for Host {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint.receive(now, datagram);
        self.run();
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.run();
        self.endpoint.transmit(now, buffer)
    }

    fn deadline(&self) -> Option<Instant> {
        self.endpoint.deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.endpoint.on_timeout(now);
        self.run();
    }
}

/// A server and a client of ours in a world with this link.
struct Pair {
    world: sim::World,
    client: sim::Handle<Host>,
    server: sim::Handle<Host>,
}

impl Pair {
    fn new(seed: u64, cell: &Cell, control: Control) -> Pair {
        Pair::with(seed, cell, control, None)
    }

    /// What the server traces goes to `listener`.
    fn with(seed: u64, cell: &Cell, control: Control, listener: Option<Qlog>) -> Pair {
        // All of it is pulled after each turn, in which a full batch may be sent.
        let trace = listener.as_ref().map(|_| JournalLimits { entries: 65_536, content: 4 << 20 });
        let mut config = Config { trace, ..Config::default() };
        config.recovery.congestion_control = match control {
            Control::Cubic => CongestionControl::Cubic,
            Control::Bbr => CongestionControl::Bbr,
        };
        widen(&mut config.streams, cell);
        let config = Arc::new(config);
        let mut world = world(seed, cell);
        let (_, server_tls) = adversary::identity::pair().clone();
        let mut host = |tls: Option<Arc<tls::ServerConfig>>| {
            let is_client = tls.is_none();
            let mut settings = EndpointConfig::new(sim::seeded_provider(), config.clone(), tls);
            settings.receive_memory = settings.receive_memory.max(4 * WIDE);
            settings.send_memory = settings.send_memory.max(4 * WIDE);
            let endpoint = Endpoint::new(Instant::ZERO, settings, Box::new(world.fork_random()));
            let block = Bytes::from((0..BLOCK).map(|index| (index % PERIOD) as u8).collect::<Vec<u8>>());
            Host {
                endpoint,
                is_client,
                connection: None,
                block,
                received: 0,
                each: BTreeMap::new(),
                written: BTreeMap::new(),
                is_wrong: false,
                listener: None,
            }
        };
        let (mut server, mut client) = (host(Some(server_tls)), host(None));
        server.listener = listener;
        client.connect(Instant::ZERO);
        let server = world.add(&[address(SERVER)], server);
        let client = world.add(&[address(CLIENT)], client);
        Pair { world, client, server }
    }
}

/// The share of the rate that arrives.
pub fn run(seed: u64, cell: &Cell, control: Control) -> f64 {
    let mut pair = Pair::new(seed, cell, control);
    pair.world.run_until(end(cell), |_| false);
    let client = pair.world.machine(pair.client);
    assert!(!client.is_wrong, "seed {seed}, {cell:?}, {control:?}: a byte arrived that was not sent there");
    share(cell, client.received)
}

/// A transfer once it is under way.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    /// Of the rate, after the beginning.
    pub share: f64,
    /// Of the sender, from the beginning on.
    pub probe_timeouts: u64,
    /// Packets that were declared lost and arrived.
    pub late: u64,
}

/// The share of the rate after two seconds and twenty round trips, for six seconds and ten round trips; less where much is sent.
pub fn steady(seed: u64, cell: &Cell, control: Control) -> Steady {
    let mut pair = Pair::new(seed, cell, control);
    let from = 2000 + 20 * cell.round_trip;
    let span = if cell.rate >= 1000 { 1000 + 10 * cell.round_trip } else { 6000 + 10 * cell.round_trip };
    let at = |milliseconds: u64| Instant::ZERO + Duration::from_millis(milliseconds);
    pair.world.run_until(at(from), |_| false);
    let before = pair.world.machine(pair.client).received;
    pair.world.run_until(at(from + span), |_| false);
    let client = pair.world.machine(pair.client);
    assert!(!client.is_wrong, "seed {seed}, {cell:?}, {control:?}: a byte arrived that was not sent there");
    let server = pair.world.machine(pair.server);
    let stats = server.connection.and_then(|handle| server.endpoint.connection(handle)).expect("it is open").stats();
    Steady {
        share: (client.received - before) as f64 / (cell.rate * 125 * span) as f64,
        probe_timeouts: stats.probe_timeouts,
        late: stats.packets_late,
    }
}

/// What the server knows, again and again.
pub fn watch(seed: u64, cell: &Cell, control: Control, every: u64) {
    let mut pair = Pair::new(seed, cell, control);
    let mut before = 0;
    for time in (every..=cell.time()).step_by(every as usize) {
        pair.world.run_until(Instant::ZERO + Duration::from_millis(time), |_| false);
        let received = pair.world.machine(pair.client).received;
        let server = pair.world.machine(pair.server);
        let Some(connection) = server.connection.and_then(|handle| server.endpoint.connection(handle)) else {
            continue;
        };
        let stats = connection.stats();
        println!(
            "{time:6} window {:9} in flight {:9} rtt {:7.1} lost {:5} late {:4} pto {:2} share {:.3}",
            stats.congestion_window,
            stats.bytes_in_flight,
            stats.smoothed_rtt.as_secs_f64() * 1000.0,
            stats.packets_lost,
            stats.packets_late,
            stats.probe_timeouts,
            (received - before) as f64 / (cell.rate * 125 * every) as f64,
        );
        before = received;
    }
}

/// Jain's index of two connections, the second of which begins after so many milliseconds, over twenty seconds from the tenth after
/// that on, and the share of the rate that both have together.
pub fn fairness(seed: u64, cell: &Cell, control: Control, begin: u64) -> (f64, f64) {
    let mut pair = Pair::new(seed, cell, control);
    let begin = Instant::ZERO + Duration::from_millis(begin);
    pair.world.run_until(begin, |_| false);
    pair.world.machine_mut(pair.client).connect(begin);
    pair.world.run_until(begin + Duration::from_secs(10), |_| false);
    let before = pair.world.machine(pair.client).each.clone();
    pair.world.run_until(begin + Duration::from_secs(30), |_| false);
    shares_of_two(cell, &before, &pair.world.machine(pair.client).each)
}

/// What two connections make of one path, the second of which begins after so many milliseconds, again and again until `until`: of each its
/// window, what is in flight, and the share of the rate that it had since the line before.
pub fn watch_two(seed: u64, cell: &Cell, control: Control, begin: u64, every: u64, until: u64) {
    let mut pair = Pair::new(seed, cell, control);
    let at = |milliseconds: u64| Instant::ZERO + Duration::from_millis(milliseconds);
    pair.world.run_until(at(begin), |_| false);
    pair.world.machine_mut(pair.client).connect(at(begin));
    let mut before = BTreeMap::new();
    for time in (begin + every..=until).step_by(every as usize) {
        pair.world.run_until(at(time), |_| false);
        let each = pair.world.machine(pair.client).each.clone();
        let server = &pair.world.machine(pair.server).endpoint;
        let rate = (cell.rate * 125 * every) as f64;
        let shares = each.iter().map(|(handle, bytes)| (bytes - before.get(handle).unwrap_or(&0)) as f64 / rate);
        let stats = server.handles().filter_map(|handle| Some(server.connection(handle)?.stats()));
        let words = stats.zip(shares).map(|(stats, share)| {
            let (window, in_flight) = (stats.congestion_window, stats.bytes_in_flight);
            format!("| window {window:8} in flight {in_flight:8} lost {:6} share {share:.3} ", stats.packets_lost)
        });
        println!("{time:6} {}", words.collect::<String>());
        before = each;
    }
}

/// Runs until `end` milliseconds and gives the file of qlog, in `folder`, that the server's tracer has written. Nothing arrives from the
/// server within `outage`.
///
/// # Errors
/// The file cannot be written.
pub fn qlog(
    seed: u64,
    cell: &Cell,
    control: Control,
    outage: Option<(u64, u64)>,
    end: u64,
    folder: &Path,
) -> Result<PathBuf, String> {
    let listener = Qlog::open(folder).map_err(|error| error.to_string())?;
    let mut pair = Pair::with(seed, cell, control, Some(listener));
    let at = |milliseconds: u64| Instant::ZERO + Duration::from_millis(milliseconds);
    if let Some((from, to)) = outage {
        pair.world.run_until(at(from), |_| false);
        let dead = sim::LinkConfig { loss: 1.0, ..cell.down() };
        pair.world.network().set_link(address(SERVER), address(CLIENT), dead);
        pair.world.run_until(at(to), |_| false);
        pair.world.network().set_link(address(SERVER), address(CLIENT), cell.down());
    }
    pair.world.run_until(at(end), |_| false);
    // With the listener its files are complete.
    if let Some(error) =
        pair.world.machine_mut(pair.server).listener.take().and_then(|mut listener| listener.take_error())
    {
        return Err(error.to_string());
    }
    let mut entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let file = entries
        .find_map(|entry| Some(entry.ok()?.path()).filter(|path| path.extension().is_some_and(|end| end == "sqlog")));
    file.ok_or_else(|| format!("{} has no qlog", folder.display()))
}
