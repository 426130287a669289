//! WebSocket (RFC 6455) over every version of HTTP: Upgrade of HTTP/1.1, and extended CONNECT of HTTP/2 (RFC 8441) and HTTP/3
//! (RFC 9220).
//!
//! The protocol is a machine of the crate `posthaste-websocket`. A task of its own moves the machine's bytes through the tunnel, so that
//! Pings are answered and silent peers noticed whatever the application does meanwhile.

pub(crate) mod accept;
pub(crate) mod connect;
pub(crate) mod connecting;
mod driver;
mod shared;
pub(crate) mod socket;
