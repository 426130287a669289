//! What the foreign clients and servers of this workspace share: the cases, and how a result is printed.
//!
//! A client is called as `CLIENT BASE_URL CA_PEM CASE` and prints one line: `ok`, or what went wrong. A server is called as
//! `SERVER CERT_PEM KEY_PEM [ALPN]`, prints `ready PORT` once it listens on a port of the kernel's choice, and `connection`
//! for each one it takes. `/bytes/N` is N bytes of the pattern, `/echo` gives back what it gets, body and trailers,
//! `/trailers` ends with a trailer, anything else is 404.

pub mod http3;
pub mod interop;
pub mod s2n;
#[path = "../../../bench/s2n/src/adapter.rs"]
pub mod s2n_http3;

/// Byte `offset` of every generated body.
pub fn pattern(offset: usize) -> u8 {
    (offset % 251) as u8
}

/// `len` bytes of it.
pub fn body(len: usize) -> Vec<u8> {
    (0..len).map(pattern).collect()
}

/// One request of a case and what must come back.
#[derive(Clone)]
pub struct Exchange {
    /// The method.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// What is sent.
    pub body: Vec<u8>,
    /// The status that must come.
    pub status: u16,
    /// The body that must come; `None` for any.
    pub expected: Option<Vec<u8>>,
    /// Whether a trailer is sent and must come back.
    pub trailers: bool,
}

/// The arguments after the program's name, and the cryptography they ask for: `--hybrid` as the first is X25519MLKEM768 of
/// AWS-LC and no other key exchange.
pub fn arguments() -> (Vec<String>, rustls::crypto::CryptoProvider) {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--hybrid") {
        arguments.remove(0);
        let kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768];
        return (
            arguments,
            rustls::crypto::CryptoProvider { kx_groups, ..rustls::crypto::aws_lc_rs::default_provider() },
        );
    }
    (arguments, rustls::crypto::ring::default_provider())
}

/// The protocol a client offers in a case.
pub fn protocol(case: &str) -> &'static [u8] {
    if case == "wrong-alpn" { b"other" } else { b"h3" }
}

/// The requests of a case, to be made at the same time.
pub fn exchanges(case: &str) -> Option<Vec<Exchange>> {
    let get = |len: usize| Exchange {
        method: "GET",
        path: format!("/bytes/{len}"),
        body: Vec::new(),
        status: 200,
        expected: Some(body(len)),
        trailers: false,
    };
    let echo = |len: usize| Exchange {
        method: "POST",
        path: "/echo".into(),
        body: body(len),
        expected: Some(body(len)),
        ..get(0)
    };
    Some(match case {
        "get-0" => vec![get(0)],
        "get-1k" => vec![get(1_000)],
        "get-5m" => vec![get(5_000_000)],
        "get-10m" => vec![get(10_000_000)],
        "get-100x" => (0..100).map(|number| get(10_000 + number)).collect(),
        "post-1m" => vec![echo(1_000_000)],
        "post-3m" => vec![echo(3_000_000)],
        "head" => vec![Exchange { method: "HEAD", path: "/bytes/5000".into(), expected: Some(Vec::new()), ..get(0) }],
        "not-found" => vec![Exchange { path: "/no-such-thing".into(), status: 404, expected: None, ..get(0) }],
        "trailers" => vec![Exchange { trailers: true, ..echo(1_000) }],
        // Cases in which no answer may come: the caller looks at the failure.
        "by-address" => vec![get(1_000)],
        "untrusted" | "wrong-name" | "expired" | "wrong-alpn" => vec![get(1)],
        _ => return None,
    })
}

/// Compares what came with what must come.
pub fn check(exchange: &Exchange, status: u16, body: &[u8], trailers: usize) -> Result<(), String> {
    let path = &exchange.path;
    if status != exchange.status {
        return Err(format!("{path}: status {status} instead of {}", exchange.status));
    }
    if let Some(expected) = &exchange.expected {
        if body != expected {
            return Err(format!("{path}: a wrong body of {} bytes instead of {}", body.len(), expected.len()));
        }
    }
    if exchange.trailers && trailers == 0 {
        return Err(format!("{path}: no trailers"));
    }
    Ok(())
}

/// What a server does with a path.
pub enum Answer {
    /// This many bytes of the pattern.
    Bytes(usize),
    /// What the request's body was.
    Echo,
    /// A short body and a trailer.
    Trailers,
    /// 404.
    NotFound,
}

/// Routes a path.
pub fn answer(path: &str) -> Answer {
    match path {
        "/echo" => Answer::Echo,
        "/trailers" => Answer::Trailers,
        _ => match path.strip_prefix("/bytes/").and_then(|len| len.parse().ok()) {
            Some(len) => Answer::Bytes(len),
            None => Answer::NotFound,
        },
    }
}

/// Certificates or keys of a PEM file, as DER.
pub fn pem(path: &str, label: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    text.split(&begin).skip(1).map(|rest| base64(rest.split(&end).next().unwrap_or(""))).collect()
}

fn base64(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    bytes
}
