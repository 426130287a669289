//! The driver of a simulation: the one loop, on virtual time.

use crate::byte_network::ByteNetwork;
use crate::network::Network;
use crate::random::SeededRandom;
use crate::trace::{Observation, Trace};
use base::{Datagram, Duration, FourTuple, Instant, Machine, Transmit};
use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;

/// Room for the largest batch of segments that a kernel takes.
const BUFFER_LEN: usize = 65_536;
/// Events until a run is taken for one that never ends.
const DEFAULT_STEP_LIMIT: u64 = 1_000_000;
/// Calls of `transmit` in one go until a machine is taken for one that never stops.
const TRANSMIT_LIMIT: u32 = 100_000;

/// Steps without time passing until a machine is taken for one whose deadline never goes away. One moment has a few of
/// them: what arrives, what is answered to it over a link without delay, timers.
const MOMENT_LIMIT: u64 = 10_000;

/// Names a machine of a world, and knows its type.
pub struct Handle<M> {
    index: usize,
    machine: PhantomData<fn() -> M>,
}

impl<M> Clone for Handle<M> {
    fn clone(&self) -> Handle<M> {
        *self
    }
}

impl<M> Copy for Handle<M> {}

impl<M> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "machine {}", self.index)
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The condition holds.
    Condition,
    /// The time came.
    Time,
    /// Nothing will ever happen again: nothing is under way, and no machine has a deadline.
    Idle,
}

/// Machines, the network between them, and time.
pub struct World {
    seed: u64,
    random: SeededRandom,
    now: Instant,
    network: Network,
    streams: ByteNetwork,
    places: Vec<Place>,
    trace: Trace,
    observer: Option<Observer>,
    steps: u64,
    step_limit: u64,
    /// Steps of the present moment.
    moment_steps: u64,
    buffer: Vec<u8>,
}

/// Sees every datagram that leaves or reaches a machine.
type Observer = Box<dyn FnMut(&Observation<'_>)>;

struct Place {
    addresses: Vec<SocketAddr>,
    machine: Box<dyn TypedMachine>,
    /// Whether it had an input, and may want to send.
    is_stirred: bool,
}

/// A machine that can be handed back as what it is.
trait TypedMachine: Machine + Any {
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<M: Machine + Any> TypedMachine for M {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl World {
    /// Empty, at [`Instant::ZERO`].
    pub fn new(seed: u64) -> World {
        let mut random = SeededRandom::new(seed);
        let network = Network::new(random.fork());
        World {
            seed,
            random,
            now: Instant::ZERO,
            network,
            // Of a seed of its own, so that datagrams are drawn the same with byte streams as without.
            streams: ByteNetwork::new(SeededRandom::new(!seed)),
            places: Vec::new(),
            trace: Trace::new(false),
            observer: None,
            steps: 0,
            step_limit: DEFAULT_STEP_LIMIT,
            moment_steps: 0,
            buffer: vec![0; BUFFER_LEN],
        }
    }

    /// Adds a machine that is reached at these addresses.
    ///
    /// # Panics
    /// If there is no address, or one is taken.
    pub fn add<M: Machine + 'static>(&mut self, addresses: &[SocketAddr], machine: M) -> Handle<M> {
        assert!(!addresses.is_empty(), "a machine needs an address");
        for address in addresses {
            assert!(self.owner(*address).is_none(), "{address} is taken");
        }
        let index = self.places.len();
        self.places.push(Place { addresses: addresses.to_vec(), machine: Box::new(machine), is_stirred: true });
        Handle { index, machine: PhantomData }
    }

    /// A machine, to look at.
    pub fn machine<M: Machine + 'static>(&self, handle: Handle<M>) -> &M {
        let machine = (*self.places[handle.index].machine).as_any().downcast_ref();
        machine.expect("a handle belongs to the world that gave it")
    }

    /// A machine, for calls of the application's side. What it wants to send then is sent at the next step.
    pub fn machine_mut<M: Machine + 'static>(&mut self, handle: Handle<M>) -> &mut M {
        let place = &mut self.places[handle.index];
        place.is_stirred = true;
        (*place.machine).as_any_mut().downcast_mut().expect("a handle belongs to the world that gave it")
    }

    /// The present.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// What this world was made of: print it when a test fails.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// A new generator, for a machine at construction, say.
    pub fn fork_random(&mut self) -> SeededRandom {
        self.random.fork()
    }

    /// The network, to set up links and faults or to read counts.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Connections of stream machines, to make them and to look at them.
    pub fn streams(&mut self) -> &mut ByteNetwork {
        &mut self.streams
    }

    /// Of everything sent and received so far.
    pub const fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// Keeps a textual trace from here on; the hash starts anew.
    pub fn keep_text(&mut self) {
        self.trace = Trace::new(true);
    }

    /// The textual trace.
    pub fn text(&self) -> &str {
        self.trace.text()
    }

    /// Has every datagram shown to `observer`: the place for an oracle.
    pub fn observe(&mut self, observer: impl FnMut(&Observation<'_>) + 'static) {
        self.observer = Some(Box::new(observer));
    }

    /// Another number of steps after which a run fails.
    pub fn set_step_limit(&mut self, steps: u64) {
        self.step_limit = steps;
    }

    /// Runs until `condition` holds, which is looked at before the first and after every step and may use the machines.
    ///
    /// # Panics
    /// When the step limit is reached or time no longer passes: something keeps the world busy without end.
    pub fn run_until(&mut self, time: Instant, mut condition: impl FnMut(&mut World) -> bool) -> Stop {
        loop {
            if condition(self) {
                return Stop::Condition;
            }
            self.flush();
            match self.next_event() {
                None => return Stop::Idle,
                Some(at) if at > time => {
                    self.now = self.now.max(time);
                    return Stop::Time;
                }
                Some(at) => self.step_to(at),
            }
        }
    }

    /// Runs for a span of virtual time; earlier only if nothing will ever happen again.
    pub fn run_for(&mut self, span: Duration) -> Stop {
        self.run_until(self.now + span, |_| false)
    }

    /// Everything of one moment: all datagrams first, as one batch, then deadlines, then what the machines send.
    fn step_to(&mut self, at: Instant) {
        self.steps += 1;
        let (seed, limit) = (self.seed, self.step_limit);
        assert!(self.steps <= limit, "seed {seed}: {limit} steps are done, at {:?}, and no end", self.now);
        self.moment_steps = if at > self.now { 0 } else { self.moment_steps + 1 };
        assert!(self.moment_steps <= MOMENT_LIMIT, "seed {seed}: time stands still at {:?}", self.now);
        self.now = self.now.max(at);
        self.deliver();
        for place in &mut self.places {
            if place.machine.deadline().is_some_and(|deadline| deadline <= self.now) {
                place.machine.on_timeout(self.now);
                place.is_stirred = true;
            }
        }
        self.flush();
    }

    fn next_event(&self) -> Option<Instant> {
        let deadlines = self.places.iter().filter_map(|place| place.machine.deadline());
        deadlines.chain(self.network.next_arrival()).chain(self.streams.next_event()).min()
    }

    fn deliver(&mut self) {
        while let Some(mut arrival) = self.network.poll_arrival(self.now) {
            let Some(index) = self.owner(arrival.four_tuple.local) else {
                self.network.on_unroutable();
                continue;
            };
            self.record(false, arrival.four_tuple, arrival.ecn, &arrival.payload);
            let place = &mut self.places[index];
            let datagram = Datagram { four_tuple: arrival.four_tuple, ecn: arrival.ecn, payload: &mut arrival.payload };
            place.machine.receive(self.now, datagram);
            place.is_stirred = true;
        }
    }

    /// Lets every machine that had an input send, and every stream machine do what it can.
    fn flush(&mut self) {
        self.streams.step(self.now, &mut self.trace);
        for index in 0..self.places.len() {
            if !std::mem::take(&mut self.places[index].is_stirred) {
                continue;
            }
            let mut calls = 0;
            let mut buffer = std::mem::take(&mut self.buffer);
            while let Some(transmit) = self.places[index].machine.transmit(self.now, &mut buffer) {
                calls += 1;
                assert!(calls <= TRANSMIT_LIMIT, "seed {}: machine {index} never stops sending", self.seed);
                self.send(index, transmit, &buffer);
            }
            self.buffer = buffer;
        }
    }

    /// Splits a batch into its datagrams.
    fn send(&mut self, index: usize, transmit: Transmit, buffer: &[u8]) {
        let Transmit { four_tuple, ecn, len, segment_size } = transmit;
        assert!(len <= buffer.len(), "machine {index} says that it wrote {len} bytes");
        assert!(len == 0 || segment_size > 0, "machine {index} sends segments of no bytes");
        let four_tuple = FourTuple { local: self.source(index, four_tuple.local), ..four_tuple };
        if len == 0 {
            self.send_one(four_tuple, ecn, &[]);
        }
        for payload in buffer[..len].chunks(segment_size.max(1)) {
            self.send_one(four_tuple, ecn, payload);
        }
    }

    fn send_one(&mut self, four_tuple: FourTuple, ecn: base::Ecn, payload: &[u8]) {
        self.record(true, four_tuple, ecn, payload);
        self.network.send(self.now, four_tuple, ecn, payload.to_vec());
    }

    /// A machine that does not know its address sends from its first.
    fn source(&self, index: usize, local: SocketAddr) -> SocketAddr {
        let addresses = &self.places[index].addresses;
        if local.ip().is_unspecified() {
            return addresses[0];
        }
        assert!(addresses.contains(&local), "machine {index} sends from {local}, which is not its address");
        local
    }

    fn owner(&self, address: SocketAddr) -> Option<usize> {
        self.places.iter().position(|place| place.addresses.contains(&address))
    }

    fn record(&mut self, is_sent: bool, four_tuple: FourTuple, ecn: base::Ecn, payload: &[u8]) {
        let observation = Observation { now: self.now, is_sent, four_tuple, ecn, payload };
        self.trace.record(&observation);
        if let Some(observer) = &mut self.observer {
            observer(&observation);
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("seed", &self.seed).field("now", &self.now).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
