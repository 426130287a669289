//! What sockets are opened with, and how paths are resolved.

use std::net::SocketAddr;

/// A UDP socket.
#[derive(Clone, Copy)]
pub(crate) struct SocketOptions {
    pub(crate) address: SocketAddr,
    pub(crate) only_ipv6: bool,
    pub(crate) reuse_port: bool,
    /// Also where sockets are that may be bound beside ([`share`](crate::sys::share)).
    pub(crate) take_over: bool,
    pub(crate) receive_buffer: usize,
    pub(crate) send_buffer: usize,
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux joins datagrams"))]
    pub(crate) coalesce: bool,
    /// Errors are reported with the destination of the datagram that they are about.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has reports"))]
    pub(crate) reports: bool,
}

/// A TCP socket that listens.
#[derive(Clone, Copy)]
pub(crate) struct ListenOptions {
    pub(crate) address: SocketAddr,
    pub(crate) only_ipv6: bool,
    pub(crate) reuse_port: bool,
    pub(crate) backlog: i32,
}

/// How long the system looks on while nothing comes by a connection of TCP before it asks whether the peer is there. Default 60 s.
pub(crate) const KEEP_ALIVE_IDLE: i32 = 60;
/// How long it waits for each answer. Default 15 s.
pub(crate) const KEEP_ALIVE_INTERVAL: i32 = 15;
/// How many questions without an answer end the connection. Default 4.
pub(crate) const KEEP_ALIVE_PROBES: i32 = 4;

/// How a whole path is resolved in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolve {
    /// Beneath the folder, wherever mounts lead; this may wait for a disk.
    Beneath,
    /// The same within one file system, and only if all names are in memory: `EAGAIN` otherwise.
    Cached,
}
