//! What the tasks of the store do: each operation is one, which makes requests of JetStream.

mod acknowledge;
mod fetch;
mod look;
mod publish;
mod state;
mod subscribe;

use events::delivery::{Operation, Outcome, Refusal};

pub(super) use state::Worker;

impl Worker {
    pub(super) async fn work(&self, operation: Operation) -> Result<Outcome, Refusal> {
        match operation {
            Operation::Publish { namespace, events } => self.publish(&namespace, &events).await.map(Outcome::Published),
            Operation::Subscribe { subscription, settings } => self.subscribe(subscription, settings).await,
            Operation::Unsubscribe { subscription } => self.unsubscribe(subscription).await,
            Operation::Fetch { subscription, consumer, limits } => {
                self.fetch(&subscription, consumer, limits).await.map(Outcome::Batch)
            }
            Operation::Acknowledge { subscription, deliveries } => self.acknowledge(&subscription, &deliveries).await,
            Operation::Refuse { subscription, deliveries, delay } => {
                self.refuse(&subscription, &deliveries, delay).await
            }
            Operation::Extend { subscription, deliveries, .. } => self.extend(&subscription, &deliveries).await,
            Operation::Leave { consumer } => self.leave(consumer),
            Operation::Describe { namespace } => self.describe(namespace).await.map(Outcome::Description),
            Operation::Read { namespace, from, limits } => self.read(&namespace, from, limits).await,
        }
    }
}
