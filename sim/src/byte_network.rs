//! Connections of stream machines by byte links, on the virtual time of a [`World`](crate::World).
//!
//! Each connection joins two machines. A machine is told what arrives as soon as it demands it, piece by piece, and asked for output
//! after each.

use crate::byte_link::{ByteLink, ByteLinkConfig, Read};
use crate::random::SeededRandom;
use crate::trace::{StreamObservation, StreamStep, Trace};
use base::{Duplex, DuplexEnd, Instant, StreamMachine, StreamMemory};
use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

/// Steps of one end in one moment until its machine is taken for one that never stops. One moment can have as many as a link
/// has bytes, each in a piece of its own, in both directions.
const STEP_LIMIT: u32 = 10_000_000;

/// Names a stream machine of a world, and knows its type.
pub struct StreamHandle<M> {
    connection: usize,
    side: usize,
    machine: PhantomData<fn() -> M>,
}

impl<M> StreamHandle<M> {
    fn new(connection: usize, side: usize) -> StreamHandle<M> {
        StreamHandle { connection, side, machine: PhantomData }
    }
}

impl<M> Clone for StreamHandle<M> {
    fn clone(&self) -> StreamHandle<M> {
        *self
    }
}

impl<M> Copy for StreamHandle<M> {}

impl<M> fmt::Debug for StreamHandle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "side {} of connection {}", self.side, self.connection)
    }
}

/// A stream machine that can be handed back as what it is.
trait TypedStreamMachine: StreamMachine + Any {
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<M: StreamMachine + Any> TypedStreamMachine for M {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// All connections of a world.
#[derive(Debug)]
pub struct ByteNetwork {
    random: SeededRandom,
    connections: Vec<Connection>,
    memory: StreamMemory,
}

/// Two ends. Link 0 carries what end 0 sends.
#[derive(Debug)]
struct Connection {
    ends: [End; 2],
    links: [ByteLink; 2],
}

struct End {
    machine: Box<dyn TypedStreamMachine>,
    duplex: Duplex,
    over: Option<DuplexEnd>,
    /// When the peer's reset arrives.
    reset: Option<Instant>,
}

impl ByteNetwork {
    /// No connection yet.
    pub fn new(random: SeededRandom) -> ByteNetwork {
        ByteNetwork { random, connections: Vec::new(), memory: StreamMemory::default() }
    }

    /// Connects two machines; each direction is a link of its own.
    pub fn connect<A: StreamMachine + 'static, B: StreamMachine + 'static>(
        &mut self,
        one: A,
        other: B,
        config: ByteLinkConfig,
    ) -> (StreamHandle<A>, StreamHandle<B>) {
        let index = self.connections.len();
        let links = [(); 2].map(|()| ByteLink::new(config, self.random.fork()));
        self.connections.push(Connection { ends: [End::new(Box::new(one)), End::new(Box::new(other))], links });
        (StreamHandle::new(index, 0), StreamHandle::new(index, 1))
    }

    /// A machine, to look at.
    ///
    /// # Panics
    /// If the handle is another world's.
    pub fn machine<M: StreamMachine + 'static>(&self, handle: StreamHandle<M>) -> &M {
        let machine = (*self.end(handle).machine).as_any().downcast_ref();
        machine.expect("a handle belongs to the world that gave it")
    }

    /// A machine, for calls of the application's side. What follows from them is done at the next step.
    ///
    /// # Panics
    /// If the handle is another world's.
    pub fn machine_mut<M: StreamMachine + 'static>(&mut self, handle: StreamHandle<M>) -> &mut M {
        let end = &mut self.connections[handle.connection].ends[handle.side];
        (*end.machine).as_any_mut().downcast_mut().expect("a handle belongs to the world that gave it")
    }

    /// How the connection has ended for this machine, if it has.
    pub fn over<M>(&self, handle: StreamHandle<M>) -> Option<DuplexEnd> {
        self.end(handle).over
    }

    /// Cuts the connection of this machine: both ends are told at once.
    pub fn cut<M>(&mut self, now: Instant, handle: StreamHandle<M>) {
        for end in &mut self.connections[handle.connection].ends {
            end.reset = Some(now);
        }
    }

    /// From now on nothing arrives from this machine, without notice to either end.
    pub fn silence<M>(&mut self, handle: StreamHandle<M>) {
        self.connections[handle.connection].links[handle.side].silence();
    }

    /// When something happens next.
    pub(crate) fn next_event(&self) -> Option<Instant> {
        self.connections.iter().flat_map(|connection| [0, 1].map(|side| connection.next_event(side))).flatten().min()
    }

    /// Everything that is due, and what the machines make of it.
    pub fn step(&mut self, now: Instant, trace: &mut Trace) {
        for (index, connection) in self.connections.iter_mut().enumerate() {
            let mut moment = Moment { now, connection: index, memory: &mut self.memory, trace };
            let mut steps = 0;
            while [0, 1].map(|side| connection.step(side, &mut moment)).contains(&true) {
                steps += 1;
                assert!(steps <= STEP_LIMIT, "connection {index}: the machines never stop");
            }
        }
    }

    fn end<M>(&self, handle: StreamHandle<M>) -> &End {
        &self.connections[handle.connection].ends[handle.side]
    }
}

impl Connection {
    fn next_event(&self, side: usize) -> Option<Instant> {
        let end = &self.ends[side];
        if end.over.is_some() {
            return None;
        }
        let arrival = self.links[1 - side].next_arrival().filter(|_| end.duplex.wants_bytes(&*end.machine));
        [arrival, end.reset, end.machine.deadline()].into_iter().flatten().min()
    }

    /// One step of one end; true if anything happened.
    fn step(&mut self, side: usize, moment: &mut Moment<'_>) -> bool {
        if self.ends[side].over.is_some() {
            return false;
        }
        let happened = self.take_in(side, moment) | self.send(side, moment);
        let end = &mut self.ends[side];
        end.over = end.duplex.end(&*end.machine);
        match end.over {
            None => end.duplex.give_back(moment.memory),
            Some(over) => {
                moment.record(side, StreamStep::Over(over));
                end.duplex.discard(moment.memory);
                if over == DuplexEnd::GivenUp {
                    let arrival = self.links[side].arrival(moment.now);
                    let peer = &mut self.ends[1 - side];
                    peer.reset = [peer.reset, arrival].into_iter().flatten().min();
                }
            }
        }
        happened
    }

    fn take_in(&mut self, side: usize, moment: &mut Moment<'_>) -> bool {
        let (end, link, now) = (&mut self.ends[side], &mut self.links[1 - side], moment.now);
        let machine = &mut *end.machine;
        if end.reset.take_if(|at| *at <= now).is_some() {
            end.duplex.on_reset(now, machine);
            return true;
        }
        let is_due = machine.deadline().is_some_and(|deadline| deadline <= now);
        if is_due {
            machine.on_timeout(now);
        }
        let happened = is_due | end.duplex.offer(now, machine);
        if !end.duplex.wants_bytes(machine) {
            return happened;
        }
        let room = end.duplex.room(moment.memory);
        match link.read(now, room) {
            Read::Nothing => return happened,
            Read::End => {
                moment.record(side, StreamStep::ReadsEnd);
                end.duplex.on_carrier_end(now, machine);
            }
            Read::Bytes(len) => {
                moment.record(side, StreamStep::Reads(&room[..len]));
                end.duplex.on_received(now, len, machine);
            }
        }
        true
    }

    fn send(&mut self, side: usize, moment: &mut Moment<'_>) -> bool {
        let (end, link, now) = (&mut self.ends[side], &mut self.links[side], moment.now);
        end.duplex.transmit(now, &mut *end.machine, moment.memory);
        let mut happened = false;
        while !end.duplex.to_send().is_empty() {
            let bytes = end.duplex.to_send();
            let len = link.write(now, bytes);
            if len == 0 {
                return happened;
            }
            moment.record(side, StreamStep::Writes(&bytes[..len]));
            end.duplex.on_sent(len);
            happened = true;
        }
        if end.duplex.take_end() {
            moment.record(side, StreamStep::WritesEnd);
            link.end(now);
            happened = true;
        }
        happened
    }
}

/// What a step of a connection needs beside it.
struct Moment<'a> {
    now: Instant,
    connection: usize,
    memory: &'a mut StreamMemory,
    trace: &'a mut Trace,
}

impl Moment<'_> {
    fn record(&mut self, side: usize, step: StreamStep<'_>) {
        self.trace.record_stream(&StreamObservation { now: self.now, connection: self.connection, side, step });
    }
}

impl End {
    fn new(machine: Box<dyn TypedStreamMachine>) -> End {
        End { machine, duplex: Duplex::default(), over: None, reset: None }
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("over", &self.over).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
