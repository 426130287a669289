//! What comes, frame by frame.

use super::*;
use crate::Violation;

/// The examples of RFC 6455 section 5.7.
#[test]
fn the_examples_of_the_standard() {
    let hello = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(feed(&mut client(), &hello, 100), [text("Hello")]);
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(feed(&mut server(), &masked, 100), [text("Hello")]);
    let fragments = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    assert_eq!(feed(&mut client(), &fragments, 100), [text("Hello")]);
    let mut pinged = client();
    assert_eq!(feed(&mut pinged, &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], 100), []);
    let answer = sent(&mut pinged);
    assert_eq!((answer[0], answer[1], answer.len()), (0x8a, 0x85, 11));
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(feed(&mut server(), &pong, 100), []);
    let roomy = Config { limits: Limits { max_message: 1 << 17, max_frame: 1 << 17, ..CONFIG.limits }, ..CONFIG };
    for len in [256_usize, 65_536] {
        let content: Vec<u8> = (0..len).map(|place| place as u8).collect();
        let frame = plain(0x82, &content);
        assert_eq!(frame[1], if len == 256 { 126 } else { 127 });
        assert_eq!(feed(&mut client_of(roomy), &frame, 1 << 17), [binary(&content)]);
    }
}

/// RFC 6455 section 5.4-1, 5.4-3, 5.4-5, 5.4-7, 5.5.2-2, 6.2-1, 6.2-2, 6.2-3, 6.2-4, 6.2-7.
#[test]
fn control_frames_go_between_fragments() {
    let mut server = server();
    let bytes = [
        masked(0x01, b"Hel"),
        masked(0x89, b"ping"),
        masked(0x00, b""),
        masked(0x8a, b"unasked"),
        masked(0x80, b"lo"),
        masked(0x82, b"next"),
    ];
    assert_eq!(feed(&mut server, &bytes.concat(), 1000), [text("Hello"), binary(b"next")]);
    assert_eq!(sent(&mut server), plain(0x8a, b"ping"));
}

/// RFC 6455 section 5.1-2, 5.1-3, 5.1-5, 5.1-6, 5.2-3, 5.2-4, 5.2-5, 5.2-6, 5.4-2, 5.4-4, 5.4-12, 5.5-1, 5.5.1-2, 5.6-1, 7.1.7-1.
/// RFC 6455 section 7.1.7-2, 7.1.7-3, 7.1.7-5, 7.4.1-3, 7.4.1-4, 7.4.1-6, 8.1-1, 10.4-1, 10.4-2, 10.7-1, 10.7-3.
#[test]
fn every_breach_is_told_and_nothing_is_read_after_it() {
    let long = [0; 126];
    for (frames, violation) in [
        (masked(0xc1, b"a"), Violation::ReservedBits),
        (masked(0xa1, b"a"), Violation::ReservedBits),
        (masked(0x90, b"a"), Violation::ReservedBits),
        (masked(0x83, b""), Violation::UnknownOpcode),
        (masked(0x8b, b""), Violation::UnknownOpcode),
        (masked(0x09, b""), Violation::FragmentedControl),
        (masked(0x89, &long), Violation::LongControl),
        (plain(0x81, b"a"), Violation::NotMasked),
        (Vec::from([0x82, 0xfe, 0, 125, 0, 0, 0, 0]), Violation::LengthNotMinimal),
        (Vec::from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Violation::LengthOutOfRange),
        (head(0x82, 0x80, 601).into_iter().chain([0; 4]).collect(), Violation::FrameTooBig),
        (Vec::from([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), Violation::FrameTooBig),
        ([masked(0x02, &[0; 600]), masked(0x80, &[0; 401])].concat(), Violation::MessageTooBig),
        (masked(0x80, b""), Violation::NothingToContinue),
        ([masked(0x01, b"a"), masked(0x81, b"b")].concat(), Violation::Interleaved),
        (masked(0x81, b"\xce\xba\xff"), Violation::NotText),
        (masked(0x81, b"\xce"), Violation::NotText),
        ([masked(0x01, b"\xce"), masked(0x80, b"a")].concat(), Violation::NotText),
        (masked(0x88, b"\x03"), Violation::CloseLength),
        (masked(0x88, &close(1005, b"")), Violation::CloseNumber),
        (masked(0x88, &close(1000, b"\xff")), Violation::CloseReason),
    ] {
        for size in [1, 3, 10_000] {
            let mut server = server();
            let bytes = [&frames[..], &masked(0x81, b"more")].concat();
            let expected = [Event::Closed(Closing::Violation(violation))];
            assert_eq!(feed(&mut server, &bytes, size), expected, "{violation:?} {size}");
            let answer = close(violation.code().number(), violation.reason().as_bytes());
            assert_eq!(sent(&mut server), plain(0x88, &answer), "{violation:?}");
            assert!(server.wants_end(), "{violation:?}");
            assert_eq!(server.send(NOW, "late".into()), Err(crate::SendError::Closed));
        }
    }
    assert_eq!(feed(&mut client(), &masked(0x81, b"a"), 100), [Event::Closed(Closing::Violation(Violation::Masked))]);
}

/// A frame that is too large is refused by its header, before anything is held for it.
#[test]
fn what_is_said_to_be_large_takes_no_memory() {
    let mut server = server();
    feed(&mut server, &head(0x82, 0x80, 600), 100);
    feed(&mut server, &[0; 4], 100);
    assert_eq!(server.held(), 0);
    feed(&mut server, &[0; 100], 100);
    assert!(server.held() >= 100 && server.held() <= 256, "{}", server.held());
}

/// RFC 6455 section 5.6-1, 8.1-1.
#[test]
fn text_is_refused_with_the_first_byte_that_cannot_be() {
    let mut server = server();
    let frame = masked(0x81, b"\xf4\x90\x80\x80 and much more");
    assert_eq!(feed(&mut server, &frame[..7], 1), []);
    assert_eq!(feed(&mut server, &frame[7..8], 1), [Event::Closed(Closing::Violation(Violation::NotText))]);
    // A character may lie in two fragments, or in many.
    for size in [1, 2, 3] {
        let pieces: Vec<&[u8]> = "κόσμε 🦀".as_bytes().chunks(size).collect();
        let mut bytes = Vec::new();
        for (place, piece) in pieces.iter().enumerate() {
            let is_last = if place + 1 == pieces.len() { 0x80 } else { 0 };
            bytes.extend(masked(is_last | u8::from(place == 0), piece));
        }
        assert_eq!(feed(&mut super::server(), &bytes, 1000), [text("κόσμε 🦀")], "{size}");
    }
}

/// One Ping after the other, and nothing is taken of the answers: the newest are left.
/// RFC 6455 section 5.5.3-1.
#[test]
fn a_flood_of_pings_has_few_answers() {
    let mut server = server();
    for number in 0..10_000_u32 {
        feed(&mut server, &masked(0x89, &[&number.to_be_bytes()[..], &[0; 121]].concat()), 200);
        assert!(server.held() <= 17 * 256, "{}", server.held());
    }
    let answers = sent(&mut server);
    let newest = 10_000 - crate::writer::MAX_PONGS as u32;
    let expected = (newest..10_000).map(|number| plain(0x8a, &[&number.to_be_bytes()[..], &[0; 121]].concat()));
    assert_eq!(answers, expected.collect::<Vec<_>>().concat());
    assert_eq!(sent(&mut server), b"");
}

/// A message without end, in fragments without content.
#[test]
fn empty_fragments_hold_nothing() {
    let mut server = server();
    feed(&mut server, &masked(0x02, b""), 100);
    for _ in 0..10_000 {
        assert_eq!(feed(&mut server, &masked(0x00, b""), 100), []);
    }
    assert_eq!(server.held(), 0);
    assert_eq!(feed(&mut server, &masked(0x80, b""), 100), [binary(b"")]);
}

/// A message that is not fetched holds all others back.
#[test]
fn what_is_not_fetched_holds_back_what_comes() {
    let mut server = server();
    let bytes = [masked(0x82, &[1; 500]), masked(0x82, &[2; 500])].concat();
    let taken = server.take(NOW, &bytes);
    assert_eq!(taken, bytes.len() / 2);
    assert_eq!(server.demand(), base::Demand::Pause);
    assert_eq!(server.take(NOW, &bytes[taken..]), 0);
    assert_eq!(server.poll_event(NOW), Some(binary(&[1; 500])));
    assert_eq!(server.demand(), base::Demand::More);
    assert_eq!(server.take(NOW, &bytes[taken..]), bytes.len() - taken);
}
