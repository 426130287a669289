//! Resets behind a part that is delivered.

use super::*;

/// A stream of which the client has sent `sent` bytes that have arrived, and the server has read `read`.
fn begun(sent: usize, read: usize) -> (Streams, Streams, StreamId) {
    let (mut client, mut server) = pair(&StreamsConfig::default());
    let stream = client.open(UNI).unwrap();
    client.write_slice(stream, &alloc::vec![1; sent]).unwrap();
    flush(&mut client, &mut server);
    assert_eq!(read_some(&mut server, stream, read), read);
    events(&mut server);
    (client, server, stream)
}

fn read_some(streams: &mut Streams, stream: StreamId, mut count: usize) -> usize {
    let mut all = 0;
    while count > 0
        && let Ok(Read::Data(bytes)) = streams.read(stream, count)
    {
        all += bytes.len();
        count -= bytes.len();
    }
    all
}

fn reset_event(stream: StreamId, size: u64) -> [StreamEvent; 1] {
    [StreamEvent::Reset { id: stream, code: code(9), size }]
}

/// draft-ietf-quic-reliable-stream-reset section 5-1, 5-2, 5-3.
#[test]
fn what_is_lost_is_sent_again_up_to_the_reliable_size_and_no_further() {
    let (mut client, mut server, stream) = begun(0, 0);
    client.write_slice(stream, &[1; 3000]).unwrap();
    let sent: Vec<_> = (0..3).flat_map(|_| packet(&mut client, 1100).1).collect();
    client.reset_at(stream, code(9), 1500);
    assert!(matches!(client.write_slice(stream, b"more"), Err(WriteError::Finished)));
    assert!(matches!(client.finish(stream), Err(WriteError::Finished)));
    sent.iter().for_each(|frame| client.on_lost(frame));
    let resent = flush(&mut client, &mut server);
    assert_eq!(resent[0], SentFrame::ResetStreamAt(stream, 1500));
    let bytes: u32 = resent.iter().map(|frame| if let SentFrame::Stream { len, .. } = frame { *len } else { 0 }).sum();
    assert_eq!(bytes, 1500);
    // The receiver reads that much, then hears of the reset. All of 3000 bytes count, and come back.
    assert_eq!(events(&mut server), [StreamEvent::Opened(stream), StreamEvent::Readable(stream)]);
    assert_eq!(server.receive_credit.received(), 3000);
    assert_eq!(server.receive_credit.consumed(), 1500);
    assert_eq!(read_some(&mut server, stream, 1499), 1499);
    assert_eq!(events(&mut server), []);
    assert_eq!(read_some(&mut server, stream, 1), 1);
    assert_eq!(events(&mut server), reset_event(stream, 3000));
    assert_eq!((server.receive_credit.consumed(), server.open_count(), client.open_count()), (3000, 0, 0));
    assert_eq!((client.window.held(), events(&mut client)), (0, Vec::new()));
}

/// A reader that goes on finds the reset where the part ends, and hears of it once.
#[test]
fn reading_on_gives_the_reset() {
    let (mut client, mut server, stream) = begun(500, 0);
    client.reset_at(stream, code(9), 200);
    flush(&mut client, &mut server);
    assert_eq!(read_some(&mut server, stream, 1000), 200);
    assert_eq!(server.read(stream, 1), Err(ReadError::Unknown), "it was told and is forgotten");
    assert_eq!(events(&mut server), []);
    // What was read already beyond it is no loss.
    let (mut client, mut server, stream) = begun(500, 300);
    client.reset_at(stream, code(9), 300);
    flush(&mut client, &mut server);
    assert_eq!((server.buffered(), events(&mut server)), (0, reset_event(stream, 500).to_vec()));
}

/// draft-ietf-quic-reliable-stream-reset section 4-2.
#[test]
fn the_reset_waits_until_what_is_delivered_before_it_has_credit() {
    let config = StreamsConfig { max_stream_data_uni: 1000, max_stream_window: 1000, ..StreamsConfig::default() };
    let (mut client, mut server) = pair(&config);
    let stream = client.open(UNI).unwrap();
    // What is written is within the credit, so the last of it is all that can be promised.
    assert_eq!(client.write_slice(stream, &[1; 3000]), Ok(1000));
    client.reset_at(stream, code(9), 3000);
    let (bytes, sent) = packet(&mut client, 600);
    assert!(matches!(sent[..], [SentFrame::Stream { .. }]), "{sent:?}");
    deliver(&bytes, &mut server, Instant::ZERO).unwrap();
    let (bytes, sent) = packet(&mut client, 600);
    assert!(matches!(sent[..], [SentFrame::Stream { fin: false, .. }]), "{sent:?}");
    deliver(&bytes, &mut server, Instant::ZERO).unwrap();
    let (bytes, sent) = packet(&mut client, 600);
    assert_eq!(sent, [SentFrame::ResetStreamAt(stream, 1000)]);
    deliver(&bytes, &mut server, Instant::ZERO).unwrap();
}

/// draft-ietf-quic-reliable-stream-reset section 4-5, 5.2-1, 5.2-3, 5.2-4.
#[test]
fn the_size_may_only_get_smaller_and_the_smallest_is_told_until_it_has_arrived() {
    let (mut client, mut server, stream) = begun(0, 0);
    client.write_slice(stream, &[1; 900]).unwrap();
    packet(&mut client, 1200);
    let told = |client: &mut Streams| packet(client, 1200).1;
    client.reset_at(stream, code(9), 600);
    assert_eq!(told(&mut client), [SentFrame::ResetStreamAt(stream, 600)]);
    client.reset_at(stream, code(7), 700);
    client.reset_at(stream, code(7), 600);
    assert!(!client.wants_to_send());
    client.reset_at(stream, code(7), 400);
    assert_eq!(told(&mut client), [SentFrame::ResetStreamAt(stream, 400)]);
    client.on_lost(&SentFrame::ResetStreamAt(stream, 600));
    client.on_acked(&SentFrame::ResetStreamAt(stream, 600));
    assert!(!client.wants_to_send());
    client.on_lost(&SentFrame::ResetStreamAt(stream, 400));
    let (bytes, sent) = packet(&mut client, 1200);
    assert_eq!(sent, [SentFrame::ResetStreamAt(stream, 400)]);
    deliver(&bytes, &mut server, Instant::ZERO).unwrap();
    client.on_acked(&SentFrame::ResetStreamAt(stream, 400));
    assert_eq!(client.open_count(), 1, "the data has not arrived");
    client.on_acked(&SentFrame::Stream { id: stream, offset: 0, len: 900, fin: false });
    assert_eq!((client.open_count(), client.unacknowledged()), (0, 0));
}

/// draft-ietf-quic-reliable-stream-reset section 5.2-2, 5.2-7, 5.4-1.
#[test]
fn a_whole_reset_after_it_keeps_its_code_and_its_size() {
    for stops in [false, true] {
        let (mut client, mut server, stream) = begun(900, 0);
        client.reset_at(stream, code(9), 600);
        if stops {
            client.on_stop_sending(stream, code(5)).unwrap();
        } else {
            client.reset(stream, code(5));
        }
        let (bytes, sent) = packet(&mut client, 1200);
        assert_eq!(sent, [SentFrame::ResetStream(stream)]);
        let expected = Frame::ResetStream { id: stream, error_code: code(9), final_size: 900 };
        assert_eq!(Frame::decode(&mut Reader::new(&bytes)), Ok(expected));
        deliver(&bytes, &mut server, Instant::ZERO).unwrap();
        client.on_acked(&sent[0]);
        assert_eq!(events(&mut server), reset_event(stream, 900));
    }
}

#[test]
fn after_the_end_it_can_still_be_reset() {
    let (mut client, mut server, stream) = begun(0, 0);
    client.write_slice(stream, &[1; 900]).unwrap();
    client.finish(stream).unwrap();
    let (end, sent) = packet(&mut client, 1200);
    client.reset_at(stream, code(9), 100);
    flush(&mut client, &mut server);
    events(&mut server);
    // The end comes late, and says the same.
    deliver(&end, &mut server, Instant::ZERO).unwrap();
    assert_eq!((read_some(&mut server, stream, 100), server.open_count()), (100, 1));
    assert_eq!(events(&mut server), reset_event(stream, 900));
    client.on_acked(&sent[0]);
    assert_eq!((client.open_count(), server.open_count()), (0, 0));
    // All that was acknowledged before is the end that it is.
    let (mut client, mut server, stream) = begun(10, 0);
    client.finish(stream).unwrap();
    flush(&mut client, &mut server);
    client.reset_at(stream, code(9), 0);
    assert!(!client.wants_to_send());
    assert_eq!(events(&mut client), [StreamEvent::Finished(stream)]);
}

/// draft-ietf-quic-reliable-stream-reset section 4-3, 5.2-8.
#[test]
fn what_a_peer_must_not_change() {
    let from_client = |sizes: [u64; 2], error| {
        let mut server = server();
        receive(&mut server, 2, 0, &[1; 50], false).unwrap();
        server.on_reset_stream_at(id(2), code(9), 100, 80).unwrap();
        server.on_reset_stream_at(id(2), code(error), sizes[0], sizes[1])
    };
    assert_eq!(from_client([100, 70], 9), Ok(()));
    assert_eq!(from_client([100, 90], 9), Ok(()), "ignored");
    assert_eq!(from_client([100, 70], 8), Err(Violation::ResetCodeChanged));
    assert_eq!(from_client([101, 70], 9), Err(Violation::FinalSizeChanged));
    // Also if the whole reset came first, and before the application has heard of it, or the other way round.
    let mut server = server();
    server.on_reset_stream(id(2), code(9), 100).unwrap();
    assert_eq!(server.on_reset_stream_at(id(2), code(9), 100, 50), Ok(()));
    assert_eq!(server.on_reset_stream_at(id(2), code(8), 100, 50), Err(Violation::ResetCodeChanged));
    server.on_reset_stream_at(id(6), code(9), 100, 50).unwrap();
    assert_eq!(server.on_reset_stream(id(6), code(8), 100), Err(Violation::ResetCodeChanged));
    assert_eq!(server.on_reset_stream(id(6), code(9), 99), Err(Violation::FinalSizeChanged));
    assert_eq!(receive(&mut server, 6, 99, &[1, 1], false), Err(Violation::DataPastFinalSize));
    assert_eq!(receive(&mut server, 6, 0, &[1], true), Err(Violation::FinalSizeChanged));
    receive(&mut server, 10, 0, &[1; 50], false).unwrap();
    assert_eq!(server.on_reset_stream_at(id(10), code(9), 49, 49), Err(Violation::FinalSizeBelowData));
    let most = StreamsConfig::default().max_stream_data_uni;
    assert_eq!(server.on_reset_stream_at(id(10), code(9), most + 1, 0), Err(Violation::StreamFlowControl));
    assert_eq!(server.on_reset_stream_at(id(3), code(9), 0, 0), Err(Violation::StreamNotSendable));
    let most = StreamsConfig::default().max_streams_uni;
    assert_eq!(server.on_reset_stream_at(id(4 * most + 2), code(9), 0, 0), Err(Violation::StreamLimit));
}

/// draft-ietf-quic-reliable-stream-reset section 5.2-5, 5.2-6.
#[test]
fn the_smallest_size_counts_in_whatever_order_they_come() {
    for sizes in [[80, 30], [30, 80]] {
        let mut server = server();
        receive(&mut server, 2, 0, &[1; 60], false).unwrap();
        receive(&mut server, 2, 70, &[1; 10], false).unwrap();
        sizes.iter().for_each(|size| server.on_reset_stream_at(id(2), code(9), 100, *size).unwrap());
        assert_eq!((server.buffered(), server.segments), (30, 0));
        // What comes behind it is not kept.
        receive(&mut server, 2, 20, &[1; 70], false).unwrap();
        assert_eq!((server.buffered(), server.segments), (30, 0));
        events(&mut server);
        assert_eq!(read_some(&mut server, id(2), 30), 30);
        assert_eq!(events(&mut server), reset_event(id(2), 100));
        assert_eq!(server.receive_credit.consumed(), 100);
    }
}

#[test]
fn who_reads_no_more_need_not_wait_for_it() {
    let (mut client, mut server, stream) = begun(500, 0);
    server.stop_sending(stream, code(3));
    client.reset_at(stream, code(9), 200);
    flush(&mut client, &mut server);
    assert_eq!((events(&mut server), server.open_count()), (Vec::new(), 0));
    assert_eq!(server.receive_credit.consumed(), 500);
}
