//! Making certificates: self-signed development identities, and small authorities for tests and private networks.
//!
//! What is made passes our own checks and those of browsers: version 3, subjectAltName, one role, P-256 or Ed25519. A
//! development identity lives 13 days, so that it can be named by its hash in WebTransport (serverCertificateHashes).

use crate::algorithm::signing_algorithm;
use crate::certificate::Certificate;
use crate::der::tag;
use crate::dns;
use crate::encode::{bit_string, element, object_identifier, sequence, time, unsigned};
use crate::error::Error;
use crate::oid;
use crate::purpose::Purpose;
use crate::server_name::ServerName;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base::Random;
use core::net::IpAddr;
use crypto::{KeyKind, PrivateKeyFormat, Provider, PublicKeyAlgorithm, SecretBytes, SigningKey};
use rustls_pki_types::CertificateDer;

/// 13 days: browsers accept certificates by hash only if they live for two weeks at most.
pub const DEFAULT_LIFETIME_SECONDS: u64 = 13 * 86_400;
/// How far a development identity's life reaches back, for clocks that are slow.
const CLOCK_TOLERANCE_SECONDS: u64 = 3600;
/// The last second that a certificate can name: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// What to certify.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// DNS names (also `*.example.com`) and IP addresses. The first is the common name of an authority.
    pub names: Vec<String>,
    /// First second of its life, since 1970.
    pub not_before_unix: u64,
    /// Seconds from there to the last one.
    pub lifetime_seconds: u64,
    /// Serial number. Its first bit is cleared and its second set, so that it is positive.
    pub serial: [u8; 16],
    /// Whether it may issue certificates, instead of authenticating a server.
    pub is_authority: bool,
}

/// A certificate and its private key.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// The private key, as PKCS #8.
    pub key_pkcs8: SecretBytes,
}

impl core::fmt::Debug for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // A private key is not for logs.
        f.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Certifies `key_pkcs8` by itself.
pub fn self_signed(provider: &Provider, key_pkcs8: &[u8], request: &IssueRequest) -> Result<Identity, Error> {
    let key = (provider.load_key)(PrivateKeyFormat::Pkcs8, key_pkcs8).map_err(|_| Error::KeyRejected)?;
    let subject = subject(request, Purpose::Server);
    let certificate = build(provider, (&subject, None), &*key, &*key, request, Purpose::Server, None)?;
    Ok(Identity { certificate, key_pkcs8: SecretBytes::new(key_pkcs8) })
}

/// The certificate that shows to a certificate authority whose server `request.names` leads to (RFC 8737 section 3): self-signed, with
/// SHA-256 of a key authorization. Nobody else takes it.
pub fn acme_challenge(
    provider: &Provider,
    key_pkcs8: &[u8],
    request: &IssueRequest,
    digest: &[u8; 32],
) -> Result<Identity, Error> {
    let key = (provider.load_key)(PrivateKeyFormat::Pkcs8, key_pkcs8).map_err(|_| Error::KeyRejected)?;
    let subject = subject(request, Purpose::Server);
    let certificate = build(provider, (&subject, None), &*key, &*key, request, Purpose::Server, Some(digest))?;
    Ok(Identity { certificate, key_pkcs8: SecretBytes::new(key_pkcs8) })
}

/// Certifies the public half of `subject_key` by an authority.
pub fn issued_by(
    provider: &Provider,
    authority: &CertificateDer<'_>,
    authority_key: &dyn SigningKey,
    subject_key: &dyn SigningKey,
    request: &IssueRequest,
) -> Result<CertificateDer<'static>, Error> {
    let authority = Certificate::parse(authority)?;
    build_below(provider, &authority, authority_key, subject_key, request, Purpose::Server)
}

/// Certifies the public half of `subject_key` by an authority, to authenticate a client. The first name is the common name, too.
pub fn issued_to_client(
    provider: &Provider,
    authority: &CertificateDer<'_>,
    authority_key: &dyn SigningKey,
    subject_key: &dyn SigningKey,
    request: &IssueRequest,
) -> Result<CertificateDer<'static>, Error> {
    let authority = Certificate::parse(authority)?;
    build_below(provider, &authority, authority_key, subject_key, request, Purpose::Client)
}

/// A fresh P-256 identity for localhost, 127.0.0.1, ::1 and `extra_names`.
pub fn development(
    provider: &Provider,
    extra_names: &[String],
    now_unix_seconds: u64,
    random: &mut dyn Random,
) -> Result<Identity, Error> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    names.extend(extra_names.iter().cloned());
    let key = (provider.generate_key)(KeyKind::EcP256).map_err(|_| Error::KeyRejected)?;
    let request = IssueRequest {
        names,
        not_before_unix: now_unix_seconds.saturating_sub(CLOCK_TOLERANCE_SECONDS),
        lifetime_seconds: DEFAULT_LIFETIME_SECONDS,
        serial: base::random::array(random),
        is_authority: false,
    };
    self_signed(provider, &key, &request)
}

fn build_below(
    provider: &Provider,
    authority: &Certificate<'_>,
    authority_key: &dyn SigningKey,
    subject_key: &dyn SigningKey,
    request: &IssueRequest,
    purpose: Purpose,
) -> Result<CertificateDer<'static>, Error> {
    let issuer = sequence(&[authority.subject().contents()]);
    let identifier = authority.extensions().subject_key_identifier;
    build(provider, (&issuer, identifier), authority_key, subject_key, request, purpose, None)
}

/// `issuer` is its name and its key's identifier.
/// RFC 5280 section 4.1.2.2-5, 4.1.2.5-1.
fn build(
    provider: &Provider,
    issuer: (&[u8], Option<&[u8]>),
    issuer_key: &dyn SigningKey,
    subject_key: &dyn SigningKey,
    request: &IssueRequest,
    purpose: Purpose,
    acme_identifier: Option<&[u8; 32]>,
) -> Result<CertificateDer<'static>, Error> {
    let (issuer, issuer_key_identifier) = issuer;
    let (algorithm, scheme) = signing_algorithm(issuer_key)?;
    let algorithm = sequence(&[&object_identifier(algorithm)]);
    let [first, rest @ ..] = request.serial;
    let serial = unsigned(&[&[first & 0x7f | 0x40][..], &rest].concat());
    let not_after = request.not_before_unix.saturating_add(request.lifetime_seconds).min(LAST_SECOND);
    let seconds = |seconds: u64| time(i64::try_from(seconds.min(LAST_SECOND)).expect("the last second is a date"));
    let to_be_signed = sequence(&[
        &element(tag::context_constructed(0), &[&unsigned(&[2])]),
        &serial,
        &algorithm,
        issuer,
        &sequence(&[&seconds(request.not_before_unix), &seconds(not_after)]),
        &subject(request, purpose),
        &public_key(subject_key)?,
        &element(
            tag::context_constructed(3),
            &[&extensions(provider, issuer_key_identifier, subject_key, request, purpose, acme_identifier)?],
        ),
    ]);
    let signature = issuer_key.sign(scheme, &to_be_signed).map_err(|_| Error::SigningFailed)?;
    let certificate = sequence(&[&to_be_signed, &algorithm, &bit_string(&signature)]);
    // What this crate makes, it also reads.
    Certificate::parse(&certificate)?;
    Ok(CertificateDer::from(certificate))
}

/// A common name that says what it is and looks like no host: hosts are named in subjectAltName alone.
fn subject(request: &IssueRequest, purpose: Purpose) -> Vec<u8> {
    let role = match purpose {
        _ if request.is_authority => "Posthaste authority",
        Purpose::Server => "Posthaste development",
        Purpose::Client => "Posthaste client",
    };
    let is_named = request.is_authority || purpose == Purpose::Client;
    let own = if is_named { request.names.first().map_or("", String::as_str) } else { "" };
    let text = [role, own].join(" ");
    // RFC 5280 appendix A.1: a common name has at most 64 characters.
    let text: String = text.trim_end().chars().take(64).collect();
    let value = element(tag::UTF8_STRING, &[text.as_bytes()]);
    let attribute = sequence(&[&object_identifier(oid::COMMON_NAME), &value]);
    sequence(&[&element(tag::SET, &[&attribute])])
}

pub(crate) fn public_key(key: &dyn SigningKey) -> Result<Vec<u8>, Error> {
    let curve = |curve| sequence(&[&object_identifier(oid::EC_PUBLIC_KEY), &object_identifier(curve)]);
    let algorithm = match key.public_key_algorithm() {
        PublicKeyAlgorithm::EcP256 => curve(oid::P256),
        PublicKeyAlgorithm::EcP384 => curve(oid::P384),
        PublicKeyAlgorithm::Ed25519 => sequence(&[&object_identifier(oid::ED25519)]),
        PublicKeyAlgorithm::Rsa => return Err(Error::KeyRejected),
    };
    Ok(sequence(&[&algorithm, &bit_string(key.public_key())]))
}

fn extensions(
    provider: &Provider,
    issuer_key_identifier: Option<&[u8]>,
    key: &dyn SigningKey,
    request: &IssueRequest,
    purpose: Purpose,
    acme_identifier: Option<&[u8; 32]>,
) -> Result<Vec<u8>, Error> {
    let mut list: Vec<Vec<u8>> = Vec::new();
    let mut add = |id: &[u8], critical: bool, value: &[u8]| {
        let flag: &[u8] = if critical { &[tag::BOOLEAN, 1, 0xff] } else { &[] };
        list.push(sequence(&[&object_identifier(id), flag, &element(tag::OCTET_STRING, &[value])]));
    };
    if request.is_authority {
        add(oid::BASIC_CONSTRAINTS, true, &sequence(&[&[tag::BOOLEAN, 1, 0xff]]));
        // keyCertSign and cRLSign.
        add(oid::KEY_USAGE, true, &element(tag::BIT_STRING, &[&[1, 0x06]]));
    } else {
        add(oid::BASIC_CONSTRAINTS, true, &sequence(&[]));
        // digitalSignature.
        add(oid::KEY_USAGE, true, &element(tag::BIT_STRING, &[&[7, 0x80]]));
        let purpose = match purpose {
            Purpose::Server => oid::SERVER_AUTHENTICATION,
            Purpose::Client => oid::CLIENT_AUTHENTICATION,
        };
        add(oid::EXTENDED_KEY_USAGE, false, &sequence(&[&object_identifier(purpose)]));
        add(oid::SUBJECT_ALTERNATIVE_NAME, false, &alternative_names(&request.names)?);
    }
    if let Some(digest) = acme_identifier {
        add(oid::ACME_IDENTIFIER, true, &element(tag::OCTET_STRING, &[digest]));
    }
    // RFC 7093 s2: the first 160 bits of a hash of the key. It names the key and need not resist anything.
    let digest = provider.initial.hash.digest(&[key.public_key()]);
    let identifier = &digest[..20];
    add(oid::SUBJECT_KEY_IDENTIFIER, false, &element(tag::OCTET_STRING, &[identifier]));
    if let Some(issuer) = issuer_key_identifier {
        add(oid::AUTHORITY_KEY_IDENTIFIER, false, &sequence(&[&element(tag::context(0), &[issuer])]));
    }
    let parts: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
    Ok(sequence(&parts))
}

pub(crate) fn alternative_names(names: &[String]) -> Result<Vec<u8>, Error> {
    let mut list: Vec<Vec<u8>> = Vec::new();
    for name in names {
        let entry = match ServerName::parse(name) {
            Ok(ServerName::Ip(IpAddr::V4(address))) => element(tag::context(7), &[&address.octets()]),
            Ok(ServerName::Ip(IpAddr::V6(address))) => element(tag::context(7), &[&address.octets()]),
            Ok(ServerName::Dns(name)) => dns_name(&name)?,
            Err(_) => dns_name(&name.to_ascii_lowercase())?,
        };
        if !list.contains(&entry) {
            list.push(entry);
        }
    }
    if list.is_empty() {
        return Err(Error::InvalidServerName);
    }
    let parts: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
    Ok(sequence(&parts))
}

/// Only what [`crate::chain`] would accept again.
fn dns_name(name: &str) -> Result<Vec<u8>, Error> {
    if !dns::is_issued_name(name.as_bytes()) {
        return Err(Error::InvalidServerName);
    }
    Ok(element(tag::context(2), &[name.to_string().as_bytes()]))
}

#[cfg(test)]
mod tests;
