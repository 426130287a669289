//! What the programs of s2n-quic share: TLS by s2n-tls, sockets, tickets.

use crate::http3::Failure;
use s2n_quic::provider::tls::default as tls;
use s2n_tls::callbacks::{ConnectionFuture, SessionTicket, SessionTicketCallback};
use s2n_tls::config::ConnectionInitializer;
use s2n_tls::connection::Connection;
use s2n_tls::error::Error;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// A chain may be this long: a case of the interop runner has nine certificates.
const DEPTH: u16 = 12;

/// A server's TLS, which gives tickets under one key.
pub fn server_tls(chain: &Path, key: &Path, protocol: &str) -> Result<tls::Server, Failure> {
    let mut builder = tls::Server::builder()
        .with_certificate(chain, key)?
        .with_application_protocols([protocol].iter())?
        .with_key_logging()?;
    builder.config_mut().enable_session_tickets(true)?.add_session_ticket_key(b"peers", &[7; 16], SystemTime::now())?;
    Ok(builder.build()?)
}

/// A client's TLS: trusts one authority, and keeps the latest ticket.
pub fn client_tls(authority: &Path, protocol: &str) -> Result<tls::Client, Failure> {
    let mut builder = tls::Client::builder()
        .with_empty_trust_store()?
        .with_certificate(authority)?
        .with_max_cert_chain_depth(DEPTH)?
        .with_application_protocols([protocol].iter())?
        .with_key_logging()?;
    let latest = Latest::default();
    let config = builder.config_mut();
    config.enable_session_tickets(true)?;
    config.set_session_ticket_callback(latest.clone())?;
    config.set_connection_initializer(latest)?;
    Ok(builder.build()?)
}

/// The latest ticket.
#[derive(Clone, Default)]
struct Latest(Arc<Mutex<Vec<u8>>>);

impl SessionTicketCallback for Latest {
    fn on_session_ticket(&self, _connection: &mut Connection, ticket: &SessionTicket) {
        let mut bytes = vec![0; ticket.len().unwrap_or(0)];
        if ticket.data(&mut bytes).is_ok() {
            *self.0.lock().expect("nobody panics with it") = bytes;
        }
    }
}

impl ConnectionInitializer for Latest {
    fn initialize_connection(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<Pin<Box<dyn ConnectionFuture>>>, Error> {
        let latest = self.0.lock().expect("nobody panics with it");
        if !latest.is_empty() {
            connection.set_session_ticket(&latest)?;
        }
        Ok(None)
    }
}
