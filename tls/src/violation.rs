//! What a peer can do wrong in a handshake, over any carrier, one variant each, in one table: variant, alert, section,
//! words.

use crate::alert::Alert;

base::violations! {
    /// A breach of TLS by the peer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Violation (alert: Alert = Alert)
    // Framing and order.
    Malformed, DECODE_ERROR, "RFC 9846 4", "a message or extension does not parse";
    MessageTooLong, DECODE_ERROR, "RFC 9846 4", "a handshake message longer than is accepted";
    UnexpectedMessage, UNEXPECTED_MESSAGE, "RFC 9846 4", "a handshake message that has no place in this state";
    WrongLevel, UNEXPECTED_MESSAGE, "RFC 9001 4.1.3", "handshake data at the wrong encryption level";
    MessageAcrossKeyChange, UNEXPECTED_MESSAGE, "RFC 9846 5.1", "handshake data goes on at a level whose keys were replaced";
    KeyUpdateRequest, ILLEGAL_PARAMETER, "RFC 9846 4.7.3", "a KeyUpdate message with a request that has no meaning";
    CryptoInEarlyData, UNEXPECTED_MESSAGE, "RFC 9001 8.3", "handshake data at the 0-RTT level";
    KeyUpdate, UNEXPECTED_MESSAGE, "RFC 9001 6", "a TLS KeyUpdate message, which QUIC replaces";
    EndOfEarlyData, UNEXPECTED_MESSAGE, "RFC 9001 8.3", "an EndOfEarlyData message, which QUIC leaves out";
    PostHandshakeCertificateRequest, UNEXPECTED_MESSAGE, "RFC 9001 4.4", "a CertificateRequest after the handshake";
    // Extensions.
    DuplicateExtension, ILLEGAL_PARAMETER, "RFC 9846 4.3", "two extensions of the same type in one message";
    ExtensionNotAllowed, ILLEGAL_PARAMETER, "RFC 9846 4.3", "an extension in a message that may not hold it";
    ExtensionNotOffered, UNSUPPORTED_EXTENSION, "RFC 9846 4.3", "an extension that answers no request";
    MissingSupportedGroups, MISSING_EXTENSION, "RFC 9846 9.2", "no supported_groups";
    MissingKeyShare, MISSING_EXTENSION, "RFC 9846 9.2", "no key_share";
    MissingSignatureAlgorithms, MISSING_EXTENSION, "RFC 9846 9.2", "no signature_algorithms";
    MissingTransportParameters, MISSING_EXTENSION, "RFC 9001 8.2", "no quic_transport_parameters";
    TransportParametersOutsideQuic, UNSUPPORTED_EXTENSION, "RFC 9001 8.2", "quic_transport_parameters, but the transport is not QUIC";
    MissingPskKeyExchangeModes, MISSING_EXTENSION, "RFC 9846 4.3.9", "pre_shared_key without psk_key_exchange_modes";
    PreSharedKeyNotLast, ILLEGAL_PARAMETER, "RFC 9846 4.3.11", "pre_shared_key is not the last extension";
    PreSharedKeyBinders, ILLEGAL_PARAMETER, "RFC 9846 4.3.11", "not one binder for each pre-shared key";
    EarlyDataWithoutPreSharedKey, ILLEGAL_PARAMETER, "RFC 9846 4.3.10", "early_data without pre_shared_key";
    EarlyDataAfterRetry, ILLEGAL_PARAMETER, "RFC 9846 4.3.10", "early_data after a HelloRetryRequest";
    CookieNotIssued, ILLEGAL_PARAMETER, "RFC 9846 4.3.2", "a cookie that was never given";
    // Versions and legacy fields.
    LegacyVersion, PROTOCOL_VERSION, "RFC 9846 4.2.2", "legacy_version is not that of TLS 1.2";
    VersionTooOld, PROTOCOL_VERSION, "RFC 9001 4.2", "the peer does not speak TLS 1.3";
    VersionNotOffered, ILLEGAL_PARAMETER, "RFC 9846 4.3.1", "the server chose a version that was not offered";
    Downgrade, ILLEGAL_PARAMETER, "RFC 9846 4.2.3", "the server's random says that somebody forced an older version";
    CompatibilityMode, ILLEGAL_PARAMETER, "RFC 9001 8.4", "a session ID, which only TLS over TCP uses";
    SessionIdEcho, ILLEGAL_PARAMETER, "RFC 9846 4.2.3", "the server echoes a session ID that was not sent";
    CompressionMethod, ILLEGAL_PARAMETER, "RFC 9846 4.2.2", "a compression method other than null";
    // Negotiation.
    NoCommonCipherSuite, HANDSHAKE_FAILURE, "RFC 9846 4.2.1", "no cipher suite in common";
    NoCommonGroup, HANDSHAKE_FAILURE, "RFC 9846 4.2.1", "no key-exchange group in common";
    NoCommonSignatureScheme, HANDSHAKE_FAILURE, "RFC 9846 4.2.1", "no signature scheme in common for this certificate";
    CipherSuiteNotOffered, ILLEGAL_PARAMETER, "RFC 9846 4.2.3", "the server chose a cipher suite that was not offered";
    CipherSuiteChanged, ILLEGAL_PARAMETER, "RFC 9846 4.2.4", "the cipher suite changed after a HelloRetryRequest";
    KeyShareOutsideGroups, ILLEGAL_PARAMETER, "RFC 9846 4.3.8", "a key share for a group that is not in supported_groups";
    DuplicateKeyShare, ILLEGAL_PARAMETER, "RFC 9846 4.3.8", "two key shares for one group";
    KeyShareGroup, ILLEGAL_PARAMETER, "RFC 9846 4.3.8", "the server's key share is for another group than ours";
    BadKeyShare, ILLEGAL_PARAMETER, "RFC 9846 4.3.8.2", "a key share that is no valid public value";
    NoApplicationProtocol, NO_APPLICATION_PROTOCOL, "RFC 9001 8.1", "no application protocol was agreed on";
    ProtocolNotOffered, NO_APPLICATION_PROTOCOL, "RFC 9001 8.1", "the server chose an application protocol that was not offered";
    ServerNameMalformed, ILLEGAL_PARAMETER, "RFC 6066 3", "server_name holds no host name";
    ServerNameUnknown, UNRECOGNIZED_NAME, "RFC 6066 3", "no certificate here for the name that was asked for";
    // HelloRetryRequest.
    SecondRetry, UNEXPECTED_MESSAGE, "RFC 9846 4.2.4", "a second HelloRetryRequest";
    RetryChangesNothing, ILLEGAL_PARAMETER, "RFC 9846 4.2.4", "a HelloRetryRequest that asks for no change";
    RetryGroup, ILLEGAL_PARAMETER, "RFC 9846 4.3.8", "a HelloRetryRequest for a group not offered, or whose share was sent";
    CookieTooLong, ILLEGAL_PARAMETER, "RFC 9846 4.3.2", "a cookie longer than is carried";
    ClientHelloChanged, ILLEGAL_PARAMETER, "RFC 9846 4.2.2", "the second ClientHello changed what it must keep";
    RetriedKeyShare, ILLEGAL_PARAMETER, "RFC 9846 4.2.2", "the second ClientHello has not the one key share that was asked for";
    // Authentication.
    RequestContext, ILLEGAL_PARAMETER, "RFC 9846 4.5.1", "a certificate request context where none belongs";
    EmptyCertificate, DECODE_ERROR, "RFC 9846 4.5.1.3", "the server sent no certificate";
    SignatureSchemeNotOffered, ILLEGAL_PARAMETER, "RFC 9846 4.5.2", "a CertificateVerify with a scheme that was not offered";
    SignatureSchemeOfOtherKey, ILLEGAL_PARAMETER, "RFC 9846 4.5.2", "a CertificateVerify with a scheme for another kind of key";
    BadSignature, DECRYPT_ERROR, "RFC 9846 4.5.2", "the signature of the CertificateVerify is wrong";
    FinishedLength, DECODE_ERROR, "RFC 9846 4.5.3", "a Finished message of the wrong length";
    BadFinished, DECRYPT_ERROR, "RFC 9846 4.5.3", "the Finished message is wrong";
    // After the handshake.
    TicketEarlyData, ILLEGAL_PARAMETER, "RFC 9001 4.6.1", "a ticket that limits early data by a number of bytes";
}

impl From<base::Truncated> for Violation {
    fn from(_: base::Truncated) -> Violation {
        Violation::Malformed
    }
}
