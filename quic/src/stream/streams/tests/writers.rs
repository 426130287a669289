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
    let mut client = client(100, 200);
    let one = stream(&mut client, 100, 100);
    assert_eq!(acked(&mut client, one, 0..100), []);
    // Nor is who has nothing more to write.
    assert_eq!(client.write_slice(one, &[1; 101]), Ok(100));
    client.finish(one).unwrap();
    packet(&mut client, 1200);
    assert_eq!(acked(&mut client, one, 100..200), []);
}

/// Pieces that follow each other are one write: what fits is taken from their fronts in order, and the writer is told of room for
/// the rest.
#[test]
fn pieces_are_taken_in_order_as_far_as_they_fit() {
    let mut client = client(100, 1000);
    let one = client.open(UNI).unwrap();
    let mut parts =
        [Bytes::from(alloc::vec![1; 60]), Bytes::new(), Bytes::from(alloc::vec![2; 60]), Bytes::from_static(&[3; 5])];
    assert_eq!(client.write_parts(one, &mut parts), Ok(100));
    assert_eq!(parts.each_ref().map(|part| part.len()), [0, 0, 20, 5]);
    while client.wants_to_send() {
        packet(&mut client, 1200);
    }
    assert_eq!(acked(&mut client, one, 0..100), [StreamEvent::Writable(one)]);
    assert_eq!((client.write_parts(one, &mut parts), client.delivery(one)), (Ok(25), Some((125, 100))));
    assert!(parts.iter().all(|part| part.is_empty()));
    assert_eq!(client.write_parts(one, &mut []), Ok(0));
    client.finish(one).unwrap();
    assert_eq!(client.write_parts(one, &mut [Bytes::from_static(b"x")]), Err(WriteError::Finished));
}

/// The last pieces bring the end along where all of them are taken, and say nothing of it where they are not.
#[test]
fn the_last_pieces_end_the_stream_if_all_are_taken() {
    let mut client = client(100, 1000);
    let one = client.open(UNI).unwrap();
    let mut parts = [Bytes::from(alloc::vec![1; 60]), Bytes::from(alloc::vec![2; 60])];
    assert_eq!(client.write_last(one, &mut parts), Ok(100));
    assert_eq!(parts.each_ref().map(|part| part.len()), [0, 20]);
    packet(&mut client, 1200);
    assert_eq!(acked(&mut client, one, 0..100), [StreamEvent::Writable(one)]);
    assert_eq!(client.write_last(one, &mut parts), Ok(20));
    assert_eq!(client.write_last(one, &mut []), Err(WriteError::Finished));
    let (_, sent) = packet(&mut client, 1200);
    assert_eq!(sent, [SentFrame::Stream { id: one, offset: 100, len: 20, fin: true }]);
    client.on_acked(&sent[0]);
    assert_eq!((events(&mut client), client.open_count()), (alloc::vec![StreamEvent::Finished(one)], 0));
    // An end without anything.
    let two = client.open(UNI).unwrap();
    assert_eq!(client.write_last(two, &mut []), Ok(0));
    assert_eq!(packet(&mut client, 1200).1, [SentFrame::Stream { id: two, offset: 0, len: 0, fin: true }]);
}

/// Bytes that nobody else refers to are sent from where they stand. What does not fit is given back, and what has arrived leaves its memory to
/// the next who writes, until the connection rests.
#[test]
fn what_is_handed_over_in_its_memory_is_taken_as_far_as_it_fits() {
    let mut client = client(100, 1000);
    let one = client.open(BIDI).unwrap();
    let data = alloc::vec![1; 120];
    let place = data.as_ptr();
    let rest = client.write_own(one, data, true).unwrap();
    assert_eq!((rest.len(), client.unacknowledged_ends()), (20, 0));
    let (bytes, sent) = packet(&mut client, 1200);
    assert_eq!(sent, [SentFrame::Stream { id: one, offset: 0, len: 100, fin: false }]);
    assert!(bytes.windows(100).any(|part| part == [1; 100]));
    assert_eq!(acked(&mut client, one, 0..100), [StreamEvent::Writable(one)]);
    assert!(client.memory().is_empty(), "the stream goes on, and holds nothing meanwhile");
    let mut parts = [rest];
    assert_eq!(client.write_last(one, &mut parts), Ok(20));
    assert_eq!(client.write_own(one, alloc::vec![1], false), Err(WriteError::Finished));
    let two = client.open(BIDI).unwrap();
    let data = alloc::vec![2; 50];
    let other = data.as_ptr();
    assert!(client.write_own(two, data, true).unwrap().is_empty());
    let (_, sent) = packet(&mut client, 1200);
    sent.iter().for_each(|frame| client.on_acked(frame));
    for id in [one, two] {
        client.stop_sending(id, code(0));
        client.on_reset_stream(id, code(0), 0).unwrap();
    }
    assert!(events(&mut client).contains(&StreamEvent::Finished(two)) && client.open_count() == 0);
    let memory = client.memory();
    assert!(memory.is_empty() && memory.capacity() >= 50 && core::ptr::eq(memory.as_ptr(), other));
    assert!(!core::ptr::eq(place, other) && client.memory().capacity() == 0);
    client.release_memory();
    assert!(client.spare.is_released());
}

/// What arrives behind a gap is held as before: there is no room to tell of.
#[test]
fn only_room_wakes() {
    let mut client = client(100, 200);
    let one = stream(&mut client, 101, 100);
    assert_eq!(acked(&mut client, one, 50..100), []);
    assert_eq!(acked(&mut client, one, 0..50), [StreamEvent::Writable(one)]);
}

/// In the proportions of the defaults: one stream alone has all of its buffer, and however many the peer does not read,
/// they leave as much as the last of them took. Who writes there goes on when half of his share is free.
#[test]
fn streams_that_stand_still_keep_no_other_waiting() {
    let mut client = client(160, 320);
    for held in [160, 80, 40, 20] {
        stream(&mut client, 500, held);
    }
    let one = stream(&mut client, 500, 10);
    for round in 0..10 {
        let start = round * 10;
        assert_eq!(acked(&mut client, one, start..start + 4), []);
        assert_eq!(acked(&mut client, one, start + 4..start + 5), [StreamEvent::Writable(one)]);
        // Half of it was acknowledged; it has no right to more than before.
        assert_eq!(client.write_slice(one, &[1; 500]), Ok(5));
        packet(&mut client, 1200);
        assert_eq!(acked(&mut client, one, start + 5..start + 10), [StreamEvent::Writable(one)]);
        assert_eq!(client.write_slice(one, &[1; 500]), Ok(5));
        packet(&mut client, 1200);
    }
}

/// Who has nothing that could be acknowledged waits for others: for the first byte of room.
#[test]
fn for_whom_there_is_no_room_at_all_goes_on_when_there_is_any() {
    let mut client = client(100, 4);
    let [one, _] = [2, 1].map(|taken| stream(&mut client, 10, taken));
    let last = stream(&mut client, 10, 1);
    let [three, four, five] = [(); 3].map(|()| stream(&mut client, 10, 0));
    assert_eq!(client.write_slice(one, b"x"), Ok(0));
    assert_eq!(client.waiting, [three, four, five]);
    // No room is made.
    client.reset(four, code(1));
    assert_eq!(events(&mut client), []);
    assert_eq!(acked(&mut client, last, 0..1), [last, three, five].map(StreamEvent::Writable));
    // Told once.
    assert_eq!(acked(&mut client, one, 0..1), [StreamEvent::Writable(one)]);
    assert!(client.waiting.is_empty());
}

/// What is abandoned, by either side, is free at once, and so are its place in the queue and that alone.
#[test]
fn an_end_makes_room() {
    for by_peer in [false, true] {
        let mut client = client(800, 1);
        let one = stream(&mut client, 1, 1);
        let [two, three] = [(); 2].map(|()| stream(&mut client, 1, 0));
        client.reset(two, code(1));
        flush(&mut client, &mut server());
        assert_eq!((client.open_count(), client.buffered(), events(&mut client)), (2, 1, Vec::new()));
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
    for of_all in [0, 100] {
        let mut client = client(0, of_all);
        let [one, two] = [(); 2].map(|()| stream(&mut client, 1, 0));
        client.reset(one, code(1));
        assert_eq!((client.write_slice(two, b"x"), events(&mut client)), (Ok(0), Vec::new()));
    }
}

/// What the peer gives no credit for is not taken, so it can stand in nobody's way.
/// RFC 9000 section 4.1-4.
#[test]
fn r1_no_more_is_taken_than_the_credit_of_the_stream_and_of_the_connection() {
    let config = StreamsConfig { max_data: 150, max_stream_data_uni: 100, ..StreamsConfig::default() };
    let (mut client, mut server) = pair(&config);
    let one = stream(&mut client, 500, 100);
    let blocked = |sent: &[SentFrame]| {
        sent.iter().any(|frame| matches!(frame, SentFrame::StreamDataBlocked(..) | SentFrame::DataBlocked(_)))
    };
    assert!(client.is_blocked());
    let two = stream(&mut client, 500, 50);
    let three = stream(&mut client, 500, 0);
    // Their own bytes are acknowledged, which gives no credit.
    assert_eq!(acked(&mut client, one, 0..100), []);
    assert_eq!(acked(&mut client, two, 0..50), []);
    assert_eq!((client.window.held(), client.wants_to_send()), (0, false));
    client.remind_of_blocked();
    assert!(blocked(&packet(&mut client, 1200).1) && !client.wants_to_send());
    // Of the connection's credit, those have a part who can use it, one after the other.
    client.on_max_data(200);
    assert_eq!(events(&mut client), [StreamEvent::Writable(two)]);
    assert_eq!(client.write_slice(two, &[1; 500]), Ok(50));
    assert_eq!(client.room(three, 500), Ok(0));
    flush(&mut client, &mut server);
    client.on_max_data(1000);
    assert_eq!(events(&mut client), [StreamEvent::Writable(three)]);
    assert_eq!(client.room(three, 500), Ok(100));
    client.on_max_stream_data(one, 101).unwrap();
    assert_eq!(events(&mut client), [StreamEvent::Writable(one)]);
    assert_eq!((client.room(one, 500), client.is_blocked()), (Ok(1), true), "two waits");
}

/// What runs ahead of the network begins small and grows with what may be in flight, and many streams share it.
#[test]
fn r1_what_runs_ahead_follows_the_congestion_window() {
    let config = StreamsConfig { max_data: 1 << 40, max_stream_data_uni: 1 << 40, ..StreamsConfig::default() };
    let (mut client, _) = pair(&config);
    let one = client.open(UNI).unwrap();
    assert_eq!(client.write_slice(one, &[1; 1 << 20]), Ok(64 << 10));
    assert_eq!(client.room(one, 1 << 20), Ok(0));
    client.follow_congestion_window(256 << 10);
    assert_eq!(client.room(one, 1 << 20), Ok(192 << 10));
    client.write_slice(one, &[1; 1 << 20]).unwrap();
    // Each of many has something.
    for _ in 0..90 {
        let stream = client.open(UNI).unwrap();
        assert!(client.write_slice(stream, &[1; 1 << 20]).unwrap() >= 4 << 10);
    }
    assert!(client.window.held() < (512 + 400) << 10);
    // A packet that is never acknowledged holds no more than some windows.
    while client.wants_to_send() {
        packet(&mut client, 1200);
        client.write_slice(one, &[1; 1 << 20]).unwrap();
    }
    assert!(client.window.held() <= 16 * (256 << 10));
}

/// What was asked for and given up was work for nothing. Whose peer has given up more than it took begins each stream as a new
/// connection would, and goes on as its bytes arrive, until as much was taken as had been given up.
#[test]
fn r6_who_gives_up_more_than_it_takes_has_little_made_ahead() {
    const KIB: u64 = 1 << 10;
    static MUCH: [u8; 4 << 20] = [1; 4 << 20];
    let config = StreamsConfig { max_data: 1 << 40, max_stream_data_uni: 1 << 40, ..StreamsConfig::default() };
    for by_peer in [false, true] {
        let (mut client, _) = pair(&config);
        client.follow_congestion_window(512 * KIB);
        // However much more that is, it counts as twice what is allowed.
        for given_up in [(); 6].map(|()| stream(&mut client, MUCH.len(), 512 << 10)) {
            if by_peer {
                client.on_stop_sending(given_up, code(1)).unwrap();
            } else {
                client.reset(given_up, code(1));
            }
        }
        flush(&mut client, &mut server());
        events(&mut client);
        let [one, two] = [(); 2].map(|()| stream(&mut client, MUCH.len(), 16 << 10));
        assert_eq!(client.room(one, MUCH.len()), Ok(0));
        assert_eq!(acked(&mut client, one, 0..16 * KIB), [StreamEvent::Writable(one)]);
        assert_eq!(client.room(one, MUCH.len()), Ok(32 << 10), "as much again as has arrived");
        assert_eq!((client.room(two, MUCH.len()), events(&mut client)), (Ok(0), Vec::new()), "of its own");
        let fresh = client.open(UNI).unwrap();
        let mut arrived = 16 * KIB;
        while client.room(fresh, MUCH.len()) == Ok(16 << 10) {
            let count = client.write_slice(one, &MUCH).unwrap() as u64;
            while client.wants_to_send() {
                packet(&mut client, 1200);
            }
            acked(&mut client, one, arrived..arrived + count);
            arrived += count;
        }
        assert_eq!(client.room(fresh, MUCH.len()), Ok(512 << 10));
        assert!((1024 * KIB..2048 * KIB).contains(&arrived), "{arrived}");
    }
}

/// The budget of an endpoint: who came first has the most, and nobody has nothing.
#[test]
fn r1_connections_share_a_budget_and_none_of_them_is_starved() {
    let config = StreamsConfig { max_data: 1 << 40, max_stream_data_uni: 1 << 40, ..StreamsConfig::default() };
    let memory = SendMemory::new(1 << 20);
    let connect = || {
        let mut client =
            Streams::new(Side::Client, shared(&config), memory.clone(), ReceiveMemory::new(0).begin(1 << 20));
        client.set_peer_limits(&parameters(&config));
        client.follow_congestion_window(1 << 20);
        client
    };
    // Each takes and sends all that it may, and nothing is ever acknowledged.
    let fill = |client: &mut Streams| {
        let stream = client.open(UNI).unwrap();
        while client.write_slice(stream, &[1; 1 << 20]).unwrap() > 0 {
            while client.wants_to_send() {
                packet(client, 1200);
            }
        }
        client.window.held()
    };
    let mut clients: Vec<Streams> = (0..50).map(|_| connect()).collect();
    let held: Vec<u64> = clients.iter_mut().map(fill).collect();
    assert_eq!(held[0], 256 << 10, "a stream has half of what its connection may hold, and that is half of the budget");
    assert!(held.iter().all(|held| *held >= 16 << 10));
    assert!(memory.held() <= (1 << 20) + 50 * (32 << 10));
    drop(clients);
    assert_eq!(memory.held(), 0);
}
