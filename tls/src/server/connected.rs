//! CONNECTED: the handshake is complete. Over QUIC a client sends no further message, over records only KeyUpdate.

use crate::effects::Effects;
use crate::error::{Error, LocalError};
use crate::level::Level;
use crate::message::framing::{HandshakeType, Message};
use crate::message::key_update::KeyUpdate;
use crate::proof::FinishedVerified;
use crate::server::issuer::Issuer;
use crate::server::wait_finished::WaitFinished;
use crate::violation::Violation;
use alloc::boxed::Box;
use base::Random;

/// Holds the proof of the handshake, and until tickets are given what they are made of, so that an idle connection keeps nothing
/// else of it.
#[derive(Debug)]
pub(crate) struct Connected {
    _finished: FinishedVerified,
    issuer: Option<Box<Issuer>>,
}

impl Connected {
    /// Reads the client's Finished: the client has the same transcript. It is not authenticated further, because no
    /// certificate was requested of it.
    pub(crate) fn on_finished(state: WaitFinished, message: &Message<'_>) -> Result<Connected, Error> {
        let WaitFinished { suite, mut transcript, client_traffic, tickets, .. } = state;
        let finished = FinishedVerified::check(suite, &client_traffic, &transcript.current(), message.body)?;
        let issuer = tickets.map(|(main, terms)| {
            transcript.add(message.bytes);
            Box::new(Issuer::new(terms, main.resumption(&transcript.current())))
        });
        Ok(Connected { _finished: finished, issuer })
    }

    /// Sends the tickets, if there are any and they were not sent before.
    pub(crate) fn send_tickets(&mut self, random: &mut dyn Random, effects: &mut Effects) -> Result<(), LocalError> {
        if let Some(issuer) = self.issuer.take() {
            let tickets = issuer.issue(random)?;
            if !tickets.is_empty() {
                effects.send(Level::OneRtt, tickets);
            }
        }
        Ok(())
    }

    /// Reads a message after the handshake.
    pub(crate) fn on_message(&self, message: &Message<'_>, effects: &mut Effects) -> Result<(), Error> {
        match message.kind {
            HandshakeType::KEY_UPDATE => effects.key_update = Some(KeyUpdate::decode(message.body)?),
            _ => return Err(Violation::UnexpectedMessage.into()),
        }
        Ok(())
    }
}
