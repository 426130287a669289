//! The client's states in one type, and which message each expects at which level.

use crate::client::connected::Connected;
use crate::client::wait_certificate::WaitCertificate;
use crate::client::wait_certificate_or_request::WaitCertificateOrRequest;
use crate::client::wait_certificate_verify::WaitCertificateVerify;
use crate::client::wait_encrypted_extensions::WaitEncryptedExtensions;
use crate::client::wait_finished::WaitFinished;
use crate::client::wait_server_hello::{Next, WaitServerHello};
use crate::effects::Effects;
use crate::error::Error;
use crate::level::Level;
use crate::message::framing::{HandshakeType, Message};
use crate::violation::Violation;
use alloc::boxed::Box;
use base::Random;

/// Where a client is.
#[derive(Debug)]
pub enum State {
    /// WAIT_SH.
    WaitServerHello(Box<WaitServerHello>),
    /// WAIT_EE.
    WaitEncryptedExtensions(WaitEncryptedExtensions),
    /// WAIT_CERT_CR.
    WaitCertificateOrRequest(WaitCertificateOrRequest),
    /// WAIT_CERT.
    WaitCertificate(WaitCertificate),
    /// WAIT_CV.
    WaitCertificateVerify(WaitCertificateVerify),
    /// WAIT_FINISHED.
    WaitFinished(WaitFinished),
    /// CONNECTED.
    Connected(Connected),
}

impl State {
    /// The name in RFC 9846 appendix A.1.
    pub fn name(&self) -> &'static str {
        match self {
            State::WaitServerHello(_) => "WAIT_SH",
            State::WaitEncryptedExtensions(_) => "WAIT_EE",
            State::WaitCertificateOrRequest(_) => "WAIT_CERT_CR",
            State::WaitCertificate(_) => "WAIT_CERT",
            State::WaitCertificateVerify(_) => "WAIT_CV",
            State::WaitFinished(_) => "WAIT_FINISHED",
            State::Connected(_) => "CONNECTED",
        }
    }

    /// The level that the next message comes at.
    pub fn level(&self) -> Level {
        match self {
            State::WaitServerHello(_) => Level::Initial,
            State::Connected(_) => Level::OneRtt,
            _ => Level::Handshake,
        }
    }

    /// Whether a message of this type has a place here, so that others are refused before they are gathered. Once
    /// connected, the state itself says why not.
    pub fn expects(&self, kind: HandshakeType) -> bool {
        match self {
            State::WaitServerHello(_) => kind == HandshakeType::SERVER_HELLO,
            State::WaitEncryptedExtensions(_) => kind == HandshakeType::ENCRYPTED_EXTENSIONS,
            State::WaitCertificateOrRequest(_) => {
                kind == HandshakeType::CERTIFICATE || kind == HandshakeType::CERTIFICATE_REQUEST
            }
            State::WaitCertificate(_) => kind == HandshakeType::CERTIFICATE,
            State::WaitCertificateVerify(_) => kind == HandshakeType::CERTIFICATE_VERIFY,
            State::WaitFinished(_) => kind == HandshakeType::FINISHED,
            State::Connected(_) => {
                kind == HandshakeType::NEW_SESSION_TICKET || kind == HandshakeType::CERTIFICATE_REQUEST
            }
        }
    }

    /// Reads a whole message.
    pub fn on_message(
        self,
        message: &Message<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<State, Error> {
        Ok(match (self, message.kind) {
            (State::WaitServerHello(state), HandshakeType::SERVER_HELLO) => {
                match state.on_server_hello(message, random, effects)? {
                    Next::Proceed(next) => State::WaitEncryptedExtensions(next),
                    Next::Retry(next) => State::WaitServerHello(next),
                }
            }
            (State::WaitEncryptedExtensions(state), HandshakeType::ENCRYPTED_EXTENSIONS) => {
                State::WaitCertificateOrRequest(state.on_encrypted_extensions(message, effects)?)
            }
            (State::WaitCertificateOrRequest(state), HandshakeType::CERTIFICATE_REQUEST) => {
                State::WaitCertificate(state.on_certificate_request(message)?)
            }
            (State::WaitCertificateOrRequest(state), HandshakeType::CERTIFICATE) => {
                State::WaitCertificateVerify(state.on_certificate(message, effects)?)
            }
            (State::WaitCertificate(state), HandshakeType::CERTIFICATE) => {
                State::WaitCertificateVerify(state.on_certificate(message, effects)?)
            }
            (State::WaitCertificateVerify(state), HandshakeType::CERTIFICATE_VERIFY) => {
                State::WaitFinished(state.on_certificate_verify(message)?)
            }
            (State::WaitFinished(state), HandshakeType::FINISHED) => {
                State::Connected(state.on_finished(message, effects)?)
            }
            (State::Connected(state), _) => {
                state.on_message(message)?;
                State::Connected(state)
            }
            _ => return Err(Violation::UnexpectedMessage.into()),
        })
    }
}
