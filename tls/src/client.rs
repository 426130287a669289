//! The client's side: one file per state of RFC 9846 appendix A.1, in the order of the handshake. A state can
//! only be made from the state before it and the message that leads to it.

pub(crate) mod connected;
mod key_offer;
pub(crate) mod receiver;
pub(crate) mod resumption;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod wait_certificate;
pub(crate) mod wait_certificate_or_request;
pub(crate) mod wait_certificate_verify;
pub(crate) mod wait_encrypted_extensions;
pub(crate) mod wait_finished;
pub(crate) mod wait_server_hello;
