//! WAIT_EE: the ServerHello is read, and both sides have the keys of the handshake.

use crate::carrier::Rules;
use crate::client::resumption::Resumption;
use crate::client::start::Start;
use crate::client::wait_server_hello::{Hellos, WaitServerHello, offered_suite, refuse_early_data};
use crate::config::ClientConfig;
use crate::early_data::EarlyData;
use crate::effects::{Effects, KeyLogEntry};
use crate::error::Error;
use crate::key_change::KeyChange;
use crate::message::encrypted_extensions::EncryptedExtensions;
use crate::message::extension::Offered;
use crate::message::framing::Message;
use crate::message::server_hello::ServerHello;
use crate::proof::TicketAccepted;
use crate::schedule::{Early, Handshake};
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Side;
use core::fmt;
use crypto::{CipherSuite, Secret};

/// Expects EncryptedExtensions.
#[derive(Debug)]
pub(crate) struct WaitEncryptedExtensions {
    pub(super) handshaking: Box<Handshaking>,
    /// The ticket, if the server has selected it.
    pub(super) ticket: Option<Selected>,
}

/// A ticket that the server has selected.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(super) proof: TicketAccepted,
    /// What early data depends on, if it was offered: suite and application protocol of the ticket.
    early_data: Option<(u16, Option<Vec<u8>>)>,
}

/// Where EncryptedExtensions lead.
#[derive(Debug)]
pub(crate) enum ExtensionsRead {
    /// The server shows who it is by its certificate.
    ByCertificate(Box<Handshaking>),
    /// It has shown it by the ticket.
    ByTicket(Box<Handshaking>, TicketAccepted),
}

/// What every client state from here to WAIT_FINISHED carries.
pub(crate) struct Handshaking {
    pub(super) config: Arc<ClientConfig>,
    pub(super) rules: &'static Rules,
    /// The server's name.
    pub(super) name: x509::ServerName,
    /// The client's random, which names the connection in key logs.
    pub(super) client_random: [u8; 32],
    /// The extensions that the server may answer.
    pub(super) offered: Offered,
    pub(super) suite: &'static CipherSuite,
    /// All messages so far.
    pub(super) transcript: Transcript,
    pub(super) schedule: Handshake,
    /// client_handshake_traffic_secret.
    pub(super) client_traffic: Secret,
    /// server_handshake_traffic_secret.
    pub(super) server_traffic: Secret,
    /// What the server says in the carrier's own extension, if it is to be remembered with tickets.
    pub(super) parameters: Vec<u8>,
}

impl WaitEncryptedExtensions {
    /// Reads the ServerHello: everything after it is encrypted.
    pub(crate) fn on_server_hello(
        state: WaitServerHello,
        message: &Message<'_>,
        hello: &ServerHello<'_>,
        effects: &mut Effects,
    ) -> Result<WaitEncryptedExtensions, Error> {
        let WaitServerHello { start, offer, offered, resumption, hellos } = state;
        let Start { config, carrier, name, client_random, .. } = start;
        let (suite, mut transcript) = transcript(&config, hellos, hello)?;
        transcript.add(message.bytes);

        let (group, share) = hello.key_share.ok_or(Violation::MissingKeyShare)?;
        let shared = offer.finish(group, share)?;
        let (early, ticket) = select(resumption, suite, hello.selected_identity)?;
        effects.is_resumed = ticket.is_some();
        let schedule = Handshake::begin(suite, early, shared);
        let digest = transcript.current();
        let [client_traffic, server_traffic] = schedule.traffic(&digest);
        effects.suite = Some(suite);
        effects.group = Some(group);
        let keys = KeyChange::Handshake { suite, local: client_traffic.clone(), remote: server_traffic.clone() };
        let entry = KeyLogEntry { key_log: config.key_log.as_ref(), client_random: &client_random };
        effects.give_keys(Side::Client, keys, entry);

        let rules = carrier.rules;
        let handshaking = Handshaking {
            config,
            rules,
            name,
            client_random,
            offered,
            suite,
            transcript,
            schedule,
            client_traffic,
            server_traffic,
            parameters: Vec::new(),
        };
        Ok(WaitEncryptedExtensions { handshaking: Box::new(handshaking), ticket })
    }

    /// Reads what the server agrees to.
    pub(crate) fn on_encrypted_extensions(
        self,
        message: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<ExtensionsRead, Error> {
        let WaitEncryptedExtensions { mut handshaking, ticket } = self;
        // RFC 9000 section 7-7, 7-8, 7-9: encrypted, and part of the transcript that Finished vouches for.
        let answer = EncryptedExtensions::decode(message.body, &handshaking.offered)?;
        // RFC 9001 section 8.2-1: over QUIC the parameters are demanded.
        let parameters = handshaking.rules.peer_parameters(&answer.extensions)?;
        match answer.application_protocol {
            // RFC 9001 section 8.1-3: over QUIC a client ends the connection if no protocol was chosen.
            None => handshaking.rules.without_application_protocol?,
            // RFC 9001 section 8.1-7, RFC 7301 s3.1: the server chooses from what was offered.
            Some(protocol) if !handshaking.config.alpn.iter().any(|offered| offered == protocol) => {
                return Err(handshaking.rules.protocol_not_offered.into());
            }
            Some(_) => {}
        }
        if answer.accepts_early_data {
            accept_early_data(ticket.as_ref(), handshaking.suite, answer.application_protocol)?;
            effects.early_data = EarlyData::Accepted;
        } else {
            refuse_early_data(effects);
        }
        handshaking.transcript.add(message.bytes);
        if handshaking.config.dangerous_offer_early_data_that_may_be_replayed {
            handshaking.parameters = parameters.unwrap_or_default().to_vec();
        }
        effects.peer_parameters = parameters.map(<[u8]>::to_vec);
        effects.application_protocol = answer.application_protocol.map(Vec::from);
        Ok(match ticket {
            None => ExtensionsRead::ByCertificate(handshaking),
            Some(selected) => ExtensionsRead::ByTicket(handshaking, selected.proof),
        })
    }
}

/// The key schedule's first stage and the ticket, if the server has selected it. That a server selects what was not offered is
/// refused where its extensions are read.
/// RFC 9846 section 4.2.4-10, 4.3.8-17, 4.3.8-18, 4.3.11-11, 4.3.11-12.
fn select(
    resumption: Option<Resumption>,
    suite: &'static CipherSuite,
    selected_identity: Option<u16>,
) -> Result<(Option<Early>, Option<Selected>), Violation> {
    let (Some(resumption), Some(identity)) = (resumption, selected_identity) else {
        return Ok((None, None));
    };
    let Resumption { ticket, suite: ticket_suite, early, early_data } = resumption;
    let proof = TicketAccepted::by_client(&ticket, ticket_suite, identity, suite)?;
    let early_data = early_data.then_some((ticket.suite, ticket.application_protocol));
    Ok((Some(early), Some(Selected { proof, early_data })))
}

/// RFC 9846 section 4.3.11: early data is under the ticket's key, so a server that takes the one takes the other.
/// RFC 9846 section 4.3.10: and with the same suite and application protocol.
/// RFC 9846 section 4.3.11-13, 4.3.11-14.
fn accept_early_data(
    ticket: Option<&Selected>,
    suite: &CipherSuite,
    application_protocol: Option<&[u8]>,
) -> Result<(), Violation> {
    let offered = ticket.and_then(|selected| selected.early_data.as_ref());
    let (ticket_suite, ticket_protocol) = offered.ok_or(Violation::EarlyDataNotResumed)?;
    if *ticket_suite != suite.id || ticket_protocol.as_deref() != application_protocol {
        return Err(Violation::EarlyDataOtherParameters);
    }
    Ok(())
}

/// The suite, and the transcript up to the latest ClientHello.
fn transcript(
    config: &ClientConfig,
    hellos: Hellos,
    hello: &ServerHello<'_>,
) -> Result<(&'static CipherSuite, Transcript), Violation> {
    match hellos {
        Hellos::First(bytes) => {
            let suite = offered_suite(config, hello.cipher_suite)?;
            Ok((suite, Transcript::new(suite, &bytes)))
        }
        // RFC 9846 s4.2.4: the suite that the retry named stays.
        Hellos::Second { suite, .. } if suite.id != hello.cipher_suite => Err(Violation::CipherSuiteChanged),
        Hellos::Second { suite, transcript } => Ok((suite, transcript)),
    }
}

impl fmt::Debug for Handshaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaking").field("name", &self.name).field("suite", &self.suite).finish_non_exhaustive()
    }
}
