//! Stores on NATS JetStream: an engine that others run, perhaps on several machines.

mod client;
mod jetstream;
mod link;
mod names;
mod options;
mod problem;
mod settings;
mod store;
mod turns;
mod wire;
mod worker;

pub use options::NatsOptions;
pub use store::NatsStore;
