//! TLS over QUIC (RFC 9001 sections 4 and 8): handshake bytes travel in CRYPTO frames, by encryption level, and alerts
//! become error codes of CONNECTION_CLOSE.

use crate::carrier::{AnswerParameters, Carrier, Parameters, Rules};
use crate::config::{ClientConfig, ServerConfig};
use crate::error::Error;
use crate::message::extension::ExtensionType;
use crate::session::Session;
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;

/// What QUIC makes of the handshake.
pub(crate) static RULES: Rules = Rules {
    // RFC 9001 section 8.2-1: without transport parameters there is no connection; the alert is missing_extension.
    parameters: Some(Parameters {
        extension: ExtensionType::QUIC_TRANSPORT_PARAMETERS,
        missing: Err(Violation::MissingTransportParameters),
    }),
    foreign_extensions: &[],
    // RFC 9001 section 8.1-2: an application protocol is agreed on by ALPN, or the connection is closed.
    // RFC 9001 section 8.1-7.
    without_application_protocol: Err(Violation::NoApplicationProtocol),
    protocol_not_offered: Violation::ProtocolNotOffered,
    // RFC 9001 s8.4: compatibility mode hides TLS 1.3 from middleboxes on TCP; here it only costs memory.
    session_id: Err(Violation::CompatibilityMode),
    // RFC 9001 section 8.3-2: 0-RTT packets hold no CRYPTO frames.
    messages_in_early_data: Err(Violation::CryptoInEarlyData),
    // RFC 9001 s8.3: QUIC's own packets show where early data ends.
    end_of_early_data: Err(Violation::EndOfEarlyData),
    // RFC 9001 section 6: a bit in QUIC's packets announces new keys.
    // RFC 9001 section 6-3.
    key_update: Err(Violation::KeyUpdate),
    // RFC 9001 section 4.4-4, 4.4-5: a client could not tell which stream such a request is about.
    late_certificate_request: Err(Violation::PostHandshakeCertificateRequest),
    // RFC 9001 section 4.6.1-2: QUIC's flow control limits early data, so the number in a ticket says only yes.
    limited_early_data: Err(Violation::TicketEarlyData),
};

/// A client that wants to reach `name` over QUIC. Its ClientHello is ready to be sent.
///
/// # Errors
/// [`Error::Local`] if the configuration cannot work.
pub fn client(
    config: Arc<ClientConfig>,
    name: x509::ServerName,
    transport_parameters: Vec<u8>,
    random: &mut dyn Random,
) -> Result<Session, Error> {
    Session::client(config, carrier(transport_parameters), name, false, random)
}

/// A server that waits for a ClientHello over QUIC.
pub fn server(config: Arc<ServerConfig>, transport_parameters: Vec<u8>) -> Session {
    Session::server(config, carrier(transport_parameters), None)
}

/// The same as [`client`], by a carrier that can send early data: it is offered if the configuration allows it and there is a
/// ticket for it.
///
/// # Errors
/// [`Error::Local`] if the configuration cannot work.
pub fn client_with_early_data(
    config: Arc<ClientConfig>,
    name: x509::ServerName,
    transport_parameters: Vec<u8>,
    random: &mut dyn Random,
) -> Result<Session, Error> {
    Session::client(config, carrier(transport_parameters), name, true, random)
}

/// The same as [`server`], by a carrier that can receive early data: it is taken if the configuration allows it. `context` is what
/// the carrier promises a client that comes back, such as the transport parameters that it remembers (RFC 9000 section 7.4.1):
/// under another one, tickets are good but no early data is.
pub fn server_with_early_data(config: Arc<ServerConfig>, transport_parameters: Vec<u8>, context: &[u8]) -> Session {
    Session::server(config, carrier(transport_parameters), Some(context))
}

/// A client whose first flight is of this version of QUIC. A ticket is taken that was given over the same version and no other
/// (RFC 9369 section 5), and those that come are for the version that [`Session::set_version`] names, if the connection goes on
/// with another one. With `wants_early_data` as [`client_with_early_data`].
/// RFC 9369 section 5-1.
///
/// # Errors
/// [`Error::Local`] if the configuration cannot work.
pub fn client_of(
    config: Arc<ClientConfig>,
    name: x509::ServerName,
    transport_parameters: Vec<u8>,
    version: u32,
    wants_early_data: bool,
    random: &mut dyn Random,
) -> Result<Session, Error> {
    let carrier = Carrier { version, ..carrier(transport_parameters) };
    Session::client(config, carrier, name, wants_early_data, random)
}

/// More tickets of one server nobody keeps; a store that gives more is not emptied.
const MOST_FORGOTTEN: usize = 64;

/// Whether a client has a ticket that was given over this version of QUIC, so that a first flight of that version resumes.
/// RFC 9369 section 5-1.
pub fn has_ticket(config: &ClientConfig, name: &x509::ServerName, version: u32) -> bool {
    let store = config.tickets.as_ref();
    let found = store.and_then(|store| Some((store, config.ticket_origin(&RULES, version, name)?)));
    found.is_some_and(|(store, origin)| store.holds(&origin, config.wall_clock.unix_millis()))
}

/// Has a client forget its tickets that were given over this version of QUIC: the server does not speak it any more.
pub fn forget_tickets(config: &ClientConfig, name: &x509::ServerName, version: u32) {
    let store = config.tickets.as_ref();
    let Some((store, origin)) = store.and_then(|store| Some((store, config.ticket_origin(&RULES, version, name)?)))
    else {
        return;
    };
    let now = config.wall_clock.unix_millis();
    for _ in 0..MOST_FORGOTTEN {
        if store.take(&origin, now).is_none() {
            return;
        }
    }
}

/// A server whose client's first flight is of this version of QUIC. What the server says is made by `answer`, once the client's
/// transport parameters are known, with the version that the connection goes on with. Tickets are taken that were given over the
/// version of the first flight, and given for the other one. With an `early_data_context` as [`server_with_early_data`].
/// RFC 9369 section 5-2.
pub fn server_of(
    config: Arc<ServerConfig>,
    version: u32,
    early_data_context: Option<&[u8]>,
    answer: AnswerParameters,
) -> Session {
    let carrier = Carrier { version, answer: Some(answer), ..carrier(Vec::new()) };
    Session::server(config, carrier, early_data_context)
}

fn carrier(transport_parameters: Vec<u8>) -> Carrier {
    // RFC 9001 section 8.4-1: a client of QUIC sends no session ID.
    Carrier {
        rules: &RULES,
        parameters: transport_parameters,
        session_id: Vec::new(),
        version: VERSION_1,
        answer: None,
    }
}

/// What a session is over if nothing else is said.
const VERSION_1: u32 = 1;

/// The code of the CONNECTION_CLOSE frame that tells the peer of `error`: CRYPTO_ERROR, which is 0x0100 plus the alert
/// (RFC 9001 section 4.8), or PROTOCOL_VIOLATION for the few things that RFC 9001 itself forbids.
pub fn error_code(error: &Error) -> u64 {
    const PROTOCOL_VIOLATION: u64 = 0x0a;
    match error.violation() {
        Some(
            Violation::CryptoInEarlyData
            | Violation::PostHandshakeCertificateRequest
            | Violation::CompatibilityMode
            | Violation::TicketEarlyData,
        ) => PROTOCOL_VIOLATION,
        _ => 0x0100 + u64::from(error.alert()),
    }
}
