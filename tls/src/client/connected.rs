//! CONNECTED: the handshake is complete. A server may send tickets, and over records KeyUpdate.

use crate::carrier::Rules;
use crate::client::wait_certificate::Answer;
use crate::client::wait_encrypted_extensions::Handshaking;
use crate::client::wait_finished::WaitFinished;
use crate::effects::{Effects, KeyLogEntry};
use crate::error::{Error, LocalError};
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::certificate;
use crate::message::certificate_verify::{CertificateVerify, signed_by_client};
use crate::message::framing::{HandshakeType, Message, push_message};
use crate::message::key_update::KeyUpdate;
use crate::message::new_session_ticket::NewSessionTicket;
use crate::proof::{Authenticated, FinishedVerified};
use crate::schedule::verify_data;
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::Side;
use crypto::{CipherSuite, Secret};

/// Holds only the proofs of the handshake, so that an idle connection keeps nothing else of it.
#[derive(Debug)]
pub(crate) struct Connected {
    rules: &'static Rules,
    _server: Authenticated,
    _finished: FinishedVerified,
}

impl Connected {
    /// Reads the server's Finished, answers with the client's second flight, and is done.
    pub(crate) fn on_finished(
        state: WaitFinished,
        message: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<Connected, Error> {
        let WaitFinished { handshaking, answer, server } = state;
        let Handshaking {
            config,
            rules,
            client_random,
            suite,
            mut transcript,
            schedule,
            client_traffic,
            server_traffic,
            ..
        } = *handshaking;
        let finished = FinishedVerified::check(suite, &server_traffic, &transcript.current(), message.body)?;
        transcript.add(message.bytes);

        let main = schedule.into_main();
        let digest = transcript.current();
        let [local, remote, exporter] = main.traffic_and_exporter(&digest);
        effects.exporter = Some(exporter);
        let keys = KeyChange::OneRtt { suite, local, remote };
        let entry = KeyLogEntry { key_log: config.key_log.as_ref(), client_random: &client_random };
        let flight = second_flight(suite, &client_traffic, transcript, &answer)?;
        effects.send(Level::Handshake, flight);
        effects.give_keys(Side::Client, keys, entry);
        Ok(Connected { rules, _server: server, _finished: finished })
    }

    /// Reads a message after the handshake.
    pub(crate) fn on_message(&self, message: &Message<'_>, effects: &mut Effects) -> Result<(), Error> {
        match message.kind {
            // RFC 9846 s4.7.1: without resumption, tickets are ignored; resumption would keep them here.
            HandshakeType::NEW_SESSION_TICKET => {
                let ticket = NewSessionTicket::decode(message.body)?;
                if ticket.max_early_data_size.is_some_and(|size| size != u32::MAX) {
                    self.rules.limited_early_data?;
                }
            }
            HandshakeType::KEY_UPDATE => effects.key_update = Some(KeyUpdate::decode(message.body)?),
            _ => return Err(Violation::UnexpectedMessage.into()),
        }
        Ok(())
    }
}

/// Finished, and before it what the server may have asked for. Each message is added to the transcript before the next is made.
/// RFC 9846 section 4.5.1-2, 4.5.1-3, 4.5.1-4, 4.5.2-2, 4.5.2-3.
fn second_flight(
    suite: &CipherSuite,
    client_traffic: &Secret,
    mut transcript: Transcript,
    answer: &Answer,
) -> Result<Vec<u8>, LocalError> {
    let mut flight = Vec::with_capacity(64);
    match answer {
        Answer::NotAsked => {}
        Answer::Nothing => {
            certificate::encode(&mut flight, &[])?;
            transcript.add(&flight);
        }
        Answer::Certificate { certified, scheme } => {
            certificate::encode(&mut flight, &certified.chain)?;
            transcript.add(&flight);
            let content = signed_by_client(&transcript.current());
            let signature = certified.key.sign(*scheme, &content).map_err(|_| LocalError::Signing)?;
            let before = flight.len();
            CertificateVerify { scheme: *scheme, signature: &signature }.encode(&mut flight)?;
            transcript.add(&flight[before..]);
        }
    }
    let data = verify_data(suite, client_traffic, &transcript.current());
    push_message(&mut flight, HandshakeType::FINISHED, |out| {
        out.extend_from_slice(&data);
        Ok(())
    })?;
    Ok(flight)
}
