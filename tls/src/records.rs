//! TLS over a byte stream such as TCP (RFC 9846 section 5): what the handshake gives to a record layer, and what it expects
//! of one. [`record`](crate::record) is that layer, which fragments, seals and opens records.
//!
//! The record layer passes the content of each handshake record to [`Session::read`], one call per record, so that a message
//! that continues after a change of keys is detected at the end of the record. [`Level::Initial`] stands for records without
//! protection, [`Level::OneRtt`] for records under application traffic secrets. After each call it polls keys and output, as
//! every carrier does, and [`Session::poll_key_update`]. A change_cipher_spec record never reaches the handshake: the record
//! layer drops it, and sends one if [`Session::is_in_compatibility_mode`].
//!
//! [`Level::Initial`]: crate::Level::Initial
//! [`Level::OneRtt`]: crate::Level::OneRtt

use crate::carrier::{Carrier, Parameters, Rules};
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
    // RFC 8449 section 4: each side may say how long the records are that it takes.
    parameters: Some(Parameters { extension: ExtensionType::RECORD_SIZE_LIMIT, missing: Ok(()) }),
    // RFC 9001 section 8.2-3: transport parameters outside of QUIC are answered with unsupported_extension.
    foreign_extensions: &[(ExtensionType::QUIC_TRANSPORT_PARAMETERS, Violation::TransportParametersOutsideQuic)],
    // RFC 7301 section 3.1: ALPN is an offer that either side may leave out.
    without_application_protocol: Ok(()),
    protocol_not_offered: Violation::ProtocolNotOfferedOutsideQuic,
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
/// handshake looks like an older one to middleboxes (RFC 9846 appendix E.4). `record_size_limit` is what it takes in a record,
/// in bytes, with the content's type and padding (RFC 8449 section 4).
///
/// # Errors
/// [`Error::Local`] if the configuration cannot work.
/// RFC 9846 section 4.2.2-15.
pub fn client(
    config: Arc<ClientConfig>,
    name: x509::ServerName,
    compatibility_mode: bool,
    record_size_limit: u16,
    random: &mut dyn Random,
) -> Result<Session, Error> {
    let session_id = if compatibility_mode { base::random::array::<32>(random).to_vec() } else { Vec::new() };
    Session::client(config, carrier(session_id, record_size_limit), name, false, random)
}

/// The same as [`client`], by a record layer that can send early data: it is offered if the configuration allows it and there is a
/// ticket for it.
///
/// # Errors
/// [`Error::Local`] if the configuration cannot work.
pub fn client_with_early_data(
    config: Arc<ClientConfig>,
    name: x509::ServerName,
    compatibility_mode: bool,
    record_size_limit: u16,
    random: &mut dyn Random,
) -> Result<Session, Error> {
    let session_id = if compatibility_mode { base::random::array::<32>(random).to_vec() } else { Vec::new() };
    Session::client(config, carrier(session_id, record_size_limit), name, true, random)
}

/// The same as [`server`], by a record layer that can receive early data: it is taken if the configuration allows it. `context` is what
/// the application promises a client that comes back: under another one, tickets are good but no early data is.
pub fn server_with_early_data(config: Arc<ServerConfig>, record_size_limit: u16, context: &[u8]) -> Session {
    Session::server(config, carrier(Vec::new(), record_size_limit), Some(context))
}

/// A server that waits for a ClientHello over records. `record_size_limit` as for a client.
pub fn server(config: Arc<ServerConfig>, record_size_limit: u16) -> Session {
    Session::server(config, carrier(Vec::new(), record_size_limit), None)
}

/// RFC 9001 section 8.2-2: nothing of QUIC is sent over records.
fn carrier(session_id: Vec<u8>, record_size_limit: u16) -> Carrier {
    Carrier {
        rules: &RULES,
        parameters: record_size_limit.to_be_bytes().to_vec(),
        session_id,
        version: 0,
        answer: None,
    }
}

/// application_traffic_secret_N+1, made of application_traffic_secret_N of the same direction (RFC 9846 section 7.2): for
/// received records after [`Session::poll_key_update`] has told of an update, for sent ones after a KeyUpdate was sealed.
pub fn next_traffic_secret(suite: &CipherSuite, secret: &Secret) -> Secret {
    schedule::next_traffic_secret(suite, secret)
}

#[cfg(test)]
mod tests;
