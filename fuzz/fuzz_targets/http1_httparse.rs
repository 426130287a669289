//! Requests of HTTP/1.1, read by httparse too: what we take it takes, with the same method, target and fields.
#![no_main]

use base::{Instant, StreamMachine};
use http::exchange;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut server = h1::Connection::server(h1::Config::default(), http::Scheme::Https, Instant::ZERO);
    server.receive(Instant::ZERO, &mut data.to_vec());
    let Some(h1::Event::Exchange(_, exchange::Event::Request(head))) = server.poll_event() else { return };
    let mut fields = [httparse::EMPTY_HEADER; 4096];
    let mut theirs = httparse::Request::new(&mut fields);
    // An empty line or two ahead of a request are none of it (RFC 9112 section 2.2): httparse takes them as well.
    let parsed = theirs.parse(data);
    assert!(matches!(parsed, Ok(httparse::Status::Complete(_))), "{parsed:?}");
    if head.protocol.is_none() {
        assert_eq!(theirs.method, Some(head.method.as_str()));
    }
    let target = theirs.path.expect("it is complete");
    let ours = match &head.path {
        Some(path) => path.as_str(),
        None => head.authority.as_ref().expect("CONNECT names a host").as_str(),
    };
    assert!(target.ends_with(ours) || ours == "/", "{target} {ours}");
    // Those that concern the connection alone are not told.
    for (name, value) in head.fields.iter() {
        let is_there = |field: &&httparse::Header<'_>| {
            field.name.eq_ignore_ascii_case(name) && field.value.trim_ascii() == value.trim_ascii()
        };
        assert!(theirs.headers.iter().any(|field| is_there(&field)) || name == "te", "{name}");
    }
});
