//! `serve --metrics`: figures and health over plain TCP.

use super::serving::{Folder, Serving};
use posthaste::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A port that was free a moment ago. Nothing else of these tests asks for a port of TCP.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn get(address: SocketAddr, path: &str) -> String {
    ask(address, format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
}

/// The value of a line.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
}

#[test]
fn figures_are_those_of_what_was_served() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("site/a", &[7; 1000]);
    let address = free();
    let port = address.port().to_string();
    let arguments = ["site", "--metrics", &port, "--workers", "2", "--http", "127.0.0.1:0"];
    let serving = Serving::start(&folder, &arguments);
    let plain =
        serving.said().iter().find_map(|line| line.strip_prefix("redirecting http://")?.strip_suffix(" to https"));
    // A connection by TCP that stays, with one request that is over.
    let mut stream = TcpStream::connect(plain.unwrap()).unwrap();
    stream.write_all(b"GET /a HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    serving.with_client(async |client, base| {
        for path in ["/a", "/a", "/none"] {
            client.get(&format!("{base}{path}")).send().await?.body().read_to_end(2000).await?;
        }
        // A request is over a moment after its answer has come.
        let mut all = (0..2000).map(|_| get(address, "/metrics"));
        let is_all = |text: &String| value(text, "posthaste_request_duration_seconds_count") >= 4.0;
        let text = all.find(is_all).expect("all requests");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4"), "{text}");
        for (name, expected) in [
            ("posthaste_up", 1.0),
            ("posthaste_connections", 1.0),
            ("posthaste_tcp_connections", 1.0),
            ("posthaste_requests_by_version_total{version=\"1.1\"}", 1.0),
            ("posthaste_requests_by_version_total{version=\"2\"}", 0.0),
            ("posthaste_requests_by_version_total{version=\"3\"}", 3.0),
            ("posthaste_requests_total{status_class=\"3\"}", 1.0),
            ("posthaste_requests_total{status_class=\"2\"}", 2.0),
            ("posthaste_requests_total{status_class=\"4\"}", 1.0),
            ("posthaste_request_duration_seconds_count", 4.0),
            ("posthaste_request_duration_seconds_bucket{le=\"+Inf\"}", 4.0),
            ("posthaste_first_packets_total{became=\"accepted\"}", 1.0),
        ] {
            assert!((value(&text, name) - expected).abs() < 1e-9, "{name}: {text}");
        }
        assert!(value(&text, "posthaste_response_bytes_total") > 2010.0, "files, words and the redirection: {text}");
        assert!(value(&text, "posthaste_open_bytes_sent") > 2000.0);
        client.close().await;
        // The server hears of it a little later.
        let mut later = (0..2000).map(|_| get(address, "/metrics"));
        let has_ended = |text: &String| value(text, "posthaste_connections_ended_total") > 0.0;
        let text = later.find(has_ended).expect("the end");
        assert!(value(&text, "posthaste_bytes_sent_total") > 2000.0, "{text}");
        Ok(())
    })?;
    let health = get(address, "/healthz");
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("\r\n\r\nok\n"), "{health}");
    serving.end();
    Ok(())
}

#[test]
fn whoever_comes_there_costs_little() {
    let folder = Folder::new();
    let address = free();
    let text = address.to_string();
    let serving = Serving::start(&folder, &[".", "--metrics", &text]);
    for (request, status) in [
        (&b"GET /other HTTP/1.1\r\n\r\n"[..], "404"),
        (b"HEAD /healthz HTTP/1.0\r\n\r\n", "200"),
        (b"POST /metrics HTTP/1.1\r\ncontent-length: 1\r\n\r\nx", "405"),
        (b"\x16\x03\x01\n\n", "400"),
        (b"nonsense\r\n\r\n", "400"),
    ] {
        let answer = ask(address, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(!request.starts_with(b"HEAD") || answer.ends_with("\r\n\r\n"), "{answer}");
    }
    let endless = [b"GET / HTTP/1.1\r\n".to_vec(), vec![b'x'; 9000]].concat();
    assert!(ask(address, &endless).starts_with("HTTP/1.1 431 "));
    // More than there are places for, none of which says anything: those that are beyond are closed at once.
    let mut idle: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut last = idle.pop().unwrap();
    last.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(last.read(&mut [0; 10]).unwrap_or(0), 0, "closed");
    drop(idle);
    // Their places are free again a moment later.
    let is_well = (0..1000).any(|_| {
        let Ok(mut stream) = TcpStream::connect(address) else { return false };
        let mut text = String::new();
        let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").and_then(|()| stream.read_to_string(&mut text));
        asked.is_ok() && text.starts_with("HTTP/1.1 200")
    });
    assert!(is_well);
    serving.end();
}
