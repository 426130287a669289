//! The four bytes before every handshake message: its type and its length (RFC 9846 section 4).

use crate::error::LocalError;
use alloc::vec::Vec;
use base::Full;
use base::writer::push_u24_prefixed;

/// The type of a handshake message (RFC 9846 appendix B.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandshakeType(pub u8);

impl HandshakeType {
    /// ClientHello.
    pub const CLIENT_HELLO: HandshakeType = HandshakeType(1);
    /// ServerHello, and HelloRetryRequest.
    pub const SERVER_HELLO: HandshakeType = HandshakeType(2);
    /// NewSessionTicket.
    pub const NEW_SESSION_TICKET: HandshakeType = HandshakeType(4);
    /// EndOfEarlyData.
    pub const END_OF_EARLY_DATA: HandshakeType = HandshakeType(5);
    /// EncryptedExtensions.
    pub const ENCRYPTED_EXTENSIONS: HandshakeType = HandshakeType(8);
    /// Certificate.
    pub const CERTIFICATE: HandshakeType = HandshakeType(11);
    /// CertificateRequest.
    pub const CERTIFICATE_REQUEST: HandshakeType = HandshakeType(13);
    /// CertificateVerify.
    pub const CERTIFICATE_VERIFY: HandshakeType = HandshakeType(15);
    /// Finished.
    pub const FINISHED: HandshakeType = HandshakeType(20);
    /// KeyUpdate.
    pub const KEY_UPDATE: HandshakeType = HandshakeType(24);
    /// The synthetic message that stands for the first ClientHello after a retry (RFC 9846 section 4.1).
    pub const MESSAGE_HASH: HandshakeType = HandshakeType(254);
}

/// Bytes of type and length.
pub const HEADER_LEN: usize = 4;

/// A whole handshake message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its type.
    pub kind: HandshakeType,
    /// What follows the header.
    pub body: &'a [u8],
    /// Header and body: what the transcript hashes.
    pub bytes: &'a [u8],
}

/// Appends a message whose body `body` appends. Fails if the body does not fit: what is configured is too long.
pub(crate) fn push_message(
    out: &mut Vec<u8>,
    kind: HandshakeType,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), Full>,
) -> Result<(), LocalError> {
    out.push(kind.0);
    let mut result = Ok(());
    let framed = push_u24_prefixed(out, |out| result = body(out));
    framed.and(result).map_err(|Full| LocalError::TooLong)
}

/// Appends a two-byte length and what `body` appends, where `body` can fail too.
pub(crate) fn push_u16_block(
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), Full>,
) -> Result<(), Full> {
    let mut result = Ok(());
    base::writer::push_u16_prefixed(out, |out| result = body(out))?;
    result
}
