use super::{Link, LinkConfig, LinkStats};
use crate::SeededRandom;
use base::{Duration, Ecn, Instant};

const DELAY: Duration = Duration::from_millis(5);
const ARRIVAL: Instant = Instant::from_nanos(5_000_000);

fn link(change: impl FnOnce(&mut LinkConfig)) -> Link {
    let mut config = LinkConfig::new(DELAY);
    change(&mut config);
    Link::new(config, SeededRandom::new(3))
}

/// A hundred datagrams of 1000 bytes at time zero: their arrivals, and what was received.
fn hundred(link: &mut Link) -> Vec<([Option<Instant>; 2], Ecn, Vec<u8>)> {
    let carry = |_| {
        let (mut ecn, mut payload) = (Ecn::Ect0, vec![0x55; 1000]);
        (link.carry(Instant::ZERO, &mut ecn, &mut payload), ecn, payload)
    };
    (0..100).map(carry).collect()
}

#[test]
fn a_link_without_faults_delays_and_nothing_else() {
    let mut link = link(|_| {});
    for received in hundred(&mut link) {
        assert_eq!(received, ([Some(ARRIVAL), None], Ecn::Ect0, vec![0x55; 1000]));
    }
    assert_eq!(*link.stats(), LinkStats { sent: 100, delivered: 100, ..LinkStats::default() });
}

#[test]
fn loss_and_duplication_are_what_the_count_says() {
    let mut link = link(|config| (config.loss, config.duplication) = (0.3, 0.2));
    let received = hundred(&mut link);
    let count =
        |arrivals: usize| received.iter().filter(|row| row.0.iter().flatten().count() == arrivals).count() as u64;
    let stats = *link.stats();
    assert_eq!((count(0), count(2)), (stats.lost, stats.duplicated));
    assert_eq!(stats.delivered, 100 - stats.lost + stats.duplicated);
    assert!((15..45).contains(&stats.lost) && (5..30).contains(&stats.duplicated));
}

#[test]
fn certain_loss_lets_nothing_pass() {
    let mut link = link(|config| config.loss = 1.0);
    assert!(hundred(&mut link).iter().all(|row| row.0 == [None; 2]));
}

#[test]
fn corruption_changes_one_bit() {
    let mut link = link(|config| config.corruption = 0.5);
    let mut corrupted = 0;
    for (_, _, payload) in hundred(&mut link) {
        let bits: u32 = payload.iter().map(|byte| (byte ^ 0x55).count_ones()).sum();
        assert!(bits <= 1);
        corrupted += u64::from(bits);
    }
    assert_eq!(corrupted, link.stats().corrupted);
    assert!((30..70).contains(&corrupted));
}

#[test]
fn late_datagrams_are_overtaken() {
    let mut link = link(|config| (config.reorder, config.reorder_by) = (0.5, Duration::from_millis(1)));
    let late = hundred(&mut link).iter().filter(|row| row.0[0].is_some_and(|at| at > ARRIVAL)).count() as u64;
    assert_eq!(late, link.stats().reordered);
    assert!((30..70).contains(&late));
}

#[test]
fn only_the_capable_are_marked() {
    let mut link = link(|config| config.marking = 1.0);
    assert!(hundred(&mut link).iter().all(|row| row.1 == Ecn::Ce));
    let mut ecn = Ecn::NotEct;
    link.carry(Instant::ZERO, &mut ecn, &mut [1]);
    assert_eq!((ecn, link.stats().marked), (Ecn::NotEct, 100));
}

#[test]
fn a_rate_spaces_arrivals_and_fills_the_queue() {
    // A megabyte per second: a millisecond for each datagram. Ten fit into the queue.
    let mut link = link(|config| (config.rate, config.queue, config.mark_from) = (Some(1_000_000), 10_000, 5_000));
    let received = hundred(&mut link);
    for (number, (arrivals, ecn, _)) in (0..100).zip(received) {
        let expected = (number < 10).then(|| ARRIVAL + Duration::from_millis(number + 1));
        assert_eq!(arrivals, [expected, None]);
        assert_eq!(ecn == Ecn::Ce, (5..10).contains(&number));
    }
    assert_eq!(link.stats().overflowed, 90);
    let later = Instant::ZERO + Duration::from_millis(4);
    let arrivals = link.carry(later, &mut Ecn::NotEct, &mut [0; 1000]);
    assert_eq!(arrivals, [Some(ARRIVAL + Duration::from_millis(11)), None]);
}

#[test]
fn what_is_larger_than_the_mtu_is_lost() {
    let mut link = link(|config| config.mtu = 1200);
    assert!(link.carry(Instant::ZERO, &mut Ecn::NotEct, &mut [0; 1200])[0].is_some());
    assert_eq!(link.carry(Instant::ZERO, &mut Ecn::NotEct, &mut [0; 1201]), [None; 2]);
    assert_eq!(link.stats().too_large, 1);
}
