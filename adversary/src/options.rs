//! What a script may choose: how it begins, what its target is configured with, how one packet is built.

use crate::identity::{self, Pair};
use base::{Duration, Side};
use quic::wire::connection_id::ConnectionId;
use quic::wire::transport_parameters::TransportParameters;
use quic::{Config, EndpointConfig};
use std::rc::Rc;

/// The peer's address.
pub const HERE: &str = "192.0.2.9:40000";
/// The target's address.
pub const THERE: &str = "192.0.2.1:443";

/// How far the handshake goes before the script takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A client has sent nothing; a server has the target's ClientHello and has answered nothing.
    Begun,
    /// Both sides have Handshake keys: a client has read the server's flight, a server has sent its ServerHello.
    Keys,
    /// The target is established.
    Established,
}

/// What is unusual about a packet.
#[derive(Clone, Copy, Debug)]
pub struct Tweak {
    /// Bits set in the first byte beside those that belong there.
    pub first_byte: u8,
    /// The packet number, if it is not the next one.
    pub number: Option<u64>,
    /// The Source Connection ID, if it is not the peer's.
    pub source: Option<ConnectionId>,
    /// The Destination Connection ID, if it is not the target's.
    pub destination: Option<ConnectionId>,
    /// The token of an Initial packet.
    pub token: &'static [u8],
}

/// Nothing is unusual.
pub const PLAIN: Tweak = Tweak { first_byte: 0, number: None, source: None, destination: None, token: &[] };

/// Makes the peer's transport parameters as bytes: of those that an honest peer of this side would send.
pub type Parameters = Rc<dyn Fn(TransportParameters, Side) -> Vec<u8>>;

/// What a script may choose before it begins.
#[derive(Clone)]
pub struct Options {
    /// The target's.
    pub config: Config,
    /// The peer's connection ID.
    pub source: ConnectionId,
    /// Changes the peer's transport parameters as bytes.
    pub parameters: Parameters,
    /// Of both sides.
    pub identity: &'static Pair,
    /// Of all that is drawn.
    pub seed: u64,
    /// Changes the target's endpoint.
    pub endpoint: Rc<dyn Fn(&mut EndpointConfig)>,
    /// Whether the packets and datagrams of the target are kept for the script to look at. Long floods do without.
    pub keeps: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            config: Config::default(),
            source: ConnectionId::new(&[0x77; 8]).unwrap(),
            parameters: Rc::new(|parameters: TransportParameters, side| parameters.encode(side, 0)),
            identity: identity::pair(),
            seed: 1,
            endpoint: Rc::new(|_| {}),
            keeps: true,
        }
    }
}

impl Options {
    /// Generous parameters, so that only what a script does on purpose is refused.
    pub(crate) fn generous_parameters(&self) -> TransportParameters {
        TransportParameters {
            initial_max_data: 1 << 20,
            initial_max_stream_data_bidi_local: 1 << 20,
            initial_max_stream_data_bidi_remote: 1 << 20,
            initial_max_stream_data_uni: 1 << 20,
            initial_max_streams_bidi: 100,
            initial_max_streams_uni: 100,
            active_connection_id_limit: 4,
            initial_source_connection_id: Some(self.source),
            max_idle_timeout: Duration::from_secs(30),
            ..TransportParameters::default()
        }
    }
}
