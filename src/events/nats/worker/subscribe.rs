//! Subscriptions are consumers that stay.

use crate::events::nats::jetstream::api;
use crate::events::nats::names;
use crate::events::nats::problem::Problem;
use crate::events::nats::settings;
use crate::events::nats::worker::state::{Worker, next_of};
use events::delivery::{Outcome, Refusal, Start, SubscriptionId, SubscriptionSettings, is_name};
use json::Value;

impl Worker {
    /// The settings of a subscription, and its consumer's state.
    pub(super) async fn look_up(&self, id: &SubscriptionId) -> Result<(SubscriptionSettings, Value), Refusal> {
        if let Some(name) = [&id.namespace, &id.name].into_iter().find(|name| !is_name(name)) {
            return Err(Refusal::BadName { name: name.clone() });
        }
        let path = format!("CONSUMER.INFO.{}.{}", names::stream(&id.namespace), names::encode(&id.name));
        let info = match api(&self.client, &path, "", self.patience()).await {
            Ok(info) => info,
            Err(Problem::Api(404, 10_059, _)) => {
                return Err(Refusal::NoSuchNamespace { namespace: id.namespace.clone() });
            }
            Err(problem) if problem.is_missing() => {
                return Err(Refusal::NoSuchSubscription { subscription: id.clone() });
            }
            Err(problem) => return Err(problem.into()),
        };
        let settings = settings::read(info.get("config").unwrap_or(&info))?;
        self.known.borrow_mut().insert(id.clone(), settings.clone());
        Ok((settings, info))
    }

    pub(super) async fn settings(&self, id: &SubscriptionId) -> Result<SubscriptionSettings, Refusal> {
        let known = self.known.borrow().get(id).cloned();
        match known {
            Some(settings) => Ok(settings),
            None => self.look_up(id).await.map(|(settings, _)| settings),
        }
    }

    pub(super) async fn subscribe(&self, id: SubscriptionId, asked: SubscriptionSettings) -> Result<Outcome, Refusal> {
        events::broker::check(&id, &asked)?;
        self.make_stream(&id.namespace).await?;
        match self.look_up(&id).await {
            Ok((there, info)) => {
                return match events::broker::difference(&there, &asked) {
                    Some(setting) => Err(Refusal::OtherSettings { subscription: id, setting }),
                    None => Ok(Outcome::Subscribed { is_new: false, next: next_of(&info) }),
                };
            }
            Err(Refusal::NoSuchSubscription { .. }) => {}
            Err(refusal) => return Err(refusal),
        }
        let path = format!("CONSUMER.DURABLE.CREATE.{}.{}", names::stream(&id.namespace), names::encode(&id.name));
        let info = api(&self.client, &path, &settings::consumer(&id, &asked), self.patience()).await?;
        let next = next_of(&info);
        self.known.borrow_mut().insert(id, SubscriptionSettings { start: Start::Earliest, ..asked });
        Ok(Outcome::Subscribed { is_new: true, next })
    }

    pub(super) async fn unsubscribe(&self, id: SubscriptionId) -> Result<Outcome, Refusal> {
        self.look_up(&id).await?;
        let path = format!("CONSUMER.DELETE.{}.{}", names::stream(&id.namespace), names::encode(&id.name));
        api(&self.client, &path, "", self.patience()).await?;
        self.known.borrow_mut().remove(&id);
        self.held.borrow_mut().remove(&id);
        Ok(Outcome::Done { unknown: 0 })
    }
}
