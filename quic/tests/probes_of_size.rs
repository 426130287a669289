//! What looks for a larger size of datagrams costs nobody a round trip (RFC 8899): data goes first.

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, Instant};
use quic::Config;
use sim::{LinkConfig, LossMask};
use support::{Exchange, Pair};

/// In milliseconds, when a download of `size` bytes is done whose server tries datagrams of `largest` bytes, on a path that
/// carries `mtu` and loses the datagrams of `lost`.
fn download(size: u64, largest: u16, mtu: usize, lost: LossMask) -> u64 {
    let link = LinkConfig { mtu, ..LinkConfig::new(Duration::from_millis(20)) };
    let server = Config { max_udp_payload_size: largest, ..Config::default() };
    let mut pair = Pair::with(3, link, vec![Exchange { upload: 0, download: size }], Config::default(), server);
    pair.world.network().set_loss_mask(lost);
    let client = pair.client;
    pair.world.run_until(Instant::ZERO + Duration::from_secs(60), |world| world.machine(client).completed == 1);
    pair.world.now().as_nanos() / 1_000_000
}

#[test]
fn a_download_takes_no_longer_because_a_larger_size_is_looked_for() {
    for size in (1000..120_000).step_by(700) {
        for mtu in [1200, 1300, 1452] {
            let (with, without) = [1452, 1200].map(|largest| download(size, largest, mtu, LossMask(0))).into();
            assert!(with <= without, "{size} bytes over {mtu}: {with} ms, and {without} ms without");
        }
    }
}

/// Whichever datagram is lost: sorted by how long they took, no run takes longer with the search than without, but for what
/// the pacer makes of another size.
#[test]
fn nor_after_a_loss() {
    for size in [3000, 9000, 15_000, 30_000, 50_000, 90_000] {
        for mtu in [1200, 1452] {
            let times = |largest| {
                let mut times: Vec<_> = (0..40).map(|lost| download(size, largest, mtu, LossMask(1 << lost))).collect();
                times.sort_unstable();
                times
            };
            let (with, without) = (times(1452), times(1200));
            assert!(
                with.iter().zip(&without).all(|(with, without)| *with <= without + 5),
                "{size} bytes over {mtu}:\n{with:?}\n{without:?}"
            );
        }
    }
}
