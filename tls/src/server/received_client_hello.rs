//! RECVD_CH: a ClientHello that parses. The server checks it against the rules and chooses by its own preference.

use crate::config::ServerConfig;
use crate::error::Error;
use crate::message::client_hello::{ClientHello, KeyShares, LEGACY_VERSION, TLS13};
use crate::message::extension::ExtensionType;
use crate::message::list::Numbers;
use crate::resolver::CertifiedKey;
use crate::violation::Violation;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use crypto::{CipherSuite, Digest, KeyExchange, NamedGroup, SignatureScheme};

/// Checks what holds for every ClientHello, whatever the server can do.
pub fn check(hello: &ClientHello<'_>) -> Result<(), Violation> {
    if !hello.supported_versions.is_some_and(|versions| versions.contains(TLS13)) {
        return Err(Violation::VersionTooOld);
    }
    if hello.legacy_version != LEGACY_VERSION {
        return Err(Violation::LegacyVersion);
    }
    // RFC 9001 s8.4: a session ID would ask for compatibility mode, which makes no sense without records.
    if !hello.legacy_session_id.is_empty() {
        return Err(Violation::CompatibilityMode);
    }
    if hello.legacy_compression_methods != [0] {
        return Err(Violation::CompressionMethod);
    }
    // No pre-shared key is known here, so a certificate handshake must be possible even for a client that offers one.
    if hello.offers_pre_shared_key && hello.psk_key_exchange_modes.is_none() {
        return Err(Violation::MissingPskKeyExchangeModes);
    }
    if hello.offers_early_data && !hello.offers_pre_shared_key {
        return Err(Violation::EarlyDataWithoutPreSharedKey);
    }
    // RFC 9001 s4.7 lets QUIC's own Retry do what cookies are for: none is ever given.
    if hello.cookie.is_some() {
        return Err(Violation::CookieNotIssued);
    }
    Ok(())
}

/// The first suite of ours that the client offers.
pub fn choose_suite(config: &ServerConfig, offered: Numbers<'_>) -> Result<&'static CipherSuite, Violation> {
    let mut suites = config.provider.cipher_suites.iter().copied();
    suites.find(|suite| offered.contains(suite.id)).ok_or(Violation::NoCommonCipherSuite)
}

/// A key exchange, and the client's share for it if it sent one.
pub type Exchange<'a> = (&'static dyn KeyExchange, Option<&'a [u8]>);

/// The first key exchange of ours that the client sent a share for; or else the first that it can do at all, which costs a
/// round trip. A better group is not worth that round trip: every one in the provider's table is good enough.
pub fn choose_exchange<'a>(config: &ServerConfig, hello: &ClientHello<'a>) -> Result<Exchange<'a>, Violation> {
    let groups = hello.supported_groups.ok_or(Violation::MissingSupportedGroups)?;
    let shares = hello.key_shares.ok_or(Violation::MissingKeyShare)?;
    check_shares(groups, shares)?;
    let supported = || config.provider.key_exchanges.iter().copied().filter(|row| groups.contains(row.group().0));
    supported()
        .find_map(|row| shares.find(row.group()).map(|share| (row, Some(share))))
        .or_else(|| supported().next().map(|row| (row, None)))
        .ok_or(Violation::NoCommonGroup)
}

/// RFC 9846 s4.3.8: every share is for a group of the list.
fn check_shares(groups: Numbers<'_>, shares: KeyShares<'_>) -> Result<(), Violation> {
    let mut listed: Vec<u16> = groups.iter().collect();
    // Sorted, because both lists can hold thousands of entries.
    listed.sort_unstable();
    if shares.iter().all(|(group, _)| listed.binary_search(&group.0).is_ok()) {
        Ok(())
    } else {
        Err(Violation::KeyShareOutsideGroups)
    }
}

/// After a HelloRetryRequest: the one share that was asked for, and nothing else (RFC 9846 section 4.2.2).
pub fn retried_share<'a>(hello: &ClientHello<'a>, group: NamedGroup) -> Result<&'a [u8], Violation> {
    if hello.offers_early_data {
        return Err(Violation::EarlyDataAfterRetry);
    }
    let mut shares = hello.key_shares.ok_or(Violation::MissingKeyShare)?.iter();
    match (shares.next(), shares.next()) {
        (Some((only, share)), None) if only == group => Ok(share),
        _ => Err(Violation::RetriedKeyShare),
    }
}

/// A digest of all that a second ClientHello must repeat (RFC 9846 section 4.2.2).
pub fn unchanged_part(suite: &CipherSuite, hello: &ClientHello<'_>) -> Digest {
    let mut part = hello.random.to_vec();
    part.extend(hello.cipher_suites.iter().flat_map(u16::to_be_bytes));
    for (kind, data) in hello.extensions.iter() {
        let may_change = matches!(
            kind,
            ExtensionType::KEY_SHARE
                | ExtensionType::EARLY_DATA
                | ExtensionType::COOKIE
                | ExtensionType::PRE_SHARED_KEY
                | ExtensionType::PADDING
        );
        if !may_change {
            part.extend_from_slice(&kind.0.to_be_bytes());
            part.extend_from_slice(&(data.len() as u64).to_be_bytes());
            part.extend_from_slice(data);
        }
    }
    suite.hash.digest(&[&part])
}

/// The first application protocol of ours that the client offers. RFC 9001 s8.1: without one there is no connection.
pub fn choose_protocol<'a>(config: &'a ServerConfig, hello: &ClientHello<'_>) -> Result<&'a [u8], Violation> {
    let offered = hello.application_protocols.ok_or(Violation::NoApplicationProtocol)?;
    let mut ours = config.alpn.iter().map(Vec::as_slice);
    ours.find(|name| offered.iter().any(|other| other == *name)).ok_or(Violation::NoApplicationProtocol)
}

/// The host name in lower case and without a trailing dot, so that every spelling of a name gets the same answer. An
/// address counts as no name: RFC 6066 s3 does not allow one, but clients send it.
pub fn server_name(hello: &ClientHello<'_>) -> Result<Option<String>, Violation> {
    let Some(bytes) = hello.server_name else { return Ok(None) };
    let text = core::str::from_utf8(bytes).map_err(|_| Violation::ServerNameMalformed)?;
    match x509::ServerName::parse(text) {
        Ok(x509::ServerName::Dns(name)) => Ok(Some(name)),
        Ok(x509::ServerName::Ip(_)) => Ok(None),
        Err(_) => Err(Violation::ServerNameMalformed),
    }
}

/// The certificate for the name, and the best scheme of its key that the client can verify.
pub fn choose_certificate(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    server_name: Option<&str>,
) -> Result<(Arc<CertifiedKey>, SignatureScheme), Error> {
    let schemes = hello.signature_algorithms.ok_or(Violation::MissingSignatureAlgorithms)?;
    let certified = config.resolver.resolve(server_name).ok_or(Violation::ServerNameUnknown)?;
    let scheme = certified.key.schemes().iter().copied().find(|scheme| schemes.contains(scheme.0));
    Ok((certified, scheme.ok_or(Violation::NoCommonSignatureScheme)?))
}
