//! Writers that wait for room: of their stream, and of all streams together.

use super::*;

/// A client whose streams hold so much, and the connection so much.
fn client(stream_send_buffer: u64, connection_send_buffer: u64) -> Streams {
    pair(&StreamsConfig { stream_send_buffer, connection_send_buffer, ..StreamsConfig::default() }).0
}

/// A stream on which `count` bytes are written, of which `taken` are taken and sent.
fn stream(client: &mut Streams, count: usize, taken: usize) -> StreamId {
    let stream = client.open(UNI).unwrap();
    assert_eq!(client.write_slice(stream, &alloc::vec![1; count]), Ok(taken));
    while client.wants_to_send() {
        packet(client, 1200);
    }
    stream
}

fn acked(client: &mut Streams, id: StreamId, range: core::ops::Range<u64>) -> Vec<StreamEvent> {
    let len = (range.end - range.start) as u32;
    client.on_acked(&SentFrame::Stream { id, offset: range.start, len, fin: false });
    events(client)
}

/// A stream holds no more than it may, and its writer is told once when half of that is free.
#[test]
fn a_full_stream_takes_more_when_half_of_it_is_free() {
    let mut client = client(100, 1000);
    let one = stream(&mut client, 101, 100);
    assert_eq!(client.write_slice(one, b"x"), Ok(0));
    assert_eq!(acked(&mut client, one, 0..49), []);
    assert_eq!(acked(&mut client, one, 49..50), [StreamEvent::Writable(one)]);
    assert_eq!(acked(&mut client, one, 50..100), []);
}

#[test]
fn who_was_never_refused_is_not_woken() {
    let mut client = client(100, 100);
    let one = stream(&mut client, 100, 100);
    assert_eq!(acked(&mut client, one, 0..100), []);
    // Nor is who has nothing more to write.
    assert_eq!(client.write_slice(one, &[1; 101]), Ok(100));
    client.finish(one).unwrap();
    packet(&mut client, 1200);
    assert_eq!(acked(&mut client, one, 100..200), []);
}

/// What arrives behind a gap is held as before: there is no room to tell of.
#[test]
fn only_room_wakes() {
    let mut client = client(100, 150);
    stream(&mut client, 100, 100);
    let two = stream(&mut client, 60, 50);
    assert_eq!(acked(&mut client, two, 25..50), []);
    assert_eq!(acked(&mut client, two, 0..25), [StreamEvent::Writable(two)]);
}

/// Who has nothing that could be acknowledged waits for others.
#[test]
fn a_full_connection_takes_more_when_an_eighth_of_it_is_free() {
    let mut client = client(800, 800);
    let one = stream(&mut client, 800, 800);
    let two = stream(&mut client, 1, 0);
    assert_eq!(acked(&mut client, one, 0..99), []);
    assert_eq!(acked(&mut client, one, 99..100), [StreamEvent::Writable(two)]);
    assert_eq!(acked(&mut client, one, 100..800), []);
}

/// In the proportions of the defaults: a stream that the peer does not read holds two thirds of all.
#[test]
fn a_stream_that_stands_still_keeps_no_other_waiting() {
    let mut client = client(160, 240);
    stream(&mut client, 160, 160);
    let two = stream(&mut client, 80, 80);
    let three = stream(&mut client, 1, 0);
    assert_eq!(acked(&mut client, two, 0..80), [StreamEvent::Writable(three)]);
}

/// What is abandoned, by either side, is free at once, and so are its place in the queue and that alone.
#[test]
fn an_end_makes_room() {
    for by_peer in [false, true] {
        let mut client = client(800, 800);
        let one = stream(&mut client, 800, 800);
        let [two, three] = [(); 2].map(|()| stream(&mut client, 1, 0));
        client.reset(two, code(1));
        flush(&mut client, &mut server());
        assert_eq!((client.open_count(), client.buffered(), events(&mut client)), (2, 800, Vec::new()));
        assert_eq!(client.waiting, [three]);
        if by_peer {
            client.on_stop_sending(one, code(1)).unwrap();
        } else {
            client.reset(one, code(1));
        }
        assert_eq!(client.buffered(), 0);
        let stopped = by_peer.then_some(StreamEvent::Stopped { id: one, code: code(1) });
        let expected: Vec<_> = stopped.into_iter().chain([StreamEvent::Writable(three)]).collect();
        assert_eq!(events(&mut client), expected);
    }
}

/// A connection that rests costs no more for the streams that it had.
#[test]
fn memory_of_streams_that_are_gone_is_given_back() {
    let mut client = client(0, 0);
    let all = [(); 100].map(|()| stream(&mut client, 1, 0));
    all.into_iter().for_each(|stream| client.reset(stream, code(1)));
    assert_eq!(client.waiting.len(), 100);
    flush(&mut client, &mut server());
    client.release_memory();
    assert_eq!((client.open_count(), client.waiting.capacity()), (0, 0));
}

/// A buffer of nothing is of no use, but does no harm.
#[test]
fn without_a_buffer_nobody_is_woken() {
    let mut client = client(0, 0);
    let [one, two] = [(); 2].map(|()| stream(&mut client, 1, 0));
    client.reset(one, code(1));
    assert_eq!((client.write_slice(two, b"x"), events(&mut client)), (Ok(0), Vec::new()));
}
