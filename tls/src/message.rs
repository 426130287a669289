//! Handshake messages as bytes (RFC 9846 section 4): one file per message, each with its reader and its writer.
//!
//! Reading never panics and never copies: a message borrows the bytes it came in. What a message means is decided in the
//! states of `client` and `server`.

pub mod certificate;
pub mod certificate_request;
pub mod certificate_verify;
pub mod client_hello;
pub mod encrypted_extensions;
pub mod extension;
pub mod framing;
pub(crate) mod key_update;
pub mod list;
pub mod new_session_ticket;
pub mod pre_shared_key;
pub mod server_hello;
