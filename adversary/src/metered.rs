//! A machine whose memory is measured: what it allocates and frees in its calls. Needs the allocator of
//! [`heap`](crate::heap).

use crate::heap::Meter;
use base::{Datagram, Instant, Machine, Transmit};

/// A machine, and how much it holds.
pub struct Metered<M> {
    /// The machine. What is done to it here is not measured.
    pub machine: M,
    held: isize,
    peak: isize,
}

impl<M> Metered<M> {
    /// A machine as `make` makes it.
    pub fn new(make: impl FnOnce() -> M) -> Metered<M> {
        let meter = Meter::start();
        let machine = make();
        Metered { machine, held: meter.held(), peak: meter.peak() }
    }

    /// Bytes it holds.
    pub const fn held(&self) -> isize {
        self.held
    }

    /// The most bytes it ever held, those it needed only during a call included.
    pub const fn peak(&self) -> isize {
        self.peak
    }

    /// Something done to the machine from outside, measured.
    pub fn call<R>(&mut self, call: impl FnOnce(&mut M) -> R) -> R {
        let meter = Meter::start();
        let result = call(&mut self.machine);
        self.peak = self.peak.max(self.held + meter.peak());
        self.held += meter.held();
        result
    }
}

impl<M: Machine> Machine for Metered<M> {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.call(|machine| machine.receive(now, datagram));
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.call(|machine| machine.transmit(now, buffer))
    }

    fn deadline(&self) -> Option<Instant> {
        self.machine.deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.call(|machine| machine.on_timeout(now));
    }
}
