//! How the store is reached.

use crate::client::roots::Roots;
use events::broker::Settings;

/// How a [`NatsStore`](super::NatsStore) is reached, and how its streams are made.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// What namespaces keep, and the most of an operation. Limits of memory are the server's.
    pub settings: Settings,
    /// Servers that each stream is kept on. Default 1; a cluster of three nodes has 3, and survives the loss of one.
    pub replicas: u32,
    /// Who is believed that a server of `tls://` is the one that its address names. Default: whom the system trusts.
    pub roots: Option<Roots>,
}

impl Default for NatsOptions {
    fn default() -> NatsOptions {
        NatsOptions { settings: Settings::default(), replicas: 1, roots: None }
    }
}
