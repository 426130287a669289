//! HTTP/3 from application to application over our own QUIC, on virtual time.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

mod support;

use base::{Duration, Machine, VarInt};
use quic::CloseReason;
use sim::LinkConfig;
use support::{Ask, complete, pair};

#[test]
fn one_exchange_with_everything_in_it() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(1, link, vec![Ask { upload: 100_000, download: 300_000 }]);
    complete(&mut world, [client, server], 1, Duration::from_secs(10));
}

#[test]
fn three_hundred_exchanges_at_once_with_five_percent_loss() {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.loss = 0.05;
    let asks = (0..300).map(|number| Ask { upload: number * 37 % 9000, download: number * 91 % 30_000 }).collect();
    let (mut world, client, server) = pair(2, link, asks);
    complete(&mut world, [client, server], 300, Duration::from_secs(120));
}

#[test]
fn shutting_down_finishes_what_was_begun_and_takes_nothing_new() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(3, link, vec![Ask { upload: 1000, download: 4_000_000 }]);
    world.run_for(Duration::from_millis(100));
    for _ in 0..2 {
        world.machine_mut(server).with_latest(|http, transport| http.shutdown(transport));
        world.run_for(Duration::from_millis(50));
    }
    assert!(world.machine(client).going_away);
    let late = Ask { upload: 1, download: 1 };
    world.machine_mut(client).waiting.values_mut().for_each(|waiting| waiting.push(late));
    complete(&mut world, [client, server], 1, Duration::from_secs(10));
    assert_eq!(world.machine(client).refused, 1);
    let drained = world.machine_mut(server).with_latest(|http, _| http.is_drained());
    assert_eq!(drained, Some(true));
    world.machine_mut(server).with_latest(|http, transport| http.close(transport, VarInt::from_u32(0x100), "done"));
    world.run_for(Duration::from_secs(5));
    assert!(matches!(world.machine(client).closed[..], [CloseReason::PeerApplication { .. }]));
    assert!(world.machine(client).endpoint.quic().is_empty() && world.machine(server).endpoint.quic().is_empty());
}

#[test]
fn what_arrived_before_a_close_can_still_be_read() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(4, link, vec![Ask { upload: 0, download: 100_000 }]);
    world.machine_mut(client).is_lazy = true;
    world.run_for(Duration::from_secs(1));
    assert_eq!((world.machine(server).completed, world.machine(client).completed), (1, 0));
    world.machine_mut(server).with_latest(|http, transport| http.close(transport, VarInt::from_u32(0x100), "done"));
    world.run_for(Duration::from_secs(5));
    assert!(world.machine(client).closed.is_empty(), "not before all is read");
    let (now, host) = (world.now(), world.machine_mut(client));
    host.now = now;
    host.read_all();
    world.run_for(Duration::from_secs(1));
    let host = world.machine_mut(client);
    host.on_timeout(now);
    assert_eq!(host.completed, 1);
    assert!(matches!(host.closed[..], [CloseReason::PeerApplication { .. }]));
    // The endpoint lets go of the connection with the next turn of its driver.
    host.endpoint.transmit(now, &mut [0; 1500]);
    assert!(host.endpoint.quic().is_empty());
}
