//! WAIT_CERT_CR: EncryptedExtensions is read. Certificate follows, or CertificateRequest before it.

use crate::client::wait_encrypted_extensions::Handshaking;
use alloc::boxed::Box;

/// Expects Certificate or CertificateRequest. Made of EncryptedExtensions that follow a ServerHello without a ticket.
#[derive(Debug)]
pub(crate) struct WaitCertificateOrRequest {
    pub(super) handshaking: Box<Handshaking>,
}

impl WaitCertificateOrRequest {
    /// The server has selected no ticket.
    pub(crate) fn without_ticket(handshaking: Box<Handshaking>) -> WaitCertificateOrRequest {
        WaitCertificateOrRequest { handshaking }
    }
}
