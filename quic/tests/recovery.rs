//! What a path does to packets and what of its rate is left: reordering is not loss.

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, Instant};
use quic::{Config, CongestionControl};
use sim::{LinkConfig, Marks};
use support::{Exchange, Pair};

/// Megabits a second, and milliseconds there and back. The queue holds twice what is under way: little is lost in it.
fn link(rate: u64, round_trip: u64) -> LinkConfig {
    let mut link = LinkConfig::new(Duration::from_millis(round_trip / 2));
    link.rate = Some(rate * 125_000);
    link.queue = (rate * 125 * round_trip * 2) as usize;
    link
}

/// Milliseconds that a download takes, and of its packets how many were declared lost, and how many of these arrived.
fn download(seed: u64, link: LinkConfig, bytes: u64) -> (u64, u64, u64) {
    let mut pair = Pair::new(seed, link, vec![Exchange { upload: 0, download: bytes }]);
    pair.world.set_step_limit(100_000_000);
    pair.complete(1, Duration::from_secs(120));
    let stats = pair.world.machine(pair.server).stats();
    ((pair.world.now() - Instant::ZERO).as_millis() as u64, stats.packets_lost, stats.packets_late)
}

/// RFC 9002 section 6.1.1: a packet that comes late is waited for.
#[test]
fn packets_that_are_late_by_a_quarter_of_the_round_trip_cost_a_tenth_of_the_rate_at_most() {
    for (rate, round_trip) in [(10, 40), (10, 200), (50, 20), (50, 100), (200, 40)] {
        // About five seconds of the rate.
        let bytes = rate * 125_000 * 5;
        let (undisturbed, ..) = download(1, link(rate, round_trip), bytes);
        for seed in 1..4 {
            let late = LinkConfig {
                reorder: 0.05,
                reorder_by: Duration::from_millis(round_trip / 4),
                ..link(rate, round_trip)
            };
            let (time, lost, arrived) = download(seed, late, bytes);
            println!(
                "{rate} Mbit/s, {round_trip} ms: {time} ms for {undisturbed}, {lost} lost of which {arrived} came"
            );
            assert!(9 * time <= 10 * undisturbed, "{rate} Mbit/s, {round_trip} ms: {time} ms for {undisturbed}");
        }
    }
}

/// Milliseconds of a download with this controller, and how many packets were lost.
fn download_with(control: CongestionControl, link: LinkConfig, bytes: u64) -> (u64, u64) {
    let mut config = Config::default();
    config.recovery.congestion_control = control;
    let exchange = Exchange { upload: 0, download: bytes };
    let mut pair = Pair::with(1, link, vec![exchange], Config::default(), config);
    pair.world.set_step_limit(100_000_000);
    pair.complete(1, Duration::from_secs(600));
    let stats = pair.world.machine(pair.server).stats();
    ((pair.world.now() - Instant::ZERO).as_millis() as u64, stats.packets_lost)
}

/// RFC 9406: the round trip tells of a queue before the queue overflows, or overflows as much.
#[test]
fn the_first_slow_start_ends_before_much_is_lost() {
    for (rate, round_trip) in [(10, 40), (50, 100), (200, 40), (100, 200)] {
        let link = LinkConfig { queue: (rate * 125 * round_trip * 4) as usize, ..link(rate, round_trip) };
        let bytes = rate * 125 * round_trip * 20;
        let (time, lost) = download_with(CongestionControl::Cubic, link, bytes);
        let (time_of_reno, lost_by_reno) = download_with(CongestionControl::NewReno, link, bytes);
        println!(
            "{rate} Mbit/s, {round_trip} ms: {time} ms and {lost} lost; NewReno {time_of_reno} ms, {lost_by_reno} lost"
        );
        assert!(
            lost_by_reno > 100 && lost * 2 <= lost_by_reno,
            "{rate} Mbit/s, {round_trip} ms: {lost} and {lost_by_reno} lost"
        );
        assert!(time * 10 <= time_of_reno * 11, "{rate} Mbit/s, {round_trip} ms: {time} ms for {time_of_reno}");
    }
}

/// RFC 9438 section 4.2: after a loss on a long and fast path the window is back soon.
#[test]
fn long_and_fast_paths_are_filled_again_after_a_loss() {
    // A queue of half of what is under way, as many have, and thirty seconds of the rate.
    for (rate, round_trip) in [(20, 200), (50, 100)] {
        let link = LinkConfig { queue: (rate * 125 * round_trip / 2) as usize, ..link(rate, round_trip) };
        let bytes = rate * 125_000 * 30;
        let (time, lost) = download_with(CongestionControl::Cubic, link, bytes);
        let (time_of_reno, _) = download_with(CongestionControl::NewReno, link, bytes);
        println!("{rate} Mbit/s, {round_trip} ms: {time} ms, {lost} lost; NewReno {time_of_reno} ms");
        assert!(time <= 34_000, "{rate} Mbit/s, {round_trip} ms: {time} ms, {lost} lost; NewReno {time_of_reno} ms");
        assert!(time < time_of_reno);
    }
}

/// A download over this link between ends that mark their packets, with the server's view of it.
fn download_stats(link: LinkConfig, bytes: u64) -> (u64, quic::Stats) {
    let exchange = Exchange { upload: 0, download: bytes };
    let mut config = Config::default();
    config.recovery.ecn = true;
    let mut pair = Pair::with(1, link, vec![exchange], config.clone(), config);
    pair.world.set_step_limit(100_000_000);
    pair.complete(1, Duration::from_secs(60));
    ((pair.world.now() - Instant::ZERO).as_millis() as u64, pair.world.machine(pair.server).stats())
}

/// RFC 9000 section 13.4: a router that marks what it would drop later makes a sender slow down before anything is lost.
#[test]
fn marks_of_congestion_are_obeyed_and_nothing_is_lost() {
    for (rate, round_trip) in [(10, 40), (50, 100), (200, 20)] {
        // Marks begin at a queue of half of what is under way; the queue has room for four times as much.
        let under_way = (rate * 125 * round_trip) as usize;
        let link = LinkConfig { queue: 4 * under_way, mark_from: under_way / 2, ..link(rate, round_trip) };
        let bytes = rate * 125_000 * 5;
        let (time, stats) = download_stats(link, bytes);
        println!(
            "{rate} Mbit/s, {round_trip} ms: {time} ms, {} marks, {} lost",
            stats.congestion_marks, stats.packets_lost
        );
        assert!(stats.is_ecn_capable && stats.congestion_marks > 0 && stats.packets_lost == 0, "{stats:?}");
        assert!(time < 6_300, "{rate} Mbit/s, {round_trip} ms: {time} ms");
    }
}

/// RFC 9000 section 13.4.2.2-1: what a network removes or cannot stand is not sent any more.
#[test]
fn where_marks_do_not_arrive_none_is_sent() {
    let sound = download_stats(link(20, 40), 5_000_000);
    assert!(sound.1.is_ecn_capable);
    for marks in [Marks::Removed, Marks::Lost] {
        let (time, stats) = download_stats(LinkConfig { marks, ..link(20, 40) }, 5_000_000);
        println!("{marks:?}: {time} ms for {}, {} probe timeouts", sound.0, stats.probe_timeouts);
        assert!(!stats.is_ecn_capable && stats.congestion_marks == 0);
        // A path that loses what is marked costs the client a probe timeout before it knows the round trip, and the server
        // another: a second each.
        let longer = if marks == Marks::Lost { 2100 } else { 100 };
        assert!(time < sound.0 + longer, "{marks:?}: {time} ms for {}", sound.0);
    }
}

/// RFC 9002 s7.1: a mark has the consequence that a loss has, also where it is not a queue that makes it.
#[test]
fn marks_without_congestion_are_obeyed_as_well() {
    let (time, stats) = download_stats(LinkConfig { marking: 0.01, ..link(20, 40) }, 5_000_000);
    assert!(stats.congestion_marks > 10 && stats.packets_lost == 0 && stats.packets_late == 0, "{stats:?}");
    let (undisturbed, _) = download_stats(link(20, 40), 5_000_000);
    assert!(time > undisturbed * 5 / 4, "{time} ms for {undisturbed}");
}
