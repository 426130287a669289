//! First packets of clients that will never be heard of again: what a flood is made of.

use crate::frames::encode;
use crate::identity;
use crate::options::{PLAIN, Tweak};
use crate::spaces::Spaces;
use base::Side;
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::{Frame, PacketKind};
use quic::wire::transport_parameters::TransportParameters;
use sim::SeededRandom;
use tls::Level;

/// Makes them: each is well-formed and authentic, with a ClientHello that a server answers, and to a connection ID of its own.
pub struct FirstPackets {
    spaces: Spaces,
    source: ConnectionId,
    payload: Vec<u8>,
    number: u64,
}

impl FirstPackets {
    /// Of clients that speak this application protocol.
    pub fn new(protocol: &[u8]) -> FirstPackets {
        let source = ConnectionId::new(&[0x66; 8]).unwrap();
        let parameters =
            TransportParameters { initial_source_connection_id: Some(source), ..TransportParameters::default() };
        let (client, _) = identity::pair_of(protocol);
        let bytes = parameters.encode(Side::Client, 0);
        let mut random = SeededRandom::new(66);
        let mut session = tls::quic::client(client, identity::server_name(), bytes, &mut random).unwrap();
        let hello = std::iter::from_fn(|| session.poll_output()).find(|(level, _)| *level == Level::Initial);
        let (_, hello) = hello.expect("a client speaks first");
        let mut payload = encode(&Frame::Crypto { offset: 0, data: &hello });
        payload.resize(payload.len().max(1200), 0);
        FirstPackets { spaces: Spaces::new(Side::Client, source), source, payload, number: 0 }
    }

    /// The next one.
    pub fn make(&mut self) -> Vec<u8> {
        self.number += 1;
        let destination = ConnectionId::new(&(self.number + (1 << 40)).to_be_bytes()).unwrap();
        self.seal(destination, PLAIN)
    }

    /// The answer of a client that was asked back with `token`, to this connection ID of the server's.
    pub fn make_with_token(&mut self, destination: ConnectionId, token: &'static [u8]) -> Vec<u8> {
        self.seal(destination, Tweak { token, ..PLAIN })
    }

    fn seal(&mut self, destination: ConnectionId, tweak: Tweak) -> Vec<u8> {
        self.spaces.rekey_initial(Side::Client, destination);
        self.spaces.set_next(PacketKind::Initial, 0);
        self.spaces.seal(PacketKind::Initial, (destination, self.source), &self.payload, tweak)
    }
}
