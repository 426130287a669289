//! What becomes of a client's connections that no request is told.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Something that concerns a connection as a whole. See `ClientBuilder::on_event`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The address of this host that a connection used leads to its server no longer: its interface is down, or has another
    /// address. The connection goes on from another one, and its requests with it.
    AddressChanged {
        /// With whom.
        server: SocketAddr,
        /// Where this end was.
        before: IpAddr,
        /// Where it is.
        local: SocketAddr,
    },
    /// A server is reached by TCP, with HTTP/2 or HTTP/1.1. See `ClientBuilder::tcp`.
    ByTcp {
        /// Host and port.
        server: String,
        /// What came of QUIC; `None` if nothing did until the server had answered by TCP.
        because: Option<String>,
    },
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientEvent::AddressChanged { server, before, local } => {
                write!(f, "the connection to {server} goes on from {local}: {before} leads there no longer")
            }
            ClientEvent::ByTcp { server, because: Some(error) } => {
                write!(f, "{server} is asked by TCP, as HTTP/3 failed: {error}")
            }
            ClientEvent::ByTcp { server, because: None } => {
                write!(f, "{server} is asked by TCP, where it answered first")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words() {
        let event = ClientEvent::AddressChanged {
            server: ([192, 0, 2, 1], 443).into(),
            before: [10, 0, 0, 1].into(),
            local: ([10, 1, 0, 1], 5000).into(),
        };
        let words = "the connection to 192.0.2.1:443 goes on from 10.1.0.1:5000: 10.0.0.1 leads there no longer";
        assert_eq!(event.to_string(), words);
        let mut by_tcp =
            ClientEvent::ByTcp { server: "a.example:443".into(), because: Some("nobody listens there".into()) };
        assert_eq!(by_tcp.to_string(), "a.example:443 is asked by TCP, as HTTP/3 failed: nobody listens there");
        let ClientEvent::ByTcp { because, .. } = &mut by_tcp else { unreachable!() };
        *because = None;
        assert_eq!(by_tcp.to_string(), "a.example:443 is asked by TCP, where it answered first");
    }
}
