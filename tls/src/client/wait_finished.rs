//! WAIT_FINISHED: the server is authenticated; its Finished shows that nobody changed a message on the way.

use crate::client::connected::Connected;
use crate::client::handshaking::Handshaking;
use crate::effects::{Effects, log_secrets};
use crate::error::Error;
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::certificate;
use crate::message::framing::{HandshakeType, Message, push_message};
use crate::proof::{CertificateVerified, FinishedVerified};
use crate::schedule::verify_data;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Expects Finished.
#[derive(Debug)]
pub struct WaitFinished {
    /// The handshake.
    pub handshaking: Box<Handshaking>,
    /// Whether the server asked for a certificate.
    pub certificate_requested: bool,
    /// That the server is who it says.
    pub server: CertificateVerified,
}

impl WaitFinished {
    /// Reads the server's Finished, answers with the client's second flight, and is done.
    pub fn on_finished(self, message: &Message<'_>, effects: &mut Effects) -> Result<Connected, Error> {
        let Handshaking {
            config, client_random, suite, mut transcript, schedule, client_traffic, server_traffic, ..
        } = *self.handshaking;
        let finished = FinishedVerified::check(suite, &server_traffic, &transcript.current(), message.body)?;
        transcript.add(message.bytes);

        let main = schedule.into_main();
        let digest = transcript.current();
        let (local, remote) = (main.client_traffic(&digest), main.server_traffic(&digest));
        log_secrets(
            config.key_log.as_ref(),
            &client_random,
            [("CLIENT_TRAFFIC_SECRET_0", &local), ("SERVER_TRAFFIC_SECRET_0", &remote)],
        );

        let mut flight = Vec::with_capacity(64);
        if self.certificate_requested {
            // RFC 9846 s4.5.1: there is no certificate to show, and an empty one says so.
            certificate::encode(&mut flight, &[])?;
            transcript.add(&flight);
        }
        let data = verify_data(suite, &client_traffic, &transcript.current());
        push_message(&mut flight, HandshakeType::FINISHED, |out| {
            out.extend_from_slice(&data);
            Ok(())
        })?;
        effects.send(Level::Handshake, flight);
        effects.exporter = Some(main.exporter(&digest));
        effects.keys.push_back(KeyChange::OneRtt { suite, local, remote });
        Ok(Connected::new(self.server, finished))
    }
}
