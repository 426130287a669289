//! Opening a UDP socket with what QUIC needs switched on.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr as UnixAddress;

use base::Ecn;

use crate::sys::linux::address::RawAddress;
use crate::sys::linux::calls::{bind, connect, set_option, socket};
use crate::sys::linux::types::{
    AF_INET, AF_INET6, IP_MTU_DISCOVER, IP_PKTINFO, IP_PMTUDISC_PROBE, IP_RECVERR, IP_RECVTOS, IP_TOS,
    IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE, IPV6_RECVERR, IPV6_RECVPKTINFO, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_V6ONLY,
    SO_RCVBUF, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SOCK_DGRAM, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_UDP, UDP_CORK,
    UDP_GRO, UDP_SEGMENT,
};
use crate::sys::options::SocketOptions;

pub(crate) use crate::sys::linux::filter::{pass_over_newcomers, prefer, steer};

/// The kernel spreads peers over sockets that share an address.
pub(crate) const SPREADS: bool = true;

/// Another process can take over a port whose sockets are all shared ([`share`]).
pub(crate) const HANDS_PORTS_OVER: bool = true;

/// Opens and binds. What only makes things better (buffer sizes, marks, destination addresses, coalescing, the
/// don't-fragment bit) is asked for and done without where it is refused.
pub(crate) fn open_udp(options: &SocketOptions) -> io::Result<OwnedFd> {
    let is_ipv6 = options.address.is_ipv6();
    let socket = socket(if is_ipv6 { AF_INET6 } else { AF_INET }, SOCK_DGRAM)?;
    let fd = socket.as_fd();
    if is_ipv6 {
        set_option(fd, SOL_IPV6, IPV6_V6ONLY, i32::from(options.only_ipv6))?;
    }
    if options.reuse_port {
        spread(fd)?;
    }
    if options.take_over {
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)?;
    }
    make_better(fd, options);
    bind(fd, &RawAddress::new(options.address, is_ipv6))?;
    Ok(socket)
}

/// The same for a socket that somebody else has opened and bound to the address of `options`.
pub(crate) fn adopt_udp(fd: BorrowedFd<'_>, options: &SocketOptions) -> io::Result<()> {
    // What other sockets do not have.
    set_option(fd, SOL_UDP, UDP_CORK, 0)?;
    make_better(fd, options);
    Ok(())
}

fn make_better(fd: BorrowedFd<'_>, options: &SocketOptions) {
    let is_ipv6 = options.address.is_ipv6();
    let size = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    wish(fd, SOL_SOCKET, SO_RCVBUF, size(options.receive_buffer));
    wish(fd, SOL_SOCKET, SO_SNDBUF, size(options.send_buffer));
    set_family_options(fd, is_ipv6);
    if options.coalesce {
        wish(fd, SOL_UDP, UDP_GRO, 1);
    }
    if options.reports {
        wish(fd, SOL_IP, IP_RECVERR, 1);
        if is_ipv6 {
            wish(fd, SOL_IPV6, IPV6_RECVERR, 1);
        }
    }
}

/// Has the kernel spread the peers over this socket and others that are bound to the same address with this option.
pub(crate) fn spread(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)
}

/// Lets another process bind beside a socket, if that wants to take over: the kernel gives what is for both to the later one.
/// Peers are not spread over this one any more, or the later ones would be taken for some of the same kind.
pub(crate) fn share(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, SOL_SOCKET, SO_REUSEPORT, 0)?;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)
}

/// Nobody may bind beside a socket, not even one that wants to take over.
pub(crate) fn keep(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0)
}

/// Has a socket receive from `remote` alone: before all sockets that are bound to the same port and not connected.
pub(crate) fn receive_only_from(fd: BorrowedFd<'_>, remote: SocketAddr, is_ipv6: bool) -> io::Result<()> {
    connect(fd, &RawAddress::new(remote, is_ipv6))
}

/// Has the socket mark all datagrams that nothing else is said of; gives the mark that they have then. A socket of the IPv6 family
/// marks what it sends to IPv4 hosts as well.
pub(crate) fn mark_all(fd: BorrowedFd<'_>, is_ipv6: bool, mark: Ecn) -> Ecn {
    let mark_with = |mark: Ecn| {
        set_option(fd, SOL_IP, IP_TOS, i32::from(mark as u8))?;
        if is_ipv6 { set_option(fd, SOL_IPV6, IPV6_TCLASS, i32::from(mark as u8)) } else { Ok(()) }
    };
    if mark_with(mark).is_ok() {
        return mark;
    }
    // One of the two, perhaps.
    let _ = mark_with(Ecn::NotEct);
    Ecn::NotEct
}

/// Asks for an option, and does without where it is refused.
fn wish(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) {
    #[cfg(test)]
    if crate::sys::refusal::check(crate::sys::refusal::Call::Option).is_err() {
        return;
    }
    let _ = set_option(fd, level, name, value);
}

/// A socket of the IPv6 family gets the IPv4 options, too, for what it receives from IPv4 hosts.
fn set_family_options(fd: BorrowedFd<'_>, is_ipv6: bool) {
    wish(fd, SOL_IP, IP_RECVTOS, 1);
    wish(fd, SOL_IP, IP_PKTINFO, 1);
    // RFC 9000 s14: QUIC packets must not be fragmented. The mode that probes also ignores what the kernel believes of
    // the path, which is for DPLPMTUD to find out.
    // RFC 9000 section 14-2, 14-3: DF is set, and the kernel cuts nothing up.
    wish(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    if is_ipv6 {
        wish(fd, SOL_IPV6, IPV6_RECVTCLASS, 1);
        wish(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1);
        wish(fd, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    }
}

/// Whether the kernel knows segmentation of UDP at all: zero switches nothing on, but is refused by one that does not.
pub(crate) fn supports_segmentation(fd: BorrowedFd<'_>) -> bool {
    #[cfg(test)]
    if crate::sys::refusal::check(crate::sys::refusal::Call::Option).is_err() {
        return false;
    }
    set_option(fd, SOL_UDP, UDP_SEGMENT, 0).is_ok()
}

/// The address of a Unix socket without a file, which is gone with its process.
pub(crate) fn abstract_address(name: &str) -> io::Result<UnixAddress> {
    UnixAddress::from_abstract_name(name)
}
