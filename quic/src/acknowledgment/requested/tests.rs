use super::super::*;
use super::*;
use crate::wire::packet_number::PacketNumber;

const USUAL: Duration = Duration::from_millis(25);

const fn frame(sequence_number: u64, threshold: u64, reordering_threshold: u64) -> AckFrequencyFrame {
    AckFrequencyFrame { sequence_number, threshold, max_ack_delay: 10_000, reordering_threshold }
}

fn requested(frame: &AckFrequencyFrame) -> Requested {
    Requested::new(frame, Duration::from_millis(1)).unwrap()
}

fn asked(threshold: u64, reordering_threshold: u64) -> ReceivedPackets {
    let mut received = ReceivedPackets::new(PacketNumberSpace::ApplicationData);
    received.on_request(requested(&frame(1, threshold, reordering_threshold)));
    received
}

fn fill(received: &mut ReceivedPackets) {
    let (mut payload, mut sent) = ([0; 1200], alloc::vec::Vec::new());
    let mut packet = OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut payload, &mut sent);
    assert!(received.fill(Instant::ZERO, &mut packet, 3, 0));
}

/// Whether the packet makes an ACK frame due at once, which is sent then.
fn tells(received: &mut ReceivedPackets, number: u64, ecn: Ecn) -> bool {
    received.on_received(Instant::ZERO, PacketNumber::new(number).unwrap(), true, ecn, USUAL);
    let is_due = received.is_due(Instant::ZERO);
    if is_due {
        fill(received);
    }
    is_due
}

/// Of these numbers, in their order, those that are told of at once.
fn told(received: &mut ReceivedPackets, numbers: &[u64]) -> alloc::vec::Vec<u64> {
    numbers.iter().copied().filter(|number| tells(received, *number, Ecn::NotEct)).collect()
}

/// draft-ietf-quic-ack-frequency section 4-2.
#[test]
fn more_packets_than_the_threshold_are_told_of_at_once_and_fewer_in_time() {
    for (threshold, expected) in [(0, &[0, 1, 2, 3, 4, 5, 6, 7][..]), (1, &[1, 3, 5, 7]), (3, &[3, 7]), (u64::MAX, &[])]
    {
        assert_eq!(told(&mut asked(threshold, 3), &[0, 1, 2, 3, 4, 5, 6, 7]), expected, "{threshold}");
    }
    // The delay is the one that was asked for, and not the usual one.
    // draft-ietf-quic-ack-frequency section 4-3.
    let mut received = asked(9, 3);
    assert!(!tells(&mut received, 0, Ecn::NotEct));
    assert_eq!(received.deadline(), Some(Instant::ZERO + Duration::from_millis(10)));
}

/// The examples of draft-ietf-quic-ack-frequency section 6.2.1.
/// draft-ietf-quic-ack-frequency section 6.2-2.
#[test]
fn a_gap_is_told_when_the_peer_can_take_it_for_a_loss() {
    assert_eq!(told(&mut asked(100, 3), &[0, 1, 3, 4, 5, 8, 9, 10]), [5, 9, 10]);
    assert_eq!(told(&mut asked(100, 5), &[0, 1, 3, 5, 6, 7, 8, 9]), [7, 9]);
    // What the peer has given up already, and what it still waits for.
    let mut received = asked(100, 3);
    assert_eq!(told(&mut received, &[0, 1, 3, 4, 5, 6, 2]), [5, 2]);
    assert_eq!(told(&mut received, &[7, 9, 8, 10]), [0; 0]);
    // A threshold of one is the usual behaviour.
    assert_eq!(told(&mut asked(100, 1), &[0, 1, 3, 4, 2, 5]), [3, 2]);
}

/// draft-ietf-quic-ack-frequency section 6.2-1.
#[test]
fn without_a_reordering_threshold_no_disorder_is_told_but_before_it_is_forgotten() {
    assert_eq!(told(&mut asked(100, 0), &[0, 9, 3, 4, 2, 5]), [0; 0]);
    // Every other packet is lost: all gaps are told while their ranges are still known.
    let numbers: alloc::vec::Vec<u64> = (0..200).map(|number| 2 * number).collect();
    let told = told(&mut asked(10_000, 0), &numbers);
    assert_eq!(told, [64, 128, 192, 256, 320, 384]);
}

/// draft-ietf-quic-ack-frequency section 6.3-1.
#[test]
fn the_first_of_several_marks_is_told_at_once() {
    let marks = [Ecn::Ect0, Ecn::Ce, Ecn::Ce, Ecn::Ect0, Ecn::Ce, Ecn::Ect0];
    let told = |threshold: u64| -> alloc::vec::Vec<u64> {
        let mut received = asked(threshold, 3);
        (0..).zip(marks).filter(|(number, ecn)| tells(&mut received, *number, *ecn)).map(|(number, _)| number).collect()
    };
    assert_eq!(told(100), [1, 4]);
    assert_eq!(told(1), [1, 2, 4]);
}

/// draft-ietf-quic-ack-frequency section 4-4.
#[test]
fn a_delay_that_cannot_be_kept_is_refused() {
    for (micros, is_taken) in [(0, false), (999, false), (1000, true), (16_383_999, true), (16_384_000, false)] {
        let request = AckFrequencyFrame { max_ack_delay: micros, ..frame(0, 1, 1) };
        assert_eq!(Requested::new(&request, Duration::from_millis(1)).is_some(), is_taken, "{micros}");
    }
    let request = AckFrequencyFrame { max_ack_delay: u64::MAX >> 2, ..frame(0, 1, 1) };
    assert_eq!(Requested::new(&request, Duration::ZERO), None);
}

/// draft-ietf-quic-ack-frequency section 4-5.
#[test]
fn an_older_request_changes_nothing() {
    let mut received = asked(3, 3);
    for old in [0, 1] {
        received.on_request(requested(&frame(old, 0, 3)));
    }
    assert_eq!(told(&mut received, &[0, 1, 2, 3]), [3]);
    received.on_request(requested(&frame(2, 0, 3)));
    assert_eq!(told(&mut received, &[4, 5]), [4, 5]);
}

/// draft-ietf-quic-ack-frequency section 5-1.
#[test]
fn a_packet_that_asks_for_it_is_told_of_at_once() {
    let mut received = asked(100, 3);
    assert!(!tells(&mut received, 0, Ecn::NotEct));
    received.on_immediate_request();
    assert!(tells(&mut received, 1, Ecn::NotEct) && !tells(&mut received, 2, Ecn::NotEct));
}
