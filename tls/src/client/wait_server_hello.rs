//! WAIT_SH: the ClientHello is sent. The server goes on, or asks for another one, once.

use crate::client::handshaking::Handshaking;
use crate::client::wait_encrypted_extensions::WaitEncryptedExtensions;
use crate::config::ClientConfig;
use crate::effects::{Effects, log_secrets};
use crate::error::{Error, LocalError};
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::client_hello::ClientHelloFields;
use crate::message::framing::Message;
use crate::message::server_hello::{HelloRetryRequest, ServerHello, ServerHelloOrRetry};
use crate::schedule::Early;
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;
use core::fmt;
use crypto::{CipherSuite, KeyExchange, KeyExchangeError, NamedGroup, Offer};

/// The longest cookie that is carried back: the second ClientHello must still fit into what a server buffers.
const MAX_COOKIE_LEN: usize = 8192;

/// Expects ServerHello or HelloRetryRequest.
pub struct WaitServerHello {
    parameters: Parameters,
    offer: (NamedGroup, Box<dyn Offer>),
    hellos: Hellos,
}

/// What both ClientHellos are made of.
pub struct Parameters {
    /// The configuration.
    pub config: Arc<ClientConfig>,
    /// Whom the client wants to reach.
    pub name: x509::ServerName,
    /// This side's transport parameters.
    pub transport_parameters: Vec<u8>,
    /// The client's random.
    pub client_random: [u8; 32],
}

/// What was said so far.
enum Hellos {
    /// One ClientHello. Its hash waits for the suite.
    First(Vec<u8>),
    /// ClientHello, HelloRetryRequest, ClientHello.
    Second { suite: &'static CipherSuite, transcript: Transcript },
}

/// Where a ServerHello leads.
#[derive(Debug)]
pub enum Next {
    /// On.
    Proceed(WaitEncryptedExtensions),
    /// Back: a second ClientHello was sent.
    Retry(Box<WaitServerHello>),
}

impl Parameters {
    /// A ClientHello with this share.
    fn client_hello(&self, share: (NamedGroup, &[u8]), cookie: Option<&[u8]>) -> Result<Vec<u8>, LocalError> {
        let provider = &self.config.provider;
        let cipher_suites: Vec<u16> = provider.cipher_suites.iter().map(|suite| suite.id).collect();
        let groups: Vec<u16> = provider.key_exchanges.iter().map(|exchange| exchange.group().0).collect();
        let hello = ClientHelloFields {
            random: &self.client_random,
            cipher_suites: &cipher_suites,
            server_name: match &self.name {
                x509::ServerName::Dns(name) => Some(name),
                x509::ServerName::Ip(_) => None,
            },
            supported_groups: &groups,
            signature_algorithms: &signature_algorithms(provider),
            key_share: share,
            application_protocols: &self.config.alpn,
            transport_parameters: &self.transport_parameters,
            cookie,
        };
        hello.encode()
    }
}

/// The schemes for CertificateVerify, then those of PKCS #1 v1.5, which stand for signatures in certificates only
/// (RFC 9846 section 4.3.3).
fn signature_algorithms(provider: &crypto::Provider) -> Vec<u16> {
    use crypto::{SignatureAlgorithm, SignatureScheme};
    let mut schemes: Vec<u16> =
        provider.verifiers.iter().filter_map(|row| row.scheme()).map(|scheme| scheme.0).collect();
    for row in provider.verifiers {
        let scheme = match row.signature_algorithm() {
            SignatureAlgorithm::RsaPkcs1Sha256 => SignatureScheme::RSA_PKCS1_SHA256,
            SignatureAlgorithm::RsaPkcs1Sha384 => SignatureScheme::RSA_PKCS1_SHA384,
            SignatureAlgorithm::RsaPkcs1Sha512 => SignatureScheme::RSA_PKCS1_SHA512,
            _ => continue,
        };
        schemes.push(scheme.0);
    }
    schemes
}

impl WaitServerHello {
    /// Sends the first ClientHello, with a share for `exchange`.
    pub fn send_client_hello(
        parameters: Parameters,
        exchange: &dyn KeyExchange,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<WaitServerHello, Error> {
        let offer = exchange.offer(random).map_err(|_| LocalError::KeyExchange)?;
        let group = exchange.group();
        let hello = parameters.client_hello((group, offer.share()), None)?;
        effects.send(Level::Initial, hello.clone());
        Ok(WaitServerHello { parameters, offer: (group, offer), hellos: Hellos::First(hello) })
    }

    /// Reads what the server answers.
    pub fn on_server_hello(
        self,
        message: &Message<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<Next, Error> {
        match ServerHelloOrRetry::decode(message.body)? {
            ServerHelloOrRetry::Hello(hello) => self.proceed(message, &hello, effects).map(Next::Proceed),
            ServerHelloOrRetry::Retry(retry) => {
                self.retry(message, &retry, random, effects).map(Box::new).map(Next::Retry)
            }
        }
    }

    fn proceed(
        self,
        message: &Message<'_>,
        hello: &ServerHello<'_>,
        effects: &mut Effects,
    ) -> Result<WaitEncryptedExtensions, Error> {
        let WaitServerHello { parameters, offer: (group, offer), hellos } = self;
        let Parameters { config, name, client_random, .. } = parameters;
        let (suite, mut transcript) = match hellos {
            Hellos::First(bytes) => {
                let suite = offered_suite(&config, hello.cipher_suite)?;
                (suite, Transcript::new(suite, &bytes))
            }
            // RFC 9846 s4.2.4: the suite that the retry named stays.
            Hellos::Second { suite, .. } if suite.id != hello.cipher_suite => {
                return Err(Violation::CipherSuiteChanged.into());
            }
            Hellos::Second { suite, transcript } => (suite, transcript),
        };
        transcript.add(message.bytes);

        let (server_group, share) = hello.key_share.ok_or(Violation::MissingKeyShare)?;
        if server_group != group {
            return Err(Violation::KeyShareGroup.into());
        }
        let shared = offer.finish(share).map_err(key_exchange_error)?;
        let schedule = Early::without_pre_shared_key(suite).into_handshake(&shared);
        let digest = transcript.current();
        let (client_traffic, server_traffic) = (schedule.client_traffic(&digest), schedule.server_traffic(&digest));
        log_secrets(
            config.key_log.as_ref(),
            &client_random,
            [
                ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &client_traffic),
                ("SERVER_HANDSHAKE_TRAFFIC_SECRET", &server_traffic),
            ],
        );
        effects.suite = Some(suite);
        effects.keys.push_back(KeyChange::Handshake {
            suite,
            local: client_traffic.clone(),
            remote: server_traffic.clone(),
        });
        let handshaking =
            Handshaking { config, name, client_random, suite, transcript, schedule, client_traffic, server_traffic };
        Ok(WaitEncryptedExtensions { handshaking: Box::new(handshaking) })
    }

    fn retry(
        self,
        message: &Message<'_>,
        retry: &HelloRetryRequest<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<WaitServerHello, Error> {
        let WaitServerHello { parameters, offer, hellos } = self;
        let Hellos::First(first) = hellos else { return Err(Violation::SecondRetry.into()) };
        let suite = offered_suite(&parameters.config, retry.cipher_suite)?;
        if retry.cookie.is_some_and(|cookie| cookie.len() > MAX_COOKIE_LEN) {
            return Err(Violation::CookieTooLong.into());
        }
        let offer = match retry.selected_group {
            None if retry.cookie.is_none() => return Err(Violation::RetryChangesNothing.into()),
            None => offer,
            // RFC 9846 s4.3.8: a group we have, and not the one whose share is there already.
            Some(group) if group == offer.0 => return Err(Violation::RetryGroup.into()),
            Some(group) => {
                let exchange = parameters.config.provider.key_exchange(group).ok_or(Violation::RetryGroup)?;
                (group, exchange.offer(random).map_err(|_| LocalError::KeyExchange)?)
            }
        };
        let second = parameters.client_hello((offer.0, offer.1.share()), retry.cookie)?;
        let mut transcript = Transcript::after_retry(suite, &first);
        transcript.add(message.bytes);
        transcript.add(&second);
        effects.send(Level::Initial, second);
        Ok(WaitServerHello { parameters, offer, hellos: Hellos::Second { suite, transcript } })
    }
}

fn offered_suite(config: &ClientConfig, id: u16) -> Result<&'static CipherSuite, Violation> {
    config.provider.cipher_suite(id).ok_or(Violation::CipherSuiteNotOffered)
}

fn key_exchange_error(error: KeyExchangeError) -> Error {
    match error {
        KeyExchangeError::BadShare => Violation::BadKeyShare.into(),
        KeyExchangeError::Internal => LocalError::KeyExchange.into(),
    }
}

impl fmt::Debug for WaitServerHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retried = matches!(self.hellos, Hellos::Second { .. });
        f.debug_struct("WaitServerHello")
            .field("group", &self.offer.0)
            .field("retried", &retried)
            .finish_non_exhaustive()
    }
}
