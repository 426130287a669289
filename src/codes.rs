//! Error codes of HTTP/3, QPACK, QUIC and TLS in words (RFC 9114 section 8.1, RFC 9204 section 6, RFC 9000 section 20.1,
//! RFC 9846 section 6).

/// How a connection is closed that nothing is wrong with: `H3_NO_ERROR`.
pub(crate) const NO_ERROR: u64 = 0x100;

/// What an application's code says.
pub(crate) fn of_http(code: u64) -> Option<&'static str> {
    Some(match code {
        0x100 => "no error",
        0x101 => "the peer says that the protocol was broken",
        0x102 => "the peer failed internally",
        0x103 => "a stream was opened that is not accepted",
        0x104 => "a stream was closed that the connection needs",
        0x105 => "a frame in a place where it is not permitted",
        0x106 => "a malformed frame",
        0x107 => "the peer has too much to do",
        0x108 => "a stream or push number was used wrongly",
        0x109 => "wrong settings",
        0x10a => "the settings did not come first",
        0x10b => "the server did not begin with the request: it can be sent again",
        0x10c => "the request was cancelled",
        0x10d => "the request ended before it was complete",
        0x10e => "a malformed message",
        0x10f => "the connection of a CONNECT request broke",
        0x110 => "the server wants to be asked over another version of HTTP",
        0x200 => "the peer could not decompress the fields",
        0x201 => "the peer could not follow the compression of fields",
        0x202 => "the peer could not follow what was decompressed",
        _ => return None,
    })
}

/// What a transport's code says. Codes from 0x100 to 0x1ff carry a TLS alert.
pub(crate) fn of_transport(code: u64) -> Option<&'static str> {
    Some(match code {
        0x0 => "no error",
        0x1 => "the peer failed internally",
        0x2 => "the server refuses connections for now",
        0x3 => "more data than the flow control allows",
        0x4 => "more streams than allowed",
        0x5 => "a frame for a stream that cannot take it",
        0x6 => "the final size of a stream changed",
        0x7 => "a malformed frame",
        0x8 => "malformed transport parameters",
        0x9 => "more connection IDs than allowed",
        0xa => "the protocol was broken",
        0xb => "the token was not accepted",
        0xc => "the application failed",
        0xd => "more handshake data than can be kept",
        0xe => "the keys were changed wrongly",
        0xf => "the keys were used to their limit",
        0x10 => "there is no path to the peer",
        0x128 => "no common cipher suite, group or signature: the handshake failed",
        0x12a => "the certificate was refused as bad",
        0x12b => "the certificate is of a kind that is not supported",
        0x12d => "the certificate was refused as expired",
        0x12e => "the certificate was refused",
        0x130 => "the issuer of the certificate is not trusted by the peer",
        0x133 => "a signature or key did not fit",
        0x146 => "no common version of TLS",
        0x150 => "the peer's TLS failed internally",
        0x16d => "TLS misses an extension",
        0x170 => "the server has no certificate for this name",
        0x174 => "the server wants a certificate of the client",
        0x178 => "the server speaks QUIC but not HTTP/3 (\"h3\")",
        _ => return None,
    })
}
