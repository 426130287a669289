//! Fewer acknowledgments by agreement (draft-ietf-quic-ack-frequency), between two endpoints over simulated paths, and against
//! a peer that asks for anything.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use adversary::{Options, Peer, Stage};
use base::Duration;
use base::Side::Server;
use quic::wire::frame::PacketKind::OneRtt;
use quic::wire::frame::{AckFrequencyFrame, Frame};
use quic::{AckFrequencyConfig, CloseReason, Config, CongestionControl, Event, Stats, Violation};
use sim::LinkConfig;
use support::bulk::Path;

/// 100 Mbit/s and 40 ms.
fn link() -> LinkConfig {
    let mut link = LinkConfig::new(Duration::from_millis(20));
    link.rate = Some(12_500_000);
    link.queue = 500_000;
    link
}

/// What a client has received in so many milliseconds, and the packets that it sent meanwhile.
fn bulk(link: LinkConfig, config: &Config, milliseconds: u64) -> (u64, u64) {
    bulk_of(7, link, config, milliseconds)
}

fn bulk_of(seed: u64, link: LinkConfig, config: &Config, milliseconds: u64) -> (u64, u64) {
    let mut path = Path::new(seed, link, config.clone());
    path.connect();
    path.run_until(milliseconds);
    let stats: Stats =
        path.world.machine(path.client).endpoint.connection(path.connections[0]).expect("it is open").stats();
    (path.received()[0], stats.packets_sent)
}

fn asking(asks: bool) -> Config {
    let ack_frequency = AckFrequencyConfig { asks, ..AckFrequencyConfig::default() };
    Config { ack_frequency, ..Config::default() }
}

#[test]
fn a_long_transfer_is_acknowledged_with_few_packets_and_loses_nothing_by_it() {
    for (loss, reorder) in [(0.0, 0.0), (0.005, 0.0), (0.0, 0.02)] {
        for control in [CongestionControl::Cubic, CongestionControl::Bbr] {
            let link = LinkConfig { loss, reorder, reorder_by: Duration::from_millis(5), ..link() };
            let [(bytes_before, packets_before), (bytes, packets)] = [false, true].map(|asks| {
                let mut config = asking(asks);
                config.recovery.congestion_control = control;
                // Which packets are lost is another matter with each packet that is not sent: the sum of several runs tells.
                let seeds = if loss == 0.0 { 7..8 } else { 7..11 };
                let runs = seeds.map(|seed| bulk_of(seed, link, &config, 10_000));
                runs.fold((0, 0), |sum, run| (sum.0 + run.0, sum.1 + run.1))
            });
            let what = format!("{loss} {reorder} {control:?}: {packets_before} {packets} {bytes_before} {bytes}");
            // A window that losses keep small is acknowledged packet by packet, instead of by two at a time.
            let is_small = bytes_before < 40_000_000 && loss > 0.0;
            let most = if is_small { packets_before * 2 } else { packets_before * 3 / 10 };
            assert!(packets < most, "fewer packets: {what}");
            assert!(bytes * 100 >= bytes_before * 98, "as many bytes: {what}");
        }
    }
}

/// Where losses leave a window of a few packets, what waits for its acknowledgment is a notable part of it.
#[test]
fn a_window_of_few_packets_carries_more_where_each_is_acknowledged_at_once() {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    (link.rate, link.queue, link.loss) = (Some(1_250_000), 25_000, 0.05);
    let [without, with] = [false, true].map(|asks| {
        let runs = (1..=20).map(|seed| bulk_of(seed, link, &asking(asks), 5_000).0);
        runs.sum::<u64>()
    });
    println!("{without} and {with}");
    assert!(with * 100 > without * 105, "{without} and {with}");
}

#[test]
fn a_peer_that_takes_no_requests_is_asked_for_nothing() {
    let silent = AckFrequencyConfig { min_ack_delay: None, asks: true };
    let config = Config { ack_frequency: silent, ..Config::default() };
    let (without, with) = (bulk(link(), &asking(false), 3_000), bulk(link(), &config, 3_000));
    // An ACK_FREQUENCY frame would have ended the connection.
    assert!(with.1 * 10 > without.1 * 9 && with.0 * 10 > without.0 * 9, "{with:?} {without:?}");
}

fn request(sequence_number: u64, threshold: u64, max_ack_delay: u64, reordering_threshold: u64) -> Frame<'static> {
    Frame::AckFrequency(AckFrequencyFrame { sequence_number, threshold, max_ack_delay, reordering_threshold })
}

/// draft-ietf-quic-ack-frequency section 4-4.
#[test]
fn a_delay_out_of_range_and_requests_that_were_not_offered_close_the_connection() {
    let closed = |config: Config, frame: &Frame<'_>| {
        let mut peer = Peer::with(Server, Stage::Established, Options { config, ..Options::default() });
        peer.send_frame(OneRtt, frame);
        match peer.events.last() {
            Some(Event::Closed(CloseReason::Violation { violation, frame_type })) => Some((*violation, *frame_type)),
            _ => None,
        }
    };
    let silent =
        || Config { ack_frequency: AckFrequencyConfig { min_ack_delay: None, asks: true }, ..Config::default() };
    assert_eq!(closed(Config::default(), &request(1, 1, 999, 1)), Some((Violation::RequestedAckDelay, 0xaf)));
    assert_eq!(closed(Config::default(), &request(1, 1, 16_384_000, 1)), Some((Violation::RequestedAckDelay, 0xaf)));
    assert_eq!(closed(Config::default(), &request(1, 1, 1_000, 1)), None);
    assert_eq!(closed(silent(), &request(1, 1, 1_000, 1)), Some((Violation::UnknownFrameType, 0xaf)));
    assert_eq!(closed(silent(), &Frame::ImmediateAck), Some((Violation::UnknownFrameType, 0x1f)));
}

/// What is sent for nothing but its acknowledgment asks for one at once, so that a probe learns of a loss a delay sooner.
#[test]
fn a_probe_asks_for_an_acknowledgment_at_once() {
    let mut peer = Peer::against(Server, Stage::Established);
    let id = peer.connection().open(base::Direction::Unidirectional).unwrap();
    peer.connection().write_slice(id, b"unanswered").unwrap();
    peer.received.clear();
    peer.wait(Duration::from_secs(3));
    let asks = peer.received.iter().filter(|received| received.payload.contains(&0x1f)).count();
    assert!(asks >= 2, "{asks} of {} packets", peer.received.len());
}
