//! What becomes of deliveries: acknowledged, refused, extended, or left behind.

use crate::events::nats::jetstream::RETRY;
use crate::events::nats::problem::Problem;
use crate::events::nats::worker::state::{AHEAD, Held, Worker};
use base::{Duration, Instant};
use events::delivery::{ConsumerId, DeliveryId, Outcome, Refusal, SubscriptionId};
use std::collections::VecDeque;

impl Worker {
    /// Those of the deliveries that are known, and how many are not.
    pub(super) fn known(
        &self,
        id: &SubscriptionId,
        deliveries: &[DeliveryId],
        is_exact: bool,
    ) -> (Vec<(u64, Held)>, usize) {
        let held = self.held.borrow();
        let of_this = held.get(id);
        let known: Vec<(u64, Held)> = deliveries
            .iter()
            .filter_map(|one| Some((one.sequence, of_this?.get(&one.sequence)?.clone(), one.attempt)))
            .filter(|(_, held, attempt)| !is_exact || held.attempt == *attempt)
            .map(|(sequence, held, _)| (sequence, held))
            .collect();
        let unknown = deliveries.len() - known.len();
        (known, unknown)
    }

    pub(super) async fn acknowledge(&self, id: &SubscriptionId, deliveries: &[DeliveryId]) -> Result<Outcome, Refusal> {
        self.settings(id).await?;
        let (known, unknown) = self.known(id, deliveries, false);
        let until = self.patience();
        for chunk in known.chunks(AHEAD) {
            let mut left: Vec<&(u64, Held)> = chunk.iter().collect();
            while !left.is_empty() {
                match self.acknowledge_some(id, &mut left, until).await {
                    Err(problem) if problem.is_passing() && self.now() < until => {
                        self.client.handle().sleep(RETRY).await;
                    }
                    other => other?,
                }
            }
        }
        Ok(Outcome::Done { unknown })
    }

    /// Takes out of `left` those whose acknowledgment is durable. One that is sent twice does no harm.
    pub(super) async fn acknowledge_some(
        &self,
        id: &SubscriptionId,
        left: &mut Vec<&(u64, Held)>,
        until: Instant,
    ) -> Result<(), Problem> {
        self.client.connected(until).await?;
        let mut inboxes = VecDeque::new();
        for (_, held) in left.iter() {
            let inbox = self.client.inbox();
            self.client.publish(&held.reply, &inbox.subject, &[], b"+ACK")?;
            inboxes.push_back(inbox);
        }
        let until = until.min(self.now() + Duration::from_secs(5));
        while let Some(inbox) = inboxes.pop_front() {
            inbox.next(until).await?;
            let (sequence, _) = left.remove(0);
            if let Some(held) = self.held.borrow_mut().get_mut(id) {
                held.remove(sequence);
            }
        }
        Ok(())
    }

    /// Tells of a delivery, once there is a connection.
    pub(super) async fn tell(&self, held: &Held, words: &str) -> Result<(), Problem> {
        self.client.connected(self.patience()).await?;
        self.client.publish(&held.reply, "", &[], words.as_bytes())
    }

    pub(super) async fn refuse(
        &self,
        id: &SubscriptionId,
        deliveries: &[DeliveryId],
        delay: Duration,
    ) -> Result<Outcome, Refusal> {
        let settings = self.settings(id).await?;
        let (known, unknown) = self.known(id, deliveries, true);
        for (sequence, held) in known {
            let delay = delay.max(settings.backoff.after(held.attempt));
            let words =
                if delay.is_zero() { "-NAK".to_owned() } else { format!(r#"-NAK {{"delay": {}}}"#, delay.as_nanos()) };
            self.tell(&held, &words).await?;
            if let Some(held) = self.held.borrow_mut().get_mut(id) {
                held.remove(&sequence);
            }
        }
        Ok(Outcome::Done { unknown })
    }

    pub(super) async fn extend(&self, id: &SubscriptionId, deliveries: &[DeliveryId]) -> Result<Outcome, Refusal> {
        self.settings(id).await?;
        let (known, unknown) = self.known(id, deliveries, true);
        for (_, held) in known {
            self.tell(&held, "+WPI").await?;
        }
        Ok(Outcome::Done { unknown })
    }

    pub(super) fn leave(&self, consumer: ConsumerId) -> Result<Outcome, Refusal> {
        self.gone.borrow().get(&consumer).into_iter().flatten().for_each(|left| left.set(true));
        for of_this in self.held.borrow_mut().values_mut() {
            of_this.retain(|_, held| {
                let is_its = held.consumer == consumer;
                if is_its {
                    let _ = self.client.publish(&held.reply, "", &[], b"-NAK");
                }
                !is_its
            });
        }
        Ok(Outcome::Done { unknown: 0 })
    }
}
