//! Opening a UDP socket with what QUIC needs switched on, as far as macOS and FreeBSD have it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr as UnixAddress;

use base::{Ecn, Steering};

use crate::sys::bsd::address::RawAddress;
use crate::sys::bsd::calls::{bind, connect, kind_of_socket, set_option, socket};
use crate::sys::bsd::system::{
    AF_INET6, IP_DONTFRAG, IP_RECVTOS, IPV6_RECVPKTINFO, IPV6_RECVTCLASS, IPV6_TCLASS, RECEIVE_DESTINATION, SPREAD,
};
use crate::sys::bsd::types::{
    AF_INET, IP_TOS, IPPROTO_IP, IPPROTO_IPV6, IPV6_DONTFRAG, IPV6_V6ONLY, SO_RCVBUF, SO_SNDBUF, SOCK_DGRAM, SOL_SOCKET,
};
use crate::sys::options::SocketOptions;

pub(crate) use crate::sys::bsd::system::SPREADS;

/// No other process can bind beside a socket and receive in its place.
pub(crate) const HANDS_PORTS_OVER: bool = false;

/// Opens and binds. What only makes things better (buffer sizes, marks, destination addresses, the don't-fragment bit) is asked
/// for and done without where it is refused. There is no coalescing and there are no reports.
pub(crate) fn open_udp(options: &SocketOptions) -> io::Result<OwnedFd> {
    if options.take_over {
        return Err(no_takeover());
    }
    let is_ipv6 = options.address.is_ipv6();
    let socket = socket(if is_ipv6 { AF_INET6 } else { AF_INET }, SOCK_DGRAM)?;
    let fd = socket.as_fd();
    if is_ipv6 {
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, i32::from(options.only_ipv6))?;
    }
    if options.reuse_port {
        spread(fd)?;
    }
    make_better(fd, options);
    bind(fd, &RawAddress::new(options.address, is_ipv6))?;
    Ok(socket)
}

/// The same for a socket that somebody else has opened and bound to the address of `options`.
pub(crate) fn adopt_udp(fd: BorrowedFd<'_>, options: &SocketOptions) -> io::Result<()> {
    if kind_of_socket(fd)? != SOCK_DGRAM {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket is none of UDP"));
    }
    make_better(fd, options);
    Ok(())
}

fn make_better(fd: BorrowedFd<'_>, options: &SocketOptions) {
    let size = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    wish_for_room(fd, SO_RCVBUF, size(options.receive_buffer));
    wish_for_room(fd, SO_SNDBUF, size(options.send_buffer));
    set_family_options(fd, options.address.is_ipv6());
}

/// These systems refuse what is beyond their limit instead of granting that: half of it, then, and so on.
fn wish_for_room(fd: BorrowedFd<'_>, name: i32, most: i32) {
    let mut size = most;
    while size >= 1 << 16 && !wish(fd, SOL_SOCKET, name, size) {
        size /= 2;
    }
}

/// A socket of the IPv6 family is asked for the IPv4 options, too, for what it receives from IPv4 hosts.
fn set_family_options(fd: BorrowedFd<'_>, is_ipv6: bool) {
    wish(fd, IPPROTO_IP, IP_RECVTOS, 1);
    wish(fd, IPPROTO_IP, RECEIVE_DESTINATION, 1);
    wish(fd, IPPROTO_IP, IP_DONTFRAG, 1);
    if is_ipv6 {
        wish(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
        wish(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        wish(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
    }
}

/// Asks for an option; whether it is granted.
fn wish(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> bool {
    #[cfg(test)]
    if crate::sys::refusal::check(crate::sys::refusal::Call::Option).is_err() {
        return false;
    }
    set_option(fd, level, name, value).is_ok()
}

/// Lets other sockets be bound to the same address with this option. Only FreeBSD spreads the peers over them.
pub(crate) fn spread(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, SOL_SOCKET, SPREAD, 1)
}

/// Neither system lets one of the sockets that share an address be preferred.
pub(crate) fn prefer(_socket: BorrowedFd<'_>, _place: Option<u32>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Nor has one programs for what is for a socket, short of an accept filter of the kernel's own.
pub(crate) fn pass_over_newcomers(_socket: BorrowedFd<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Neither system runs programs to choose among sockets.
pub(crate) fn steer(_socket: BorrowedFd<'_>, _steering: &Steering) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn no_takeover() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "only Linux lets a server take over a UDP port that another one serves")
}

/// No other process can bind beside a socket here and receive in its place.
pub(crate) fn share(_fd: BorrowedFd<'_>) -> io::Result<()> {
    Err(no_takeover())
}

/// Nobody may bind beside a socket: it is always so.
pub(crate) fn keep(_fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}

/// Has a socket receive from `remote` alone.
pub(crate) fn receive_only_from(fd: BorrowedFd<'_>, remote: SocketAddr, is_ipv6: bool) -> io::Result<()> {
    connect(fd, &RawAddress::new(remote, is_ipv6))
}

/// Has the socket mark all datagrams that nothing else is said of; gives the mark that they have then. One of the IPv6 family
/// that cannot mark what it sends to IPv4 hosts as well marks nothing, and each datagram says how it is to be marked.
pub(crate) fn mark_all(fd: BorrowedFd<'_>, is_ipv6: bool, mark: Ecn) -> Ecn {
    let mark_with = |mark: Ecn| {
        set_option(fd, IPPROTO_IP, IP_TOS, i32::from(mark as u8))?;
        if is_ipv6 { set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, i32::from(mark as u8)) } else { Ok(()) }
    };
    if mark_with(mark).is_ok() {
        return mark;
    }
    // One of the two, perhaps.
    let _ = mark_with(Ecn::NotEct);
    Ecn::NotEct
}

/// Neither system cuts datagrams.
pub(crate) fn supports_segmentation(_fd: BorrowedFd<'_>) -> bool {
    false
}

/// There are no addresses of Unix sockets without a file.
pub(crate) fn abstract_address(_name: &str) -> io::Result<UnixAddress> {
    Err(no_takeover())
}
