//! From what a client asks for to what a store is asked for: names, limits and rights are looked at here.

use crate::code::ErrorCode;
use crate::delivery::{
    Backoff, BatchLimits, DeliveryId, EncodedEvent, Operation, Start, SubscriptionId, SubscriptionSettings, is_name,
};
use crate::event::{Event, EventHead};
use crate::messages::{Handle, Position, Publish, Settings};
use crate::registry::{Grants, Rights};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base::{Bytes, Duration};

/// Why a request is refused before the store hears of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: ErrorCode,
    pub(super) message: String,
}

pub(super) fn refused(code: ErrorCode, message: impl Into<String>) -> Refused {
    Refused { code, message: message.into() }
}

/// A right that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    Publish,
    Fetch,
    Admin,
}

impl Right {
    fn is_in(self, rights: Rights) -> bool {
        match self {
            Right::Publish => rights.publish,
            Right::Fetch => rights.fetch,
            Right::Admin => rights.admin,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Right::Publish => "publish",
            Right::Fetch => "fetch",
            Right::Admin => "admin",
        }
    }
}

/// Whether the client has the right in a namespace, and it is one.
pub(super) fn check(grants: &Grants, namespace: &str, right: Right) -> Result<(), Refused> {
    if !is_name(namespace) {
        let text =
            format!("{namespace:?} is no name of a namespace: 1 to 128 letters, digits, - _ and ., not . at first");
        return Err(refused(ErrorCode::Invalid, text));
    }
    if right.is_in(grants.of(namespace)) {
        return Ok(());
    }
    let text = format!("this client has no right to {} in the namespace {namespace:?}", right.name());
    Err(refused(ErrorCode::Forbidden, text))
}

/// What a publish may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct PublishLimits {
    pub(super) events: usize,
    pub(super) event: usize,
}

/// The events of a publish, each looked at.
pub(super) fn publish(publish: Publish, limits: PublishLimits) -> Result<Operation, Refused> {
    let Publish { namespace, events, .. } = publish;
    if events.is_empty() || events.len() > limits.events {
        let text = format!("a publish has from 1 to {} events, not {}", limits.events, events.len());
        return Err(refused(if events.is_empty() { ErrorCode::Invalid } else { ErrorCode::TooLarge }, text));
    }
    let encoded = |(place, bytes)| {
        event(&namespace, bytes, limits.event)
            .map_err(|problem| refused(problem.code, format!("event {place} of the publish: {}", problem.message)))
    };
    let events = events.into_iter().enumerate().map(encoded).collect::<Result<Vec<_>, _>>()?;
    Ok(Operation::Publish { namespace, events })
}

fn event(namespace: &str, bytes: Bytes, limit: usize) -> Result<EncodedEvent, Refused> {
    if bytes.len() > limit {
        return Err(refused(ErrorCode::TooLarge, format!("it has {} bytes, of which {limit} are taken", bytes.len())));
    }
    let event = EventHead::read(&bytes).map_err(|error| refused(ErrorCode::Malformed, error.to_string()))?;
    let invalid = |text: String| Err(refused(ErrorCode::Invalid, text));
    if event.id.is_empty() || event.id.len() > Event::MAX_ID {
        return invalid(format!("its id has {} bytes, and needs from 1 to {}", event.id.len(), Event::MAX_ID));
    }
    if event.key.len() > Event::MAX_KEY {
        return invalid(format!("its key has {} bytes, of which {} are taken", event.key.len(), Event::MAX_KEY));
    }
    if !event.namespace.is_empty() && event.namespace != namespace {
        return invalid(format!("it says that it is of {:?}, and is published in {namespace:?}", event.namespace));
    }
    let (id, key, timestamp) = (event.id.into(), event.key.into(), event.timestamp);
    Ok(EncodedEvent { id, key, timestamp, bytes })
}

pub(super) fn start(position: Option<&Position>) -> Result<Start, Refused> {
    let Some(position) = position else { return Ok(Start::Earliest) };
    match position.kind {
        0 => Ok(Start::Earliest),
        1 => Ok(Start::Latest),
        2 => Ok(Start::Sequence(position.sequence)),
        3 => Ok(Start::Time(position.unix_ms)),
        other => Err(refused(ErrorCode::Invalid, format!("{other} is no kind of position; those are 0, 1, 2 and 3"))),
    }
}

pub(super) fn settings(settings: Option<Settings>) -> Result<SubscriptionSettings, Refused> {
    let given = settings.unwrap_or_default();
    let default = SubscriptionSettings::default();
    let or = |millis: u64, default| if millis == 0 { default } else { Duration::from_millis(millis) };
    Ok(SubscriptionSettings {
        start: start(given.start.as_ref())?,
        max_in_flight: if given.max_in_flight == 0 { default.max_in_flight } else { given.max_in_flight },
        acknowledgment_deadline: or(given.acknowledgment_deadline_ms, default.acknowledgment_deadline),
        backoff: Backoff {
            first: or(given.backoff_first_ms, default.backoff.first),
            most: or(given.backoff_most_ms, default.backoff.most),
        },
        max_deliveries: (given.max_deliveries > 0).then_some(given.max_deliveries),
        dead_letter: (!given.dead_letter.is_empty()).then_some(given.dead_letter),
        is_ordered_by_key: given.is_ordered_by_key,
    })
}

pub(super) fn subscription(namespace: String, name: String) -> Result<SubscriptionId, Refused> {
    if !is_name(&name) {
        let text =
            format!("{name:?} is no name of a subscription: 1 to 128 letters, digits, - _ and ., not . at first");
        return Err(refused(ErrorCode::Invalid, text));
    }
    Ok(SubscriptionId { namespace, name })
}

pub(super) fn deliveries(handles: &[Handle]) -> Vec<DeliveryId> {
    handles.iter().map(|handle| DeliveryId { sequence: handle.sequence, attempt: handle.attempt }).collect()
}

/// What a client wants of a batch, within what the server gives.
pub(super) fn batch(max_events: u32, max_bytes: u32, wait: Duration, most: BatchLimits) -> BatchLimits {
    let within = |wanted: u32, most: usize| match usize::try_from(wanted) {
        Ok(0) | Err(_) => most,
        Ok(wanted) => wanted.min(most),
    };
    BatchLimits { count: within(max_events, most.count), bytes: within(max_bytes, most.bytes), wait, ..most }
}
