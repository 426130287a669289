//! CONNECTED: the handshake is complete. Over QUIC a client sends no further message, over records only KeyUpdate.

use crate::client_authentication::ClientAuthentication;
use crate::client_proof::ClientAuthenticated;
use crate::effects::Effects;
use crate::error::{Error, LocalError};
use crate::level::Level;
use crate::message::framing::{HandshakeType, Message};
use crate::message::key_update::KeyUpdate;
use crate::proof::FinishedVerified;
use crate::server::issuer::Issuer;
use crate::server::negotiated::FlightSent;
use crate::server::wait_finished::WaitFinished;
use crate::violation::Violation;
use alloc::boxed::Box;
use base::Random;

/// Holds the proofs of the handshake, and until tickets are given what they are made of, so that an idle connection keeps nothing
/// else of it.
#[derive(Debug)]
pub(crate) struct Connected {
    client: ClientAuthenticated,
    _finished: FinishedVerified,
    issuer: Option<Box<Issuer>>,
}

impl Connected {
    /// Reads the client's Finished: the client has the same transcript. Only now the application learns who it is.
    pub(crate) fn on_finished(
        state: WaitFinished,
        message: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<Connected, Error> {
        let WaitFinished { sent, client } = state;
        let FlightSent { suite, mut transcript, client_traffic, tickets, .. } = sent;
        let finished = FinishedVerified::check(suite, &client_traffic, &transcript.current(), message.body)?;
        // A client that may not come back with what is known of it gets no ticket.
        let issuer = tickets.zip(client.for_ticket()).map(|((main, terms), client)| {
            transcript.add(message.bytes);
            Box::new(Issuer::new(terms, client, main.resumption(&transcript.current())))
        });
        effects.peer_identity = client.identity();
        Ok(Connected { client, _finished: finished, issuer })
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

    /// What the client was asked for.
    pub(crate) fn client_authentication(&self) -> &ClientAuthentication {
        self.client.policy()
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
