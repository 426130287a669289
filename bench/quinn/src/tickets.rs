//! The client's tickets: those of one server, each used once.

use harness::work;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The tickets, the newest last, and how many were used. What a server does not take costs a whole handshake; the server here
/// takes all of them, because it sealed them a moment ago.
#[derive(Default)]
pub struct Tickets {
    kept: Mutex<Vec<Tls13ClientSessionValue>>,
    used: AtomicU64,
}

impl Tickets {
    /// How many were used.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        Some(NamedGroup::X25519)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut kept = self.kept.lock().expect("one thread");
        if kept.len() < work::MAX_TICKETS {
            kept.push(ticket);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let ticket = self.kept.lock().expect("one thread").pop()?;
        self.used.fetch_add(1, Relaxed);
        Some(ticket)
    }
}
