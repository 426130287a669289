//! The cipher suites of TLS 1.3 that QUIC can use (RFC 9846 appendix B.4).

use crate::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use crate::hash::{SHA256, SHA384};
use crypto::CipherSuite;

/// TLS_AES_128_GCM_SHA256.
pub(crate) static AES_128_GCM_SHA256: CipherSuite = CipherSuite {
    id: CipherSuite::AES_128_GCM_SHA256,
    name: "TLS_AES_128_GCM_SHA256",
    hash: SHA256,
    aead: AES_128_GCM,
};

/// TLS_AES_256_GCM_SHA384.
pub(crate) static AES_256_GCM_SHA384: CipherSuite = CipherSuite {
    id: CipherSuite::AES_256_GCM_SHA384,
    name: "TLS_AES_256_GCM_SHA384",
    hash: SHA384,
    aead: AES_256_GCM,
};

/// TLS_CHACHA20_POLY1305_SHA256.
pub(crate) static CHACHA20_POLY1305_SHA256: CipherSuite = CipherSuite {
    id: CipherSuite::CHACHA20_POLY1305_SHA256,
    name: "TLS_CHACHA20_POLY1305_SHA256",
    hash: SHA256,
    aead: CHACHA20_POLY1305,
};
