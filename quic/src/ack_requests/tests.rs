use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

const BULK: Circumstances = Circumstances {
    window: Some(400),
    smoothed_rtt: ms(40),
    packet_threshold: 3,
    min_ack_delay: ms(1),
    max_ack_delay: ms(25),
};

fn best(change: impl FnOnce(&mut Circumstances)) -> (u64, u64, u64) {
    let mut circumstances = BULK;
    change(&mut circumstances);
    let AckRequest { threshold, max_ack_delay, reordering_threshold } = AckRequest::best(&circumstances);
    (threshold, max_ack_delay.as_micros() as u64, reordering_threshold)
}

/// draft-ietf-quic-ack-frequency section 9-1: the packet threshold that has adapted is told.
#[test]
fn a_wide_window_asks_for_a_few_acknowledgments_in_each_round_trip() {
    assert_eq!(best(|_| {}), (9, 10_000, 3));
    assert_eq!(best(|now| now.window = Some(100)), (4, 10_000, 3));
    assert_eq!(best(|now| now.packet_threshold = 21), (9, 10_000, 21));
    // As before in slow start, and where a window is small.
    assert_eq!(best(|now| now.window = None), (1, 25_000, 1));
    assert_eq!(best(|now| now.window = Some(24)), (1, 25_000, 1));
    assert_eq!(best(|now| now.window = Some(47)), (1, 25_000, 1));
    assert_eq!(best(|now| now.window = Some(48)), (2, 10_000, 3));
    assert_eq!(best(|now| now.window = Some(1 << 40)), (9, 10_000, 3));
    // Never later than without a request, nor sooner than the peer can.
    assert_eq!(best(|now| now.smoothed_rtt = ms(600)), (9, 25_000, 3));
    assert_eq!(best(|now| now.smoothed_rtt = ms(2)), (9, 1_000, 3));
    assert_eq!(best(|now| now.smoothed_rtt = Duration::from_micros(900)), (9, 1_000, 1));
    assert_eq!(best(|now| (now.min_ack_delay, now.max_ack_delay) = (ms(30), ms(30))), (9, 30_000, 3));
}

/// Every packet at once, as soon as the peer can.
#[test]
fn a_window_of_few_packets_asks_for_each_to_be_acknowledged() {
    for window in [0, 2, 16, 23] {
        assert_eq!(best(|now| now.window = Some(window)), (0, 1_000, 1));
    }
    assert_eq!(best(|now| (now.window, now.min_ack_delay) = (Some(3), ms(30))), (0, 30_000, 1));
    // It is news, and so is what takes it back.
    let (usual, each) = (AckRequest::usual(ms(25)), AckRequest::best(&Circumstances { window: Some(3), ..BULK }));
    assert!(each.is_news_after(&usual) && usual.is_news_after(&each) && !each.is_news_after(&each));
}

/// draft-ietf-quic-ack-frequency section 4-1.
#[test]
fn requests_are_numbered_and_made_when_they_are_news() {
    let mut requests = AckRequests::new(ms(25));
    let usual = AckRequest::usual(ms(25));
    assert!(requests.is_due_for_review(at(0)) && !requests.is_due());
    requests.review(at(0), usual, ms(40));
    assert!(!requests.is_due() && !requests.is_due_for_review(at(39)) && requests.is_due_for_review(at(40)));
    let first = AckRequest { threshold: 50, max_ack_delay: ms(10), reordering_threshold: 3 };
    requests.review(at(40), first, ms(40));
    let frame = requests.frame().unwrap();
    let expected =
        AckFrequencyFrame { sequence_number: 1, threshold: 50, max_ack_delay: 10_000, reordering_threshold: 3 };
    assert_eq!(frame, expected);
    requests.on_sent(1);
    assert!(!requests.is_due() && !requests.is_due_for_review(at(1000)), "the peer has to have it first");
    requests.on_lost(1);
    assert_eq!(requests.frame(), Some(frame), "it is sent again as it was");
    requests.on_sent(1);
    requests.on_acked(1);
    assert!(requests.is_due_for_review(at(1000)));
    // What is no news, and what is.
    let change = |threshold, delay, reordering_threshold| {
        AckRequest { threshold, max_ack_delay: ms(delay), reordering_threshold }.is_news_after(&first)
    };
    for (threshold, delay, reordering) in [(50, 10, 3), (34, 10, 3), (75, 10, 3), (50, 5, 3), (50, 20, 3)] {
        assert!(!change(threshold, delay, reordering), "{threshold} {delay} {reordering}");
    }
    for (threshold, delay, reordering) in [(33, 10, 3), (76, 10, 3), (50, 4, 3), (50, 21, 3), (50, 10, 4), (1, 25, 1)] {
        assert!(change(threshold, delay, reordering), "{threshold} {delay} {reordering}");
    }
    requests.review(at(1000), usual, ms(40));
    assert_eq!(requests.frame().map(|frame| frame.sequence_number), Some(2));
}

/// draft-ietf-quic-ack-frequency section 7-1, 7-2.
#[test]
fn until_a_request_is_acknowledged_the_longer_delay_counts() {
    let mut requests = AckRequests::new(ms(25));
    let ask = |requests: &mut AckRequests, delay, number| {
        let request = AckRequest { threshold: 50, max_ack_delay: ms(delay), reordering_threshold: number };
        requests.review(at(0), request, ms(0));
        requests.on_sent(number);
    };
    ask(&mut requests, 10, 1);
    assert_eq!(requests.max_ack_delay(), ms(25));
    requests.on_lost(1);
    requests.on_sent(1);
    assert_eq!(requests.max_ack_delay(), ms(25));
    requests.on_acked(1);
    assert_eq!(requests.max_ack_delay(), ms(10));
    ask(&mut requests, 21, 2);
    assert_eq!(requests.max_ack_delay(), ms(21), "the peer may have read it");
    // An old one that arrives late says nothing about the new one.
    requests.on_acked(1);
    assert_eq!((requests.delay_in_effect, requests.max_ack_delay()), (ms(10), ms(21)));
}
