//! A virtual network on virtual time, for anything that is a [`base::Machine`] or a [`base::StreamMachine`].
//!
//! A [`World`] holds machines by their addresses, carries their datagrams over links with faults, and jumps from event
//! to event. Nothing waits in real time, and the seed is the only source of randomness: the same seed gives the same
//! bytes at the same moments, and [`World::trace_hash`] proves it.
//!
//! A machine under test, and what its user does with it:
//!
//! ```
//! use posthaste_sim as sim;
//! use base::{Datagram, Duration, FourTuple, Instant, Machine, Transmit};
//! use sim::{LinkConfig, World};
//!
//! /// Sends one datagram, and keeps the first answer.
//! struct Asker {
//!     path: FourTuple,
//!     asked: bool,
//!     answer: Option<(Instant, Vec<u8>)>,
//! }
//!
//! impl Machine for Asker {
//!     fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
//!         self.answer.get_or_insert((now, datagram.payload.to_vec()));
//!     }
//!     fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
//!         if std::mem::replace(&mut self.asked, true) {
//!             return None;
//!         }
//!         buffer[..5].copy_from_slice(b"hello");
//!         Some(Transmit { four_tuple: self.path, ecn: Default::default(), len: 5, segment_size: 5 })
//!     }
//!     fn deadline(&self) -> Option<Instant> {
//!         None
//!     }
//!     fn on_timeout(&mut self, _now: Instant) {}
//! }
//!
//! let (client, server) = ("192.0.2.1:1000".parse().unwrap(), "192.0.2.2:443".parse().unwrap());
//! let mut world = World::new(7);
//! world.network().set_both(client, server, LinkConfig::new(Duration::from_millis(20)));
//! let path = FourTuple { local: client, remote: server };
//! let asker = world.add(&[client], Asker { path, asked: false, answer: None });
//! world.add(&[server], sim::Echo::default());
//!
//! world.run_until(Instant::MAX, |world| world.machine(asker).answer.is_some());
//! let (when, what) = world.machine(asker).answer.clone().unwrap();
//! assert_eq!((when.as_nanos(), &what[..]), (40_000_000, &b"hello"[..]));
//! ```
//!
//! Machines on byte streams are joined in pairs by [`World::streams`], over links that cut the bytes into pieces of any size.
//!
//! It measures no speed, since time is what the links say. Faults of a link are in [`LinkConfig`]; [`check_seeds`] runs a scenario
//! under many seeds.
//! For machines that speak TLS there are [`seeded_provider`], whose key exchange gives **no security at all** but is
//! the same in every run, [`SIGNING_KEY`] and [`fixed_clock`].
#![forbid(unsafe_code)]

pub mod byte_link;
mod byte_network;
mod clock;
mod echo;
mod echo_stream;
mod faults;
mod link;
mod loss_mask;
mod nat;
mod network;
pub mod oracle;
mod provider;
mod random;
mod seeds;
mod trace;
mod world;

pub use byte_link::{ByteLink, ByteLinkConfig};
pub use byte_network::{ByteNetwork, StreamHandle};
pub use clock::fixed_clock;
pub use echo::Echo;
pub use echo_stream::EchoStream;
pub use faults::draw_faults;
pub use link::{Link, LinkConfig, LinkStats, Marks};
pub use loss_mask::LossMask;
pub use nat::{Forger, Nat};
pub use network::Network;
pub use oracle::{AmplificationChecker, ByteStreamChecker, TrafficChecker};
pub use provider::{SIGNING_KEY, seeded_provider};
pub use random::SeededRandom;
pub use seeds::check_seeds;
pub use trace::{Observation, Trace};
pub use world::{Handle, Stop, World};
