//! How much a reverse proxy holds, and how long it waits.

use std::time::Duration;

/// The limits of a [`ReverseProxy`](crate::ReverseProxy). Numbers are for each backend and each worker of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReverseProxyLimits {
    /// Connections at a time. Default 1,024: clients that read slowly hold theirs for as long as the time limits of the server let them.
    pub connections: usize,
    /// Connections without a request that are kept for the next one. Default 32.
    pub kept: usize,
    /// How long they are kept. Default 30 s; a backend that ends them earlier is noticed.
    pub keep_for: Duration,
    /// Requests that wait for a connection when all are in use. Default 1,024; one more is answered with 503.
    pub waiting: usize,
    /// How long they wait. Default 10 s, then 503.
    pub wait: Duration,
    /// How long looking up a backend's name and connecting may take. Default 5 s, then the next backend, or 504.
    pub connect: Duration,
    /// From the moment at which the backend had the last part of the request that it took to the head of its answer. Default 60 s, then
    /// 504.
    pub first_byte: Duration,
    /// How long nothing may come of an answer that has begun, while its client takes what comes. Default 60 s; then the answer is
    /// broken off.
    pub idle: Duration,
    /// How long a request and its answer may take as a whole. Default for ever.
    pub whole: Duration,
    /// How long nothing may go through a WebSocket in either direction. Default 10 minutes.
    pub idle_tunnel: Duration,
}

impl Default for ReverseProxyLimits {
    fn default() -> ReverseProxyLimits {
        ReverseProxyLimits {
            connections: 1024,
            kept: 32,
            keep_for: Duration::from_secs(30),
            waiting: 1024,
            wait: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            whole: Duration::MAX,
            idle_tunnel: Duration::from_secs(600),
        }
    }
}
