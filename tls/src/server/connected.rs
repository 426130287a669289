//! CONNECTED: the handshake is complete. Over QUIC a client sends no further message, over records only KeyUpdate.

use crate::effects::Effects;
use crate::error::Error;
use crate::message::framing::{HandshakeType, Message};
use crate::message::key_update::KeyUpdate;
use crate::proof::FinishedVerified;
use crate::server::wait_finished::WaitFinished;
use crate::violation::Violation;

/// Holds only the proof of the handshake, so that an idle connection keeps nothing else of it.
#[derive(Debug)]
pub(crate) struct Connected {
    _finished: FinishedVerified,
}

impl Connected {
    /// Reads the client's Finished: the client has the same transcript. It is not authenticated further, because no
    /// certificate was requested of it. From here on resumption_secret can be derived and tickets can be sent.
    pub(crate) fn on_finished(state: WaitFinished, message: &Message<'_>) -> Result<Connected, Error> {
        let WaitFinished { suite, transcript, client_traffic } = state;
        let finished = FinishedVerified::check(suite, &client_traffic, &transcript.current(), message.body)?;
        Ok(Connected { _finished: finished })
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
