//! CONNECTED: the handshake is complete. Over QUIC a client sends no further message, over records only KeyUpdate.

use crate::client_authentication::ClientAuthentication;
use crate::client_proof::ClientAuthenticated;
use crate::effects::Effects;
use crate::error::Error;
use crate::message::framing::{HandshakeType, Message};
use crate::message::key_update::KeyUpdate;
use crate::proof::FinishedVerified;
use crate::server::negotiated::FlightSent;
use crate::server::wait_finished::WaitFinished;
use crate::violation::Violation;

/// Holds only the proofs of the handshake, so that an idle connection keeps nothing else of it.
#[derive(Debug)]
pub(crate) struct Connected {
    client: ClientAuthenticated,
    _finished: FinishedVerified,
}

impl Connected {
    /// Reads the client's Finished: the client has the same transcript. Only now the application learns who it is. From here on
    /// resumption_secret can be derived and tickets can be sent.
    pub(crate) fn on_finished(
        state: WaitFinished,
        message: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<Connected, Error> {
        let WaitFinished { sent: FlightSent { suite, transcript, client_traffic }, client } = state;
        let finished = FinishedVerified::check(suite, &client_traffic, &transcript.current(), message.body)?;
        effects.peer_identity = client.identity();
        Ok(Connected { client, _finished: finished })
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
