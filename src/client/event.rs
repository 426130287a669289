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
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientEvent::AddressChanged { server, before, local } => {
                write!(f, "the connection to {server} goes on from {local}: {before} leads there no longer")
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
    }
}
