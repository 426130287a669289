//! WAIT_EE: the ServerHello is read, and both sides have the keys of the handshake.

use crate::carrier::Rules;
use crate::client::start::Start;
use crate::client::wait_server_hello::{Hellos, WaitServerHello, offered_suite};
use crate::config::ClientConfig;
use crate::effects::{Effects, KeyLogEntry};
use crate::error::{Error, LocalError};
use crate::key_change::KeyChange;
use crate::message::extension::Offered;
use crate::message::framing::Message;
use crate::message::server_hello::ServerHello;
use crate::schedule::{Early, Handshake};
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::sync::Arc;
use base::Side;
use core::fmt;
use crypto::{CipherSuite, KeyExchangeError, Secret};

/// Expects EncryptedExtensions.
#[derive(Debug)]
pub(crate) struct WaitEncryptedExtensions {
    pub(super) handshaking: Box<Handshaking>,
}

/// What every client state from here to WAIT_FINISHED carries.
pub(crate) struct Handshaking {
    pub(super) config: Arc<ClientConfig>,
    pub(super) rules: &'static Rules,
    /// The server's name.
    pub(super) name: x509::ServerName,
    /// The client's random, which names the connection in key logs.
    pub(super) client_random: [u8; 32],
    /// The extensions that the server may answer.
    pub(super) offered: Offered,
    pub(super) suite: &'static CipherSuite,
    /// All messages so far.
    pub(super) transcript: Transcript,
    pub(super) schedule: Handshake,
    /// client_handshake_traffic_secret.
    pub(super) client_traffic: Secret,
    /// server_handshake_traffic_secret.
    pub(super) server_traffic: Secret,
}

impl WaitEncryptedExtensions {
    /// Reads the ServerHello: everything after it is encrypted.
    pub(crate) fn on_server_hello(
        state: WaitServerHello,
        message: &Message<'_>,
        hello: &ServerHello<'_>,
        effects: &mut Effects,
    ) -> Result<WaitEncryptedExtensions, Error> {
        let WaitServerHello { start, offer: (group, offer), offered, hellos } = state;
        let Start { config, carrier, name, client_random, .. } = start;
        let (suite, mut transcript) = transcript(&config, hellos, hello)?;
        transcript.add(message.bytes);

        let (server_group, share) = hello.key_share.ok_or(Violation::MissingKeyShare)?;
        if server_group != group {
            return Err(Violation::KeyShareGroup.into());
        }
        let shared = offer.finish(share).map_err(|error| match error {
            KeyExchangeError::BadShare => Error::from(Violation::BadKeyShare),
            KeyExchangeError::Internal => LocalError::KeyExchange.into(),
        })?;
        let schedule = Early::without_pre_shared_key(suite).into_handshake(&shared);
        let digest = transcript.current();
        let [client_traffic, server_traffic] = schedule.traffic(&digest);
        effects.suite = Some(suite);
        effects.group = Some(group);
        let keys = KeyChange::Handshake { suite, local: client_traffic.clone(), remote: server_traffic.clone() };
        let entry = KeyLogEntry { key_log: config.key_log.as_ref(), client_random: &client_random };
        effects.give_keys(Side::Client, keys, entry);

        let rules = carrier.rules;
        let handshaking = Handshaking {
            config,
            rules,
            name,
            client_random,
            offered,
            suite,
            transcript,
            schedule,
            client_traffic,
            server_traffic,
        };
        Ok(WaitEncryptedExtensions { handshaking: Box::new(handshaking) })
    }
}

/// The suite, and the transcript up to the latest ClientHello.
fn transcript(
    config: &ClientConfig,
    hellos: Hellos,
    hello: &ServerHello<'_>,
) -> Result<(&'static CipherSuite, Transcript), Violation> {
    match hellos {
        Hellos::First(bytes) => {
            let suite = offered_suite(config, hello.cipher_suite)?;
            Ok((suite, Transcript::new(suite, &bytes)))
        }
        // RFC 9846 s4.2.4: the suite that the retry named stays.
        Hellos::Second { suite, .. } if suite.id != hello.cipher_suite => Err(Violation::CipherSuiteChanged),
        Hellos::Second { suite, transcript } => Ok((suite, transcript)),
    }
}

impl fmt::Debug for Handshaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaking").field("name", &self.name).field("suite", &self.suite).finish_non_exhaustive()
    }
}
