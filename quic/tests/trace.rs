//! What a connection records: both ends of a lossy transfer tell the same story, and who is not traced records nothing.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, Instant, JournalLimits, Side};
use quic::trace::{CongestionPhase, PacketType, Record, Stage, Timer};
use quic::wire::connection_id::ConnectionId;
use quic::{Config, Endpoint};
use sim::LinkConfig;
use std::collections::BTreeMap;
use support::{Exchange, Pair};

/// A record that outlives its journal: the packets with their frames as text.
struct Kept {
    at: Instant,
    side: Side,
    group: ConnectionId,
    record: Record,
    frames: String,
    has_parameters: bool,
}

fn pull(endpoint: &mut Endpoint) -> Vec<Kept> {
    let mut kept = Vec::new();
    endpoint.poll_traces(&mut |trace| {
        assert_eq!(trace.left_out, 0);
        kept.push(Kept {
            at: trace.at,
            side: trace.side,
            group: trace.group,
            record: trace.record,
            frames: format!("{:?}", trace.frames().collect::<Vec<_>>()),
            has_parameters: trace.parameters().is_some(),
        });
    });
    kept
}

fn traced() -> Config {
    let limits = JournalLimits { entries: 1 << 20, content: 1 << 26 };
    Config { trace: Some(limits), ..Config::default() }
}

/// The packets of one kind of record: by type and number, their size and frames.
fn packets(records: &[Kept], sent: bool) -> BTreeMap<(u8, u64), (usize, String)> {
    let packets = records.iter().filter_map(|kept| match kept.record {
        Record::PacketSent(packet) if sent => Some((packet, &kept.frames)),
        Record::PacketReceived(packet) if !sent => Some((packet, &kept.frames)),
        _ => None,
    });
    let mut found = BTreeMap::new();
    for (packet, frames) in packets {
        let key = (packet.packet_type as u8, packet.number.unwrap().value());
        let before = found.insert(key, (packet.size, frames.clone()));
        assert!(before.is_none(), "each packet is recorded once: {key:?}");
    }
    found
}

/// A transfer over a link that loses and reorders, closed by the client.
fn lossy_transfer(client: Config, server: Config) -> [Vec<Kept>; 2] {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.loss = 0.05;
    let exchanges = vec![Exchange { upload: 300_000, download: 300_000 }];
    let mut pair = Pair::with(7, link, exchanges, client, server);
    pair.complete(1, Duration::from_secs(100));
    let now = pair.world.now();
    let (client, server) = (pair.client, pair.server);
    pair.world.machine_mut(client).close(now, 9);
    pair.world.run_for(Duration::from_secs(60));
    [client, server].map(|host| pull(&mut pair.world.machine_mut(host).endpoint))
}

#[test]
fn both_ends_tell_the_same_story() {
    let [client, server] = lossy_transfer(traced(), traced());
    for (records, side) in [(&client, Side::Client), (&server, Side::Server)] {
        assert!(records.iter().all(|kept| kept.side == side && kept.group == client[0].group));
        assert!(records.is_sorted_by_key(|kept| kept.at), "records come in the order of time");
        assert!(matches!(records[0].record, Record::Started { .. }));
        assert!(matches!(records.last().unwrap().record, Record::Stage(Stage::Drained)), "and end with the connection");
        let has = |what: &str, is_it: fn(&Kept) -> bool| assert!(records.iter().any(is_it), "{side:?}: {what}");
        let parameters = |of: Side| {
            let is_it = |kept: &Kept| kept.record == Record::ParametersSet { of } && kept.has_parameters;
            assert_eq!(records.iter().filter(|kept| is_it(kept)).count(), 1, "{side:?}: parameters of {of:?}");
        };
        parameters(Side::Client);
        parameters(Side::Server);
        has("what TLS chose", |kept| matches!(kept.record, Record::Negotiated { cipher_suite: 0x1301..=0x1303 }));
        has("completion", |kept| kept.record == Record::Stage(Stage::HandshakeComplete));
        has("confirmation", |kept| kept.record == Record::Stage(Stage::HandshakeConfirmed));
        has("losses", |kept| matches!(kept.record, Record::PacketLost { .. }));
        has("recovery", |kept| kept.record == Record::CongestionPhase(CongestionPhase::Recovery));
        has("its end", |kept| kept.record == Record::CongestionPhase(CongestionPhase::CongestionAvoidance));
        has("timers", |kept| matches!(kept.record, Record::Timer { timer: Timer::Probe(_) | Timer::Loss(_), .. }));
        has("streams", |kept| matches!(kept.record, Record::StreamOpened { .. }));
        has("why it ended", |kept| matches!(kept.record, Record::Closed(_)));
        let moved: usize = records
            .iter()
            .filter_map(|kept| match kept.record {
                Record::StreamDataMoved { len, received: true, .. } => Some(len),
                _ => None,
            })
            .sum();
        assert!(moved >= 300_000, "{side:?}: {moved} bytes came to the application");
        for packet_type in [PacketType::Initial, PacketType::Handshake, PacketType::OneRtt] {
            let installed =
                |kept: &&Kept| matches!(kept.record, Record::KeyInstalled(key) if key.packet_type == packet_type);
            assert_eq!(records.iter().filter(installed).count(), 2, "{side:?} {packet_type:?}");
        }
    }
    for (sender, receiver) in [(&client, &server), (&server, &client)] {
        let (sent, received) = (packets(sender, true), packets(receiver, false));
        assert!(sent.len() > 200 && received.len() < sent.len(), "some of {} were lost", sent.len());
        for (key, packet) in &received {
            assert_eq!(sent.get(key), Some(packet), "what arrived is what was sent: {key:?}");
        }
    }
}

#[test]
fn who_is_not_traced_records_nothing_and_sends_the_same() {
    let [client, server] = lossy_transfer(Config::default(), traced());
    assert!(client.is_empty() && !server.is_empty());
    let hash = |client: Config| {
        let exchanges = vec![Exchange { upload: 100_000, download: 100_000 }];
        let mut pair = Pair::with(3, LinkConfig::new(Duration::from_millis(10)), exchanges, client, Config::default());
        pair.complete(1, Duration::from_secs(100));
        pair.world.trace_hash()
    };
    assert_eq!(hash(Config::default()), hash(traced()));
}

#[test]
fn what_nobody_pulls_is_bounded_and_counted() {
    let limits = JournalLimits { entries: 50, content: 10_000 };
    let client = Config { trace: Some(limits), ..Config::default() };
    let exchanges = vec![Exchange { upload: 300_000, download: 300_000 }];
    let mut pair = Pair::with(7, LinkConfig::new(Duration::from_millis(10)), exchanges, client, Config::default());
    pair.complete(1, Duration::from_secs(100));
    let (mut count, mut bytes) = (0, 0);
    let host = pair.world.machine_mut(pair.client);
    host.endpoint.poll_traces(&mut |trace| {
        count += 1;
        bytes += match trace.record {
            Record::PacketSent(packet) | Record::PacketReceived(packet) => packet.size,
            _ => 0,
        };
    });
    assert!(count <= 50 && bytes < 12_000, "{count} records, {bytes} bytes of packets");
    // The gap is told with the first record after it.
    let handle = host.handle.unwrap();
    let now = Instant::ZERO + Duration::from_secs(1000);
    host.endpoint.connection_mut(handle).unwrap().close(now, base::VarInt::ZERO, b"");
    let mut left_out = 0;
    host.endpoint.poll_traces(&mut |trace| left_out += trace.left_out);
    assert!(left_out > 300, "{left_out}");
}

#[test]
fn connections_that_are_gone_leave_few_journals_behind() {
    let mut pair = Pair::with(7, LinkConfig::new(Duration::from_millis(10)), Vec::new(), traced(), Config::default());
    let (client_tls, _) = adversary::identity::pair().clone();
    let path = base::FourTuple { local: support::CLIENT.parse().unwrap(), remote: support::SERVER.parse().unwrap() };
    let (now, client) = (pair.world.now(), pair.client);
    let host = pair.world.machine_mut(client);
    for _ in 0..100 {
        let handle = host.connect(now, client_tls.clone(), path, Vec::new());
        host.endpoint.connection_mut(handle).unwrap().close(now, base::VarInt::ZERO, b"");
    }
    pair.world.run_for(Duration::from_secs(60));
    let records = pull(&mut pair.world.machine_mut(client).endpoint);
    let ended = records.iter().filter(|kept| kept.record == Record::Stage(Stage::Drained)).count();
    assert_eq!(ended, 64, "of a hundred");
}
