//! NEGOTIATED: the parameters are chosen. The server sends all of its flight at once.

use crate::certified_key::CertifiedKey;
use crate::client_proof::{Asked, ClientAuthenticated};
use crate::config::ServerConfig;
use crate::effects::{Effects, KeyLogEntry};
use crate::error::{Error, LocalError};
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::certificate;
use crate::message::certificate_request;
use crate::message::certificate_verify::{CertificateVerify, signed_by_server};
use crate::message::encrypted_extensions::EncryptedExtensionsFields;
use crate::message::framing::{HandshakeType, push_message};
use crate::message::server_hello::encode_server_hello;
use crate::schedule::{Early, Handshake, verify_data};
use crate::server::choice::{choose_certificate, choose_protocol, server_name};
use crate::server::received_client_hello::ReceivedClientHello;
use crate::server::start::Start;
use crate::signature_wishes::offered_schemes;
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Random, Side};
use crypto::{CipherSuite, KeyExchange, KeyExchangeError, Secret, SignatureScheme};

/// Everything that was chosen for a client.
pub(crate) struct Negotiated<'a> {
    start: &'a Start,
    client_random: [u8; 32],
    session_id: &'a [u8],
    suite: &'static CipherSuite,
    exchange: &'static dyn KeyExchange,
    /// The client's share for it.
    client_share: &'a [u8],
    application_protocol: Option<&'a [u8]>,
    /// Whether the client's name was used.
    acknowledges_server_name: bool,
    authentication: Authentication,
    /// What the client has to show: nothing, or what it is asked for.
    client: Result<ClientAuthenticated, Asked>,
    /// All messages so far.
    transcript: Transcript,
}

/// What is left of the server's part when its flight is sent: what the client's messages are checked with.
#[derive(Debug)]
pub(crate) struct FlightSent {
    pub(super) suite: &'static CipherSuite,
    /// All messages so far.
    pub(super) transcript: Transcript,
    /// client_handshake_traffic_secret.
    pub(super) client_traffic: Secret,
}

/// How the server shows who it is. A pre-shared key that the client offered and whose binder was verified (RFC 9846
/// section 4.3.11) is the other way, and becomes a variant here: with it, neither message of the first way is sent.
enum Authentication {
    /// By Certificate and CertificateVerify.
    Certificate {
        /// The chain and its key.
        certified: Arc<CertifiedKey>,
        /// How the key signs.
        scheme: SignatureScheme,
    },
}

/// What the client sends next.
pub(crate) enum Next {
    /// Finished: nothing more was asked for.
    Finished(FlightSent, ClientAuthenticated),
    /// Certificate.
    Certificate(Arc<ServerConfig>, Asked, FlightSent),
}

impl<'a> Negotiated<'a> {
    /// Chooses what is left to choose: protocol, name and certificate.
    pub(crate) fn select(received: ReceivedClientHello<'a>, effects: &mut Effects) -> Result<Negotiated<'a>, Error> {
        let ReceivedClientHello { start, hello, suite, exchange, share, transcript } = received;
        let application_protocol = choose_protocol(&start.config, start.carrier.rules, &hello)?;
        let name = server_name(&hello)?;
        let (selected, scheme) = choose_certificate(&start.config, &hello, name.as_deref())?;
        let policy = selected.client_authentication.as_ref().unwrap_or(&start.config.client_authentication);
        let client = ClientAuthenticated::by_policy(policy);
        let certified = selected.certified;
        effects.application_protocol = application_protocol.map(Vec::from);
        effects.signature_scheme = Some(scheme);
        let acknowledges_server_name = name.is_some();
        effects.server_name = name;
        Ok(Negotiated {
            start,
            client_random: hello.random,
            session_id: hello.legacy_session_id,
            suite,
            exchange,
            client_share: share,
            application_protocol,
            acknowledges_server_name,
            authentication: Authentication::Certificate { certified, scheme },
            client,
            transcript,
        })
    }

    /// Sends ServerHello, EncryptedExtensions, CertificateRequest if the client is asked for anything, Certificate,
    /// CertificateVerify and Finished, and goes on to what the client sends next.
    pub(crate) fn send_flight(mut self, random: &mut dyn Random, effects: &mut Effects) -> Result<Next, Error> {
        let schedule = self.send_server_hello(random, effects)?;
        let suite = self.suite;
        let digest = self.transcript.current();
        let [client_traffic, server_traffic] = schedule.traffic(&digest);
        let flight = self.encrypted_flight(&server_traffic)?;
        let keys = KeyChange::Handshake { suite, local: server_traffic, remote: client_traffic.clone() };
        effects.give_keys(Side::Server, keys, self.key_log_entry());
        effects.send(Level::Handshake, flight);

        let main = schedule.into_main();
        let digest = self.transcript.current();
        let [remote, local, exporter] = main.traffic_and_exporter(&digest);
        effects.exporter = Some(exporter);
        let keys = KeyChange::OneRtt { suite, local, remote };
        effects.give_keys(Side::Server, keys, self.key_log_entry());
        let sent = FlightSent { suite, transcript: self.transcript, client_traffic };
        Ok(match self.client {
            Ok(client) => Next::Finished(sent, client),
            Err(asked) => Next::Certificate(self.start.config.clone(), asked, sent),
        })
    }

    fn send_server_hello(&mut self, random: &mut dyn Random, effects: &mut Effects) -> Result<Handshake, Error> {
        let accepted = self.exchange.accept(self.client_share, random).map_err(|error| match error {
            KeyExchangeError::BadShare => Error::from(Violation::BadKeyShare),
            KeyExchangeError::Internal => Error::from(LocalError::KeyExchange),
        })?;
        let server_random = base::random::array(random);
        let group = self.exchange.group();
        let hello = encode_server_hello(&server_random, self.session_id, self.suite.id, group, &accepted.share)?;
        self.transcript.add(&hello);
        effects.send(Level::Initial, hello);
        Ok(Early::without_pre_shared_key(self.suite).into_handshake(&accepted.secret))
    }

    /// Each message is added to the transcript before the next, which signs or authenticates it, is made.
    fn encrypted_flight(&mut self, server_traffic: &Secret) -> Result<Vec<u8>, Error> {
        let mut flight = Vec::with_capacity(2048);
        let answer = EncryptedExtensionsFields {
            application_protocol: self.application_protocol,
            acknowledges_server_name: self.acknowledges_server_name,
            // RFC 9001 section 8.2-1: over QUIC it is always there.
            carrier_extension: self.start.carrier.extension(),
        };
        answer.encode(&mut flight)?;
        // RFC 9846 section 4.4.2-2: behind EncryptedExtensions, and only where the server itself shows a certificate.
        if let (Err(asked), Authentication::Certificate { .. }) = (&self.client, &self.authentication) {
            let schemes = offered_schemes(&self.start.config.provider);
            certificate_request::encode(&mut flight, &schemes, asked.authorities())?;
        }
        match &self.authentication {
            Authentication::Certificate { certified, scheme } => {
                certificate::encode(&mut flight, &certified.chain)?;
                self.transcript.add(&flight);
                let content = signed_by_server(&self.transcript.current());
                let signature = certified.key.sign(*scheme, &content).map_err(|_| LocalError::Signing)?;
                let before = flight.len();
                CertificateVerify { scheme: *scheme, signature: &signature }.encode(&mut flight)?;
                self.transcript.add(&flight[before..]);
            }
        }
        let before = flight.len();
        let data = verify_data(self.suite, server_traffic, &self.transcript.current());
        push_message(&mut flight, HandshakeType::FINISHED, |out| {
            out.extend_from_slice(&data);
            Ok(())
        })?;
        self.transcript.add(&flight[before..]);
        Ok(flight)
    }

    fn key_log_entry(&self) -> KeyLogEntry<'_> {
        KeyLogEntry { key_log: self.start.config.key_log.as_ref(), client_random: &self.client_random }
    }
}
