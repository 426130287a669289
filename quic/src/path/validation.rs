//! Path validation (RFC 9000 section 8.2) of one path: challenges of ours until one is answered or time is up, and answers
//! to the peer's.
//!
//! Datagrams with either are to be at least 1200 bytes long where the amplification limit lets them (sections 8.2.1 and
//! 8.2.2); that is the caller's, who knows the datagram: `fill` tells whether it wrote one.

use crate::packet::{OutgoingPacket, SentFrame};
use crate::wire::frame::Frame;
use base::{Duration, Instant, Random};

/// The peer's challenges that wait for an answer: the newest ones. An answer is sent once (RFC 9000 section 13.3); when it
/// is lost the peer asks again, so nothing is owed to older ones, and a flood of them costs nothing.
const MAX_RESPONSES: usize = 2;
/// Our own challenges whose answer would count: each is sent once, with fresh data.
const MAX_CHALLENGES: usize = 3;

/// The validation of one path.
#[derive(Debug, Default)]
pub struct Validation {
    /// The oldest first.
    responses: [Option<[u8; 8]>; MAX_RESPONSES],
    /// The oldest first.
    challenges: [Option<[u8; 8]>; MAX_CHALLENGES],
    wants_challenge: bool,
    deadline: Option<Instant>,
}

/// Puts `value` behind the others; the oldest goes when there is no room.
fn push<const N: usize>(queue: &mut [Option<[u8; 8]>; N], value: [u8; 8]) {
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
    pub fn new() -> Validation {
        Validation::default()
    }

    /// Begins to validate. `timeout` is three times the larger of the current PTO and that of a new path
    /// (RFC 9000 section 8.2.4).
    pub fn start(&mut self, now: Instant, timeout: Duration) {
        self.challenges = [None; MAX_CHALLENGES];
        self.wants_challenge = true;
        self.deadline = Some(now + timeout);
    }

    /// Whether an answer is waited for.
    pub const fn is_validating(&self) -> bool {
        self.deadline.is_some()
    }

    /// The peer challenges this path..
    pub fn on_challenge(&mut self, data: [u8; 8]) {
        push(&mut self.responses, data);
    }

    /// The peer answered. True if that validates the path; data that was never sent is ignored (section 19.18).
    pub fn on_response(&mut self, data: [u8; 8]) -> bool {
        let matches = self.is_validating() && self.challenges.contains(&Some(data));
        if matches {
            self.stop();
        }
        matches
    }

    /// A challenge was lost: another one, with fresh data, is wanted.
    pub fn on_lost(&mut self, data: [u8; 8]) {
        if self.is_validating() && self.challenges.contains(&Some(data)) {
            self.wants_challenge = true;
        }
    }

    /// Whether something waits to be sent on this path.
    pub fn wants_to_send(&self) -> bool {
        self.wants_challenge || self.responses.iter().any(Option::is_some)
    }

    /// Adds PATH_RESPONSE and PATH_CHALLENGE frames. True if it did, and the datagram is to be padded.
    pub fn fill(&mut self, packet: &mut OutgoingPacket<'_>, random: &mut (impl Random + ?Sized)) -> bool {
        let mut wrote = false;
        while let Some(data) = self.responses.first().copied().flatten() {
            if (Frame::PathResponse { data }).encode(packet.writer()).is_err() {
                return wrote;
            }
            packet.record_unremembered();
            wrote = true;
            self.responses.rotate_left(1);
            if let Some(last) = self.responses.last_mut() {
                *last = None;
            }
        }
        if self.wants_challenge && packet.remaining() >= 9 {
            let data = base::random::array(random);
            if (Frame::PathChallenge { data }).encode(packet.writer()).is_ok() {
                packet.record(SentFrame::PathChallenge(data));
                push(&mut self.challenges, data);
                self.wants_challenge = false;
                wrote = true;
            }
        }
        wrote
    }

    /// When validation fails.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// True if validation failed: the path is not to be used.
    pub fn on_timeout(&mut self, now: Instant) -> bool {
        let failed = self.deadline.is_some_and(|deadline| now >= deadline);
        if failed {
            self.stop();
        }
        failed
    }

    fn stop(&mut self) {
        self.challenges = [None; MAX_CHALLENGES];
        self.wants_challenge = false;
        self.deadline = None;
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
        let (mut buffer, mut record) = ([0; 100], Vec::new());
        let mut packet = OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut buffer[..room], &mut record);
        let wrote = validation.fill(&mut packet, random);
        let len = packet.len();
        assert_eq!(wrote, len > 0);
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

    #[test]
    fn only_an_answer_to_what_was_asked_validates() {
        let (mut validation, mut random) = (Validation::new(), Counter(0));
        assert!(!validation.on_response([0; 8]));
        validation.start(Instant::ZERO, Duration::from_secs(1));
        assert!(!validation.on_response([0; 8]));
        assert_eq!(sent(&mut validation, &mut random, 100).1, [[1; 8]]);
        assert!(!validation.wants_to_send() && !validation.on_response([2; 8]));
        validation.on_lost([1; 8]);
        assert_eq!(sent(&mut validation, &mut random, 100).1, [[2; 8]]);
        assert!(validation.on_response([1; 8]), "a late answer to the first challenge counts");
        assert!(!validation.is_validating() && !validation.on_response([2; 8]));
        validation.on_lost([2; 8]);
        assert!(!validation.wants_to_send());
    }

    #[test]
    fn it_fails_when_time_is_up() {
        let mut validation = Validation::new();
        validation.start(Instant::ZERO, Duration::from_secs(1));
        let deadline = validation.deadline().unwrap();
        assert!(!validation.on_timeout(deadline - Duration::from_nanos(1)));
        assert!(validation.on_timeout(deadline));
        assert!(!validation.on_timeout(deadline) && validation.deadline().is_none());
    }

    #[test]
    fn m2_only_the_newest_challenges_are_answered_and_once() {
        let (mut validation, mut random) = (Validation::new(), Counter(0));
        for number in 0..1_000_000u64 {
            validation.on_challenge(number.to_be_bytes());
        }
        let newest = [999_998u64.to_be_bytes(), 999_999u64.to_be_bytes()];
        assert_eq!(sent(&mut validation, &mut random, 9).0, newest[..1]);
        assert_eq!(sent(&mut validation, &mut random, 8).0, newest[..0]);
        assert_eq!(sent(&mut validation, &mut random, 100).0, newest[1..]);
        assert!(!validation.wants_to_send());
    }
}
