//! What a connection keeps for early data, 0-RTT (RFC 9001 section 4.6): a client while it may send some, a server while it may
//! receive some. It is there during few handshakes, and never for long.

use crate::peer_parameters::RememberedParameters;
use crate::violation::Violation;
use crate::wire::transport_parameters::TransportParameters;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Ecn, Instant};

/// 0-RTT packets that a server keeps until it has read the ClientHello, whose second half may come after them. As many as a
/// client sends in its first flight, beside those with the ClientHello.
/// RFC 9000 section 5.2.2-6.
const MAX_HELD: usize = 8;
/// And their bytes.
const MAX_HELD_BYTES: usize = 12 * 1024;

/// Where early data stands.
#[derive(Debug)]
pub(crate) enum EarlyData {
    /// A client sends some.
    Sending(Sending),
    /// A server has not read the ClientHello.
    Awaiting(Vec<Held>),
    /// A server opens 0-RTT packets.
    Receiving {
        /// Set at the end of the handshake: what comes after this is too late.
        until: Option<Instant>,
    },
}

/// What a client relies on.
#[derive(Debug)]
pub(crate) struct Sending {
    remembered: RememberedParameters,
    /// What the application said when the ticket came.
    pub application: Vec<u8>,
    /// The server's new limits, which hold for 1-RTT packets only.
    pub new: Option<Box<TransportParameters>>,
}

/// A packet that cannot be opened yet.
#[derive(Debug)]
pub(crate) struct Held {
    /// All of it.
    pub packet: Vec<u8>,
    /// The mark of its datagram.
    pub ecn: Ecn,
}

impl Sending {
    /// Within the parameters that were remembered, by an application that said this.
    pub(crate) const fn new(remembered: RememberedParameters, application: Vec<u8>) -> Sending {
        Sending { remembered, application, new: None }
    }

    /// The server has accepted what was sent within the limits that were remembered, so none of them may have shrunk; the new ones
    /// are for 1-RTT packets.
    ///
    /// # Errors
    /// [`Violation::EarlyLimitsReduced`].
    /// RFC 9000 section 7.4.1-5, 7.4.1-6, 7.4.1-10.
    pub(crate) fn on_accepted(&mut self, new: &TransportParameters) -> Result<(), Violation> {
        self.remembered.check_not_reduced(new)?;
        self.new = Some(Box::new(new.clone()));
        Ok(())
    }
}

impl EarlyData {
    /// Keeps a packet that came before the ClientHello was complete, if there is room; tells whether it did.
    pub(crate) fn hold(&mut self, packet: &[u8], ecn: Ecn) -> bool {
        let EarlyData::Awaiting(held) = self else { return false };
        let bytes: usize = held.iter().map(|held| held.packet.len()).sum();
        let has_room = held.len() < MAX_HELD && bytes + packet.len() <= MAX_HELD_BYTES;
        if has_room {
            held.push(Held { packet: packet.to_vec(), ecn });
        }
        has_room
    }

    /// When a server drops the keys.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self {
            EarlyData::Receiving { until } => *until,
            EarlyData::Sending(_) | EarlyData::Awaiting(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M3: a client that never completes its ClientHello can have so much held, and no more.
    #[test]
    fn packets_are_held_within_bounds() {
        let hold = |early: &mut EarlyData, len: usize| early.hold(&alloc::vec![0; len], Ecn::NotEct);
        let mut early = EarlyData::Awaiting(Vec::new());
        assert_eq!((0..20).filter(|_| hold(&mut early, 100)).count(), MAX_HELD);
        let mut early = EarlyData::Awaiting(Vec::new());
        assert_eq!((0..20).filter(|_| hold(&mut early, 3000)).count(), MAX_HELD_BYTES / 3000);
        assert!(!hold(&mut EarlyData::Receiving { until: None }, 1), "what can be opened is");
    }
}
