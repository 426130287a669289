//! How large a datagram may be: told, told again when the path changes, and found soon by who cannot cut what it has.

use super::{CLIENT, Pair, SECOND, SERVER, TOLD, config, limited, link};
use base::{Bytes, Duration, Instant};
use quic::{DatagramEvent, DatagramOptions, DatagramRefusal};
use sim::{LinkConfig, Nat};
use std::net::SocketAddr;

#[test]
fn the_largest_size_is_told_and_told_again_when_the_path_changes() {
    let mut pair = Pair::new(1, limited(), [config(65_535), config(65_535)], |client| client.wants_bulk = true);
    pair.run(2000);
    let sizes = pair.client().sizes();
    assert!(sizes.len() >= 2 && sizes.is_sorted() && sizes[0] > 1160 && sizes.last() > Some(&1400), "{sizes:?}");
    let largest = *sizes.last().unwrap();
    assert_eq!(pair.client().connection().max_datagram_size(), Some(largest));
    // So many bytes arrive, though a stream would fill each packet, and acknowledgments come and go.
    let id = pair.client().connection().send_datagram(Bytes::from(vec![1; largest]), TOLD).unwrap();
    pair.run(1000);
    assert_eq!(pair.client().fates()[&id], [DatagramEvent::Acknowledged(id)]);
    // The path gets narrower: what is lost for it shows it, and the size is told.
    let [here, second, there]: [SocketAddr; 3] = [CLIENT, SECOND, SERVER].map(|text| text.parse().unwrap());
    pair.world.network().set_both(here, there, LinkConfig { mtu: 1300, ..limited() });
    pair.run(5000);
    let narrow = *pair.client().sizes().last().unwrap();
    assert!(narrow < 1300, "{:?}", pair.client().sizes());
    // Another path begins with what each carries.
    pair.world.network().set_both(second, there, limited());
    let now = pair.world.now();
    pair.client().connection().migrate(now, second).unwrap();
    pair.run(3000);
    let sizes = pair.client().sizes();
    assert!(sizes.last() > Some(&1400), "{sizes:?}");
    assert!(pair.client().closed.is_empty());
}

/// Who sends datagrams as large as may be, or wants to send larger ones, needs no stream to have the path looked at.
#[test]
fn datagrams_alone_have_the_size_of_the_path_found() {
    for excess in [0, 1] {
        let mut pair = Pair::new(1, link(), [config(65_535), config(65_535)], |_| {});
        pair.run(1000);
        assert_eq!(pair.client().sizes().len(), 1);
        let most = pair.client().connection().max_datagram_size().unwrap();
        let result = pair.client().connection().send_datagram(Bytes::from(vec![1; most + excess]), TOLD);
        assert_eq!(result.is_ok(), excess == 0);
        pair.run(1000);
        assert!(pair.client().connection().max_datagram_size() > Some(1400), "{:?}", pair.client().sizes());
    }
}

/// What waits and is too large for the new path is dropped, and said so.
#[test]
fn what_became_too_large_is_dropped() {
    let mut pair = Pair::new(1, limited(), [config(65_535), config(65_535)], |client| client.wants_bulk = true);
    pair.run(2000);
    let largest = pair.client().connection().max_datagram_size().unwrap();
    let second: SocketAddr = SECOND.parse().unwrap();
    pair.world.network().set_both(second, SERVER.parse().unwrap(), limited());
    let now = pair.world.now();
    pair.client().connection().migrate(now, second).unwrap();
    // Before the new path is found to carry more than every path does.
    let (client, limit) = (pair.client, now + Duration::from_secs(2));
    pair.world.run_until(limit, |world| world.machine(client).sizes().last().is_some_and(|size| *size < largest));
    let refused = pair.client().connection().send_datagram(Bytes::from(vec![1; largest]), TOLD).unwrap_err();
    assert!(matches!(refused.reason, DatagramRefusal::TooLarge { most } if most < largest));
}

/// What a tunnel carries in which QUIC runs: packets of 1200 bytes, and what says whose they are.
const TUNNELLED: usize = 1202;

/// A server that sends a tunnel's packets, one each ten milliseconds for ten seconds, over a path that carries 1300 bytes from 400 ms on,
/// while its client comes from another address every so often. How many arrive.
fn tunnelled(moves_every: u64, same_host: bool) -> usize {
    let outside = |number: u64| {
        let host = if same_host { 1 } else { number as u8 + 1 };
        SocketAddr::from(([198, 51, 100, host], 10_000 + number as u16))
    };
    let mut pair = Pair::new(1, link(), [config(65_535), config(65_535)], |_| {});
    let [inside, server]: [SocketAddr; 2] = [CLIENT, SERVER].map(|text| text.parse().unwrap());
    let mut nat = Nat::new(inside, outside(0));
    for number in 1..=10_000 / moves_every {
        nat.rebind(Instant::ZERO + Duration::from_millis(number * moves_every), outside(number));
    }
    pair.world.network().add_nat(nat);
    for turn in 0..1000 {
        if turn == 40 {
            pair.world.network().set_both(inside, server, LinkConfig { mtu: 1300, ..link() });
        }
        pair.run(10);
        let answer = Bytes::from_static(b"what is inside is acknowledged");
        let _ = pair.client().connection().send_datagram(answer, DatagramOptions::default());
        if pair.server().handle.is_some() {
            let packet = Bytes::from(vec![0; TUNNELLED]);
            let _ = pair.server().connection().send_datagram(packet, DatagramOptions::default());
        }
    }
    pair.run(1000);
    assert!(pair.client().closed.is_empty() && pair.server().closed.is_empty());
    pair.client().read.iter().filter(|datagram| datagram.len() == TUNNELLED).count()
}

/// A datagram is lost, others that are a little smaller arrive, and then none of those does either: not one of the larger ones is needed
/// to find out why.
#[test]
fn datagrams_of_nearly_one_size_find_out_that_their_path_has_narrowed() {
    for less in [1, 2, 15, 40] {
        let mut pair = Pair::new(1, limited(), [config(65_535), config(65_535)], |_| {});
        let [here, there]: [SocketAddr; 2] = [CLIENT, SERVER].map(|text| text.parse().unwrap());
        pair.run(1000);
        let first = pair.client().connection().max_datagram_size().unwrap();
        pair.client().connection().send_datagram(Bytes::from(vec![1; first]), TOLD).unwrap();
        pair.run(1000);
        let largest = pair.client().connection().max_datagram_size().unwrap();
        assert!(largest > 1400);
        pair.world.network().set_both(here, there, LinkConfig { loss: 1.0, ..limited() });
        pair.client().connection().send_datagram(Bytes::from(vec![1; largest]), TOLD).unwrap();
        pair.run(1);
        pair.world.network().set_both(here, there, limited());
        for turn in 0..3000 {
            // What finds no room is left out.
            let _ = pair.client().connection().send_datagram(Bytes::from(vec![1; largest - less]), TOLD);
            pair.run(1);
            if turn == 200 {
                pair.world.network().set_both(here, there, LinkConfig { mtu: 1300, ..limited() });
            }
        }
        let narrow = pair.client().connection().max_datagram_size().unwrap();
        assert!(narrow < 1300 && narrow > 1200, "{narrow}, with {less} less");
    }
}

/// With the 1280 bytes that IPv6 asks of every link, a tunnel with QUIC in it just goes through.
#[test]
fn a_tunnel_goes_through_the_narrowest_path_of_ipv6() {
    let narrow = LinkConfig { mtu: 1280 - 40 - 8, ..link() };
    let mut pair = Pair::new(1, narrow, [config(65_535), config(65_535)], |_| {});
    pair.run(1000);
    let most = pair.client().connection().max_datagram_size().unwrap();
    assert!(most < TUNNELLED);
    let refused = pair.client().connection().send_datagram(Bytes::from(vec![1; TUNNELLED]), TOLD).unwrap_err();
    assert_eq!(refused.reason, DatagramRefusal::TooLarge { most });
    pair.run(100);
    let id = pair.client().connection().send_datagram(Bytes::from(vec![1; TUNNELLED]), TOLD).unwrap();
    pair.run(100);
    assert_eq!(pair.client().fates()[&id], [DatagramEvent::Acknowledged(id)]);
}

/// Datagrams are not sent again, so nothing that is lost for its size is found out by sending it smaller.
#[test]
fn a_tunnel_goes_on_over_a_path_that_narrows_and_whose_client_moves() {
    // What each move costs is what was under way to the address before.
    let ports = [500, 100].map(|every| tunnelled(every, true));
    assert!(ports[0] >= 880 && ports[1] >= 500, "{ports:?} of 1000");
    // At another host each path is looked at anew: its address is validated, and then the one size is tried that is needed.
    let hosts = [2000, 500].map(|every| tunnelled(every, false));
    assert!(hosts[0] >= 850 && hosts[1] >= 500, "{hosts:?} of 1000");
}
