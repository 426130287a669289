//! Whole connections through one bottleneck: what each congestion controller makes of loss, of queues, and of one another.

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, Instant};
use quic::{Config, CongestionControl};
use sim::LinkConfig;
use support::bulk::Path;

/// Megabits a second, milliseconds there and back, and room in the queue for so many hundredths of what is under way.
fn bottleneck(rate: u64, round_trip: u64, queue: u64) -> LinkConfig {
    let mut link = LinkConfig::new(Duration::from_micros(round_trip * 500));
    link.rate = Some(rate * 125_000);
    link.queue = ((rate * 125 * round_trip * queue / 100) as usize).max(3000);
    link
}

fn with(control: CongestionControl) -> Config {
    let mut config = Config::default();
    config.recovery.congestion_control = control;
    config
}

/// Goodput of one connection, as a share of the rate, between two times in milliseconds.
fn goodput(seed: u64, control: CongestionControl, link: LinkConfig, from: u64, to: u64) -> f64 {
    let mut path = Path::new(seed, link, with(control));
    path.connect();
    path.shares(from, to)[0]
}

const COMMAND: &str = "cargo test --release -p posthaste-quic --test congestion";

/// What loss by chance leaves of the rate, and what queues of all sizes do without loss.
#[test]
fn bbr_fills_paths_that_lose_and_paths_that_do_not() {
    sim::check_seeds(&format!("{COMMAND} bbr_fills_paths"), 1, |seed| {
        for (rate, rtt, queue, loss, least) in [
            (10, 20, 25, 0.0, 0.9),
            (10, 100, 25, 0.0, 0.9),
            (10, 100, 400, 0.0, 0.9),
            (100, 40, 100, 0.0, 0.9),
            (10, 600, 25, 0.0, 0.9),
            (10, 600, 50, 0.0, 0.9),
            (10, 600, 400, 0.0, 0.9),
            (10, 100, 100, 0.01, 0.8),
            (10, 100, 25, 0.01, 0.8),
            (100, 40, 100, 0.01, 0.8),
        ] {
            let link = LinkConfig { loss, ..bottleneck(rate, rtt, queue) };
            // A reader in order stands still for two round trips where a probe overflows the queue, and is far ahead or behind at either end.
            let (from, to) = (2000 + 20 * rtt, 8000 + 70 * rtt);
            let share = goodput(seed, CongestionControl::Bbr, link, from, to);
            println!("{rate} Mbit/s, {rtt} ms, queue {queue}, loss {loss}: {share:.3}");
            assert!(share >= least, "{rate} Mbit/s, {rtt} ms, queue {queue}, loss {loss}: {share:.3}");
        }
    });
}

/// A path that neither loses nor reorders: no timer expires, and nothing is sent twice for nothing.
#[test]
fn a_clean_path_sees_no_probe_timeout() {
    for control in [CongestionControl::Cubic, CongestionControl::NewReno, CongestionControl::Bbr] {
        for (rate, rtt, queue) in [(10, 20, 100), (10, 100, 400), (50, 40, 25), (10, 600, 100)] {
            let mut path = Path::new(1, bottleneck(rate, rtt, queue), with(control));
            path.connect();
            path.run_until(5000 + 20 * rtt);
            let stats = path.stats(0);
            assert_eq!((stats.probe_timeouts, stats.packets_late), (0, 0), "{control:?} {rate} Mbit/s, {rtt} ms");
        }
    }
}

/// The mean of the round trip, looked at every tenth of a second, in milliseconds.
fn mean_round_trip(control: CongestionControl, link: LinkConfig) -> u128 {
    let mut path = Path::new(1, link, with(control));
    path.connect();
    path.run_until(3000);
    let samples = (31..150).map(|tenth| {
        path.run_until(tenth * 100);
        path.stats(0).smoothed_rtt.as_millis()
    });
    samples.sum::<u128>() / 119
}

#[test]
fn bbr_keeps_a_long_queue_short() {
    for (rate, rtt) in [(10, 40), (20, 100)] {
        let [cubic, bbr] = [CongestionControl::Cubic, CongestionControl::Bbr]
            .map(|control| mean_round_trip(control, bottleneck(rate, rtt, 400)));
        println!("{rate} Mbit/s, {rtt} ms: {cubic} ms with CUBIC, {bbr} ms with BBR");
        assert!(4 * bbr <= 5 * u128::from(rtt), "the queue holds a quarter of a round trip at most: {bbr} ms");
        assert!(2 * (bbr - u128::from(rtt)) < cubic - u128::from(rtt), "{cubic} ms and {bbr} ms");
    }
}

/// Draft section 5.3.4: a flow that never sees its path without a queue has half as much in flight for a round trip.
#[test]
fn the_round_trip_is_probed_where_a_queue_stands() {
    let mut path = Path::new(1, bottleneck(10, 100, 400), with(CongestionControl::Bbr));
    path.connect();
    path.run_until(1000);
    path.connect();
    let under_way = 125_000;
    let mut dips = 0;
    let mut is_low = false;
    for tenth in 30..200 {
        path.run_until(tenth * 100);
        let is_low_now = (0..2).any(|index| path.stats(index).congestion_window < under_way / 3);
        dips += u32::from(is_low_now && !is_low);
        is_low = is_low_now;
    }
    assert!((2..=8).contains(&dips), "once in five seconds, both together: {dips}");
}

/// Jain's index of two connections that begin two seconds apart, over ten seconds from the tenth second on.
fn fairness(seed: u64, control: CongestionControl, link: LinkConfig, from: u64) -> (f64, f64) {
    let mut path = Path::new(seed, link, with(control));
    path.connect();
    path.run_until(2000);
    path.connect();
    let shares = path.shares(from, from + 20_000);
    let (sum, squares) = (shares.iter().sum::<f64>(), shares.iter().map(|share| share * share).sum::<f64>());
    (sum * sum / (2.0 * squares), sum)
}

/// How many seeds: few unless the environment says otherwise.
fn seeds(otherwise: u64) -> u64 {
    std::env::var("POSTHASTE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn two_connections_share_one_path() {
    for control in [CongestionControl::Cubic, CongestionControl::Bbr] {
        for (rate, rtt, queue) in [(10, 40, 100), (10, 40, 25), (10, 20, 400)] {
            let link = bottleneck(rate, rtt, queue);
            let all: Vec<(f64, f64)> = (1..=seeds(2)).map(|seed| fairness(seed, control, link, 12_000)).collect();
            let mean = all.iter().map(|(index, _)| index).sum::<f64>() / all.len() as f64;
            println!("{control:?} {rate} Mbit/s, {rtt} ms, queue {queue}: {mean:.3} of {all:.3?}");
            assert!(mean >= 0.95, "{control:?} {rate} Mbit/s, {rtt} ms, queue {queue}: {all:.3?}");
            let is_sound = |(index, sum): &(f64, f64)| *index >= 0.85 && *sum >= 0.85;
            assert!(all.iter().all(is_sound), "{control:?} {rate} Mbit/s, {rtt} ms, queue {queue}: {all:.3?}");
        }
    }
}

/// Two flows of BBR whose queue stands most of the time: between two probes they are allowed what the path delivers, and no more.
/// Over ten and three seeds the index is 0.87 and 0.98, where one in fifty beside that left 0.79 and 0.95.
#[test]
fn two_connections_with_bbr_come_together_where_a_queue_stands() {
    for (rate, rtt, least) in [(20, 80, 0.8), (50, 40, 0.94)] {
        let link = bottleneck(rate, rtt, 100);
        let count = seeds(8);
        let all: Vec<f64> = (1..=count).map(|seed| fairness(seed, CongestionControl::Bbr, link, 12_000).0).collect();
        let mean = all.iter().sum::<f64>() / count as f64;
        println!("{rate} Mbit/s, {rtt} ms: {mean:.3} of {all:.3?}");
        assert!(mean >= least, "{rate} Mbit/s, {rtt} ms: {all:.3?}");
    }
}

/// A long and fast path that loses one in a hundred: neither the window of the receiver nor the buffer of the sender holds back a
/// sender, under the settings of one that says nothing about them. Of the first twenty seconds 0.56 would be left if the rate doubled in
/// each round trip from ten datagrams on. Which packets are lost while it does moves a single seed, so the mean is judged.
#[test]
fn credit_keeps_up_with_bbr_on_a_long_path_that_loses() {
    for (rate, rtt, least, then) in [(200, 600, 0.48, 0.8), (100, 600, 0.5, 0.8)] {
        let link = LinkConfig { loss: 0.01, ..bottleneck(rate, rtt, 100) };
        let count = seeds(2);
        let shares = |seed| {
            let mut path = Path::new(seed, link, with(CongestionControl::Bbr));
            path.connect();
            (path.shares(0, 20_000)[0], path.shares(20_000, 40_000)[0])
        };
        let all: Vec<(f64, f64)> = (1..=count).map(shares).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).sum::<f64>() / count as f64;
        let (first, second) = (mean(|shares| shares.0), mean(|shares| shares.1));
        println!("{rate} Mbit/s, {rtt} ms: {first:.3}, then {second:.3} of {all:.3?}");
        assert!(first >= least && second >= then, "{rate} Mbit/s, {rtt} ms: {all:.3?}");
    }
}

/// RFC 9002 section 7.8: what is not used does not grow.
#[test]
fn an_application_with_little_to_send_has_a_small_window() {
    for control in [CongestionControl::Cubic, CongestionControl::NewReno, CongestionControl::Bbr] {
        let mut path = Path::new(1, bottleneck(50, 50, 100), with(control));
        path.world.machine_mut(path.server).allowance = 4000;
        path.connect();
        for step in 1..400 {
            path.run_until(step * 25);
            path.world.machine_mut(path.server).allow(4000);
        }
        let window = path.stats(0).congestion_window;
        println!("{control:?}: {window}");
        // Twice the first window; what is needed is 8,000 bytes in a round trip.
        assert!(window <= 30_000, "{control:?}: {window}");
    }
}

/// A path that carries nothing for ten seconds is in use again within a probe timeout of what is sent then.
#[test]
fn a_black_hole_of_ten_seconds_is_left_at_the_next_probe() {
    for control in [CongestionControl::Cubic, CongestionControl::NewReno, CongestionControl::Bbr] {
        for rtt in [20, 100, 300] {
            let mut path = Path::new(1, bottleneck(10, rtt, 100), with(control));
            path.connect();
            path.run_until(5000);
            path.set_down(|link| link.loss = 1.0);
            path.run_until(15_000);
            let (before, timeouts) = (path.received()[0], path.stats(0).probe_timeouts);
            path.set_down(|link| link.loss = 0.0);
            let ends = (1500..3500).find(|hundredth| {
                path.run_until(hundredth * 10);
                path.received()[0] > before
            });
            let after = path.stats(0).probe_timeouts - timeouts;
            println!("{control:?}, {rtt} ms: {ends:?}, {after} timeouts after {timeouts}");
            assert!(ends.is_some() && after <= 1, "{control:?}, {rtt} ms: {ends:?}, {after} timeouts");
            let ends = ends.unwrap() * 10;
            // NewReno grows by a datagram in a round trip, and is at two after such a hole.
            let least = if control == CongestionControl::NewReno { 0.5 } else { 0.8 };
            let share = path.shares(ends + 10 * rtt, ends + 10 * rtt + 5000)[0];
            assert!(share > least, "{control:?}, {rtt} ms: {share:.3} of the rate");
        }
    }
}

/// Marks of a router keep BBR's queue short as losses would, and nothing is lost.
#[test]
fn bbr_obeys_marks() {
    let mut config = with(CongestionControl::Bbr);
    config.recovery.ecn = true;
    for (rate, rtt) in [(10, 40), (50, 100)] {
        let under_way = (rate * 125 * rtt) as usize;
        let link = LinkConfig { mark_from: under_way / 4, ..bottleneck(rate, rtt, 400) };
        let mut path = Path::new(1, link, config.clone());
        path.connect();
        let share = path.shares(2000 + 10 * rtt, 12_000 + 10 * rtt)[0];
        let stats = path.stats(0);
        println!("{rate} Mbit/s, {rtt} ms: {share:.3}, {} marks", stats.congestion_marks);
        assert!(stats.congestion_marks > 0 && stats.packets_lost == 0 && share > 0.85, "{share:.3} {stats:?}");
    }
}

/// Packets that come late are no loss: what was taken back for them is given again.
#[test]
fn bbr_is_not_slowed_by_reordering() {
    for (rate, rtt) in [(10, 40), (50, 100), (10, 200)] {
        let reorder_by = Duration::from_millis(rtt / 4);
        let link = LinkConfig { reorder: 0.05, reorder_by, ..bottleneck(rate, rtt, 200) };
        let share = goodput(1, CongestionControl::Bbr, link, 2000 + 10 * rtt, 12_000 + 10 * rtt);
        println!("{rate} Mbit/s, {rtt} ms: {share:.3}");
        assert!(share > 0.85, "{rate} Mbit/s, {rtt} ms: {share:.3}");
    }
}

/// How long handshakes take where one datagram in five is lost, in milliseconds, ascending.
fn handshakes(identity: &adversary::identity::Pair, count: u64) -> Vec<u64> {
    let mut link = LinkConfig::new(Duration::from_millis(25));
    link.loss = 0.2;
    let of = |seed| {
        let (ours, theirs) = (Config::default(), Config::default());
        let mut pair = support::Pair::with_identity(identity, seed, link, vec![], ours, theirs);
        let client = pair.client;
        pair.world.run_until(Instant::from_nanos(30_000_000_000), |world| world.machine(client).established);
        pair.world.now().as_nanos() / 1_000_000
    };
    let mut times: Vec<u64> = (0..count).map(of).collect();
    times.sort_unstable();
    times
}

/// A round trip is 50 ms. The median is within three. Of a hundred handshakes one takes three seconds at most: in 0.8 of a
/// hundred all three datagrams are lost that a client has sent by then, one at once and two when its probe timer expires after
/// a second, and nobody can know of it. The hybrid key exchange takes two datagrams, and either is answered.
#[test]
fn handshakes_where_one_datagram_in_five_is_lost() {
    let count = seeds(3000);
    let most = [150, 3000];
    for (identity, name) in [(adversary::identity::classical(), "classical"), (adversary::identity::pair(), "hybrid")] {
        let times = handshakes(identity, count);
        let at = |hundredths: usize| times[times.len() * hundredths / 100];
        println!("{name}: median {} ms, 90 in 100 {} ms, 99 in 100 {} ms", at(50), at(90), at(99));
        assert!(at(50) <= most[0] && at(99) <= most[1], "{name}: median {} ms, 99 in 100 {} ms", at(50), at(99));
    }
}
