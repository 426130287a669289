//! The server's states in one type, and which message each expects at which level.

use crate::effects::Effects;
use crate::error::Error;
use crate::level::Level;
use crate::message::framing::{HandshakeType, Message};
use crate::server::connected::Connected;
use crate::server::start::{Next, Start};
use crate::server::wait_finished::WaitFinished;
use crate::violation::Violation;
use alloc::boxed::Box;
use base::Random;

/// Where a server is.
#[derive(Debug)]
pub enum State {
    /// START.
    Start(Box<Start>),
    /// WAIT_FINISHED.
    WaitFinished(Box<WaitFinished>),
    /// CONNECTED.
    Connected(Connected),
}

impl State {
    /// The name in RFC 9846 appendix A.2.
    pub fn name(&self) -> &'static str {
        match self {
            State::Start(_) => "START",
            State::WaitFinished(_) => "WAIT_FINISHED",
            State::Connected(_) => "CONNECTED",
        }
    }

    /// The level that the next message comes at.
    pub fn level(&self) -> Level {
        match self {
            State::Start(_) => Level::Initial,
            State::WaitFinished(_) => Level::Handshake,
            State::Connected(_) => Level::OneRtt,
        }
    }

    /// Whether a message of this type has a place here, so that others are refused before they are gathered.
    pub fn expects(&self, kind: HandshakeType) -> bool {
        match self {
            State::Start(_) => kind == HandshakeType::CLIENT_HELLO,
            State::WaitFinished(_) => kind == HandshakeType::FINISHED,
            State::Connected(_) => false,
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
            (State::Start(state), HandshakeType::CLIENT_HELLO) => {
                match state.on_client_hello(message, random, effects)? {
                    Next::Proceed(next) => State::WaitFinished(Box::new(next)),
                    Next::Retry(next) => State::Start(next),
                }
            }
            (State::WaitFinished(state), HandshakeType::FINISHED) => State::Connected(state.on_finished(message)?),
            _ => return Err(Violation::UnexpectedMessage.into()),
        })
    }
}
