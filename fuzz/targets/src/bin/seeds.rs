//! Writes what an honest peer would say, and what scripts of interest look like, into `corpus/`, for a fuzzer to begin
//! with. Run it from `fuzz/`: `cargo run -p posthaste-fuzz-targets --bin seeds`.

use adversary::identity::pair;
use base::Side;
use quic::wire::frame::Frame;
use quic::wire::header;
use quic::wire::transport_parameters::TransportParameters;
use sim::SeededRandom;
use std::fs;
use std::path::Path;

fn put(target: &str, name: &str, bytes: &[u8]) {
    let directory = Path::new("corpus").join(target);
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join(format!("seed-{name}")), bytes).expect("a file");
}

fn main() {
    tls();
    certificates();
    quic();
    http();
    text();
}

/// The messages of an honest handshake, each without its header, and changes of a few of them.
fn tls() {
    let (client_config, server_config) = pair().clone();
    let random = &mut SeededRandom::new(7);
    let name = x509::ServerName::parse("localhost").expect("a name");
    let mut client = tls::quic::client(client_config, name, b"client".to_vec(), random).expect("a client");
    let mut server = tls::quic::server(server_config, b"server".to_vec());
    let mut messages = Vec::new();
    loop {
        let (to_server, (level, bytes)) = match (client.poll_output(), server.poll_output()) {
            (Some(output), _) => (true, output),
            (None, Some(output)) => (false, output),
            _ => break,
        };
        let listener = if to_server { &mut server } else { &mut client };
        listener.read(level, &bytes, random).expect("an honest handshake");
        messages.push(bytes);
    }
    for bytes in messages {
        let mut rest = &bytes[..];
        while let [kind, a, b, c, after @ ..] = rest {
            let (body, after) = after.split_at(u32::from_be_bytes([0, *a, *b, *c]) as usize);
            rest = after;
            let target = match kind {
                1 => "tls_client_hello",
                2 => "tls_server_hello",
                8 => "tls_encrypted_extensions",
                11 => "tls_certificate",
                15 => "tls_certificate_verify",
                _ => continue,
            };
            put(target, "honest", body);
        }
    }
    put(
        "tls_new_session_ticket",
        "made",
        b"\0\0\x0e\x10\x01\x02\x03\x04\x02\x01\x02\0\x04abcd\0\x08\0\x2a\0\x04\xff\xff\xff\xff",
    );
    put("tls_certificate_request", "made", b"\0\0\x0a\0\x0d\0\x06\0\x04\x04\x03\x08\x07");
    // Piece, settings of both, whether the handshake is complete; then what either application does, and a stranger.
    let honest = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    put("tls_records", "talk", &[&honest[..], &[0, 1, 0, 1, 2, 0, 24, 0, 24, 10, 11, 24]].concat());
    put("tls_records", "updates", &[&honest[..], &[6, 7, 8, 9, 24, 0, 1, 0, 1, 1, 0, 24]].concat());
    put("tls_records", "short", &[&[7, 1, 1, 3, 2, 0, 2, 1, 1, 0][..], &[0, 100, 0, 1, 100, 0, 24, 10, 11]].concat());
    put("tls_records", "handshake", &[&[1, 0, 0, 0, 0, 1, 0, 0, 0, 1][..], &[16, 0, 70, 1, 24]].concat());
    for kind in [12u8, 14, 16, 18, 20, 22] {
        put("tls_records", &format!("edit-{kind}"), &[&honest[..], &[0, 0, 9, kind, 0, 3, 2, 5, 5, 24]].concat());
    }
    put("tls_session", "honest", b"\0");
    put("tls_session", "dripped", b"\x01");
    put("tls_tickets", "honest", b"\0");
    put("tls_tickets", "dripped", b"\x01");
    for output in 0..4u8 {
        for kind in 0..8u8 {
            let edit = [0, kind << 4 | output, 0, 50, 3, 2, 0, 0];
            put("tls_session", &format!("edit-{output}-{kind}"), &edit);
            put("tls_tickets", &format!("edit-{output}-{kind}"), &edit);
            // The tickets' flight is output 7: lifetime, age, nonce, ticket.
            put("tls_tickets", &format!("ticket-{output}-{kind}"), &[0, kind << 4 | 7, 0, 4 + 4 * output, 3, 2, 0, 0]);
        }
    }
}

fn certificates() {
    let provider = sim::seeded_provider();
    for (name, names, is_authority) in [
        ("leaf", vec!["localhost".to_string(), "*.a.example".into(), "192.0.2.1".into()], false),
        ("authority", vec!["x".into()], true),
    ] {
        let request = x509::IssueRequest {
            names,
            not_before_unix: sim::fixed_clock() - 1000,
            lifetime_seconds: 1_000_000,
            serial: [1; 16],
            is_authority,
        };
        let identity = x509::issue::self_signed(&provider, sim::SIGNING_KEY, &request).expect("a certificate");
        put("x509_certificate", name, &identity.certificate);
    }
    for (number, bytes) in [&[0][..], &[8], &[0x18], &[0x38], &[8, 0, 0, 0, 0, 8, 0, 0, 0, 1]].into_iter().enumerate() {
        let scenario = targets::x509_chain::draw(bytes);
        for (place, certificate) in scenario.anchors.iter().chain(&scenario.chain).enumerate() {
            put("x509_certificate", &format!("drawn-{number}-{place}"), certificate);
        }
    }
    // A leaf by the anchor; by an intermediate; with constraints above; with purposes.
    for (number, bytes) in [
        &[0u8][..],
        &[8, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0],
        &[0, 8, 0, 0, 0, 1, 0],
        &[1, 8, 0, 0, 0, 5, 1, 2],
        &[0, 4, 0, 0, 0, 0],
        &[2, 8, 0, 0, 0, 1, 32],
    ]
    .into_iter()
    .enumerate()
    {
        put("x509_chain", &number.to_string(), bytes);
        put("x509_webpki", &number.to_string(), bytes);
    }
}

fn quic() {
    for side in [Side::Client, Side::Server] {
        let mut parameters = TransportParameters { initial_max_data: 1 << 20, ..TransportParameters::default() };
        parameters.initial_source_connection_id = quic::wire::connection_id::ConnectionId::new(&[7; 8]);
        parameters.disable_active_migration = true;
        if side == Side::Server {
            parameters.original_destination_connection_id = parameters.initial_source_connection_id;
            parameters.retry_source_connection_id = parameters.initial_source_connection_id;
            parameters.stateless_reset_token = Some(quic::wire::connection_id::ResetToken([9; 16]));
        }
        put("transport_parameters", &format!("{side:?}"), &[&[side as u8][..], &parameters.encode(side, 5)].concat());
    }
    let frames: [Frame<'_>; 6] = [
        Frame::Crypto { offset: 5, data: b"abc" },
        Frame::NewToken { token: b"token" },
        Frame::MaxData { maximum: 1 << 30 },
        Frame::PathChallenge { data: [1; 8] },
        Frame::HandshakeDone,
        Frame::Padding { bytes: 7 },
    ];
    let mut all = Vec::new();
    for frame in frames {
        let mut bytes = vec![0; frame.encoded_len()];
        frame.encode(&mut base::Writer::new(&mut bytes)).expect("room");
        all.extend(bytes);
    }
    put("frame", "several", &all);
    put("frame", "ack", &[3, 50, 1, 2, 3, 0, 4, 1, 2, 1, 2, 3]);
    put("frame", "new-id", &[&[0x18, 2, 1, 8][..], &[5; 24]].concat());
    put("frame", "stream", &[0x0f, 4, 0x40, 0x80, 3, 1, 2, 3, 0x1c, 0, 0, 2, 65, 66]);
    // RFC 9000 appendix A: 0xa82f30ea is the largest, 0x9b32 arrives in two bytes.
    put("packet_number", "appendix", &[1, 255, 0, 0, 0, 2, 0xa0, 0xbc, 0xc3, 0xa8, 192, 0x9b, 0x32, 1, 200, 5, 1]);
    for len in 0..4u8 {
        put("packet_number", &format!("first-{len}"), &[len, 0, 1, 0, 3]);
        put("packet_number", &format!("last-{len}"), &[len, 237, 0, 0, 3]);
    }
    put("reassembly", "in-order", &[0, 0, 0, 40, 5, 0, 20, 6, 0, 99]);
    put(
        "reassembly",
        "gaps",
        &[0, 9, 0, 3, 0, 3, 0, 3, 0, 0, 0, 60, 0x10, 200, 0x20, 0, 0x10, 0, 0x40, 0, 6, 255, 255],
    );
    for (name, first) in [("initial", 0xc3u8), ("zero-rtt", 0xd3), ("handshake", 0xe3), ("retry", 0xf0)] {
        let mut bytes = vec![8, first, 0, 0, 0, 1, 8];
        bytes.extend([7; 8]);
        bytes.push(4);
        bytes.extend([8; 4]);
        if name == "initial" {
            bytes.extend([2, 1, 1]);
        }
        bytes.extend([0x40, 30]);
        bytes.extend([3; 30]);
        put("packet_header", name, &bytes);
        put("packet_header", &format!("{name}-twice"), &[&bytes[..], &bytes[1..]].concat());
        put("quic_datagrams", name, &[&[0, 3, bytes.len() as u8][..], &bytes[1..]].concat());
    }
    put("packet_header", "short", &[&[8, 0x43][..], &[7; 40]].concat());
    put("packet_header", "negotiation", &[4, 0x80, 0, 0, 0, 0, 1, 1, 1, 2, 0, 0, 0, 1, 0xff, 0, 0, 29]);
    put("packet_header", "other", &[4, 0x80, 9, 9, 9, 9, 1, 1, 1, 2]);
    assert!(header::destination_connection_id(&[0x80, 9, 9, 9, 9, 1, 1], 0).is_some());
    // Each frame type in an established connection, then the application's answer and time.
    for frame_type in 0..0x20u8 {
        let script = [0, 0x30, frame_type, 0, 0, 0, 0, 0, 0x3e, 0, 4, 0, 0x39, 40];
        put("quic_server", &format!("frame-{frame_type:02x}"), &script);
        put("quic_client", &format!("frame-{frame_type:02x}"), &script);
    }
    // Whatever is no frame, at the beginning and later.
    for choice in 0..7u8 {
        for stage in [0, 2, 3] {
            let script = [stage, 0x3e, choice << 5 | 7, 3, 2, 1, 0, 0x30, 1, 0, 0, 0, 0x3e, choice << 5 | 7];
            put("quic_server", &format!("odd-{choice}-{stage}"), &script);
            put("quic_client", &format!("odd-{choice}-{stage}"), &script);
        }
    }
    // The application opens a stream and writes; the peer acknowledges, limits, stops.
    let script = [0, 0x3e, 0, 1, 0, 0x30, 0x02, 0, 0, 0, 0, 0x30, 0x05, 0, 1, 0x39, 200];
    put("quic_server", "writes", &script);
    put("quic_client", "writes", &script);
}

fn http() {
    let request = http::RequestHead::get("https://a.example/x").expect("a request");
    let request = request.with_field("accept", "*/*").expect("a field");
    let mut section = Vec::new();
    qpack::encode(request.lines(), &mut section);
    put("qpack_section", "request", &section);
    let mut response = Vec::new();
    qpack::encode([(":status", "200"), ("content-length", "3"), ("x-y", "z")], &mut response);
    put("qpack_section", "response", &response);
    put("qpack_section", "plain", b"\0\0\x23abc\x03def\x51\x01/\xc1");
    put("qpack_streams", "cancel", b"\x44\x7f\x80\x01\x44");
    put("qpack_streams", "capacity", b"\x20\x20");
    put("qpack_streams", "insert", b"\x3f\xbd\x01\xc0\x03abc\x4ax-long-name\x01z\x80\x01y\x02");
    put("qpack_streams", "acknowledge", b"\x80\x84\x44\x48");
    let mut coded = Vec::new();
    qpack::huffman::encode(b"www.example.com \x00\xff", &mut coded);
    put("huffman", "text", &coded);
    let frame = |kind: u8, payload: &[u8]| [&[kind, payload.len() as u8][..], payload].concat();
    let message = |section: &[u8]| {
        [frame(1, section), frame(0, b"abc"), frame(0x21, b""), frame(1, b"\0\0\x23abc\x03def")].concat()
    };
    for (target, section) in [("h3_server", &section), ("h3_client", &response)] {
        let message = message(section);
        let settings = [0, 6, 0, 4, 3, 6, 0x40, 0x64];
        put(target, "message", &[&settings[..], &[9, message.len() as u8], &message].concat());
        put(target, "goaway", &[&settings[..], &[0, 3, 7, 1, 0]].concat());
        put(target, "priority", &[&settings[..], &[0, 9, 0x80, 0x0f, 0x07, 0, 4, 0, b'u', b'=', b'1']].concat());
        put(target, "qpack", &[&settings[..], &[2, 2, 2, 0x20, 3, 2, 3, 0x44]].concat());
        put(target, "unknown", &[&settings[..], &[5, 4, 0x21, 1, 2, 3]].concat());
    }
    for step in 0..20u8 {
        for first in [0u8, 1, 2 | 16, 3] {
            put("h3_events", &format!("{first}-{step}"), &[first, 6, 4, 4, 1, step, 4, 5, 1, 2, 3, 4, 5]);
        }
    }
    put("http_request", "get", b"\x00:method:GET\n:scheme:https\n:authority:a.example\n:path:/\naccept:*/*\ncookie:a=b\ncookie:c=d\nhost:a.example");
    put(
        "http_request",
        "connect",
        b"\x01:method:CONNECT\n:scheme:https\n:authority:a.example\n:path:/\n:protocol:websocket",
    );
    put("http_request", "tunnel", b"\x00:method:CONNECT\n:authority:a.example:443");
    put(
        "http_request",
        "post",
        b"\x00:method:POST\n:scheme:http\n:authority:[::1]:80\n:path:/?q\ncontent-length:5\nte:trailers",
    );
    put("http_response", "ok", b":status:200\ncontent-length:3\nset-cookie:a");
    put("http_response", "early", b":status:103\nlink:<a>");
    put("http_fields", "several", b"x:y\nX-Z:1\nx:2\ncontent-type: text");
}

fn text() {
    for (number, url) in [
        "https://localhost:4433/a/b?c=d#e",
        "HTTPS://[2001:db8::1]:8443",
        "https://a_b.example/..",
        "https://127.0.0.1?x",
    ]
    .iter()
    .enumerate()
    {
        put("url", &number.to_string(), url.as_bytes());
    }
    for (number, name) in
        ["Example.COM.", "192.0.2.1", "[2001:db8::1]", "xn--628h.example.com", "a-b.c_d"].iter().enumerate()
    {
        put("server_name", &number.to_string(), name.as_bytes());
    }
    for (number, line) in [
        "serve\ndir\n--listen\n[::]:443\n--cert=a\n--key\nb\n--bodies\n--key-log\nf",
        "get\nhttps://a/\n--ca\nx\n--out=d\n--include\n--header\na: b\n--method\nPUT\n--data\n@f\n--\n-x",
        "load\nhttps://a/\n--insecure\n--requests\n10\n--concurrency=3\n--connections\n2",
        "--help",
        "get\n--help",
        "--version",
    ]
    .iter()
    .enumerate()
    {
        put("arguments", &number.to_string(), line.as_bytes());
    }
    put("pem", "two", b"text\n-----BEGIN PRIVATE KEY-----\nAQI=\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nAwQF\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nAQI=\n-----END EC PRIVATE KEY-----\n-----BEGIN RSA PRIVATE KEY-----\nAQI=\n-----END RSA PRIVATE KEY-----\n");
    for (number, path) in ["/", "/a/b.txt", "/%61%2eb/", "/..%2f", "/c:/x", "/a%20b/%C3%A4"].iter().enumerate() {
        put("path", &number.to_string(), path.as_bytes());
    }
    let conditions: [(u64, &str); 6] = [
        (10, "\0bytes=2-5"),
        (10, "\0bytes=-3\n\u{1}\"5-1994\""),
        (u64::MAX, "\0bytes=7-"),
        (0, "\0bytes=0-99999999999999999999"),
        (10, "\u{2}\"x\", W/\"5-1994\"\n\u{2}*"),
        (10, "\u{3}Sun, 06 Nov 1994 08:49:37 GMT\n\0bytes=0-1,3-4"),
    ];
    for (number, (len, lines)) in conditions.iter().enumerate() {
        put("conditions", &number.to_string(), &[&len.to_be_bytes()[..], lines.as_bytes()].concat());
    }
    // A directory, a nonce, an account, an order, an authorization before and after, an order that is done, and no certificate.
    let steps: [[u8; 4]; 9] = [
        [0, 2, 0, 0],
        [0, 2, 1, 0],
        [0, 6, 1, 1],
        [0, 6, 2, 1],
        [0, 2, 5, 0],
        [0, 2, 1, 0],
        [0, 2, 6, 0],
        [0, 2, 4, 0],
        [0, 2, 1, 0],
    ];
    put("acme_answers", "honest", &steps.concat());
    put("acme_answers", "refused", &[0, 2, 0, 0, 0, 2, 1, 0, 0, 6, 1, 1, 0, 18, 9, 5, 0xff]);
    put(
        "capsules",
        "three",
        &[0, 3, 1, 2, 3, 0x68, 0x43, 2, 0, 0, 0x99, 0x0b, 0x4d, 0x3d, 0, 0x17, 1, 7, 0, 0x43, 0xe9],
    );
    // A session that is asked for and taken, a stream of it that is read, what is allowed, and the close.
    let session: [&[u8]; 9] = [
        &[0],
        &[3, 0, 0, 0, 0],
        &[13, 0, 0],
        &[6, 0, 8, 3, 1, 2, 3],
        &[20, 0, 0],
        &[18, 0, 8, 9],
        &[14, 0, 0, 4, 1, 2, 3, 4],
        &[3, 0, 0, 2, 2, 250, 1, 0, 0, 0, 0, 0, 0, 9],
        &[22, 0, 0],
    ];
    put("webtransport_sessions", "server", &session.concat());
    put(
        "webtransport_sessions",
        "client",
        &[1, 13, 0, 0, 3, 0, 1, 0, 14, 0, 0, 3, 7, 7, 7, 134, 0, 18, 2, 9, 9, 20, 0, 0, 18, 0, 18, 5],
    );
    put(
        "webtransport_sessions",
        "early",
        &[4, 6, 0, 8, 5, 1, 2, 3, 4, 5, 6, 0, 18, 2, 1, 1, 3, 0, 0, 0, 1, 13, 0, 0, 9, 0, 8, 200, 7],
    );
    put("http1_httparse", "get", b"GET /a?b HTTP/1.1\r\nHost: a.example\r\nAccept:  x \r\n\r\n");
    put("http1_httparse", "post", b"\r\nPOST http://b/ HTTP/1.1\r\nhost: b\r\ncontent-length: 3\r\n\r\nabc");
    put("json_serde", "all", br#"{"a":[1,-2.50e+7,"\u00e9\n\ud83d\ude00",null,true,false],"b":{}}"#);
    put("varint", "four", &[0x25, 0x40, 0x25, 0x9d, 0x7f, 0x3e, 0x7d, 0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]);
}
