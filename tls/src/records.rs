//! TLS over a byte stream such as TCP (RFC 9846 section 5): what the handshake gives to a record layer, and what it expects
//! of one. The record layer itself, which fragments, seals and opens records, is not part of this file.
//!
//! The record layer passes the content of each handshake record to [`Session::read`], one call per record, so that a message
//! that continues after a change of keys is detected at the end of the record. [`Level::Initial`] stands for records without
//! protection, [`Level::OneRtt`] for records under application traffic secrets. After each call it polls keys and output, as
//! every carrier does, and [`Session::poll_key_update`]. A change_cipher_spec record never reaches the handshake: the record
//! layer drops it, and sends one if [`Session::is_in_compatibility_mode`].
//!
//! [`Level::Initial`]: crate::Level::Initial
//! [`Level::OneRtt`]: crate::Level::OneRtt

use crate::carrier::{Carrier, Rules};
use crate::config::{ClientConfig, ServerConfig};
use crate::error::Error;
use crate::message::extension::ExtensionType;
use crate::schedule;
use crate::session::Session;
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;
use crypto::{CipherSuite, Secret};

mod alert_message;

pub use crate::message::key_update::{KeyUpdate, encode as encode_key_update};
pub use alert_message::{PeerAlert, close_notify, encode as encode_alert};

/// What records make of the handshake.
pub(crate) static RULES: Rules = Rules {
    parameters: None,
    // RFC 9001 section 8.2-3: transport parameters outside of QUIC are answered with unsupported_extension.
    foreign_extensions: &[(ExtensionType::QUIC_TRANSPORT_PARAMETERS, Violation::TransportParametersOutsideQuic)],
    // RFC 7301 section 3.1: ALPN is an offer that either side may leave out.
    without_application_protocol: Ok(()),
    // RFC 9846 section 4.2.3: whatever session ID a client sends is echoed.
    session_id: Ok(()),
    messages_in_early_data: Ok(()),
    end_of_early_data: Ok(()),
    key_update: Ok(()),
    // RFC 9846 section 4.7.2: a client that has not sent post_handshake_auth answers with unexpected_message.
    late_certificate_request: Err(Violation::UnexpectedMessage),
    limited_early_data: Ok(()),
};

/// A client that wants to reach `name` over records. Its ClientHello is ready to be sent. In compatibility mode the
/// handshake looks like an older one to middleboxes (RFC 9846 appendix E.4).
///
/// # Errors
/// [`Error::Local`] if the configuration cannot work.
pub fn client(
    config: Arc<ClientConfig>,
    name: x509::ServerName,
    compatibility_mode: bool,
    random: &mut dyn Random,
) -> Result<Session, Error> {
    let session_id = if compatibility_mode { base::random::array::<32>(random).to_vec() } else { Vec::new() };
    Session::client(config, carrier(session_id), name, false, random)
}

/// A server that waits for a ClientHello over records.
pub fn server(config: Arc<ServerConfig>) -> Session {
    Session::server(config, carrier(Vec::new()), None)
}

/// RFC 9001 section 8.2-2: nothing of QUIC is sent over records.
fn carrier(session_id: Vec<u8>) -> Carrier {
    Carrier { rules: &RULES, parameters: Vec::new(), session_id }
}

/// application_traffic_secret_N+1, made of application_traffic_secret_N of the same direction (RFC 9846 section 7.2): for
/// received records after [`Session::poll_key_update`] has told of an update, for sent ones after a KeyUpdate was sealed.
pub fn next_traffic_secret(suite: &CipherSuite, secret: &Secret) -> Secret {
    schedule::next_traffic_secret(suite, secret)
}

#[cfg(test)]
mod tests;
