//! CONNECTED: the handshake is complete. A server may send tickets, and over records KeyUpdate.

use crate::carrier::Rules;
use crate::client::receiver::{Received, Receiver};
use crate::client::wait_certificate::Answer;
use crate::client::wait_encrypted_extensions::Handshaking;
use crate::client::wait_finished::WaitFinished;
use crate::early_data::EarlyData;
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
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::Side;
use crypto::{CipherSuite, Secret};

/// Holds the proofs of the handshake, and as long as tickets may come what they are made of, so that an idle connection keeps
/// nothing else.
#[derive(Debug)]
pub(crate) struct Connected {
    rules: &'static Rules,
    _server: Authenticated,
    _finished: FinishedVerified,
    receiver: Option<Box<Receiver>>,
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
            parameters,
            name,
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
        end_early_data(rules, &mut transcript, effects)?;
        let flight = second_flight(suite, &client_traffic, &mut transcript, &answer)?;
        effects.send(Level::Handshake, flight);
        effects.give_keys(Side::Client, keys, entry);
        let kept = config
            .tickets
            .clone()
            .and_then(|store| Some((store, config.ticket_origin(rules, effects.version, &name)?)));
        let receiver = kept.map(|(store, origin)| {
            Box::new(Receiver::new(Received {
                store,
                origin,
                wall_clock: config.wall_clock.clone(),
                suite,
                resumption: main.resumption(&transcript.current()),
                certificate_expires: server.expires(),
                parameters,
                application: Vec::new(),
            }))
        });
        Ok(Connected { rules, _server: server, _finished: finished, receiver })
    }

    /// Forgets what tickets are made of, if one has come.
    pub(crate) fn rest(&mut self) {
        self.receiver.take_if(|receiver| receiver.has_received());
    }

    /// What the application relies on in early data that is sent with the tickets from here on.
    pub(crate) fn remember(&mut self, application: &[u8]) {
        if let Some(receiver) = &mut self.receiver {
            receiver.remember(application);
        }
    }

    /// Reads a message after the handshake.
    pub(crate) fn on_message(&mut self, message: &Message<'_>, effects: &mut Effects) -> Result<(), Error> {
        match message.kind {
            // RFC 9846 section 4.7.1: a client that keeps none ignores them.
            HandshakeType::NEW_SESSION_TICKET => {
                let ticket = NewSessionTicket::decode(message.body)?;
                if ticket.max_early_data_size.is_some_and(|size| size != u32::MAX) {
                    self.rules.limited_early_data?;
                }
                let protocol = effects.application_protocol.as_deref();
                self.receiver.take_if(|receiver| !receiver.on_ticket(&ticket, protocol));
            }
            HandshakeType::KEY_UPDATE => effects.key_update = Some(KeyUpdate::decode(message.body)?),
            _ => return Err(Violation::UnexpectedMessage.into()),
        }
        Ok(())
    }
}

/// RFC 9846 section 4.6: where early data was taken, and only there, a message under its keys says that it ends.
/// RFC 9001 section 8.3-1: over QUIC none does.
/// RFC 9846 section 4.6-1, 4.6-2.
fn end_early_data(rules: &Rules, transcript: &mut Transcript, effects: &mut Effects) -> Result<(), LocalError> {
    if effects.early_data == EarlyData::Accepted && rules.end_of_early_data.is_ok() {
        let mut end = Vec::new();
        push_message(&mut end, HandshakeType::END_OF_EARLY_DATA, |_| Ok(()))?;
        transcript.add(&end);
        effects.send(Level::EarlyData, end);
    }
    Ok(())
}

/// Finished, and before it what the server may have asked for. Each message is added to the transcript before the next is made.
/// RFC 9846 section 4.5.1-2, 4.5.1-3, 4.5.1-4, 4.5.2-2, 4.5.2-3.
fn second_flight(
    suite: &CipherSuite,
    client_traffic: &Secret,
    transcript: &mut Transcript,
    answer: &Answer,
) -> Result<Vec<u8>, LocalError> {
    let mut flight = Vec::with_capacity(64);
    match answer {
        Answer::NotAsked => {}
        Answer::Nothing => {
            certificate::encode(&mut flight, &[], None)?;
            transcript.add(&flight);
        }
        Answer::Certificate { certified, scheme } => {
            certificate::encode(&mut flight, &certified.chain, None)?;
            transcript.add(&flight);
            let content = signed_by_client(&transcript.current());
            let signature = certified.key.sign(*scheme, &content).map_err(|_| LocalError::Signing)?;
            let before = flight.len();
            CertificateVerify { scheme: *scheme, signature: &signature }.encode(&mut flight)?;
            transcript.add(&flight[before..]);
        }
    }
    let data = verify_data(suite, client_traffic, &transcript.current());
    let before = flight.len();
    push_message(&mut flight, HandshakeType::FINISHED, |out| {
        out.extend_from_slice(&data);
        Ok(())
    })?;
    transcript.add(&flight[before..]);
    Ok(flight)
}
