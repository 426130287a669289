//! Path validation (RFC 9000 section 8.2) of one path: challenges of ours until one is answered or time is up, and answers
//! to the peer's.
//!
//! Datagrams with either are to be at least 1200 bytes long where the amplification limit lets them (sections 8.2.1 and
//! 8.2.2); that is the caller's, who knows the datagram: `fill` tells whether it wrote one. A challenge that had to go in a
//! smaller one proves the address but not that the path carries 1200 bytes, so another one follows (section 8.2.3).
//!
//! Challenges are repeated by a timer of their own (section 9.4) and not because a packet was lost, so recovery need not
//! remember them, and the loss of one says nothing about any path.
//!
//! How often: section 8.2.1 lets several guard against loss, one to a packet, and no more frequently than Initial packets would
//! go. Those of a client of ours go in two datagrams, and in two more after one PTO and after three (RFC 9002 section 6.2.4), and
//! three PTO are all the time there is (section 8.2.4). So four challenges may go in that time, none of them before the
//! datagram of the same number would. They go at three moments, because losses come in bursts.

use crate::packet::OutgoingPacket;
use crate::wire::frame::Frame;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use base::{Duration, Instant, Random};

/// Challenges of the peer that may wait for their answers: as many as two full datagrams hold, or more than that wait only
/// because the congestion window or the amplification limit lets nothing go. Then the newest are answered. An answer is sent
/// once (RFC 9000 section 13.3); when it is lost the peer asks again.
const MAX_RESPONSES: usize = 256;
/// Challenges that have gone after one interval, and after two. Not after three: that is when time is up.
const SENT_BY_REPETITION: &[u8] = &[3, 4];
/// Challenges that go at one moment, each in a datagram of its own.
const MAX_AT_ONCE: u8 = 2;
/// Our own challenges whose answer would count: each is sent once, with fresh data. All of a validation, and before it those of
/// full size of one that has proved the address by another.
const MAX_CHALLENGES: usize = 3 + 4;
/// A packet with room for so much of a payload is in a datagram of 1200 bytes: smaller ones are not larger than
/// [`SMALL_DATAGRAM`](super::path::SMALL_DATAGRAM).
const FULL_SIZE_ROOM: usize = 1100;

/// The validation of one path. It takes memory only while there is something to ask or to answer: of most paths, never.
#[derive(Debug, Default)]
pub(crate) struct Validation {
    work: Option<Box<Work>>,
}

/// What is asked and what is to be answered.
#[derive(Debug, Default)]
struct Work {
    /// The oldest first.
    responses: VecDeque<[u8; 8]>,
    /// The oldest first.
    challenges: [Option<Challenge>; MAX_CHALLENGES],
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug)]
struct Challenge {
    data: [u8; 8],
    full_size: bool,
}

/// A validation under way.
#[derive(Clone, Copy, Debug)]
struct Running {
    fails_at: Instant,
    repeat_at: Instant,
    interval: Duration,
    timeout: Duration,
    /// Challenges that wait to be sent.
    owed: u8,
    sent: u8,
    /// How many are to have gone by each repetition that is still to come.
    to_come: &'static [u8],
}

impl Running {
    fn new(now: Instant, interval: Duration, timeout: Duration) -> Running {
        let (fails_at, repeat_at) = (now + timeout, now + interval);
        Running { fails_at, repeat_at, interval, timeout, owed: 1, sent: 0, to_come: SENT_BY_REPETITION }
    }

    /// Asks again. What the amplification limit has held back until now does not go beside what is due now.
    fn repeat(&mut self, now: Instant) {
        let Some((by_now, to_come)) = self.to_come.split_first() else { return };
        self.owed = by_now.saturating_sub(self.sent).min(MAX_AT_ONCE);
        self.repeat_at = if to_come.is_empty() { self.fails_at } else { now + self.interval };
        self.to_come = to_come;
    }
}

/// What an answer of the peer proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The peer's address; whether the path carries 1200 bytes is still being asked.
    Address,
    /// The address, and that the path carries 1200 bytes.
    Path,
}

/// Puts `value` behind the others; the oldest goes when there is no room.
fn push<T, const N: usize>(queue: &mut [Option<T>; N], value: T) {
    match queue.iter_mut().find(|place| place.is_none()) {
        Some(place) => *place = Some(value),
        None => {
            queue.rotate_left(1);
            if let Some(last) = queue.last_mut() {
                *last = Some(value);
            }
        }
    }
}

impl Validation {
    /// Nothing is asked yet.
    pub(crate) fn new() -> Validation {
        Validation::default()
    }

    /// Begins to validate. `interval` is the PTO of the path, after which an unanswered challenge is repeated; `timeout` is
    /// three times the larger of the current PTO and that of a new path (RFC 9000 section 8.2.4).
    pub(crate) fn start(&mut self, now: Instant, interval: Duration, timeout: Duration) {
        let work = self.work.get_or_insert_default();
        work.challenges = [None; MAX_CHALLENGES];
        work.running = Some(Running::new(now, interval, timeout));
    }

    /// Two challenges go at the beginning, so that the loss of one does not cost an interval: to an address of this end's own
    /// choice. Elsewhere the peer, or whoever copies its packets, would have two datagrams sent for each address it names.
    pub(crate) fn begin_with_two(&mut self) {
        if let Some(running) = self.work.as_mut().and_then(|work| work.running.as_mut()) {
            running.owed = MAX_AT_ONCE;
        }
    }

    /// Whether an answer is waited for.
    pub(crate) fn is_validating(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.running.is_some())
    }

    /// The peer challenges this path.
    pub(crate) fn on_challenge(&mut self, data: [u8; 8]) {
        let responses = &mut self.work.get_or_insert_default().responses;
        if responses.len() >= MAX_RESPONSES {
            responses.pop_front();
        }
        responses.push_back(data);
    }

    /// The peer answered, on whatever path (RFC 9000 section 8.2.3). `None` for data that was never sent, which is ignored
    /// (section 19.18).
    pub(crate) fn on_response(&mut self, now: Instant, data: [u8; 8]) -> Option<Proof> {
        let work = self.work.as_mut()?;
        let challenge = work.challenges.iter().flatten().find(|challenge| challenge.data == data)?;
        if challenge.full_size {
            self.stop();
            return Some(Proof::Path);
        }
        // RFC 9000 section 8.2.1-6, 8.2.3-1: the address is proved, its size is not. That is another validation, with as much
        // time. One of full size that is under way already answers it as well.
        for place in &mut work.challenges {
            place.take_if(|challenge| !challenge.full_size);
        }
        work.running = work.running.map(|before| Running::new(now, before.interval, before.timeout));
        Some(Proof::Address)
    }

    /// Whether something waits to be sent on this path.
    #[inline]
    pub(crate) fn wants_to_send(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.wants_challenge() || !work.responses.is_empty())
    }

    /// Whether that is a challenge of ours. There are few, at times of our own choice, so they need not wait for the
    /// congestion window.
    pub(crate) fn wants_challenge(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.wants_challenge())
    }

    /// Adds PATH_CHALLENGE and PATH_RESPONSE frames. True if it did, and the datagram is to be padded to 1200 bytes: where
    /// there is no room for so many, padding would be a waste of what may be sent.
    #[inline]
    pub(crate) fn fill(&mut self, packet: &mut OutgoingPacket<'_>, random: &mut (impl Random + ?Sized)) -> bool {
        self.work.is_some() && self.fill_wanted(packet, random)
    }

    fn fill_wanted(&mut self, packet: &mut OutgoingPacket<'_>, random: &mut (impl Random + ?Sized)) -> bool {
        let Some(work) = &mut self.work else { return false };
        let full_size = packet.len() + packet.remaining() >= FULL_SIZE_ROOM;
        let mut wrote = false;
        // RFC 9000 section 8.2.1: one to a packet.
        if let Some(running) = work.running.as_mut().filter(|running| running.owed > 0)
            && packet.remaining() >= 9
        {
            // RFC 9000 section 8.2.1-4: each challenge has random data of its own.
            let data = base::random::array(random);
            if (Frame::PathChallenge { data }).encode(packet.writer()).is_ok() {
                packet.record_unremembered();
                push(&mut work.challenges, Challenge { data, full_size });
                running.owed -= 1;
                running.sent += 1;
                wrote = true;
            }
        }
        wrote |= work.fill_responses(packet);
        self.release_if_done();
        wrote && full_size
    }

    /// When `on_timeout` is to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let running = self.work.as_ref()?.running?;
        Some(running.fails_at.min(running.repeat_at))
    }

    /// True if validation failed: the path is not to be used.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> bool {
        let Some(work) = &mut self.work else { return false };
        let Some(running) = &mut work.running else { return false };
        if now >= running.fails_at {
            self.stop();
            return true;
        }
        if now >= running.repeat_at {
            running.repeat(now);
        }
        false
    }

    /// Asks no more.
    pub(crate) fn stop(&mut self) {
        if let Some(work) = &mut self.work {
            work.challenges = [None; MAX_CHALLENGES];
            work.running = None;
        }
        self.release_if_done();
    }

    fn release_if_done(&mut self) {
        self.work.take_if(|work| work.is_done());
    }
}

impl Work {
    /// RFC 9000 section 8.2.2-1, 8.2.2-7: each challenge is answered, once. True if one was.
    fn fill_responses(&mut self, packet: &mut OutgoingPacket<'_>) -> bool {
        let mut wrote = false;
        while let Some(data) = self.responses.front().copied() {
            if (Frame::PathResponse { data }).encode(packet.writer()).is_err() {
                return wrote;
            }
            packet.record_unremembered();
            self.responses.pop_front();
            wrote = true;
        }
        if wrote {
            self.responses = VecDeque::new();
        }
        wrote
    }

    /// Whether one of ours waits to be sent.
    fn wants_challenge(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.owed > 0)
    }

    /// Nothing is asked and nothing is to be answered. Challenges that were sent count only while the validation runs.
    fn is_done(&self) -> bool {
        self.running.is_none() && self.responses.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet_number::PacketNumberSpace;
    use alloc::vec::Vec;
    use base::Reader;

    struct Counter(u8);

    impl Random for Counter {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 += 1;
            bytes.fill(self.0);
        }
    }

    /// The data of the frames sent, responses and challenges.
    fn sent(validation: &mut Validation, random: &mut Counter, room: usize) -> (Vec<[u8; 8]>, Vec<[u8; 8]>) {
        let (mut buffer, mut record) = ([0; 1200], Vec::new());
        let mut packet = OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut buffer[..room], &mut record);
        let wrote = validation.fill(&mut packet, random);
        let len = packet.len();
        assert_eq!(wrote, len > 0 && room >= FULL_SIZE_ROOM);
        let (mut responses, mut challenges) = (Vec::new(), Vec::new());
        let mut reader = Reader::new(&buffer[..len]);
        while !reader.is_empty() {
            match Frame::decode(&mut reader).unwrap() {
                Frame::PathResponse { data } => responses.push(data),
                Frame::PathChallenge { data } => challenges.push(data),
                other => panic!("{other:?}"),
            }
        }
        (responses, challenges)
    }

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    fn started() -> Validation {
        let mut validation = Validation::new();
        validation.start(at(0), Duration::from_millis(100), Duration::from_millis(3000));
        validation
    }

    /// RFC 9000 section 8.2.1-4.
    #[test]
    fn only_an_answer_to_what_was_asked_validates() {
        let (mut validation, mut random) = (Validation::new(), Counter(0));
        assert_eq!(validation.on_response(at(9), [0; 8]), None);
        validation = started();
        assert_eq!(validation.on_response(at(9), [0; 8]), None);
        assert_eq!(sent(&mut validation, &mut random, 1150).1, [[1; 8]]);
        assert!(!validation.wants_to_send() && validation.on_response(at(9), [2; 8]).is_none());
        assert!(!validation.on_timeout(at(100)));
        assert_eq!(sent(&mut validation, &mut random, 1150).1, [[2; 8]]);
        assert_eq!(
            validation.on_response(at(9), [1; 8]),
            Some(Proof::Path),
            "a late answer to the first challenge counts"
        );
        assert!(!validation.is_validating() && validation.on_response(at(9), [2; 8]).is_none());
        assert!(!validation.wants_to_send() && validation.deadline().is_none());
        assert!(validation.work.is_none(), "a path that is validated holds nothing of it");
    }

    /// RFC 9000 section 8.2.1-6, 8.2.3-1.
    #[test]
    fn a_small_challenge_proves_the_address_and_a_full_one_the_path() {
        let (mut validation, mut random) = (started(), Counter(0));
        assert_eq!(sent(&mut validation, &mut random, 50).1, [[1; 8]]);
        assert_eq!(validation.on_response(at(9), [1; 8]), Some(Proof::Address));
        assert!(validation.is_validating() && validation.wants_challenge());
        assert_eq!(validation.on_response(at(9), [1; 8]), None, "once");
        assert_eq!(sent(&mut validation, &mut random, 1150).1, [[2; 8]]);
        assert_eq!(validation.on_response(at(9), [2; 8]), Some(Proof::Path));
        assert!(!validation.is_validating());
    }

    /// The moments of all challenges that go until time is up, with what may be sent at all from `free` on.
    fn moments(validation: &mut Validation, free: u64) -> Vec<u64> {
        let (mut random, mut moments) = (Counter(0), Vec::new());
        for time in 0..299 {
            assert!(!validation.on_timeout(at(time)));
            while time >= free && validation.wants_challenge() {
                moments.push(time);
                assert_eq!(sent(validation, &mut random, 1150).1.len(), 1, "one to a packet");
            }
        }
        assert_eq!(validation.deadline(), Some(at(300)));
        assert!(validation.on_timeout(at(300)));
        assert!(!validation.on_timeout(at(300)) && validation.deadline().is_none());
        moments
    }

    fn started_by_rule() -> Validation {
        let mut validation = Validation::new();
        validation.start(at(0), Duration::from_millis(100), Duration::from_millis(300));
        validation
    }

    /// RFC 9000 section 8.2.1: by no time have more gone than datagrams with Initial packets would have.
    #[test]
    fn no_challenge_goes_before_the_initial_of_its_number() {
        let initials = [0, 0, 100, 100, 300, 300];
        for (begins_with, expected) in [(1, [0, 100, 100, 200]), (2, [0, 0, 100, 200])] {
            let mut validation = started_by_rule();
            if begins_with == 2 {
                validation.begin_with_two();
            }
            let moments = moments(&mut validation, 0);
            assert_eq!(moments, expected);
            assert!(moments.iter().zip(initials).all(|(challenge, initial)| *challenge >= initial));
        }
    }

    /// What waits for the amplification limit does not pile up.
    #[test]
    fn a3_what_was_held_back_goes_twice_at_the_most() {
        for (free, expected) in
            [(50, &[50, 100, 100, 200][..]), (150, &[150, 150, 200, 200]), (250, &[250, 250]), (299, &[])]
        {
            assert_eq!(moments(&mut started_by_rule(), free), expected, "{free}");
        }
    }

    #[test]
    fn a_late_answer_to_any_challenge_counts() {
        for late in 1..=4 {
            let (mut validation, mut random) = (started_by_rule(), Counter(0));
            for time in 0..299 {
                assert!(!validation.on_timeout(at(time)));
                while validation.wants_challenge() {
                    sent(&mut validation, &mut random, 1150);
                }
            }
            assert_eq!(random.0, 4);
            assert_eq!(validation.on_response(at(299), [late; 8]), Some(Proof::Path), "{late}");
        }
    }

    /// RFC 9000 section 8.2.1-6, 8.2.3-1: asking for the size is another validation. What was asked in full size before counts for
    /// it, and what was small no more.
    #[test]
    fn an_address_that_is_proved_late_has_time_to_prove_its_size() {
        for full in 2..=3 {
            let (mut validation, mut random) = (started_by_rule(), Counter(0));
            sent(&mut validation, &mut random, 50);
            assert!(!validation.on_timeout(at(100)));
            sent(&mut validation, &mut random, 1150);
            sent(&mut validation, &mut random, 1150);
            assert!(!validation.on_timeout(at(200)));
            sent(&mut validation, &mut random, 50);
            assert_eq!(validation.on_response(at(299), [4; 8]), Some(Proof::Address));
            assert_eq!(validation.on_response(at(299), [1; 8]), None);
            for time in 299..599 {
                assert!(!validation.on_timeout(at(time)), "{time}");
                while validation.wants_challenge() {
                    sent(&mut validation, &mut random, 1150);
                }
            }
            assert_eq!(random.0, 8, "four more");
            let mut late = validation.work.as_ref().map(|work| work.challenges.iter().flatten().count());
            assert_eq!(late.take(), Some(6), "all that can prove the size");
            assert_eq!(validation.on_response(at(598), [full; 8]), Some(Proof::Path));
        }
    }

    /// RFC 9000 section 8.2.2-1, 8.2.2-7, 19.17-1.
    #[test]
    fn m2_every_challenge_is_answered_once_and_of_a_flood_the_newest() {
        let (mut validation, mut random) = (Validation::new(), Counter(0));
        let data = |numbers: core::ops::Range<u64>| numbers.map(u64::to_be_bytes).collect::<Vec<_>>();
        data(0..200).into_iter().for_each(|data| validation.on_challenge(data));
        assert_eq!(sent(&mut validation, &mut random, 9).0, data(0..1));
        assert_eq!(sent(&mut validation, &mut random, 8).0, data(0..0));
        assert_eq!(sent(&mut validation, &mut random, 1150).0, data(1..128));
        assert_eq!(sent(&mut validation, &mut random, 1150).0, data(128..200));
        assert!(!validation.wants_to_send() && validation.work.is_none());
        data(0..1_000_000).into_iter().for_each(|data| validation.on_challenge(data));
        let newest = 1_000_000 - MAX_RESPONSES as u64;
        assert_eq!(sent(&mut validation, &mut random, 1150).0, data(newest..newest + 127));
        assert!(validation.work.is_some_and(|work| work.responses.capacity() <= MAX_RESPONSES));
    }
}
