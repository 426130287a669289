//! WebTransport sessions, as handlers and clients see them (draft-ietf-webtrans-http3, draft-ietf-webtrans-overview).
//!
//! A session is a request by extended CONNECT, and below it streams that each belong to it. What the protocol is stands in the crate
//! `posthaste-webtransport`; here are the tasks that wait.

pub(crate) mod client;
pub(crate) mod door;
pub(crate) mod line;
pub(crate) mod protocol;
pub(crate) mod raw;
pub(crate) mod receive_stream;
pub(crate) mod request;
pub(crate) mod send_stream;
pub(crate) mod session;
