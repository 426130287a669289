//! Tickets of s2n-tls. Each can be used again, so the latest is enough.

use harness::asynchronous::Failure;
use harness::identity;
use s2n_tls::callbacks::{ConnectionFuture, SessionTicket, SessionTicketCallback, VerifyHostNameCallback};
use s2n_tls::config::{Builder, ConnectionInitializer};
use s2n_tls::connection::Connection;
use s2n_tls::error::Error;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Has a server give tickets, under one key.
///
/// # Errors
/// Those of the library.
pub fn give(config: &mut Builder) -> Result<(), Failure> {
    config.enable_session_tickets(true)?.add_session_ticket_key(b"bench", &[7; 16], SystemTime::now())?;
    Ok(())
}

/// The latest ticket, and how many connections showed a certificate: those that were resumed do not.
#[derive(Default)]
pub struct Tickets {
    latest: Mutex<Vec<u8>>,
    connected: AtomicU64,
    verified: AtomicU64,
}

impl Tickets {
    /// A connection is established.
    pub fn on_connected(&self) {
        self.connected.fetch_add(1, Relaxed);
    }

    /// How many connections were resumed.
    pub fn resumed(&self) -> u64 {
        self.connected.load(Relaxed).saturating_sub(self.verified.load(Relaxed))
    }

    /// Has a client keep tickets here, and use them.
    ///
    /// # Errors
    /// Those of the library.
    pub fn keep(self: Arc<Tickets>, config: &mut Builder) -> Result<(), Failure> {
        config.enable_session_tickets(true)?;
        config.set_session_ticket_callback(Keeper(self.clone()))?;
        config.set_verify_host_callback(Keeper(self.clone()))?;
        config.set_connection_initializer(Keeper(self))?;
        Ok(())
    }
}

struct Keeper(Arc<Tickets>);

impl SessionTicketCallback for Keeper {
    fn on_session_ticket(&self, _: &mut Connection, ticket: &SessionTicket) {
        let mut bytes = vec![0; ticket.len().unwrap_or(0)];
        if ticket.data(&mut bytes).is_ok() {
            *self.0.latest.lock().expect("one thread") = bytes;
        }
    }
}

impl VerifyHostNameCallback for Keeper {
    fn verify_host_name(&self, name: &str) -> bool {
        self.0.verified.fetch_add(1, Relaxed);
        name == identity::NAME
    }
}

impl ConnectionInitializer for Keeper {
    fn initialize_connection(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<Pin<Box<dyn ConnectionFuture>>>, Error> {
        let latest = self.0.latest.lock().expect("one thread");
        if !latest.is_empty() {
            connection.set_session_ticket(&latest)?;
        }
        Ok(None)
    }
}
