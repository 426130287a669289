//! START: the server waits for a ClientHello, or after a HelloRetryRequest for the second.

use crate::config::ServerConfig;
use crate::effects::Effects;
use crate::error::Error;
use crate::level::Level;
use crate::message::client_hello::ClientHello;
use crate::message::framing::Message;
use crate::message::server_hello::encode_hello_retry_request;
use crate::server::negotiated::Negotiated;
use crate::server::received_client_hello::{
    check, choose_certificate, choose_exchange, choose_protocol, choose_suite, retried_share, server_name,
    unchanged_part,
};
use crate::server::wait_finished::WaitFinished;
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;
use core::fmt;
use crypto::{CipherSuite, Digest, KeyExchange};

/// Expects ClientHello.
#[derive(Debug)]
pub struct Start {
    config: Arc<ServerConfig>,
    transport_parameters: Vec<u8>,
    retried: Option<Retried>,
}

/// What a server remembers of the first round.
struct Retried {
    suite: &'static CipherSuite,
    exchange: &'static dyn KeyExchange,
    unchanged: Digest,
    transcript: Transcript,
}

/// Where a ClientHello leads.
#[derive(Debug)]
pub enum Next {
    /// On: the server's flight is sent.
    Proceed(WaitFinished),
    /// Back: a HelloRetryRequest is sent.
    Retry(Box<Start>),
}

impl Start {
    /// A server that has heard nothing.
    pub fn new(config: Arc<ServerConfig>, transport_parameters: Vec<u8>) -> Start {
        Start { config, transport_parameters, retried: None }
    }

    /// Reads a ClientHello.
    pub fn on_client_hello(
        mut self,
        message: &Message<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<Next, Error> {
        let hello = ClientHello::decode(message.body)?;
        check(&hello)?;
        // RFC 9846 s9.2: what is missing is said before what does not match.
        let _ = hello.signature_algorithms.ok_or(Violation::MissingSignatureAlgorithms)?;
        let parameters = hello.transport_parameters.ok_or(Violation::MissingTransportParameters)?;
        let suite = choose_suite(&self.config, hello.cipher_suites)?;
        let (exchange, share) = choose_exchange(&self.config, &hello)?;
        effects.peer_transport_parameters = Some(parameters.to_vec());
        effects.suite = Some(suite);

        let (exchange, share, transcript) = match (self.retried.take(), share) {
            (None, Some(share)) => (exchange, share, Transcript::new(suite, message.bytes)),
            (None, None) => return self.retry(message, &hello, suite, exchange, effects),
            (Some(retried), _) => {
                let share = retried_share(&hello, retried.exchange.group())?;
                if retried.suite.id != suite.id || retried.unchanged != unchanged_part(suite, &hello) {
                    return Err(Violation::ClientHelloChanged.into());
                }
                let mut transcript = retried.transcript;
                transcript.add(message.bytes);
                (retried.exchange, share, transcript)
            }
        };

        let application_protocol = choose_protocol(&self.config, &hello)?;
        let name = server_name(&hello)?;
        let (certified, scheme) = choose_certificate(&self.config, &hello, name.as_deref())?;
        effects.application_protocol = Some(application_protocol.to_vec());
        let negotiated = Negotiated {
            config: &self.config,
            transport_parameters: &self.transport_parameters,
            client_random: hello.random,
            suite,
            exchange,
            client_share: share,
            application_protocol,
            acknowledges_server_name: name.is_some(),
            certified,
            scheme,
            transcript,
        };
        effects.server_name = name;
        negotiated.send_flight(random, effects).map(Next::Proceed)
    }

    /// Asks for a share of `exchange`.
    fn retry(
        mut self,
        message: &Message<'_>,
        hello: &ClientHello<'_>,
        suite: &'static CipherSuite,
        exchange: &'static dyn KeyExchange,
        effects: &mut Effects,
    ) -> Result<Next, Error> {
        let request = encode_hello_retry_request(suite.id, exchange.group())?;
        let mut transcript = Transcript::after_retry(suite, message.bytes);
        transcript.add(&request);
        effects.send(Level::Initial, request);
        self.retried = Some(Retried { suite, exchange, unchanged: unchanged_part(suite, hello), transcript });
        Ok(Next::Retry(Box::new(self)))
    }
}

impl fmt::Debug for Retried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retried")
            .field("suite", &self.suite)
            .field("group", &self.exchange.group())
            .finish_non_exhaustive()
    }
}
