//! UDP datagrams as they enter and leave a [`Machine`](crate::Machine).

use alloc::vec::Vec;
use core::net::SocketAddr;

/// The two addresses of a path (RFC 9000 section 9: a path is a pair of addresses as seen by one endpoint).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FourTuple {
    /// Our address. The IP address is unspecified (`0.0.0.0`, `::`) where the driver does not know it.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
}

/// The Explicit Congestion Notification field of an IP header (RFC 3168 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Ecn {
    /// The sender does not take part.
    #[default]
    NotEct = 0b00,
    /// ECN-capable, codepoint ECT(1).
    Ect1 = 0b01,
    /// ECN-capable, codepoint ECT(0): what QUIC senders set.
    Ect0 = 0b10,
    /// A router met congestion.
    Ce = 0b11,
}

impl Ecn {
    /// From the two low bits of the traffic-class byte; the other bits are ignored.
    pub const fn from_bits(bits: u8) -> Ecn {
        match bits & 0b11 {
            0b00 => Ecn::NotEct,
            0b01 => Ecn::Ect1,
            0b10 => Ecn::Ect0,
            _ => Ecn::Ce,
        }
    }
}

/// One received UDP datagram. Its payload is decrypted in place, so what is left in it afterwards means nothing.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Where it came from and where it arrived.
    pub four_tuple: FourTuple,
    /// The mark it arrived with.
    pub ecn: Ecn,
    /// The UDP payload.
    pub payload: &'a mut [u8],
}

/// A datagram that owns its payload: one that goes to another thread, or waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedDatagram {
    /// As in [`Datagram`].
    pub four_tuple: FourTuple,
    /// As in [`Datagram`].
    pub ecn: Ecn,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

impl OwnedDatagram {
    /// The datagram, to be received.
    pub fn borrow(&mut self) -> Datagram<'_> {
        Datagram { four_tuple: self.four_tuple, ecn: self.ecn, payload: &mut self.payload }
    }
}

impl From<&Datagram<'_>> for OwnedDatagram {
    fn from(datagram: &Datagram<'_>) -> OwnedDatagram {
        let Datagram { four_tuple, ecn, payload } = datagram;
        OwnedDatagram { four_tuple: *four_tuple, ecn: *ecn, payload: payload.to_vec() }
    }
}

/// What `transmit` wrote to the buffer: one datagram, or several of equal size to be sent in one system call (GSO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The path to send on.
    pub four_tuple: FourTuple,
    /// The mark to send with.
    pub ecn: Ecn,
    /// Bytes written to the buffer, all segments together.
    pub len: usize,
    /// Bytes of each segment; the last one may be shorter. Equal to `len` for a single datagram.
    pub segment_size: usize,
}

impl Transmit {
    /// How many datagrams this is.
    pub const fn segments(&self) -> usize {
        if self.segment_size == 0 { 0 } else { self.len.div_ceil(self.segment_size) }
    }
}
