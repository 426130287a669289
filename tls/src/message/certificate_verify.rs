//! CertificateVerify (RFC 9846 section 4.5.2), and what it signs.

use crate::error::LocalError;
use crate::message::extension::whole;
use crate::message::framing::{HandshakeType, push_message, push_u16_block};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::Reader;
use crypto::{Digest, SignatureScheme};

/// What a server's signature covers besides the transcript.
const SERVER_CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify";
/// What a client's covers.
const CLIENT_CONTEXT: &[u8] = b"TLS 1.3, client CertificateVerify";

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

/// What a server signs.
pub(crate) fn signed_by_server(transcript: &Digest) -> Vec<u8> {
    signed(SERVER_CONTEXT, transcript)
}

/// What a client signs.
pub(crate) fn signed_by_client(transcript: &Digest) -> Vec<u8> {
    signed(CLIENT_CONTEXT, transcript)
}

/// 64 spaces, so that no older signature of the same key can be passed off as this one; a context that tells servers from
/// clients; and the transcript up to Certificate.
fn signed(context: &[u8], transcript: &Digest) -> Vec<u8> {
    let mut content = Vec::with_capacity(64 + context.len() + 1 + Digest::MAX_LEN);
    content.resize(64, b' ');
    content.extend_from_slice(context);
    content.push(0);
    content.extend_from_slice(transcript);
    content
}
