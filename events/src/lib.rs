//! Events that are kept until they were handled: namespaces, subscriptions, and delivery at least once.
//!
//! A publisher puts events into a *namespace*, where each gets the next sequence number. A *subscription* is a durable reader of
//! one namespace: it has a position, and what was delivered to one of its *consumers* stays with it until that consumer
//! acknowledges it; what is not acknowledged in time is delivered again.
//!
//! [`delivery`] is the seam between those who speak a protocol and those who store: an [`Operation`](delivery::Operation) goes in,
//! and one [`Outcome`](delivery::Outcome) comes back.
//!
//! ```
//! use posthaste_events as events;
//! use events::delivery::{BatchLimits, EncodedEvent, Operation, SubscriptionId};
//! use core::time::Duration;
//!
//! let event = EncodedEvent { id: "order-17".into(), key: String::new(), timestamp: 1_700_000_000_000, bytes: base::Bytes::from_static(b"...") };
//! let publish = Operation::Publish { namespace: "orders".into(), events: vec![event] };
//! assert_eq!(publish.namespace(), Some("orders"));
//! assert_eq!(publish.size(), 11, "what a queue of operations counts");
//!
//! let subscription = SubscriptionId { namespace: "orders".into(), name: "billing".into() };
//! let limits = BatchLimits { count: 100, wait: Duration::from_secs(20), ..BatchLimits::default() };
//! let fetch = Operation::Fetch { subscription, consumer: 1, limits };
//! assert_eq!(fetch.namespace(), Some("orders"));
//! ```
//!
//! Start with [`delivery::Operation`].
//!
//! The protocol is what `docs/events.md` says: [`Frame`]s on streams, whose payloads are [`messages`] in the format of Protocol Buffers
//! ([`protobuf`]). [`session::server`] and [`session::client`] are its two ends: bytes and the time go in, bytes and operations come out.
//!
//! ```
//! use posthaste_events as events;
//! use events::messages::Ping;
//! use events::{Frame, FrameReader};
//!
//! let frame = Frame::from(Ping { timestamp: 150 });
//! assert_eq!(frame.encoded().as_slice(), [1, 4, 0, 0, 0, 3, 0x08, 0x96, 0x01]);
//!
//! let mut reader = FrameReader::new(1 << 20);
//! reader.push(frame.encoded());
//! assert_eq!(reader.next_frame(), Ok(Some(frame)));
//! ```
//!
//! Read `protobuf`, `messages` and `frame` first, then [`session`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod broker;
mod bucket;
mod code;
pub mod delivery;
mod event;
mod frame;
pub mod messages;
pub mod protobuf;
mod registry;
pub mod session;

#[cfg(test)]
mod tests;

pub use bucket::{Bucket, Rate};
pub use code::ErrorCode;
pub use event::Event;
pub use frame::{DEFAULT_MAX_FRAME, Frame, FrameError, FrameReader, HEADER, VERSION};
pub use registry::{Denied, Grants, Registry, RegistryError, Rights, TokenHash};
