//! One path (RFC 9000 section 9): its addresses and everything that depends on them.

use super::amplification::Amplification;
use super::mtu::MtuDiscovery;
use super::spin::Spin;
use super::validation::{Proof, Validation};
use crate::wire::connection_id::ConnectionId;
use base::{Duration, FourTuple, Instant};

/// A datagram that has less than 1200 bytes because the amplification limit allows no more has at most so many: small enough
/// to be told from a full one by its room alone.
pub(crate) const SMALL_DATAGRAM: usize = 1000;
/// The smallest one that is worth sending: a challenge fits whatever the lengths of connection ID (20) and packet number (4).
const LEAST_DATAGRAM: usize = 1 + 20 + 4 + 9 + 16;

/// One path.
pub(crate) struct Path {
    /// Where it runs.
    pub four_tuple: FourTuple,
    /// Which ID of ours the peer sends to on it.
    pub local_id: ConnectionId,
    /// How much may be sent before the peer's address is validated.
    pub amplification: Amplification,
    /// Challenges and responses.
    pub validation: Validation,
    /// Whether a Handshake packet proves the peer's address: only where all Initial packets of ours went there.
    pub proved_by_handshake: bool,
    /// Whether it is known to carry datagrams of 1200 bytes to the peer.
    pub carries_full_size: bool,
    /// How large datagrams may be.
    pub mtu: MtuDiscovery,
    /// The pacer asks to wait until then.
    pub paced_until: Option<Instant>,
    /// The spin bit.
    pub spin: Spin,
}

impl Path {
    /// The path that a connection begins on. `validated`: the peer's address is known to be its own, as a client knows of
    /// the server it chose to talk to (section 8.1). The handshake itself shows that it carries 1200 bytes (section 14.1).
    /// RFC 9000 section 14-1.
    pub(crate) fn first(four_tuple: FourTuple, local_id: ConnectionId, validated: bool, mtu: MtuDiscovery) -> Path {
        Path { proved_by_handshake: true, carries_full_size: true, ..Path::new(four_tuple, local_id, validated, mtu) }
    }

    /// A path on which nothing was sent or received yet.
    pub(crate) fn new(four_tuple: FourTuple, local_id: ConnectionId, validated: bool, mtu: MtuDiscovery) -> Path {
        let amplification = if validated { Amplification::validated() } else { Amplification::new() };
        let validation = Validation::new();
        let spin = Spin::default();
        Path {
            four_tuple,
            local_id,
            amplification,
            validation,
            proved_by_handshake: false,
            carries_full_size: false,
            mtu,
            paced_until: None,
            spin,
        }
    }

    /// Whether a datagram with these addresses was sent on this path. Where a driver does not know the IP address it
    /// received at, the port has to do.
    #[inline]
    pub(crate) fn is_at(&self, four_tuple: &FourTuple) -> bool {
        self.four_tuple == *four_tuple || self.is_at_unknown_local(four_tuple)
    }

    /// Apart from [`Path::is_at`], which is asked for every datagram and mostly done with its first comparison.
    #[cold]
    fn is_at_unknown_local(&self, four_tuple: &FourTuple) -> bool {
        let (ours, theirs) = (self.four_tuple.local, four_tuple.local);
        self.four_tuple.remote == four_tuple.remote
            && ours.port() == theirs.port()
            && (ours.ip().is_unspecified() || theirs.ip().is_unspecified())
    }

    /// Whether it is safe to rely on: the peer's address is validated, and the path carries what QUIC needs.
    pub(crate) const fn is_proven(&self) -> bool {
        self.amplification.is_validated() && self.carries_full_size
    }

    /// The peer answered a challenge.
    pub(crate) fn on_proof(&mut self, proof: Proof) {
        self.amplification.validate();
        self.carries_full_size |= proof == Proof::Path;
    }

    /// It is the path in use from now on: validated if it is not yet, and its size looked for. The times are those of
    /// [`Validation::start`].
    pub(crate) fn on_taken_up(&mut self, now: Instant, interval: Duration, timeout: Duration) {
        if self.is_proven() {
            self.validation.stop();
        } else if !self.validation.is_validating() {
            self.validation.start(now, interval, timeout);
        }
        self.mtu.on_path_taken_up();
    }

    /// Whether only the peer's port differs from that of `other`: most likely the same way through the network
    /// (section 9.4).
    pub(crate) fn differs_by_port_only(&self, other: &FourTuple) -> bool {
        self.four_tuple.local == other.local
            && self.four_tuple.remote.ip() == other.remote.ip()
            && self.four_tuple.remote.port() != other.remote.port()
    }

    /// What is known here of the size of datagrams between these addresses.
    pub(crate) fn mtu_at(&self, four_tuple: &FourTuple) -> MtuDiscovery {
        if self.differs_by_port_only(four_tuple) { self.mtu.on_another_port() } else { self.mtu.on_another_path() }
    }

    /// How large the next datagram may be: as large as the path carries, or half of what the amplification limit leaves if
    /// that is less than full size. The other half is for asking again, should a challenge get lost.
    pub(crate) fn datagram_size(&self) -> usize {
        let size = self.mtu.current();
        match self.amplification.available() {
            available if available >= size || available < LEAST_DATAGRAM => size,
            available => (available / 2).clamp(LEAST_DATAGRAM, SMALL_DATAGRAM),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::mtu::MIN_SIZE;

    fn path(local: &str, remote: &str) -> Path {
        let four_tuple = FourTuple { local: local.parse().unwrap(), remote: remote.parse().unwrap() };
        Path::new(four_tuple, ConnectionId::EMPTY, false, MtuDiscovery::new(MIN_SIZE))
    }

    #[test]
    fn a_path_is_four_addresses_as_far_as_they_are_known() {
        let known = path("10.0.0.1:1", "10.0.0.2:2");
        for (local, remote, same) in [
            ("10.0.0.1:1", "10.0.0.2:2", true),
            ("0.0.0.0:1", "10.0.0.2:2", true),
            ("0.0.0.0:3", "10.0.0.2:2", false),
            ("10.0.0.1:3", "10.0.0.2:2", false),
            ("10.0.0.3:1", "10.0.0.2:2", false),
            ("10.0.0.1:1", "10.0.0.2:4", false),
            ("0.0.0.0:1", "10.0.0.4:2", false),
        ] {
            let other = path(local, remote);
            assert_eq!(known.is_at(&other.four_tuple), same, "{local} {remote}");
            assert_eq!(other.is_at(&known.four_tuple), same);
        }
        for (local, remote, port_only) in [
            ("10.0.0.1:1", "10.0.0.2:3", true),
            ("10.0.0.1:1", "10.0.0.2:2", false),
            ("10.0.0.1:1", "10.0.0.3:2", false),
            ("10.0.0.1:2", "10.0.0.2:3", false),
        ] {
            assert_eq!(known.differs_by_port_only(&path(local, remote).four_tuple), port_only);
        }
    }

    #[test]
    fn a_path_that_is_taken_up_is_validated_unless_it_is_proven() {
        let (second, three) = (Duration::from_secs(1), Duration::from_secs(3));
        let mut path = path("10.0.0.1:1", "10.0.0.2:2");
        path.on_taken_up(Instant::ZERO, second, three);
        assert!(path.validation.is_validating());
        // What runs already goes on: its end does not move.
        let deadline = path.validation.deadline();
        assert!(deadline.is_some());
        path.on_taken_up(Instant::ZERO + second, second, three);
        assert_eq!(path.validation.deadline(), deadline);
        path.on_proof(Proof::Path);
        path.on_taken_up(Instant::ZERO + second, second, three);
        assert!(!path.validation.is_validating() && path.validation.deadline().is_none());
    }

    #[test]
    fn a3_datagrams_shrink_to_what_may_be_sent() {
        let mut path = path("10.0.0.1:1", "10.0.0.2:2");
        for (received, size) in [(0, 1200), (16, 1200), (1, 50), (197, 321), (184, 597), (2, 1200)] {
            path.amplification.on_datagram_received(received);
            assert_eq!(path.datagram_size(), size);
        }
        path.on_proof(Proof::Address);
        assert!(!path.is_proven());
        path.amplification.on_datagram_sent(5000);
        assert_eq!(path.datagram_size(), 1200);
        path.on_proof(Proof::Path);
        assert!(path.is_proven());
    }
}
