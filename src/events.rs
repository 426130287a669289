//! Events that are kept until they were handled: stores of them.
//!
//! A [`Store`] does what [`delivery::Operation`] asks for. [`EmbeddedStore`] keeps
//! events in a folder of this machine; [`NatsStore`] on NATS JetStream; [`MemoryStore`] forgets with the process.
//!
//! ```
//! use posthaste::events::delivery::{EncodedEvent, Operation, Outcome};
//! use posthaste::events::{MemoryStore, Settings, Store};
//!
//! let store = MemoryStore::new(Settings::default())?;
//! let event = EncodedEvent { id: "order-17".into(), key: String::new(), timestamp: 1_700_000_000_000, bytes: "...".into() };
//! let (sender, answers) = std::sync::mpsc::channel();
//! let publish = Operation::Publish { namespace: "orders".into(), events: vec![event] };
//! store.submit(publish, Box::new(move |outcome| sender.send(outcome).expect("it is waited for")));
//! let Ok(Outcome::Published(published)) = answers.recv() else { panic!("it was not taken") };
//! assert_eq!(published[0].sequence, 1);
//! # Ok::<(), posthaste::events::delivery::Refusal>(())
//! ```

mod carry;
mod client;
mod embedded;
mod journal_log;
mod mailbox;
mod memory;
mod metrics;
mod nats;
mod server;
mod service;
mod shared;
mod store;

pub use ::events::broker::{Overflow, QueueSettings, Settings};
/// What a store is asked for, and what it answers.
pub mod delivery {
    pub use ::events::delivery::{
        Backoff, BatchLimits, ConsumerId, Delivery, DeliveryId, EncodedEvent, MAX_NAME, NamespaceDescription,
        Operation, Outcome, Published, Refusal, Start, StoredEvent, SubscriptionDescription, SubscriptionId,
        SubscriptionSettings, is_name,
    };
}

pub use ::journal::Durability;
pub use embedded::{EmbeddedOptions, EmbeddedStore};
/// The messages of the protocol.
pub mod messages {
    pub use ::events::messages::{
        AuthAck, Delivery, Describe, Description, Grant, Handle, NamespaceFigures, Position, Settings, Stored,
        SubscriptionFigures,
    };
}

/// The event that these bytes are.
///
/// # Errors
/// They are none.
pub fn parse(bytes: &crate::Bytes) -> Result<Event, EventError> {
    let parsed = <Event as ::events::protobuf::Message>::parse(bytes);
    parsed.map_err(|error| EventError { code: ErrorCode::Malformed, message: error.to_string() })
}

pub use ::events::session::client::Config as ClientConfig;
pub use ::events::session::server::Limits as SessionLimits;
pub use ::events::{ErrorCode, Event, Rate, Registry, RegistryError, Rights, TokenHash};
pub use client::{EventClient, EventClientEvent, EventError, Reader, Receipt, Received, Subscription};
pub use memory::MemoryStore;
pub use nats::{NatsOptions, NatsStore};
pub use server::{EventServer, PATH, PROTOCOL};
pub use shared::{EventServerEvent, ServerLimits};
pub use store::{Answer, Store};
