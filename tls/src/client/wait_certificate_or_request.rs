//! WAIT_CERT_CR: EncryptedExtensions is read. Certificate follows, or CertificateRequest before it.

use crate::client::wait_encrypted_extensions::{Handshaking, WaitEncryptedExtensions};
use crate::effects::Effects;
use crate::error::Error;
use crate::message::encrypted_extensions::EncryptedExtensions;
use crate::message::framing::Message;
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Expects Certificate or CertificateRequest.
#[derive(Debug)]
pub(crate) struct WaitCertificateOrRequest {
    pub(super) handshaking: Box<Handshaking>,
}

impl WaitCertificateOrRequest {
    /// Reads what the server agrees to.
    pub(crate) fn on_encrypted_extensions(
        state: WaitEncryptedExtensions,
        message: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<WaitCertificateOrRequest, Error> {
        let WaitEncryptedExtensions { mut handshaking } = state;
        // RFC 9000 section 7-7, 7-8, 7-9: encrypted, and part of the transcript that Finished vouches for.
        let answer = EncryptedExtensions::decode(message.body, &handshaking.offered)?;
        // RFC 9001 section 8.2-1: over QUIC the parameters are demanded.
        let parameters = handshaking.rules.peer_parameters(&answer.extensions)?;
        match answer.application_protocol {
            // RFC 9001 section 8.1-3: over QUIC a client ends the connection if no protocol was chosen.
            None => handshaking.rules.without_application_protocol?,
            // RFC 9001 section 8.1-7, RFC 7301 s3.1: the server chooses from what was offered.
            Some(protocol) if !handshaking.config.alpn.iter().any(|offered| offered == protocol) => {
                return Err(Violation::ProtocolNotOffered.into());
            }
            Some(_) => {}
        }
        handshaking.transcript.add(message.bytes);
        effects.peer_parameters = parameters.map(<[u8]>::to_vec);
        effects.application_protocol = answer.application_protocol.map(Vec::from);
        Ok(WaitCertificateOrRequest { handshaking })
    }
}
