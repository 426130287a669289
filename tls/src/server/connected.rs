//! CONNECTED: the handshake is complete. A client has nothing more to say.

use crate::proof::FinishedVerified;

/// Nothing but the proof that it was reached rightly: an idle connection keeps no handshake.
#[derive(Debug)]
pub struct Connected {
    _finished: FinishedVerified,
}

impl Connected {
    /// The client saw the same handshake. Who it is nobody asked.
    pub fn new(finished: FinishedVerified) -> Connected {
        Connected { _finished: finished }
    }
}
