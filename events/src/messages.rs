//! The messages of all frames. `docs/events.proto` has the same for others; `docs/events.md` says when which is sent.

use crate::protobuf::messages;
use alloc::string::String;
use alloc::vec::Vec;
use base::Bytes;

messages! {
    /// The first frame of a session: who the client is. Nothing else is answered before it.
    Auth {
        /// The client's name in the registry.
        client_id: String = 1,
        /// What shows that it is this client.
        token: String = 2,
        /// The namespaces that it is about; empty for all that it may use.
        namespaces: Vec<String> = 3,
        /// The program, for the server's log.
        agent: String = 4,
    }

    /// The client may go on.
    AuthAck {
        /// What it may do.
        grants: Vec<Grant> = 1,
        /// Bytes of a frame that the server takes.
        max_frame: u32 = 2,
        /// Requests that may be unanswered on each stream.
        max_requests: u32 = 3,
        /// The session of this number, for the server's log.
        session: u64 = 4,
    }

    /// What a client may do in a namespace.
    Grant {
        /// The namespace; `*` for all.
        namespace: String = 1,
        /// It may publish.
        publish: bool = 2,
        /// It may subscribe, fetch, acknowledge and read.
        fetch: bool = 3,
        /// It may see the figures.
        admin: bool = 4,
    }

    /// The client may not go on; the session ends.
    AuthError {
        /// [`ErrorCode`](crate::ErrorCode).
        code: u32 = 1,
        /// The same for people.
        message: String = 2,
    }

    /// Is anybody there?
    Ping {
        /// Comes back as it is: the time of the sender's clock, for example.
        timestamp: u64 = 1,
    }

    /// Here.
    Pong {
        /// That of the ping.
        timestamp: u64 = 1,
        /// The answerer's time in milliseconds since 1970; 0 if it does not say.
        unix_ms: u64 = 2,
    }

    /// The sender will end the session: no new requests, but what is under way is answered, and acknowledgments are taken.
    GoAway {
        /// Why, for people.
        reason: String = 1,
        /// How long the sender waits, in milliseconds.
        patience_ms: u64 = 2,
    }

    /// A request was refused, or, where it answers none, the stream or the session fails.
    Failure {
        /// The request; 0 for none.
        request: u64 = 1,
        /// [`ErrorCode`](crate::ErrorCode).
        code: u32 = 2,
        /// What, where, and what to do about it.
        message: String = 3,
    }

    /// A request came too soon: nothing of it was done, and it may be sent again later.
    RateLimitNotice {
        /// The request.
        request: u64 = 1,
        /// Whose limit it is.
        namespace: String = 2,
        /// After how many milliseconds there is room for it.
        retry_after_ms: u64 = 3,
    }

    /// Store these events, in this order.
    Publish {
        /// Comes back with the answer; not 0.
        request: u64 = 1,
        /// Where they belong.
        namespace: String = 2,
        /// Each an [`Event`](crate::Event), as it is encoded.
        events: Vec<Bytes> = 3,
    }

    /// They are stored, as safely as the server's setting says.
    PublishAck {
        /// The request.
        request: u64 = 1,
        /// One for each event, in the order of the request.
        published: Vec<Stored> = 2,
    }

    /// Where an event is.
    Stored {
        /// Its place in its namespace.
        sequence: u64 = 1,
        /// It had been published before, at this place.
        is_duplicate: bool = 2,
    }

    /// Make sure that there is such a subscription.
    Subscribe {
        /// Comes back with the answer; not 0.
        request: u64 = 1,
        /// Of which namespace.
        namespace: String = 2,
        /// Its name.
        name: String = 3,
        /// How it delivers.
        settings: Option<Settings> = 4,
    }

    /// How a subscription delivers. 0 and empty stand for the server's default.
    Settings {
        /// Where it begins.
        start: Option<Position> = 1,
        /// Events that are delivered and not acknowledged, at most.
        max_in_flight: u32 = 2,
        /// How long a consumer has to acknowledge.
        acknowledgment_deadline_ms: u64 = 3,
        /// How long the first redelivery waits; each further one waits twice as long.
        backoff_first_ms: u64 = 4,
        /// How long a redelivery waits at most.
        backoff_most_ms: u64 = 5,
        /// After how many deliveries an event is dead; 0 for never.
        max_deliveries: u32 = 6,
        /// The namespace that dead events go to; empty for none.
        dead_letter: String = 7,
        /// Of one key one event is delivered at a time.
        is_ordered_by_key: bool = 8,
    }

    /// A place in a namespace.
    Position {
        /// 0: what is oldest; 1: what is published from now on; 2: `sequence`; 3: `unix_ms`.
        kind: u32 = 1,
        /// The event of this sequence, or the next one there is.
        sequence: u64 = 2,
        /// The first event stored at this time or later.
        unix_ms: u64 = 3,
    }

    /// There is.
    Subscribed {
        /// The request.
        request: u64 = 1,
        /// It was not there before.
        is_new: bool = 2,
        /// The first event that it has not delivered.
        next: u64 = 3,
    }

    /// Forget a subscription.
    Unsubscribe {
        /// Comes back with the answer; not 0.
        request: u64 = 1,
        /// Of which namespace.
        namespace: String = 2,
        /// Its name.
        name: String = 3,
    }

    /// These deliveries are dealt with, and do not come again.
    Acknowledge {
        /// Comes back with the answer; not 0.
        request: u64 = 1,
        /// Of which namespace.
        namespace: String = 2,
        /// The subscription's name.
        name: String = 3,
        /// Which.
        deliveries: Vec<Handle> = 4,
    }

    /// Deliver these once more, after a delay.
    Refuse {
        /// Comes back with the answer; not 0.
        request: u64 = 1,
        /// Of which namespace.
        namespace: String = 2,
        /// The subscription's name.
        name: String = 3,
        /// Which.
        deliveries: Vec<Handle> = 4,
        /// After how many milliseconds.
        delay_ms: u64 = 5,
    }

    /// More time to acknowledge these.
    Extend {
        /// Comes back with the answer; not 0.
        request: u64 = 1,
        /// Of which namespace.
        namespace: String = 2,
        /// The subscription's name.
        name: String = 3,
        /// Which.
        deliveries: Vec<Handle> = 4,
        /// How many milliseconds, from now on.
        by_ms: u64 = 5,
    }

    /// One delivery of an event.
    Handle {
        /// The event's place in its namespace.
        sequence: u64 = 1,
        /// Which delivery of it, counted from 1.
        attempt: u32 = 2,
    }

    /// An Acknowledge, a Refuse, an Extend or an Unsubscribe was done.
    Done {
        /// The request.
        request: u64 = 1,
        /// Deliveries that were not open any more: acknowledged, delivered anew and acknowledged, or never made.
        unknown: u64 = 2,
    }

    /// Deliver once: answered by one batch, which is empty if there was nothing for as long as `wait_ms`.
    Fetch {
        /// Comes back with the answer; not 0.
        request: u64 = 1,
        /// Of which namespace.
        namespace: String = 2,
        /// The subscription's name.
        name: String = 3,
        /// Events at most; 0 for as many as a batch has.
        max_events: u32 = 4,
        /// Bytes of events at most, though one event always; 0 for as many as a batch has.
        max_bytes: u32 = 5,
        /// How long is waited for the first event, in milliseconds.
        wait_ms: u64 = 6,
    }

    /// Deliver until the stream ends: answered by any number of batches.
    Consume {
        /// Comes back with each batch; not 0.
        request: u64 = 1,
        /// Of which namespace.
        namespace: String = 2,
        /// The subscription's name.
        name: String = 3,
        /// Events of one batch, at most.
        max_events: u32 = 4,
        /// Bytes of one batch, at most, though one event always.
        max_bytes: u32 = 5,
    }

    /// Show what is stored, without a subscription: answered by batches, the last of which says so.
    Read {
        /// Comes back with each batch; not 0.
        request: u64 = 1,
        /// Of which namespace.
        namespace: String = 2,
        /// From where.
        start: Option<Position> = 3,
        /// How many events in all; 0 for all that there are.
        max_events: u64 = 4,
    }

    /// Events.
    Batch {
        /// The request.
        request: u64 = 1,
        /// Which.
        deliveries: Vec<Delivery> = 2,
        /// The request is answered.
        is_last: bool = 3,
    }

    /// An event that is delivered.
    Delivery {
        /// Its place in its namespace.
        sequence: u64 = 1,
        /// Which delivery of it, counted from 1; 0 in answer to a Read, where there is nothing to acknowledge.
        attempt: u32 = 2,
        /// When it was stored, in milliseconds since 1970.
        published_at: u64 = 3,
        /// The [`Event`](crate::Event), as it was published.
        event: Bytes = 4,
    }

    /// How is it?
    Describe {
        /// Comes back with the answer; not 0.
        request: u64 = 1,
        /// One namespace; empty for all that the client has the right to see.
        namespace: String = 2,
    }

    /// So it is.
    Description {
        /// The request.
        request: u64 = 1,
        /// Each namespace.
        namespaces: Vec<NamespaceFigures> = 2,
        /// The server's smoothed round-trip time to this client, in microseconds; 0 if it is not known.
        round_trip_us: u64 = 3,
    }

    /// The figures of a namespace.
    NamespaceFigures {
        /// Its name.
        namespace: String = 1,
        /// Events that are stored.
        depth: u64 = 2,
        /// Bytes of them.
        bytes: u64 = 3,
        /// The first sequence that is stored.
        first: u64 = 4,
        /// The sequence that the next event will have.
        next: u64 = 5,
        /// How old the oldest event is, in milliseconds.
        oldest_age_ms: u64 = 6,
        /// Events published since the start.
        published: u64 = 7,
        /// Publishes that were there already.
        duplicates: u64 = 8,
        /// Its subscriptions.
        subscriptions: Vec<SubscriptionFigures> = 9,
    }

    /// The figures of a subscription.
    SubscriptionFigures {
        /// Its name.
        name: String = 1,
        /// Events that it has yet to deliver, or whose delivery is not acknowledged.
        pending: u64 = 2,
        /// Deliveries that are not acknowledged.
        in_flight: u64 = 3,
        /// Deliveries since the start.
        delivered: u64 = 4,
        /// Acknowledgments since the start.
        acknowledged: u64 = 5,
        /// Deliveries that were not the first of their event.
        redelivered: u64 = 6,
        /// Events that were delivered too often.
        dead: u64 = 7,
        /// Consumers that wait for events.
        consumers: u64 = 8,
    }
}
