//! What a client consumes: subscriptions, and what is stored.

use crate::events::carry::Line as _;
use crate::events::client::line::{Line, Owner};
use crate::events::client::told::{EventError, failed};
use events::messages::{Delivery, Handle as DeliveryHandle};
use events::protobuf::Message as _;
use events::session::client::ConsumerId;
use events::{ErrorCode, Event};
use std::fmt;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Something that consumes, and ends with this value.
pub(super) struct Consumer {
    pub(super) owner: Rc<Owner>,
    pub(super) id: ConsumerId,
}

impl Consumer {
    async fn next(&self) -> Option<Result<Delivery, EventError>> {
        let line = &self.owner.line;
        poll_fn(|context| {
            let delivery = line.machine.borrow_mut().take(self.id);
            if let Some(delivery) = delivery {
                line.flush();
                return Poll::Ready(Some(Ok(delivery)));
            }
            let mut standings = line.standings.borrow_mut();
            let Some(standing) = standings.get_mut(&self.id) else { return Poll::Ready(None) };
            match (&standing.ended, line.end()) {
                (Some(error), _) => Poll::Ready(error.clone().map(Err)),
                (None, Some(error)) if error.code == ErrorCode::None => Poll::Ready(None),
                (None, Some(error)) => Poll::Ready(Some(Err(error))),
                (None, None) => {
                    standing.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let line = &self.owner.line;
        line.standings.borrow_mut().remove(&self.id);
        line.act(|machine, _| machine.end_consumer(self.id));
    }
}

/// A subscription that is consumed. When it is dropped, what it has not acknowledged is delivered to others.
pub struct Subscription {
    pub(super) consumer: Consumer,
}

impl Subscription {
    /// The next event; `None` when the client has ended.
    ///
    /// # Errors
    /// The server refuses: there is no right to it, or the subscription has other settings.
    pub async fn next(&self) -> Option<Result<Received<'_>, EventError>> {
        Some(self.consumer.next().await?.map(|delivery| Received { delivery, subscription: self }))
    }

    /// Gives each event to a handler, one after the other, and acknowledges it when the handler succeeds; otherwise it comes again
    /// after `delay`. Returns when the client has ended.
    ///
    /// # Errors
    /// As for [`Subscription::next`].
    pub async fn handle_each<F, E>(
        &self,
        delay: Duration,
        mut handler: impl FnMut(Event) -> F,
    ) -> Result<(), EventError>
    where
        F: Future<Output = Result<(), E>>,
    {
        while let Some(received) = self.next().await {
            let received = received?;
            match received.event() {
                Ok(event) => match handler(event).await {
                    Ok(()) => received.acknowledge(),
                    Err(_) => received.refuse(delay),
                },
                Err(_) => received.refuse(delay),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.consumer.id).finish_non_exhaustive()
    }
}

/// An event that was delivered, to be acknowledged or refused. Who does neither, and drops it, gets it again after the subscription's
/// deadline.
pub struct Received<'a> {
    delivery: Delivery,
    subscription: &'a Subscription,
}

impl Received<'_> {
    /// The event.
    ///
    /// # Errors
    /// What was published is none: another program has put it there.
    pub fn event(&self) -> Result<Event, EventError> {
        Event::parse(&self.delivery.event).map_err(|error| failed(ErrorCode::Malformed, error.to_string()))
    }

    /// Its place, its attempt, and its bytes.
    pub const fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// It is dealt with. The server is told until it knows.
    pub fn acknowledge(self) {
        let (handle, id) = (self.handle(), self.subscription.consumer.id);
        self.line().act(|machine, now| machine.acknowledge(now, id, handle));
    }

    /// It is to come again, after a delay.
    pub fn refuse(self, delay: Duration) {
        let (handle, id) = (self.handle(), self.subscription.consumer.id);
        self.line().act(|machine, now| machine.refuse(now, id, handle, delay));
    }

    /// It takes longer: so long from now.
    pub fn extend(&self, by: Duration) {
        let (handle, id) = (self.handle(), self.subscription.consumer.id);
        self.line().act(|machine, _| machine.extend(id, handle, by));
    }

    fn handle(&self) -> DeliveryHandle {
        DeliveryHandle { sequence: self.delivery.sequence, attempt: self.delivery.attempt }
    }

    fn line(&self) -> &Rc<Line> {
        &self.subscription.consumer.owner.line
    }
}

impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

/// What is stored, read once.
pub struct Reader {
    pub(super) consumer: Consumer,
}

impl Reader {
    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// The server refuses, or the client is not let in.
    pub async fn next(&self) -> Option<Result<Delivery, EventError>> {
        self.consumer.next().await
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("id", &self.consumer.id).finish_non_exhaustive()
    }
}
