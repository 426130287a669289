//! The order of bytes by priority.

use super::*;
use crate::stream::StreamPriority;

/// The streams of the packets that follow, one letter of a name for each, until so many packets or the end.
fn order(server: &mut Streams, names: &[(StreamId, char)], packets: usize) -> alloc::string::String {
    let mut order = alloc::string::String::new();
    for _ in 0..packets {
        let (_, sent) = packet(server, 1000);
        for frame in &sent {
            let SentFrame::Stream { id, .. } = frame else { continue };
            order.push(names.iter().find(|(other, _)| other == id).unwrap().1);
        }
    }
    order
}

/// A server that has such streams, with so many bytes of each to be sent.
fn with_streams(priorities: &[Option<StreamPriority>], len: usize) -> (Streams, Vec<StreamId>) {
    let (_, mut server) = pair(&StreamsConfig::default());
    server.follow_congestion_window(1 << 20);
    let mut ids = Vec::new();
    for (index, priority) in priorities.iter().enumerate() {
        let id = id(4 * index as u64);
        receive(&mut server, id.value(), 0, b"", true).unwrap();
        if let Some(priority) = priority {
            server.set_priority(id, *priority);
        }
        let mut data = Bytes::from(alloc::vec![0; len]);
        server.write(id, &mut data).unwrap();
        assert!(data.is_empty());
        ids.push(id);
    }
    (server, ids)
}

/// RFC 9218 section 10: by urgency, then in order, and by turns where streams share.
#[test]
fn bytes_go_by_urgency_and_by_kind() {
    let priority = |urgency, shares| Some(StreamPriority::new(urgency, shares));
    let (mut server, ids) =
        with_streams(&[priority(5, true), priority(5, true), None, priority(1, false), priority(1, false)], 4_500);
    let names: Vec<_> = ids.iter().copied().zip("ABCDE".chars()).collect();
    // The last frame of a stream shares its packet with the first of the next one. The sixteenth turn is for who waits.
    assert_eq!(order(&mut server, &names, 30), "DDDDDEEEEEECCCCACBABABABABB");
}

#[test]
fn what_is_not_prioritized_takes_turns_as_ever() {
    let (mut server, ids) = with_streams(&[None, None, None], 3_500);
    let names: Vec<_> = ids.iter().copied().zip("ABC".chars()).collect();
    let plain = order(&mut server, &names, 30);
    assert!(plain.starts_with("ABCABCABC"), "{plain}");
    assert!(server.schedule.levels().is_none(), "and costs nothing");
}

/// A stream that is in the middle of being sent goes to another place, and the sums of what waits stay true.
#[test]
fn a_change_while_sending_counts_at_once() {
    let priority = |urgency, shares| Some(StreamPriority::new(urgency, shares));
    let (mut server, ids) = with_streams(&[priority(2, false), priority(4, false)], 20_000);
    let names: Vec<_> = ids.iter().copied().zip("AB".chars()).collect();
    assert_eq!(order(&mut server, &names, 5), "AAAAA");
    server.set_priority(ids[1], StreamPriority::new(0, false));
    assert_eq!(order(&mut server, &names, 5), "BBBBB");
    server.set_priority(ids[1], StreamPriority::new(2, true));
    server.set_priority(ids[0], StreamPriority::new(2, true));
    let both = order(&mut server, &names, 4);
    assert!(both == "ABAB" || both == "BABA", "{both}");
}

/// A stream that comes late is not kept from handing over its bytes by what less urgent ones have handed over.
#[test]
fn what_waits_of_the_less_urgent_takes_no_room() {
    let (mut server, ids) = with_streams(&[], 0);
    assert!(ids.is_empty());
    server.follow_congestion_window(0);
    let mut room = |index: u64, urgency| {
        let id = id(4 * index);
        receive(&mut server, id.value(), 0, b"", true).unwrap();
        server.set_priority(id, StreamPriority::new(urgency, false));
        let mut data = Bytes::from(alloc::vec![0; 1 << 20]);
        server.write(id, &mut data).unwrap()
    };
    let first = room(0, 3);
    assert_eq!((room(1, 3), room(2, 3)), (first / 2, first / 4));
    assert_eq!(room(3, 1), first, "as if there were no others");
    assert_eq!(room(4, 7), 4 << 10, "behind all of them there is the least");
}

/// Whatever happens to streams, the sums are those of the streams, and nothing is left of priorities at rest.
#[test]
fn sums_are_true_whatever_happens() {
    for seed in 1..200 {
        let mut random = Random(seed);
        let (mut client, mut server) = pair(&StreamsConfig::default());
        server.follow_congestion_window(20_000);
        let mut ids = Vec::new();
        for _ in 0..random.below(400) {
            match random.below(8) {
                0 => {
                    let Some(id) = client.open(BIDI) else { continue };
                    client.write_slice(id, b"x").unwrap();
                    flush(&mut client, &mut server);
                    ids.push(id);
                }
                1..=2 if !ids.is_empty() => {
                    let id = ids[random.below(ids.len() as u64) as usize];
                    let priority = StreamPriority::new(random.below(8) as u8, random.one_in(2));
                    server.set_priority(id, priority);
                }
                3..=4 if !ids.is_empty() => {
                    let id = ids[random.below(ids.len() as u64) as usize];
                    let len = random.below(9000) as usize;
                    let _ = server.write(id, &mut Bytes::from(alloc::vec![0; len]));
                }
                5 if !ids.is_empty() => {
                    let id = ids.swap_remove(random.below(ids.len() as u64) as usize);
                    if random.one_in(2) {
                        server.reset(id, code(1));
                    } else {
                        let _ = server.finish(id);
                    }
                    server.stop_sending(id, code(1));
                    client.reset(id, code(1));
                    client.stop_sending(id, code(1));
                }
                _ => {
                    let (bytes, sent) = packet(&mut server, 1000);
                    deliver(&bytes, &mut client, Instant::ZERO).unwrap();
                    sent.iter().for_each(
                        |frame| if random.one_in(5) { server.on_lost(frame) } else { server.on_acked(frame) },
                    );
                }
            }
            let mut expected = [0; 8];
            for stream in server.map.values().flatten() {
                expected[stream.priority.level()] += stream.send.as_ref().map_or(0, |send| send.load().unsent);
            }
            if let Some(levels) = server.schedule.levels() {
                let behind: Vec<u64> =
                    (0..8).map(|urgency| levels.unsent_behind(StreamPriority::new(urgency, true))).collect();
                let sums: Vec<u64> = (0..8).map(|level| expected[level + 1..].iter().sum()).collect();
                assert_eq!(behind, sums, "seed {seed}");
            }
        }
        for id in ids {
            server.set_priority(id, StreamPriority::default());
        }
        server.release_memory();
        let is_needed = server.map.values().flatten().any(|stream| stream.priority != StreamPriority::default());
        assert_eq!(server.schedule.levels().is_some(), is_needed, "seed {seed}");
    }
}
