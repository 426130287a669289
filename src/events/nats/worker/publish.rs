//! Events go in, many before the first of them is acknowledged.

use crate::events::nats::jetstream::{RETRY, number, value};
use crate::events::nats::names;
use crate::events::nats::problem::Problem;
use crate::events::nats::turns::Turn;
use crate::events::nats::worker::state::{AHEAD, Worker};
use base::{Duration, Instant};
use events::delivery::{EncodedEvent, Published, Refusal, is_name};
use json::Value;

impl Worker {
    pub(super) async fn publish(&self, namespace: &str, events: &[EncodedEvent]) -> Result<Vec<Published>, Refusal> {
        let settings = &self.options.settings;
        if events.len() > settings.max_count {
            return Err(Refusal::TooMany { what: "events at once", most: settings.max_count });
        }
        if !is_name(namespace) {
            return Err(Refusal::BadName { name: namespace.to_owned() });
        }
        if let Some(large) = events.iter().find(|event| event.bytes.len() > settings.max_event) {
            return Err(Refusal::TooLarge { size: large.bytes.len(), most: settings.max_event });
        }
        let _turn = Turn::of(&self.turns, namespace).await;
        let (subject, until) = (names::subject(namespace), self.patience());
        let mut published = Vec::with_capacity(events.len());
        while let Some(rest) = events.get(published.len()..).filter(|rest| !rest.is_empty()) {
            let rest = rest.get(..AHEAD).unwrap_or(rest);
            match self.publish_some(&subject, rest, until, &mut published).await {
                Ok(()) => {}
                Err(Problem::NoResponders) if self.now() < until => {
                    self.turns.borrow_mut().forget(namespace);
                    self.make_stream(namespace).await?;
                    self.client.handle().sleep(Duration::from_millis(10)).await;
                }
                Err(problem) if problem.is_passing() && self.now() < until => {
                    self.client.handle().sleep(RETRY).await;
                }
                Err(Problem::Api(_, 10_077, _)) => {
                    return Err(Refusal::NamespaceFull { namespace: namespace.to_owned() });
                }
                Err(problem) => return Err(problem.into()),
            }
        }
        self.turns.borrow_mut().note(namespace);
        Ok(published)
    }

    /// Sends these, one after the other without waiting, and takes down those that are acknowledged up to the first that is not. The
    /// others are sent again; those with ids are found to be duplicates then, if they were taken.
    pub(super) async fn publish_some(
        &self,
        subject: &str,
        events: &[EncodedEvent],
        until: Instant,
        published: &mut Vec<Published>,
    ) -> Result<(), Problem> {
        self.client.connected(until).await?;
        let mut inboxes = Vec::with_capacity(events.len());
        for event in events {
            let mut headers = vec![("Posthaste-Timestamp", event.timestamp.to_string())];
            if !event.id.is_empty() {
                headers.push(("Nats-Msg-Id", names::to_header(&event.id)));
            }
            if !event.key.is_empty() {
                headers.push(("Posthaste-Key", names::to_header(&event.key)));
            }
            let inbox = self.client.inbox();
            self.client.publish(subject, &inbox.subject, &headers, &event.bytes)?;
            inboxes.push(inbox);
        }
        let until = until.min(self.now() + Duration::from_secs(5));
        for inbox in inboxes {
            let answer = value(&inbox.next(until).await?)?;
            let sequence = number(&answer, &["seq"]);
            let is_duplicate = answer.get("duplicate").and_then(Value::as_bool).unwrap_or(false);
            published.push(Published { sequence, is_duplicate });
        }
        Ok(())
    }
}
