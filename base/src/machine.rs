//! The contract between a protocol and the world.
//!
//! A machine has no loop, no clock and no socket. A driver (`sim` on virtual time, `runtime` on real sockets) feeds it
//! datagrams and tells it the time; the machine answers with datagrams and the moment it wants to be called next.
//!
//! The laws of the contract:
//! - `now` never decreases from call to call.
//! - After inputs (`receive`, `on_timeout`, or calls of the application's side) the driver calls `transmit` until it
//!   gives `None`, and then reads `deadline`. Several datagrams may be received before; that is one batch.
//! - `on_timeout` before the deadline does nothing.
//! - Each call does bounded work.
//! - The same calls with the same arguments give the same bytes.

use crate::{Datagram, Instant, OwnedDatagram, Transmit};

/// Stands for the server whose addresses were taken over and that still has clients, where a worker's number is told.
pub const PREDECESSOR: u32 = u32::MAX;

/// A protocol endpoint, driven from outside.
pub trait Machine {
    /// Takes in one datagram. Whatever is wrong with it is the machine's business: nothing is returned.
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>);

    /// Writes the next datagram, or several of equal size, to the front of `buffer`; `None` when nothing is to be sent now.
    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit>;

    /// When `on_timeout` is to be called; `None` for never.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline has come.
    fn on_timeout(&mut self, now: Instant);

    /// Whether `transmit` has left something that the application is to be told: room, say, for what it could not send before. A driver
    /// has it told then; after inputs it does so anyhow.
    fn has_news(&self) -> bool {
        false
    }

    /// The next datagram that is not for this machine but for that of another worker, and its number; [`PREDECESSOR`] for those of
    /// the server before. Machines that have no others beside them never have one.
    fn poll_handover(&mut self) -> Option<(u32, OwnedDatagram)> {
        None
    }
}
