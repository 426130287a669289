//! What the tasks of the store share.

use crate::events::nats::client::Client;
use crate::events::nats::jetstream::{api, number};
use crate::events::nats::names;
use crate::events::nats::options::NatsOptions;
use crate::events::nats::problem::Problem;
use crate::events::nats::settings;
use crate::events::nats::turns::Turns;
use base::{Duration, Instant};
use events::delivery::{ConsumerId, Refusal, SubscriptionId, SubscriptionSettings, is_name};
use json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// How long an operation goes on trying while there is no server, or no leader.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most requests that are sent before the first of them is answered.
pub(super) const AHEAD: usize = 512;

/// A delivery that was made and not acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) attempt: u32,
    pub(super) reply: String,
    pub(super) consumer: ConsumerId,
    /// When it counts as late.
    pub(super) until: Instant,
}

/// What the tasks share.
pub(crate) struct Worker {
    pub(crate) client: Client,
    pub(super) options: NatsOptions,
    /// Settings of subscriptions that were looked up.
    pub(super) known: RefCell<BTreeMap<SubscriptionId, SubscriptionSettings>>,
    /// By subscription and number: twice as many as may be under way, at most.
    pub(super) held: RefCell<BTreeMap<SubscriptionId, BTreeMap<u64, Held>>>,
    /// Fetches that wait, by consumer; those of consumers that have left are marked.
    pub(super) gone: RefCell<BTreeMap<ConsumerId, Vec<Rc<Cell<bool>>>>>,
    pub(super) turns: RefCell<Turns>,
}

impl Worker {
    /// Of a client that moves.
    pub(crate) fn new(client: Client, options: NatsOptions) -> Worker {
        Worker {
            client,
            options,
            known: RefCell::default(),
            held: RefCell::default(),
            gone: RefCell::default(),
            turns: RefCell::default(),
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.client.handle().now()
    }

    pub(super) fn patience(&self) -> Instant {
        self.now() + PATIENCE
    }

    /// Makes a namespace's stream, or finds that it is there.
    pub(super) async fn make_stream(&self, namespace: &str) -> Result<(), Refusal> {
        if !is_name(namespace) {
            return Err(Refusal::BadName { name: namespace.to_owned() });
        }
        let stream = names::stream(namespace);
        let settings = &self.options.settings;
        let queue = settings.namespaces.get(namespace).unwrap_or(&settings.queue);
        let config = settings::stream(namespace, queue, self.options.replicas);
        match api(&self.client, &format!("STREAM.CREATE.{stream}"), &config, self.patience()).await {
            // It is there, with other limits: they were given by who made it.
            Err(Problem::Api(_, 10_058, _)) | Ok(_) => Ok(()),
            Err(problem) => Err(problem.into()),
        }
    }
}

/// The number of the first event that a consumer has not delivered yet.
pub(super) fn next_of(info: &Value) -> u64 {
    number(info, &["delivered", "stream_seq"]) + 1
}
