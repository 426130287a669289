//! The events that a subscription has taken up and that are not settled: under way, waiting for the next attempt, or held back.

use crate::broker::record::{put_u32, put_u64};
use crate::delivery::{ConsumerId, DeliveryId};
use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base::{Instant, Reader, Truncated};

/// The unsettled events of one subscription. An event that is before the subscription's position and is not in here is settled, so
/// that no memory is taken by what was acknowledged, in whatever order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    events: BTreeMap<u64, Event>,
    /// Those that can be delivered now.
    ready: BTreeSet<u64>,
    /// When those under way are late, and when those that wait can be delivered.
    timers: BTreeSet<(Instant, u64)>,
    /// Of subscriptions that are ordered by key: the events of each key.
    keys: BTreeMap<String, Line>,
    in_flight: usize,
    held: usize,
}

#[derive(Clone, Debug)]
struct Event {
    attempts: u32,
    /// Known since the event was first looked at; empty if it has none, or order does not matter.
    key: Option<String>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// With a consumer, until then.
    InFlight(ConsumerId, Instant),
    /// Until then.
    Waiting(Instant),
    Ready,
    /// Behind another event of its key.
    Held,
    /// Delivered too often: on its way to the dead ones.
    Dying,
}

/// Events of one key: one that may be delivered, and those behind it.
#[derive(Clone, Debug)]
struct Line {
    active: u64,
    behind: BTreeSet<u64>,
}

impl Pending {
    /// All that are not settled.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The first that is not settled.
    pub(crate) fn first(&self) -> Option<u64> {
        self.events.keys().next().copied()
    }

    /// Those with consumers.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Those behind another one of their key.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// Those that were delivered and are to be delivered again, now or later.
    pub(crate) fn waiting(&self) -> usize {
        self.events.len() - self.in_flight - self.held
    }

    /// Those that can be delivered now, beginning with the lowest number.
    pub(crate) fn ready(&self) -> impl Iterator<Item = u64> + '_ {
        self.ready.iter().copied()
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// When something happens by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes up an event that is to be delivered now; nothing if it is there already. `attempts` were made before.
    pub(crate) fn insert(&mut self, sequence: u64, attempts: u32) {
        if let Entry::Vacant(place) = self.events.entry(sequence) {
            place.insert(Event { attempts, key: None, state: State::Ready });
            self.ready.insert(sequence);
        }
    }

    /// So many attempts were made.
    pub(crate) fn set_attempts(&mut self, sequence: u64, attempts: u32) {
        if let Some(event) = self.events.get_mut(&sequence) {
            event.attempts = event.attempts.max(attempts);
        }
    }

    /// The event, taken up and ready, goes to a consumer, unless it is behind another of its key (an empty key is none): then it is
    /// held back, and nothing is returned.
    pub(crate) fn deliver(&mut self, sequence: u64, key: &str, to: ConsumerId, until: Instant) -> Option<DeliveryId> {
        if !key.is_empty() {
            match self.keys.get_mut(key) {
                Some(line) if line.active != sequence => {
                    line.behind.insert(sequence);
                    self.set_key(sequence, key);
                    self.change(sequence, State::Held);
                    return None;
                }
                Some(_) => {}
                None => {
                    self.keys.insert(key.to_string(), Line { active: sequence, behind: BTreeSet::new() });
                }
            }
            self.set_key(sequence, key);
        }
        self.change(sequence, State::InFlight(to, until));
        let event = self.events.get_mut(&sequence)?;
        event.attempts = event.attempts.saturating_add(1);
        Some(DeliveryId { sequence, attempt: event.attempts })
    }

    fn set_key(&mut self, sequence: u64, key: &str) {
        if let Some(event) = self.events.get_mut(&sequence).filter(|event| event.key.is_none()) {
            event.key = Some(key.to_string());
        }
    }

    /// Moves an event to another state, and keeps counts and timers.
    fn change(&mut self, sequence: u64, to: State) {
        let Some(event) = self.events.get_mut(&sequence) else { return };
        let from = core::mem::replace(&mut event.state, to);
        self.uncount(sequence, from);
        match to {
            State::InFlight(_, until) => {
                self.in_flight += 1;
                self.timers.insert((until, sequence));
            }
            State::Waiting(until) => drop(self.timers.insert((until, sequence))),
            State::Ready => drop(self.ready.insert(sequence)),
            State::Held => self.held += 1,
            State::Dying => {}
        }
    }

    fn uncount(&mut self, sequence: u64, from: State) {
        match from {
            State::InFlight(_, until) => {
                self.in_flight -= 1;
                self.timers.remove(&(until, sequence));
            }
            State::Waiting(until) => drop(self.timers.remove(&(until, sequence))),
            State::Ready => drop(self.ready.remove(&sequence)),
            State::Held => self.held -= 1,
            State::Dying => {}
        }
    }

    pub(crate) fn contains(&self, sequence: u64) -> bool {
        self.events.contains_key(&sequence)
    }

    /// How often the event was delivered.
    pub(crate) fn attempts(&self, sequence: u64) -> u32 {
        self.events.get(&sequence).map_or(0, |event| event.attempts)
    }

    /// Whether exactly this delivery is under way.
    pub(crate) fn is_in_flight(&self, id: DeliveryId) -> bool {
        self.events
            .get(&id.sequence)
            .is_some_and(|event| event.attempts == id.attempt && matches!(event.state, State::InFlight(..)))
    }

    /// The event is settled. The next of its key can be delivered. Whether it was there.
    pub(crate) fn settle(&mut self, sequence: u64) -> bool {
        let Some(event) = self.events.remove(&sequence) else { return false };
        self.uncount(sequence, event.state);
        let Some(key) = event.key else { return true };
        let Some(line) = self.keys.get_mut(&key) else { return true };
        if line.active != sequence {
            line.behind.remove(&sequence);
            return true;
        }
        match line.behind.pop_first() {
            Some(next) => {
                line.active = next;
                self.change(next, State::Ready);
            }
            None => drop(self.keys.remove(&key)),
        }
        true
    }

    /// A delivery under way has more time.
    pub(crate) fn extend(&mut self, sequence: u64, until: Instant) {
        if let Some(Event { state: State::InFlight(consumer, _), .. }) = self.events.get(&sequence) {
            let to = State::InFlight(*consumer, until);
            self.change(sequence, to);
        }
    }

    /// An attempt has failed: the next one is at `at`.
    pub(crate) fn retry(&mut self, sequence: u64, at: Instant, now: Instant) {
        self.change(sequence, if at <= now { State::Ready } else { State::Waiting(at) });
    }

    /// There is no next attempt.
    pub(crate) fn die(&mut self, sequence: u64) {
        self.change(sequence, State::Dying);
    }

    /// The next event whose time has come: whether it was late, otherwise it has become ready.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(u64, bool)> {
        let (at, sequence) = *self.timers.first()?;
        if at > now {
            return None;
        }
        let is_late = matches!(self.events.get(&sequence), Some(Event { state: State::InFlight(..), .. }));
        if is_late {
            // Out of the timers; the caller decides where to.
            self.timers.pop_first();
            if let Some(event) = self.events.get_mut(&sequence) {
                event.state = State::Dying;
            }
            self.in_flight -= 1;
        } else {
            self.change(sequence, State::Ready);
        }
        Some((sequence, is_late))
    }

    /// What this consumer holds.
    pub(crate) fn of_consumer(&self, consumer: ConsumerId) -> Vec<u64> {
        if self.in_flight == 0 {
            return Vec::new();
        }
        let is_its = |event: &Event| matches!(event.state, State::InFlight(one, _) if one == consumer);
        self.events.iter().filter(|(_, event)| is_its(event)).map(|(sequence, _)| *sequence).collect()
    }

    /// Events before `first` are no more. How many were unsettled.
    pub(crate) fn expire(&mut self, first: u64) -> u64 {
        let mut count = 0;
        while let Some(sequence) = self.first().filter(|sequence| *sequence < first) {
            self.settle(sequence);
            count += 1;
        }
        count
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_u64(out, self.events.len() as u64);
        for (sequence, event) in &self.events {
            put_u64(out, *sequence);
            put_u32(out, event.attempts);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Pending, Truncated> {
        let mut made = Pending::default();
        for _ in 0..reader.u64()? {
            let (sequence, attempts) = (reader.u64()?, reader.u32()?);
            made.insert(sequence, attempts);
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::ZERO + core::time::Duration::from_millis(milliseconds)
    }

    fn ready(pending: &Pending) -> Vec<u64> {
        pending.ready().collect()
    }

    #[test]
    fn events_of_a_key_wait_for_each_other_and_others_do_not() {
        let mut pending = Pending::default();
        let mut deliver = |sequence, key| {
            pending.insert(sequence, 0);
            pending.deliver(sequence, key, 1, at(10)).is_some()
        };
        let went: Vec<bool> =
            [(1, "a"), (2, "a"), (3, "b"), (4, ""), (5, "a"), (6, "")].map(|(n, key)| deliver(n, key)).into();
        assert_eq!(went, [true, false, true, true, false, true]);
        assert_eq!((pending.in_flight(), pending.held(), pending.waiting(), pending.len()), (4, 2, 0, 6));
        pending.retry(1, at(0), at(5));
        assert_eq!(ready(&pending), [1], "the first one again, not the one behind it");
        assert_eq!(pending.deliver(1, "a", 2, at(20)).unwrap().attempt, 2);
        assert!(pending.settle(1) && !pending.settle(1));
        assert_eq!(ready(&pending), [2]);
        assert!(pending.settle(5), "one that is held back");
        assert!(pending.deliver(2, "a", 2, at(20)).is_some());
        assert!(pending.settle(2) && pending.settle(3));
        assert!(pending.keys.is_empty());
        assert_eq!((pending.len(), pending.held(), pending.first()), (2, 0, Some(4)));
    }

    #[test]
    fn what_is_late_and_what_has_waited_comes_back() {
        let mut pending = Pending::default();
        for sequence in 1..4 {
            pending.insert(sequence, 0);
            pending.deliver(sequence, "", sequence % 2, at(10 * sequence));
        }
        assert_eq!(pending.of_consumer(1), [1, 3]);
        pending.retry(2, at(12), at(5));
        pending.extend(3, at(15));
        assert_eq!(pending.deadline(), Some(at(10)));
        assert_eq!(pending.pop_due(at(9)), None);
        assert_eq!(pending.pop_due(at(15)), Some((1, true)));
        pending.retry(1, at(40), at(15));
        assert_eq!(pending.pop_due(at(15)), Some((2, false)));
        assert_eq!(pending.pop_due(at(15)), Some((3, true)));
        pending.die(3);
        assert_eq!(pending.pop_due(at(15)), None);
        assert_eq!((ready(&pending), pending.in_flight(), pending.waiting()), (alloc::vec![2], 0, 3));
        assert_eq!(pending.expire(3), 2);
        assert_eq!((pending.deadline(), pending.ready_count(), pending.first()), (None, 0, Some(3)));
    }

    #[test]
    fn after_a_restart_all_are_ready_and_learn_their_keys_again() {
        let mut pending = Pending::default();
        for (sequence, key) in [(1, "a"), (2, "a"), (7, "")] {
            pending.insert(sequence, 0);
            pending.deliver(sequence, key, 1, at(10));
        }
        let mut out = Vec::new();
        pending.write(&mut out);
        let mut back = Pending::read(&mut Reader::new(&out)).unwrap();
        for end in 0..out.len() {
            assert!(Pending::read(&mut Reader::new(&out[..end])).is_err(), "{end}");
        }
        assert_eq!(ready(&back), [1, 2, 7]);
        assert_eq!(back.deliver(1, "a", 1, at(10)), Some(DeliveryId { sequence: 1, attempt: 2 }));
        assert_eq!(back.deliver(2, "a", 1, at(10)), None);
        assert!(back.is_in_flight(DeliveryId { sequence: 1, attempt: 2 }));
        assert!(!back.is_in_flight(DeliveryId { sequence: 1, attempt: 1 }) && back.contains(7));
    }
}
