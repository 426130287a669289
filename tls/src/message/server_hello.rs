//! ServerHello and HelloRetryRequest (RFC 9846 sections 4.2.3 and 4.2.4), which share one form.

use crate::error::LocalError;
use crate::message::client_hello::{LEGACY_VERSION, TLS13, push_key_share};
use crate::message::extension::{ExtensionType, Extensions, Offered, Place, push_extension, whole};
use crate::message::framing::{HandshakeType, push_message, push_u16_block};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::Reader;
use base::writer::push_u8_prefixed;
use crypto::NamedGroup;

/// The random that makes a ServerHello a HelloRetryRequest: SHA-256 of that word.
pub(crate) const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
/// How the random of a server ends that was made to speak TLS 1.2, and 1.1 or older.
const DOWNGRADE: [&[u8; 8]; 2] = [b"DOWNGRD\x01", b"DOWNGRD\x00"];

/// What a client reads where it expects a ServerHello.
#[derive(Clone, Debug)]
pub enum ServerHelloOrRetry<'a> {
    /// The server goes on.
    Hello(ServerHello<'a>),
    /// The server wants another ClientHello.
    Retry(HelloRetryRequest<'a>),
}

/// A ServerHello that is of TLS 1.3 and whose legacy fields are right.
#[derive(Clone, Debug)]
pub struct ServerHello<'a> {
    /// The chosen suite.
    pub cipher_suite: u16,
    /// The server's share.
    pub key_share: Option<(NamedGroup, &'a [u8])>,
    /// Which of the offered pre-shared keys the server has chosen, from 0 on.
    pub selected_identity: Option<u16>,
}

/// A HelloRetryRequest that is of TLS 1.3 and whose legacy fields are right.
#[derive(Clone, Debug)]
pub struct HelloRetryRequest<'a> {
    /// The chosen suite.
    pub cipher_suite: u16,
    /// The group to send a share for.
    pub selected_group: Option<NamedGroup>,
    /// To be given back.
    pub cookie: Option<&'a [u8]>,
}

impl<'a> ServerHelloOrRetry<'a> {
    /// Reads the body of a ServerHello, and checks the version and the legacy fields, which are the same for both.
    /// `session_id` and `offered` are what the ClientHello said that it answers.
    /// RFC 9846 section 4.2.3-2, 4.2.3-5, 4.2.3-8, 4.2.3-11, 4.2.4-4.
    pub fn decode(body: &'a [u8], session_id: &[u8], offered: &Offered) -> Result<ServerHelloOrRetry<'a>, Violation> {
        let mut reader = Reader::new(body);
        let legacy_version = reader.u16()?;
        let random: [u8; 32] = reader.array()?;
        let legacy_session_id_echo = reader.u8_prefixed()?;
        let cipher_suite = reader.u16()?;
        let legacy_compression_method = reader.u8()?;
        let block = if reader.is_empty() { &[] } else { reader.u16_prefixed()? };
        if !reader.is_empty() || legacy_session_id_echo.len() > 32 {
            return Err(Violation::Malformed);
        }
        let retry = random == RETRY_RANDOM;
        // The version comes first: an older ServerHello may hold extensions that mean something else there.
        check_version(block, legacy_version, &random)?;
        let place = if retry { Place::HelloRetryRequest } else { Place::ServerHello };
        let extensions = Extensions::decode(block, place, offered)?;
        // RFC 9846 s4.2.3: the echo shows that the server reads TLS 1.3 and not something older.
        if legacy_session_id_echo != session_id {
            return Err(Violation::SessionIdEcho);
        }
        if legacy_compression_method != 0 {
            return Err(Violation::CompressionMethod);
        }
        if retry {
            decode_retry(cipher_suite, extensions).map(ServerHelloOrRetry::Retry)
        } else {
            decode_hello(cipher_suite, extensions).map(ServerHelloOrRetry::Hello)
        }
    }
}

/// RFC 9001 section 4.2-2: an older version ends the connection.
/// RFC 9846 s4.2.3, s4.3.1: supported_versions alone decides; without it the server speaks TLS 1.2 or older, and then its
/// random may signal that it supports TLS 1.3, so that an attacker must have removed the version.
/// RFC 9846 section 4.2.3-15, 4.2.3-17, 4.3.1-11, 4.3.1-12, 4.3.1-13, 4.2.4-12, 9.2-2.
fn check_version(block: &[u8], legacy_version: u16, random: &[u8; 32]) -> Result<(), Violation> {
    let mut reader = Reader::new(block);
    let mut selected = None;
    while !reader.is_empty() {
        let kind = ExtensionType(reader.u16()?);
        let data = reader.u16_prefixed()?;
        if kind == ExtensionType::SUPPORTED_VERSIONS {
            selected = Some(whole(data, |reader| Ok(reader.u16()?))?);
        }
    }
    match selected {
        None if DOWNGRADE.iter().any(|end| random.ends_with(*end)) => Err(Violation::Downgrade),
        None => Err(Violation::VersionTooOld),
        Some(TLS13) if legacy_version == LEGACY_VERSION => Ok(()),
        Some(TLS13) => Err(Violation::LegacyVersion),
        Some(_) => Err(Violation::VersionNotOffered),
    }
}

fn decode_hello<'a>(cipher_suite: u16, extensions: Extensions<'a>) -> Result<ServerHello<'a>, Violation> {
    let mut hello = ServerHello { cipher_suite, key_share: None, selected_identity: None };
    for (kind, data) in extensions.iter() {
        match kind {
            ExtensionType::KEY_SHARE => {
                let (group, share) = whole(data, |reader| Ok((NamedGroup(reader.u16()?), reader.u16_prefixed()?)))?;
                if share.is_empty() {
                    return Err(Violation::Malformed);
                }
                hello.key_share = Some((group, share));
            }
            ExtensionType::PRE_SHARED_KEY => {
                hello.selected_identity = Some(whole(data, |reader| Ok(reader.u16()?))?);
            }
            _ => {}
        }
    }
    Ok(hello)
}

fn decode_retry<'a>(cipher_suite: u16, extensions: Extensions<'a>) -> Result<HelloRetryRequest<'a>, Violation> {
    let mut retry = HelloRetryRequest { cipher_suite, selected_group: None, cookie: None };
    for (kind, data) in extensions.iter() {
        match kind {
            ExtensionType::KEY_SHARE => {
                retry.selected_group = Some(NamedGroup(whole(data, |reader| Ok(reader.u16()?))?));
            }
            ExtensionType::COOKIE => {
                let cookie = whole(data, |reader| Ok(reader.u16_prefixed()?))?;
                if cookie.is_empty() {
                    return Err(Violation::Malformed);
                }
                retry.cookie = Some(cookie);
            }
            _ => {}
        }
    }
    Ok(retry)
}

/// A whole ServerHello. The session ID is the client's.
pub(crate) fn encode_server_hello(
    random: &[u8; 32],
    session_id: &[u8],
    cipher_suite: u16,
    group: NamedGroup,
    share: &[u8],
) -> Result<Vec<u8>, LocalError> {
    encode(random, session_id, cipher_suite, |out| push_key_share(out, group, share), None)
}

/// A whole ServerHello that resumes with the pre-shared key of this number. The session ID is the client's.
pub(crate) fn encode_resuming_server_hello(
    random: &[u8; 32],
    session_id: &[u8],
    cipher_suite: u16,
    (group, share): (NamedGroup, &[u8]),
    selected_identity: u16,
) -> Result<Vec<u8>, LocalError> {
    encode(random, session_id, cipher_suite, |out| push_key_share(out, group, share), Some(selected_identity))
}

/// A whole HelloRetryRequest that asks for a share of `group`. The session ID is the client's.
pub(crate) fn encode_hello_retry_request(
    session_id: &[u8],
    cipher_suite: u16,
    group: NamedGroup,
) -> Result<Vec<u8>, LocalError> {
    let push_group = |out: &mut Vec<u8>| {
        out.extend_from_slice(&group.0.to_be_bytes());
        Ok(())
    };
    encode(&RETRY_RANDOM, session_id, cipher_suite, push_group, None)
}

/// RFC 9846 section 4.2.3-1, 4.2.3-7, 4.2.3-9, 4.2.3-10, 4.3.1-9, 4.3.1-10.
fn encode(
    random: &[u8; 32],
    session_id: &[u8],
    cipher_suite: u16,
    key_share: impl FnOnce(&mut Vec<u8>) -> Result<(), base::Full>,
    selected_identity: Option<u16>,
) -> Result<Vec<u8>, LocalError> {
    let mut out = Vec::with_capacity(128);
    push_message(&mut out, HandshakeType::SERVER_HELLO, |out| {
        out.extend_from_slice(&LEGACY_VERSION.to_be_bytes());
        out.extend_from_slice(random);
        push_u8_prefixed(out, |out| out.extend_from_slice(session_id))?;
        out.extend_from_slice(&cipher_suite.to_be_bytes());
        out.push(0);
        push_u16_block(out, |out| {
            push_extension(out, ExtensionType::SUPPORTED_VERSIONS, |out| {
                out.extend_from_slice(&TLS13.to_be_bytes());
                Ok(())
            })?;
            push_extension(out, ExtensionType::KEY_SHARE, key_share)?;
            selected_identity.map_or(Ok(()), |selected| {
                push_extension(out, ExtensionType::PRE_SHARED_KEY, |out| {
                    out.extend_from_slice(&selected.to_be_bytes());
                    Ok(())
                })
            })
        })
    })?;
    Ok(out)
}

#[cfg(test)]
mod tests;
