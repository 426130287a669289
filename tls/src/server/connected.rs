//! CONNECTED: the handshake is complete. Over QUIC a client has nothing more to say, over records only that its keys change.

use crate::effects::Effects;
use crate::error::Error;
use crate::message::framing::{HandshakeType, Message};
use crate::message::key_update::KeyUpdate;
use crate::proof::FinishedVerified;
use crate::server::wait_finished::WaitFinished;
use crate::violation::Violation;

/// Nothing but the proof that it was reached rightly: an idle connection keeps no handshake.
#[derive(Debug)]
pub struct Connected {
    _finished: FinishedVerified,
}

impl Connected {
    /// Reads the client's Finished: the client saw the same handshake. Who it is nobody asked. With this message
    /// resumption_secret would be known, and tickets could be sent.
    pub fn on_finished(state: WaitFinished, message: &Message<'_>) -> Result<Connected, Error> {
        let WaitFinished { suite, transcript, client_traffic } = state;
        let finished = FinishedVerified::check(suite, &client_traffic, &transcript.current(), message.body)?;
        Ok(Connected { _finished: finished })
    }

    /// Reads a message after the handshake.
    pub fn on_message(&self, message: &Message<'_>, effects: &mut Effects) -> Result<(), Error> {
        match message.kind {
            HandshakeType::KEY_UPDATE => effects.key_update = Some(KeyUpdate::decode(message.body)?),
            _ => return Err(Violation::UnexpectedMessage.into()),
        }
        Ok(())
    }
}
