//! WAIT_SH: the ClientHello is sent. The server answers with ServerHello, or once with HelloRetryRequest.

use crate::client::key_offer::KeyOffer;
use crate::client::resumption::Resumption;
use crate::client::start::Start;
use crate::config::ClientConfig;
use crate::early_data::EarlyData;
use crate::effects::{Effects, KeyLogEntry};
use crate::error::Error;
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::extension::Offered;
use crate::message::framing::Message;
use crate::message::server_hello::{HelloRetryRequest, ServerHelloOrRetry};
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{Random, Side};
use core::fmt;
use crypto::CipherSuite;

/// The longest cookie that is carried back: the second ClientHello must still fit into what a server buffers.
const MAX_COOKIE_LEN: usize = 8192;

/// Expects ServerHello or HelloRetryRequest.
pub(crate) struct WaitServerHello {
    pub(super) start: Start,
    /// The shares that were sent, and their private value.
    pub(super) offer: KeyOffer,
    /// The extensions of the latest ClientHello.
    pub(super) offered: Offered,
    /// The ticket of the latest ClientHello.
    pub(super) resumption: Option<Resumption>,
    pub(super) hellos: Hellos,
}

/// The messages so far.
pub(super) enum Hellos {
    /// One ClientHello. Its hash waits for the suite.
    First(Vec<u8>),
    /// ClientHello, HelloRetryRequest, ClientHello.
    Second { suite: &'static CipherSuite, transcript: Transcript },
}

impl WaitServerHello {
    /// How many bytes of early data the ticket allows, if any are offered.
    pub(crate) fn max_early_data(&self) -> u32 {
        let offered = self.resumption.as_ref().filter(|resumption| resumption.early_data);
        offered.map_or(0, |resumption| resumption.ticket.max_early_data)
    }

    /// Sends the first ClientHello. `wants_early_data` says whether the carrier has early data to send.
    pub(crate) fn on_start(
        start: Start,
        wants_early_data: bool,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<WaitServerHello, Error> {
        let offer = start.first_offer(random)?;
        let resumption = Resumption::take(&start, wants_early_data);
        let fields = Resumption::fields(resumption.as_ref(), &start);
        let (mut hello, offered) = start.client_hello(&offer, None, fields)?;
        if let Some(resumption) = &resumption {
            resumption.bind(&mut hello, |covered| resumption.suite.hash.digest(&[covered]));
            offer_early_data(resumption, &start, &hello, effects);
        }
        effects.is_in_compatibility_mode = !start.carrier.session_id.is_empty();
        effects.send(Level::Initial, hello.clone());
        Ok(WaitServerHello { start, offer, offered, resumption, hellos: Hellos::First(hello) })
    }

    /// What the server said in the carrier's own extension when it gave the ticket, if early data is offered with that; once.
    pub(crate) fn take_remembered_parameters(&mut self) -> Option<Vec<u8>> {
        let ticket =
            self.resumption.as_mut().filter(|resumption| resumption.early_data).map(|found| &mut found.ticket)?;
        Some(core::mem::take(&mut ticket.parameters)).filter(|parameters| !parameters.is_empty())
    }

    /// What the application relied on when it got the ticket, if early data is offered with that; once.
    pub(crate) fn take_remembered_application(&mut self) -> Option<Vec<u8>> {
        let resumption = self.resumption.as_mut().filter(|resumption| resumption.early_data)?;
        Some(core::mem::take(&mut resumption.ticket.application))
    }

    /// Reads the server's answer, of either kind.
    pub(crate) fn decode<'a>(&self, message: &Message<'a>) -> Result<ServerHelloOrRetry<'a>, Violation> {
        ServerHelloOrRetry::decode(message.body, &self.start.carrier.session_id, &self.offered)
    }

    /// Answers a HelloRetryRequest with the second ClientHello.
    /// RFC 9846 section 4.2.2-5, 4.2.4-5, 4.2.4-6, 4.2.4-7, 4.2.4-8, 4.3.2-2, 4.3.8-12, 4.3.8-13, 4.2.2-6.
    pub(crate) fn on_hello_retry_request(
        self,
        message: &Message<'_>,
        retry: &HelloRetryRequest<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<WaitServerHello, Error> {
        let WaitServerHello { start, offer, resumption, hellos, .. } = self;
        let Hellos::First(first) = hellos else { return Err(Violation::SecondRetry.into()) };
        let suite = offered_suite(&start.config, retry.cipher_suite)?;
        if retry.cookie.is_some_and(|cookie| cookie.len() > MAX_COOKIE_LEN) {
            return Err(Violation::CookieTooLong.into());
        }
        let offer = match retry.selected_group {
            None if retry.cookie.is_none() => return Err(Violation::RetryChangesNothing.into()),
            None => offer,
            // RFC 9846 s4.3.8: a group we have, and not one whose share is there already.
            Some(group) if offer.contains(group) => return Err(Violation::RetryGroup.into()),
            Some(group) => start.retried_offer(group, random)?,
        };
        let resumption = resumption.filter(|resumption| resumption.fits(suite)).map(without_early_data);
        let fields = Resumption::fields(resumption.as_ref(), &start);
        let (mut second, offered) = start.client_hello(&offer, retry.cookie, fields)?;
        let mut transcript = Transcript::after_retry(suite, &first);
        transcript.add(message.bytes);
        match &resumption {
            None => transcript.add(&second),
            Some(resumption) => {
                let binders = resumption.bind(&mut second, |covered| {
                    transcript.add(covered);
                    transcript.current()
                });
                transcript.add(binders);
            }
        }
        effects.is_retried = true;
        refuse_early_data(effects);
        effects.send(Level::Initial, second);
        Ok(WaitServerHello { start, offer, offered, resumption, hellos: Hellos::Second { suite, transcript } })
    }
}

/// Gives out the keys of early data, if it is offered.
fn offer_early_data(resumption: &Resumption, start: &Start, hello: &[u8], effects: &mut Effects) {
    let Some(secret) = resumption.early_secret(hello) else { return };
    effects.early_data = EarlyData::Offered;
    let entry = KeyLogEntry { key_log: start.config.key_log.as_ref(), client_random: &start.client_random };
    effects.give_keys(Side::Client, KeyChange::EarlyData { suite: resumption.suite, secret }, entry);
}

/// RFC 9846 sections 4.2.2, 4.3.10: after a HelloRetryRequest there is no early data.
/// RFC 9846 section 4.2.2-4.
fn without_early_data(resumption: Resumption) -> Resumption {
    Resumption { early_data: false, ..resumption }
}

/// What was sent in early data has not arrived.
pub(super) fn refuse_early_data(effects: &mut Effects) {
    if effects.early_data == EarlyData::Offered {
        effects.early_data = EarlyData::Refused;
    }
}

/// The suite that the server chose, if it was offered.
/// RFC 9846 section 4.2.3-6.
pub(super) fn offered_suite(config: &ClientConfig, id: u16) -> Result<&'static CipherSuite, Violation> {
    config.provider.cipher_suite(id).ok_or(Violation::CipherSuiteNotOffered)
}

impl fmt::Debug for WaitServerHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retried = matches!(self.hellos, Hellos::Second { .. });
        f.debug_struct("WaitServerHello").field("offer", &self.offer).field("retried", &retried).finish_non_exhaustive()
    }
}
