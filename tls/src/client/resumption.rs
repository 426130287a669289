//! A ticket that a client resumes with: from the store into the ClientHello, with the binder that proves possession of its key.

use crate::client::start::Start;
use crate::message::client_hello::ResumptionFields;
use crate::message::pre_shared_key::OfferedTicket;
use crate::schedule::Early;
use crate::ticket::Ticket;
use crypto::{CipherSuite, Digest, Secret};

/// A ticket that is offered.
#[derive(Debug)]
pub(crate) struct Resumption {
    pub(super) ticket: Ticket,
    /// The ticket's suite.
    pub(super) suite: &'static CipherSuite,
    /// The key schedule that begins with the ticket's key.
    pub(super) early: Early,
    /// Whether early data is offered with it.
    pub(super) early_data: bool,
}

impl Resumption {
    /// Takes a ticket out of the store, if there is one that can be used. `wants_early_data` is the carrier's word.
    /// RFC 9001 section 5.6-1.
    /// RFC 9846 section 4.3.10-1, 4.3.10-2, 4.7.1-7.
    pub(super) fn take(start: &Start, wants_early_data: bool) -> Option<Resumption> {
        let config = &start.config;
        let store = config.tickets.as_ref()?;
        let now = config.wall_clock.unix_millis();
        let ticket =
            store.take(&config.ticket_origin(start.carrier.rules, start.carrier.version, &start.name)?, now)?;
        // A store of somebody else may keep tickets for longer than they are good.
        if !ticket.is_valid_at(now) {
            return None;
        }
        let suite = config.provider.cipher_suite(ticket.suite)?;
        let early = Early::with_pre_shared_key(suite, &ticket.secret);
        let allowed = wants_early_data && config.dangerous_offer_early_data_that_may_be_replayed;
        let early_data = allowed && ticket.max_early_data > 0;
        Some(Resumption { ticket, suite, early, early_data })
    }

    /// What the ClientHello says of it. `binder` is still zeros.
    /// RFC 9846 section 4.2.2: the age is that of this very moment.
    /// RFC 9846 section 4.3.9-1, 4.3.9-2, 9.2-14, 9.2-15.
    pub(super) fn fields<'a>(resumption: Option<&'a Resumption>, start: &Start) -> ResumptionFields<'a> {
        let now = start.config.wall_clock.unix_millis();
        ResumptionFields {
            wants_tickets: start.config.wants_tickets(),
            ticket: resumption.map(|resumption| OfferedTicket {
                identity: &resumption.ticket.identity,
                obfuscated_age: resumption.ticket.obfuscated_age(now),
                binder_len: resumption.binder_len() as u8,
            }),
            early_data: resumption.is_some_and(|resumption| resumption.early_data),
        }
    }

    /// Writes the binder into the ClientHello, which ends with it. `transcript` gives the digest of all messages up to the end of
    /// the part it is given; what it returns beside is the part behind.
    pub(super) fn bind<'a>(&self, hello: &'a mut [u8], transcript: impl FnOnce(&[u8]) -> Digest) -> &'a [u8] {
        // Before the binder are its own length, and that of the list.
        let covered_len = hello.len() - self.binder_len() - 3;
        let (covered, binders) = hello.split_at_mut(covered_len);
        let binder = self.early.binder(&transcript(covered));
        let (_, place) = binders.split_at_mut(3);
        place.copy_from_slice(&binder);
        binders
    }

    /// client_early_traffic_secret, if early data is offered in this ClientHello.
    pub(super) fn early_secret(&self, hello: &[u8]) -> Option<Secret> {
        self.early_data.then(|| self.early.client_traffic(&self.suite.hash.digest(&[hello])))
    }

    /// Whether it can be used with a suite.
    pub(super) fn fits(&self, suite: &CipherSuite) -> bool {
        suite.hash.output_len() == self.suite.hash.output_len()
    }

    /// A digest has at most 64 bytes.
    fn binder_len(&self) -> usize {
        self.suite.hash.output_len()
    }
}
