//! Alert descriptions (RFC 9846 section 6): what this side tells the peer when it ends a handshake. Over records an alert is
//! a message; over QUIC its number closes the connection as CRYPTO_ERROR (RFC 9001 section 4.8).

/// Why a handshake was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert(pub u8);

impl Alert {
    /// A message that is not expected in this state.
    pub const UNEXPECTED_MESSAGE: Alert = Alert(10);
    /// A record cannot be decrypted.
    pub const BAD_RECORD_MAC: Alert = Alert(20);
    /// A record is longer than is allowed.
    pub const RECORD_OVERFLOW: Alert = Alert(22);
    /// No acceptable set of parameters.
    pub const HANDSHAKE_FAILURE: Alert = Alert(40);
    /// A certificate is corrupt or its signature wrong.
    pub const BAD_CERTIFICATE: Alert = Alert(42);
    /// A certificate of an unsupported kind.
    pub const UNSUPPORTED_CERTIFICATE: Alert = Alert(43);
    /// A certificate was revoked.
    pub const CERTIFICATE_REVOKED: Alert = Alert(44);
    /// A certificate has expired or is not yet valid.
    pub const CERTIFICATE_EXPIRED: Alert = Alert(45);
    /// Any other trouble with a certificate.
    pub const CERTIFICATE_UNKNOWN: Alert = Alert(46);
    /// A field is wrong or contradicts another.
    pub const ILLEGAL_PARAMETER: Alert = Alert(47);
    /// The chain ends at no trust anchor.
    pub const UNKNOWN_CA: Alert = Alert(48);
    /// A message does not parse.
    pub const DECODE_ERROR: Alert = Alert(50);
    /// A signature or Finished does not verify.
    pub const DECRYPT_ERROR: Alert = Alert(51);
    /// The peer does not speak this version.
    pub const PROTOCOL_VERSION: Alert = Alert(70);
    /// This side failed.
    pub const INTERNAL_ERROR: Alert = Alert(80);
    /// The user gave up the handshake; close_notify follows (RFC 9846 section 6.1).
    pub const USER_CANCELED: Alert = Alert(90);
    /// A mandatory extension is missing.
    pub const MISSING_EXTENSION: Alert = Alert(109);
    /// An extension answers what was never asked.
    pub const UNSUPPORTED_EXTENSION: Alert = Alert(110);
    /// The server does not have the requested name.
    pub const UNRECOGNIZED_NAME: Alert = Alert(112);
    /// The client has to show a certificate.
    pub const CERTIFICATE_REQUIRED: Alert = Alert(116);
    /// No application protocol in common (RFC 7301 section 3.2).
    pub const NO_APPLICATION_PROTOCOL: Alert = Alert(120);
}
