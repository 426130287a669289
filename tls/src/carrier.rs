//! What carries a handshake: the CRYPTO frames of QUIC (`quic`), or the records of TLS itself (`records`).
//!
//! The states of `client` and `server` know messages, transcript, keys and proofs, but no carrier. Where RFC 9001 and
//! RFC 9846 section 5 differ, the states consult the table of rules in this file, which each carrier fills.

use crate::message::extension::{ExtensionType, Extensions};
use crate::message::framing::HandshakeType;
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// A carrier, as one side of one connection uses it.
#[derive(Debug)]
pub(crate) struct Carrier {
    /// What holds for every connection over it.
    pub rules: &'static Rules,
    /// What this side says in the extension that [`Rules::parameters`] names; sent as it is. Unused if none is named.
    pub parameters: Vec<u8>,
    /// On a client, the legacy_session_id of its ClientHello, at most 32 bytes (RFC 9846 section 4.2.2). Empty unless the
    /// client wants middlebox compatibility mode.
    pub session_id: Vec<u8>,
    /// The version of the carrier's protocol that the first flight is of; 0 where there is only one. A ticket is good for one.
    pub version: u32,
    /// On a server, what makes `parameters` of the client's, once those are known.
    pub answer: Option<AnswerParameters>,
}

/// Makes what a server says in the carrier's extension of what its client has said there.
pub struct AnswerParameters(pub Box<MakeParameters>);

/// What an [`AnswerParameters`] calls, once.
pub type MakeParameters = dyn FnOnce(&[u8]) -> AnsweredParameters + Send + Sync;

/// What a server says, now that it knows its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredParameters {
    /// Sent as it is.
    pub parameters: Vec<u8>,
    /// The version of the carrier's protocol that the connection goes on with. The tickets of the connection are for it.
    pub version: u32,
}

impl fmt::Debug for AnswerParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerParameters")
    }
}

/// Whether something is allowed, and which violation it is where it is not.
pub(crate) type Verdict = Result<(), Violation>;

/// What a carrier allows, demands and refuses.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The extension in which each side describes its end of the carrier. A client sends it, a server answers it.
    pub parameters: Option<Parameters>,
    /// Extensions that belong to other carriers: what a ClientHello that holds one is answered with.
    pub foreign_extensions: &'static [(ExtensionType, Violation)],
    /// A handshake in which no application protocol is agreed on.
    pub without_application_protocol: Verdict,
    /// What it is if a server chooses an application protocol that was not offered.
    pub protocol_not_offered: Violation,
    /// A ClientHello with a legacy_session_id, which asks for middlebox compatibility mode (RFC 9846 appendix E.4).
    pub session_id: Verdict,
    /// Handshake messages under the keys of early data.
    pub messages_in_early_data: Verdict,
    /// The EndOfEarlyData message (RFC 9846 section 4.6).
    pub end_of_early_data: Verdict,
    /// The KeyUpdate message (RFC 9846 section 4.7.3).
    pub key_update: Verdict,
    /// A CertificateRequest once the handshake is complete (RFC 9846 section 4.7.2).
    pub late_certificate_request: Verdict,
    /// A ticket that limits early data by a number of bytes (RFC 9846 section 4.7.1).
    pub limited_early_data: Verdict,
}

/// An extension that TLS carries for its carrier, unread.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// Its type.
    pub extension: ExtensionType,
    /// Whether a peer may leave it out, and what it is answered with if not.
    pub missing: Verdict,
}

impl Carrier {
    /// The client's parameters are known: what is answered is made, if it was not. Gives the version to go on with, if that may
    /// be another one.
    pub(crate) fn on_peer_parameters(&mut self, parameters: &[u8]) -> Option<u32> {
        let AnswerParameters(answer) = self.answer.take()?;
        let answered = answer(parameters);
        self.parameters = answered.parameters;
        Some(answered.version)
    }

    /// The extension to send, if there is one.
    pub(crate) fn extension(&self) -> Option<(ExtensionType, &[u8])> {
        self.rules.parameters.as_ref().map(|parameters| (parameters.extension, &self.parameters[..]))
    }
}

impl Rules {
    /// A number of this carrier, for tickets, which are good over one carrier only.
    pub(crate) fn number(&self) -> u16 {
        self.parameters.as_ref().map_or(0, |parameters| parameters.extension.0)
    }

    /// The peer's parameters, as far as this carrier has any.
    pub(crate) fn peer_parameters<'a>(&self, extensions: &Extensions<'a>) -> Result<Option<&'a [u8]>, Violation> {
        let Some(parameters) = &self.parameters else { return Ok(None) };
        let found = extensions.find(parameters.extension);
        if found.is_none() {
            parameters.missing?;
        }
        Ok(found)
    }

    /// Whether a ClientHello holds no extension of another carrier.
    pub(crate) fn check_foreign_extensions(&self, extensions: &Extensions<'_>) -> Verdict {
        match self.foreign_extensions.iter().find(|(kind, _)| extensions.find(*kind).is_some()) {
            Some((_, violation)) => Err(*violation),
            None => Ok(()),
        }
    }

    /// Whether a message of this type may come over this carrier at all, whatever the state expects.
    /// RFC 9846 section 4.6-3, 4.7.2-6.
    pub(crate) fn check_message(&self, kind: HandshakeType, is_complete: bool) -> Verdict {
        match kind {
            HandshakeType::KEY_UPDATE => self.key_update,
            HandshakeType::END_OF_EARLY_DATA => self.end_of_early_data,
            HandshakeType::CERTIFICATE_REQUEST if is_complete => self.late_certificate_request,
            _ => Ok(()),
        }
    }
}
