//! The anti-amplification limit: what may be sent to an address that the peer has not proved to own (RFC 9000 section
//! 8).

/// How much may be sent to one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amplification {
    /// Bytes that may still be sent; meaningless once validated.
    available: u64,
    validated: bool,
}

impl Amplification {
    /// RFC 9000 s8.1: three times what was received.
    pub(crate) const FACTOR: u64 = 3;

    /// An address that has to be validated: nothing may be sent before something came from it.
    pub(crate) const fn new() -> Amplification {
        Amplification { available: 0, validated: false }
    }

    /// An address that needs no validation, as the one a client has chosen to connect to.
    pub(crate) const fn validated() -> Amplification {
        Amplification { available: 0, validated: true }
    }

    /// A datagram of `len` bytes came from the address. It is counted once, whatever number of packets it holds and
    /// however often one of them is looked at again.
    pub(crate) const fn on_datagram_received(&mut self, len: usize) {
        self.available = self.available.saturating_add(Self::FACTOR.saturating_mul(len as u64));
    }

    /// A datagram of `len` bytes was sent, probes and closing packets included.
    pub(crate) const fn on_datagram_sent(&mut self, len: usize) {
        self.available = self.available.saturating_sub(len as u64);
    }

    /// Bytes that may be sent now.
    /// RFC 9000 section 8-1, 8.1-2, 14.1-6.
    pub(crate) fn available(&self) -> usize {
        if self.validated { usize::MAX } else { usize::try_from(self.available).unwrap_or(usize::MAX) }
    }

    /// The peer has proved that it receives what is sent there.
    pub(crate) const fn validate(&mut self) {
        self.validated = true;
    }

    /// Whether the limit is gone.
    pub(crate) const fn is_validated(&self) -> bool {
        self.validated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9000 section 8-1, 8.1-2, 8.1-3.
    #[test]
    fn a2_three_times_and_no_more_until_validated() {
        let mut amplification = Amplification::new();
        assert_eq!(amplification.available(), 0);
        amplification.on_datagram_received(1200);
        assert_eq!(amplification.available(), 3600);
        for left in [2400, 1200, 0] {
            amplification.on_datagram_sent(1200);
            assert_eq!(amplification.available(), left);
        }
        amplification.on_datagram_received(1);
        assert_eq!(amplification.available(), 3);
        assert!(!amplification.is_validated());
        amplification.validate();
        assert_eq!(amplification.available(), usize::MAX);
    }

    #[test]
    fn a_client_may_send_at_once() {
        assert_eq!(Amplification::validated().available(), usize::MAX);
    }
}
