//! The shim as a runner starts it: both roles over both carriers, by its flags and exit codes alone. The peer is the same stack;
//! a foreign one is the real runner (README.md).

use posthaste_shim::link::Link;
use posthaste_shim::options::Options;
use posthaste_shim::setup::{Begun, Shared, begin};
use posthaste_shim::tickets::{Clock, Tickets, policy};
use posthaste_shim::transport::{Read, Transport};
use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHIM: &str = env!("CARGO_BIN_EXE_posthaste-shim");
const SHIM_ID: u64 = 0x0102_0304_0506_0708;
/// Longer than any exchange takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A listener with the files of one identity, and a shim that was started.
struct Runner {
    listener: TcpListener,
    folder: PathBuf,
    shared: Shared,
}

/// What the runner's side saw of one connection.
struct Seen {
    answer: Vec<u8>,
    is_resumed: bool,
    protocol: Option<Vec<u8>>,
    client_is_known: bool,
    key_updates_seen: bool,
}

impl Runner {
    fn new(name: &str) -> Runner {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let provider = crypto_ring::provider();
        let request = x509::IssueRequest {
            names: vec!["test".into()],
            not_before_unix: 1_700_000_000,
            lifetime_seconds: 2_000_000_000,
            serial: [1; 16],
            is_authority: false,
        };
        let key = (provider.generate_key)(crypto::KeyKind::EcP256).expect("a key");
        let identity = x509::issue::self_signed(&provider, &key, &request).expect("a certificate");
        std::fs::write(folder.join("certificate.pem"), pem("CERTIFICATE", &identity.certificate)).expect("a file");
        std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &identity.key_pkcs8)).expect("a file");
        let clock = Arc::new(Clock::default());
        let shared = Shared { policy: policy(true, &clock), clock, tickets: Arc::new(Tickets::default()) };
        Runner { listener: TcpListener::bind("127.0.0.1:0").expect("a port"), folder, shared }
    }

    fn identity(&self) -> Vec<String> {
        let file = |name: &str| self.folder.join(name).to_str().expect("a path").to_owned();
        vec!["-cert-file".into(), file("certificate.pem"), "-key-file".into(), file("key.pem")]
    }

    fn start(&self, flags: &[String]) -> Child {
        let port = self.listener.local_addr().expect("an address").port().to_string();
        let mut command = Command::new(SHIM);
        command.args(["-port", &port, "-shim-id", &SHIM_ID.to_string()]).args(flags);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the shim starts")
    }

    /// The runner's side of the next connection, with these flags of its own: says `data` and reads the answer.
    fn talk(&self, flags: &[String], data: &[u8], expected_len: usize) -> Result<Seen, String> {
        let options = options(flags);
        let mut socket = self.accept()?;
        let mut id = [0; 8];
        socket.set_read_timeout(Some(LIMIT)).map_err(|error| error.to_string())?;
        socket.read_exact(&mut id).map_err(|error| error.to_string())?;
        assert_eq!(id, SHIM_ID.to_le_bytes());
        self.shared.tickets.turn();
        let link = || Link::over(socket);
        let Begun { mut transport, .. } = begin(&options, &self.shared, link).map_err(|error| error.to_string())?;
        let seen = exchange(&mut *transport, data, expected_len);
        let closed = transport.close();
        // A shim that closes nothing itself ends the stream: what it still says is not looked at.
        transport.into_link().end();
        let seen = seen?;
        closed.map_err(|error| error.to_string())?;
        Ok(seen)
    }

    fn accept(&self) -> Result<std::net::TcpStream, String> {
        self.listener.set_nonblocking(true).map_err(|error| error.to_string())?;
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            if let Ok((socket, _)) = self.listener.accept() {
                socket.set_nonblocking(false).map_err(|error| error.to_string())?;
                return Ok(socket);
            }
            std::thread::yield_now();
        }
        Err("no shim came".to_owned())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn options(given: &[String]) -> Options {
    let arguments: Vec<_> = given.iter().map(|flag| flag.as_bytes().to_vec()).collect();
    posthaste_shim::flags::parse(&arguments).expect("flags of the test").initial
}

fn exchange(transport: &mut dyn Transport, data: &[u8], expected_len: usize) -> Result<Seen, String> {
    let text = |failure: posthaste_shim::failure::Failure| failure.to_string();
    let mut answer = Vec::new();
    let mut has_said = false;
    while !has_said || answer.len() < expected_len {
        transport.flush().map_err(text)?;
        if !has_said && transport.session().is_complete() {
            has_said = true;
            if !data.is_empty() {
                transport.write(data).map_err(text)?;
            }
            continue;
        }
        match transport.read().map_err(text)? {
            Read::Progress => {}
            Read::Data(bytes) => answer.extend_from_slice(&bytes),
            Read::End => break,
        }
    }
    transport.flush().map_err(text)?;
    let session = transport.session();
    Ok(Seen {
        answer,
        is_resumed: session.is_resumed(),
        protocol: session.alpn().map(<[u8]>::to_vec),
        client_is_known: session.peer_identity().is_some(),
        key_updates_seen: transport.peer_key_updates() > 0,
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
            for place in 0..4 {
                let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
                text.push(if place <= group.len() { char::from(digit) } else { '=' });
            }
        }
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

fn flags(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Waits for the shim's end; one that does not end is killed.
fn end_of(mut child: Child) -> Output {
    let end = Instant::now() + LIMIT;
    while child.try_wait().expect("a child").is_none() {
        if Instant::now() > end {
            child.kill().expect("a child");
        }
        std::thread::yield_now();
    }
    child.wait_with_output().expect("an output")
}

fn assert_success(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), "--- DONE ---\n"));
}

/// The exit code and the name of the error.
fn failure(output: &Output) -> (Option<i32>, String) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let name = said.split(':').nth(1).unwrap_or_default().to_owned();
    (output.status.code(), name)
}

const CARRIERS: [&str; 2] = ["", "-quic -quic-transport-params AwQ="];

#[test]
fn a_server_echoes_negotiates_and_resumes_over_both_carriers() {
    for (number, carrier) in CARRIERS.into_iter().enumerate() {
        let runner = Runner::new(&format!("server{number}"));
        let shim = [
            flags(&format!("-server {carrier} -select-alpn foo -resume-count 2 -expect-server-name test -read-size 3")),
            runner.identity(),
        ];
        let shim = runner.start(&shim.concat());
        for round in 0..3 {
            let ours = flags(&format!("{carrier} -advertise-alpn \u{3}foo -host-name test"));
            let data: Vec<u8> = (0..40).collect();
            let seen = runner.talk(&ours, &data, 40).expect("an exchange");
            assert_eq!(seen.answer, data.iter().map(|byte| byte ^ 0xff).collect::<Vec<_>>());
            assert_eq!((seen.is_resumed, seen.protocol.as_deref()), (round > 0, Some(&b"foo"[..])));
        }
        assert_success(&end_of(shim));
    }
}

#[test]
fn a_client_speaks_first_negotiates_and_resumes_over_both_carriers() {
    for (number, carrier) in CARRIERS.into_iter().enumerate() {
        let runner = Runner::new(&format!("client{number}"));
        let line =
            "-shim-writes-first -shim-initial-write word -advertise-alpn \u{3}foo -expect-alpn foo -resume-count 1";
        let shim = runner.start(&flags(&format!("{carrier} {line}")));
        for round in 0..2 {
            let ours = [flags(&format!("-server {carrier} -select-alpn foo")), runner.identity()].concat();
            let seen = runner.talk(&ours, b"\x00\x01", 6).expect("an exchange");
            assert_eq!((&seen.answer[..], seen.is_resumed), (&b"word\xff\xfe"[..], round > 0));
        }
        assert_success(&end_of(shim));
    }
}

#[test]
fn clients_show_certificates_and_servers_ask_for_them() {
    let runner = Runner::new("certificates");
    let shim = runner.start(&[flags("-resume-count 1"), runner.identity()].concat());
    let ours = [flags("-server -require-any-client-certificate"), runner.identity()].concat();
    for is_resumption in [false, true] {
        let seen = runner.talk(&ours, b"x", 1).expect("an exchange");
        assert_eq!((seen.client_is_known, seen.is_resumed), (true, is_resumption));
    }
    assert_success(&end_of(shim));

    let runner = Runner::new("required");
    let shim = runner.start(&[flags("-server -require-any-client-certificate"), runner.identity()].concat());
    let _ = runner.talk(&flags("-host-name test"), b"x", 1);
    assert_eq!(failure(&end_of(shim)), (Some(1), "CertificateRequired".to_owned()));
    let shim = runner.start(&[flags("-server -require-any-client-certificate"), runner.identity()].concat());
    let ours = [flags("-host-name test"), runner.identity()].concat();
    assert_eq!(runner.talk(&ours, b"x", 1).expect("an exchange").answer, [b'x' ^ 0xff]);
    assert_success(&end_of(shim));
}

#[test]
fn a_client_sends_early_data_and_says_it_again_where_it_was_refused() {
    for (number, carrier) in CARRIERS.into_iter().enumerate() {
        // Under another context than that of the ticket, a server refuses early data.
        for (context, expected) in [
            ("same", "-on-resume-expect-accept-early-data"),
            ("other", "-on-resume-expect-reject-early-data -on-retry-shim-writes-first"),
        ] {
            let runner = Runner::new(&format!("early-{context}{number}"));
            let line = "-enable-early-data -advertise-alpn \u{3}foo -expect-alpn foo -resume-count 1 \
                        -on-resume-shim-writes-first";
            let shim = runner.start(&flags(&format!("{carrier} {line} {expected}")));
            for (is_resumption, context, said) in [(false, "same", &b"\xff"[..]), (true, context, b"hello\xff")] {
                let line = "-server -select-alpn foo -enable-early-data -quic-early-data-context";
                let ours = flags(&format!("{carrier} {line} {context}"));
                let seen = runner.talk(&[ours, runner.identity()].concat(), b"\0", said.len()).expect("an exchange");
                assert_eq!((&seen.answer[..], seen.is_resumed), (said, is_resumption), "{carrier} {context}");
            }
            assert_success(&end_of(shim));
        }
    }
}

#[test]
fn keys_are_updated_before_each_answer() {
    let runner = Runner::new("updates");
    for (line, updates) in [("-server", false), ("-server -key-update", true), ("-server -key-update -async", true)] {
        let shim = runner.start(&[flags(line), runner.identity()].concat());
        let seen = runner.talk(&flags("-host-name test"), b"text", 4).expect("an exchange");
        assert_eq!((seen.answer.len(), seen.key_updates_seen), (4, updates));
        assert_success(&end_of(shim));
    }
}

#[test]
fn keying_material_is_exported_and_sent_first() {
    let runner = Runner::new("export");
    let line = "-server -export-keying-material 20 -export-label label -export-context context -use-export-context";
    let shim = runner.start(&[flags(line), runner.identity()].concat());
    let seen = runner.talk(&flags("-host-name test"), b"", 20).expect("an exchange");
    assert!(seen.answer.len() == 20 && seen.answer != [0; 20]);
    assert_success(&end_of(shim));
}

#[test]
fn an_end_is_announced_or_a_failure() {
    let runner = Runner::new("ends");
    let line = "-server -shim-shuts-down -check-close-notify";
    let shim = runner.start(&[flags(line), runner.identity()].concat());
    // The shim says nothing but the end, and gets ours.
    assert!(runner.talk(&flags("-host-name test"), b"", 1).expect("an exchange").answer.is_empty());
    assert_success(&end_of(shim));
    let shim = runner.start(&[flags(line), runner.identity()].concat());
    let _ = runner.talk(&flags("-host-name test"), b"data", 1);
    assert_eq!(failure(&end_of(shim)), (Some(1), "Expectation".to_owned()));
}

#[test]
fn what_is_refused_has_a_name_and_an_exit_code() {
    let runner = Runner::new("refused");
    let ours = [flags("-server"), runner.identity()].concat();
    let shim = runner.start(&flags("-verify-peer -verify-fail"));
    let refused = runner.talk(&ours, b"", 1).err().expect("a refusal");
    assert!(refused.starts_with(":PeerAlert48:"), "{refused}");
    assert_eq!(failure(&end_of(shim)), (Some(1), "CertificateUnknownIssuer".to_owned()));

    let shim = runner.start(&flags("-advertise-alpn \u{3}bar"));
    let ours = [flags("-server -select-alpn foo"), runner.identity()].concat();
    assert!(runner.talk(&ours, b"", 1).err().expect("a refusal").starts_with(":NoApplicationProtocol:"));
    assert_eq!(failure(&end_of(shim)), (Some(1), "PeerAlert120".to_owned()));

    for (line, expected) in [
        ("-no-such-flag", (Some(89), "Unimplemented")),
        ("-dtls", (Some(89), "Unimplemented")),
        ("-curves 25", (Some(89), "Unimplemented")),
        ("-read-size none", (Some(1), "Usage")),
        ("-cert-file /nowhere -key-file /nowhere", (Some(1), "File")),
    ] {
        let (code, name) = failure(&end_of(runner.start(&flags(line))));
        assert_eq!((code, &*name), expected, "{line}");
    }
}

#[test]
fn the_question_for_a_handshaker_is_answered() {
    let output = Command::new(SHIM).arg("-is-handshaker-supported").output().expect("an answer");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"No\n"[..]));
}

/// What the error map leads to is said by something: a violation, an alert, or another failure.
#[test]
fn the_error_map_names_what_exists() {
    let text = include_str!("../config.json");
    let config: serde_json::Value = serde_json::from_str(text).expect("config.json");
    let mut known: Vec<String> = tls::Violation::ROWS.iter().map(|row| format!(":{row:?}:")).collect();
    known.extend((0..=255).map(|alert| format!(":PeerAlert{alert}:")));
    let others = ["Truncated", "Expectation", "LocalApplicationProtocols", "LocalNotComplete"];
    known.extend(others.map(|name| format!(":{name}:")));
    known.extend(["Malformed", "Rule", "UnknownIssuer", "UnsupportedKey"].map(|name| format!(":Certificate{name}:")));
    let map = config["ErrorMap"].as_object().expect("an error map");
    for (canonical, names) in map {
        for name in names.as_array().expect("a list") {
            let name = name.as_str().expect("a name");
            assert!(known.iter().any(|known| known == name), "{canonical} leads to {name}, which nothing says");
        }
    }
    let disabled = config["DisabledTests"].as_object().expect("disabled tests");
    assert!(map.len() > 50 && disabled.values().all(|reason| reason.as_str().is_some_and(|reason| !reason.is_empty())));
}
