//! What lies between a [`StreamMachine`] and its carrier: bytes that have come and are not taken, bytes that are to be
//! sent, and how each direction stands. Every driver of such machines is made of this, so that the laws of the contract are
//! kept, and asserted, in one place.
//!
//! A driver repeats, in this order: `transmit`, and `to_send` until the carrier takes no more; `on_timeout` when the
//! deadline has come; `room` while `wants_bytes`, with `on_received` or `on_carrier_end`; and `give_back` when it is about
//! to wait.
//!
//! Buffers are lent by a [`StreamMemory`] and go back to it as soon as they are empty, so that a connection on which
//! nothing happens holds none.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::Instant;
use crate::stream_machine::{Demand, Outgoing, STREAM_UNIT, StreamMachine};

/// Bytes of a buffer, and so of a read and of a write: room for what a machine waits for, and for more than that behind it.
const BUFFER_LEN: usize = 1 << 16;
const _: () = assert!(BUFFER_LEN >= 2 * STREAM_UNIT);
/// Buffers that a memory keeps for the next who needs one.
const SPARE: usize = 16;

/// Buffers for the connections of one thread.
#[derive(Debug, Default)]
pub struct StreamMemory {
    spare: Vec<Box<[u8]>>,
}

impl StreamMemory {
    /// Buffers that nobody uses.
    pub fn spare_count(&self) -> usize {
        self.spare.len()
    }

    fn lend(&mut self) -> Box<[u8]> {
        self.spare.pop().unwrap_or_else(|| vec![0; BUFFER_LEN].into())
    }

    fn take_back(&mut self, buffer: Box<[u8]>) {
        if self.spare.len() < SPARE {
            self.spare.push(buffer);
        }
    }
}

/// A buffer with bytes in the middle.
#[derive(Debug, Default)]
struct Held {
    buffer: Option<Box<[u8]>>,
    start: usize,
    end: usize,
}

impl Held {
    fn bytes(&self) -> &[u8] {
        self.buffer.as_deref().map_or(&[], |buffer| &buffer[self.start..self.end])
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer.as_deref_mut().map_or(&mut [], |buffer| &mut buffer[self.start..self.end])
    }

    /// All that is free, in one piece, behind what is held.
    fn room(&mut self, memory: &mut StreamMemory) -> &mut [u8] {
        let buffer = self.buffer.get_or_insert_with(|| memory.lend());
        if self.start > 0 {
            buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut buffer[self.end..]
    }

    fn add(&mut self, len: usize) {
        let room = self.buffer.as_deref().map_or(0, |buffer| buffer.len() - self.end);
        assert!(len <= room, "{len} bytes were written to room for {room}");
        self.end += len;
    }

    fn remove(&mut self, len: usize) {
        assert!(len <= self.end - self.start, "{len} bytes are taken of {}", self.end - self.start);
        self.start += len;
    }

    fn give_back(&mut self, memory: &mut StreamMemory) {
        if self.start == self.end {
            self.clear(memory);
        }
    }

    fn clear(&mut self, memory: &mut StreamMemory) {
        (self.start, self.end) = (0, 0);
        if let Some(buffer) = self.buffer.take() {
            memory.take_back(buffer);
        }
    }
}

/// How a direction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Direction {
    #[default]
    Open,
    /// Its end is known, and waits behind bytes.
    Ending,
    Ended,
}

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplexEnd {
    /// Both directions have ended: everything was carried.
    Both,
    /// The machine has given the connection up. The carrier is to be reset.
    GivenUp,
    /// The carrier is gone.
    Reset,
}

/// The two directions of one connection.
#[derive(Debug, Default)]
pub struct Duplex {
    input: Held,
    output: Held,
    incoming: Direction,
    outgoing: Direction,
    /// Bytes of `input` that the machine has been offered and did not take, though it wanted more.
    offered: usize,
    /// When it was asked last, the machine had nothing more to send.
    is_silent: bool,
    /// What is to be sent was not offered to the carrier yet: more may be added.
    is_fresh: bool,
    is_reset: bool,
}

impl Duplex {
    /// How the connection has ended, if it has.
    pub fn end(&self, machine: &(impl StreamMachine + ?Sized)) -> Option<DuplexEnd> {
        if self.is_reset {
            Some(DuplexEnd::Reset)
        } else if self.incoming == Direction::Ended && self.outgoing == Direction::Ended {
            Some(DuplexEnd::Both)
        } else {
            (machine.demand() == Demand::Reset).then_some(DuplexEnd::GivenUp)
        }
    }

    // In.

    /// Whether the carrier is to be asked for bytes.
    pub fn wants_bytes(&self, machine: &(impl StreamMachine + ?Sized)) -> bool {
        self.incoming == Direction::Open && self.may_tell(machine)
    }

    /// Where bytes of the carrier go; never empty while more are wanted.
    pub fn room(&mut self, memory: &mut StreamMemory) -> &mut [u8] {
        self.input.room(memory)
    }

    /// The carrier has written so many bytes to the front of the room. Offers them, and says whether more are wanted.
    pub fn on_received(&mut self, now: Instant, len: usize, machine: &mut (impl StreamMachine + ?Sized)) -> bool {
        assert!(self.incoming == Direction::Open, "bytes came after the end");
        self.input.add(len);
        self.may_tell(machine) && self.give(now, machine) == Demand::More
    }

    /// The carrier will bring nothing more.
    pub fn on_carrier_end(&mut self, now: Instant, machine: &mut (impl StreamMachine + ?Sized)) {
        if self.incoming == Direction::Open {
            self.incoming = Direction::Ending;
        }
        self.offer(now, machine);
    }

    /// Offers what the machine had no room for before, if it has room now. True if it was told anything.
    pub fn offer(&mut self, now: Instant, machine: &mut (impl StreamMachine + ?Sized)) -> bool {
        let mut is_told = false;
        if self.input.bytes().len() > self.offered && self.may_tell(machine) {
            is_told = true;
            self.give(now, machine);
        }
        if self.incoming == Direction::Ending && self.may_tell(machine) {
            is_told = true;
            self.incoming = Direction::Ended;
            let left = self.input.bytes().len();
            machine.on_end(now, self.input.bytes());
            self.input.remove(left);
        }
        is_told
    }

    /// Gives the machine, which wants more, all that has come. Says what it demands now.
    fn give(&mut self, now: Instant, machine: &mut (impl StreamMachine + ?Sized)) -> Demand {
        let len = self.input.bytes().len();
        let taken = machine.receive(now, self.input.bytes_mut());
        self.input.remove(taken);
        let demand = machine.demand();
        self.offered = if demand == Demand::More { len - taken } else { 0 };
        assert!(self.offered < STREAM_UNIT, "the machine wants more, and has left {} bytes of {len}", self.offered);
        demand
    }

    fn may_tell(&self, machine: &(impl StreamMachine + ?Sized)) -> bool {
        !self.is_reset && machine.demand() == Demand::More
    }

    // Out.

    /// Has the machine write as much as there is room for, if all it wrote before has gone. True if there is something for
    /// the carrier to do.
    pub fn transmit(
        &mut self,
        now: Instant,
        machine: &mut (impl StreamMachine + ?Sized),
        memory: &mut StreamMemory,
    ) -> bool {
        self.is_silent = false;
        if !core::mem::take(&mut self.is_fresh) && !self.output.bytes().is_empty() {
            return true;
        }
        self.fill(now, machine, memory)
    }

    /// Asks the machine whether it has anything to send, if the carrier has taken all before. That is kept, and leaves with what it has to
    /// say at the next [`transmit`](Duplex::transmit), which is to follow if this is true.
    pub fn ask(
        &mut self,
        now: Instant,
        machine: &mut (impl StreamMachine + ?Sized),
        memory: &mut StreamMemory,
    ) -> bool {
        if !self.output.bytes().is_empty() {
            return false;
        }
        self.is_silent = false;
        self.is_fresh = self.fill(now, machine, memory);
        self.is_fresh
    }

    fn fill(&mut self, now: Instant, machine: &mut (impl StreamMachine + ?Sized), memory: &mut StreamMemory) -> bool {
        while self.outgoing == Direction::Open && !self.is_reset {
            if !machine.has_output() {
                self.is_silent = true;
                break;
            }
            let room = self.output.room(memory);
            if room.len() < STREAM_UNIT {
                break;
            }
            match machine.transmit(now, room) {
                Outgoing::Bytes(len) => {
                    assert!(len > 0, "the machine says that it wrote no bytes");
                    self.output.add(len);
                }
                Outgoing::Nothing => {
                    self.is_silent = true;
                    break;
                }
                Outgoing::End => self.outgoing = Direction::Ending,
            }
        }
        !self.output.bytes().is_empty() || self.outgoing == Direction::Ending
    }

    /// What is to be sent.
    pub fn to_send(&self) -> &[u8] {
        self.output.bytes()
    }

    /// The carrier has taken so many bytes of it.
    pub fn on_sent(&mut self, len: usize) {
        self.output.remove(len);
    }

    /// Whether all has gone that the machine had to say when it was asked last. Who has told it nothing since need not ask again. What had
    /// to wait for the carrier is no such answer: meanwhile the machine may have heard more.
    pub fn has_sent_all(&self) -> bool {
        self.is_silent && self.output.bytes().is_empty()
    }

    /// Whether the carrier is to end its direction: everything before has gone. True once.
    pub fn take_end(&mut self) -> bool {
        let ends = self.outgoing == Direction::Ending && self.output.bytes().is_empty() && !self.is_reset;
        if ends {
            self.outgoing = Direction::Ended;
        }
        ends
    }

    // Both.

    /// The carrier is gone, with all that was on its way.
    pub fn on_reset(&mut self, now: Instant, machine: &mut (impl StreamMachine + ?Sized)) {
        if self.end(machine).is_none() {
            self.is_reset = true;
            machine.on_reset(now);
        }
    }

    /// Gives back the buffers that hold nothing.
    pub fn give_back(&mut self, memory: &mut StreamMemory) {
        self.input.give_back(memory);
        self.output.give_back(memory);
    }

    /// Gives back the buffers with what is in them: the connection is over.
    pub fn discard(&mut self, memory: &mut StreamMemory) {
        self.input.clear(memory);
        self.output.clear(memory);
    }
}

#[cfg(test)]
mod tests;
