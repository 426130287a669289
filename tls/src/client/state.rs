//! The client's states in one type: which message each expects at which level, and where that leads.

use crate::client::connected::Connected;
use crate::client::wait_certificate::WaitCertificate;
use crate::client::wait_certificate_or_request::WaitCertificateOrRequest;
use crate::client::wait_certificate_verify::WaitCertificateVerify;
use crate::client::wait_encrypted_extensions::{ExtensionsRead, WaitEncryptedExtensions};
use crate::client::wait_finished::WaitFinished;
use crate::client::wait_server_hello::WaitServerHello;
use crate::effects::Effects;
use crate::error::Error;
use crate::level::Level;
use crate::message::framing::{HandshakeType, Message};
use crate::message::server_hello::ServerHelloOrRetry;
use crate::violation::Violation;
use alloc::boxed::Box;
use base::Random;

/// Where a client is.
#[derive(Debug)]
pub(crate) enum State {
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
    pub(crate) fn name(&self) -> &'static str {
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
    pub(crate) fn level(&self) -> Level {
        match self {
            State::WaitServerHello(_) => Level::Initial,
            State::Connected(_) => Level::OneRtt,
            _ => Level::Handshake,
        }
    }

    /// Whether a message of this type has a place here, so that others are refused before they are gathered.
    pub(crate) fn expects(&self, kind: HandshakeType) -> bool {
        match self {
            State::WaitServerHello(_) => kind == HandshakeType::SERVER_HELLO,
            State::WaitEncryptedExtensions(_) => kind == HandshakeType::ENCRYPTED_EXTENSIONS,
            State::WaitCertificateOrRequest(_) => {
                kind == HandshakeType::CERTIFICATE || kind == HandshakeType::CERTIFICATE_REQUEST
            }
            State::WaitCertificate(_) => kind == HandshakeType::CERTIFICATE,
            State::WaitCertificateVerify(_) => kind == HandshakeType::CERTIFICATE_VERIFY,
            State::WaitFinished(_) => kind == HandshakeType::FINISHED,
            State::Connected(_) => kind == HandshakeType::NEW_SESSION_TICKET || kind == HandshakeType::KEY_UPDATE,
        }
    }

    /// The arrows of RFC 9846 appendix A.1: reads a whole message, and goes on to the next state.
    pub(crate) fn on_message(
        self,
        message: &Message<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<State, Error> {
        Ok(match (self, message.kind) {
            (State::WaitServerHello(state), HandshakeType::SERVER_HELLO) => match state.decode(message)? {
                ServerHelloOrRetry::Hello(hello) => State::WaitEncryptedExtensions(
                    WaitEncryptedExtensions::on_server_hello(*state, message, &hello, effects)?,
                ),
                ServerHelloOrRetry::Retry(retry) => {
                    State::WaitServerHello(Box::new(state.on_hello_retry_request(message, &retry, random, effects)?))
                }
            },
            (State::WaitEncryptedExtensions(state), HandshakeType::ENCRYPTED_EXTENSIONS) => {
                match state.on_encrypted_extensions(message, effects)? {
                    ExtensionsRead::ByCertificate(handshaking) => {
                        State::WaitCertificateOrRequest(WaitCertificateOrRequest::without_ticket(handshaking))
                    }
                    ExtensionsRead::ByTicket(handshaking, proof) => {
                        State::WaitFinished(WaitFinished::by_ticket(handshaking, proof))
                    }
                }
            }
            (State::WaitCertificateOrRequest(state), HandshakeType::CERTIFICATE_REQUEST) => {
                State::WaitCertificate(WaitCertificate::on_certificate_request(state, message)?)
            }
            (State::WaitCertificateOrRequest(state), HandshakeType::CERTIFICATE) => {
                let state = WaitCertificate::without_request(state);
                State::WaitCertificateVerify(WaitCertificateVerify::on_certificate(state, message, effects)?)
            }
            (State::WaitCertificate(state), HandshakeType::CERTIFICATE) => {
                State::WaitCertificateVerify(WaitCertificateVerify::on_certificate(state, message, effects)?)
            }
            (State::WaitCertificateVerify(state), HandshakeType::CERTIFICATE_VERIFY) => {
                State::WaitFinished(WaitFinished::on_certificate_verify(state, message, effects)?)
            }
            (State::WaitFinished(state), HandshakeType::FINISHED) => {
                State::Connected(Connected::on_finished(state, message, effects)?)
            }
            (State::Connected(mut state), _) => {
                state.on_message(message, effects)?;
                State::Connected(state)
            }
            _ => return Err(Violation::UnexpectedMessage.into()),
        })
    }
}
