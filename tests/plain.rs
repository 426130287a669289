//! Requests without TLS: who comes there is sent on to https, and costs no more than who comes elsewhere.
#![allow(clippy::unwrap_used)] // a test may

#[allow(dead_code)] // shared with the tests of the command
#[path = "command/serving.rs"]
mod serving;

use posthaste::{Error, Identity, Reply, Request, Server, ServerBuilder, TimeLimits, Workers};
use serving::{Folder, Serving, posthaste};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(50);

/// A server of one worker with a name of its own, at https://localhost:8443/ as its clients see it.
fn start(change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Workers {
    let listen = "127.0.0.1:0".parse().unwrap();
    let builder = Server::builder(Identity::development(&["*.box.example".into()]).unwrap()).listen(listen);
    let builder = builder.redirect_http(listen).name("a.example").name("b.example:8443").name("c.example:1");
    change(builder.public_port(8443)).start_workers(1, |_: Request, reply: Reply| reply.send(200, "by https")).unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What is sent until the server ends the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset ends it as well.
    if let Err(error) = stream.read_to_end(&mut text) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    String::from_utf8(text).unwrap()
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    rest(stream)
}

fn location(answer: &str) -> Option<&str> {
    answer.lines().find_map(|line| line.strip_prefix("location: "))
}

fn end(workers: Workers) {
    workers.shutdown();
    workers.join().unwrap();
}

#[test]
fn whoever_asks_for_a_host_of_the_server_is_sent_to_the_same_by_https() {
    let workers = start(|builder| builder.strict_transport_security(Duration::from_secs(1), false));
    let address = workers.plain_addresses()[0];
    for (line, host, target) in [
        ("GET /a/b?c=d%20e", "localhost", Some("https://localhost:8443/a/b?c=d%20e")),
        ("GET /", "localhost:80", Some("https://localhost:8443/")),
        ("GET /?", "127.0.0.1", Some("https://127.0.0.1:8443/?")),
        ("GET /", "[::1]:8080", Some("https://[::1]:8443/")),
        ("HEAD /", "A.box.EXAMPLE", Some("https://A.box.EXAMPLE:8443/")),
        ("POST /form", "a.example", Some("https://a.example:8443/form")),
        ("GET /", "b.example", Some("https://b.example:8443/")),
        ("OPTIONS *", "a.example", Some("https://a.example:8443")),
        ("GET http://a.example/x", "other.example", Some("https://a.example:8443/x")),
        ("GET //other.example/", "a.example", Some("https://a.example:8443//other.example/")),
        // Of that one it answers at another port alone.
        ("GET /", "c.example", None),
        ("GET /", "other.example", None),
        ("GET /", "localhost.other.example", None),
        ("GET http://other.example/", "a.example", None),
    ] {
        let answer = ask(address, &format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
        let status = if target.is_some() { "HTTP/1.1 308 " } else { "HTTP/1.1 421 " };
        assert!(answer.starts_with(status), "{line} of {host}: {answer}");
        assert_eq!(location(&answer), target, "{line} of {host}");
        assert!(!answer.contains("strict-transport") && !answer.contains("alt-svc"), "that is said by TLS: {answer}");
        assert_eq!(line.starts_with("HEAD"), answer.ends_with("\r\n\r\n"), "{answer}");
    }
    end(workers);
}

/// RFC 9112 section 3.2-6.
#[test]
fn what_is_no_request_to_be_sent_on_is_refused() {
    let workers = start(|builder| builder);
    let address = workers.plain_addresses()[0];
    for (request, status) in [
        ("GET / HTTP/1.0\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a.example\r\nhost: a.example\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a.example/\r\n\r\n", "400"),
        ("CONNECT a.example:443 HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n", "501"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
        ("\x16\x03\x01\x02\x00\x01\r\n\r\n", "400"),
    ] {
        let answer = ask(address, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        assert_eq!(location(&answer), None);
    }
    end(workers);
}

/// RFC 8555 section 8.3: whoever asks is not sent on, and has no certificate to look at yet.
#[test]
fn an_authority_finds_the_answer_to_its_challenge() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let workers = start(|builder| {
        builder.http_challenges(move |token| {
            seen.lock().unwrap().push(token.to_owned());
            (token == "a_token-1").then(|| "a_token-1.print".to_owned())
        })
    });
    let address = workers.plain_addresses()[0];
    let get = |path: &str, host: &str| {
        ask(address, &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"))
    };
    let answer = get("/.well-known/acme-challenge/a_token-1", "new.example");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\na_token-1.print"), "{answer}");
    assert!(answer.contains("content-type: application/octet-stream\r\n"), "{answer}");
    // Another one may be answered by a file.
    let answer = get("/.well-known/acme-challenge/other", "a.example");
    assert_eq!(location(&answer), Some("https://a.example:8443/.well-known/acme-challenge/other"));
    assert!(get("/.well-known/acme-challenge/other", "new.example").starts_with("HTTP/1.1 421 "));
    let posted = ask(
        address,
        "POST /.well-known/acme-challenge/a_token-1 HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\nconnection: \
         close\r\n\r\n",
    );
    assert!(posted.starts_with("HTTP/1.1 308 "), "{posted}");
    assert_eq!(*asked.lock().unwrap(), ["a_token-1", "other", "other"]);
    end(workers);
}

/// The limits are those of all connections.
#[test]
fn silent_clients_are_let_go_and_places_are_shared_with_tls() {
    let times = TimeLimits { head: SHORT, without_requests: SHORT, ..TimeLimits::OFF };
    let workers = start(|mut builder| {
        builder.http.times = times;
        builder
    });
    let plain = workers.plain_addresses()[0];
    assert_eq!(rest(connect(plain)), "", "one that says nothing");
    let mut answers = (0..100).map(|_| {
        let mut slow = connect(plain);
        let _ = slow.write_all(b"GET / HTTP/1.1\r\nhost: a.exa");
        rest(slow)
    });
    // One that a busy machine keeps from beginning for as long is as silent as the first.
    let answer = answers.find(|answer| !answer.is_empty());
    assert!(answer.as_ref().is_some_and(|answer| answer.starts_with("HTTP/1.1 408 ")), "{answer:?}");
    end(workers);

    let workers = start(|builder| builder.tcp().max_connections(1));
    let (plain, secure) = (workers.plain_addresses()[0], workers.addresses()[0]);
    let mut first = connect(plain);
    first.write_all(b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n").unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).unwrap();
    for address in [plain, secure] {
        let mut second = connect(address);
        assert_eq!(second.read(&mut byte).unwrap_or(0), 0, "there is no place at {address}");
    }
    drop(first);
    end(workers);
}

/// Pipelined requests are answered in order, and a server that ends says so and lets go.
#[test]
fn a_connection_carries_many_requests_and_ends_with_the_server() {
    let workers = start(|builder| builder);
    let address = workers.plain_addresses()[0];
    let mut stream = connect(address);
    let requests: String = (0..50).map(|number| format!("GET /{number} HTTP/1.1\r\nhost: a.example\r\n\r\n")).collect();
    stream.write_all(requests.as_bytes()).unwrap();
    let mut text = String::new();
    let last = "this is at https://a.example:8443/49\n";
    while !text.ends_with(last) {
        let mut room = [0; 4096];
        let count = stream.read(&mut room).unwrap();
        assert!(count > 0, "{text}");
        text.push_str(std::str::from_utf8(&room[..count]).unwrap());
    }
    let targets: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("location: ")).collect();
    let expected: Vec<String> = (0..50).map(|number| format!("https://a.example:8443/{number}")).collect();
    assert_eq!(targets, expected);
    workers.shutdown();
    assert_eq!(rest(stream), "", "an end in order");
    workers.join().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_port_that_is_taken_is_refused_also_where_ports_are_shared_for_a_successor() {
    let folder = Folder::new();
    let workers = start(|builder| builder);
    let taken = workers.plain_addresses()[0];
    let socket = folder.path().join("takeover");
    for takeover in [None, Some(&socket)] {
        let identity = Identity::development(&[]).unwrap();
        let builder = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).redirect_http(taken);
        let builder = takeover.into_iter().fold(builder, |builder, socket| builder.takeover(socket));
        let error = builder.start_workers(1, |_, reply: Reply| reply.send(200, "")).map(drop).unwrap_err();
        assert!(matches!(&error, Error::Listen { address, .. } if *address == taken), "{error}");
    }
    end(workers);
}

#[test]
fn serve_redirects_and_writes_it_down() {
    let folder = Folder::new();
    folder.write("site/index.html", b"here");
    let arguments =
        ["site", "--http", "127.0.0.1:0", "--access-log", "log", "--hsts", "60; includeSubDomains", "--workers", "2"];
    let serving = Serving::start(&folder, &arguments);
    let line =
        serving.said().iter().find_map(|line| line.strip_prefix("redirecting http://")).expect("where").to_owned();
    let address: SocketAddr = line.strip_suffix(" to https").unwrap().parse().unwrap();
    let answer = ask(address, "GET /a?b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let port = serving.url("").rsplit(':').next().unwrap().to_owned();
    assert_eq!(location(&answer), Some(&*format!("https://localhost:{port}/a?b")));
    let output = serving.get(&[&serving.url("/"), "--include"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("strict-transport-security: max-age=60; includeSubDomains"), "{said}");
    serving.end();
    let log = String::from_utf8(folder.read("log")).unwrap();
    assert!(log.contains("\"GET /a?b HTTP/1.1\" 308 ") && log.contains("\"GET / HTTP/3.0\" 200 "), "{log}");
}

#[test]
fn what_serve_cannot_do_with_its_ports_is_said() {
    for (arguments, part) in [
        (&["--http", "80"][..], "--http needs an address with a port, such as 0.0.0.0:80 or [::]:80, not \"80\""),
        (&["--hsts", "1y"], "--hsts needs a number of seconds"),
        (&["--public-port", "0"], "--public-port needs a port from 1 to 65535"),
    ] {
        let output = posthaste().args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(part), "{said}");
    }
}

/// RFC 9460 section 9.1: nothing is bound for it, and the port may be one that only clients see.
#[test]
fn the_records_to_publish_are_printed() {
    for (arguments, expected) in [
        (&["--public-port", "443"][..], "a.example. 3600 IN HTTPS 1 . alpn=\"h3,h2\"\n"),
        (&["--listen", "127.0.0.1:443", "--no-tcp"], "a.example. 3600 IN HTTPS 1 . alpn=\"h3\" no-default-alpn\n"),
        (&["--listen", "127.0.0.1:8443"], "_8443._https.a.example. 3600 IN HTTPS 1 a.example. alpn=\"h3,h2\"\n"),
    ] {
        let output =
            posthaste().args(["serve", "--name", "a.example", "--https-record"]).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains(expected), "{said}");
    }
}
