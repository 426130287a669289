//! What a connection does before the peer has said anything.

use super::script::*;
use crate::settings::PeerSettings;
use crate::{Config, Connection, Event};
use alloc::vec::Vec;
use base::Direction;

/// RFC 9114 section 3.2-5, 6.2.1-1, 7.2.4-1.
/// RFC 9204 section 3.2.3-4, 4.2-1.
#[test]
fn three_streams_and_settings() {
    for (connection, first) in [(Connection::client(Config::default()), 2), (Connection::server(Config::default()), 3)]
    {
        let mut script = Script::new(connection);
        script.connection.on_connected(&mut script.transport);
        let commands = core::mem::take(&mut script.transport.commands);
        let [
            Open(control),
            Write(_, preface),
            Open(encoder),
            Write(_, encoder_type),
            Open(decoder),
            Write(_, decoder_type),
        ] = &commands[..]
        else {
            panic!("{commands:?}");
        };
        assert_eq!([*control, *encoder, *decoder], [first, first + 4, first + 8]);
        assert_eq!((&encoder_type[..], &decoder_type[..]), (&[2][..], &[3][..]));
        // Stream type, SETTINGS, and one frame that means nothing and holds nothing.
        assert_eq!(preface[..2], [0, 4]);
        let (settings, grease) = preface[3..].split_at(usize::from(preface[2]));
        let settings = PeerSettings::decode(settings).unwrap();
        assert_eq!(settings.max_field_section_size, Some(Config::default().limits.max_field_section_size));
        assert_eq!(grease.last(), Some(&0));
        assert!(grease.len() > 1);
        // Said once.
        script.connection.on_connected(&mut script.transport);
        script.connection.on_streams_available(&mut script.transport, Direction::Unidirectional);
        script.expect(&[]);
    }
}

#[test]
fn the_preface_is_understood_by_the_other_side() {
    let mut script = Script::new(Connection::client(Config::default()));
    script.connection.on_connected(&mut script.transport);
    let mut server = Script::new(Connection::server(Config { grease: None, ..Config::default() }));
    for command in core::mem::take(&mut script.transport.commands) {
        if let Write(stream, bytes) = command {
            server.drip(stream, &bytes);
        }
    }
    let events = server.events();
    assert!(matches!(events[..], [Event::Settings(PeerSettings { max_field_section_size: Some(65536), .. })]));
    server.expect(&[]);
}

#[test]
fn streams_that_are_not_allowed_yet_are_opened_later() {
    let mut script = Script::new(Connection::client(Config { grease: None, ..Config::default() }));
    script.transport.may_open[1] = 1;
    script.transport.room.insert(2, 2);
    script.connection.on_connected(&mut script.transport);
    script.expect(&[Open(2), Write(2, [0, 4].to_vec())]);
    script.transport.room.insert(2, 100);
    script.connection.on_stream_writable(&mut script.transport, id(2));
    let rest = core::mem::take(&mut script.transport.commands);
    assert!(matches!(&rest[..], [Write(2, bytes)] if bytes.len() == usize::from(bytes[0]) + 1));
    script.transport.may_open[1] = 3;
    script.connection.on_streams_available(&mut script.transport, Direction::Unidirectional);
    script.expect(&[Open(6), Write(6, [2].to_vec()), Open(10), Write(10, [3].to_vec())]);
}

#[test]
fn the_same_script_gives_the_same_bytes() {
    let run = || {
        let mut script = Script::new(Connection::server(Config::default()));
        script.connection.on_connected(&mut script.transport);
        script.feed(2, &[0, 4, 0]);
        script.feed_and_end(0, &headers(&GET));
        let head = http::ResponseHead::new(http::Status::OK).with_field("x", "y").unwrap();
        script.connection.send_response(&mut script.transport, id(0), &head, true).unwrap();
        (core::mem::take(&mut script.transport.commands), script.events())
    };
    assert_eq!(run(), run());
    let (commands, events): (Vec<_>, Vec<_>) = run();
    assert!(commands.len() > 6 && events.len() == 3);
}
