//! WAIT_FINISHED: the server's flight is sent; the client's Finished ends the handshake.

use crate::error::Error;
use crate::message::framing::Message;
use crate::proof::FinishedVerified;
use crate::server::connected::Connected;
use crate::transcript::Transcript;
use crypto::{CipherSuite, Secret};

/// Expects Finished.
#[derive(Debug)]
pub struct WaitFinished {
    /// The chosen suite.
    pub suite: &'static CipherSuite,
    /// All messages up to the server's Finished.
    pub transcript: Transcript,
    /// client_handshake_traffic_secret.
    pub client_traffic: Secret,
}

impl WaitFinished {
    /// Reads the client's Finished. With it resumption_secret would be known, and tickets could be sent.
    pub fn on_finished(self, message: &Message<'_>) -> Result<Connected, Error> {
        let digest = self.transcript.current();
        let finished = FinishedVerified::check(self.suite, &self.client_traffic, &digest, message.body)?;
        Ok(Connected::new(finished))
    }
}
