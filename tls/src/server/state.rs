//! The server's states in one type: which message each expects at which level, and where that leads.

use crate::effects::Effects;
use crate::error::Error;
use crate::level::Level;
use crate::message::framing::{HandshakeType, Message};
use crate::server::connected::Connected;
use crate::server::negotiated::Negotiated;
use crate::server::received_client_hello::ReceivedClientHello;
use crate::server::start::Start;
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
            State::WaitFinished(_) => "WAIT_FINISHED",
            State::Connected(_) => "CONNECTED",
        }
    }

    /// The level that the next message comes at.
    pub(crate) fn level(&self) -> Level {
        match self {
            State::Start(_) => Level::Initial,
            State::WaitEndOfEarlyData(_) => Level::EarlyData,
            State::WaitFinished(_) => Level::Handshake,
            State::Connected(_) => Level::OneRtt,
        }
    }

    /// Whether a message of this type has a place here, so that others are refused before they are gathered.
    pub(crate) fn expects(&self, kind: HandshakeType) -> bool {
        match self {
            State::Start(_) => kind == HandshakeType::CLIENT_HELLO,
            State::WaitEndOfEarlyData(_) => kind == HandshakeType::END_OF_EARLY_DATA,
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
                        let negotiated = Negotiated::select(received, random, effects)?;
                        let next = Box::new(WaitFinished::on_negotiated(negotiated, random, effects)?);
                        if next.takes_early_data && rules.end_of_early_data.is_ok() {
                            State::WaitEndOfEarlyData(WaitEndOfEarlyData::before(next))
                        } else {
                            State::WaitFinished(next)
                        }
                    }
                    None => State::Start(start),
                }
            }
            (State::WaitEndOfEarlyData(state), HandshakeType::END_OF_EARLY_DATA) => {
                State::WaitFinished(state.on_end_of_early_data(message)?)
            }
            (State::WaitFinished(state), HandshakeType::FINISHED) => {
                State::Connected(Connected::on_finished(*state, message)?)
            }
            (State::Connected(state), _) => {
                state.on_message(message, effects)?;
                State::Connected(state)
            }
            _ => return Err(Violation::UnexpectedMessage.into()),
        })
    }
}
