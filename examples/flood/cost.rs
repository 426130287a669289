//! What a server does for one first packet, in microseconds: without a network, so that nothing else is measured.

use adversary::FirstPackets;
use base::{Datagram, Ecn, FourTuple, Instant, Machine};
use quic::{AddressValidation, Config, Endpoint, EndpointConfig};
use std::sync::Arc;

/// Packets of one measurement.
const COUNT: u64 = 20_000;

/// Prints it for each way in which a packet can be met.
pub fn print() {
    let most = 1_000_000;
    measure("a connection begins", |config| {
        config.address_validation = AddressValidation::Never;
        (config.max_handshaking, config.max_handshaking_per_network) = (most, most);
    });
    measure("the client is asked for its address", |config| config.address_validation = AddressValidation::Always);
    measure("all places of handshakes are taken", |config| config.max_handshaking = 0);
    measure("all connections are taken", |config| config.max_connections = 0);
    println!("and if the packet cannot be opened:");
    spoilt("a connection does not begin", |config| config.address_validation = AddressValidation::Never);
}

fn measure(what: &str, change: impl Fn(&mut EndpointConfig)) {
    run(what, change, false);
}

fn spoilt(what: &str, change: impl Fn(&mut EndpointConfig)) {
    run(what, change, true);
}

fn run(what: &str, change: impl Fn(&mut EndpointConfig), is_spoilt: bool) {
    let mut packets = FirstPackets::new(b"test");
    let mut made: Vec<Vec<u8>> = (0..COUNT).map(|_| packets.make()).collect();
    let server = adversary::identity::pair().1.clone();
    let mut config = EndpointConfig::new(crypto_ring::PROVIDER, Arc::new(Config::default()), Some(server));
    change(&mut config);
    let mut endpoint: Endpoint = Endpoint::new(Instant::ZERO, config, Box::new(crypto_ring::SystemRandom::new()));
    let mut buffer = vec![0; 65_536];
    let begin = std::time::Instant::now();
    for (number, packet) in made.iter_mut().enumerate() {
        if is_spoilt && let Some(last) = packet.last_mut() {
            *last ^= 1;
        }
        let [.., high, low] = number.to_be_bytes();
        let four_tuple = FourTuple { local: ([192, 0, 2, 1], 443).into(), remote: ([10, high, low, 1], 1).into() };
        endpoint.receive(Instant::ZERO, Datagram { four_tuple, ecn: Ecn::NotEct, payload: packet });
        while endpoint.transmit(Instant::ZERO, &mut buffer).is_some() {}
    }
    let each = begin.elapsed().as_secs_f64() * 1e6 / COUNT as f64;
    println!("{each:8.2} us  {what}  {:?}", endpoint.stats().strangers);
}
