//! A path that carries less from some moment on, perhaps after it carried nothing for a while: what is under way goes on soon
//! after (RFC 8899 section 4.3, RFC 9000 section 14.3).

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, Instant};
use quic::{CloseReason, Config, TransportErrorCode};
use sim::{LinkConfig, Nat, World};
use std::net::SocketAddr;
use support::{Exchange, Pair};

/// Half of a round trip of 40 ms.
const DELAY: Duration = Duration::from_millis(20);
/// So long after the path carries anything again at most, all is done.
const BOUND: Duration = Duration::from_secs(3);
/// What passes from some moment on. All but the last are found again by the search, to within what is worth a probe.
const SIZES: [usize; 5] = [1440, 1400, 1300, 1280, 1200];
/// When: while the handshake ends, with the window still small, and in the middle.
const MOMENTS: [u64; 3] = [45, 130, 400];
/// For how many milliseconds nothing passes before.
const GAPS: [u64; 4] = [0, 350, 900, 2000];

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn link() -> LinkConfig {
    LinkConfig { rate: Some(2_500_000), queue: 100_000, ..LinkConfig::new(DELAY) }
}

/// Runs `exchanges` over a path that carries `size` bytes from `moment` on, after `gap` of silence; how long they took from
/// the end of the silence on.
fn narrowed(exchanges: Vec<Exchange>, size: usize, moment: u64, gap: u64) -> (Duration, Pair) {
    let count = exchanges.len();
    let mut pair = Pair::new(moment + gap, link(), exchanges);
    pair.world.set_step_limit(100_000_000);
    let (client, server) = (pair.client, pair.server);
    let is_done = |world: &mut World| [client, server].iter().all(|host| world.machine(*host).completed == count);
    pair.world.run_until(Instant::ZERO + ms(moment), |_| false);
    assert!(!is_done(&mut pair.world), "still under way");
    pair.set_link(LinkConfig { loss: 1.0, ..link() });
    pair.world.run_for(ms(gap));
    pair.set_link(LinkConfig { mtu: size, ..link() });
    let begin = pair.world.now();
    pair.world.run_until(begin + Duration::from_secs(100), |world| {
        is_done(world) || !world.machine(client).closed.is_empty()
    });
    assert!(
        is_done(&mut pair.world),
        "to {size} bytes, {moment} ms, {gap} ms: {:?}",
        pair.world.machine(client).closed
    );
    (pair.world.now() - begin, pair)
}

fn matrix(name: &str, exchanges: impl Fn() -> Vec<Exchange>) {
    let mut slowest = Duration::ZERO;
    for size in SIZES {
        for moment in MOMENTS {
            let times = GAPS.map(|gap| narrowed(exchanges(), size, moment, gap).0);
            println!(
                "{name:9} to {size} at {moment:3} ms, after {GAPS:?} ms of silence: {:?} ms",
                times.map(|time| time.as_nanos() / 1_000_000)
            );
            slowest = times.into_iter().fold(slowest, Duration::max);
        }
    }
    assert!(slowest <= BOUND, "{name}: {slowest:?}");
}

#[test]
fn r2_a_download_over_a_path_that_narrows() {
    matrix("download", || vec![Exchange { upload: 0, download: 1_500_000 }]);
}

#[test]
fn r2_an_upload_over_a_path_that_narrows() {
    matrix("upload", || vec![Exchange { upload: 1_500_000, download: 0 }]);
}

#[test]
fn r2_many_small_answers_over_a_path_that_narrows() {
    matrix("answers", || vec![Exchange { upload: 10, download: 700 }; 2000]);
}

#[test]
fn r2_many_small_questions_over_a_path_that_narrows() {
    matrix("questions", || vec![Exchange { upload: 700, download: 10 }; 2000]);
}

/// Its client's port changes as well, again and again: what is known of the size then holds for the next port, and so does what speaks
/// against it.
#[test]
fn r2_transfers_over_a_path_that_narrows_while_the_client_s_port_changes() {
    let inside = support::CLIENT.parse().expect("an address");
    let outside = |number: u64| SocketAddr::from(([198, 51, 100, 1], 10_000 + number as u16));
    let mut slowest = Duration::ZERO;
    for (size, every, upload) in SIZES.into_iter().flat_map(|size| {
        [200, 300, 500, 2000].into_iter().flat_map(move |every| [false, true].map(|upload| (size, every, upload)))
    }) {
        let exchange = if upload { (1_500_000, 0) } else { (0, 1_500_000) };
        let exchange = Exchange { upload: exchange.0, download: exchange.1 };
        let client = Config { keep_alive: Some(Duration::from_secs(1)), ..Config::default() };
        let mut pair = Pair::with(every, link(), vec![exchange], client, Config::default());
        pair.world.set_step_limit(100_000_000);
        let mut nat = Nat::new(inside, outside(0));
        for number in 1..=100 {
            nat.rebind(Instant::ZERO + ms(number * every), outside(number));
        }
        pair.world.network().add_nat(nat);
        pair.world.run_until(Instant::ZERO + ms(400), |_| false);
        pair.set_link(LinkConfig { mtu: size, ..link() });
        let client = pair.client;
        pair.world.run_until(Instant::ZERO + ms(100_000), |world| world.machine(client).completed == 1);
        let (client, time) = (pair.world.machine(pair.client), pair.world.now() - Instant::ZERO);
        println!("to {size}, another port each {every} ms, upload {upload}: {time:?}");
        assert_eq!((client.completed, client.closed.len()), (1, 0), "to {size}, each {every} ms, upload {upload}");
        slowest = slowest.max(time);
    }
    assert!(slowest <= BOUND, "{slowest:?}");
}

/// A path that carries less than QUIC needs, but enough for PINGs and their acknowledgments: nothing else gets through, and a
/// client that keeps its connection alive does not keep this one. Who gives it up says so, and why.
#[test]
fn r2_a_keep_alive_does_not_keep_a_connection_in_which_nothing_is_acknowledged() {
    for exchange in [Exchange { upload: 0, download: 3_000_000 }, Exchange { upload: 3_000_000, download: 0 }] {
        let client = Config { keep_alive: Some(Duration::from_secs(5)), ..Config::default() };
        let server = Config { keep_alive: Some(Duration::from_secs(7)), ..Config::default() };
        let mut pair = Pair::with(1, link(), vec![exchange], client, server);
        pair.world.run_until(Instant::ZERO + ms(400), |_| false);
        pair.set_link(LinkConfig { mtu: 1000, ..link() });
        pair.world.run_for(Duration::from_secs(100));
        for host in [pair.client, pair.server] {
            let closed = &pair.world.machine(host).closed;
            let is_told = match &closed[..] {
                [CloseReason::Unanswered(_)] => true,
                [CloseReason::PeerTransport { code, .. }] => *code == TransportErrorCode::NO_VIABLE_PATH,
                _ => false,
            };
            assert!(is_told, "{closed:?}");
        }
    }
}
