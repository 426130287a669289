//! The server's states in one type: which message each expects at which level, and where that leads.

use crate::carrier::Rules;
use crate::client_proof::ClientAuthenticated;
use crate::effects::Effects;
use crate::error::Error;
use crate::level::Level;
use crate::message::framing::{HandshakeType, Message};
use crate::server::connected::Connected;
use crate::server::negotiated::{FlightSent, Negotiated, Next};
use crate::server::received_client_hello::ReceivedClientHello;
use crate::server::start::Start;
use crate::server::wait_certificate::{CertificateRead, WaitCertificate};
use crate::server::wait_certificate_verify::WaitCertificateVerify;
use crate::server::wait_end_of_early_data::WaitEndOfEarlyData;
use crate::server::wait_finished::WaitFinished;
use crate::violation::Violation;
use alloc::boxed::Box;
use base::Random;

/// Where a server is.
#[derive(Debug)]
pub(crate) enum State {
    /// START.
    Start(Box<Start>),
    /// WAIT_EOED.
    WaitEndOfEarlyData(WaitEndOfEarlyData),
    /// WAIT_CERT.
    WaitCertificate(Box<WaitCertificate>),
    /// WAIT_CV.
    WaitCertificateVerify(Box<WaitCertificateVerify>),
    /// WAIT_FINISHED.
    WaitFinished(Box<WaitFinished>),
    /// CONNECTED.
    Connected(Connected),
}

impl State {
    /// The name in RFC 9846 appendix A.2.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            State::Start(_) => "START",
            State::WaitEndOfEarlyData(_) => "WAIT_EOED",
            State::WaitCertificate(_) => "WAIT_CERT",
            State::WaitCertificateVerify(_) => "WAIT_CV",
            State::WaitFinished(_) => "WAIT_FINISHED",
            State::Connected(_) => "CONNECTED",
        }
    }

    /// The level that the next message comes at.
    pub(crate) fn level(&self) -> Level {
        match self {
            State::Start(_) => Level::Initial,
            State::WaitEndOfEarlyData(_) => Level::EarlyData,
            State::WaitCertificate(_) | State::WaitCertificateVerify(_) | State::WaitFinished(_) => Level::Handshake,
            State::Connected(_) => Level::OneRtt,
        }
    }

    /// Whether a message of this type has a place here, so that others are refused before they are gathered.
    /// RFC 9846 section 4-2, 4.2.2-9.
    pub(crate) fn expects(&self, kind: HandshakeType) -> bool {
        match self {
            State::Start(_) => kind == HandshakeType::CLIENT_HELLO,
            State::WaitEndOfEarlyData(_) => kind == HandshakeType::END_OF_EARLY_DATA,
            State::WaitCertificate(_) => kind == HandshakeType::CERTIFICATE,
            State::WaitCertificateVerify(_) => kind == HandshakeType::CERTIFICATE_VERIFY,
            State::WaitFinished(_) => kind == HandshakeType::FINISHED,
            State::Connected(_) => kind == HandshakeType::KEY_UPDATE,
        }
    }

    /// The arrows of RFC 9846 appendix A.2: reads a whole message, and goes on to the next state.
    pub(crate) fn on_message(
        self,
        message: &Message<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<State, Error> {
        Ok(match (self, message.kind) {
            (State::Start(mut start), HandshakeType::CLIENT_HELLO) => {
                let rules = start.carrier.rules;
                match ReceivedClientHello::on_client_hello(&mut start, message, effects)? {
                    Some(received) => {
                        match Negotiated::select(received, random, effects)?.send_flight(random, effects)? {
                            Next::Finished(sent, client) => wait_finished(rules, sent, client),
                            Next::Certificate(config, asked, sent) => {
                                State::WaitCertificate(Box::new(WaitCertificate { config, asked, sent }))
                            }
                        }
                    }
                    None => State::Start(start),
                }
            }
            (State::WaitEndOfEarlyData(state), HandshakeType::END_OF_EARLY_DATA) => {
                State::WaitFinished(state.on_end_of_early_data(message)?)
            }
            (State::WaitCertificate(state), HandshakeType::CERTIFICATE) => {
                match state.on_certificate(message, effects)? {
                    CertificateRead::Declined(sent, client) => {
                        State::WaitFinished(Box::new(WaitFinished { sent, client }))
                    }
                    CertificateRead::Accepted(config, sent, chain) => {
                        State::WaitCertificateVerify(Box::new(WaitCertificateVerify { config, sent, chain }))
                    }
                }
            }
            (State::WaitCertificateVerify(state), HandshakeType::CERTIFICATE_VERIFY) => {
                let (sent, client) = state.on_certificate_verify(message, effects)?;
                State::WaitFinished(Box::new(WaitFinished { sent, client }))
            }
            (State::WaitFinished(state), HandshakeType::FINISHED) => {
                State::Connected(Connected::on_finished(*state, message, effects)?)
            }
            (State::Connected(state), _) => {
                state.on_message(message, effects)?;
                State::Connected(state)
            }
            _ => return Err(Violation::UnexpectedMessage.into()),
        })
    }
}

/// Nothing was asked for, but early data may come first.
fn wait_finished(rules: &Rules, sent: FlightSent, client: ClientAuthenticated) -> State {
    let early_data_ends = sent.takes_early_data && rules.end_of_early_data.is_ok();
    let next = Box::new(WaitFinished { sent, client });
    if early_data_ends {
        State::WaitEndOfEarlyData(WaitEndOfEarlyData::before(next))
    } else {
        State::WaitFinished(next)
    }
}
