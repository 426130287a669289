//! Tickets of s2n-tls. Each can be used again, so the latest is enough.

use harness::asynchronous::Failure;
use s2n_tls::callbacks::{ConnectionFuture, SessionTicket, SessionTicketCallback};
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

/// The latest ticket, and how many connections that were resumed have brought one.
#[derive(Default)]
pub struct Tickets {
    latest: Mutex<Vec<u8>>,
    resumed: AtomicU64,
}

impl Tickets {
    /// How many connections were resumed.
    pub fn resumed(&self) -> u64 {
        self.resumed.load(Relaxed)
    }

    /// Has a client keep tickets here, and use them.
    ///
    /// # Errors
    /// Those of the library.
    pub fn keep(self: Arc<Tickets>, config: &mut Builder) -> Result<(), Failure> {
        config.enable_session_tickets(true)?;
        config.set_session_ticket_callback(Keeper(self.clone()))?;
        config.set_connection_initializer(Keeper(self))?;
        Ok(())
    }
}

struct Keeper(Arc<Tickets>);

impl SessionTicketCallback for Keeper {
    fn on_session_ticket(&self, connection: &mut Connection, ticket: &SessionTicket) {
        let mut bytes = vec![0; ticket.len().unwrap_or(0)];
        if ticket.data(&mut bytes).is_ok() {
            *self.0.latest.lock().expect("one thread") = bytes;
        }
        self.0.resumed.fetch_add(u64::from(connection.resumed()), Relaxed);
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
