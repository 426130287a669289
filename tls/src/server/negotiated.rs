//! NEGOTIATED: the parameters are chosen. The server sends all of its flight at once.

use crate::config::ServerConfig;
use crate::effects::{Effects, log_secrets};
use crate::error::{Error, LocalError};
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::certificate;
use crate::message::certificate_verify::{CertificateVerify, signed_by_server};
use crate::message::encrypted_extensions::EncryptedExtensions;
use crate::message::framing::{HandshakeType, push_message};
use crate::message::server_hello::encode_server_hello;
use crate::resolver::CertifiedKey;
use crate::schedule::{Early, Handshake, verify_data};
use crate::server::wait_finished::WaitFinished;
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;
use crypto::{CipherSuite, KeyExchange, KeyExchangeError, Secret, SignatureScheme};

/// Everything that was chosen for a client.
pub struct Negotiated<'a> {
    /// The configuration.
    pub config: &'a ServerConfig,
    /// This side's transport parameters.
    pub transport_parameters: &'a [u8],
    /// The client's random.
    pub client_random: [u8; 32],
    /// The suite.
    pub suite: &'static CipherSuite,
    /// The key exchange.
    pub exchange: &'static dyn KeyExchange,
    /// The client's share for it.
    pub client_share: &'a [u8],
    /// The application protocol.
    pub application_protocol: &'a [u8],
    /// Whether the client's name was used.
    pub acknowledges_server_name: bool,
    /// The certificate.
    pub certified: Arc<CertifiedKey>,
    /// How its key signs.
    pub scheme: SignatureScheme,
    /// All messages up to the client's last ClientHello.
    pub transcript: Transcript,
}

impl Negotiated<'_> {
    /// Sends ServerHello, EncryptedExtensions, Certificate, CertificateVerify and Finished.
    pub fn send_flight(mut self, random: &mut dyn Random, effects: &mut Effects) -> Result<WaitFinished, Error> {
        let schedule = self.send_server_hello(random, effects)?;
        let digest = self.transcript.current();
        let (client_traffic, server_traffic) = (schedule.client_traffic(&digest), schedule.server_traffic(&digest));
        self.log([
            ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &client_traffic),
            ("SERVER_HANDSHAKE_TRAFFIC_SECRET", &server_traffic),
        ]);
        effects.keys.push_back(KeyChange::Handshake {
            suite: self.suite,
            local: server_traffic.clone(),
            remote: client_traffic.clone(),
        });

        let flight = self.handshake_flight(&server_traffic)?;
        effects.send(Level::Handshake, flight);

        let main = schedule.into_main();
        let digest = self.transcript.current();
        let (local, remote) = (main.server_traffic(&digest), main.client_traffic(&digest));
        self.log([("CLIENT_TRAFFIC_SECRET_0", &remote), ("SERVER_TRAFFIC_SECRET_0", &local)]);
        effects.exporter = Some(main.exporter(&digest));
        effects.keys.push_back(KeyChange::OneRtt { suite: self.suite, local, remote });
        Ok(WaitFinished { suite: self.suite, transcript: self.transcript, client_traffic })
    }

    fn send_server_hello(&mut self, random: &mut dyn Random, effects: &mut Effects) -> Result<Handshake, Error> {
        let accepted = self.exchange.accept(self.client_share, random).map_err(|error| match error {
            KeyExchangeError::BadShare => Error::from(Violation::BadKeyShare),
            KeyExchangeError::Internal => Error::from(LocalError::KeyExchange),
        })?;
        let server_random = base::random::array(random);
        let hello = encode_server_hello(&server_random, self.suite.id, self.exchange.group(), &accepted.share)?;
        self.transcript.add(&hello);
        effects.send(Level::Initial, hello);
        Ok(Early::without_pre_shared_key(self.suite).into_handshake(&accepted.secret))
    }

    /// Each message is added to the transcript before the next, which signs or authenticates it, is made.
    fn handshake_flight(&mut self, server_traffic: &Secret) -> Result<Vec<u8>, Error> {
        let mut flight = Vec::with_capacity(2048);
        let answer = EncryptedExtensions {
            application_protocol: Some(self.application_protocol),
            transport_parameters: Some(self.transport_parameters),
            acknowledges_server_name: self.acknowledges_server_name,
        };
        answer.encode(&mut flight)?;
        // CertificateRequest would go here.
        certificate::encode(&mut flight, &self.certified.chain)?;
        self.transcript.add(&flight);

        let before = flight.len();
        let content = signed_by_server(&self.transcript.current());
        let signature = self.certified.key.sign(self.scheme, &content).map_err(|_| LocalError::Signing)?;
        CertificateVerify { scheme: self.scheme, signature: &signature }.encode(&mut flight)?;
        self.transcript.add(flight.get(before..).unwrap_or(&[]));

        let before = flight.len();
        let data = verify_data(self.suite, server_traffic, &self.transcript.current());
        push_message(&mut flight, HandshakeType::FINISHED, |out| {
            out.extend_from_slice(&data);
            Ok(())
        })?;
        self.transcript.add(flight.get(before..).unwrap_or(&[]));
        Ok(flight)
    }

    fn log(&self, secrets: [(&'static str, &Secret); 2]) {
        log_secrets(self.config.key_log.as_ref(), &self.client_random, secrets);
    }
}
