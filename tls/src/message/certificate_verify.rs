//! CertificateVerify (RFC 9846 section 4.5.2), and what it signs.

use crate::error::LocalError;
use crate::message::extension::whole;
use crate::message::framing::{HandshakeType, push_message, push_u16_block};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::Reader;
use core::ops::Deref;
use crypto::{Digest, SignatureScheme};

/// What a server's signature covers besides the transcript.
const SERVER_CONTEXT: &[u8; 33] = b"TLS 1.3, server CertificateVerify";
/// What a client's covers.
const CLIENT_CONTEXT: &[u8; 33] = b"TLS 1.3, client CertificateVerify";

/// A signature over the handshake.
#[derive(Clone, Copy, Debug)]
pub struct CertificateVerify<'a> {
    /// How it was made.
    pub scheme: SignatureScheme,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> CertificateVerify<'a> {
    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<CertificateVerify<'a>, Violation> {
        whole(body, |reader: &mut Reader<'a>| {
            Ok(CertificateVerify { scheme: SignatureScheme(reader.u16()?), signature: reader.u16_prefixed()? })
        })
    }

    /// Appends the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), LocalError> {
        push_message(out, HandshakeType::CERTIFICATE_VERIFY, |out| {
            out.extend_from_slice(&self.scheme.0.to_be_bytes());
            push_u16_block(out, |out| {
                out.extend_from_slice(self.signature);
                Ok(())
            })
        })
    }
}

/// Bytes before the context.
const PADDING: usize = 64;

/// What is signed, which lives no longer than signing takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    bytes: [u8; PADDING + SERVER_CONTEXT.len() + 1 + Digest::MAX_LEN],
    len: usize,
}

impl Deref for Signed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What a server signs.
pub(crate) fn signed_by_server(transcript: &Digest) -> Signed {
    signed(SERVER_CONTEXT, transcript)
}

/// What a client signs.
pub(crate) fn signed_by_client(transcript: &Digest) -> Signed {
    signed(CLIENT_CONTEXT, transcript)
}

/// 64 spaces, so that no older signature of the same key can be passed off as this one; a context that tells servers from
/// clients; and the transcript up to Certificate.
fn signed(context: &[u8; SERVER_CONTEXT.len()], transcript: &Digest) -> Signed {
    let mut signed = Signed { bytes: [b' '; _], len: PADDING };
    for part in [&context[..], &[0], transcript] {
        let end = signed.len + part.len();
        signed.bytes[signed.len..end].copy_from_slice(part);
        signed.len = end;
    }
    signed
}
