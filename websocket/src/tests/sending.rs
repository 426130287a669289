//! What is sent.

use super::*;
use crate::SendError;

fn decoded(bytes: &[u8]) -> Vec<Event> {
    feed(&mut client_of(Config { limits: Limits::default(), ..CONFIG }), bytes, 1 << 20)
}

/// RFC 6455 section 5.1-4, 5.2-2, 6.1-4, 6.1-6, 6.1-7, 6.1-9.
#[test]
fn messages_of_a_server_are_frames_that_are_not_masked() {
    let mut server = server();
    server.send(NOW, "one".into()).unwrap();
    server.send(NOW, Vec::from([1, 2]).into()).unwrap();
    server.send(NOW, "".into()).unwrap();
    assert_eq!(sent(&mut server), [plain(0x81, b"one"), plain(0x82, &[1, 2]), plain(0x81, b"")].concat());
}

/// RFC 6455 section 5.1-1, 5.3-1, 5.3-2, 6.1-8.
#[test]
fn those_of_a_client_are_masked_each_with_a_key_of_its_own() {
    let mut client = client();
    client.send(NOW, "same".into()).unwrap();
    client.send(NOW, "same".into()).unwrap();
    let bytes = sent(&mut client);
    assert_eq!(bytes.len(), 20);
    assert_eq!((bytes[0], bytes[1]), (0x81, 0x84));
    assert_ne!(bytes[2..6], bytes[12..16], "the keys differ");
    assert_ne!(&bytes[6..10], b"same");
    assert_eq!(feed(&mut server(), &bytes, 100), [text("same"), text("same")]);
}

/// RFC 6455 section 5.4-1, 5.4-6, 6.1-5.
#[test]
fn long_messages_are_fragments_with_answers_between_them() {
    let content: Vec<u8> = (0..1050).map(|place| place as u8).collect();
    for config in [CONFIG, Config { limits: Limits { fragment: 5_000, ..CONFIG.limits }, ..CONFIG }] {
        let mut server = Connection::server(config, NOW);
        server.send(NOW, content.clone().into()).unwrap();
        let mut bytes = server.next(NOW, crate::writer::LEAST_ROOM).unwrap().to_vec();
        feed(&mut server, &masked(0x89, b"?"), 100);
        bytes.extend(sent(&mut server));
        let pong = bytes.windows(3).position(|bytes| bytes == [0x8a, 1, b'?']).unwrap();
        let is_fragmented = config.limits.fragment < 1000;
        assert_eq!(pong < 900, is_fragmented, "{pong}");
        assert_eq!(decoded(&bytes), [binary(&content)]);
    }
}

/// A long frame of a server is referred to; its bytes are the application's own.
#[test]
fn long_content_of_a_server_is_not_copied() {
    let mut server = Connection::server(Config::default(), NOW);
    let content = base::Bytes::from((0..50_000).map(|place| place as u8).collect::<Vec<u8>>());
    server.send(NOW, content.clone().into()).unwrap();
    assert_eq!(&server.next(NOW, 20_000).unwrap()[..], [0x82, 126, 0xc3, 0x50]);
    let piece = server.next(NOW, 20_000).unwrap();
    assert_eq!((piece.as_ptr(), piece.len()), (content.as_ptr(), 20_000));
}

/// RFC 6455 section 5.4-3.
#[test]
fn what_fits_into_any_room_is_the_same() {
    let content: Vec<u8> = (0..30_000).map(|place| (place % 251) as u8).collect();
    let least = crate::writer::LEAST_ROOM;
    for fragment in [1_000, 4_096, 64 << 10] {
        let limits = Limits { fragment, max_unsent: 1 << 20, ..Limits::default() };
        for room in [least, least + 1, 1_000, 4_096, 17 << 10, 1 << 20] {
            for mut sender in
                [Connection::server(Config { limits, ..CONFIG }, NOW), client_of(Config { limits, ..CONFIG })]
            {
                let is_server = sender.next(NOW, room).is_none() && !format_is_masked(&sender);
                for end in [0, 10, 5_000, 30_000] {
                    sender.send(NOW, content[..end].to_vec().into()).unwrap();
                }
                let mut bytes = Vec::new();
                while let Some(piece) = sender.next(NOW, room) {
                    assert!(!piece.is_empty() && piece.len() <= room);
                    bytes.extend_from_slice(&piece);
                }
                let mut receiver = match is_server {
                    true => client_of(Config::default()),
                    false => Connection::server(Config::default(), NOW),
                };
                let expected = [0, 10, 5_000, 30_000].map(|end| binary(&content[..end]));
                assert_eq!(feed(&mut receiver, &bytes, 7_777), expected, "{fragment} {room}");
            }
        }
    }
}

/// Whether it is a client's.
fn format_is_masked(connection: &Connection) -> bool {
    alloc::format!("{connection:?}").contains("Keys")
}

/// Of what is not taken, so much is held and no more.
#[test]
fn who_sends_waits_for_room() {
    let mut server = server();
    server.send(NOW, Vec::from([0; 5_000]).into()).unwrap();
    assert_eq!(server.send(NOW, "more".into()), Err(SendError::Full), "one message alone may be larger");
    assert_eq!(server.poll_event(NOW), None);
    assert_eq!(server.held(), 5_000);
    let mut taken = 0;
    while server.poll_event(NOW) != Some(Event::Room) {
        taken += server.next(NOW, 500).unwrap().len();
    }
    assert!(taken > 4_500 && taken < 5_200, "{taken}");
    for _ in 0..2 {
        server.send(NOW, "more".into()).unwrap();
    }
    assert_eq!(server.room(10_000), Err(SendError::Full));
    sent(&mut server);
    assert_eq!(server.poll_event(NOW), Some(Event::Room));
    assert_eq!(server.poll_event(NOW), None);
}
