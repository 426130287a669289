//! What every other crate of Posthaste builds on: variable-length integers, checked cursors, shared bytes, time and
//! randomness as arguments, datagrams, the contracts of a [`Machine`] and of a [`StreamMachine`], the timer wheel, and
//! the form of tables of violations.
//!
//! Nothing here knows a protocol beyond RFC 9000 section 16 (variable-length integers) and section 2.1 (stream numbers).
//! Nothing here reads a clock, opens a socket or starts a thread.
//!
//! Bytes that are written and read within bounds, and a timer:
//!
//! ```
//! use posthaste_base as base;
//! use base::{Duration, Instant, Reader, Wheel, Writer};
//!
//! let mut buffer = [0; 16];
//! let mut writer = Writer::new(&mut buffer);
//! writer.varint(15_293)?;
//! writer.bytes(b"abc")?;
//! assert_eq!(writer.written(), [0x7b, 0xbd, b'a', b'b', b'c']);
//!
//! let mut reader = Reader::new(writer.written());
//! assert_eq!(reader.varint(), Ok(15_293));
//! assert!(reader.u32().is_err(), "three bytes are left, and nothing is read of them");
//! assert_eq!(reader.rest(), b"abc");
//!
//! let mut wheel = Wheel::new(Instant::ZERO);
//! let due = Instant::ZERO + Duration::from_millis(20);
//! let timer = wheel.insert(due, 7);
//! assert_eq!(wheel.pop_expired(Instant::ZERO), None);
//! assert_eq!(wheel.pop_expired(due + Duration::from_millis(2)), Some((timer, 7)));
//! # Ok::<(), base::Full>(())
//! ```
//!
//! Who writes a protocol begins with [`Machine`] or [`StreamMachine`]: `posthaste-sim` runs what implements one of them on
//! virtual time, and `posthaste-runtime` on sockets.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod byte_ring;
mod bytes;
mod datagram;
mod datagram_batch;
mod duplex;
mod journal;
pub mod machine;
pub mod random;
mod reader;
mod single_use;
mod spare;
pub mod steering;
mod stream_id;
pub mod stream_machine;
mod stream_map;
mod time;
pub mod varint;
pub mod violations;
pub mod wheel;
pub mod writer;

pub use byte_ring::ByteRing;
pub use bytes::{Buffer, Bytes};
pub use datagram::{Datagram, Ecn, FourTuple, OwnedDatagram, Transmit};
pub use datagram_batch::DatagramBatch;
pub use duplex::{Duplex, DuplexEnd, StreamMemory};
pub use journal::{Entry, Journal, JournalLimits};
pub use machine::{Machine, PREDECESSOR};
pub use random::Random;
pub use reader::{Reader, Truncated};
pub use single_use::SingleUse;
pub use spare::Spare;
pub use steering::Steering;
pub use stream_id::{Direction, Side, StreamId};
pub use stream_machine::{Demand, Outgoing, STREAM_UNIT, StreamMachine};
pub use stream_map::StreamMap;
pub use time::{Duration, Instant};
pub use varint::VarInt;
pub use wheel::{TimerKey, Wheel};
pub use writer::{Full, Writer};
