//! A TLS 1.3 cipher suite: an AEAD and the hash of the key schedule (RFC 9846 appendix B.4).

use crate::{Aead, Hash};
use core::fmt;

/// One row of a provider's table.
/// RFC 9001 section 5.3-1.
#[derive(Clone, Copy)]
pub struct CipherSuite {
    /// The number in ClientHello and ServerHello.
    pub id: u16,
    /// The name in the IANA registry.
    pub name: &'static str,
    /// The hash of transcript, HKDF and Finished.
    pub hash: &'static dyn Hash,
    /// The AEAD of the packets.
    pub aead: &'static dyn Aead,
}

impl CipherSuite {
    /// TLS_AES_128_GCM_SHA256, which every implementation has and QUIC's Initial packets use.
    pub const AES_128_GCM_SHA256: u16 = 0x1301;
    /// TLS_AES_256_GCM_SHA384.
    pub const AES_256_GCM_SHA384: u16 = 0x1302;
    /// TLS_CHACHA20_POLY1305_SHA256.
    pub const CHACHA20_POLY1305_SHA256: u16 = 0x1303;
}

impl fmt::Debug for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
