//! Frames of events, as a server's and a client's end read them: by strangers, in pieces of any size.

use base::{Bytes, Duration, Instant};
use crypto_ring::hash::SHA256;
use events::delivery::ConsumerId;
use events::messages::Auth;
use events::session::End as _;
use events::session::client::{Client, Config};
use events::session::server::{Gate, Limits, Output, Session};
use events::{Denied, Frame, FrameReader, Grants, Registry, TokenHash};

/// Frames that are read are written to what is read as the same, and pieces change nothing.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let whole = frames(rest, rest.len().max(1));
    assert_eq!(frames(rest, usize::from(first % 16) + 1), whole, "in pieces");
    for frame in whole.0 {
        assert_eq!(frames(&frame.encoded(), 7), (vec![frame], true));
    }
    serve(rest, usize::from(first % 16) + 1);
    consume(rest, usize::from(first % 16) + 1);
}

/// All frames up to the first that is none, and whether there was none such.
fn frames(data: &[u8], size: usize) -> (Vec<Frame>, bool) {
    let mut reader = FrameReader::new(1 << 16);
    let mut read = Vec::new();
    for piece in data.chunks(size) {
        reader.push(Bytes::copy_from_slice(piece));
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => read.push(frame),
                Ok(None) => break,
                Err(_) => return (read, false),
            }
        }
        assert!(reader.held() < (1 << 16) + 6 + size, "no more is held than a frame");
    }
    (read, true)
}

struct Open(Registry);

impl Gate for Open {
    fn hash(&self, token: &str) -> TokenHash {
        TokenHash::of(token, SHA256)
    }

    fn admit(&self, client: &str, token: &TokenHash, namespaces: &[String]) -> Result<Grants, Denied> {
        self.0.admit(client, token, namespaces)
    }

    fn take(&self, _: &str, _: &str, _: u32, _: Instant) -> Result<(), Duration> {
        Ok(())
    }

    fn next_consumer(&self) -> ConsumerId {
        1
    }

    fn unix_ms(&self) -> u64 {
        0
    }
}

/// A client that was let in sends this on each of two streams.
fn serve(data: &[u8], size: usize) {
    let registry = Registry::parse("a * all plain:12345678", SHA256).expect("a registry");
    let now = Instant::ZERO;
    let mut session = Session::new(Open(registry), Limits::default(), 1, now);
    session.on_stream(0);
    let auth = Auth { client_id: "a".into(), token: "12345678".into(), ..Auth::default() };
    session.receive(now, 0, Frame::from(auth).encoded());
    assert_eq!(session.client(), Some("a"));
    session.on_stream(4);
    for stream in [4, 0] {
        for piece in data.chunks(size) {
            session.receive(now, stream, Bytes::copy_from_slice(piece));
        }
        session.on_finished(now, stream);
        while session.poll_send(stream).is_some() {}
    }
    session.on_lost();
    while let Some(output) = session.poll_output() {
        assert!(!matches!(output, Output::Close { .. }), "it is over already");
    }
}

struct Zeros;

impl base::Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// A server sends this on the control stream.
fn consume(data: &[u8], size: usize) {
    let mut client = Client::new(Config::new("a", "12345678"), Box::new(Zeros));
    client.on_connected(Instant::ZERO);
    for piece in data.chunks(size) {
        client.receive(Instant::ZERO, 1, Bytes::copy_from_slice(piece));
    }
    client.on_finished(Instant::ZERO, 1);
    assert!(!client.is_ready(), "a client without a control stream is not ready");
    while client.poll_output().is_some() || client.poll_told().is_some() {}
}
