//! One path (RFC 9000 section 9): its addresses and everything that depends on them.

use super::amplification::Amplification;
use super::mtu::MtuDiscovery;
use super::validation::Validation;
use base::{FourTuple, Instant};

/// One path.
pub struct Path {
    /// Where it runs.
    pub four_tuple: FourTuple,
    /// How much may be sent before the peer's address is validated.
    pub amplification: Amplification,
    /// Challenges and responses.
    pub validation: Validation,
    /// How large datagrams may be.
    pub mtu: MtuDiscovery,
    /// The pacer asks to wait until then.
    pub paced_until: Option<Instant>,
}

impl Path {
    /// A path on which nothing was sent or received yet. `validated`: the peer's address is known to be its own, as a
    /// client knows of the server it chose to talk to (section 8.1).
    pub fn new(four_tuple: FourTuple, validated: bool, mtu: MtuDiscovery) -> Path {
        let amplification = if validated { Amplification::validated() } else { Amplification::new() };
        Path { four_tuple, amplification, validation: Validation::new(), mtu, paced_until: None }
    }
}
