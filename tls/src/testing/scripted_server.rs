//! A server that sends what a test scripts, under valid keys, so that a client refuses it for the one thing that is
//! wrong.

use crate::error::Error;
use crate::level::Level;
use crate::message::certificate;
use crate::message::certificate_verify::{CertificateVerify, signed_by_server};
use crate::message::client_hello::ClientHello;
use crate::message::encrypted_extensions::EncryptedExtensionsFields;
use crate::message::extension::ExtensionType;
use crate::message::framing::{HEADER_LEN, HandshakeType, push_message};
use crate::message::server_hello::encode_server_hello;
use crate::schedule::{Handshake, verify_data};
use crate::session::Session;
use crate::testing::{Counting, Kind, SERVER_PARAMETERS, certified};
use crate::transcript::Transcript;
use alloc::vec::Vec;
use crypto::{CipherSuite, Secret};

pub(crate) struct ScriptedServer {
    pub(crate) suite: &'static CipherSuite,
    pub(crate) transcript: Transcript,
    pub(crate) server_traffic: Secret,
    pub(crate) client_traffic: Secret,
}

impl ScriptedServer {
    /// Answers a client's ClientHello with a ServerHello.
    pub(crate) fn answer(client: &mut Session, suite: u16) -> ScriptedServer {
        let (_, bytes) = client.poll_output().unwrap();
        let suite = crypto_ring::PROVIDER.cipher_suite(suite).unwrap();
        let hello = ClientHello::decode(&bytes[HEADER_LEN..]).unwrap();
        let (group, share) = hello.key_shares.unwrap().iter().next().unwrap();
        let accepted = crypto_ring::PROVIDER.key_exchange(group).unwrap().accept(share, &mut Counting(1)).unwrap();
        let server_hello = encode_server_hello(&[3; 32], &[], suite.id, group, &accepted.share).unwrap();
        let mut transcript = Transcript::new(suite, &bytes);
        transcript.add(&server_hello);
        client.read(Level::Initial, &server_hello, &mut Counting(0)).unwrap();
        let schedule = Handshake::begin(suite, None, accepted.secret);
        let digest = transcript.current();
        let [client_traffic, server_traffic] = schedule.traffic(&digest);
        ScriptedServer { suite, server_traffic, client_traffic, transcript }
    }

    /// Says a message at the Handshake level.
    pub(crate) fn say(&mut self, client: &mut Session, kind: HandshakeType, body: &[u8]) -> Result<(), Error> {
        let message = framed(kind, body);
        self.transcript.add(&message);
        client.read(Level::Handshake, &message, &mut Counting(0))
    }

    pub(crate) fn say_extensions(&mut self, client: &mut Session) {
        self.say(client, HandshakeType::ENCRYPTED_EXTENSIONS, &good_extensions()).unwrap();
    }

    pub(crate) fn say_certificate(&mut self, client: &mut Session, kind: Kind) {
        self.say(client, HandshakeType::CERTIFICATE, &certificate_body(kind)).unwrap();
    }

    /// The body of a CertificateVerify that is right.
    pub(crate) fn verify_body(&self, kind: Kind) -> Vec<u8> {
        let certified = certified(kind);
        let scheme = certified.key.schemes()[0];
        let signature = certified.key.sign(scheme, &signed_by_server(&self.transcript.current())).unwrap();
        let mut out = Vec::new();
        CertificateVerify { scheme, signature: &signature }.encode(&mut out).unwrap();
        out.split_off(HEADER_LEN)
    }

    /// The body of a Finished that is right.
    pub(crate) fn finished_body(&self) -> Vec<u8> {
        verify_data(self.suite, &self.server_traffic, &self.transcript.current()).to_vec()
    }

    /// From Certificate to Finished.
    pub(crate) fn finish(&mut self, client: &mut Session, kind: Kind) {
        self.say_certificate(client, kind);
        let verify = self.verify_body(kind);
        self.say(client, HandshakeType::CERTIFICATE_VERIFY, &verify).unwrap();
        let finished = self.finished_body();
        self.say(client, HandshakeType::FINISHED, &finished).unwrap();
    }
}

pub(crate) fn framed(kind: HandshakeType, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_message(&mut out, kind, |out| {
        out.extend_from_slice(body);
        Ok(())
    })
    .unwrap();
    out
}

pub(crate) fn good_extensions() -> Vec<u8> {
    let mut out = Vec::new();
    let answer = EncryptedExtensionsFields {
        application_protocol: Some(b"h3"),
        acknowledges_server_name: true,
        accepts_early_data: false,
        carrier_extension: Some((ExtensionType::QUIC_TRANSPORT_PARAMETERS, SERVER_PARAMETERS)),
    };
    answer.encode(&mut out).unwrap();
    out.split_off(HEADER_LEN)
}

pub(crate) fn certificate_body(kind: Kind) -> Vec<u8> {
    let mut out = Vec::new();
    certificate::encode(&mut out, &certified(kind).chain, None).unwrap();
    out.split_off(HEADER_LEN)
}
