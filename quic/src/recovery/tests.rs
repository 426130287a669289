use super::*;
use crate::wire::frame::EcnCounts;
use PacketNumberSpace::{ApplicationData, Handshake, Initial};
use alloc::vec::Vec;
use base::Writer;

const fn at(milliseconds: u64) -> Instant {
    Instant::from_nanos(milliseconds * 1_000_000)
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn number(value: u64) -> PacketNumber {
    PacketNumber::new(value).unwrap()
}

/// With windows that are easy to reckon: half after a loss.
fn new_reno() -> Arc<Config> {
    let mut config = Config::default();
    config.recovery.congestion_control = CongestionControl::NewReno;
    config.recovery.ecn = true;
    Arc::new(config)
}

fn confirmed() -> Recovery {
    let mut recovery = Recovery::new(Side::Server, new_reno());
    recovery.set_handshake_confirmed();
    recovery
}

fn packet(value: u64, time_sent: Instant) -> SentPacket {
    SentPacket {
        number: number(value),
        time_sent,
        size: 1200,
        ack_eliciting: true,
        in_flight: true,
        mtu_probe: false,
        marked: false,
    }
}

fn send(recovery: &mut Recovery, now: Instant, space: PacketNumberSpace, value: u64) {
    recovery.on_sent(now, space, packet(value, now), &[SentFrame::MaxData(value)]);
}

/// Calls `then` with an ACK frame of `ranges`, which are inclusive and descending.
fn ack(
    recovery: &mut Recovery,
    now: Instant,
    space: PacketNumberSpace,
    ranges: &[(u64, u64)],
    delay: Duration,
) -> Result<Outcome, Violation> {
    let mut bytes = [0; 4096];
    let mut writer = Writer::new(&mut bytes);
    for pair in ranges.windows(2) {
        writer.varint(pair[0].0 - pair[1].1 - 2).unwrap();
        writer.varint(pair[1].1 - pair[1].0).unwrap();
    }
    let frame = AckFrame {
        largest: number(ranges[0].1),
        ack_delay: 0,
        first_range: ranges[0].1 - ranges[0].0,
        range_count: ranges.len() as u64 - 1,
        ranges: writer.written(),
        ecn: None,
    };
    let mut out = Outcome::new();
    recovery.on_ack(now, space, &frame, delay, &mut out).map(|()| out)
}

fn data(frames: &[SentFrame]) -> Vec<u64> {
    frames
        .iter()
        .map(|frame| if let SentFrame::MaxData(value) = frame { *value } else { panic!("{frame:?}") })
        .collect()
}

/// RFC 9000 section 13.3-7.
/// RFC 9002 section 7.3.1-1, 7.3.2-1, 7.3.2-2, 6.2.1-6, 7.4-2.
#[test]
fn packets_are_lost_by_number() {
    let mut recovery = confirmed();
    (0..6).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    let out = ack(&mut recovery, at(10), ApplicationData, &[(4, 4)], ms(0)).unwrap();
    assert_eq!((data(&out.acked), data(&out.lost)), (vec_of(4..5), vec_of(0..2)));
    assert_eq!((recovery.bytes_in_flight(), recovery.congestion_window()), (3 * 1200, 6000));
    // 2 and 3 wait for 9/8 of the round trip, counted from when they were sent.
    assert_eq!(recovery.deadline(), Some(Instant::from_nanos(11_250_000)));
    let mut out = Outcome::new();
    assert_eq!(recovery.on_timeout(at(11), &mut out), Timeout::Nothing);
    assert_eq!(recovery.on_timeout(at(12), &mut out), Timeout::Lost { space: ApplicationData });
    assert_eq!(data(&out.lost), [2, 3]);
    // One reduction for the round trip.
    assert_eq!((recovery.bytes_in_flight(), recovery.congestion_window()), (1200, 6000));
    // 1 and 3 arrive after all.
    let out = ack(&mut recovery, at(12), ApplicationData, &[(3, 4), (1, 1)], ms(0)).unwrap();
    assert_eq!((out.acked.len(), out.lost.len(), out.late_packets), (0, 0, 2));
    // Half of what was lost did not come, so the window stays as it is until the other half comes.
    assert_eq!((recovery.congestion_window(), recovery.is_slow_start()), (6000, false));
    let out = ack(&mut recovery, at(13), ApplicationData, &[(0, 0)], ms(0)).unwrap();
    assert_eq!((out.late_packets, recovery.congestion_window()), (1, 6000));
    let out = ack(&mut recovery, at(14), ApplicationData, &[(0, 4)], ms(0)).unwrap();
    assert_eq!(out.late_packets, 1);
    assert_eq!(
        (recovery.congestion_window(), recovery.is_slow_start(), recovery.recovery_start()),
        (12_000, true, None)
    );
}

/// The keys of the handshake go when all of it is there. Less than a round trip after a packet was declared lost, that is not because
/// it was sent again.
#[test]
fn what_was_lost_of_a_handshake_that_is_complete_at_once_was_only_late() {
    for (after, is_given_back) in [(0, true), (39, true), (40, false), (500, false)] {
        let mut recovery = Recovery::new(Side::Server, new_reno());
        (0..5).for_each(|value| send(&mut recovery, at(0), Handshake, value));
        let whole = recovery.congestion_window();
        let out = ack(&mut recovery, at(40), Handshake, &[(1, 4)], ms(0)).unwrap();
        assert_eq!((out.lost_packets, recovery.congestion_window()), (1, whole / 2));
        recovery.discard_space(at(40 + after), Handshake);
        let window = if is_given_back { whole } else { whole / 2 };
        assert_eq!(recovery.congestion_window(), window, "{after} ms later");
    }
}

/// RFC 9002 section 6.1.1: a packet that was only late raises the thresholds, so that the next one is waited for.
#[test]
fn what_comes_late_is_waited_for_the_next_time() {
    let mut recovery = confirmed();
    (0..10).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    let out = ack(&mut recovery, at(40), ApplicationData, &[(1, 6)], ms(0)).unwrap();
    assert_eq!(data(&out.lost), [0]);
    let out = ack(&mut recovery, at(48), ApplicationData, &[(0, 6)], ms(0)).unwrap();
    assert_eq!(out.late_packets, 1);
    (10..20).for_each(|value| send(&mut recovery, at(100), ApplicationData, value));
    // Six were sent later and have come: 7 is not taken for lost before 11/8 of the round trip.
    let out = ack(&mut recovery, at(140), ApplicationData, &[(11, 13), (8, 9), (0, 6)], ms(0)).unwrap();
    assert_eq!((out.lost_packets, recovery.deadline()), (1, Some(at(155))));
    // Of one that is overtaken by as many as the first there is no doubt.
    let out = ack(&mut recovery, at(141), ApplicationData, &[(11, 17)], ms(0)).unwrap();
    assert_eq!(data(&out.lost), [10]);
}

/// A probe of the path's size counts for no window when it is lost, so none is given back for it when it comes after all.
#[test]
fn a_probe_of_the_size_that_comes_late_gives_back_no_window() {
    let mut recovery = confirmed();
    for value in 0..10 {
        let packet = SentPacket { mtu_probe: value == 1, ..packet(value, at(0)) };
        recovery.on_sent(at(0), ApplicationData, packet, &[]);
    }
    // 0, which is lost in earnest, and the probe.
    ack(&mut recovery, at(40), ApplicationData, &[(2, 9)], ms(0)).unwrap();
    let halved = recovery.congestion_window();
    let out = ack(&mut recovery, at(41), ApplicationData, &[(1, 9)], ms(0)).unwrap();
    assert_eq!((out.late_packets, recovery.congestion_window()), (1, halved));
    ack(&mut recovery, at(42), ApplicationData, &[(0, 9)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 2 * halved);
}

/// What was lost in earnest is not undone by what was late, nor by packets of an earlier recovery period.
#[test]
fn a_window_is_given_back_only_if_nothing_was_lost() {
    let mut recovery = confirmed();
    (0..10).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    ack(&mut recovery, at(40), ApplicationData, &[(4, 9)], ms(0)).unwrap();
    let halved = recovery.congestion_window();
    (10..20).for_each(|value| send(&mut recovery, at(50), ApplicationData, value));
    // Another period, for 10 to 12.
    ack(&mut recovery, at(90), ApplicationData, &[(17, 19)], ms(0)).unwrap();
    let quartered = recovery.congestion_window();
    assert!(quartered < halved);
    // 0 to 3 come, too late for their own period, and count for no other; with 10 and 11 one is still missing.
    ack(&mut recovery, at(91), ApplicationData, &[(0, 3)], ms(0)).unwrap();
    ack(&mut recovery, at(92), ApplicationData, &[(10, 11)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), quartered);
    // 13 to 16 are lost as well by now, in the same period.
    recovery.on_timeout(at(200), &mut Outcome::new());
    ack(&mut recovery, at(201), ApplicationData, &[(12, 15)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), quartered);
    ack(&mut recovery, at(202), ApplicationData, &[(16, 16)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), halved);
}

fn vec_of(range: core::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}

#[test]
fn acknowledgments_of_what_was_never_sent() {
    let mut recovery = confirmed();
    assert_eq!(ack(&mut recovery, at(1), ApplicationData, &[(0, 0)], ms(0)), Err(Violation::AckOfUnsentPacket));
    (0..4).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    recovery.on_skipped(ApplicationData, number(4));
    send(&mut recovery, at(0), ApplicationData, 5);
    assert_eq!(ack(&mut recovery, at(1), ApplicationData, &[(6, 6)], ms(0)), Err(Violation::AckOfUnsentPacket));
    assert_eq!(ack(&mut recovery, at(1), Handshake, &[(0, 0)], ms(0)), Err(Violation::AckOfUnsentPacket));
    for ranges in [&[(4, 4)][..], &[(0, 5)], &[(5, 5), (1, 1)]] {
        let caught = ranges.iter().any(|(start, end)| (*start..=*end).contains(&4));
        let result = ack(&mut recovery, at(1), ApplicationData, ranges, ms(0));
        assert_eq!(result.err(), caught.then_some(Violation::AckOfSkippedPacket));
    }
    // Nothing changed by the refused ones: 5 and 1 were acknowledged, 0 is three packets before 5.
    assert_eq!(recovery.bytes_in_flight(), 2 * 1200);
    // Caught as well when all before was acknowledged long ago.
    ack(&mut recovery, at(1), ApplicationData, &[(5, 5), (0, 3)], ms(0)).unwrap();
    assert_eq!(ack(&mut recovery, at(2), ApplicationData, &[(0, 5)], ms(0)), Err(Violation::AckOfSkippedPacket));
}

/// RFC 9002 section 5.1-2, 5.3-5.
#[test]
fn a_round_trip_is_measured_by_the_largest_if_anything_asked_for_it() {
    let mut recovery = confirmed();
    let quiet = SentPacket { ack_eliciting: false, in_flight: false, ..packet(0, at(0)) };
    recovery.on_sent(at(0), ApplicationData, quiet, &[]);
    ack(&mut recovery, at(50), ApplicationData, &[(0, 0)], ms(0)).unwrap();
    assert_eq!(recovery.rtt().first_sample(), None);
    (1..4).for_each(|value| send(&mut recovery, at(value), ApplicationData, value));
    ack(&mut recovery, at(52), ApplicationData, &[(2, 2)], ms(0)).unwrap();
    assert_eq!(recovery.rtt().latest(), ms(50));
    // 1 is new, but not the largest of the frame.
    ack(&mut recovery, at(90), ApplicationData, &[(1, 2)], ms(0)).unwrap();
    assert_eq!(recovery.rtt().latest(), ms(50));
    // After confirmation the delay counts up to max_ack_delay: 133 - 25 = 108.
    ack(&mut recovery, at(136), ApplicationData, &[(1, 3)], ms(80)).unwrap();
    assert_eq!((recovery.rtt().latest(), recovery.rtt().smoothed()), (ms(133), (ms(50) * 7 + ms(108)) / 8));
}

#[test]
fn the_delay_before_confirmation() {
    // (space, expected adjustment of a sample of 200 with a delay of 80)
    for (space, adjusted) in [(Initial, 200), (Handshake, 120)] {
        let mut recovery = Recovery::new(Side::Client, new_reno());
        send(&mut recovery, at(0), space, 0);
        ack(&mut recovery, at(100), space, &[(0, 0)], ms(80)).unwrap();
        send(&mut recovery, at(100), space, 1);
        ack(&mut recovery, at(300), space, &[(0, 1)], ms(80)).unwrap();
        assert_eq!(recovery.rtt().smoothed(), (ms(100) * 7 + ms(adjusted)) / 8);
    }
}

/// RFC 9002 section 6.2-1, 6.2.1-5, 7.5-2.
#[test]
fn probe_timeouts_double_and_lose_nothing() {
    let mut recovery = confirmed();
    send(&mut recovery, at(0), ApplicationData, 0);
    let pto = recovery.pto(ApplicationData);
    assert_eq!(pto, ms(999 + 25));
    let mut out = Outcome::new();
    let (mut now, mut number) = (at(0), 0);
    for count in 0..5 {
        now += pto * (1 << count);
        assert_eq!(recovery.deadline(), Some(now));
        // From the third on the second one follows half a period later, and the timer begins anew with it.
        let packets = if count < 2 { 2 } else { 1 };
        assert_eq!(recovery.on_timeout(now, &mut out), Timeout::Probe { space: ApplicationData, packets });
        for probe in 0..2 {
            if probe == 1 && packets == 1 {
                now += pto * (1 << count);
                assert_eq!(recovery.deadline(), Some(now));
                assert_eq!(recovery.on_timeout(now - ms(1), &mut out), Timeout::Nothing);
                assert_eq!(recovery.on_timeout(now, &mut out), Timeout::SecondProbe { space: ApplicationData });
            }
            number += 1;
            send(&mut recovery, now, ApplicationData, number);
        }
        assert_eq!(recovery.pto_count(), count + 1);
    }
    assert_eq!((out, recovery.bytes_in_flight()), (Outcome::new(), (number + 1) * 1200));
    ack(&mut recovery, now + ms(10), ApplicationData, &[(number, number)], ms(0)).unwrap();
    assert_eq!(recovery.pto_count(), 0);
}

/// Whatever shows that the path works, or that another is in use, makes the second probe needless; and it waits while the
/// amplification limit forbids to send.
#[test]
fn a_second_probe_that_is_not_needed_does_not_come() {
    let silent = || {
        let mut recovery = confirmed();
        send(&mut recovery, at(0), ApplicationData, 0);
        for number in 1..4 {
            let now = recovery.deadline().unwrap();
            assert!(matches!(recovery.on_timeout(now, &mut Outcome::new()), Timeout::Probe { .. }));
            send(&mut recovery, now, ApplicationData, number);
        }
        let second = recovery.deadline().unwrap();
        (recovery, second)
    };
    let later = |time: Instant| time + Duration::from_secs(1000);
    let ends: [fn(&mut Recovery, Instant); 4] = [
        |recovery, now| ack(recovery, now, ApplicationData, &[(3, 3)], ms(0)).map(|_| ()).unwrap(),
        |recovery, _| _ = recovery.on_rebound(None, 1200),
        |recovery, now| recovery.discard_space(now, ApplicationData),
        |recovery, _| recovery.abandon(ApplicationData, &mut Outcome::new()),
    ];
    for end in ends {
        let (mut recovery, second) = silent();
        end(&mut recovery, second - ms(1));
        let outcome = recovery.on_timeout(later(second), &mut Outcome::new());
        assert!(!matches!(outcome, Timeout::SecondProbe { .. }), "{outcome:?}");
    }
    let (mut recovery, second) = silent();
    recovery.set_amplification_limited(true);
    assert_eq!((recovery.deadline(), recovery.on_timeout(second, &mut Outcome::new())), (None, Timeout::Nothing));
    recovery.set_amplification_limited(false);
    assert_eq!(recovery.deadline(), Some(second));
    let space = ApplicationData;
    assert_eq!(recovery.on_timeout(second, &mut Outcome::new()), Timeout::SecondProbe { space });
    assert!(recovery.deadline().unwrap() > second, "it comes once");
}

/// RFC 9002 s6.2.3: what left with an Initial packet that was acknowledged is expected to be acknowledged as well, half a round
/// trip later at the latest. Once, and not if there is nothing or its acknowledgment comes.
#[test]
fn handshake_packets_are_expected_to_arrive_with_initial_packets() {
    let begun = || {
        let mut recovery = Recovery::new(Side::Server, Arc::new(Config::default()));
        send(&mut recovery, at(0), Initial, 0);
        send(&mut recovery, at(0), Handshake, 0);
        ack(&mut recovery, at(100), Initial, &[(0, 0)], ms(0)).unwrap();
        recovery
    };
    let mut recovery = begun();
    assert!(recovery.could_be_answered(at(100), Handshake) && !recovery.could_be_answered(at(99), Handshake));
    assert_eq!(recovery.deadline(), Some(at(150)));
    assert_eq!(recovery.on_timeout(at(149), &mut Outcome::new()), Timeout::Nothing);
    assert_eq!(recovery.on_timeout(at(150), &mut Outcome::new()), Timeout::Unanswered);
    assert_eq!((recovery.deadline(), recovery.pto_count()), (Some(at(300)), 0), "then the probe timer");
    let mut recovery = begun();
    ack(&mut recovery, at(120), Handshake, &[(0, 0)], ms(0)).unwrap();
    assert_eq!(recovery.deadline(), None);
    let mut recovery = begun();
    recovery.set_amplification_limited(true);
    assert_eq!((recovery.deadline(), recovery.on_timeout(at(200), &mut Outcome::new())), (None, Timeout::Nothing));
}

/// RFC 9002 section 6.2.1-2, 6.2.1-3, 6.2.2-4, 6.2.2.1-1, 6.4-1.
#[test]
fn which_space_is_probed() {
    let mut recovery = Recovery::new(Side::Server, new_reno());
    let mut out = Outcome::new();
    assert_eq!(recovery.deadline(), None);
    send(&mut recovery, at(0), ApplicationData, 0);
    // RFC 9002 section 6.2.1: not before the handshake is confirmed.
    assert_eq!(recovery.deadline(), None);
    send(&mut recovery, at(20), Handshake, 0);
    send(&mut recovery, at(10), Initial, 0);
    assert_eq!(recovery.deadline(), Some(at(10 + 999)));
    // Section 6.2.2.1: not while the amplification limit forbids to send.
    recovery.set_amplification_limited(true);
    assert_eq!(recovery.deadline(), None);
    assert_eq!(recovery.on_timeout(at(5000), &mut out), Timeout::Nothing);
    recovery.set_amplification_limited(false);
    assert_eq!(recovery.on_timeout(at(5000), &mut out), Timeout::Probe { space: Initial, packets: 2 });
    assert_eq!(recovery.pto_count(), 1);
    // Section 6.2.2: a discarded space resets the backoff, and leaves the flight.
    recovery.discard_space(at(5000), Initial);
    assert_eq!((recovery.pto_count(), recovery.bytes_in_flight()), (0, 2400));
    assert_eq!(recovery.deadline(), Some(at(20 + 999)));
    recovery.discard_space(at(5000), Handshake);
    recovery.set_handshake_confirmed();
    assert_eq!(recovery.deadline(), Some(at(1024)));
}

/// RFC 9002 section 6.2.2.1-2, 6.2.2.1-3.
#[test]
fn a_client_unblocks_the_server() {
    let mut recovery = Recovery::new(Side::Client, new_reno());
    let mut out = Outcome::new();
    send(&mut recovery, at(0), Initial, 0);
    ack(&mut recovery, at(100), Initial, &[(0, 0)], ms(0)).unwrap();
    // Nothing in flight, smoothed 100, rttvar 50: 300 from now.
    assert_eq!(recovery.deadline(), Some(at(400)));
    assert_eq!(recovery.on_timeout(at(400), &mut out), Timeout::Probe { space: Initial, packets: 1 });
    send(&mut recovery, at(400), Initial, 1);
    // An acknowledged Initial does not reset the backoff.
    ack(&mut recovery, at(500), Initial, &[(0, 1)], ms(0)).unwrap();
    assert_eq!(recovery.pto_count(), 1);
    recovery.set_has_handshake_keys();
    let deadline = recovery.deadline().unwrap();
    assert_eq!(recovery.on_timeout(deadline, &mut out), Timeout::Probe { space: Handshake, packets: 1 });
    send(&mut recovery, deadline, Handshake, 0);
    ack(&mut recovery, deadline + ms(100), Handshake, &[(0, 0)], ms(0)).unwrap();
    assert_eq!((recovery.deadline(), recovery.pto_count()), (None, 0));
}

#[test]
fn early_data_alone_does_not_silence_a_client() {
    let mut recovery = Recovery::new(Side::Client, new_reno());
    send(&mut recovery, at(5), ApplicationData, 0);
    assert_eq!(recovery.deadline(), Some(at(5 + 999)));
}

/// RFC 9002 section 7.6.3, through the whole of recovery.
/// RFC 9002 section 7.6.2-5.
#[test]
fn persistent_congestion_by_the_example() {
    let mut recovery = confirmed();
    // Makes smoothed + 4 * rttvar + max_ack_delay equal to 2 s: first sample 200, then rttvar is half of it.
    recovery.set_max_ack_delay(ms(1400));
    send(&mut recovery, at(0), ApplicationData, 1);
    let out = ack(&mut recovery, at(200), ApplicationData, &[(1, 1)], ms(0)).unwrap();
    assert!(!out.persistent_congestion);
    assert_eq!(recovery.pto(ApplicationData), ms(2000));
    for (value, time) in [(2, 1000), (3, 2000), (4, 3000), (5, 4000), (6, 5000), (7, 6000), (8, 8000), (9, 12_000)] {
        send(&mut recovery, at(time), ApplicationData, value);
    }
    let out = ack(&mut recovery, at(12_200), ApplicationData, &[(9, 9), (1, 1)], ms(0)).unwrap();
    assert_eq!(data(&out.lost), vec_of(2..9));
    assert!(out.persistent_congestion);
    assert_eq!(recovery.congestion_window(), 2400);
}

#[test]
fn an_arrival_between_prevents_persistent_congestion() {
    let mut recovery = confirmed();
    send(&mut recovery, at(0), ApplicationData, 1);
    ack(&mut recovery, at(200), ApplicationData, &[(1, 1)], ms(0)).unwrap();
    (2..12).for_each(|value| send(&mut recovery, at(value * 1000), ApplicationData, value));
    let out = ack(&mut recovery, at(11_200), ApplicationData, &[(11, 11), (6, 7), (1, 1)], ms(0)).unwrap();
    assert_eq!(out.lost_packets, 7);
    // 2 to 5 and 8 to 10 are lost for 3 s and 2 s, and either exceeds 3 * (200 + 400 + 25) ms.
    assert!(out.persistent_congestion);
    let mut recovery = confirmed();
    recovery.set_max_ack_delay(ms(600));
    send(&mut recovery, at(0), ApplicationData, 1);
    ack(&mut recovery, at(200), ApplicationData, &[(1, 1)], ms(0)).unwrap();
    (2..12).for_each(|value| send(&mut recovery, at(value * 1000), ApplicationData, value));
    // 3.6 s: neither 3 s nor 2 s exceed it, though 2 to 10 together would.
    let out = ack(&mut recovery, at(11_200), ApplicationData, &[(11, 11), (6, 7), (1, 1)], ms(0)).unwrap();
    assert_eq!((out.lost_packets, out.persistent_congestion), (7, false));
}

/// RFC 9002 section 7-3.
#[test]
fn the_window_and_the_one_packet_more() {
    let mut recovery = confirmed();
    for value in 0..10 {
        assert!(recovery.can_send(1200));
        send(&mut recovery, at(0), ApplicationData, value);
    }
    assert!(!recovery.can_send(1));
    // Loss of one: the window halves, 5 of 6 remain in flight, yet one packet may go (section 7.3.2).
    ack(&mut recovery, at(10), ApplicationData, &[(3, 3)], ms(0)).unwrap();
    assert_eq!((recovery.congestion_window(), recovery.bytes_in_flight()), (6000, 8 * 1200));
    assert!(recovery.can_send(1200));
    send(&mut recovery, at(10), ApplicationData, 10);
    assert!(!recovery.can_send(1200));
    // What was sent before the recovery began does not let the window grow; what was sent after does.
    ack(&mut recovery, at(11), ApplicationData, &[(1, 9)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 6000);
}

/// A timer finds a loss when nothing has left the path just now: the packet that may exceed the window waits for the next acknowledgment.
#[test]
fn the_one_packet_more_takes_the_place_of_one_that_has_arrived() {
    let mut recovery = confirmed();
    (0..10).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    ack(&mut recovery, at(40), ApplicationData, &[(1, 2)], ms(0)).unwrap();
    assert_eq!((recovery.congestion_window(), recovery.bytes_in_flight()), (14_400, 8 * 1200));
    let mut out = Outcome::new();
    assert_eq!(recovery.on_timeout(at(45), &mut out), Timeout::Lost { space: ApplicationData });
    assert_eq!((out.lost_packets, recovery.congestion_window(), recovery.bytes_in_flight()), (1, 7200, 7 * 1200));
    assert!(!recovery.can_send(1200));
    ack(&mut recovery, at(46), ApplicationData, &[(1, 3)], ms(0)).unwrap();
    assert_eq!((recovery.congestion_window(), recovery.bytes_in_flight()), (7200, 6 * 1200));
    assert!(recovery.can_send(1200));
    send(&mut recovery, at(46), ApplicationData, 10);
    assert!(!recovery.can_send(1200), "once");
}

#[test]
fn an_application_with_little_to_say_does_not_earn_window() {
    let mut recovery = confirmed();
    send(&mut recovery, at(0), ApplicationData, 0);
    recovery.on_application_limited();
    ack(&mut recovery, at(10), ApplicationData, &[(0, 0)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 12_000);
    (1..11).for_each(|value| send(&mut recovery, at(20), ApplicationData, value));
    ack(&mut recovery, at(30), ApplicationData, &[(1, 10)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 24_000);
}

#[test]
fn mtu_probes_say_nothing_about_congestion() {
    let mut recovery = confirmed();
    for (value, mtu_probe) in [(0, true), (1, false), (2, false), (3, false), (4, true)] {
        let packet = SentPacket { mtu_probe, size: if mtu_probe { 1400 } else { 1200 }, ..packet(value, at(0)) };
        recovery.on_sent(at(0), ApplicationData, packet, &[]);
    }
    let out = ack(&mut recovery, at(10), ApplicationData, &[(1, 4)], ms(0)).unwrap();
    assert_eq!((out.lost_mtu_probe, out.acked_mtu_probe, out.lost_packets), (Some(1400), Some(1400), 1));
    assert_eq!((recovery.bytes_in_flight(), recovery.congestion_window()), (0, 12_000 + 3 * 1200 + 1400));
}

#[test]
fn abandoned_packets_come_back_without_blame() {
    let mut recovery = Recovery::new(Side::Client, new_reno());
    (0..3).for_each(|value| send(&mut recovery, at(0), Initial, value));
    let mut out = Outcome::new();
    recovery.abandon(Initial, &mut out);
    assert_eq!(data(&out.lost), [0, 1, 2]);
    assert_eq!((recovery.bytes_in_flight(), recovery.congestion_window()), (0, 12_000));
    send(&mut recovery, at(1), Initial, 3);
    assert_eq!(recovery.bytes_in_flight(), 1200);
}

#[test]
fn another_path_begins_anew() {
    let mut recovery = confirmed();
    (0..4).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    recovery.on_path_changed(None, 1200);
    assert_eq!(recovery.bytes_in_flight(), 0);
    send(&mut recovery, at(5), ApplicationData, 4);
    let out = ack(&mut recovery, at(10), ApplicationData, &[(3, 3)], ms(0)).unwrap();
    assert_eq!((out.acked_packets, out.lost_packets), (1, 1));
    assert_eq!((recovery.bytes_in_flight(), recovery.congestion_window()), (1200, 12_000));
    assert_eq!((recovery.rtt().first_sample(), out.largest_acked_size), (None, 0));
    let out = ack(&mut recovery, at(25), ApplicationData, &[(3, 4)], ms(0)).unwrap();
    assert_eq!(out.largest_acked_size, 1200);
    assert_eq!(recovery.rtt().latest(), ms(20));
}

/// What was sent to a port that is gone says nothing about the way to the next one, although that begins with all that is known
/// of it.
/// RFC 9000 section 9.4-1.
#[test]
fn r8_another_port_keeps_the_window_and_counts_nothing_of_the_one_before() {
    let mut recovery = confirmed();
    (0..10).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    ack(&mut recovery, at(50), ApplicationData, &[(0, 9)], ms(0)).unwrap();
    let (window, rtt) = (recovery.congestion_window(), *recovery.rtt());
    // Nothing of this arrives, for longer than persistent congestion takes.
    for (value, time) in (10..30).zip((60..).step_by(100)) {
        send(&mut recovery, at(time), ApplicationData, value);
    }
    let left = recovery.on_rebound(None, 1200);
    assert_eq!((recovery.congestion_window(), recovery.bytes_in_flight(), *recovery.rtt()), (window, 0, rtt));
    send(&mut recovery, at(3000), ApplicationData, 30);
    let out = ack(&mut recovery, at(3050), ApplicationData, &[(30, 30)], ms(0)).unwrap();
    assert_eq!((out.lost_packets, out.persistent_congestion, out.largest_lost_size), (20, false, 0));
    assert_eq!((recovery.congestion_window(), recovery.bytes_in_flight()), (window + 1200, 0));
    assert_eq!(recovery.rtt().latest(), ms(50));
    // The port before, if it is that after all, is as it was left.
    send(&mut recovery, at(3100), ApplicationData, 31);
    recovery.on_rebound(Some(left), 1200);
    assert_eq!((recovery.congestion_window(), recovery.bytes_in_flight()), (window, 0));
}

#[test]
fn a_path_that_is_returned_to_is_as_it_was_left() {
    let mut recovery = confirmed();
    (0..4).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    ack(&mut recovery, at(30), ApplicationData, &[(0, 0)], ms(0)).unwrap();
    let (window, rtt) = (recovery.congestion_window(), *recovery.rtt());
    let first = recovery.on_path_changed(None, 1200);
    send(&mut recovery, at(40), ApplicationData, 4);
    assert_ne!((recovery.congestion_window(), *recovery.rtt()), (window, rtt));
    // One of the first path's arrives in the meantime.
    ack(&mut recovery, at(50), ApplicationData, &[(0, 1)], ms(0)).unwrap();
    let second = recovery.on_path_changed(Some(first), 1200);
    assert_eq!((recovery.congestion_window(), *recovery.rtt()), (window, rtt));
    assert_eq!(recovery.bytes_in_flight(), 2400);
    // What becomes of the other path's packets is of no concern to this one.
    ack(&mut recovery, at(60), ApplicationData, &[(0, 4)], ms(0)).unwrap();
    assert_eq!(recovery.bytes_in_flight(), 0);
    recovery.on_path_changed(Some(second), 1200);
    assert_eq!((recovery.bytes_in_flight(), recovery.congestion_window()), (0, 12_000));
}

/// However often, and with however old a packet still open: the sums stay right.
#[test]
fn m13_paths_without_end_are_told_apart() {
    let mut recovery = confirmed();
    send(&mut recovery, at(0), ApplicationData, 0);
    for _ in 0..200_000 {
        recovery.on_path_changed(None, 1200);
    }
    send(&mut recovery, at(1), ApplicationData, 1);
    ack(&mut recovery, at(30), ApplicationData, &[(0, 1)], ms(0)).unwrap();
    assert_eq!(recovery.bytes_in_flight(), 0);
}

#[test]
fn s3_what_is_sent_elsewhere_counts_nowhere() {
    let mut recovery = confirmed();
    let elsewhere = |recovery: &mut Recovery, value| {
        let probe = SentPacket { ack_eliciting: false, in_flight: false, ..packet(value, at(0)) };
        recovery.on_sent_elsewhere(ApplicationData, probe);
    };
    elsewhere(&mut recovery, 0);
    assert_eq!((recovery.bytes_in_flight(), recovery.deadline()), (0, None));
    send(&mut recovery, at(5), ApplicationData, 1);
    // Acknowledged first and alone: no sample.
    ack(&mut recovery, at(20), ApplicationData, &[(0, 0)], ms(0)).unwrap();
    assert_eq!((recovery.bytes_in_flight(), recovery.rtt().first_sample()), (1200, None));
    elsewhere(&mut recovery, 2);
    (3..9).for_each(|value| send(&mut recovery, at(25), ApplicationData, value));
    let out = ack(&mut recovery, at(40), ApplicationData, &[(3, 8), (1, 1)], ms(0)).unwrap();
    assert_eq!((out.lost_packets, recovery.congestion_window()), (0, 12_000 + 7 * 1200));
    // And then it arrives after all.
    ack(&mut recovery, at(60), ApplicationData, &[(0, 8)], ms(0)).unwrap();
    assert_eq!(recovery.bytes_in_flight(), 0);
}

#[test]
fn a_probe_of_the_size_of_another_path_says_nothing() {
    for arrives in [true, false] {
        let mut recovery = confirmed();
        let probe = SentPacket { mtu_probe: true, size: 1400, ..packet(0, at(0)) };
        recovery.on_sent(at(0), ApplicationData, probe, &[]);
        recovery.on_rebound(None, 1200);
        (1..6).for_each(|value| send(&mut recovery, at(1), ApplicationData, value));
        let ranges = if arrives { [(0, 5)] } else { [(1, 5)] };
        let out = ack(&mut recovery, at(20), ApplicationData, &ranges, ms(0)).unwrap();
        assert_eq!((out.acked_mtu_probe, out.lost_mtu_probe), (None, None));
        assert_eq!(recovery.bytes_in_flight(), 0);
    }
}

/// An acknowledgment of very many packets of which few are open, in very many ranges.
#[test]
fn a_long_history_costs_nothing() {
    let mut recovery = confirmed();
    let far = 1 << 40;
    send(&mut recovery, at(0), ApplicationData, far);
    send(&mut recovery, at(0), ApplicationData, far + 1);
    // Takes for ever if it is done number by number.
    let out = ack(&mut recovery, at(10), ApplicationData, &[(0, far + 1)], ms(0)).unwrap();
    assert_eq!(data(&out.acked), [far, far + 1]);
    // Only ranges that may still tell something are looked at: the encoding of the others may be anything.
    let frame = AckFrame {
        largest: number(far + 1),
        ack_delay: 0,
        first_range: 0,
        range_count: (1 << 62) - 1,
        ranges: &[],
        ecn: None,
    };
    assert_eq!(recovery.on_ack(at(11), ApplicationData, &frame, ms(0), &mut Outcome::new()), Ok(()));
}

fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// A model of the peer and the path: what is open is known by number, so that the sums can be compared at every step.
#[derive(Default)]
struct Model {
    next: [u64; 3],
    open: [alloc::collections::BTreeMap<u64, u64>; 3],
    arrived: [crate::ranges::RangeSet; 3],
    frames: alloc::collections::BTreeSet<u64>,
    next_frame: u64,
    // The packet, by space and number, that each open frame is in.
    home: alloc::collections::BTreeMap<u64, (usize, u64)>,
}

impl Model {
    fn settle(&mut self, frames: &[SentFrame]) {
        for frame in data(frames) {
            assert!(self.frames.remove(&frame), "a frame came back twice");
            let (space, packet) = self.home.remove(&frame).unwrap();
            self.open[space].remove(&packet);
        }
    }
}

#[test]
fn random_histories_add_up() {
    for seed in 0..60 {
        let mut state = seed;
        let mut config = Config::clone(&new_reno());
        config.recovery.congestion_control =
            [CongestionControl::NewReno, CongestionControl::Cubic, CongestionControl::Bbr][seed as usize % 3];
        let mut recovery = Recovery::new(Side::Server, Arc::new(config));
        let mut model = Model::default();
        let mut discarded = [false; 3];
        let mut now = at(1);
        for step in 0..600 {
            now += Duration::from_micros(random(&mut state, 3000));
            let index = random(&mut state, 3) as usize;
            let space = PacketNumberSpace::ALL[index];
            let mut out = Outcome::new();
            match random(&mut state, 10) {
                _ if discarded[index] => {}
                0..=5 => {
                    let value = model.next[index];
                    model.next[index] += 1;
                    if random(&mut state, 40) == 0 {
                        recovery.on_skipped(space, number(value));
                        continue;
                    }
                    let in_flight = random(&mut state, 4) > 0;
                    let frames: Vec<SentFrame> = (0..if in_flight { 1 + random(&mut state, 3) } else { 0 })
                        .map(|offset| SentFrame::MaxData(model.next_frame + offset))
                        .collect();
                    for frame in data(&frames) {
                        model.frames.insert(frame);
                        model.home.insert(frame, (index, value));
                        model.next_frame = frame + 1;
                    }
                    let size = 1 + random(&mut state, 1400);
                    let sent =
                        SentPacket { size: size as usize, ack_eliciting: in_flight, in_flight, ..packet(value, now) };
                    recovery.on_sent(now, space, sent, &frames);
                    if in_flight {
                        model.open[index].insert(value, size);
                    }
                    if random(&mut state, 5) > 0 {
                        model.arrived[index].insert(value..value + 1);
                    }
                }
                6 | 7 => {
                    let ranges: Vec<(u64, u64)> =
                        model.arrived[index].iter().rev().take(64).map(|range| (range.start, range.end - 1)).collect();
                    if !ranges.is_empty() {
                        out = ack(&mut recovery, now, space, &ranges, ms(0)).unwrap();
                    }
                }
                8 => {
                    if let Some(deadline) = recovery.deadline() {
                        now = now.max(deadline);
                        let pto_count = recovery.pto_count();
                        match recovery.on_timeout(now, &mut out) {
                            Timeout::Nothing => panic!("a deadline is for something"),
                            Timeout::Lost { .. } => {}
                            Timeout::Probe { .. } => {
                                assert_eq!((out.lost.len(), recovery.pto_count()), (0, pto_count + 1));
                            }
                            Timeout::SecondProbe { .. } | Timeout::Unanswered => {
                                assert_eq!((out.lost.len(), recovery.pto_count()), (0, pto_count));
                            }
                        }
                    }
                }
                _ if step > 500 && index < 2 => {
                    recovery.discard_space(now, space);
                    discarded[index] = true;
                    model.open[index].clear();
                    let gone: Vec<u64> =
                        model.home.iter().filter(|(_, home)| home.0 == index).map(|(frame, _)| *frame).collect();
                    for frame in gone {
                        model.home.remove(&frame);
                        model.frames.remove(&frame);
                    }
                }
                _ => {}
            }
            model.settle(&out.acked);
            model.settle(&out.lost);
            let in_flight: u64 = model.open.iter().flat_map(|space| space.values()).sum();
            assert_eq!(recovery.bytes_in_flight(), in_flight, "seed {seed}, step {step}");
            for (index, space) in PacketNumberSpace::ALL.into_iter().enumerate() {
                assert_eq!(recovery.has_ack_eliciting(space), !model.open[index].is_empty());
            }
        }
        // In the end all is acknowledged.
        for (index, space) in PacketNumberSpace::ALL.into_iter().enumerate() {
            for value in model.open[index].keys().copied().collect::<Vec<u64>>().into_iter().rev() {
                let out = ack(&mut recovery, now, space, &[(value, value)], ms(0)).unwrap();
                model.settle(&out.acked);
                model.settle(&out.lost);
            }
        }
        assert!(model.frames.is_empty());
        assert_eq!(recovery.bytes_in_flight(), 0);
        // Nothing waits behind anything (attack M9): at most what is not in flight.
        for space in recovery.spaces.iter() {
            let (packets, frames) = space.sent.held();
            // Behind an open packet wait at most as many resolved ones as the packet threshold lets be, of 3 frames each.
            assert!(packets <= sent_packets::MAX_NOT_IN_FLIGHT + 4 && frames <= 4 * 3, "{packets} {frames}");
        }
    }
}

/// What an allocation in steady state would show as: growing capacities.
#[test]
fn a_steady_transfer_keeps_its_memory() {
    let mut recovery = confirmed();
    let mut held = Vec::new();
    for round in 0..2_000u64 {
        for value in round * 8..round * 8 + 8 {
            send(&mut recovery, at(round * 10), ApplicationData, value);
        }
        let out =
            ack(&mut recovery, at(round * 10 + 5), ApplicationData, &[(round * 8, round * 8 + 7)], ms(0)).unwrap();
        assert_eq!(data(&out.acked), vec_of(round * 8..round * 8 + 8));
        held.push(recovery.spaces[ApplicationData].sent.held());
    }
    assert!(held.iter().all(|held| *held == (0, 0)));
}

#[test]
fn totals_are_told() {
    let mut recovery = confirmed();
    (0..6).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    // On another path, where nothing is in flight: it can be acknowledged, and counts for nothing else.
    recovery.on_sent_elsewhere(ApplicationData, SentPacket { in_flight: false, ..packet(6, at(0)) });
    assert_eq!(recovery.bytes_in_flight(), 6 * 1200);
    let out = ack(&mut recovery, at(10), ApplicationData, &[(4, 4)], ms(0)).unwrap();
    assert!(out.newly_acked_ack_eliciting);
    assert_eq!(recovery.spaces[ApplicationData].largest_acked, Some(4));
    assert_eq!(recovery.spaces[Handshake].largest_acked, None);
    assert_eq!((out.acked_packets, out.lost_packets), (1, 2));
    assert_eq!(ack(&mut recovery, at(10), ApplicationData, &[(6, 6)], ms(0)).unwrap().lost_packets, 2);
    let (deadline, mut out) = (recovery.deadline().unwrap(), Outcome::new());
    recovery.on_timeout(deadline, &mut out);
    assert_eq!(out.lost_packets, 1);
    send(&mut recovery, at(100), ApplicationData, 7);
    // RFC 9002 s6.2: a timer that fires too early asks for nothing.
    assert_eq!(recovery.on_timeout(at(101), &mut Outcome::new()), Timeout::Nothing);
    let deadline = recovery.deadline().unwrap();
    assert!(matches!(recovery.on_timeout(deadline, &mut Outcome::new()), Timeout::Probe { .. }));
}

/// RFC 9000 section 21.4: the newest few are remembered, and no more.
#[test]
fn skipped_numbers_are_remembered() {
    let mut recovery = confirmed();
    for value in 0..40 {
        if value % 2 == 0 {
            recovery.on_skipped(ApplicationData, number(value));
        } else {
            send(&mut recovery, at(0), ApplicationData, value);
        }
    }
    assert_eq!(recovery.spaces[ApplicationData].skipped.len(), MAX_SKIPPED);
    for value in (24..40).step_by(2) {
        let result = ack(&mut recovery, at(1), ApplicationData, &[(value, value)], ms(0));
        assert_eq!(result, Err(Violation::AckOfSkippedPacket), "{value}");
    }
    assert!(ack(&mut recovery, at(1), ApplicationData, &[(39, 39)], ms(0)).is_ok());
}

/// RFC 9002 section 7.3.2: only what was sent after the recovery period began lets the window grow again. What is sent at the moment at
/// which the loss is found is sent because of it: it belongs to the period, and ends it a round trip later.
#[test]
fn what_was_sent_before_recovery_began_earns_nothing() {
    let mut recovery = confirmed();
    (0..5).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    ack(&mut recovery, at(10), ApplicationData, &[(3, 3)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 6000);
    (5..11).for_each(|value| send(&mut recovery, at(10), ApplicationData, value));
    ack(&mut recovery, at(11), ApplicationData, &[(1, 4)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 6000);
    ack(&mut recovery, at(20), ApplicationData, &[(5, 10)], ms(0)).unwrap();
    assert!(recovery.congestion_window() > 6000);
}

#[test]
fn timeouts_before_any_sample() {
    // RFC 9002 s6.2.2: 333 + 4 * 166.5 ms, and the delay that the peer may add.
    let mut recovery = Recovery::new(Side::Client, new_reno());
    assert_eq!(recovery.initial_pto(), ms(999 + 25));
    recovery.set_max_ack_delay(ms(100));
    assert_eq!(recovery.initial_pto(), ms(999 + 100));
    // s6.2.2.1: a client waits for a server that may not send, until it knows that the server may.
    assert!(recovery.deadline().is_some());
    recovery.set_peer_completed_address_validation();
    assert_eq!(recovery.deadline(), None);
}

/// RFC 9002 section 7.7-2: a window larger than a burst is spread over the round trip.
#[test]
fn a_grown_window_is_paced() {
    let mut recovery = confirmed();
    (0..10).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    assert_eq!(recovery.pacing_deadline(at(0), 1200), None);
    ack(&mut recovery, at(100), ApplicationData, &[(0, 9)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 24_000);
    for value in 10..20 {
        assert_eq!(recovery.pacing_deadline(at(100), 1200), None);
        send(&mut recovery, at(100), ApplicationData, value);
    }
    // In slow start twice the window in a round trip: 480 bytes a millisecond, 1200 of them in 2.5.
    assert_eq!(recovery.pacing_deadline(at(100), 1200), Some(Instant::from_nanos(102_500_000)));
    // Without it 5/4 of half the window: 150 bytes a millisecond; the whole window is a burst then.
    ack(&mut recovery, at(200), ApplicationData, &[(15, 15)], ms(0)).unwrap();
    assert_eq!((recovery.congestion_window(), recovery.pacing_deadline(at(200), 1200)), (12_000, None));
}

/// A connection that rests costs no more for what it sent before.
#[test]
fn memory_of_resolved_packets_is_given_back() {
    let mut recovery = confirmed();
    for space in [Initial, Handshake, ApplicationData] {
        (0..10).for_each(|value| send(&mut recovery, at(0), space, value));
        ack(&mut recovery, at(10), space, &[(0, 9)], ms(0)).unwrap();
    }
    recovery.release_memory();
    assert!(recovery.spaces.iter().all(|space| space.sent.capacity() == (0, 0)));
}

/// What went on a path that is forgotten is sent again on another, and its loss is not held against that one.
#[test]
fn what_a_forgotten_path_carried_comes_back() {
    let mut recovery = confirmed();
    (0..3).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    ack(&mut recovery, at(10), ApplicationData, &[(1, 1)], ms(0)).unwrap();
    let left = recovery.on_path_changed(None, 1200);
    (3..5).for_each(|value| send(&mut recovery, at(20), ApplicationData, value));
    let mut out = Outcome::new();
    recovery.on_path_forgotten(&left, &mut out);
    assert_eq!((data(&out.lost), out.lost_packets), (alloc::vec![0, 2], 2));
    assert_eq!((recovery.congestion_window(), recovery.bytes_in_flight()), (12_000, 2 * 1200));
    // What went on the path in use is as it was.
    let out = ack(&mut recovery, at(30), ApplicationData, &[(0, 4)], ms(0)).unwrap();
    assert_eq!((data(&out.acked), out.lost, recovery.bytes_in_flight()), (alloc::vec![3, 4], Vec::new(), 0));
    assert!(!recovery.has_ack_eliciting(ApplicationData));
}

/// Acknowledgments of what was sent before a move say nothing about where the peer is now.
#[test]
fn a_move_is_answered_by_what_was_sent_since() {
    for rebound in [true, false] {
        let mut recovery = confirmed();
        (0..3).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
        assert!(!recovery.is_answered_since_move());
        ack(&mut recovery, at(10), ApplicationData, &[(0, 1)], ms(0)).unwrap();
        assert!(recovery.is_answered_since_move());
        if rebound {
            recovery.on_rebound(None, 1200);
        } else {
            recovery.on_path_changed(None, 1200);
        }
        send(&mut recovery, at(10), ApplicationData, 3);
        ack(&mut recovery, at(20), ApplicationData, &[(2, 2)], ms(0)).unwrap();
        assert!(!recovery.is_answered_since_move());
        ack(&mut recovery, at(20), ApplicationData, &[(3, 3)], ms(0)).unwrap();
        assert!(recovery.is_answered_since_move());
    }
}

/// Whoever makes us challenge one address after another gets no more out of us than twice the window.
#[test]
fn challenges_end_at_twice_the_window() {
    let mut recovery = confirmed();
    for value in 0..20 {
        assert!(recovery.may_exceed_window(), "{value}");
        send(&mut recovery, at(0), ApplicationData, value);
    }
    assert_eq!((recovery.may_exceed_window(), recovery.bytes_in_flight()), (false, 2 * recovery.congestion_window()));
    send(&mut recovery, at(0), ApplicationData, 20);
    assert!(!recovery.may_exceed_window());
}

/// RFC 9002 section 7.7: out of slow start, 5/4 of the window in a round trip, and no more than that.
#[test]
fn congestion_avoidance_is_paced_slower_than_slow_start() {
    let mut recovery = confirmed();
    (0..10).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    ack(&mut recovery, at(100), ApplicationData, &[(0, 9)], ms(0)).unwrap();
    (10..30).for_each(|value| send(&mut recovery, at(100), ApplicationData, value));
    ack(&mut recovery, at(200), ApplicationData, &[(10, 29)], ms(0)).unwrap();
    (30..34).for_each(|value| send(&mut recovery, at(200), ApplicationData, value));
    ack(&mut recovery, at(300), ApplicationData, &[(33, 33)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 24_000);
    for value in 34..44 {
        assert_eq!(recovery.pacing_deadline(at(300), 1200), None);
        send(&mut recovery, at(300), ApplicationData, value);
    }
    // 300 bytes a millisecond.
    assert_eq!(recovery.pacing_deadline(at(300), 1200), Some(at(304)));
}

/// RFC 9002 section 7.6.2: a period of persistent congestion begins and ends with packets that ask for acknowledgment; a
/// probe of the path's size is lost for reasons of its own (RFC 9000 section 14.4).
#[test]
fn probes_of_the_size_do_not_establish_persistent_congestion() {
    for (probes, persistent) in [(0, true), (1, true), (2, false)] {
        let mut recovery = confirmed();
        recovery.set_max_ack_delay(ms(1400));
        recovery.set_max_datagram_size(1400);
        send(&mut recovery, at(0), ApplicationData, 1);
        ack(&mut recovery, at(200), ApplicationData, &[(1, 1)], ms(0)).unwrap();
        for (value, time) in [(2, 999), (3, 1999), (4, 3000), (5, 4000), (6, 5000), (7, 6000), (8, 8000), (9, 12_000)] {
            let packet = SentPacket { mtu_probe: value < 2 + probes, ..packet(value, at(time)) };
            recovery.on_sent(at(time), ApplicationData, packet, &[SentFrame::MaxData(value)]);
        }
        // Of 8 and 3 are six seconds and a millisecond, of 8 and 4 five.
        let out = ack(&mut recovery, at(12_200), ApplicationData, &[(9, 9), (1, 1)], ms(0)).unwrap();
        assert_eq!(out.persistent_congestion, persistent, "{probes}");
        // Two packets of the size that the path has now.
        assert_eq!(recovery.congestion_window() == 2800, persistent);
    }
}

#[test]
fn what_a_probe_carries_is_that_of_usual_packets() {
    let mut recovery = confirmed();
    let sent = [(0, true, true), (1, false, false), (2, true, false), (3, true, false)];
    for (value, ack_eliciting, mtu_probe) in sent {
        let packet = SentPacket { ack_eliciting, mtu_probe, ..packet(value, at(0)) };
        recovery.on_sent(at(0), ApplicationData, packet, &[SentFrame::MaxData(value)]);
    }
    let frames =
        |older, count| data(&recovery.unacked_frames(at(1), ApplicationData, older, count).collect::<Vec<_>>());
    assert_eq!((frames(0, 1), frames(1, 1), frames(2, 1)), (vec_of(2..3), vec_of(3..4), vec_of(0..0)));
    assert_eq!((frames(0, 2), frames(1, 2)), (vec_of(2..4), vec_of(3..4)));
    assert_eq!(
        recovery.unacked_frames(at(0), ApplicationData, 0, 9).count(),
        0,
        "what goes at this moment is no content"
    );
}

/// What may be too large: nothing of another path, of before a move, or that was a probe of the size.
#[test]
fn the_largest_in_flight_is_what_the_path_should_have_carried() {
    let mut recovery = confirmed();
    let send = |recovery: &mut Recovery, value, size, ack_eliciting, mtu_probe| {
        let packet = SentPacket { size, ack_eliciting, mtu_probe, ..packet(value, at(0)) };
        recovery.on_sent(at(0), ApplicationData, packet, &[]);
        recovery.largest_in_flight()
    };
    assert_eq!(send(&mut recovery, 0, 1300, true, false), 1300);
    assert_eq!(send(&mut recovery, 1, 1452, true, true), 1300);
    assert_eq!(send(&mut recovery, 2, 1400, false, false), 1300);
    assert_eq!(send(&mut recovery, 3, 1350, true, false), 1350);
    recovery.on_rebound(None, 1200);
    assert_eq!(recovery.largest_in_flight(), 0);
    assert_eq!(send(&mut recovery, 4, 1250, true, false), 1250);
    let left = recovery.on_path_changed(None, 1200);
    assert_eq!(recovery.largest_in_flight(), 0);
    assert_eq!(send(&mut recovery, 5, 1220, true, false), 1220);
    recovery.on_path_changed(Some(left), 1200);
    assert_eq!(recovery.largest_in_flight(), 0, "what is older than the return says nothing");
}

#[test]
fn a_cleared_outcome_keeps_its_memory_alone() {
    let mut out = Outcome::new();
    out.acked.extend([SentFrame::MaxData(1); 10]);
    out.lost.extend([SentFrame::MaxData(2); 20]);
    (out.lost_packets, out.persistent_congestion, out.acked_mtu_probe) = (3, true, Some(1400));
    let capacity = (out.acked.capacity(), out.lost.capacity());
    out.clear();
    assert_eq!(out, Outcome::new());
    assert_eq!((out.acked.capacity(), out.lost.capacity()), capacity);
}

/// RFC 9002 section 7.3.2: an acknowledgment that tells of a loss lets nothing grow, however much it acknowledges.
#[test]
fn the_acknowledgment_that_begins_a_recovery_period_earns_nothing() {
    let mut recovery = confirmed();
    (0..10).for_each(|value| send(&mut recovery, at(0), ApplicationData, value));
    // 8400 bytes, more than the window that is left.
    let out = ack(&mut recovery, at(10), ApplicationData, &[(3, 9)], ms(0)).unwrap();
    assert_eq!((out.lost_packets, recovery.congestion_window()), (3, 6000));
    // Nor is it remembered: what is sent from then on earns a datagram when the whole window is acknowledged.
    (10..15).for_each(|value| send(&mut recovery, at(11), ApplicationData, value));
    ack(&mut recovery, at(20), ApplicationData, &[(10, 13)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 6000);
    ack(&mut recovery, at(20), ApplicationData, &[(10, 14)], ms(0)).unwrap();
    assert_eq!(recovery.congestion_window(), 7200);
}

/// As for probes of the size: packets of padding alone are lost, too, and prove nothing, because nobody has to acknowledge
/// them in time.
/// RFC 9002 section 7.6.2-1.
#[test]
fn packets_that_ask_for_nothing_do_not_establish_persistent_congestion() {
    for (silent, persistent) in [(0, true), (1, true), (2, false)] {
        let mut recovery = confirmed();
        recovery.set_max_ack_delay(ms(1400));
        send(&mut recovery, at(0), ApplicationData, 1);
        ack(&mut recovery, at(200), ApplicationData, &[(1, 1)], ms(0)).unwrap();
        for (value, time) in [(2, 999), (3, 1999), (4, 3000), (5, 4000), (6, 5000), (7, 6000), (8, 8000), (9, 12_000)] {
            let packet = SentPacket { ack_eliciting: value >= 2 + silent, ..packet(value, at(time)) };
            recovery.on_sent(at(time), ApplicationData, packet, &[]);
        }
        let out = ack(&mut recovery, at(12_200), ApplicationData, &[(9, 9), (1, 1)], ms(0)).unwrap();
        assert_eq!(out.persistent_congestion, persistent, "{silent}");
    }
}

/// Ten packets that test the path, and an ACK frame of the second and third with these counts.
fn tested(counts: Option<EcnCounts>) -> (Recovery, u64) {
    let mut recovery = confirmed();
    recovery.choose_mark();
    for value in 0..10 {
        recovery.on_sent(at(0), ApplicationData, SentPacket { marked: true, ..packet(value, at(0)) }, &[]);
    }
    let ack = |largest, first_range, ecn| AckFrame {
        largest: number(largest),
        ack_delay: 0,
        first_range,
        range_count: 0,
        ranges: &[],
        ecn,
    };
    recovery.on_ack(at(40), ApplicationData, &ack(2, 1, counts), ms(0), &mut Outcome::new()).unwrap();
    let window = recovery.congestion_window();
    // An older frame that comes later has older counts, or none.
    recovery.on_ack(at(41), ApplicationData, &ack(2, 2, None), ms(0), &mut Outcome::new()).unwrap();
    assert!(recovery.congestion_window() >= window);
    (recovery, window)
}

/// RFC 9000 section 13.4.2.1-1, 13.4.2.2-1, 13.4.2.2-4.
#[test]
fn marks_are_used_as_long_as_the_peer_counts_them() {
    let told = |ect0, ce| Some(EcnCounts { ect0, ect1: 0, ce });
    let (mut capable, window) = tested(told(2, 0));
    assert!(capable.is_ecn_capable() && window > 12_000);
    capable.choose_mark();
    assert!(capable.is_marking());
    // RFC 9002 s7.1: one mark of congestion is as a loss, and no packet is given up.
    let (marked, halved) = tested(told(1, 1));
    assert_eq!((marked.is_ecn_capable(), halved, marked.congestion_marks()), (true, 6_000, 1));
    for counts in [None, told(1, 0), told(9, 2)] {
        let (mut failed, window) = tested(counts);
        failed.choose_mark();
        assert!(!failed.is_ecn_capable() && !failed.is_marking() && window > 12_000, "{counts:?}");
    }
    // A path that was capable is not any more, once the counts are wrong.
    capable.on_sent(at(50), ApplicationData, SentPacket { marked: true, ..packet(10, at(50)) }, &[]);
    ack(&mut capable, at(90), ApplicationData, &[(0, 10)], ms(0)).unwrap();
    capable.choose_mark();
    assert!(!capable.is_ecn_capable() && !capable.is_marking());
}
