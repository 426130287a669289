//! A peer that was asked to stop, and is read on.

use super::*;

/// The client has sent 5000 bytes of more, and the server has asked it to stop.
fn asked() -> (Streams, Streams, StreamId) {
    let (mut client, mut server) = pair(&StreamsConfig::default());
    let stream = client.open(UNI).unwrap();
    client.write_slice(stream, &[1; 5000]).unwrap();
    flush(&mut client, &mut server);
    events(&mut server);
    server.ask_to_stop(stream, code(3));
    (client, server, stream)
}

/// How much is read until nothing is left, and what comes then.
fn read_all(streams: &mut Streams, stream: StreamId) -> (usize, Result<Read, ReadError>) {
    let mut count = 0;
    loop {
        match streams.read(stream, 1000) {
            Ok(Read::Data(bytes)) => count += bytes.len(),
            end => return (count, end),
        }
    }
}

/// RFC 9000 section 3.5.
#[test]
fn who_was_asked_to_stop_is_read_up_to_its_reset() {
    let (mut client, mut server, stream) = asked();
    assert_eq!(read_all(&mut server, stream), (5000, Ok(Read::Blocked)));
    client.write_slice(stream, &[2; 700]).unwrap();
    flush(&mut client, &mut server);
    assert_eq!(events(&mut server), [StreamEvent::Readable(stream)]);
    assert_eq!(read_all(&mut server, stream), (700, Ok(Read::Blocked)));
    assert_eq!((server.buffered(), server.receive_credit.consumed()), (0, 5700));
    assert_eq!(flush(&mut server, &mut client), [SentFrame::StopSending(stream)]);
    assert_eq!(flush(&mut client, &mut server), [SentFrame::ResetStream(stream)]);
    assert_eq!(events(&mut server), [StreamEvent::Reset { id: stream, code: code(3), size: 5700 }]);
    assert_eq!((server.open_count(), server.buffered()), (0, 0));
}

#[test]
fn who_was_asked_to_stop_may_end_instead() {
    let (mut client, mut server, stream) = asked();
    client.finish(stream).unwrap();
    flush(&mut client, &mut server);
    // The end came before the question went out.
    assert_eq!(flush(&mut server, &mut client), []);
    assert_eq!(read_all(&mut server, stream), (5000, Ok(Read::Finished)));
    assert_eq!(server.open_count(), 0);
    // Of one that has sent all, nothing is asked.
    let stream = client.open(UNI).unwrap();
    client.write_slice(stream, b"all").unwrap();
    client.finish(stream).unwrap();
    flush(&mut client, &mut server);
    server.ask_to_stop(stream, code(3));
    assert_eq!(flush(&mut server, &mut client), []);
    assert_eq!(read_all(&mut server, stream), (3, Ok(Read::Finished)));
    assert_eq!(server.open_count(), 0);
}

/// R7: nothing that comes after the question earns credit on its stream.
#[test]
fn who_was_asked_to_stop_earns_no_credit_on_the_stream() {
    let config = StreamsConfig { max_stream_data_uni: 10_000, max_stream_window: 10_000, ..StreamsConfig::default() };
    let mut server = Streams::new(
        Side::Server,
        shared(&config),
        SendMemory::new(1 << 20),
        ReceiveMemory::new(1 << 30).begin(config.max_data),
    );
    server.set_peer_limits(&parameters(&StreamsConfig::default()));
    receive(&mut server, 2, 0, &[1; 1000], false).unwrap();
    assert_eq!(read_all(&mut server, id(2)).0, 1000);
    server.ask_to_stop(id(2), code(3));
    let granted = 11_000;
    for offset in (1000..granted).step_by(1000) {
        receive(&mut server, 2, offset, &[1; 1000], false).unwrap();
        assert_eq!(read_all(&mut server, id(2)).0, 1000);
    }
    assert_eq!(packet(&mut server, 1000).1, [SentFrame::StopSending(id(2))]);
    assert_eq!(receive(&mut server, 2, granted, &[1], false), Err(Violation::StreamFlowControl));
    assert_eq!(server.receive_credit.consumed(), granted, "all of it is free again for other streams");
}

/// R7: holes that are never filled are held no longer than the reader wants.
#[test]
fn what_comes_in_pieces_after_the_question_is_dropped_with_the_second_one() {
    let (mut client, mut server, stream) = asked();
    receive(&mut server, stream.value(), 6000, &[1; 500], false).unwrap();
    assert_eq!(read_all(&mut server, stream), (5000, Ok(Read::Blocked)));
    assert_eq!((server.buffered(), server.segments), (500, 1));
    server.stop_sending(stream, code(9));
    assert_eq!((server.buffered(), server.segments, server.receive_credit.consumed()), (0, 0, 6500));
    assert_eq!(server.read(stream, 1), Err(ReadError::Unknown));
    let (bytes, sent) = packet(&mut server, 1000);
    assert_eq!(sent, [SentFrame::StopSending(stream)]);
    let expected = Frame::StopSending { id: stream, error_code: code(3) };
    assert_eq!(Frame::decode(&mut Reader::new(&bytes)), Ok(expected), "the first code stays");
    deliver(&bytes, &mut client, Instant::ZERO).unwrap();
    server.on_acked(&sent[0]);
    server.on_reset_stream(stream, code(3), 6500).unwrap();
    assert_eq!((server.open_count(), events(&mut server)), (0, Vec::new()));
}
