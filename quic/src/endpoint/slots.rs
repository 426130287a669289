//! The places of an endpoint's connections: each holds a connection, what the endpoint knows of it, and the value that the
//! layer above keeps for it.
//!
//! A place is found by its index in constant time. It is reserved, occupied, vacated when its connection is over, and freed
//! when the layer above has taken its value back; only then it can be reserved again.

use super::attempt::Attempt;
use super::handshakes::Begun;
use crate::connection::Connection;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::TimerKey;

/// Which connection. A handle of a connection that is gone stays invalid, even when its place is taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionHandle {
    index: u32,
    generation: u32,
}

impl ConnectionHandle {
    /// The connection's place among the endpoint's, small and dense: good for indexing a table of one's own.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// A keyed hash of a stateless reset token (RFC 9000 section 10.3.1: a lookup must not tell how much of a token was right).
pub(super) type ResetHash = [u8; 16];

/// A place.
pub(super) struct Slot<T> {
    generation: u32,
    pub(super) connection: Option<Box<Connection>>,
    /// From the beginning of the connection until the layer above has it back.
    value: Option<T>,
    pub(super) timer: Option<TimerKey>,
    /// The layer above wants to be told then.
    pub(super) wake: Option<TimerKey>,
    pub(super) is_touched: bool,
    pub(super) in_transmit_queue: bool,
    pub(super) in_event_queue: bool,
    pub(super) in_trace_queue: bool,
    /// The layer above still reads what had arrived before the end.
    pub(super) is_held: bool,
    /// While the handshake is not complete.
    pub(super) handshake: Option<Begun>,
    pub(super) chosen_by_client: Option<ConnectionId>,
    /// Of few: most peers are never told to use an ID that came with one.
    pub(super) reset_token: Option<Box<(ResetToken, ResetHash)>>,
    /// What a client's connection was made of.
    pub(super) attempt: Option<Box<Attempt>>,
}

impl<T> Slot<T> {
    const fn empty(generation: u32) -> Slot<T> {
        Slot {
            generation,
            connection: None,
            value: None,
            timer: None,
            wake: None,
            is_touched: false,
            in_transmit_queue: false,
            in_event_queue: false,
            in_trace_queue: false,
            is_held: false,
            handshake: None,
            chosen_by_client: None,
            reset_token: None,
            attempt: None,
        }
    }

    /// Whether the token that counts for the connection is the one in the endpoint's table. Both are our own copies, so this
    /// comparison need not hide where they differ.
    pub(super) fn knows_reset_token_of(&self, connection: &Connection) -> bool {
        self.reset_token.as_ref().map(|known| known.0.0) == connection.peer_reset_token().map(|token| token.0)
    }

    /// Whether nobody is there, and nothing leads there.
    const fn is_unknown(&self) -> bool {
        let is_queued = self.is_touched || self.in_transmit_queue || self.in_event_queue || self.in_trace_queue;
        let has_timer = self.timer.is_some() || self.wake.is_some();
        self.connection.is_none() && self.value.is_none() && !is_queued && !has_timer
    }

    /// The connection, and the value of the layer above.
    pub(super) fn parts(&mut self) -> Option<(&mut Connection, &mut T)> {
        self.connection.as_deref_mut().zip(self.value.as_mut())
    }
}

/// All places.
pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    occupied: usize,
    /// Of places that are made: later than that of any place that is gone, whose handles stay invalid.
    generation: u32,
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Slots<T> {
        Slots { slots: Vec::new(), free: Vec::new(), occupied: 0, generation: 0 }
    }

    /// How many connections there are.
    pub(super) const fn occupied(&self) -> usize {
        self.occupied
    }

    /// How many places wait for their value to be taken back.
    pub(super) const fn drained(&self) -> usize {
        self.slots.len() - self.free.len() - self.occupied
    }

    /// A free place below `limit`; `None` if all are taken. It is to be occupied or given back.
    pub(super) fn reserve(&mut self, limit: u32) -> Option<u32> {
        if let Some(index) = self.free.pop() {
            return Some(index);
        }
        let index = u32::try_from(self.slots.len()).ok().filter(|index| *index < limit)?;
        self.slots.push(Slot::empty(self.generation));
        Some(index)
    }

    /// A place that was reserved is not needed.
    pub(super) fn give_back(&mut self, index: u32) {
        assert!(self.get(index).value.is_none(), "who gives a place back has not occupied it");
        self.free.push(index);
    }

    /// A connection begins in a place that was reserved.
    pub(super) fn occupy(&mut self, index: u32, connection: Connection, value: T) -> ConnectionHandle {
        let slot = self.get_mut(index);
        assert!(slot.value.is_none(), "a place has one connection at a time");
        slot.connection = Some(Box::new(connection));
        slot.value = Some(value);
        let generation = slot.generation;
        self.occupied += 1;
        ConnectionHandle { index, generation }
    }

    /// The connection is over. Its value stays until [`free`](Slots::free). What the endpoint knew of the connection, to be
    /// taken out of its other tables.
    pub(super) fn vacate(&mut self, index: u32) -> Slot<T> {
        let slot = self.get_mut(index);
        assert!(slot.connection.is_some(), "a connection is over once");
        // The queues may still hold the index; they find an empty place or its next tenant, and both are harmless.
        let rest = Slot {
            value: slot.value.take(),
            is_touched: slot.is_touched,
            in_transmit_queue: slot.in_transmit_queue,
            in_event_queue: slot.in_event_queue,
            in_trace_queue: slot.in_trace_queue,
            ..Slot::empty(slot.generation)
        };
        self.occupied -= 1;
        core::mem::replace(self.get_mut(index), rest)
    }

    /// The value of a connection that is over, for the layer above to have back: the place is free then. `None` if the place
    /// is not one of such a connection.
    pub(super) fn free(&mut self, index: u32) -> Option<(ConnectionHandle, T)> {
        let slot = self.get_mut(index);
        if slot.connection.is_some() {
            return None;
        }
        let value = slot.value.take()?;
        let handle = ConnectionHandle { index, generation: slot.generation };
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        Some((handle, value))
    }

    /// Gives up free places behind the last one that is taken, or that a queue names.
    pub(super) fn release_memory(&mut self) {
        while let Some(slot) = self.slots.pop_if(|slot| slot.is_unknown()) {
            self.generation = self.generation.max(slot.generation);
        }
        let count = self.slots.len();
        self.free.retain(|index| (*index as usize) < count);
        self.slots.shrink_to_fit();
        self.free.shrink_to_fit();
    }

    /// The place of an index that this table gave.
    ///
    /// # Panics
    /// If it did not.
    #[inline]
    pub(super) fn get(&self, index: u32) -> &Slot<T> {
        self.slots.get(index as usize).expect("queues, maps and timers name places that there are")
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> &mut Slot<T> {
        self.slots.get_mut(index as usize).expect("queues, maps and timers name places that there are")
    }

    /// The connection at an index that may be invented.
    #[inline]
    pub(super) fn connection(&self, index: u32) -> Option<&Connection> {
        self.slots.get(index as usize)?.connection.as_deref()
    }

    /// Those of all connections.
    pub(super) fn handles(&self) -> impl Iterator<Item = ConnectionHandle> {
        let occupied = (0..).zip(&self.slots).filter(|(_, slot)| slot.connection.is_some());
        occupied.map(|(index, slot)| ConnectionHandle { index, generation: slot.generation })
    }

    /// The handle of the connection in a place.
    pub(super) fn handle(&self, index: u32) -> ConnectionHandle {
        ConnectionHandle { index, generation: self.get(index).generation }
    }

    /// The place that a handle means, if its connection is not gone.
    #[inline]
    pub(super) fn find(&self, handle: ConnectionHandle) -> Option<&Slot<T>> {
        self.slots.get(handle.index()).filter(|slot| slot.generation == handle.generation)
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn find_mut(&mut self, handle: ConnectionHandle) -> Option<&mut Slot<T>> {
        self.slots.get_mut(handle.index()).filter(|slot| slot.generation == handle.generation)
    }

    /// What the layer above keeps for a connection.
    pub(super) fn value(&self, handle: ConnectionHandle) -> Option<&T> {
        self.find(handle)?.value.as_ref()
    }

    /// The same, to be changed.
    pub(super) fn value_mut(&mut self, handle: ConnectionHandle) -> Option<&mut T> {
        self.find_mut(handle)?.value.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r9_free_places_at_the_end_are_given_up_unless_a_queue_names_them() {
        let mut slots: Slots<()> = Slots::new();
        let places: Vec<u32> = (0..1000).filter_map(|_| slots.reserve(1000)).collect();
        places.into_iter().for_each(|index| slots.give_back(index));
        slots.get_mut(7).in_transmit_queue = true;
        slots.get_mut(900).generation = 5;
        slots.release_memory();
        assert_eq!((slots.slots.len(), slots.free.len(), slots.slots.capacity()), (8, 8, 8));
        assert_eq!(slots.generation, 5, "handles of a place that is gone stay invalid");
    }
}
