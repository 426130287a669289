//! What must hold in any run, whatever the network does. A violation is a failed test: these panic.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Byte `offset` of the stream `seed`: what a test writes, so that the reader knows every byte without keeping any.
pub(crate) const fn pattern(seed: u64, offset: u64) -> u8 {
    let mixed = (seed ^ offset.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed >> 56) as u8
}

/// Fills `bytes` with the stream `seed` from `offset` on.
pub fn fill_pattern(seed: u64, offset: u64, bytes: &mut [u8]) {
    bytes.iter_mut().zip(offset..).for_each(|(place, offset)| *place = pattern(seed, offset));
}

/// Checks that a stream arrives whole: every byte once, in order, as it was written.
#[derive(Clone, Debug)]
pub struct ByteStreamChecker {
    seed: u64,
    total: u64,
    received: u64,
}

impl ByteStreamChecker {
    /// Expects the first `total` bytes of the stream `seed`.
    pub const fn new(seed: u64, total: u64) -> ByteStreamChecker {
        ByteStreamChecker { seed, total, received: 0 }
    }

    /// How many bytes came so far.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Whether all came.
    pub const fn is_complete(&self) -> bool {
        self.received == self.total
    }

    /// What the reader got next.
    ///
    /// # Panics
    /// If a byte is not the one that was written there, or lies beyond the end.
    #[track_caller]
    pub fn on_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let offset = self.received;
            assert!(offset < self.total, "stream {}: bytes after the end at {offset}", self.seed);
            assert_eq!(*byte, pattern(self.seed, offset), "stream {}: wrong byte at {offset}", self.seed);
            self.received += 1;
        }
    }

    /// The reader was told that the stream ends here.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn on_end(&self) {
        assert!(self.is_complete(), "stream {}: ends at {} instead of {}", self.seed, self.received, self.total);
    }
}

/// Checks that a server sends an address at most three times what came from there, until that address is validated
/// (RFC 9000 section 8.1).
#[derive(Clone, Debug, Default)]
pub struct AmplificationChecker {
    addresses: BTreeMap<SocketAddr, Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    received: u64,
    sent: u64,
    is_validated: bool,
}

impl AmplificationChecker {
    /// No address is validated.
    pub fn new() -> AmplificationChecker {
        AmplificationChecker::default()
    }

    /// The server received `len` bytes from `address`.
    pub fn on_received(&mut self, address: SocketAddr, len: usize) {
        self.addresses.entry(address).or_default().received += len as u64;
    }

    /// From here on there is no limit for `address`.
    pub fn on_validated(&mut self, address: SocketAddr) {
        self.addresses.entry(address).or_default().is_validated = true;
    }

    /// The server sent `len` bytes to `address`.
    ///
    /// # Panics
    /// If that is more than the limit.
    #[track_caller]
    pub fn on_sent(&mut self, address: SocketAddr, len: usize) {
        let counts = self.addresses.entry(address).or_default();
        counts.sent += len as u64;
        let Counts { received, sent, is_validated } = *counts;
        assert!(is_validated || sent <= received * 3, "{sent} bytes to {address}, which sent {received}");
    }
}

/// Counts what each address sends, so that a run can be held to a bound: what gets through under faults must not be got
/// through by sending without end.
#[derive(Clone, Debug, Default)]
pub struct TrafficChecker {
    sent: BTreeMap<SocketAddr, Traffic>,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams.
    pub datagrams: u64,
    /// Bytes of UDP payload.
    pub bytes: u64,
}

impl TrafficChecker {
    /// Nothing is sent.
    pub fn new() -> TrafficChecker {
        TrafficChecker::default()
    }

    /// `address` sends a datagram of `len` bytes.
    pub fn on_sent(&mut self, address: SocketAddr, len: usize) {
        let traffic = self.sent.entry(address).or_default();
        traffic.datagrams += 1;
        traffic.bytes += len as u64;
    }

    /// What `address` sent so far.
    pub fn sent(&self, address: SocketAddr) -> Traffic {
        self.sent.get(&address).copied().unwrap_or_default()
    }

    /// # Panics
    /// If `address` sent more than `bound`.
    #[track_caller]
    pub fn check(&self, address: SocketAddr, bound: Traffic) {
        let sent = self.sent(address);
        let is_within = sent.datagrams <= bound.datagrams && sent.bytes <= bound.bytes;
        assert!(is_within, "{address} sent {sent:?}, and {bound:?} would be enough");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "sent Traffic { datagrams: 2, bytes: 30 }")]
    fn a_datagram_too_many_is_noticed() {
        let address = SocketAddr::from(([192, 0, 2, 1], 1));
        let mut checker = TrafficChecker::new();
        checker.on_sent(address, 10);
        checker.check(address, Traffic { datagrams: 1, bytes: 10 });
        checker.on_sent(address, 20);
        checker.check(address, Traffic { datagrams: 1, bytes: 30 });
    }

    #[test]
    fn a_whole_stream_passes() {
        let mut bytes = [0; 100];
        fill_pattern(7, 0, &mut bytes);
        let mut checker = ByteStreamChecker::new(7, 100);
        checker.on_bytes(&bytes[..40]);
        assert!(!checker.is_complete());
        checker.on_bytes(&bytes[40..]);
        checker.on_end();
        assert!((0..100).any(|offset| pattern(7, offset) != pattern(8, offset)));
    }

    #[test]
    #[should_panic(expected = "wrong byte at 1")]
    fn a_byte_twice_is_noticed() {
        ByteStreamChecker::new(7, 100).on_bytes(&[pattern(7, 0), pattern(7, 0)]);
    }

    #[test]
    #[should_panic(expected = "after the end")]
    fn a_byte_too_many_is_noticed() {
        ByteStreamChecker::new(7, 0).on_bytes(&[0]);
    }

    #[test]
    #[should_panic(expected = "ends at 0 instead of 5")]
    fn a_missing_end_is_noticed() {
        ByteStreamChecker::new(7, 5).on_end();
    }

    #[test]
    fn three_times_is_allowed_and_validation_lifts_the_limit() {
        let address = SocketAddr::from(([192, 0, 2, 1], 1));
        let mut checker = AmplificationChecker::new();
        checker.on_received(address, 100);
        checker.on_sent(address, 300);
        checker.on_validated(address);
        checker.on_sent(address, 1_000_000);
    }

    #[test]
    #[should_panic(expected = "301 bytes to 192.0.2.1:1")]
    fn more_than_three_times_is_noticed() {
        let address = SocketAddr::from(([192, 0, 2, 1], 1));
        let mut checker = AmplificationChecker::new();
        checker.on_received(address, 100);
        checker.on_sent(address, 301);
    }
}
