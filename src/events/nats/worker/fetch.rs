//! Events come out, to be acknowledged; what was delivered too often goes to the dead letters.

use crate::events::nats::jetstream::{Delivered, RETRY, pull};
use crate::events::nats::names;
use crate::events::nats::problem::Problem;
use crate::events::nats::wire::Message;
use crate::events::nats::worker::state::{Held, Worker};
use base::Duration;
use events::delivery::{
    BatchLimits, ConsumerId, Delivery, DeliveryId, EncodedEvent, Refusal, SubscriptionId, SubscriptionSettings,
};
use std::cell::Cell;
use std::rc::Rc;

/// The shortest wait that is asked of a server.
const SHORTEST: Duration = Duration::from_millis(10);

impl Worker {
    pub(super) async fn fetch(
        &self,
        id: &SubscriptionId,
        consumer: ConsumerId,
        limits: BatchLimits,
    ) -> Result<Vec<Delivery>, Refusal> {
        let settings = self.settings(id).await?;
        let left = Rc::new(Cell::new(false));
        self.gone.borrow_mut().entry(consumer).or_default().push(Rc::clone(&left));
        let fetched = self.fetch_until(id, &settings, consumer, limits, &left).await;
        let mut gone = self.gone.borrow_mut();
        if let Some(fetches) = gone.get_mut(&consumer) {
            fetches.retain(|one| !Rc::ptr_eq(one, &left));
            if fetches.is_empty() {
                gone.remove(&consumer);
            }
        }
        fetched
    }

    pub(super) async fn fetch_until(
        &self,
        id: &SubscriptionId,
        settings: &SubscriptionSettings,
        consumer: ConsumerId,
        limits: BatchLimits,
        left: &Cell<bool>,
    ) -> Result<Vec<Delivery>, Refusal> {
        let count = limits.count.clamp(1, self.options.settings.max_count);
        let most = limits.bytes.clamp(1, self.options.settings.max_bytes);
        let (mut batch, until) = (Vec::new(), self.now() + limits.wait);
        let mut wait = Duration::ZERO;
        loop {
            // A server leaves a request open that it cannot fulfil, and would give what comes later to nobody.
            let room = self.room(id, settings);
            let asked = if wait.is_zero() { room.min(count - batch.len()).max(1) } else { 1 };
            let wait_now = if room == 0 { wait.max(SHORTEST) } else { wait };
            let (stream, name) = (names::stream(&id.namespace), names::encode(&id.name));
            let (messages, pulled) = pull(&self.client, &stream, &name, asked, wait_now).await;
            for message in messages {
                let has_room = batch.is_empty() || bytes(&batch) + message.payload.len() <= most;
                if left.get() || !has_room {
                    // To somebody else, at once.
                    let _ = self.client.publish(&message.reply, "", &[], b"-NAK");
                } else {
                    batch.extend(self.take(id, settings, consumer, message).await);
                }
            }
            match pulled {
                Err(Problem::NoResponders) => {
                    // The consumer is gone, or has no leader for now.
                    self.known.borrow_mut().remove(id);
                    self.look_up(id).await?;
                    self.client.handle().sleep(RETRY).await;
                }
                Err(problem) if problem.is_passing() => self.client.handle().sleep(RETRY).await,
                Err(problem) => return Err(problem.into()),
                Ok(()) => {}
            }
            let now = self.now();
            let is_enough = batch.len() >= count || bytes(&batch) >= most || (!batch.is_empty() && wait.is_zero());
            if is_enough || left.get() || (batch.is_empty() && now >= until) {
                return Ok(batch);
            }
            if batch.is_empty() {
                // A second at a time hears who leaves.
                wait = until.saturating_duration_since(now).clamp(SHORTEST, Duration::from_secs(1));
            } else {
                self.client.handle().sleep(limits.linger).await;
                wait = Duration::ZERO;
            }
        }
    }

    /// How many deliveries a subscription may have under way beside those of ours.
    pub(super) fn room(&self, id: &SubscriptionId, settings: &SubscriptionSettings) -> usize {
        let now = self.now();
        let held = self.held.borrow();
        let under_way = held.get(id).map_or(0, |all| all.values().filter(|one| one.until > now).count());
        let most = if settings.is_ordered_by_key { 1 } else { settings.max_in_flight as usize };
        most.saturating_sub(under_way)
    }

    /// A message that has come is a delivery, or the last of too many.
    pub(super) async fn take(
        &self,
        id: &SubscriptionId,
        settings: &SubscriptionSettings,
        consumer: ConsumerId,
        message: Message,
    ) -> Option<Delivery> {
        let delivered = Delivered::read(&message.reply)?;
        if settings.max_deliveries.is_some_and(|most| delivered.attempts > most) {
            self.bury(id, settings, delivered, &message).await;
            return None;
        }
        let mut held = self.held.borrow_mut();
        let of_this = held.entry(id.clone()).or_default();
        let Delivered { attempts: attempt, sequence, published_at } = delivered;
        let until = self.client.handle().now() + settings.acknowledgment_deadline;
        of_this.insert(sequence, Held { attempt, reply: message.reply, consumer, until });
        while of_this.len() > 2 * settings.max_in_flight as usize {
            of_this.pop_first();
        }
        let id = DeliveryId { sequence, attempt };
        Some(Delivery { id, bytes: message.payload.into(), published_at })
    }

    /// To the dead ones; only once it is durable there does it end here.
    pub(super) async fn bury(
        &self,
        id: &SubscriptionId,
        settings: &SubscriptionSettings,
        delivered: Delivered,
        message: &Message,
    ) {
        if let Some(to) = &settings.dead_letter {
            let event = events::broker::dead_letter(
                id,
                delivered.sequence,
                delivered.attempts - 1,
                "delivered too often",
                to,
                &message.payload,
            );
            let timestamp = message.headers.get("Posthaste-Timestamp").and_then(|text| text.parse().ok());
            let key = message.headers.get("Posthaste-Key").map(names::from_header);
            let event = EncodedEvent { timestamp: timestamp.unwrap_or(0), key: key.unwrap_or_default(), ..event };
            if self.publish(to, &[event]).await.is_err() {
                // It comes again when its time is over.
                return;
            }
        }
        let _ = self.client.publish(&message.reply, "", &[], b"+TERM");
        if let Some(held) = self.held.borrow_mut().get_mut(id) {
            held.remove(&delivered.sequence);
        }
    }
}

fn bytes(batch: &[Delivery]) -> usize {
    batch.iter().map(|one| one.bytes.len()).sum()
}
