//! Datagrams with what travels beside them, in words that every system has.

use std::net::{IpAddr, SocketAddr};

use base::Ecn;

/// How one or more datagrams to one peer are to leave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    /// Whether the socket is of the IPv6 family.
    pub(crate) ipv6_socket: bool,
    pub(crate) remote: SocketAddr,
    /// The address of ours to leave from; `None` for the kernel's choice.
    pub(crate) source: Option<IpAddr>,
    pub(crate) ecn: Ecn,
    /// The mark that the socket gives to what goes without a word about it.
    pub(crate) usual: Ecn,
}

/// One received message: a datagram, or several of equal size that the kernel joined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) len: usize,
    /// Never zero; `len` or more for a single datagram.
    pub(crate) segment_size: usize,
    pub(crate) remote: SocketAddr,
    /// The address of ours it was sent to, if the kernel said so.
    pub(crate) destination: Option<IpAddr>,
    pub(crate) ecn: Ecn,
}
