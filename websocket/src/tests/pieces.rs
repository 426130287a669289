//! The same bytes in pieces of every size; every prefix of them, and every change of one byte; and drawn ones.

use super::*;
use proptest::prelude::*;

/// A conversation of a client.
fn script() -> Vec<u8> {
    [
        masked(0x81, "Grüße".as_bytes()),
        masked(0x02, &[1; 130]),
        masked(0x89, b"between"),
        masked(0x00, b""),
        masked(0x80, &[2; 3]),
        masked(0x8a, b""),
        masked(0x81, b""),
        masked(0x88, &close(4000, "genug".as_bytes())),
    ]
    .concat()
}

fn run(bytes: &[u8], size: usize) -> (Vec<Event>, Vec<u8>) {
    let mut server = server();
    let events = feed(&mut server, bytes, size);
    (events, sent(&mut server))
}

#[test]
fn byte_by_byte_is_the_same_as_whole() {
    let script = script();
    let whole = run(&script, script.len());
    assert_eq!(whole.0.len(), 4, "{whole:?}");
    for size in 1..script.len() {
        assert_eq!(run(&script, size), whole, "{size}");
    }
}

#[test]
fn every_prefix_is_a_stream_that_broke_off() {
    let script = script();
    for end in 0..script.len() {
        let mut server = server();
        feed(&mut server, &script[..end], 10);
        assert_eq!(server.closing(), None, "{end}");
        server.on_end(NOW, b"");
        assert_eq!(server.poll_event(NOW), Some(Event::Closed(Closing::BrokenOff)), "{end}");
        sent(&mut server);
        assert!(server.wants_end(), "{end}");
    }
}

/// Whatever becomes of it, it is the same in pieces and whole, it is bounded, and it comes to an end.
fn check(bytes: &[u8]) {
    let (whole, answer) = run(bytes, bytes.len());
    let (pieces, _) = run(bytes, 1);
    assert_eq!(pieces, whole);
    assert!(answer.len() <= 17 * 127, "Pongs and a Close: {}", answer.len());
    let mut server = server();
    feed(&mut server, bytes, 13);
    assert!(server.held() <= 2_400, "{}", server.held());
    server.on_end(NOW, b"");
    sent(&mut server);
    assert!(server.wants_end() && server.closing().is_some());
}

#[test]
fn every_change_of_every_byte() {
    let script = script();
    for place in 0..script.len() {
        for value in 0..=u8::MAX {
            let mut bytes = script.clone();
            bytes[place] = value;
            check(&bytes);
        }
    }
}

/// Every frame at every moment: behind each of these beginnings.
#[test]
fn every_frame_at_every_moment() {
    let beginnings: [Vec<u8>; 5] =
        [Vec::new(), masked(0x01, b"a"), masked(0x02, b"\xff"), masked(0x88, &close(1000, b"")), masked(0x83, b"")];
    for beginning in beginnings {
        for first in 0..=u8::MAX {
            for content in [&b""[..], b"a", b"\x03\xe8", b"\x03\xe8bye", &[0xff; 130]] {
                check(&[&beginning[..], &masked(first, content), &masked(0x80, b"z")].concat());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn drawn_bytes_are_the_same_in_pieces(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    /// What one end sends the other receives, however both are cut.
    #[test]
    fn drawn_messages_arrive(
        messages in proptest::collection::vec((any::<bool>(), "[aé🦀]{0,120}"), 0..12),
        fragment in 1_usize..200,
        size in 1_usize..500,
        from_client in any::<bool>(),
    ) {
        let limits = Limits { fragment, max_unsent: usize::MAX, ..CONFIG.limits };
        let config = Config { limits, ..CONFIG };
        let (mut one, mut other) = (client_of(config), Connection::server(config, NOW));
        if !from_client {
            core::mem::swap(&mut one, &mut other);
        }
        let message = |(is_text, content): &(bool, alloc::string::String)| match is_text {
            true => Message::from(content.as_str()),
            false => Message::from(content.clone().into_bytes()),
        };
        for drawn in &messages {
            one.send(NOW, message(drawn)).unwrap();
        }
        let bytes = sent(&mut one);
        let expected: Vec<Event> = messages.iter().map(|drawn| Event::Message(message(drawn))).collect();
        prop_assert_eq!(feed(&mut other, &bytes, size), expected);
    }
}
