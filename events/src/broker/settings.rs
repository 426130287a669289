//! What a broker keeps, and how much it may be made to keep.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

/// Limits of a broker, and what its namespaces keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What a namespace keeps that has no settings of its own.
    pub queue: QueueSettings,
    /// What others keep, by their names.
    pub namespaces: BTreeMap<String, QueueSettings>,
    /// The most namespaces. Default 1,024: each has a log of its own, with an open file.
    pub max_namespaces: usize,
    /// The most subscriptions of a namespace. Default 1,024.
    pub max_subscriptions: usize,
    /// The most fetches that wait in one subscription. Default 1,024.
    pub max_fetching: usize,
    /// The most bytes of an event. Default 1 MiB.
    pub max_event: usize,
    /// The most events of one operation, published, fetched or read. Default 10,000: more than that is cut for readers, and refused
    /// to publishers.
    pub max_count: usize,
    /// The most bytes of events that one fetch or read takes. Default 8 MiB: a store reads them into memory.
    pub max_bytes: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            queue: QueueSettings::default(),
            namespaces: BTreeMap::new(),
            max_namespaces: 1024,
            max_subscriptions: 1024,
            max_fetching: 1024,
            max_event: 1 << 20,
            max_count: 10_000,
            max_bytes: 8 << 20,
        }
    }
}

/// What a namespace keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// How long an event is kept. Default: without end. Looked at once a second.
    pub max_age: Option<Duration>,
    /// How many bytes of events are kept. Default: without end.
    pub max_bytes: Option<u64>,
    /// How many events are kept. Default: without end.
    pub max_events: Option<u64>,
    /// What happens to what does not fit into `max_bytes` and `max_events`. Default: the oldest events go, acknowledged or not.
    pub overflow: Overflow,
    /// How long an event's id is remembered to find duplicates. Default 2 min.
    pub duplicate_window: Duration,
    /// How many ids are remembered at most. Default 65,536, the newest: some 8 MiB with ids of 36 bytes.
    pub max_remembered_ids: usize,
}

impl Default for QueueSettings {
    fn default() -> QueueSettings {
        QueueSettings {
            max_age: None,
            max_bytes: None,
            max_events: None,
            overflow: Overflow::DropOldest,
            duplicate_window: Duration::from_secs(120),
            max_remembered_ids: 65_536,
        }
    }
}

/// What happens to events that a namespace has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest events go, acknowledged or not.
    #[default]
    DropOldest,
    /// The new ones are refused. Acknowledged ones go first: what every subscription has acknowledged does not count.
    Refuse,
}
