//! What a store of events is asked for, and what it answers.
//!
//! Whoever speaks a protocol makes an [`Operation`] of each request and hands it to a store; the store answers each with one
//! [`Outcome`]. A store promises:
//!
//! * [`Outcome::Published`] comes after the events are durable: nothing that happens to the process loses them.
//! * An acknowledgment is durable before it is answered: what it named is never delivered again.
//! * Each event is delivered at least once to each subscription that it is not too old for, in the order of sequence numbers,
//!   but for deliveries that are repeated.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Bytes;
use core::fmt;
use core::time::Duration;

/// A consumer: one end that fetches, for as long as it is connected. Who submits operations gives out the numbers, and never one
/// twice while the store lives.
pub type ConsumerId = u64;

/// The most bytes of the name of a namespace or a subscription.
pub const MAX_NAME: usize = 128;

/// What a store is asked for. Each operation is answered once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Keep these events, in this order, behind those that the namespace has. The first of a namespace makes the namespace.
    /// Answered with [`Outcome::Published`], or refused as a whole.
    Publish {
        /// Where to.
        namespace: String,
        /// The events.
        events: Vec<EncodedEvent>,
    },
    /// Make a subscription, or find that it is there with the same settings. Answered with [`Outcome::Subscribed`].
    Subscribe {
        /// Its namespace and name.
        subscription: SubscriptionId,
        /// How it delivers.
        settings: SubscriptionSettings,
    },
    /// End a subscription: its position and what it knows of acknowledgments are gone. Answered with [`Outcome::Done`].
    Unsubscribe {
        /// Which.
        subscription: SubscriptionId,
    },
    /// Deliver events to this consumer. Answered with [`Outcome::Batch`]: with events as soon as there are some, or with none after
    /// [`wait`](BatchLimits::wait).
    Fetch {
        /// Which.
        subscription: SubscriptionId,
        /// Who holds the events from then on.
        consumer: ConsumerId,
        /// How many, and how long to wait.
        limits: BatchLimits,
    },
    /// These deliveries were handled. Late ones count as well, also when a later delivery of the same event is under way.
    /// Answered with [`Outcome::Done`].
    Acknowledge {
        /// Which.
        subscription: SubscriptionId,
        /// What was handled.
        deliveries: Vec<DeliveryId>,
    },
    /// These deliveries could not be handled: deliver the events again, after `delay` at the earliest. The subscription's own backoff
    /// holds where it is longer. Answered with [`Outcome::Done`].
    Refuse {
        /// Which.
        subscription: SubscriptionId,
        /// What could not be handled.
        deliveries: Vec<DeliveryId>,
        /// How long to wait before the next attempt.
        delay: Duration,
    },
    /// These deliveries need more time: their deadline is `by` from now. Answered with [`Outcome::Done`].
    Extend {
        /// Which.
        subscription: SubscriptionId,
        /// What is still being handled.
        deliveries: Vec<DeliveryId>,
        /// How much time, from now.
        by: Duration,
    },
    /// This consumer is gone: what it holds is delivered to others at once, and what it waits for is answered with nothing.
    /// Answered with [`Outcome::Done`].
    Leave {
        /// Who.
        consumer: ConsumerId,
    },
    /// What there is. Answered with [`Outcome::Description`].
    Describe {
        /// Of one namespace, or of all.
        namespace: Option<String>,
    },
    /// Read events without a subscription. Answered with [`Outcome::Events`] at once, with none where there are none yet.
    Read {
        /// Where.
        namespace: String,
        /// From which event on.
        from: Start,
        /// How many; [`wait`](BatchLimits::wait) and [`linger`](BatchLimits::linger) mean nothing here.
        limits: BatchLimits,
    },
}

impl Operation {
    /// The namespace that the operation is about, if it is about one.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Operation::Publish { namespace, .. } | Operation::Read { namespace, .. } => Some(namespace),
            Operation::Subscribe { subscription, .. }
            | Operation::Unsubscribe { subscription }
            | Operation::Fetch { subscription, .. }
            | Operation::Acknowledge { subscription, .. }
            | Operation::Refuse { subscription, .. }
            | Operation::Extend { subscription, .. } => Some(&subscription.namespace),
            Operation::Leave { .. } => None,
            Operation::Describe { namespace } => namespace.as_deref(),
        }
    }

    /// Bytes of content that it carries, for queues of operations that are bounded by bytes.
    pub fn size(&self) -> usize {
        match self {
            Operation::Publish { events, .. } => events.iter().map(EncodedEvent::size).sum(),
            Operation::Acknowledge { deliveries, .. }
            | Operation::Refuse { deliveries, .. }
            | Operation::Extend { deliveries, .. } => deliveries.len() * size_of::<DeliveryId>(),
            _ => 0,
        }
    }
}

/// An event as a publisher hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedEvent {
    /// What tells it from others: a second event of the same id within the namespace's window is a duplicate, and is not kept.
    /// An empty id is never a duplicate. At most 65,535 bytes. It is shared with what remembers it for the window.
    pub id: Arc<str>,
    /// Events of one key are delivered one after the other by subscriptions that ask for it. An empty key is none. At most 65,535
    /// bytes.
    pub key: String,
    /// When it happened as its publisher has it, in milliseconds since 1970.
    pub timestamp: u64,
    /// The event as on the wire.
    pub bytes: Bytes,
}

impl EncodedEvent {
    /// Bytes of its parts.
    pub fn size(&self) -> usize {
        self.id.len() + self.key.len() + self.bytes.len()
    }
}

/// A subscription's name within its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// One delivery of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The event's number in its namespace.
    pub sequence: u64,
    /// The how-manieth delivery to this subscription it is, from one.
    pub attempt: u32,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the oldest event that there is.
    #[default]
    Earliest,
    /// With the next event that is published.
    Latest,
    /// With this event, or the first one after it that there is.
    Sequence(u64),
    /// With the first event that was published at this time or later, in milliseconds since 1970.
    Time(u64),
}

/// How a subscription delivers. They stay as they are for as long as the subscription exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionSettings {
    /// Where it begins. Default: with the oldest event.
    pub start: Start,
    /// The most events that were delivered and are not acknowledged, of all consumers together, those that wait to be delivered again
    /// included. Default 1,000; from 1 to 100,000.
    pub max_in_flight: u32,
    /// How long a consumer has to acknowledge a delivery, before the event is delivered again. Default 30 s; from 10 ms to 24 h.
    pub acknowledgment_deadline: Duration,
    /// How long an event waits that is to be delivered again.
    pub backoff: Backoff,
    /// How often an event is delivered before it counts as dead. Default: without end.
    pub max_deliveries: Option<u32>,
    /// The namespace that dead events go to. Default: they are dropped, and counted.
    pub dead_letter: Option<String>,
    /// Whether an event waits until the one before it with the same key is acknowledged. Default: no.
    pub is_ordered_by_key: bool,
}

impl Default for SubscriptionSettings {
    fn default() -> SubscriptionSettings {
        SubscriptionSettings {
            start: Start::Earliest,
            max_in_flight: 1000,
            acknowledgment_deadline: Duration::from_secs(30),
            backoff: Backoff::default(),
            max_deliveries: None,
            dead_letter: None,
            is_ordered_by_key: false,
        }
    }
}

/// How long an event waits before it is delivered again: `first` after the first attempt, then twice as long each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first attempt. Default 0: at once.
    pub first: Duration,
    /// At most. Default 60 s.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { first: Duration::ZERO, most: Duration::from_secs(60) }
    }
}

impl Backoff {
    /// How long to wait after so many attempts.
    pub fn after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }
}

/// How much is fetched or read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most events. Default 1,000.
    pub count: usize,
    /// The most bytes of events; a single event may be larger. Default 1 MiB.
    pub bytes: usize,
    /// How long to wait for the first event. Default 0: the answer comes at once.
    pub wait: Duration,
    /// How long to wait for more, once there is an event, until `count` or `bytes` is reached. Default 0: not at all.
    pub linger: Duration,
}

impl Default for BatchLimits {
    fn default() -> BatchLimits {
        BatchLimits { count: 1000, bytes: 1 << 20, wait: Duration::ZERO, linger: Duration::ZERO }
    }
}

/// What a store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// To [`Operation::Publish`]: one for each event, in order. All of them are durable.
    Published(Vec<Published>),
    /// To [`Operation::Subscribe`].
    Subscribed {
        /// Whether it was made just now.
        is_new: bool,
        /// The number of the first event that it has not delivered yet.
        next: u64,
    },
    /// To [`Operation::Fetch`].
    Batch(Vec<Delivery>),
    /// To [`Operation::Read`].
    Events {
        /// The events, in order.
        events: Vec<StoredEvent>,
        /// Where to read on.
        next: u64,
    },
    /// To everything that asks for nothing back.
    Done {
        /// How many of the deliveries that were named are not under way: acknowledged before, too old, or never made.
        unknown: usize,
    },
    /// To [`Operation::Describe`], in the order of names.
    Description(Vec<NamespaceDescription>),
    /// It was not done, and nothing was changed.
    Refused(Refusal),
}

/// What became of a published event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its number in its namespace; of a duplicate, the number of the first.
    pub sequence: u64,
    /// Whether an event of the same id was there already.
    pub is_duplicate: bool,
}

/// An event that is delivered to a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What to acknowledge it by.
    pub id: DeliveryId,
    /// The event as on the wire.
    pub bytes: Bytes,
    /// When the store took it, in milliseconds since 1970.
    pub published_at: u64,
}

/// An event that is read without a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number in its namespace.
    pub sequence: u64,
    /// When the store took it, in milliseconds since 1970.
    pub published_at: u64,
    /// The event as on the wire.
    pub bytes: Bytes,
}

/// What there is of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceDescription {
    /// Its name.
    pub name: String,
    /// The number of the oldest event that is kept; that of the next event, if there is none.
    pub first: u64,
    /// The number of the next event.
    pub next: u64,
    /// Bytes of the events that are kept.
    pub bytes: u64,
    /// When the oldest of them was published, in milliseconds since 1970; nothing if there is none.
    pub oldest_at: Option<u64>,
    /// Events that were published since the namespace exists.
    pub published: u64,
    /// Duplicates that came since the store was opened.
    pub duplicates: u64,
    /// Events that went by age, size or count since the store was opened.
    pub expired: u64,
    /// Its subscriptions, in the order of names.
    pub subscriptions: Vec<SubscriptionDescription>,
}

/// What there is of a subscription. Counters begin anew when the store is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionDescription {
    /// Its name.
    pub name: String,
    /// Events that are not acknowledged: those that it has not delivered yet, and those that are under way.
    pub depth: u64,
    /// When the oldest of them was published, in milliseconds since 1970, if that is known.
    pub oldest_at: Option<u64>,
    /// The number of the first event that it has not delivered yet.
    pub next: u64,
    /// Events that were delivered and not acknowledged.
    pub in_flight: u64,
    /// Events that wait to be delivered again.
    pub waiting: u64,
    /// Events that wait for an earlier one with the same key.
    pub held_back: u64,
    /// Fetches that wait for events.
    pub fetching: u64,
    /// Deliveries.
    pub delivered: u64,
    /// Deliveries that were not the first of their event.
    pub redelivered: u64,
    /// Events that were acknowledged.
    pub acknowledged: u64,
    /// Deliveries that were refused.
    pub refused: u64,
    /// Deliveries that were not acknowledged in time.
    pub late: u64,
    /// Events that were delivered too often.
    pub dead: u64,
    /// Events that went by age, size or count before they were acknowledged.
    pub expired: u64,
}

/// Why an operation was not done. Nothing was changed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no namespace of this name.
    NoSuchNamespace {
        /// The name.
        namespace: String,
    },
    /// There is no subscription of this name.
    NoSuchSubscription {
        /// The name.
        subscription: SubscriptionId,
    },
    /// A name has no byte, too many, or one that names must not have.
    BadName {
        /// The name.
        name: String,
    },
    /// A setting is outside of what it may be.
    BadSetting {
        /// Which, and what it may be.
        what: &'static str,
    },
    /// The subscription exists with other settings.
    OtherSettings {
        /// The name.
        subscription: SubscriptionId,
        /// The first setting that differs.
        setting: &'static str,
    },
    /// An event is larger than the store takes.
    TooLarge {
        /// Bytes.
        size: usize,
        /// The most.
        most: usize,
    },
    /// The namespace is full, and is set to keep what it has.
    NamespaceFull {
        /// The name.
        namespace: String,
    },
    /// There are too many of something.
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most.
        most: usize,
    },
    /// The disk is full. What was acknowledged is still there.
    DiskFull,
    /// The store cannot read or write. What was acknowledged is still there as far as the disk has it.
    Failed {
        /// What the system said, and where.
        reason: String,
    },
    /// More operations wait than the store takes: try again later.
    Busy,
    /// The store is ending.
    Ending,
    /// The store does not answer: an engine elsewhere cannot be reached.
    Unreachable {
        /// Where, and why.
        reason: String,
    },
    /// This store does not do this.
    Unsupported {
        /// What.
        what: &'static str,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoSuchNamespace { namespace } => {
                write!(f, "there is no namespace `{namespace}`: the first event that is published makes one")
            }
            Refusal::NoSuchSubscription { subscription } => {
                let SubscriptionId { namespace, name } = subscription;
                write!(f, "there is no subscription `{name}` in the namespace `{namespace}`: subscribe first")
            }
            Refusal::BadName { name } => write!(
                f,
                "`{}` is no name: 1 to {MAX_NAME} letters, digits, `-`, `_` and `.`, not `.` at first",
                name.escape_default().take(MAX_NAME).collect::<String>()
            ),
            Refusal::BadSetting { what } => f.write_str(what),
            Refusal::OtherSettings { subscription, setting } => write!(
                f,
                "the subscription `{}` exists with another `{setting}`: unsubscribe first, or choose another name",
                subscription.name
            ),
            Refusal::TooLarge { size, most } => {
                write!(f, "an event of {size} bytes is too large: at most {most} bytes are taken")
            }
            Refusal::NamespaceFull { namespace } => write!(
                f,
                "the namespace `{namespace}` is full and is set to drop nothing: acknowledge, or raise its limits"
            ),
            Refusal::TooMany { what, most } => write!(f, "too many {what}: at most {most}"),
            Refusal::DiskFull => {
                f.write_str("the disk is full: nothing is lost, but nothing can be added; make room, and try again")
            }
            Refusal::Failed { reason } => write!(f, "the store failed: {reason}"),
            Refusal::Busy => f.write_str("the store is busy: too many operations wait; try again later"),
            Refusal::Ending => f.write_str("the store is ending: try again when the server is back"),
            Refusal::Unreachable { reason } => write!(f, "the store cannot be reached: {reason}"),
            Refusal::Unsupported { what } => write!(f, "this store cannot do this: {what}"),
        }
    }
}

impl core::error::Error for Refusal {}

/// Whether a name can be that of a namespace or a subscription: 1 to [`MAX_NAME`] ASCII letters, digits, `-`, `_` and `.`, not `.`
/// at first, so that it can be the name of a folder.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= MAX_NAME && !name.starts_with('.') && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_can_be_names_of_folders() {
        for name in ["a", "orders.eu-1", "A_b", "-", &"x".repeat(MAX_NAME)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", ".a", "a/b", "a b", "ä", "a\0", "a:b", &"x".repeat(MAX_NAME + 1)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn backoff_doubles_up_to_its_most() {
        let backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(1) };
        let waits: Vec<u64> = (0..7).map(|attempts| backoff.after(attempts).as_millis() as u64).collect();
        assert_eq!(waits, [100, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.after(u32::MAX), Duration::from_secs(1));
        assert_eq!(Backoff::default().after(9), Duration::ZERO);
        let long = Backoff { first: Duration::MAX, most: Duration::MAX };
        assert_eq!(long.after(u32::MAX), Duration::MAX);
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let bad = Refusal::BadName { name: "a\nb".into() };
        assert!(bad.to_string().starts_with("`a\\nb` is no name: 1 to 128"), "{bad}");
        let large = Refusal::TooLarge { size: 3, most: 2 };
        assert_eq!(large.to_string(), "an event of 3 bytes is too large: at most 2 bytes are taken");
    }
}
