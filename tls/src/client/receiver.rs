//! What a client keeps of a handshake to make use of the tickets that follow it.

use crate::config::WallClock;
use crate::message::new_session_ticket::NewSessionTicket;
use crate::schedule;
use crate::ticket::{MAX_LIFETIME_SECONDS, MAX_TICKET_LEN, Ticket, TicketOrigin, TicketStore};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use crypto::{CipherSuite, Secret};

/// How many tickets of one connection are kept. Servers send one to four; the rest are ignored.
const MAX_TICKETS: u8 = 4;

/// Turns NewSessionTicket messages into tickets of the store.
pub(crate) struct Receiver {
    received: Received,
    left: u8,
}

/// What tickets are made of, once the handshake is complete.
pub(super) struct Received {
    pub(super) store: Arc<dyn TicketStore>,
    pub(super) origin: TicketOrigin,
    pub(super) wall_clock: Arc<dyn WallClock>,
    pub(super) suite: &'static CipherSuite,
    /// resumption_secret.
    pub(super) resumption: Secret,
    /// When the server's certificates expire, in seconds since 1970.
    pub(super) certificate_expires: u64,
    /// What the server said in the carrier's own extension, if it is to be remembered.
    pub(super) parameters: Vec<u8>,
    /// What the application relies on in early data, as far as it has said.
    pub(super) application: Vec<u8>,
}

impl Receiver {
    pub(super) const fn new(received: Received) -> Receiver {
        Receiver { received, left: MAX_TICKETS }
    }

    /// What the application relies on in early data that is sent with the tickets from here on. Kept only where early data is
    /// wanted, and no more of it than a ticket may take.
    pub(super) fn remember(&mut self, application: &[u8]) {
        let is_wanted = !self.received.parameters.is_empty() && application.len() <= MAX_TICKET_LEN;
        self.received.application = if is_wanted { application.to_vec() } else { Vec::new() };
    }

    /// Whether a ticket has come.
    pub(super) const fn has_received(&self) -> bool {
        self.left < MAX_TICKETS
    }

    /// Keeps a ticket, and tells whether more may come.
    pub(super) fn on_ticket(&mut self, message: &NewSessionTicket<'_>, application_protocol: Option<&[u8]>) -> bool {
        // RFC 9846 section 4.7.1: of no use after a time of zero.
        if message.lifetime_seconds > 0 && message.ticket.len() <= MAX_TICKET_LEN {
            let Received { store, origin, .. } = &self.received;
            store.put(origin, self.ticket(message, application_protocol));
        }
        self.left -= 1;
        self.left > 0
    }

    /// RFC 9846 section 4.7.1-3.
    fn ticket(&self, message: &NewSessionTicket<'_>, application_protocol: Option<&[u8]>) -> Ticket {
        let Received { wall_clock, suite, resumption, certificate_expires, parameters, application, .. } =
            &self.received;
        let now = wall_clock.unix_millis();
        // RFC 9846 section 4.7.1.
        let lifetime = u64::from(message.lifetime_seconds.min(MAX_LIFETIME_SECONDS)) * 1000;
        Ticket {
            identity: message.ticket.to_vec(),
            secret: schedule::ticket_secret(suite, resumption, message.nonce),
            suite: suite.id,
            application_protocol: application_protocol.map(Vec::from),
            received_millis: now,
            expires_millis: now.saturating_add(lifetime).min(certificate_expires.saturating_mul(1000)),
            certificate_expires: *certificate_expires,
            age_add: message.age_add,
            max_early_data: message.max_early_data_size.unwrap_or(0),
            parameters: parameters.clone(),
            application: application.clone(),
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("left", &self.left).finish_non_exhaustive()
    }
}
