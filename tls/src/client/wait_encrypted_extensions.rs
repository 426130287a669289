//! WAIT_EE: what the server agrees to.

use crate::client::handshaking::Handshaking;
use crate::client::wait_certificate_or_request::WaitCertificateOrRequest;
use crate::effects::Effects;
use crate::error::Error;
use crate::message::encrypted_extensions::EncryptedExtensions;
use crate::message::framing::Message;
use crate::violation::Violation;
use alloc::boxed::Box;

/// Expects EncryptedExtensions.
#[derive(Debug)]
pub struct WaitEncryptedExtensions {
    /// The handshake.
    pub handshaking: Box<Handshaking>,
}

impl WaitEncryptedExtensions {
    /// Reads what the server agrees to. With a pre-shared key, WAIT_FINISHED would follow instead.
    pub fn on_encrypted_extensions(
        self,
        message: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<WaitCertificateOrRequest, Error> {
        let mut handshaking = self.handshaking;
        let answer = EncryptedExtensions::decode(message.body)?;
        // Only a name that was sent can be acknowledged; one that is an address was not (RFC 6066 s3).
        if answer.acknowledges_server_name && matches!(handshaking.name, x509::ServerName::Ip(_)) {
            return Err(Violation::ExtensionNotOffered.into());
        }
        let parameters = answer.transport_parameters.ok_or(Violation::MissingTransportParameters)?;
        // RFC 9001 s8.1: QUIC does not go on without an application protocol.
        let protocol = answer.application_protocol.ok_or(Violation::NoApplicationProtocol)?;
        if !handshaking.config.alpn.iter().any(|offered| offered == protocol) {
            return Err(Violation::ProtocolNotOffered.into());
        }
        handshaking.transcript.add(message.bytes);
        effects.peer_transport_parameters = Some(parameters.to_vec());
        effects.application_protocol = Some(protocol.to_vec());
        Ok(WaitCertificateOrRequest { handshaking })
    }
}
