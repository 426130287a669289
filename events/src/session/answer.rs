//! From what a store answers to what a client is told.

use crate::code::ErrorCode;
use crate::delivery::{self, NamespaceDescription, Outcome, Refusal};
use crate::frame::Frame;
use crate::messages::{
    Batch, Delivery, Description, Done, Failure, NamespaceFigures, PublishAck, Stored, Subscribed, SubscriptionFigures,
};
use crate::session::request::Refused;
use alloc::string::ToString;
use alloc::vec::Vec;
use base::Duration;

/// The code of a store's refusal.
pub(super) fn code(refusal: &Refusal) -> ErrorCode {
    match refusal {
        Refusal::NoSuchNamespace { .. } => ErrorCode::NoNamespace,
        Refusal::NoSuchSubscription { .. } => ErrorCode::NoSubscription,
        Refusal::BadName { .. } | Refusal::BadSetting { .. } | Refusal::Unsupported { .. } => ErrorCode::Invalid,
        Refusal::OtherSettings { .. } => ErrorCode::Differs,
        Refusal::TooLarge { .. } => ErrorCode::TooLarge,
        Refusal::NamespaceFull { .. } | Refusal::DiskFull => ErrorCode::Full,
        Refusal::TooMany { .. } | Refusal::Busy => ErrorCode::Limit,
        Refusal::Failed { .. } | Refusal::Unreachable { .. } => ErrorCode::StoreFailed,
        Refusal::Ending => ErrorCode::Ending,
    }
}

pub(super) fn failure(request: u64, refused: Refused) -> Frame {
    Failure { request, code: refused.code.number(), message: refused.message }.into()
}

/// The answer to a request that has one. Batches are those of a fetch.
pub(super) fn frame(request: u64, outcome: Outcome, unix_ms: u64, round_trip: Option<Duration>) -> Frame {
    match outcome {
        Outcome::Published(published) => {
            let stored = |one: delivery::Published| Stored { sequence: one.sequence, is_duplicate: one.is_duplicate };
            PublishAck { request, published: published.into_iter().map(stored).collect() }.into()
        }
        Outcome::Subscribed { is_new, next } => Subscribed { request, is_new, next }.into(),
        Outcome::Batch(deliveries) => batch(request, deliveries, true),
        Outcome::Events { events, .. } => read(request, events, true),
        Outcome::Done { unknown } => Done { request, unknown: unknown as u64 }.into(),
        Outcome::Description(namespaces) => Description {
            request,
            namespaces: namespaces.into_iter().map(|one| figures(one, unix_ms)).collect(),
            round_trip_us: round_trip.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
        }
        .into(),
        Outcome::Refused(refusal) => {
            Failure { request, code: code(&refusal).number(), message: refusal.to_string() }.into()
        }
    }
}

pub(super) fn batch(request: u64, deliveries: Vec<delivery::Delivery>, is_last: bool) -> Frame {
    let delivery = |one: delivery::Delivery| Delivery {
        sequence: one.id.sequence,
        attempt: one.id.attempt,
        published_at: one.published_at,
        event: one.bytes,
    };
    Batch { request, deliveries: deliveries.into_iter().map(delivery).collect(), is_last }.into()
}

pub(super) fn read(request: u64, events: Vec<delivery::StoredEvent>, is_last: bool) -> Frame {
    let delivery = |one: delivery::StoredEvent| Delivery {
        sequence: one.sequence,
        attempt: 0,
        published_at: one.published_at,
        event: one.bytes,
    };
    Batch { request, deliveries: events.into_iter().map(delivery).collect(), is_last }.into()
}

fn figures(of: NamespaceDescription, unix_ms: u64) -> NamespaceFigures {
    let subscription = |one: delivery::SubscriptionDescription| SubscriptionFigures {
        name: one.name,
        pending: one.depth,
        in_flight: one.in_flight,
        delivered: one.delivered,
        acknowledged: one.acknowledged,
        redelivered: one.redelivered,
        consumers: one.fetching,
        dead: one.dead,
    };
    NamespaceFigures {
        namespace: of.name,
        depth: of.next.saturating_sub(of.first),
        bytes: of.bytes,
        first: of.first,
        next: of.next,
        oldest_age_ms: of.oldest_at.map_or(0, |at| unix_ms.saturating_sub(at)),
        published: of.published,
        duplicates: of.duplicates,
        subscriptions: of.subscriptions.into_iter().map(subscription).collect(),
    }
}
