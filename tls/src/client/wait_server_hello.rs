//! WAIT_SH: the ClientHello is sent. The server answers with ServerHello, or once with HelloRetryRequest.

use crate::client::key_offer::KeyOffer;
use crate::client::start::Start;
use crate::config::ClientConfig;
use crate::effects::Effects;
use crate::error::Error;
use crate::level::Level;
use crate::message::extension::Offered;
use crate::message::framing::Message;
use crate::message::server_hello::{HelloRetryRequest, ServerHelloOrRetry};
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::Random;
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
    /// Sends the first ClientHello.
    pub(crate) fn on_start(
        start: Start,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<WaitServerHello, Error> {
        let offer = start.first_offer(random)?;
        let (hello, offered) = start.client_hello(&offer, None)?;
        effects.is_in_compatibility_mode = !start.carrier.session_id.is_empty();
        effects.send(Level::Initial, hello.clone());
        Ok(WaitServerHello { start, offer, offered, hellos: Hellos::First(hello) })
    }

    /// Reads the server's answer, of either kind.
    pub(crate) fn decode<'a>(&self, message: &Message<'a>) -> Result<ServerHelloOrRetry<'a>, Violation> {
        ServerHelloOrRetry::decode(message.body, &self.start.carrier.session_id, &self.offered)
    }

    /// Answers a HelloRetryRequest with the second ClientHello.
    pub(crate) fn on_hello_retry_request(
        self,
        message: &Message<'_>,
        retry: &HelloRetryRequest<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<WaitServerHello, Error> {
        let WaitServerHello { start, offer, hellos, .. } = self;
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
        let (second, offered) = start.client_hello(&offer, retry.cookie)?;
        let mut transcript = Transcript::after_retry(suite, &first);
        transcript.add(message.bytes);
        transcript.add(&second);
        effects.is_retried = true;
        effects.send(Level::Initial, second);
        Ok(WaitServerHello { start, offer, offered, hellos: Hellos::Second { suite, transcript } })
    }
}

/// The suite that the server chose, if it was offered.
pub(super) fn offered_suite(config: &ClientConfig, id: u16) -> Result<&'static CipherSuite, Violation> {
    config.provider.cipher_suite(id).ok_or(Violation::CipherSuiteNotOffered)
}

impl fmt::Debug for WaitServerHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retried = matches!(self.hellos, Hellos::Second { .. });
        f.debug_struct("WaitServerHello").field("offer", &self.offer).field("retried", &retried).finish_non_exhaustive()
    }
}
