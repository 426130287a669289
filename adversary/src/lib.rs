//! A hostile peer: the other side of a real endpoint's connection, for tests and fuzzing.
//!
//! Its keys come from a real TLS session, so what it sends is authentic and reaches the parsers and state machines
//! behind the encryption. The test scripts everything else: any frame in any packet at any moment, forged, replayed,
//! truncated, sealed again or withheld. The peer keeps no rules itself, and checks that its target keeps those of RFC
//! 9000 that hold whatever a peer does (see [`Peer::pump`]).
//!
//! ```
//! use posthaste_adversary as adversary;
//! use adversary::{Peer, Stage};
//! use base::Side;
//! use quic::Violation;
//! use quic::wire::frame::PacketKind;
//!
//! let mut peer = Peer::against(Side::Server, Stage::Established);
//! peer.send(PacketKind::OneRtt, &[0x3f]);
//! assert_eq!(peer.violation(), Some((Violation::UnknownFrameType, 0x3f)));
//! ```
//!
//! It is for tests only, and not published. The page `docs/internals/adversary.md` says how an attack is written.
//! [`http::Script`] does the same above QUIC, [`heap`] and [`work`] count what a target holds and does, and
//! [`remains`] finds what it leaves behind.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "what is not there fails the test that uses it")]

mod first_packets;
mod frames;
pub mod heap;
pub mod http;
pub mod identity;
mod metered;
mod options;
mod peer;
pub mod remains;
pub mod rogue;
mod seen;
mod spaces;
pub mod work;

pub use first_packets::FirstPackets;
pub use frames::{encode, push, space_of};
pub use metered::Metered;
pub use options::{HERE, Options, PLAIN, Parameters, Stage, THERE, Tweak};
pub use peer::Peer;
pub use rogue::{Habit, Rogue, SecretLog};
pub use seen::Close;
pub use spaces::Received;
