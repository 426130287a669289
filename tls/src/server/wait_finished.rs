//! WAIT_FINISHED: the server's flight is sent; the client's Finished ends the handshake.

use crate::effects::Effects;
use crate::error::Error;
use crate::schedule::Main;
use crate::server::issuer::Terms;
use crate::server::negotiated::{FlightSent, Negotiated};
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
    /// Whether early data comes first.
    pub(super) takes_early_data: bool,
    /// What tickets are made of.
    pub(super) tickets: Option<(Main, Terms)>,
}

impl WaitFinished {
    /// Sends the server's flight.
    pub(crate) fn on_negotiated(
        negotiated: Negotiated<'_>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<WaitFinished, Error> {
        let FlightSent { suite, transcript, client_traffic, takes_early_data, tickets } =
            negotiated.send_flight(random, effects)?;
        Ok(WaitFinished { suite, transcript, client_traffic, takes_early_data, tickets })
    }
}
