//! WAIT_FINISHED: the server's flight is sent, and the client has shown what it was asked for; its Finished ends the handshake.

use crate::client_proof::ClientAuthenticated;
use crate::server::negotiated::FlightSent;

/// Expects Finished.
#[derive(Debug)]
pub(crate) struct WaitFinished {
    pub(super) sent: FlightSent,
    /// The proof of who the client is, as far as it was asked.
    pub(super) client: ClientAuthenticated,
}
