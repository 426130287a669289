//! WAIT_FINISHED: the server's flight is sent; the client's Finished ends the handshake.

use crate::effects::Effects;
use crate::error::Error;
use crate::server::negotiated::Negotiated;
use crate::transcript::Transcript;
use base::Random;
use crypto::{CipherSuite, Secret};

/// Expects Finished.
#[derive(Debug)]
pub(crate) struct WaitFinished {
    pub(super) suite: &'static CipherSuite,
    /// All messages up to the server's Finished.
    pub(super) transcript: Transcript,
    /// client_handshake_traffic_secret.
    pub(super) client_traffic: Secret,
}

impl WaitFinished {
    /// Sends the server's flight.
    pub(crate) fn on_negotiated(
        negotiated: Negotiated<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<WaitFinished, Error> {
        let (suite, transcript, client_traffic) = negotiated.send_flight(random, effects)?;
        Ok(WaitFinished { suite, transcript, client_traffic })
    }
}
