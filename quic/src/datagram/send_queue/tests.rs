use super::*;
use crate::wire::frame::Frame;
use crate::wire::packet_number::PacketNumberSpace;
use alloc::vec;
use alloc::vec::Vec;
use base::{Duration, Reader};

const CONFIG: fn() -> DatagramsConfig = DatagramsConfig::default;

fn at(milliseconds: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(milliseconds)
}

fn push(queue: &mut SendQueue, len: usize, options: DatagramOptions) -> Result<DatagramId, DatagramRefusal> {
    let data = vec![len as u8; len];
    queue.push(&CONFIG(), 1200, [&data[..len / 2], &data[len / 2..]], options)
}

/// The datagrams that a packet of so many bytes gets, by their lengths, and how many of them tell their fate.
fn fill(queue: &mut SendQueue, room: usize, most: usize) -> (Vec<usize>, usize) {
    let (mut bytes, mut sent) = (vec![0xee; room], Vec::new());
    let mut packet = OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut bytes, &mut sent);
    queue.fill(&mut packet, most);
    let (len, is_eliciting, remembered) = (packet.len(), packet.is_ack_eliciting(), packet.sent_frames().len());
    let mut reader = Reader::new(&bytes[..len]);
    let mut lengths = Vec::new();
    while !reader.is_empty() {
        match Frame::decode(&mut reader) {
            Ok(Frame::Datagram(datagram)) => {
                assert!(datagram.data.iter().all(|byte| *byte == datagram.data.len() as u8));
                lengths.push(datagram.data.len());
            }
            Ok(Frame::Padding { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(is_eliciting, !lengths.is_empty());
    (lengths, remembered)
}

/// RFC 9221 section 5-1.
#[test]
fn datagrams_of_every_size_fit_every_room_that_has_a_byte_more() {
    for len in [0, 1, 62, 63, 64, 65, 200] {
        for room in 0..len + 6 {
            let mut queue = SendQueue::default();
            push(&mut queue, len, DatagramOptions::default()).unwrap();
            let (sent, _) = fill(&mut queue, room, 1200);
            assert_eq!(sent.len(), usize::from(room > len), "{len} bytes in {room}");
            assert_eq!(queue.wants_to_send(), room <= len);
        }
    }
    let mut queue = SendQueue::default();
    for len in [10, 20, 30, 5] {
        push(&mut queue, len, DatagramOptions::default()).unwrap();
    }
    assert_eq!(fill(&mut queue, 60, 1200).0, [10, 20], "they stay in their order");
    assert_eq!(fill(&mut queue, 60, 1200).0, [30, 5]);
    assert_eq!((queue.unsent(), queue.sent), (0, 4));
}

/// RFC 9221 section 3-2.
#[test]
fn what_is_too_large_is_handed_back_and_dropped_if_the_path_gets_narrower() {
    let mut queue = SendQueue::default();
    assert_eq!(push(&mut queue, 1201, DatagramOptions::default()), Err(DatagramRefusal::TooLarge { most: 1200 }));
    let told = DatagramOptions { tells_fate: true, ..DatagramOptions::default() };
    let id = push(&mut queue, 250, told).unwrap();
    push(&mut queue, 100, told).unwrap();
    assert_eq!(fill(&mut queue, 1200, 200), (vec![100], 1));
    assert_eq!((queue.poll_fate(), queue.poll_fate()), (Some((id, DatagramFate::Dropped)), None));
    assert_eq!((queue.dropped, queue.wants_to_send()), (1, false));
}

#[test]
fn a_full_queue_refuses_or_drops_the_oldest_and_tells_of_room() {
    let mut queue = SendQueue::default();
    let most = CONFIG().max_unsent_count;
    let told = DatagramOptions { tells_fate: true, ..DatagramOptions::default() };
    let first = push(&mut queue, 1, told).unwrap();
    (1..most).for_each(|_| {
        push(&mut queue, 1, DatagramOptions::default()).unwrap();
    });
    assert!(!queue.is_writable_due(&CONFIG()));
    assert_eq!(push(&mut queue, 1, DatagramOptions::default()), Err(DatagramRefusal::Full));
    let newest = DatagramOptions { when_full: WhenFull::DropOldest, ..told };
    let last = push(&mut queue, 1, newest).unwrap();
    assert_eq!((queue.poll_fate(), last), (Some((first, DatagramFate::Dropped)), DatagramId(most as u64)));
    assert!(!queue.is_writable_due(&CONFIG()));
    fill(&mut queue, 3 * most / 2, 1200);
    assert!(queue.is_writable_due(&CONFIG()));
    queue.on_writable_told();
    assert!(!queue.is_writable_due(&CONFIG()));
    // By their bytes.
    let mut queue = SendQueue::default();
    let whole = CONFIG().max_unsent / 1200;
    (0..whole).for_each(|_| {
        push(&mut queue, 1200, DatagramOptions::default()).unwrap();
    });
    assert_eq!(push(&mut queue, 1200, DatagramOptions::default()), Err(DatagramRefusal::Full));
    assert!(queue.unsent() <= CONFIG().max_unsent);
}

#[test]
fn fates_that_nobody_asks_for_hold_back_what_tells_more() {
    let mut queue = SendQueue::default();
    let told = DatagramOptions { tells_fate: true, ..DatagramOptions::default() };
    for number in 0..MAX_FATES as u64 {
        queue.on_fate(number, DatagramFate::Acknowledged);
    }
    assert_eq!(push(&mut queue, 1, told), Err(DatagramRefusal::Full));
    assert!(push(&mut queue, 1, DatagramOptions::default()).is_ok());
    (0..MAX_FATES / 2).for_each(|_| {
        queue.poll_fate();
    });
    assert!(queue.is_writable_due(&CONFIG()) && push(&mut queue, 1, told).is_ok());
}

#[test]
fn what_is_urgent_goes_first_and_is_dropped_last() {
    let mut queue = SendQueue::default();
    let urgent = DatagramOptions { is_urgent: true, ..DatagramOptions::default() };
    for (len, options) in [(1, DatagramOptions::default()), (2, urgent), (3, DatagramOptions::default()), (4, urgent)] {
        push(&mut queue, len, options).unwrap();
    }
    assert!(queue.drop_oldest());
    assert_eq!(fill(&mut queue, 100, 1200).0, [2, 4, 3]);
}

/// RFC 9221 s5.4: what is of no use any more is not sent.
#[test]
fn what_has_waited_too_long_is_dropped() {
    let mut queue = SendQueue::default();
    let by = |deadline| DatagramOptions { tells_fate: true, deadline, ..DatagramOptions::default() };
    let first = push(&mut queue, 1, by(Some(at(20)))).unwrap();
    let second = push(&mut queue, 2, by(Some(at(10)))).unwrap();
    push(&mut queue, 3, by(None)).unwrap();
    assert_eq!(queue.deadline(), Some(at(10)));
    queue.expire(at(9));
    assert!(!queue.has_fates());
    queue.expire(at(10));
    assert_eq!((queue.poll_fate(), queue.deadline()), (Some((second, DatagramFate::Dropped)), Some(at(20))));
    queue.expire(at(30));
    assert_eq!((queue.poll_fate(), queue.deadline()), (Some((first, DatagramFate::Dropped)), None));
    assert_eq!(fill(&mut queue, 100, 1200).0, [3]);
}
