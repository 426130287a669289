//! Streams with new data by their priority, and how much of it waits on each level of urgency. Exists only where some stream has
//! a priority of its own.
//!
//! The most urgent level goes first. On a level, streams that share take turns packet by packet, and the rest are sent one after
//! the other in the order of their numbers; where a level has both kinds, the two take turns. One turn in [`OTHERS_TURN`] belongs
//! to a stream that would have to wait, each of them in its turn, so that no stream is starved by others that never end.

use super::priority::StreamPriority;
use alloc::collections::VecDeque;
use base::StreamId;

/// In so many turns one is for a stream that is not first. 16: those keep a sixteenth of the path, and the first loses no more
/// than that.
const OTHERS_TURN: u32 = 16;

/// Turns are counted round this: whole rounds of up to eight streams that wait.
const TURNS: u32 = OTHERS_TURN * 840;

/// The streams of one urgency.
#[derive(Debug, Default)]
struct Level {
    /// Those that take turns, the next one first.
    sharing: VecDeque<StreamId>,
    /// The others, in the order of their numbers.
    ordered: VecDeque<StreamId>,
    /// Where there are both, whose turn it is.
    is_sharers_turn: bool,
}

impl Level {
    fn len(&self) -> usize {
        self.sharing.len() + self.ordered.len()
    }

    fn first(&self) -> Option<StreamId> {
        let (sharing, ordered) = (self.sharing.front(), self.ordered.front());
        if self.is_sharers_turn { sharing.or(ordered).copied() } else { ordered.or(sharing).copied() }
    }
}

/// All levels.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    levels: [Level; StreamPriority::URGENCIES],
    /// Bytes that were handed over and not sent.
    unsent: [u64; StreamPriority::URGENCIES],
    /// How many streams have a priority of their own.
    prioritized: u32,
    turn: u32,
}

impl Levels {
    /// With streams of no priority of their own, in order, which have so much unsent.
    pub(crate) fn new(sharing: VecDeque<StreamId>, unsent: u64) -> Levels {
        let mut levels = Levels::default();
        let level = StreamPriority::default().level();
        levels.levels[level].sharing = sharing;
        levels.unsent[level] = unsent;
        levels
    }

    /// The streams in the order of their turns, where no stream has a priority of its own.
    pub(crate) fn into_sharing(mut self) -> VecDeque<StreamId> {
        core::mem::take(&mut self.levels[StreamPriority::default().level()].sharing)
    }

    /// Whether any stream has a priority of its own.
    pub(crate) const fn is_needed(&self) -> bool {
        self.prioritized > 0
    }

    /// A stream that is in no level gets another priority, and has so much unsent.
    pub(crate) fn change(&mut self, from: StreamPriority, to: StreamPriority, unsent: u64) {
        self.unsent[from.level()] -= unsent;
        self.unsent[to.level()] += unsent;
        self.prioritized -= u32::from(from != StreamPriority::default());
        self.prioritized += u32::from(to != StreamPriority::default());
    }

    /// A stream has handed over so much.
    pub(crate) fn on_taken(&mut self, priority: StreamPriority, count: u64) {
        self.unsent[priority.level()] += count;
    }

    /// So much of it was sent, or given up.
    pub(crate) fn on_sent(&mut self, priority: StreamPriority, count: u64) {
        self.unsent[priority.level()] -= count;
    }

    /// Bytes that wait on streams that are less urgent.
    pub(crate) fn unsent_behind(&self, priority: StreamPriority) -> u64 {
        self.unsent.iter().skip(priority.level() + 1).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.levels.iter().all(|level| level.len() == 0)
    }

    /// A stream has something to send.
    pub(crate) fn join(&mut self, id: StreamId, priority: StreamPriority) {
        let level = &mut self.levels[priority.level()];
        if priority.shares() {
            level.sharing.push_back(id);
        } else {
            let place = level.ordered.partition_point(|other| *other < id);
            level.ordered.insert(place, id);
        }
    }

    /// It has nothing any more.
    pub(crate) fn leave(&mut self, id: StreamId, priority: StreamPriority) {
        let level = &mut self.levels[priority.level()];
        let queue = if priority.shares() { &mut level.sharing } else { &mut level.ordered };
        if queue.front() == Some(&id) {
            queue.pop_front();
        } else {
            queue.retain(|member| *member != id);
        }
    }

    /// Whose turn it is.
    pub(crate) fn front(&self) -> Option<StreamId> {
        let place = self.levels.iter().position(|level| level.len() > 0)?;
        let first = &self.levels[place];
        if self.turn % OTHERS_TURN == OTHERS_TURN - 1
            && let Some(other) = self.other(place)
        {
            return Some(other);
        }
        first.first()
    }

    /// One that waits although it could be sent: the next of those that are sent in order on the first level, and the first of
    /// each level behind, by turns.
    fn other(&self, first: usize) -> Option<StreamId> {
        let in_order = self.levels[first].ordered.iter().skip(1).copied();
        let behind = self.levels[first + 1..].iter().filter_map(Level::first);
        let count = in_order.clone().count() + behind.clone().count();
        let turn = (self.turn / OTHERS_TURN) as usize % count.max(1);
        in_order.chain(behind).nth(turn)
    }

    /// It had its turn. `goes_on` if it has more to send.
    pub(crate) fn on_turn(&mut self, id: StreamId, priority: StreamPriority, goes_on: bool) {
        self.turn = (self.turn + 1) % TURNS;
        let level = &mut self.levels[priority.level()];
        level.is_sharers_turn = !priority.shares();
        if goes_on && priority.shares() && level.sharing.front() == Some(&id) {
            level.sharing.rotate_left(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use base::VarInt;

    fn id(index: u32) -> StreamId {
        StreamId::from_varint(VarInt::from_u32(4 * index))
    }

    /// Who has the next turns, where all go on.
    fn turns(levels: &mut Levels, streams: &[(u32, StreamPriority)], count: usize) -> Vec<u32> {
        let mut told = Vec::new();
        for _ in 0..count {
            let front = levels.front().unwrap();
            let (index, priority) = *streams.iter().find(|(index, _)| id(*index) == front).unwrap();
            levels.on_turn(front, priority, true);
            told.push(index);
        }
        told
    }

    fn levels(streams: &[(u32, StreamPriority)]) -> Levels {
        let mut levels = Levels::default();
        streams.iter().for_each(|(index, priority)| levels.join(id(*index), *priority));
        levels
    }

    #[test]
    fn the_urgent_first_then_in_order_then_by_turns() {
        let (urgent, ordered, sharing) =
            (StreamPriority::new(0, false), StreamPriority::new(3, false), StreamPriority::new(3, true));
        let streams = [(5, ordered), (1, sharing), (2, sharing), (4, ordered), (9, urgent)];
        let mut levels = levels(&streams);
        assert_eq!(turns(&mut levels, &streams, 3), [9, 9, 9]);
        levels.leave(id(9), urgent);
        assert_eq!(turns(&mut levels, &streams, 6), [4, 1, 4, 2, 4, 1], "the kinds take turns");
        levels.leave(id(4), ordered);
        levels.leave(id(5), ordered);
        assert_eq!(turns(&mut levels, &streams, 4), [2, 1, 2, 1]);
    }

    /// RFC 9218 section 10: whoever never ends does not keep the others from being sent.
    #[test]
    fn a_sixteenth_is_for_those_who_wait() {
        let streams = [
            (1, StreamPriority::new(0, false)),
            (2, StreamPriority::new(0, false)),
            (3, StreamPriority::new(4, true)),
            (4, StreamPriority::new(7, false)),
        ];
        let mut levels = levels(&streams);
        let turns = turns(&mut levels, &streams, 16 * 30);
        let count = |index: u32| turns.iter().filter(|other| **other == index).count();
        assert_eq!([1, 2, 3, 4].map(count), [450, 10, 10, 10]);
    }

    #[test]
    fn what_waits_behind_is_counted_by_level() {
        let (high, low) = (StreamPriority::new(1, true), StreamPriority::new(6, true));
        let mut levels = Levels::new(VecDeque::new(), 100);
        levels.change(StreamPriority::default(), high, 40);
        levels.on_taken(low, 7);
        assert_eq!([high, StreamPriority::default(), low].map(|priority| levels.unsent_behind(priority)), [67, 7, 0]);
        levels.on_sent(low, 7);
        assert_eq!(levels.unsent_behind(high), 60);
        assert!(levels.is_needed());
        levels.change(high, StreamPriority::default(), 40);
        assert!(!levels.is_needed());
    }
}
