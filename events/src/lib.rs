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
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod broker;
pub mod delivery;
