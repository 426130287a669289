//! What a server selects for a client: always the first of its own list that the client supports too.

use crate::carrier::Rules;
use crate::certified_key::CertifiedKey;
use crate::config::ServerConfig;
use crate::message::client_hello::{ClientHello, KeyShares};
use crate::message::list::{Distinct, Numbers};
use crate::resolver::{ClientWishes, Selected};
use crate::signature_wishes::SignatureWishes;
use crate::violation::Violation;
use alloc::string::String;
use alloc::vec::Vec;
use crypto::{CipherSuite, KeyExchange, SignatureScheme};

/// The first suite of ours that the client offers.
/// RFC 9001 section 5.3-2.
/// RFC 9846 section 4.2.2-18, 4.2.1-4, 2.1-1.
pub(crate) fn choose_suite(config: &ServerConfig, offered: Numbers<'_>) -> Result<&'static CipherSuite, Violation> {
    let mut suites = config.provider.cipher_suites.iter().copied();
    suites.find(|suite| offered.contains(suite.id)).ok_or(Violation::NoCommonCipherSuite)
}

/// A key exchange, and the client's share for it if it sent one.
pub(crate) type Exchange<'a> = (&'static dyn KeyExchange, Option<&'a [u8]>);

/// The first key exchange of ours that the client sent a share for; or else the first that it can do at all, which costs a
/// round trip. A better group is not worth that round trip: every one in the provider's table is good enough.
/// RFC 9846 section 2-1, 4.2.1-1, 4.2.1-3, 4.3.8-16, 9.2-6, 9.2-7, 9.2-12, 9.2-13, 9.2-18.
pub(crate) fn choose_exchange<'a>(config: &ServerConfig, hello: &ClientHello<'a>) -> Result<Exchange<'a>, Violation> {
    let groups = hello.supported_groups.ok_or(Violation::MissingSupportedGroups)?;
    let shares = hello.key_shares.ok_or(Violation::MissingKeyShare)?;
    check_shares(groups, shares)?;
    let ours = config.groups.key_exchanges(&config.provider);
    let supported = || ours.iter().copied().filter(|row| groups.contains(row.group().0));
    supported()
        .find_map(|row| shares.find(row.group()).map(|share| (row, Some(share))))
        .or_else(|| supported().next().map(|row| (row, None)))
        .ok_or(Violation::NoCommonGroup)
}

/// RFC 9846 s4.3.8: every share is for a group of the list.
fn check_shares(groups: Numbers<'_>, shares: KeyShares<'_>) -> Result<(), Violation> {
    let mut listed = Distinct::default();
    groups.iter().for_each(|group| listed.push(group));
    let listed = listed.sorted();
    if shares.iter().all(|(group, _)| listed.binary_search(&group.0).is_ok()) {
        Ok(())
    } else {
        Err(Violation::KeyShareOutsideGroups)
    }
}

/// The first application protocol of ours that the client offers.
/// RFC 9001 section 8.1-2, 8.1-5.
pub(crate) fn choose_protocol<'a>(
    config: &'a ServerConfig,
    rules: &Rules,
    hello: &ClientHello<'_>,
) -> Result<Option<&'a [u8]>, Violation> {
    // RFC 7301 s3.1: a side without ALPN takes no notice of it. RFC 9001 section 8.1-1: over QUIC both have it.
    let offered = hello.application_protocols.filter(|_| !config.alpn.is_empty());
    let Some(offered) = offered else { return rules.without_application_protocol.map(|()| None) };
    let mut ours = config.alpn.iter().map(Vec::as_slice);
    // RFC 9001 section 8.1-6, RFC 7301 s3.2: nothing in common ends the handshake.
    let common = ours.find(|name| offered.iter().any(|other| other == *name));
    common.map(Some).ok_or(Violation::NoApplicationProtocol)
}

/// The host name in lower case and without a trailing dot, so that every spelling of a name gets the same answer. An
/// address counts as no name: RFC 6066 s3 does not allow one, but clients send it.
/// RFC 9846 section 4.7.1-9, 9.2-8, 9.2-20.
pub(crate) fn server_name(hello: &ClientHello<'_>) -> Result<Option<String>, Violation> {
    let Some(bytes) = hello.server_name else { return Ok(None) };
    let text = core::str::from_utf8(bytes).map_err(|_| Violation::ServerNameMalformed)?;
    match x509::ServerName::parse(text) {
        Ok(x509::ServerName::Dns(name)) => Ok(Some(name)),
        Ok(x509::ServerName::Ip(_)) => Ok(None),
        Err(_) => Err(Violation::ServerNameMalformed),
    }
}

/// What there is for the name, and for what the client can verify.
pub(crate) fn choose_certificate(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    server_name: Option<&str>,
    protocol: Option<&[u8]>,
) -> Result<Selected, Violation> {
    let signatures = hello.signature_algorithms.map(|schemes| wishes(schemes, hello));
    let wishes = ClientWishes { server_name, signatures, authorities: hello.authorities, protocol };
    config.resolver.resolve(&wishes).ok_or(Violation::ServerNameUnknown)
}

/// The best scheme of a certificate's key that the client can verify.
/// RFC 9846 section 4.5.2-4.
/// RFC 9846 section 4.3.3-3, 9.2-4, 9.2-11.
pub(crate) fn choose_scheme(certified: &CertifiedKey, hello: &ClientHello<'_>) -> Result<SignatureScheme, Violation> {
    let schemes = hello.signature_algorithms.ok_or(Violation::MissingSignatureAlgorithms)?;
    wishes(schemes, hello).scheme_of(&*certified.key).ok_or(Violation::NoCommonSignatureScheme)
}

/// RFC 9846 section 9.2-5.
fn wishes<'a>(schemes: Numbers<'a>, hello: &ClientHello<'a>) -> SignatureWishes<'a> {
    SignatureWishes::new(schemes, hello.signature_algorithms_cert)
}
