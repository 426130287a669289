//! Unidirectional streams: the control stream's rules, the QPACK streams, and types nobody knows.

use super::script::*;
use crate::{Config, Connection, Event, Violation};
use alloc::vec::Vec;
use qpack::{DecoderStreamError, EncoderStreamError};

fn server() -> Script {
    let mut script = Script::new(Connection::server(Config::default()));
    script.connection.on_connected(&mut script.transport);
    script.transport.commands.clear();
    script
}

fn client() -> Script {
    let mut script = Script::new(Connection::client(Config::default()));
    script.connection.on_connected(&mut script.transport);
    script.transport.commands.clear();
    script
}

/// Bytes on the peer's control stream after its type, whole and dripped, close the connection.
#[track_caller]
fn closes(make: fn() -> Script, bytes: &[u8], violation: Violation) {
    let control = if make().transport.side == base::Side::Server { 2 } else { 3 };
    let all = [&[0], bytes].concat();
    let mut script = make();
    script.feed(control, &all);
    script.expect_close(violation);
    let mut script = make();
    script.drip(control, &all);
    script.expect_close(violation);
}

#[track_caller]
fn accepts(make: fn() -> Script, bytes: &[u8]) -> Vec<Event> {
    let control = if make().transport.side == base::Side::Server { 2 } else { 3 };
    let all = [&[0], bytes].concat();
    let mut script = make();
    script.feed(control, &all);
    script.expect(&[]);
    let events = script.events();
    let mut script = make();
    script.drip(control, &all);
    script.expect(&[]);
    assert_eq!(script.events(), events);
    events
}

const SETTINGS: [u8; 2] = [4, 0];

/// RFC 9114 section 6.2.1-2.
#[test]
fn settings_come_first() {
    for (bytes, _) in [
        (frame(0x0d, &[0]), "MAX_PUSH_ID"),
        (frame(0x07, &[0]), "GOAWAY"),
        (frame(0x00, &[]), "DATA"),
        (frame(0x01, &[0, 0]), "HEADERS"),
        (frame(0x02, &[]), "reserved"),
        (frame(0x21, &[]), "unknown"),
    ] {
        closes(server, &bytes, Violation::MissingSettings);
    }
}

/// RFC 9114 section 7.2.4-1, 7.2.4-2.
#[test]
fn settings_come_once() {
    closes(server, &[SETTINGS, SETTINGS].concat(), Violation::SecondSettings);
    closes(client, &[SETTINGS, SETTINGS].concat(), Violation::SecondSettings);
}

/// RFC 9114 section 7.1-3, 7.2.4-5, 7.2.4.1-3, 10.8-1.
#[test]
fn bad_settings() {
    for reserved in [0, 2, 3, 4, 5] {
        closes(server, &frame(4, &[reserved, 0]), Violation::ReservedSetting);
    }
    closes(server, &frame(4, &[6, 1, 6, 1]), Violation::DuplicateSetting);
    closes(client, &frame(4, &[8, 2]), Violation::SettingValue);
    closes(server, &frame(4, &[6]), Violation::FrameLength);
    // Larger than anything that makes sense: refused by its length alone.
    closes(server, &[4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Violation::ControlFrameTooLarge);
}

/// RFC 9114 section 7.2.1-2, 7.2.2-1, 7.2.5-9, 7.2.7-3, 7.2.8-3.
#[test]
fn frames_that_may_not_be_there() {
    for (frame_type, violation) in [
        (0x00, Violation::FrameOnControlStream),
        (0x01, Violation::FrameOnControlStream),
        (0x05, Violation::FrameOnControlStream),
        (0x02, Violation::ReservedFrame),
        (0x06, Violation::ReservedFrame),
        (0x08, Violation::ReservedFrame),
        (0x09, Violation::ReservedFrame),
    ] {
        // The header alone decides.
        closes(server, &[&SETTINGS[..], &[frame_type, 5]].concat(), violation);
        closes(client, &[&SETTINGS[..], &[frame_type, 5]].concat(), violation);
    }
    for frame_type in [0x0d, 0xf0700, 0xf0701] {
        closes(client, &[&SETTINGS[..], &frame(frame_type, &[0])].concat(), Violation::FrameOfClient);
    }
}

/// RFC 9114 section 7.1-1, 7.1-2, 10.8-1.
#[test]
fn frames_hold_exactly_their_fields() {
    for frame_type in [0x03, 0x07, 0x0d] {
        closes(server, &[&SETTINGS[..], &frame(frame_type, &[])].concat(), Violation::FrameLength);
        closes(server, &[&SETTINGS[..], &frame(frame_type, &[0x40])].concat(), Violation::FrameLength);
        closes(server, &[&SETTINGS[..], &frame(frame_type, &[0, 0])].concat(), Violation::FrameLength);
        closes(server, &[&SETTINGS[..], &[frame_type as u8, 0x80, 1, 0, 0]].concat(), Violation::FrameLength);
    }
    closes(server, &[&SETTINGS[..], &frame(0xf0700, &[])].concat(), Violation::FrameLength);
}

/// RFC 9114 section 7.2.3-8, 7.2.3-9, 7.2.7-4.
#[test]
fn push_ids() {
    accepts(server, &[&SETTINGS[..], &frame(0x0d, &[3]), &frame(0x0d, &[3]), &frame(0x0d, &[9])].concat());
    closes(server, &[&SETTINGS[..], &frame(0x0d, &[3]), &frame(0x0d, &[2])].concat(), Violation::MaxPushIdDecreased);
    closes(server, &[&SETTINGS[..], &frame(0x03, &[0])].concat(), Violation::PushNotAllowed);
    closes(client, &[&SETTINGS[..], &frame(0x03, &[0])].concat(), Violation::PushNotAllowed);
}

/// RFC 9114 section 5.2-9, 7.2.6-1.
#[test]
fn goaway_identifiers() {
    let events = accepts(client, &[&SETTINGS[..], &frame(7, &[8]), &frame(7, &[4]), &frame(7, &[4])].concat());
    assert_eq!(events[1..], [Event::GoAway { id: 8 }, Event::GoAway { id: 4 }]);
    closes(client, &[&SETTINGS[..], &frame(7, &[4]), &frame(7, &[8])].concat(), Violation::GoAwayIncreased);
    for wrong in [1, 2, 3] {
        closes(client, &[&SETTINGS[..], &frame(7, &[wrong])].concat(), Violation::GoAwayStream);
        accepts(server, &[&SETTINGS[..], &frame(7, &[wrong])].concat());
    }
    closes(server, &[&SETTINGS[..], &frame(7, &[4]), &frame(7, &[8])].concat(), Violation::GoAwayIncreased);
}

/// RFC 9218 section 7.2-4, 7.2-8.
#[test]
fn priority_updates_are_checked() {
    let update = |payload: &[u8]| [&SETTINGS[..], &frame(0xf0700, payload)].concat();
    let events = accepts(server, &update(b"\x00u=3, i"));
    assert_eq!(events.len(), 1);
    closes(server, &update(&[1, b'u']), Violation::PriorityId);
    closes(server, &update(&[2]), Violation::PriorityId);
    closes(server, &[&SETTINGS[..], &frame(0xf0701, &[0])].concat(), Violation::PriorityId);
    closes(server, &update(&[0; 600]), Violation::ControlFrameTooLarge);
}

/// RFC 9114 section 7.2.8-2, 9-1.
#[test]
fn unknown_frames_are_skipped_however_long() {
    let mut bytes = [&SETTINGS[..], &frame(0x21, &[1; 5000]), &frame(0xf0_0000, &[]), &frame(0x0a, &[7])].concat();
    bytes.extend_from_slice(&frame(0x07, &[0]));
    let events = accepts(server, &bytes);
    assert_eq!(events[1..], [Event::GoAway { id: 0 }]);
    // 2^62 - 1 bytes that never all come: nothing is kept of them.
    let mut script = server();
    script.feed(2, &[0, 4, 0, 0x21, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    for _ in 0..1000 {
        script.feed(2, &[0; 1000]);
    }
    script.expect(&[]);
    assert_eq!(script.transport.credit[&2], 12 + 1_000_000);
}

/// RFC 9114 section 6.2.1-3, 6.2.1-5.
/// RFC 9204 section 4.2-2, 4.2-4.
#[test]
fn critical_streams_come_once_and_never_end() {
    for stream_type in [0, 2, 3] {
        let settings: &[u8] = if stream_type == 0 { &SETTINGS } else { &[] };
        let first = [&[stream_type], settings].concat();
        let mut script = server();
        script.feed(2, &first);
        script.feed(6, &[stream_type]);
        script.expect_close(Violation::DuplicateCriticalStream);

        let mut script = server();
        script.feed(2, &first);
        script.end(2);
        script.expect_close(Violation::ClosedCriticalStream);

        let mut script = server();
        script.feed_and_end(2, &first);
        script.expect_close(Violation::ClosedCriticalStream);

        let mut script = server();
        script.feed(2, &first);
        script.reset(2, 0x100);
        script.expect_close(Violation::ClosedCriticalStream);
    }
}

/// RFC 9114 section 6.2.1-5.
#[test]
fn nobody_may_stop_our_critical_streams() {
    for stream in [3, 7, 11] {
        let mut script = server();
        script.stop(stream, 0x100);
        script.expect_close(Violation::ClosedCriticalStream);
    }
}

#[test]
fn a_control_stream_that_ends_inside_a_frame() {
    for end in 1..4 {
        let mut script = server();
        script.feed_and_end(2, &[0, 4, 2, 6][..end]);
        script.expect_close(Violation::ClosedCriticalStream);
    }
}

/// RFC 9114 section 6.2-10.
#[test]
fn streams_that_end_before_their_type_are_tolerated() {
    let mut script = server();
    script.end(2);
    script.feed(6, &[0x40]);
    script.end(6);
    script.feed(10, &[0x40]);
    script.reset(10, 0x100);
    script.expect(&[]);
    assert_eq!(script.events(), []);
}

/// RFC 9114 section 6.2-4, 6.2-6, 6.2.3-2, 9-1, 9-2.
#[test]
fn unknown_stream_types_are_not_wanted_and_no_error() {
    let mut script = server();
    script.feed(2, &[0x21, 1, 2, 3]);
    script.drip(6, &[0x40, 0x54, 9]);
    script.feed(10, &[0xff; 8]);
    script.expect(&[StopSending(2, 0x103), StopSending(6, 0x103), StopSending(10, 0x103)]);
    script.feed(2, &[1; 100]);
    script.end(2);
    script.expect(&[]);
    assert_eq!(script.events(), []);
}

/// RFC 9114 section 4.6-2, 6.2.2-1.
#[test]
fn push_streams() {
    let mut script = server();
    script.feed(2, &[1, 0]);
    script.expect_close(Violation::PushStreamOfClient);
    let mut script = client();
    script.feed(3, &[1, 0]);
    script.expect_close(Violation::PushStreamNotAllowed);
}

/// RFC 9204 section 2.2.3-2, 3.2.2-2, 4.2-7, 4.3.1-2, 4.4.1-1, 4.4.3-1, 7.4-2.
#[test]
fn qpack_streams() {
    let mut script = server();
    script.feed(2, &[2, 0x20]);
    script.feed(6, &[3, 0x44]);
    script.expect(&[]);
    for (bytes, violation) in [
        // A capacity of 10,000,000,000; an insertion of 2^31 bytes, refused by its first byte; a duplicate.
        (&[2, 0x3f, 0xe1, 0xc7, 0xaf, 0xa0, 0x25][..], Violation::EncoderStream(EncoderStreamError::Capacity)),
        (&[2, 0x5f], Violation::EncoderStream(EncoderStreamError::EntryTooLarge)),
        (&[2, 0xc0], Violation::EncoderStream(EncoderStreamError::EntryTooLarge)),
        (&[2, 0x00], Violation::EncoderStream(EncoderStreamError::Reference)),
        // An Insert Count Increment of zero and of one; an acknowledgment; an endless number.
        (&[3, 0x00], Violation::DecoderStream(DecoderStreamError::InsertCountIncrement)),
        (&[3, 0x01], Violation::DecoderStream(DecoderStreamError::InsertCountIncrement)),
        (&[3, 0x80], Violation::DecoderStream(DecoderStreamError::SectionAcknowledgment)),
        (
            &[3, 0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
            Violation::DecoderStream(DecoderStreamError::IntegerTooLarge),
        ),
    ] {
        let mut script = server();
        script.feed(2, bytes);
        script.expect_close(violation);
        let mut script = server();
        script.drip(2, bytes);
        script.expect_close(violation);
    }
}

#[test]
fn nothing_happens_after_the_close() {
    let mut script = server();
    script.feed(2, &[0, 0, 0]);
    script.expect_close(Violation::MissingSettings);
    script.feed(2, &SETTINGS);
    script.feed_and_end(0, &headers(&GET));
    script.reset(6, 0);
    script.stop(3, 0);
    script.connection.on_closed(code(0));
    script.connection.shutdown(&mut script.transport);
    script.connection.close(&mut script.transport, code(0x100), "");
    script.expect(&[]);
    assert_eq!(script.events(), []);
}

/// RFC 9114 section 6.1-3.
#[test]
fn the_server_opens_no_bidirectional_streams() {
    let mut script = client();
    script.feed(1, &[]);
    script.expect_close(Violation::ServerBidirectionalStream);
}
