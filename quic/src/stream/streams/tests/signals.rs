//! Frames about streams that carry no data: when they are due, that they survive loss, and what the application is told.

use super::*;

/// The frames of the packets that are due until one is `wanted`, which is given.
fn sent(streams: &mut Streams, wanted: fn(&SentFrame) -> bool) -> SentFrame {
    while streams.wants_to_send() {
        if let Some(frame) = packet(streams, 100).1.into_iter().find(wanted) {
            return frame;
        }
    }
    panic!("it was not sent");
}

/// Section 13.3: lost, it is sent again; unless the packet arrived after all.
fn survives_loss(streams: &mut Streams, frame: SentFrame) {
    while streams.wants_to_send() {
        packet(streams, 100);
    }
    streams.on_lost(&frame);
    assert!(streams.has_control(), "{frame:?}");
    assert_eq!(packet(streams, 100).1, [frame]);
    assert!(!streams.has_control());
    streams.on_lost(&frame);
    streams.on_acked(&frame);
    assert!(!streams.has_control() && !streams.wants_to_send(), "{frame:?} arrived");
    streams.on_lost(&frame);
    assert!(!streams.wants_to_send());
}

#[test]
fn limits_and_blocked_signals_are_sent_until_they_arrive() {
    let config = StreamsConfig { max_data: 100, max_streams_uni: 1, ..StreamsConfig::default() };
    for wanted in [
        |frame: &SentFrame| *frame == SentFrame::StreamsBlocked(UNI, 1),
        |frame: &SentFrame| *frame == SentFrame::DataBlocked(100),
    ] {
        let (mut client, _) = pair(&config);
        assert_eq!((client.open(UNI), client.open(UNI)), (Some(id(2)), None));
        client.write_slice(id(2), &[1; 101]).unwrap();
        let frame = sent(&mut client, wanted);
        survives_loss(&mut client, frame);
    }
    // The limits of the connection, and of the number of streams.
    let mut server = pair(&config).1;
    receive(&mut server, 2, 0, &[1; 60], true).unwrap();
    assert!(matches!(server.read(id(2), 60), Ok(Read::Data(bytes)) if bytes.len() == 60));
    assert_eq!(server.read(id(2), 1), Ok(Read::Finished));
    let (_, frames) = packet(&mut server, 100);
    assert_eq!(frames, [SentFrame::MaxData(160), SentFrame::MaxStreams(UNI, 2)]);
    frames.into_iter().for_each(|frame| survives_loss(&mut server, frame));
    // The limit of a stream, on either side.
    let config = StreamsConfig { max_stream_data_bidi_remote: 100, ..StreamsConfig::default() };
    let (mut client, mut server) = pair(&config);
    client.open(BIDI).unwrap();
    client.write_slice(id(0), &[1; 101]).unwrap();
    let frame = sent(&mut client, |frame| *frame == SentFrame::StreamDataBlocked(id(0), 100));
    survives_loss(&mut client, frame);
    receive(&mut server, 0, 0, &[1; 60], false).unwrap();
    assert!(matches!(server.read(id(0), 60), Ok(Read::Data(bytes)) if bytes.len() == 60));
    assert_eq!(packet(&mut server, 100).1, [SentFrame::MaxStreamData(id(0), 160)]);
    survives_loss(&mut server, SentFrame::MaxStreamData(id(0), 160));
}

/// Sections 4.1, 19.12, 19.13: whoever is held back says so at once, and nobody else does.
#[test]
fn blocked_signals_are_for_those_who_wait() {
    let of_connection = StreamsConfig { max_data: 100, ..StreamsConfig::default() };
    let of_stream = StreamsConfig { max_stream_data_uni: 100, ..StreamsConfig::default() };
    for (config, signal) in
        [(of_connection, SentFrame::DataBlocked(100)), (of_stream, SentFrame::StreamDataBlocked(id(2), 100))]
    {
        let (mut client, _) = pair(&config);
        let stream = client.open(UNI).unwrap();
        client.write_slice(stream, &[1; 100]).unwrap();
        let frame = SentFrame::Stream { id: stream, offset: 0, len: 100, fin: false };
        assert_eq!(packet(&mut client, 1200).1, [frame]);
        assert!(!client.wants_to_send(), "all that there is was sent");
        // The next byte is one too many.
        client.write_slice(stream, &[1]).unwrap();
        assert_eq!((client.has_control(), packet(&mut client, 1200).1), (true, alloc::vec![signal]));
        // With more than fits from the beginning, the signal follows the data without anything else happening.
        let (mut client, _) = pair(&config);
        let stream = client.open(UNI).unwrap();
        client.write_slice(stream, &[1; 101]).unwrap();
        assert_eq!(packet(&mut client, 1200).1, [frame]);
        assert_eq!((client.has_control(), packet(&mut client, 1200).1), (true, alloc::vec![signal]));
    }
}

/// Section 3.5: STOP_SENDING is of use only while data is missing. A reset may cross it.
#[test]
fn who_has_the_end_asks_nobody_to_stop() {
    let mut server = server();
    receive(&mut server, 2, 0, b"all of it", true).unwrap();
    server.stop_sending(id(2), code(1));
    assert_eq!((server.wants_to_send(), server.open_count()), (false, 0));
    receive(&mut server, 6, 0, b"part of it", false).unwrap();
    server.stop_sending(id(6), code(1));
    assert!(server.has_control());
    server.on_reset_stream(id(6), code(2), 10).unwrap();
    assert_eq!((server.wants_to_send(), server.open_count()), (false, 0));
}

/// Section 3.1: after RESET_STREAM no end is sent, and none is told of if it had been sent before and arrives.
#[test]
fn a_reset_takes_the_end_back() {
    let (mut client, _) = pair(&StreamsConfig::default());
    for send_first in [false, true] {
        let stream = client.open(UNI).unwrap();
        client.write_slice(stream, b"all").unwrap();
        client.finish(stream).unwrap();
        let before = if send_first { packet(&mut client, 100).1 } else { Vec::new() };
        client.reset(stream, code(1));
        assert_eq!(packet(&mut client, 100).1, [SentFrame::ResetStream(stream)]);
        before.iter().for_each(|frame| client.on_acked(frame));
        assert_eq!((client.wants_to_send(), events(&mut client)), (false, Vec::new()));
        client.on_acked(&SentFrame::ResetStream(stream));
        assert_eq!((client.open_count(), events(&mut client)), (0, Vec::new()));
    }
}

/// Whoever sleeps while there are no events misses none, and is not kept awake by what cannot be had yet.
#[test]
fn has_events_says_whether_there_are_any() {
    let config = StreamsConfig { max_streams_uni: 0, ..StreamsConfig::default() };
    let (mut client, mut server) = pair(&config);
    assert!(!server.has_events() && !client.has_events());
    // A stream that only came to be.
    server.on_stream_data_blocked(id(4), 0).unwrap();
    for stream in [0, 4] {
        assert!(server.has_events());
        assert_eq!(server.poll_event(), Some((StreamEvent::Opened(id(stream)), 0)));
    }
    assert!(!server.has_events());
    // Something about a stream that is known.
    receive(&mut server, 0, 0, b"x", false).unwrap();
    assert!(server.has_events());
    assert_eq!(events(&mut server), [StreamEvent::Readable(id(0))]);
    assert!(!server.has_events());
    // A stream that could not be opened.
    assert_eq!(client.open(UNI), None);
    assert!(!client.has_events());
    client.on_max_streams(UNI, 1);
    assert!(client.has_events());
    assert_eq!(events(&mut client), [StreamEvent::StreamsAvailable(UNI)]);
    assert!(!client.has_events());
}

/// An event that waits is withdrawn by the read that finds nothing more, and by no other.
#[test]
fn what_was_read_to_its_end_is_not_told_as_readable() {
    for (max, told) in [(2, true), (9, false)] {
        let mut server = server();
        receive(&mut server, 0, 0, b"abcd", false).unwrap();
        assert!(matches!(server.read(id(0), max), Ok(Read::Data(_))));
        if !told {
            assert_eq!(server.read(id(0), max), Ok(Read::Blocked));
        }
        let readable = told.then_some(StreamEvent::Readable(id(0)));
        assert_eq!(events(&mut server), [StreamEvent::Opened(id(0))].into_iter().chain(readable).collect::<Vec<_>>());
    }
}

/// Memory of chunks goes from the application's hands into those of the endpoint.
#[test]
fn memory_that_was_read_is_used_again() {
    let (mut server, mut memory) = (server(), Chunks::default());
    let size = crate::stream::chunks::CHUNK;
    let data = alloc::vec![1; 2 * size];
    server.on_stream(Instant::ZERO, &frame(0, 0, &data[..size], false), ROUND_TRIP, &mut memory).unwrap();
    let Ok(Read::Data(bytes)) = server.read(id(0), size) else { panic!() };
    let place = bytes.as_slice().as_ptr();
    server.begin_turn(&mut memory);
    drop(bytes);
    server.on_stream(Instant::ZERO, &frame(0, size as u64, &data[size..], false), ROUND_TRIP, &mut memory).unwrap();
    let Ok(Read::Data(bytes)) = server.read(id(0), size) else { panic!() };
    assert!(core::ptr::eq(bytes.as_slice().as_ptr(), place));
}
