//! Error codes of HTTP/3, QPACK, QUIC and TLS in words (RFC 9114 section 8.1, RFC 9204 section 6, RFC 9000 section 20.1,
//! RFC 9846 section 6).

/// How a connection is closed that nothing is wrong with: `H3_NO_ERROR`.
pub(crate) const NO_ERROR: u64 = 0x100;

/// What an application's code says.
pub(crate) fn of_http(code: u64) -> Option<&'static str> {
    Some(match code {
        0x100 => "no error",
        0x101 => "a protocol error that has no code of its own",
        0x102 => "internal error of the peer",
        0x103 => "the peer does not accept a stream that was opened",
        0x104 => "a stream that the connection needs was closed",
        0x105 => "a frame in a place where it is not permitted",
        0x106 => "a malformed frame",
        0x107 => "the peer detected excessive load",
        0x108 => "a stream or push number was used wrongly",
        0x109 => "an error in the SETTINGS frame",
        0x10a => "the control stream did not begin with SETTINGS",
        0x10b => "the server did not process the request: it can be sent again",
        0x10c => "the request was cancelled",
        0x10d => "the request ended before it was complete",
        0x10e => "a malformed message",
        0x10f => "the TCP connection of a CONNECT request was reset or closed",
        0x110 => "the server requires another version of HTTP for this request",
        0x200 => "the peer could not decompress the fields",
        0x201 => "an error on the QPACK encoder stream",
        0x202 => "an error on the QPACK decoder stream",
        _ => return None,
    })
}

/// What a transport's code says. Codes from 0x100 to 0x1ff carry a TLS alert.
pub(crate) fn of_transport(code: u64) -> Option<&'static str> {
    Some(match code {
        0x0 => "no error",
        0x1 => "internal error of the peer",
        0x2 => "the server refuses connections for now",
        0x3 => "more data than flow control allows",
        0x4 => "more streams than allowed",
        0x5 => "a frame for a stream in the wrong state",
        0x6 => "the final size of a stream changed",
        0x7 => "a malformed frame",
        0x8 => "malformed transport parameters",
        0x9 => "more connection IDs than allowed",
        0xa => "a protocol violation that has no code of its own",
        0xb => "the token was not accepted",
        0xc => "the application failed",
        0xd => "more CRYPTO data than the peer can buffer",
        0xe => "an error in a key update",
        0xf => "the AEAD limit of the keys was reached",
        0x10 => "no network path to the peer works",
        0x128 => "no common cipher suite, group or signature: the handshake failed",
        0x12a => "the certificate was refused as bad",
        0x12b => "the certificate is of a kind that is not supported",
        0x12c => "the certificate was refused as revoked",
        0x12d => "the certificate was refused as expired",
        0x12e => "the certificate was refused",
        0x130 => "the issuer of the certificate is not trusted by the peer",
        0x133 => "a signature or a Finished message did not verify",
        0x146 => "no common version of TLS",
        0x150 => "internal error in the peer's TLS",
        0x16d => "a TLS extension is missing",
        0x170 => "the server has no certificate for this name",
        0x174 => "the server requires a client certificate",
        0x178 => "the server speaks QUIC but not HTTP/3 (\"h3\")",
        _ => return None,
    })
}
