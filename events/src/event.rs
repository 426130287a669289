//! What is published: an event.

use crate::protobuf::messages;
use alloc::collections::BTreeMap;
use alloc::string::String;
use base::Bytes;

messages! {
    /// An event: `EventPayload` of `docs/events.proto`. A server keeps its bytes as they came, so that fields of later versions get through.
    Event {
        /// What tells it from all others of its namespace, from 1 to [`Event::MAX_ID`] bytes; what is published twice with one is stored once.
        id: String = 1,
        /// Where it belongs. Empty, or the same as the one that it is published in.
        namespace: String = 2,
        /// What happened, in a word of the publisher's.
        kind: String = 3,
        /// The same for people.
        message: String = 4,
        /// Whatever goes with it.
        data: Bytes = 5,
        /// When it happened, in milliseconds since 1970 (UTC).
        timestamp: u64 = 6,
        /// More about it.
        metadata: BTreeMap<String, String> = 7,
        /// Events of one key are delivered in their order, where the subscription asks for it.
        key: String = 8,
    }
}

impl Event {
    /// Bytes of an [`id`](Event::id), at most.
    pub const MAX_ID: usize = 128;
    /// Bytes of a [`key`](Event::key), at most.
    pub const MAX_KEY: usize = 256;
}
