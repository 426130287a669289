//! The client's side: one file per state of RFC 9846 appendix A.1, in the order of the handshake. A state can
//! only be made from the state before it and the message that leads to it.

pub mod connected;
pub mod start;
pub mod state;
pub mod wait_certificate;
pub mod wait_certificate_or_request;
pub mod wait_certificate_verify;
pub mod wait_encrypted_extensions;
pub mod wait_finished;
pub mod wait_server_hello;
