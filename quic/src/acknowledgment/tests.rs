use super::*;
use crate::packet::SentFrame;
use crate::wire::frame::{AckFrame, Frame, MAX_RANGES_SENT};
use alloc::vec::Vec;
use base::Reader;

const DELAY: Duration = Duration::from_millis(25);

const fn at(milliseconds: u64) -> Instant {
    Instant::from_nanos(milliseconds * 1_000_000)
}

fn number(value: u64) -> PacketNumber {
    PacketNumber::new(value).unwrap()
}

fn application() -> ReceivedPackets {
    ReceivedPackets::new(PacketNumberSpace::ApplicationData)
}

fn receive(received: &mut ReceivedPackets, now: Instant, value: u64) {
    received.on_received(now, number(value), true, Ecn::NotEct, DELAY);
}

/// Fills a packet of `room` bytes, and returns what was written.
fn fill(received: &mut ReceivedPackets, now: Instant, room: usize, left: usize) -> Option<Vec<u8>> {
    let mut payload = [0; 1500];
    let mut sent = Vec::new();
    let mut packet = OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut payload[..room], &mut sent);
    let written = received.fill(now, &mut packet, 3, left);
    let len = packet.len();
    assert!(len + left <= room || !written);
    assert!(!packet.is_ack_eliciting());
    assert_eq!(packet.sent_frames().len(), usize::from(written));
    if let Some(frame) = packet.sent_frames().first() {
        assert!(matches!(frame, SentFrame::Ack { largest } if Some(*largest) == received.largest()));
    }
    written.then(|| payload[..len].to_vec())
}

/// RFC 9000 section 13.2.1-1, 13.2.1-3, 13.2.5-1.
#[test]
fn every_second_packet_is_acknowledged_at_once_and_a_single_one_in_time() {
    let mut received = application();
    receive(&mut received, at(10), 0);
    assert!(!received.is_due(at(34)) && received.has_unsent());
    assert_eq!(received.deadline(), Some(at(35)));
    assert!(received.is_due(at(35)));
    receive(&mut received, at(20), 1);
    assert!(received.is_due(at(20)));
    assert_eq!(received.deadline(), None);
    // Largest 1; 8 ms in units of 8 us are 1000; no further range; one more packet in the first range.
    assert_eq!(fill(&mut received, at(28), 1200, 0).unwrap(), [2, 1, 0x43, 0xe8, 0, 1]);
    assert!(!received.is_due(at(1000)) && !received.has_unsent() && received.deadline().is_none());
    receive(&mut received, at(40), 2);
    received.on_timeout(at(64));
    assert!(!received.is_due(at(64)));
    received.on_timeout(at(65));
    assert!(received.is_due(at(65)) && received.deadline().is_none());
}

/// RFC 9000 section 13.2.1-2.
#[test]
fn handshake_packets_are_acknowledged_at_once() {
    for space in [PacketNumberSpace::Initial, PacketNumberSpace::Handshake] {
        let mut received = ReceivedPackets::new(space);
        received.on_received(at(0), number(0), true, Ecn::NotEct, DELAY);
        assert!(received.is_due(at(0)));
    }
}

#[test]
fn gaps_disorder_and_marks_are_told_at_once() {
    let mut received = application();
    receive(&mut received, at(0), 4);
    assert!(!received.is_due(at(0)));
    fill(&mut received, at(0), 100, 0).unwrap();
    // A gap, then none, then what was missing.
    for (value, due) in [(6, true), (7, false), (5, true), (8, false)] {
        receive(&mut received, at(0), value);
        assert_eq!(received.is_due(at(0)), due, "{value}");
        fill(&mut received, at(0), 100, 0).unwrap();
    }
    // A packet that asks for nothing fills the space between: no gap.
    received.on_received(at(0), number(9), false, Ecn::NotEct, DELAY);
    receive(&mut received, at(0), 10);
    assert!(!received.is_due(at(0)));
    fill(&mut received, at(0), 100, 0).unwrap();
    received.on_received(at(0), number(11), true, Ecn::Ce, DELAY);
    assert!(received.is_due(at(0)));
}

/// RFC 9000 section 13.2.1-4.
#[test]
fn what_asks_for_nothing_causes_nothing() {
    let mut received = application();
    for value in [0, 5, 3, 9] {
        received.on_received(at(0), number(value), false, Ecn::Ce, DELAY);
        assert!(!received.is_due(at(1000)) && !received.has_unsent() && received.deadline().is_none());
    }
}

/// RFC 9000 section 13.4.1-1.
#[test]
fn marks_are_counted_once() {
    let mut received = application();
    for (value, ecn) in [(0, Ecn::Ect0), (0, Ecn::Ect0), (1, Ecn::Ect1), (2, Ecn::Ce), (3, Ecn::NotEct), (4, Ecn::Ect0)]
    {
        received.on_received(at(0), number(value), true, ecn, DELAY);
    }
    assert_eq!(fill(&mut received, at(0), 100, 0).unwrap(), [3, 4, 0, 0, 4, 2, 1, 1]);
}

/// RFC 9000 section 12.3-4, 13.2.3-5.
#[test]
fn duplicates_are_known() {
    let mut received = application();
    for value in [0, 1, 2, 5, 6] {
        assert!(!received.is_duplicate(number(value)));
        receive(&mut received, at(0), value);
        assert!(received.is_duplicate(number(value)));
    }
    assert!(!received.is_duplicate(number(3)) && !received.is_duplicate(number(7)));
    // The peer knows of all up to 5, and so of what is missing there.
    received.on_ack_acked(number(5));
    for value in 0..=6 {
        assert_eq!(received.is_duplicate(number(value)), ![3, 4].contains(&value), "{value}");
    }
    assert!(!received.is_duplicate(number(7)));
    assert_eq!(received.largest(), Some(number(6)));
    assert_eq!(fill(&mut received, at(0), 100, 0).unwrap(), [2, 6, 0, 0, 0]);
    received.on_ack_acked(number(6));
    assert_eq!(fill(&mut received, at(0), 100, 0), None);
    // A late call with an older frame takes nothing back.
    received.on_ack_acked(number(2));
    assert!(received.is_duplicate(number(6)));
}

/// RFC 9000 section 12.3-4, 13.2.3-4.
#[test]
fn ranges_are_bounded_and_what_is_forgotten_is_refused() {
    let mut received = application();
    for value in 0..10_000 {
        receive(&mut received, at(0), value * 2);
        assert!(received.ranges.len() <= MAX_RANGES);
    }
    let floor = received.floor;
    assert_eq!(floor, (9_999 - MAX_RANGES as u64) * 2 + 1);
    assert!((0..floor).all(|value| received.is_duplicate(number(value))));
    assert!(!received.is_duplicate(number(floor)));
    // Refused even by who does not ask first.
    let ranges = received.ranges.clone();
    receive(&mut received, at(0), 3);
    assert_eq!(received.ranges, ranges);
}

#[test]
fn a_frame_takes_what_fits_the_newest_first() {
    let mut received = application();
    (0..40).for_each(|value| receive(&mut received, at(0), value * 1000));
    let mut longest = 0;
    for room in 0..400 {
        if let Some(frame) = fill(&mut received, at(0), room, 0) {
            assert_eq!(frame[..5], [2, 0x80, 0, 0x98, 0x58]);
            assert!(frame.len() >= longest);
            longest = frame.len();
        } else {
            assert!(room < 8);
        }
    }
    // Head of 8, and 39 further ranges of 3 bytes.
    assert_eq!(longest, 8 + 39 * 3);
    // Room kept for others: never touched (checked in `fill`), and still the newest is told when it fits.
    for left in 1..400 {
        assert_eq!(fill(&mut received, at(0), 400, left).is_some(), 400 - left >= LONGEST_HEAD);
    }
}

/// Hundreds of gaps are open, and one after the other is filled, from the oldest on: each packet is told of in the next frame, and no
/// frame is long.
#[test]
fn what_comes_late_is_told_though_many_gaps_are_newer() {
    let told = |received: &mut ReceivedPackets, room| {
        let frame = fill(received, at(0), room, 0).expect("there is something to tell");
        let Ok(Frame::Ack(ack)) = Frame::decode(&mut Reader::new(&frame)) else { panic!("{frame:?}") };
        ack.iter().collect::<Vec<_>>()
    };
    let mut received = application();
    (0..200).for_each(|value| receive(&mut received, at(0), value * 10));
    let newest = told(&mut received, 1000);
    assert!((NEWEST..=MAX_RANGES_SENT).contains(&newest.len()), "{newest:?}");
    for value in 0..200 {
        let late = [value * 10 + 2, value * 10 + 1];
        late.iter().for_each(|value| receive(&mut received, at(0), *value));
        let ranges = told(&mut received, 1000);
        assert!(ranges.len() <= MAX_RANGES_SENT && ranges[0].end() >= &1990);
        for number in late {
            assert!(ranges.iter().any(|range| range.contains(&number)), "{number}: {ranges:?}");
        }
        // Nothing is told that was not received, and everything is told once.
        assert!(ranges.iter().all(|range| received.ranges.contains(*range.start())));
    }
    // Where there is little room the newest come first.
    receive(&mut received, at(0), 5);
    assert!(told(&mut received, 60).len() < 30);
}

#[test]
fn a_frame_read_back_tells_the_same_numbers() {
    let mut received = application();
    let values = [0, 1, 2, 7, 8, 100, 101, 5000, 5002];
    values.iter().for_each(|&value| receive(&mut received, at(0), value));
    let frame = fill(&mut received, at(0), 400, 0).unwrap();
    // 5002 alone; gap 0: 5000; gap; 100..=101; gap; 7..=8; gap; 0..=2.
    assert_eq!(frame[..5], [2, 0x53, 0x8a, 0, 4]);
    let ack = AckFrame {
        largest: number(5002),
        ack_delay: 0,
        first_range: u64::from(frame[5]),
        range_count: 4,
        ranges: &frame[6..],
        ecn: None,
    };
    let mut told: Vec<u64> = ack.iter().flatten().collect();
    told.sort_unstable();
    assert_eq!(told, values);
}

/// What comes by a slower path than the rest comes when all around it was told and is forgotten. It is no duplicate, once.
#[test]
fn what_was_missing_when_the_rest_was_forgotten_may_still_come_once() {
    let mut received = application();
    [0, 1, 3, 4, 6, 7].into_iter().for_each(|value| receive(&mut received, at(0), value));
    fill(&mut received, at(0), 100, 0).unwrap();
    received.on_ack_acked(number(6));
    let duplicates =
        |received: &ReceivedPackets| (0..9).filter(|value| received.is_duplicate(number(*value))).collect();
    let expected: Vec<u64> = duplicates(&received);
    assert_eq!(expected, [0, 1, 3, 4, 6, 7]);
    // It is told, and then it is as old as the others.
    receive(&mut received, at(0), 2);
    assert!(received.is_duplicate(number(2)) && received.is_due(at(0)));
    assert_eq!(fill(&mut received, at(0), 100, 0).unwrap(), [2, 7, 0, 1, 0, 3, 0]);
    receive(&mut received, at(1), 2);
    assert!(!received.has_unsent(), "once");
    received.on_ack_acked(number(7));
    assert_eq!(received.ranges.len(), 0);
    let expected: Vec<u64> = duplicates(&received);
    assert_eq!(expected, [0, 1, 2, 3, 4, 6, 7]);
    receive(&mut received, at(2), 5);
    assert!(received.disorder.is_none(), "nothing is kept for what is complete");
    // A connection at rest keeps none either.
    receive(&mut received, at(3), 9);
    received.on_ack_acked(number(9));
    assert!(!received.is_duplicate(number(8)));
    received.release_memory();
    assert!(received.is_duplicate(number(8)) && received.disorder.is_none());
}

/// RFC 9000 section 12.3-4, 13.2.3-4.
#[test]
fn what_is_missing_is_remembered_up_to_a_number_of_gaps() {
    let mut received = application();
    for value in 0..10_000 {
        receive(&mut received, at(0), value * 3);
        received.on_ack_acked(number(value * 3));
        assert!(received.disorder.as_ref().map_or(0, |disorder| disorder.missing.len()) <= MAX_MISSING);
    }
    let oldest = 3 * (9_999 - MAX_MISSING as u64);
    assert!((0..=oldest).all(|value| received.is_duplicate(number(value))));
    assert!((oldest + 1..29_997).all(|value| received.is_duplicate(number(value)) == (value % 3 == 0)));
}
