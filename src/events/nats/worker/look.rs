//! What is there: namespaces and subscriptions, and events that are read without being taken.

use crate::events::nats::jetstream::{Delivered, api, consumers, number, pull, streams};
use crate::events::nats::names;
use crate::events::nats::problem::Problem;
use crate::events::nats::settings;
use crate::events::nats::worker::state::{Worker, next_of};
use base::Duration;
use events::delivery::{
    BatchLimits, NamespaceDescription, Outcome, Refusal, Start, StoredEvent, SubscriptionDescription,
};
use json::{ObjectWriter, Value};

impl Worker {
    pub(super) async fn describe(&self, namespace: Option<String>) -> Result<Vec<NamespaceDescription>, Refusal> {
        let until = self.patience();
        let mut described = Vec::new();
        for (name, stream) in streams(&self.client, until).await? {
            if namespace.as_ref().is_some_and(|wanted| *wanted != name) {
                continue;
            }
            let last = number(&stream, &["state", "last_seq"]);
            let consumers = consumers(&self.client, &names::stream(&name), until).await?;
            let subscriptions = consumers.into_iter().map(|(name, info)| subscription(name, &info)).collect();
            let messages = number(&stream, &["state", "messages"]);
            described.push(NamespaceDescription {
                name,
                first: number(&stream, &["state", "first_seq"]).max(1),
                next: last + 1,
                bytes: number(&stream, &["state", "bytes"]),
                oldest_at: None,
                published: last,
                duplicates: 0,
                expired: last - messages.min(last),
                subscriptions,
            });
        }
        match namespace {
            Some(namespace) if described.is_empty() => Err(Refusal::NoSuchNamespace { namespace }),
            _ => Ok(described),
        }
    }

    /// By a consumer that is there for this alone.
    pub(super) async fn read(&self, namespace: &str, from: Start, limits: BatchLimits) -> Result<Outcome, Refusal> {
        let (stream, until) = (names::stream(namespace), self.patience());
        let missing = |problem: Problem| match problem {
            problem if problem.is_missing() => Refusal::NoSuchNamespace { namespace: namespace.to_owned() },
            problem => problem.into(),
        };
        let info = api(&self.client, &format!("STREAM.INFO.{stream}"), "", until).await.map_err(missing)?;
        let last = number(&info, &["state", "last_seq"]);
        let (mut events, mut next) = (Vec::new(), last + 1);
        let is_behind = matches!(from, Start::Latest) || matches!(from, Start::Sequence(from) if from > last);
        if is_behind {
            return Ok(Outcome::Events { events, next });
        }
        let mut text = String::new();
        let mut object = ObjectWriter::begin(&mut text);
        object.string("stream_name", &stream);
        object.object("config", |config| {
            config.string("ack_policy", "none");
            config.number("inactive_threshold", 30_000_000_000_u64);
            config.number("num_replicas", 1);
            config.truth("mem_storage", true);
            settings::start(config, from);
        });
        object.end();
        let made = api(&self.client, &format!("CONSUMER.CREATE.{stream}"), &text, until).await.map_err(missing)?;
        let name = made.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let count = limits.count.clamp(1, self.options.settings.max_count);
        let most = limits.bytes.clamp(1, self.options.settings.max_bytes);
        let (messages, pulled) = pull(&self.client, &stream, &name, count, Duration::ZERO).await;
        let mut size = 0;
        for message in messages {
            let Some(delivered) = Delivered::read(&message.reply) else { continue };
            size += message.payload.len();
            if !events.is_empty() && size > most {
                next = delivered.sequence;
                break;
            }
            next = delivered.sequence + 1;
            let Delivered { sequence, published_at, .. } = delivered;
            events.push(StoredEvent { sequence, published_at, bytes: message.payload.into() });
        }
        let _ = api(&self.client, &format!("CONSUMER.DELETE.{stream}.{name}"), "", until).await;
        pulled?;
        Ok(Outcome::Events { events, next })
    }
}

fn subscription(name: String, info: &Value) -> SubscriptionDescription {
    let in_flight = number(info, &["num_ack_pending"]);
    SubscriptionDescription {
        name,
        depth: number(info, &["num_pending"]) + in_flight,
        next: next_of(info),
        in_flight,
        waiting: number(info, &["num_redelivered"]),
        fetching: number(info, &["num_waiting"]),
        delivered: number(info, &["delivered", "consumer_seq"]),
        ..SubscriptionDescription::default()
    }
}
