//! How fast the path delivers (draft-cheng-iccrg-delivery-rate-estimation): from what was sent and what was acknowledged, a rate for
//! each acknowledgment.
//!
//! What has to be known of a packet at its acknowledgment is kept for each burst, that is for all packets that were sent at one
//! moment, and found by that moment. So the packets themselves carry nothing for it, and a controller that wants no rates costs
//! nothing.

use alloc::collections::VecDeque;
use base::{Duration, Instant};

/// Bursts that are remembered. A burst is at least a millisecond apart from the next where packets are paced, so this many are longer
/// under way than any round trip; further packets count for the newest of them.
const MAX_BURSTS: usize = 16_384;
/// Nanoseconds of a second.
const SECOND: u128 = 1_000_000_000;

/// The rate at which one path delivers, as acknowledgments tell it.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryRate {
    bursts: VecDeque<Burst>,
    delivered: u64,
    // When that was counted last.
    delivered_time: Instant,
    lost: u64,
    // When the packet was sent that was delivered last, or the first one after silence.
    first_sent_time: Instant,
    // The count of delivered bytes until which the application held the rate back.
    application_limited: Option<u64>,
    newest: Option<Newest>,
    newly_acked: u64,
}

/// What was known when packets were sent.
#[derive(Clone, Copy, Debug)]
struct Burst {
    time_sent: Instant,
    delivered: u64,
    delivered_time: Instant,
    first_sent_time: Instant,
    lost: u64,
    in_flight: u64,
    is_application_limited: bool,
    // Packets of it whose fate is open.
    open: u32,
}

/// The burst of the packet that was sent last of those that the acknowledgment tells of.
#[derive(Clone, Copy, Debug)]
struct Newest {
    burst: Burst,
    send_elapsed: Duration,
}

/// What one acknowledgment told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RateSample {
    /// Bytes per second; 0 if it told nothing of the rate.
    pub rate: u64,
    /// Bytes delivered since the packet was sent.
    pub delivered: u64,
    /// All bytes that had been delivered when it was sent.
    pub prior_delivered: u64,
    /// Bytes lost since it was sent.
    pub lost: u64,
    /// Bytes in flight when it was sent, itself included.
    pub sent_in_flight: u64,
    /// Whether the application had too little to send.
    pub is_application_limited: bool,
    /// Bytes that are newly acknowledged.
    pub newly_acked: u64,
}

/// What was known of a lost packet when it was sent, and what happened since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LossSample {
    /// Bytes in flight when it was sent, itself included.
    pub sent_in_flight: u64,
    /// Bytes lost since it was sent, itself included.
    pub lost: u64,
    /// Whether the application had too little to send.
    pub is_application_limited: bool,
}

impl DeliveryRate {
    /// Nothing sent.
    pub(crate) const fn new() -> DeliveryRate {
        DeliveryRate {
            bursts: VecDeque::new(),
            delivered: 0,
            delivered_time: Instant::ZERO,
            lost: 0,
            first_sent_time: Instant::ZERO,
            application_limited: None,
            newest: None,
            newly_acked: 0,
        }
    }

    /// A packet in flight was sent; `in_flight` has it in it.
    pub(crate) fn on_sent(&mut self, now: Instant, bytes: u64, in_flight: u64) {
        if in_flight == bytes {
            // After silence the interval begins here: what is acknowledged from now on was delivered in it.
            self.first_sent_time = now;
            self.delivered_time = now;
        }
        let is_full = self.bursts.len() >= MAX_BURSTS;
        if let Some(last) = self.bursts.back_mut().filter(|last| is_full || last.time_sent >= now) {
            last.in_flight = in_flight;
            last.open = last.open.saturating_add(1);
            return;
        }
        self.bursts.push_back(Burst {
            time_sent: now,
            delivered: self.delivered,
            delivered_time: self.delivered_time,
            first_sent_time: self.first_sent_time,
            lost: self.lost,
            in_flight,
            is_application_limited: self.application_limited.is_some(),
            open: 1,
        });
    }

    /// A packet that was sent then is acknowledged.
    pub(crate) fn on_acked(&mut self, now: Instant, time_sent: Instant, bytes: u64) {
        self.delivered += bytes;
        self.newly_acked += bytes;
        self.delivered_time = now;
        let Some(burst) = self.leave(time_sent) else { return };
        if self.newest.is_none_or(|newest| burst.time_sent > newest.burst.time_sent) {
            self.newest = Some(Newest { burst, send_elapsed: burst.time_sent - burst.first_sent_time });
        }
        self.first_sent_time = self.first_sent_time.max(burst.time_sent);
    }

    /// A packet that was sent then is lost. `None` if nothing is known of it.
    pub(crate) fn on_lost(&mut self, time_sent: Instant, bytes: u64) -> Option<LossSample> {
        self.lost += bytes;
        let burst = self.leave(time_sent)?;
        Some(LossSample {
            sent_in_flight: burst.in_flight,
            lost: self.lost - burst.lost,
            is_application_limited: burst.is_application_limited,
        })
    }

    /// A packet that was sent then has left without a fate that says anything of the path.
    pub(crate) fn on_discarded(&mut self, time_sent: Instant) {
        self.leave(time_sent);
    }

    /// There is nothing more to send. The rates are too low until what is under way now is delivered.
    pub(crate) fn on_application_limited(&mut self, in_flight: u64) {
        self.application_limited = Some(self.delivered + in_flight);
    }

    /// Whether that is so.
    pub(crate) const fn is_application_limited(&self) -> bool {
        self.application_limited.is_some()
    }

    /// All bytes delivered so far.
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// What was under way no longer counts: the path is another one, or was left for some time.
    pub(crate) fn forget_bursts(&mut self) {
        self.bursts = VecDeque::new();
        self.newest = None;
        self.newly_acked = 0;
    }

    /// What the acknowledgment told whose packets were all given to [`DeliveryRate::on_acked`]. `min_rtt`: the least round trip of the
    /// connection; what was delivered in less tells no rate.
    pub(crate) fn take_sample(&mut self, min_rtt: Duration) -> Option<RateSample> {
        if self.application_limited.is_some_and(|until| self.delivered > until) {
            self.application_limited = None;
        }
        let newly_acked = core::mem::take(&mut self.newly_acked);
        let Newest { burst, send_elapsed } = self.newest.take()?;
        let delivered = self.delivered - burst.delivered;
        // Nothing is delivered faster than it was sent, though acknowledgments may come in one heap.
        let interval = send_elapsed.max(self.delivered_time - burst.delivered_time);
        let is_reliable = interval >= min_rtt && !interval.is_zero();
        Some(RateSample {
            rate: if is_reliable { rate(delivered, interval) } else { 0 },
            delivered,
            prior_delivered: burst.delivered,
            lost: self.lost - burst.lost,
            sent_in_flight: burst.in_flight,
            is_application_limited: burst.is_application_limited,
            newly_acked,
        })
    }

    /// Counts a packet out of its burst, and gives what was known when it was sent.
    fn leave(&mut self, time_sent: Instant) -> Option<Burst> {
        let after = self.bursts.partition_point(|burst| burst.time_sent <= time_sent);
        let burst = self.bursts.get_mut(after.checked_sub(1)?)?;
        burst.open = burst.open.saturating_sub(1);
        let burst = *burst;
        // What is empty leaves at the front. The last one stays: packets of the same moment may follow.
        while self.bursts.len() > 1 && self.bursts.front().is_some_and(|front| front.open == 0) {
            self.bursts.pop_front();
        }
        Some(burst)
    }

    /// Gives back what is not used.
    pub(crate) fn release_memory(&mut self) {
        if self.bursts.iter().all(|burst| burst.open == 0) {
            self.bursts = VecDeque::new();
        }
        self.bursts.shrink_to_fit();
    }
}

/// Bytes per second.
fn rate(bytes: u64, interval: Duration) -> u64 {
    u64::try_from(u128::from(bytes) * SECOND / interval.as_nanos().max(1)).unwrap_or(u64::MAX)
}

/// Bytes that go at `rate` bytes per second in `span`.
pub(crate) fn bytes_in(rate: u64, span: Duration) -> u64 {
    u64::try_from(u128::from(rate) * span.as_nanos() / SECOND).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    const RTT: Duration = Duration::from_millis(100);

    /// Sends a packet of 1,000 bytes every millisecond and acknowledges each after 100 ms; gives the samples.
    fn steady(estimator: &mut DeliveryRate, from: u64, to: u64) -> alloc::vec::Vec<RateSample> {
        let mut samples = alloc::vec::Vec::new();
        for now in from..to + 100 {
            if now >= from + 100 {
                estimator.on_acked(at(now), at(now - 100), 1000);
                samples.push(estimator.take_sample(RTT).unwrap());
            }
            if now < to {
                estimator.on_sent(at(now), 1000, 1000 * (now - from + 1).min(100));
            }
        }
        samples
    }

    #[test]
    fn a_steady_flow_is_measured_exactly() {
        let mut estimator = DeliveryRate::new();
        let samples = steady(&mut estimator, 10, 1000);
        // The first round trip has the silence before it in it.
        for sample in &samples[200..] {
            assert_eq!(
                (sample.rate, sample.delivered, sample.newly_acked, sample.sent_in_flight),
                (1_000_000, 100_000, 1000, 100_000)
            );
            assert!(!sample.is_application_limited);
        }
        assert_eq!(estimator.delivered(), 990_000);
        assert!(estimator.bursts.len() <= 1);
    }

    /// Acknowledgments that come in one heap, because the network or the peer collects them, tell no more than how fast was sent.
    #[test]
    fn a11_a_heap_of_acknowledgments_is_no_rate() {
        let mut estimator = DeliveryRate::new();
        (0..198).for_each(|now| estimator.on_sent(at(now), 1000, 1000 * (now + 1)));
        // Only the first is acknowledged for long,
        estimator.on_acked(at(198), at(0), 1000);
        estimator.take_sample(RTT).unwrap();
        (198..200).for_each(|now| estimator.on_sent(at(now), 1000, 1000 * now));
        // and then, a round trip later, all that were sent in two.
        (1..200).for_each(|sent| estimator.on_acked(at(299), at(sent), 1000));
        let sample = estimator.take_sample(RTT).unwrap();
        assert_eq!(
            (sample.delivered, sample.rate),
            (199_000, 1_000_000),
            "199 of them in 101 ms would be twice as much"
        );
    }

    #[test]
    fn what_the_application_held_back_is_marked_until_it_is_delivered() {
        let mut estimator = DeliveryRate::new();
        estimator.on_sent(at(0), 1000, 1000);
        estimator.on_application_limited(1000);
        estimator.on_sent(at(10), 1000, 2000);
        estimator.on_acked(at(100), at(0), 1000);
        assert!(!estimator.take_sample(RTT).unwrap().is_application_limited, "sent before the pause");
        estimator.on_acked(at(110), at(10), 1000);
        assert!(estimator.take_sample(RTT).unwrap().is_application_limited);
        assert!(!estimator.is_application_limited());
        estimator.on_sent(at(120), 1000, 1000);
        estimator.on_acked(at(220), at(120), 1000);
        assert!(!estimator.take_sample(RTT).unwrap().is_application_limited);
    }

    #[test]
    fn a_lost_packet_tells_what_was_lost_since_it_was_sent() {
        let mut estimator = DeliveryRate::new();
        (0..10).for_each(|now| estimator.on_sent(at(now), 1000, 1000 * (now + 1)));
        let lost = [3, 4, 7].map(|sent| estimator.on_lost(at(sent), 1000).unwrap());
        assert_eq!(lost.map(|sample| (sample.sent_in_flight, sample.lost)), [(4000, 1000), (5000, 2000), (8000, 3000)]);
        estimator.on_acked(at(100), at(9), 1000);
        assert_eq!(estimator.take_sample(Duration::ZERO).unwrap().lost, 3000);
        // Nobody knows of it, but it is lost.
        estimator.forget_bursts();
        assert_eq!(estimator.on_lost(at(8), 1000), None);
        assert_eq!(estimator.take_sample(RTT), None);
    }

    #[test]
    fn bursts_are_bounded_and_leave_when_their_packets_have() {
        let mut estimator = DeliveryRate::new();
        let count = MAX_BURSTS as u64 + 100;
        (0..count).for_each(|now| estimator.on_sent(at(now), 1, now + 1));
        assert_eq!(estimator.bursts.len(), MAX_BURSTS);
        assert_eq!(estimator.bursts.back().unwrap().open, 101);
        (0..count - 1).for_each(|sent| estimator.on_acked(at(count), at(sent), 1));
        assert_eq!((estimator.bursts.len(), estimator.bursts[0].open), (1, 1));
        estimator.on_discarded(at(count - 1));
        estimator.release_memory();
        assert_eq!((estimator.bursts.len(), estimator.bursts.capacity()), (0, 0));
    }

    #[test]
    fn packets_of_one_moment_are_one_burst() {
        let mut estimator = DeliveryRate::new();
        (1..=5).for_each(|count| estimator.on_sent(at(7), 1000, 1000 * count));
        assert_eq!((estimator.bursts.len(), estimator.bursts[0].open, estimator.bursts[0].in_flight), (1, 5, 5000));
    }
}
