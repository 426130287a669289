//! Opening TCP sockets, listening and connecting.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::linux::address::RawAddress;
use crate::sys::linux::calls;
use crate::sys::linux::errno::EINPROGRESS;
use crate::sys::linux::types::{
    AF_INET, AF_INET6, IPPROTO_TCP, IPV6_V6ONLY, SO_KEEPALIVE, SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_IPV6,
    SOL_SOCKET, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY,
};
use crate::sys::options::{KEEP_ALIVE_IDLE, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_PROBES, ListenOptions};

pub(crate) use crate::sys::linux::calls::reset_on_close;

/// Opens, binds and listens.
pub(crate) fn listen(options: &ListenOptions) -> io::Result<OwnedFd> {
    let is_ipv6 = options.address.is_ipv6();
    let socket = open(is_ipv6)?;
    let fd = socket.as_fd();
    if is_ipv6 {
        calls::set_option(fd, SOL_IPV6, IPV6_V6ONLY, i32::from(options.only_ipv6))?;
    }
    // Connections that ended a minute ago do not keep a server from starting again.
    calls::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)?;
    if options.reuse_port {
        calls::set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)?;
    }
    calls::bind(fd, &RawAddress::new(options.address, is_ipv6))?;
    // What is accepted has it from the listener.
    keep_alive(fd)?;
    calls::listen(fd, options.backlog)?;
    Ok(socket)
}

/// Takes a connection that waits, with the peer's address.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    let (socket, address) = calls::accept(listener)?;
    set_no_delay(socket.as_fd())?;
    let remote = address.decode().ok_or_else(|| io::Error::other("a connection without the address of its peer"))?;
    Ok((socket, remote))
}

/// A socket that is about to be connected: it becomes writable when that has succeeded or failed.
pub(crate) fn begin_connect(remote: SocketAddr) -> io::Result<OwnedFd> {
    let socket = open(remote.is_ipv6())?;
    set_no_delay(socket.as_fd())?;
    keep_alive(socket.as_fd())?;
    match calls::connect(socket.as_fd(), &RawAddress::new(remote, remote.is_ipv6())) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => Err(error),
        _ => Ok(socket),
    }
}

fn open(is_ipv6: bool) -> io::Result<OwnedFd> {
    calls::socket(if is_ipv6 { AF_INET6 } else { AF_INET }, SOCK_STREAM)
}

/// A machine writes all it has at once. To wait whether more follows would only hold back the last part.
fn set_no_delay(fd: BorrowedFd<'_>) -> io::Result<()> {
    calls::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1)
}

/// Has the system ask a silent peer whether it is there: one that went without a word would be waited for for ever where nothing
/// else has a time limit, as in a tunnel.
pub(crate) fn keep_alive(fd: BorrowedFd<'_>) -> io::Result<()> {
    calls::set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_ALIVE_IDLE)?;
    calls::set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_ALIVE_INTERVAL)?;
    calls::set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_ALIVE_PROBES)?;
    calls::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1)
}
