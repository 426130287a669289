//! Violations of TLS by a peer, over any carrier: one table with a variant, the alert, the section of the standard and a
//! description for each.

use crate::alert::Alert;

base::violations! {
    /// A breach of TLS by the peer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Violation (alert: Alert = Alert)
    // Framing and order.
    Malformed, DECODE_ERROR, "RFC 9846 4", "a message or extension does not parse";
    MessageTooLong, DECODE_ERROR, "RFC 9846 4", "a handshake message longer than is accepted";
    UnexpectedMessage, UNEXPECTED_MESSAGE, "RFC 9846 4", "a handshake message that is not expected in this state";
    WrongLevel, UNEXPECTED_MESSAGE, "RFC 9001 4.1.3", "handshake data at the wrong encryption level";
    MessageAcrossKeyChange, UNEXPECTED_MESSAGE, "RFC 9846 5.1", "handshake data continues at a level whose keys were replaced";
    KeyUpdateRequest, ILLEGAL_PARAMETER, "RFC 9846 4.7.3", "a KeyUpdate message with a request that has no meaning";
    CryptoInEarlyData, UNEXPECTED_MESSAGE, "RFC 9001 8.3", "handshake data at the 0-RTT level";
    KeyUpdate, UNEXPECTED_MESSAGE, "RFC 9001 6", "a TLS KeyUpdate message, which QUIC forbids";
    EndOfEarlyData, UNEXPECTED_MESSAGE, "RFC 9001 8.3", "an EndOfEarlyData message, which QUIC does not use";
    PostHandshakeCertificateRequest, UNEXPECTED_MESSAGE, "RFC 9001 4.4", "a CertificateRequest after the handshake";
    // Extensions.
    DuplicateExtension, ILLEGAL_PARAMETER, "RFC 9846 4.3", "two extensions of the same type in one message";
    ExtensionNotAllowed, ILLEGAL_PARAMETER, "RFC 9846 4.3", "an extension in a message where it is not allowed";
    ExtensionNotOffered, UNSUPPORTED_EXTENSION, "RFC 9846 4.3", "an extension in a response to nothing that was offered";
    MissingSupportedGroups, MISSING_EXTENSION, "RFC 9846 9.2", "supported_groups is missing";
    MissingKeyShare, MISSING_EXTENSION, "RFC 9846 9.2", "key_share is missing";
    MissingSignatureAlgorithms, MISSING_EXTENSION, "RFC 9846 9.2", "signature_algorithms is missing";
    MissingTransportParameters, MISSING_EXTENSION, "RFC 9001 8.2", "quic_transport_parameters is missing";
    TransportParametersOutsideQuic, UNSUPPORTED_EXTENSION, "RFC 9001 8.2", "quic_transport_parameters over a transport other than QUIC";
    MissingPskKeyExchangeModes, MISSING_EXTENSION, "RFC 9846 4.3.9", "pre_shared_key without psk_key_exchange_modes";
    PreSharedKeyNotLast, ILLEGAL_PARAMETER, "RFC 9846 4.3.11", "pre_shared_key is not the last extension";
    PreSharedKeyBinders, ILLEGAL_PARAMETER, "RFC 9846 4.3.11", "the number of binders differs from the number of pre-shared keys";
    SelectedIdentity, ILLEGAL_PARAMETER, "RFC 9846 4.3.11", "the server selected a pre-shared key that was not offered";
    SuiteOfOtherHash, ILLEGAL_PARAMETER, "RFC 9846 4.3.11", "the server's cipher suite has another hash than the pre-shared key it selected";
    BadBinder, DECRYPT_ERROR, "RFC 9846 4.3.11", "the binder of a pre-shared key does not verify";
    EarlyDataNotResumed, ILLEGAL_PARAMETER, "RFC 9846 4.3.11", "the server accepts early data without the pre-shared key it was sent under";
    EarlyDataOtherParameters, ILLEGAL_PARAMETER, "RFC 9846 4.3.10", "the server accepts early data with another cipher suite or application protocol than its ticket's";
    EarlyDataWithoutPreSharedKey, ILLEGAL_PARAMETER, "RFC 9846 4.3.10", "early_data without pre_shared_key";
    EarlyDataTooLong, UNEXPECTED_MESSAGE, "RFC 9846 4.3.10", "more early data than the ticket allows";
    EarlyDataAfterRetry, ILLEGAL_PARAMETER, "RFC 9846 4.3.10", "early_data after a HelloRetryRequest";
    CookieNotIssued, ILLEGAL_PARAMETER, "RFC 9846 4.3.2", "a cookie that this server never sent";
    // Versions and legacy fields.
    LegacyVersion, PROTOCOL_VERSION, "RFC 9846 4.2.2", "legacy_version is not that of TLS 1.2";
    VersionTooOld, PROTOCOL_VERSION, "RFC 9001 4.2", "the peer does not support TLS 1.3";
    VersionNotOffered, ILLEGAL_PARAMETER, "RFC 9846 4.3.1", "the server chose a version that was not offered";
    Downgrade, ILLEGAL_PARAMETER, "RFC 9846 4.2.3", "the server's random signals a downgrade to an older version";
    CompatibilityMode, ILLEGAL_PARAMETER, "RFC 9001 8.4", "a legacy session ID, which QUIC does not use";
    SessionIdEcho, ILLEGAL_PARAMETER, "RFC 9846 4.2.3", "the server echoes another session ID than the client sent";
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
    BadKeyShare, ILLEGAL_PARAMETER, "RFC 9846 4.3.8.2", "a key share that is not a valid public value";
    NoApplicationProtocol, NO_APPLICATION_PROTOCOL, "RFC 9001 8.1", "no application protocol in common (ALPN)";
    ProtocolNotOffered, NO_APPLICATION_PROTOCOL, "RFC 9001 8.1", "the server chose an application protocol that was not offered";
    ProtocolNotOfferedOutsideQuic, ILLEGAL_PARAMETER, "RFC 9846 6.2", "the server chose an application protocol that was not offered, over a transport other than QUIC";
    ServerNameMalformed, ILLEGAL_PARAMETER, "RFC 6066 3", "server_name does not hold a host name";
    ServerNameUnknown, UNRECOGNIZED_NAME, "RFC 6066 3", "this server has no certificate for the requested name";
    // HelloRetryRequest.
    SecondRetry, UNEXPECTED_MESSAGE, "RFC 9846 4.2.4", "a second HelloRetryRequest";
    RetryChangesNothing, ILLEGAL_PARAMETER, "RFC 9846 4.2.4", "a HelloRetryRequest that would change nothing";
    RetryGroup, ILLEGAL_PARAMETER, "RFC 9846 4.3.8", "a HelloRetryRequest for a group not offered, or whose share was sent";
    CookieTooLong, ILLEGAL_PARAMETER, "RFC 9846 4.3.2", "a cookie longer than is accepted";
    ClientHelloChanged, ILLEGAL_PARAMETER, "RFC 9846 4.2.2", "the second ClientHello changed a value that must stay the same";
    RetriedKeyShare, ILLEGAL_PARAMETER, "RFC 9846 4.2.2", "the second ClientHello lacks the one key share that was requested";
    // Authentication.
    RequestContext, ILLEGAL_PARAMETER, "RFC 9846 4.5.1", "a certificate request context that is not empty";
    EmptyCertificate, DECODE_ERROR, "RFC 9846 4.5.1.3", "the server sent no certificate";
    CertificateRequired, CERTIFICATE_REQUIRED, "RFC 9846 4.5.1.3", "the client showed no certificate, and one is required";
    SignatureSchemeNotOffered, ILLEGAL_PARAMETER, "RFC 9846 4.5.2", "a CertificateVerify with a scheme that was not offered";
    SignatureSchemeOfOtherKey, ILLEGAL_PARAMETER, "RFC 9846 4.5.2", "a CertificateVerify with a scheme that does not match the key";
    BadSignature, DECRYPT_ERROR, "RFC 9846 4.5.2", "the signature in the CertificateVerify does not verify";
    FinishedLength, DECODE_ERROR, "RFC 9846 4.5.3", "a Finished message of the wrong length";
    BadFinished, DECRYPT_ERROR, "RFC 9846 4.5.3", "the Finished message does not verify";
    // Records.
    RecordType, UNEXPECTED_MESSAGE, "RFC 9846 5", "a record of a type that is unknown or not expected now";
    ChangeCipherSpec, UNEXPECTED_MESSAGE, "RFC 9846 5", "a change_cipher_spec record with other content, or where none may be";
    UnprotectedRecord, UNEXPECTED_MESSAGE, "RFC 9846 5", "a record without protection after keys were agreed on";
    RecordTooLong, RECORD_OVERFLOW, "RFC 9846 5.2", "a record longer than is allowed";
    RecordProtection, BAD_RECORD_MAC, "RFC 9846 5.2", "a record that cannot be decrypted with the peer's keys";
    RecordWithoutType, UNEXPECTED_MESSAGE, "RFC 9846 5.4", "a record of nothing but padding";
    EmptyRecord, UNEXPECTED_MESSAGE, "RFC 9846 5.4", "a handshake or alert record without content";
    InterleavedRecord, UNEXPECTED_MESSAGE, "RFC 9846 5.1", "a record of another type between the parts of a handshake message";
    RecordsWithoutData, UNEXPECTED_MESSAGE, "RFC 9846 5.1", "too many records in a row that bring no data";
    RecordSizeLimit, ILLEGAL_PARAMETER, "RFC 8449 4", "a record_size_limit below 64";
    // After the handshake.
    TicketEarlyData, ILLEGAL_PARAMETER, "RFC 9001 4.6.1", "a ticket with a max_early_data_size other than 0xffffffff";
}

impl From<base::Truncated> for Violation {
    fn from(_: base::Truncated) -> Violation {
        Violation::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The alerts that RFC 9846 demands, by their numbers in its section 6. Tests of refusals name the violation.
    /// RFC 9846 section 4-2, 4.2.1-1, 4.2.1-4, 4.2.2-9, 4.2.2-13, 4.2.2-21, 4.2.3-2, 4.2.3-5, 4.2.3-6, 4.2.3-8, 4.2.3-17.
    /// RFC 9846 section 4.2.4-5, 4.2.4-6, 4.2.4-10, 4.2.4-12, 4.3-2, 4.3-6, 4.3-7, 4.3.1-13, 4.3.3-3, 4.3.8-13, 4.3.8-18.
    /// RFC 9846 section 4.3.11-12, 4.3.11-14, 4.3.11-16, 4.4.1-2, 4.5.2-9, 4.5.3-1, 4.7.2-6, 4.7.3-1, 4.7.3-4, 5-2, 5-5, 5.1-6.
    /// RFC 9846 section 5.1-16, 5.2-2, 5.2-3, 5.4-3, 5.4-5, 6-6, 6-7, 6.2-4, 9.2-19.
    #[test]
    fn alerts_are_those_that_the_rfc_names() {
        use Violation as V;
        let unexpected =
            [V::UnexpectedMessage, V::SecondRetry, V::PostHandshakeCertificateRequest, V::ChangeCipherSpec];
        let records =
            [V::RecordType, V::UnprotectedRecord, V::EmptyRecord, V::RecordWithoutType, V::MessageAcrossKeyChange];
        let hello = [V::CompressionMethod, V::PreSharedKeyNotLast, V::ClientHelloChanged, V::RetriedKeyShare];
        let extensions = [V::DuplicateExtension, V::ExtensionNotAllowed, V::KeyUpdateRequest, V::BadKeyShare];
        let answer = [V::SessionIdEcho, V::CipherSuiteNotOffered, V::Downgrade, V::VersionNotOffered, V::KeyShareGroup];
        let retry = [V::RetryChangesNothing, V::RetryGroup, V::CipherSuiteChanged, V::EarlyDataAfterRetry];
        let ticket = [V::SelectedIdentity, V::SuiteOfOtherHash, V::EarlyDataNotResumed, V::EarlyDataOtherParameters];
        let missing = [V::MissingSupportedGroups, V::MissingKeyShare, V::MissingSignatureAlgorithms];
        for (number, violations) in [
            (10, &unexpected[..]),
            (10, &records),
            (20, &[V::RecordProtection]),
            (22, &[V::RecordTooLong]),
            (40, &[V::NoCommonCipherSuite, V::NoCommonGroup, V::NoCommonSignatureScheme]),
            (47, &hello),
            (47, &extensions),
            (47, &answer),
            (47, &retry),
            (47, &ticket),
            (50, &[V::Malformed, V::EmptyCertificate, V::FinishedLength]),
            (51, &[V::BadBinder, V::BadSignature, V::BadFinished]),
            (70, &[V::LegacyVersion, V::VersionTooOld]),
            (109, &missing),
            (110, &[V::ExtensionNotOffered]),
            (116, &[V::CertificateRequired]),
            (120, &[V::NoApplicationProtocol]),
        ] {
            for violation in violations {
                assert_eq!(violation.alert().0, number, "{violation:?}");
            }
        }
    }
}
