//! The contract between a protocol on a byte stream and the world: what [`Machine`](crate::Machine) is for datagrams.
//!
//! A stream machine is one end of one connection that carries bytes in order both ways: HTTP/1.1, HTTP/2 and the records of
//! TLS are such machines. It has no loop, no clock and no socket. A driver (`sim` on virtual time, `runtime` on TCP) moves
//! its bytes; both keep the laws below by the same [`Duplex`](crate::Duplex), which also asserts what the machine has to keep.
//!
//! Time:
//! - `now` never decreases from call to call.
//! - After inputs (`receive`, `on_end`, `on_timeout`, or calls of the application's side) the driver asks for output by
//!   `transmit`, and then reads `deadline` and `demand`.
//! - `on_timeout` before the deadline does nothing.
//! - Each call does bounded work, and the same calls with the same arguments give the same bytes.
//!
//! Bytes in:
//! - The driver calls `receive` and `on_end` only while `demand` is [`Demand::More`], and then reads from the carrier only. So a
//!   machine that pauses holds back its peer, once the buffers between them are full.
//! - `receive` takes bytes from the front and says how many. What it has not taken is offered again, first and as the
//!   machine left it, followed by what has come since. So a machine may work in the bytes before it takes them: a record
//!   is decrypted where it lies, and handed on from there as fast as the application takes it.
//! - A machine that takes fewer than all and still demands more waits for the rest of something: it is asked again when
//!   more has come. What it leaves then is less than [`STREAM_UNIT`]; a machine that needs more in one piece collects
//!   it.
//! - `on_end` says that the peer sends nothing more, once everything before has been offered. It comes once, and nothing is received
//!   after it.
//!
//! Bytes out:
//! - `transmit` is called while `has_output` says that it might do anything.
//! - `transmit` is given room for [`STREAM_UNIT`] bytes or more, and what it has written is on its way: it is carried whole and in
//!   order, or the connection is reset. While the carrier takes nothing, `transmit` is not called, so the machine has to bound what its
//!   application gives it.
//! - [`Outgoing::End`] is the end of output. What was written before it arrives first. `transmit` is not called again.
//! - Either direction ends alone, in either order. The connection is over when both have ended.
//!
//! The end:
//! - `on_reset` says that the connection is gone: the peer has cut it, or the system has given it up. Nothing is received or
//!   sent any more, and the driver makes no other call.
//! - A machine that demands [`Demand::Reset`] gives the connection up. That is looked at even while its output stands still.
//!   What was not sent is lost, and the peer learns by a reset.
//! - A peer may never send anything. A machine that must not wait indefinitely has a deadline.

use crate::Instant;

/// The bytes that a driver offers, and has room for, at least, where a machine waits for the rest of something: a TLS record of the greatest
/// length with its header (RFC 9846 section 5.2), and some to spare.
pub const STREAM_UNIT: usize = 17 << 10;

/// What a machine wants of its carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// More bytes, or the end.
    More,
    /// Nothing for now: it has no room for what might come.
    Pause,
    /// The end of the connection in both directions, at once.
    Reset,
}

/// What a machine has to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// So many bytes, one at least, which it has written to the front of the buffer.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing ever again.
    End,
}

/// One end of a byte stream, driven from outside.
pub trait StreamMachine {
    /// The carrier is set up, before anything is offered or asked for, and this is the protocol that its two ends have agreed to
    /// speak over it (ALPN, RFC 7301). A carrier that agrees on nothing makes no such call.
    fn on_ready(&mut self, _now: Instant, _protocol: Option<&[u8]>) {}

    /// What is wanted of the carrier now.
    fn demand(&self) -> Demand;

    /// Takes in bytes from the front of `bytes`, and says how many it took.
    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize;

    /// The peer sends nothing more. `left` is what was offered and never taken: nothing, or the beginning of something that
    /// was cut off.
    fn on_end(&mut self, now: Instant, left: &[u8]);

    /// Whether `transmit` might do anything now. Who says no is not asked before it was told something again; who cannot say it cheaply
    /// says yes.
    fn has_output(&self) -> bool {
        true
    }

    /// Writes bytes to the front of `buffer`.
    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing;

    /// The connection is gone.
    fn on_reset(&mut self, now: Instant);

    /// When `on_timeout` is to be called; `None` for never.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline has come.
    fn on_timeout(&mut self, now: Instant);
}
