//! Datagrams of the application (RFC 9221) between two endpoints on virtual time.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

#[path = "datagrams/sizes.rs"]
mod sizes;

use base::{Bytes, Datagram, Direction, Duration, FourTuple, Instant, Machine, StreamId, Transmit};
use quic::{Config, Connection, ConnectionHandle, DatagramEvent, DatagramId, DatagramOptions, DatagramRefusal};
use quic::{Endpoint, EndpointConfig, EndpointEvent, Event, Read, StreamEvent, WhenFull};
use sim::{Handle, LinkConfig, World};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

const CLIENT: &str = "192.0.2.1:50000";
const SECOND: &str = "203.0.113.1:60000";
const SERVER: &str = "192.0.2.2:443";
const ONE_WAY: Duration = Duration::from_millis(20);

/// An endpoint that sends what its test tells it to, and keeps what it is told.
struct Host {
    endpoint: Endpoint,
    handle: Option<ConnectionHandle>,
    events: Vec<DatagramEvent>,
    /// Datagrams that were read.
    read: Vec<Bytes>,
    /// Whether datagrams are read when they come.
    reads: bool,
    /// How many datagrams are to be sent, of so many bytes; as fast as they are taken.
    to_send: (u64, usize),
    options: DatagramOptions,
    refusals: u64,
    /// A stream that is filled without end.
    bulk: Option<StreamId>,
    wants_bulk: bool,
    bulk_read: u64,
    closed: Vec<quic::CloseReason>,
    /// Packets of its largest batch.
    most_segments: usize,
}

impl Host {
    fn new(endpoint: Endpoint) -> Host {
        Host {
            endpoint,
            handle: None,
            events: Vec::new(),
            read: Vec::new(),
            reads: true,
            to_send: (0, 0),
            options: DatagramOptions::default(),
            refusals: 0,
            bulk: None,
            wants_bulk: false,
            bulk_read: 0,
            closed: Vec::new(),
            most_segments: 0,
        }
    }

    fn connection(&mut self) -> &mut Connection {
        self.endpoint.connection_mut(self.handle.unwrap()).unwrap()
    }

    fn run(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            self.handle = Some(handle);
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(Connection::poll_event) {
                match event {
                    Event::Datagram(event) => self.on_event(event),
                    Event::Closed(reason) => self.closed.push(reason),
                    Event::Stream(StreamEvent::Readable(id), _) => {
                        while let Ok(Read::Data(bytes)) = self.connection().read(id, 1 << 20) {
                            self.bulk_read += bytes.len() as u64;
                        }
                    }
                    Event::Established if self.wants_bulk => {
                        self.bulk = self.connection().open(Direction::Unidirectional);
                        self.fill_bulk();
                    }
                    Event::Stream(StreamEvent::Writable(_), _) => self.fill_bulk(),
                    _ => {}
                }
            }
        }
    }

    fn on_event(&mut self, event: DatagramEvent) {
        self.events.push(event);
        match event {
            DatagramEvent::Readable if self.reads => {
                self.read_all();
            }
            DatagramEvent::Writable | DatagramEvent::LargestChanged(_) => self.send(),
            _ => {}
        }
    }

    /// By both calls in turns.
    fn read_all(&mut self) {
        self.read.extend(self.endpoint.connection_mut(self.handle.unwrap()).unwrap().read_datagram());
        let (mut few, read) = (self.read.len() % 7, &mut self.read);
        let connection = self.endpoint.connection_mut(self.handle.unwrap()).unwrap();
        connection.take_datagrams(|datagram| {
            read.push(Bytes::copy_from_slice(datagram));
            few -= usize::from(few > 0);
            few > 0
        });
        while let Some(datagram) = self.connection().read_datagram() {
            self.read.push(datagram);
            let read = &mut self.read;
            self.endpoint.connection_mut(self.handle.unwrap()).unwrap().take_datagrams(|datagram| {
                read.push(Bytes::copy_from_slice(datagram));
                true
            });
        }
    }

    /// As many as are taken, by both calls in turns.
    fn send(&mut self) {
        while self.to_send.0 > 0 {
            let mut data = vec![0; self.to_send.1.max(8)];
            data[..8].copy_from_slice(&self.to_send.0.to_be_bytes());
            let (options, cut) = (self.options, data.len() / 3);
            let sent = match self.to_send.0 % 2 {
                0 => self.connection().send_datagram_parts([&data[..cut], &data[cut..]], options),
                _ => self.connection().send_datagram(Bytes::from(data.clone()), options).map_err(|refused| {
                    assert_eq!(refused.data[..], data, "what is refused is handed back");
                    refused.reason
                }),
            };
            match sent {
                Ok(_) => self.to_send.0 -= 1,
                Err(refusal) => {
                    assert_eq!(refusal, DatagramRefusal::Full);
                    self.refusals += 1;
                    return;
                }
            }
        }
    }

    fn fill_bulk(&mut self) {
        let Some(id) = self.bulk else { return };
        let connection = self.connection();
        let mut block = Bytes::from(vec![7; 64 << 10]);
        while connection.write(id, &mut block).unwrap() > 0 {
            block = Bytes::from(vec![7; 64 << 10]);
        }
    }

    fn fates(&self) -> BTreeMap<DatagramId, Vec<DatagramEvent>> {
        let mut fates: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in &self.events {
            if let DatagramEvent::Acknowledged(id) | DatagramEvent::Lost(id) | DatagramEvent::Dropped(id) = *event {
                fates.entry(id).or_default().push(*event);
            }
        }
        fates
    }

    fn sizes(&self) -> Vec<usize> {
        let size = |event: &DatagramEvent| {
            if let DatagramEvent::LargestChanged(size) = event { Some(*size) } else { None }
        };
        self.events.iter().filter_map(size).collect()
    }
}

impl Machine for Host {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint.receive(now, datagram);
        self.run();
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.run();
        let transmit = self.endpoint.transmit(now, buffer)?;
        self.most_segments = self.most_segments.max(transmit.segments());
        Some(transmit)
    }

    fn deadline(&self) -> Option<Instant> {
        self.endpoint.deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.endpoint.on_timeout(now);
        self.run();
    }
}

struct Pair {
    world: World,
    client: Handle<Host>,
    server: Handle<Host>,
}

fn config(max_frame_size: u64) -> Config {
    let mut config = Config::default();
    config.datagrams.max_frame_size = max_frame_size;
    config
}

fn link() -> LinkConfig {
    LinkConfig::new(ONE_WAY)
}

/// The same with a rate, for streams that are filled without end.
fn limited() -> LinkConfig {
    LinkConfig { rate: Some(2_500_000), queue: 500_000, ..link() }
}

impl Pair {
    /// The client does what `prepare` says once it is established.
    fn new(seed: u64, link: LinkConfig, configs: [Config; 2], prepare: impl FnOnce(&mut Host)) -> Pair {
        let mut world = World::new(seed);
        let [client_address, server_address]: [SocketAddr; 2] = [CLIENT, SERVER].map(|text| text.parse().unwrap());
        world.network().set_both(client_address, server_address, link);
        let (client_tls, server_tls) = adversary::identity::pair().clone();
        let mut make = |config, tls| {
            let config = EndpointConfig::new(sim::seeded_provider(), std::sync::Arc::new(config), tls);
            Host::new(Endpoint::new(Instant::ZERO, config, Box::new(world.fork_random())))
        };
        let [client_config, server_config] = configs;
        let (mut client, server) = (make(client_config, None), make(server_config, Some(server_tls)));
        prepare(&mut client);
        let path = FourTuple { local: client_address, remote: server_address };
        let name = x509::ServerName::parse("localhost").unwrap();
        client.handle = Some(client.endpoint.connect(Instant::ZERO, client_tls, name, path).unwrap());
        let server = world.add(&[server_address], server);
        let client = world.add(&[client_address, SECOND.parse().unwrap()], client);
        Pair { world, client, server }
    }

    fn client(&mut self) -> &mut Host {
        self.world.machine_mut(self.client)
    }

    fn server(&mut self) -> &mut Host {
        self.world.machine_mut(self.server)
    }

    fn run(&mut self, milliseconds: u64) {
        self.world.run_for(Duration::from_millis(milliseconds));
    }
}

const TOLD: DatagramOptions =
    DatagramOptions { tells_fate: true, is_urgent: false, deadline: None, when_full: WhenFull::Refuse };

/// RFC 9221 section 5-2, 5.2-2, 5.2-3, 5.4-1.
#[test]
fn over_a_bad_path_each_arrives_once_or_not_at_all_and_its_fate_is_told() {
    let mut bad = link();
    (bad.loss, bad.duplication, bad.reorder) = (0.1, 0.1, 0.2);
    (bad.reorder_by, bad.rate, bad.queue) = (Duration::from_millis(15), Some(1_250_000), 100_000);
    for (seed, size) in [(1, 30), (2, 500), (3, 1100)] {
        const COUNT: u64 = 800;
        let mut pair = Pair::new(seed, bad, [config(65_535), config(65_535)], |client| {
            (client.to_send, client.options) = ((COUNT, size), TOLD);
        });
        let mut seconds = 0;
        while seconds < 120 && (pair.client().fates().len() as u64) < COUNT {
            pair.run(1000);
            seconds += 1;
        }
        let read: Vec<u64> =
            pair.server().read.iter().map(|bytes| u64::from_be_bytes(bytes[..8].try_into().unwrap())).collect();
        let distinct: BTreeSet<u64> = read.iter().copied().collect();
        assert_eq!(distinct.len(), read.len(), "none comes twice");
        let stats = pair.client().connection().datagram_stats();
        assert_eq!((stats.sent, stats.dropped_unsent, stats.unsent), (COUNT, 0, 0));
        let fates = pair.client().fates();
        assert_eq!(fates.len() as u64, COUNT, "each fate is told");
        assert!(fates.values().all(|told| told.len() == 1), "and once");
        for (id, told) in &fates {
            // They were numbered downwards.
            let has_arrived = distinct.contains(&(COUNT - id.0));
            assert!(told[0] != DatagramEvent::Acknowledged(*id) || has_arrived, "{id:?}");
        }
        let lost = COUNT - read.len() as u64;
        assert!((COUNT / 25..COUNT / 4).contains(&lost), "{lost} of {COUNT} are lost, and not sent again");
        assert!(size < 1000 || pair.client().refusals > 0, "there was more than the path takes");
        assert!(pair.client().closed.is_empty() && pair.server().closed.is_empty());
    }
}

/// Datagrams of one size leave in batches of packets of one size, though they leave a rest in each packet; also beside others of another size,
/// and beside a stream.
#[test]
fn datagrams_that_are_alike_leave_in_batches() {
    for (size, most) in [(64, 700), (500, 700), (1000, 700), (1150, 700)] {
        let mut pair = Pair::new(7, link(), [config(65_535), config(65_535)], |client| {
            client.to_send = (most, size);
        });
        pair.run(5000);
        let segments = pair.client().most_segments;
        assert!(segments >= 8, "{segments} packets of datagrams of {size} bytes in the largest batch");
        assert_eq!(pair.server().read.len() as u64, most, "{size}");
        assert!(pair.server().read.iter().all(|datagram| datagram.len() == size));
        let mut beside = Pair::new(8, limited(), [config(65_535), config(65_535)], |client| {
            (client.to_send, client.wants_bulk) = ((most, size), true);
        });
        beside.run(5000);
        let stats = beside.client().connection().datagram_stats();
        assert_eq!((stats.sent, stats.dropped_unsent), (most, 0));
        assert!(beside.server().bulk_read > 1_000_000, "{} bytes beside them", beside.server().bulk_read);
        assert!(beside.client().closed.is_empty() && beside.server().closed.is_empty());
    }
}

/// Who was refused hears of room as soon as what waited was sent, and not only when something comes from the other end.
#[test]
fn room_is_news_once_what_waited_was_sent() {
    let mut few = config(65_535);
    few.datagrams.max_unsent = 8000;
    let mut pair = Pair::new(9, link(), [few, config(65_535)], |_| {});
    pair.run(1000);
    let now = pair.world.now();
    let client = pair.client();
    client.to_send = (5, 1000);
    client.send();
    assert!(client.refusals == 0 && !client.endpoint.has_news());
    client.to_send = (10, 1000);
    client.send();
    assert!(client.refusals == 1 && !client.endpoint.has_news(), "nothing is told before it is true");
    let mut buffer = vec![0; 1 << 16];
    while client.endpoint.transmit(now, &mut buffer).is_some() {}
    assert!(client.endpoint.has_news());
    client.run();
    assert!(client.events.contains(&DatagramEvent::Writable) && !client.endpoint.has_news());
}

/// RFC 9221 section 5.2-1.
#[test]
fn a_datagram_alone_is_acknowledged_late_and_when_it_is_lost_a_probe_asks() {
    let mut pair = Pair::new(1, link(), [config(65_535), config(65_535)], |_| {});
    pair.run(1000);
    let asked = pair.world.now();
    let id = pair.client().connection().send_datagram(Bytes::from_static(b"x"), TOLD).unwrap();
    let (client, server) = (pair.client, pair.server);
    let expected = DatagramEvent::Acknowledged(id);
    pair.world.run_until(asked + Duration::from_secs(1), |world| world.machine(client).events.contains(&expected));
    let took = pair.world.now() - asked;
    assert!(took >= Duration::from_millis(2 * 20 + 25) && took < Duration::from_millis(80), "{took:?}");
    assert_eq!(pair.world.machine(server).read, [Bytes::from_static(b"x")]);
    // Nothing follows that would show the loss: the probe does.
    let lost = LinkConfig { loss: 1.0, ..link() };
    let [here, there]: [SocketAddr; 2] = [CLIENT, SERVER].map(|text| text.parse().unwrap());
    pair.world.network().set_link(here, there, lost);
    let id = pair.client().connection().send_datagram(Bytes::from_static(b"y"), TOLD).unwrap();
    pair.run(20);
    pair.world.network().set_link(here, there, link());
    pair.run(1000);
    assert_eq!(pair.client().fates()[&id], [DatagramEvent::Lost(id)]);
    assert_eq!((pair.server().read.len(), pair.client().connection().stats().probe_timeouts), (1, 1));
}

/// RFC 9221 section 3-1, 3-2, 3-6.
#[test]
fn each_side_takes_what_it_said() {
    let small = Bytes::from_static(b"x");
    for (client_takes, server_takes) in [(0, 65_535), (65_535, 0), (0, 0), (1, 1), (50, 700)] {
        let mut pair = Pair::new(1, link(), [config(client_takes), config(server_takes)], |_| {});
        let early = pair.client().connection().send_datagram(small.clone(), TOLD).unwrap_err();
        assert_eq!((early.reason, early.data), (DatagramRefusal::Unsupported, small.clone()));
        pair.run(1000);
        for (sender, takes) in [(pair.client, server_takes), (pair.server, client_takes)] {
            let connection = pair.world.machine_mut(sender).connection();
            let most = connection.max_datagram_size();
            match takes {
                0 | 1 => assert_eq!(most, None),
                50 => assert_eq!(most, Some(48)),
                700 => assert_eq!(most, Some(697)),
                _ => assert!(most.unwrap() > 1150),
            }
            let Some(most) = most else {
                let refused = connection.send_datagram(small.clone(), TOLD).unwrap_err();
                assert_eq!(refused.reason, DatagramRefusal::Unsupported);
                continue;
            };
            let large = Bytes::from(vec![1; most + 1]);
            let refused = connection.send_datagram(large.clone(), TOLD).unwrap_err();
            assert_eq!((refused.reason, refused.data), (DatagramRefusal::TooLarge { most }, large));
            connection.send_datagram(Bytes::from(vec![1; most]), TOLD).unwrap();
            connection.send_datagram(Bytes::new(), TOLD).unwrap();
        }
        pair.run(1000);
        for (receiver, takes) in [(pair.server, server_takes), (pair.client, client_takes)] {
            let host = pair.world.machine(receiver);
            assert_eq!(host.read.len(), if takes > 1 { 2 } else { 0 });
            assert!(host.closed.is_empty());
        }
    }
}

/// Bytes a second that each has of a path which both could fill.
fn shares(share: u8, size: usize) -> (f64, f64) {
    let mut narrow = link();
    (narrow.rate, narrow.queue) = (Some(1_250_000), 60_000);
    let mut own = config(65_535);
    own.datagrams.share = share;
    let mut pair = Pair::new(u64::from(share), narrow, [own, config(65_535)], |client| {
        (client.wants_bulk, client.to_send) = (true, (u64::MAX, size));
    });
    pair.run(2_500);
    let datagrams: usize = pair.server().read.iter().map(|bytes| bytes.len()).sum();
    let (datagrams, stream) = (datagrams as f64 / 2.5, pair.server().bulk_read as f64 / 2.5);
    assert!(datagrams + stream > 700_000.0, "the path is used: {datagrams} and {stream}");
    (datagrams, stream)
}

/// RFC 9221 section 5.1-1.
#[test]
fn datagrams_and_streams_share_as_is_configured_and_neither_starves() {
    // What a large datagram leaves of its packet is the stream's, and a frame's header is nobody's.
    for (share, size, least, most) in [
        (8, 100, 0.4, 0.6),
        (8, 1150, 0.35, 0.55),
        (1, 100, 0.03, 0.12),
        (0, 1150, 0.03, 0.12),
        (15, 1150, 0.7, 0.85),
        (255, 100, 0.85, 0.97),
    ] {
        let (datagrams, stream) = shares(share, size);
        let part = datagrams / (datagrams + stream);
        assert!((least..most).contains(&part), "{share}/16 of {size} bytes: {part}");
    }
}

#[test]
fn what_nobody_reads_is_bounded_and_the_newest_is_kept() {
    let mut own = config(65_535);
    (own.datagrams.max_unread, own.datagrams.max_unread_count) = (20_000, 1000);
    let mut pair = Pair::new(1, link(), [config(65_535), own], |client| client.to_send = (500, 1000));
    let server = pair.server;
    pair.world.machine_mut(server).reads = false;
    pair.run(10_000);
    let stats = pair.server().connection().datagram_stats();
    assert_eq!((stats.received, stats.dropped_unread, stats.unread), (500, 480, 20_000));
    let numbers = |pair: &mut Pair| {
        let next = || pair.server().connection().read_datagram();
        std::iter::from_fn(next).map(|bytes| u64::from_be_bytes(bytes[..8].try_into().unwrap())).collect::<Vec<_>>()
    };
    // They were numbered downwards.
    assert_eq!(numbers(&mut pair), (1..=20).rev().collect::<Vec<_>>());
}

#[test]
fn what_waits_behind_a_full_window_is_dropped_in_time() {
    let mut pair = Pair::new(1, link(), [config(65_535), config(65_535)], |_| {});
    pair.run(1000);
    let [here, there]: [SocketAddr; 2] = [CLIENT, SERVER].map(|text| text.parse().unwrap());
    pair.world.network().set_both(here, there, LinkConfig { loss: 1.0, ..link() });
    let now = pair.world.now();
    let options = DatagramOptions { deadline: Some(now + Duration::from_millis(300)), ..TOLD };
    let client = pair.client();
    let ids: Vec<DatagramId> =
        std::iter::from_fn(|| client.connection().send_datagram(Bytes::from(vec![1; 1000]), options).ok()).collect();
    assert!(ids.len() > 50);
    pair.run(299);
    assert!(pair.client().fates().is_empty());
    pair.run(2);
    let dropped = pair.client().fates();
    assert!(dropped.len() > ids.len() / 2 && dropped.len() < ids.len(), "{} of {}", dropped.len(), ids.len());
    assert!(dropped.iter().all(|(id, told)| told[..] == [DatagramEvent::Dropped(*id)]));
    assert!(pair.client().events.contains(&DatagramEvent::Writable) || pair.client().refusals == 0);
    // The newest takes the place of the oldest where that is asked for.
    let newest = DatagramOptions { when_full: WhenFull::DropOldest, ..TOLD };
    for _ in 0..1000 {
        pair.client().connection().send_datagram(Bytes::from(vec![2; 1000]), newest).unwrap();
    }
    let stats = pair.client().connection().datagram_stats();
    assert!(stats.unsent <= 64 << 10 && stats.dropped_unsent > 900, "{stats:?}");
}

/// Who closes with datagrams in the queue is told that they were not sent, and takes no more.
#[test]
fn the_end_drops_what_waits() {
    let mut pair = Pair::new(1, link(), [config(65_535), config(65_535)], |_| {});
    pair.run(1000);
    let now = pair.world.now();
    let id = pair.client().connection().send_datagram(Bytes::from_static(b"x"), TOLD).unwrap();
    pair.client().connection().close(now, base::VarInt::ZERO, b"");
    let refused = pair.client().connection().send_datagram(Bytes::from_static(b"x"), TOLD).unwrap_err();
    assert_eq!(refused.reason, DatagramRefusal::Unsupported);
    pair.run(1000);
    assert_eq!(pair.client().fates()[&id], [DatagramEvent::Dropped(id)]);
    assert!(pair.server().read.is_empty());
}
