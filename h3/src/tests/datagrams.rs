//! HTTP datagrams (RFC 9297): whose they are, and what becomes of those that are nobody's.

use super::script::*;
use crate::{Config, Connection, DatagramError, Event, Limits, Violation};
use alloc::vec::Vec;
use base::{Bytes, Duration};
use http::exchange;
use http::{RequestHead, ResponseHead, Status};
use quic::WhenFull;

pub(super) const TUNNEL: [(&str, &str); 5] = [
    (":method", "CONNECT"),
    (":scheme", "https"),
    (":authority", "a.example"),
    (":path", "/"),
    (":protocol", "connect-udp"),
];

fn config() -> Config {
    Config { extended_connect: true, datagrams: true, ..Config::default() }
}

/// A server whose client takes datagrams.
fn server() -> Script {
    let mut script = Script::new(Connection::server(config()));
    script.connection.on_connected(&mut script.transport);
    script.feed(2, &[0, 4, 2, 0x33, 1]);
    script.transport.commands.clear();
    script.events();
    script
}

/// A client whose server takes datagrams and extended CONNECT.
fn client() -> Script {
    let mut script = Script::new(Connection::client(config()));
    script.connection.on_connected(&mut script.transport);
    script.feed(3, &[0, 4, 4, 0x33, 1, 8, 1]);
    script.transport.commands.clear();
    script.events();
    script
}

fn read(script: &mut Script, stream: u64) -> Vec<Vec<u8>> {
    core::iter::from_fn(|| script.connection.read_datagram(id(stream))).map(|bytes| bytes.to_vec()).collect()
}

fn count_told(script: &mut Script) -> usize {
    let is_told = |event: &Event| matches!(event, Event::Exchange(_, exchange::Event::Datagram));
    script.events().iter().filter(|event| is_told(event)).count()
}

fn accept(script: &mut Script, stream: u64) {
    let Script { connection, transport, .. } = script;
    connection.send_response(transport, id(stream), &ResponseHead::new(Status::OK), false).unwrap();
}

/// RFC 9297 section 2-1, 2.1-3, 2.1.1-3.
#[test]
fn they_are_sent_where_both_sides_take_them_and_the_request_has_some() {
    let mut script = server();
    script.feed(4, &headers(&TUNNEL));
    let send = |script: &mut Script, stream, content: &[u8]| {
        script.connection.send_datagram(&mut script.transport, id(stream), content)
    };
    assert_eq!(send(&mut script, 4, b"x"), Err(DatagramError::Unsupported), "not before the answer");
    accept(&mut script, 4);
    assert_eq!(send(&mut script, 4, b"x"), Ok(()));
    assert_eq!(script.transport.datagrams[0].pop_front().as_deref(), Some(&[1, b'x'][..]));
    assert_eq!(send(&mut script, 4, &[0; 1200]), Err(DatagramError::TooLarge { most: 1199 }));
    assert_eq!(send(&mut script, 4, &[0; 1199]), Ok(()));
    script.feed(8, &headers(&GET));
    accept(&mut script, 8);
    assert_eq!(send(&mut script, 8, b"x"), Err(DatagramError::Unsupported));
    assert_eq!(send(&mut script, 12, b"x"), Err(DatagramError::Ended));
    script.connection.finish(&mut script.transport, id(4)).unwrap();
    assert_eq!(send(&mut script, 4, b"x"), Err(DatagramError::Ended));
    script.transport.max_datagram = None;
    script.feed(16, &headers(&TUNNEL));
    accept(&mut script, 16);
    assert_eq!(send(&mut script, 16, b"x"), Err(DatagramError::Unsupported));
    // The client has not said that it takes some.
    let mut script = Script::started(Connection::server(config()));
    script.feed(0, &headers(&TUNNEL));
    accept(&mut script, 0);
    assert_eq!(send(&mut script, 0, b"x"), Err(DatagramError::Unsupported));
}

/// Those before the one that is refused are sent, and the caller has the others still.
#[test]
fn several_are_sent_in_order_until_one_is_refused() {
    let mut script = server();
    script.feed(4, &headers(&TUNNEL));
    let large = [0; 1200];
    let mut contents = [&b"a"[..], b"", b"c", &large, b"e"].into_iter().peekable();
    let send = |script: &mut Script, contents: &mut _, when_full| {
        let sent = script.connection.send_datagrams(&mut script.transport, id(4), contents, when_full);
        (sent.taken, sent.refused)
    };
    assert_eq!(send(&mut script, &mut contents, WhenFull::Refuse), (0, Some(DatagramError::Unsupported)));
    accept(&mut script, 4);
    script.transport.most_datagrams = 2;
    assert_eq!(send(&mut script, &mut contents, WhenFull::Refuse), (2, Some(DatagramError::Full)));
    script.transport.most_datagrams = 9;
    let too_large = Some(DatagramError::TooLarge { most: 1199 });
    assert_eq!(send(&mut script, &mut contents, WhenFull::DropOldest), (1, too_large));
    assert_eq!(send(&mut script, &mut contents, WhenFull::Refuse), (0, too_large));
    assert_eq!(contents.next(), Some(&large[..]));
    assert_eq!(send(&mut script, &mut contents, WhenFull::Refuse), (1, None));
    assert_eq!(send(&mut script, &mut contents, WhenFull::Refuse), (0, None));
    let sent: Vec<_> = script.transport.datagrams[0].drain(..).map(|datagram| datagram.to_vec()).collect();
    assert_eq!(sent, [&b"\x01a"[..], b"\x01", b"\x01c", b"\x01e"]);
    script.connection.finish(&mut script.transport, id(4)).unwrap();
    let mut one = core::iter::once(b"x").peekable();
    let sent = script.connection.send_datagrams(&mut script.transport, id(4), &mut one, WhenFull::Refuse);
    assert_eq!((sent.taken, sent.refused), (0, Some(DatagramError::Ended)));
}

/// A tenth of a second after the last of many, memory for them is not held any more; where they are read later than that, it goes then. Few
/// need no such look.
#[test]
fn memory_for_many_is_given_back() {
    let mut script = server();
    script.feed(4, &headers(&TUNNEL));
    accept(&mut script, 4);
    let holds = |script: &Script| {
        let inbox = script.connection.streams.get(id(4)).and_then(|stream| stream.datagrams.as_ref());
        inbox.unwrap().holds_much()
    };
    let pass = |script: &mut Script| {
        script.transport.now += Duration::from_millis(100);
        script.connection.on_timeout(&mut script.transport);
    };
    let many = [&[1][..], &[7; 600]].concat();
    script.datagram(&many);
    let watched = script.connection.deadline();
    for is_read_late in [false, true] {
        (0..9).for_each(|_| script.datagram(&many));
        let at = script.transport.now + Duration::from_millis(100);
        assert!(holds(&script) && script.connection.deadline() == Some(at));
        if !is_read_late {
            read(&mut script, 4);
        }
        pass(&mut script);
        assert!(holds(&script), "some have just come");
        pass(&mut script);
        assert_eq!(holds(&script), is_read_late);
        read(&mut script, 4);
        assert!(!holds(&script));
        assert_eq!(script.connection.deadline(), watched, "and nothing is left to be looked at");
    }
}

/// Told again when they were read to the end, and not before.
#[test]
fn several_are_taken_together() {
    let mut script = server();
    script.feed(4, &headers(&TUNNEL));
    accept(&mut script, 4);
    (0..4).for_each(|byte| script.datagram(&[1, byte]));
    assert_eq!(count_told(&mut script), 1);
    let mut taken = Vec::new();
    script.connection.take_datagrams(id(4), |parts| {
        taken.push(parts.concat());
        taken.len() < 2
    });
    script.datagram(&[1, 4]);
    assert_eq!((count_told(&mut script), &taken[..]), (0, &[alloc::vec![0], alloc::vec![1]][..]));
    script.connection.take_datagrams(id(4), |parts| {
        taken.push(parts.concat());
        true
    });
    assert_eq!(taken.len(), 5);
    script.datagram(&[1, 5]);
    assert_eq!((count_told(&mut script), read(&mut script, 4)), (1, alloc::vec![alloc::vec![5]]));
    script.connection.take_datagrams(id(8), |_| panic!("there is no such request"));
}

/// A client need not wait for the answer.
#[test]
fn a_client_sends_them_with_its_request() {
    let mut script = client();
    let head = RequestHead::extended_connect("connect-udp", "https://a.example/").unwrap();
    let stream = script.connection.send_request(&mut script.transport, &head, false).unwrap();
    script.connection.send_datagram(&mut script.transport, stream, b"first").unwrap();
    assert_eq!(script.transport.datagrams[0].pop_front().as_deref(), Some(&b"\0first"[..]));
    // Of a stream that it has not opened a server says nothing that matters.
    script.datagram(&[9, 1, 2, 3]);
    script.datagram(&[0, 7]);
    assert_eq!(read(&mut script, 0), [[7]]);
}

/// RFC 9297 section 2.1-5.
/// RFC 9298 section 5-5.
#[test]
fn those_that_overtake_their_request_wait_for_it() {
    let mut script = server();
    for byte in 0..Limits::default().max_early_datagrams as u8 + 4 {
        script.datagram(&[1, byte]);
    }
    script.datagram(&[0, 99]);
    script.expect(&[]);
    script.feed(4, &headers(&TUNNEL));
    assert_eq!(count_told(&mut script), 1);
    let first: Vec<u8> = read(&mut script, 4).iter().map(|content| content[0]).collect();
    assert_eq!(first, (5..20).collect::<Vec<u8>>(), "the oldest gave way");
    // The stream is there, and the head is not.
    script.feed(8, &headers(&TUNNEL)[..3]);
    script.datagram(&[2, 1]);
    script.feed(8, &headers(&TUNNEL)[3..]);
    assert_eq!(read(&mut script, 8), [[1]]);
}

/// RFC 9297 section 2-2, 2-3.
#[test]
fn a_request_that_has_none_is_given_up() {
    let mut script = server();
    script.feed(0, &headers(&GET));
    script.datagram(&[0, 1]);
    script.expect_failed(0, Violation::DatagramNotTaken);
    let mut script = server();
    script.datagram(&[0, 1]);
    script.feed(0, &headers(&POST));
    script.expect(&[Reset(0, 0x33), StopSending(0, 0x33)]);
}

/// RFC 9297 section 2.1-1, 2.1-2, 2.1-4, 2.1-6.
#[test]
fn what_names_no_request_closes_or_is_dropped() {
    for bad in [&[][..], &[0x40], &[0xd0, 0, 0, 0, 0, 0, 0, 0, 1]] {
        let mut script = server();
        script.datagram(bad);
        script.expect_close(Violation::Datagram);
        script.datagram(bad);
    }
    let mut script = server();
    script.transport.allowed = Some(10);
    script.datagram(&[9, 1]);
    script.expect(&[]);
    script.datagram(&[10, 1]);
    script.expect_close(Violation::DatagramStream);
    // After the end of the request, and after that of the exchange.
    let mut script = server();
    script.feed_and_end(0, &headers(&TUNNEL));
    script.datagram(&[0, 1]);
    accept(&mut script, 0);
    script.connection.finish(&mut script.transport, id(0)).unwrap();
    script.datagram(&[0, 1]);
    assert_eq!(count_told(&mut script), 0);
    // Who takes none has none.
    let mut script = Script::server();
    script.feed(0, &headers(&GET));
    script.datagram(&[0, 1]);
    assert_eq!(count_told(&mut script), 0);
}

#[test]
fn what_is_not_read_is_bounded() {
    let mut script = server();
    script.feed(0, &headers(&TUNNEL));
    let most = Limits::default().max_datagrams;
    for number in 0..most + 100 {
        script.datagram(&[&[0][..], &(number as u32).to_be_bytes()].concat());
    }
    assert_eq!(count_told(&mut script), 1);
    let kept = read(&mut script, 0);
    assert_eq!((kept.len(), &kept[0][..]), (most, &100u32.to_be_bytes()[..]));
    script.datagram(&[0]);
    assert_eq!((count_told(&mut script), read(&mut script, 0)), (1, alloc::vec![Vec::new()]));
}

/// RFC 9297 section 2.1.1-1, 2.1.1-2.
/// RFC 8441 section 3-1.
#[test]
fn the_setting_is_said_and_checked() {
    for (config, expected) in [(config(), true), (Config::default(), false)] {
        for side in [Connection::client(config.clone()), Connection::server(config)] {
            let mut script = Script::new(side);
            script.connection.on_connected(&mut script.transport);
            let control = script.transport.commands.iter().find_map(|command| match command {
                Write(2 | 3, bytes) => Some(Bytes::copy_from_slice(bytes)),
                _ => None,
            });
            let payload = control.unwrap();
            let len = usize::from(payload[2]);
            assert_eq!(crate::PeerSettings::decode(&payload[3..3 + len]).unwrap().datagrams, expected);
        }
    }
    let mut script = Script::new(Connection::server(config()));
    script.feed(2, &[0, 4, 2, 0x33, 2]);
    script.expect_close(Violation::SettingValue);
}
