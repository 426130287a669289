//! What a server keeps of a handshake until it has given its tickets (RFC 9846 section 4.7.1).

use crate::config::{ServerConfig, TicketPolicy};
use crate::error::LocalError;
use crate::message::new_session_ticket::NewSessionTicket;
use crate::schedule;
use crate::ticket_content::{TicketClient, TicketContent};
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;
use core::fmt;
use crypto::{CipherSuite, Secret};

/// What will be in the tickets of a connection, but for the key.
pub(crate) struct Terms {
    pub(super) config: Arc<ServerConfig>,
    pub(super) suite: &'static CipherSuite,
    /// What the seal covers besides.
    pub(super) bounds: Vec<u8>,
    /// What the carrier relies on in early data; `None` if none may come with these tickets.
    pub(super) early_data: Option<[u8; 32]>,
    /// The bytes of early data that a ticket allows, if it allows any: over QUIC a number that means no limit.
    pub(super) max_early_data: u32,
}

/// Gives a connection's tickets, once.
pub(crate) struct Issuer {
    terms: Terms,
    client: TicketClient,
    /// resumption_secret.
    resumption: Secret,
}

impl Issuer {
    pub(super) const fn new(terms: Terms, client: TicketClient, resumption: Secret) -> Issuer {
        Issuer { terms, client, resumption }
    }

    /// The messages, one behind the other.
    pub(crate) fn issue(self, random: &mut dyn Random) -> Result<Vec<u8>, LocalError> {
        let mut out = Vec::new();
        let Some(policy) = &self.terms.config.tickets else { return Ok(out) };
        // RFC 9846 section 4.7.1: a number makes the key of each ticket another.
        (0..policy.count()).try_for_each(|number| self.push(&mut out, policy, number, random))?;
        Ok(out)
    }

    /// RFC 9846 section 4.7.1-14.
    fn push(
        &self,
        out: &mut Vec<u8>,
        policy: &TicketPolicy,
        number: u8,
        random: &mut dyn Random,
    ) -> Result<(), LocalError> {
        let Terms { config, suite, bounds, early_data, max_early_data } = &self.terms;
        let age_add = u32::from_be_bytes(base::random::array(random));
        let nonce = [number];
        let content = TicketContent {
            suite: suite.id,
            issued_millis: config.wall_clock.unix_millis(),
            lifetime_seconds: policy.lifetime(),
            age_add,
            early_data: *early_data,
            client: self.client.clone(),
            secret: schedule::ticket_secret(suite, &self.resumption, &nonce),
        };
        let keys = policy.keys.ticket_keys(config.wall_clock.unix_seconds(), random);
        let ticket = keys.seal(&content.encode(), bounds, random);
        let message = NewSessionTicket {
            lifetime_seconds: content.lifetime_seconds,
            age_add,
            nonce: &nonce,
            ticket: &ticket,
            max_early_data_size: early_data.map(|_| *max_early_data),
        };
        message.encode(out)
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("suite", &self.suite).finish_non_exhaustive()
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("terms", &self.terms).finish_non_exhaustive()
    }
}
