//! A client of a server of events: it connects again when it has to, keeps what it publishes until that is stored, and goes on consuming.

mod consumer;
mod line;
mod slot;
mod told;

pub use consumer::{Reader, Received, Subscription};
pub use told::{EventClientEvent, EventError, Receipt};

use crate::client::Client;
use crate::error::Error;
use crate::events::carry::{Line as _, Signals};
use consumer::Consumer;
use crypto_ring::SystemRandom;
use events::messages::{Describe, Description, Failure, Position, Settings, Subscribe, Unsubscribe};
use events::session::client::{Config, ConsumerId, QueueFull, Source};
use events::{ErrorCode, Event, Frame};
use line::{Line, Machine, Owner, Standing, Target};
use runtime::Handle;
use slot::{Shared, filled};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use told::failed;

/// A client of a server of events. Clones are of the same; when the last one is dropped, with all that consumes, it ends at once.
#[derive(Clone)]
pub struct EventClient {
    owner: Rc<Owner>,
}

impl EventClient {
    /// A client that begins to connect by `client`: with a URL such as `quic://events.example:4433` on QUIC alone, and with one such as
    /// `https://events.example/events` by WebTransport, for which `client` has to be made with
    /// [`ClientBuilder::webtransport`](crate::ClientBuilder::webtransport).
    ///
    /// # Errors
    /// The URL is neither.
    pub fn connect(client: &Client, url: &str, config: Config, handle: &Handle) -> Result<EventClient, Error> {
        EventClient::connect_with_log(client, url, config, handle, |_| {})
    }

    /// The same, and `on_event` hears what happens to the connection.
    ///
    /// # Errors
    /// The URL is neither.
    pub fn connect_with_log(
        client: &Client,
        url: &str,
        config: Config,
        handle: &Handle,
        on_event: impl Fn(&EventClientEvent) + 'static,
    ) -> Result<EventClient, Error> {
        let target = Target::parse(url)?;
        let line = Rc::new(Line {
            machine: RefCell::new(Machine::new(config, Box::new(SystemRandom::new()))),
            client: client.clone(),
            target,
            handle: handle.clone(),
            signals: Signals::default(),
            session: RefCell::new(None),
            epoch: Cell::new(0),
            is_unproven: Cell::new(false),
            receipts: RefCell::default(),
            answers: RefCell::default(),
            standings: RefCell::default(),
            waiting: RefCell::default(),
            first: RefCell::new(None),
            closed: RefCell::new(None),
            main: RefCell::new(None),
            on_event: Box::new(on_event),
            is_flushing: Cell::new(false),
        });
        line.flush();
        let of_task = line.clone();
        handle.spawn_detached(async move { of_task.run().await });
        Ok(EventClient { owner: Rc::new(Owner { line }) })
    }

    fn line(&self) -> &Rc<Line> {
        &self.owner.line
    }

    /// Waits for the first connection: for programs that want to know at once that nothing is there.
    ///
    /// # Errors
    /// The first attempt has failed, or the client is not let in. After the former it goes on trying.
    pub async fn connected(&self) -> Result<(), EventError> {
        poll_fn(|context| match &*self.line().first.borrow() {
            Some(first) => Poll::Ready(first.clone()),
            None => self.line().wait(context),
        })
        .await
    }

    /// Publishes an event, and waits until it is stored: as long as it takes to reach the server. An event without `id` gets a random one.
    ///
    /// # Errors
    /// The server refuses it, or the client has ended.
    pub async fn publish(&self, namespace: &str, event: &Event) -> Result<Receipt, EventError> {
        self.publish_soon(namespace, event).await?.await
    }

    /// The same in two steps: waits for room in the queue of what is not stored yet, and gives what waits for the rest. Events are stored in
    /// the order of these calls, unless the server refuses one for the moment.
    ///
    /// # Errors
    /// The client has ended.
    pub async fn publish_soon(
        &self,
        namespace: &str,
        event: &Event,
    ) -> Result<impl Future<Output = Result<Receipt, EventError>> + use<>, EventError> {
        let named;
        let event = if event.id.is_empty() {
            named = Event { id: random_id(), ..event.clone() };
            &named
        } else {
            event
        };
        let line = self.line();
        let slot = poll_fn(|context| {
            let slot: Shared<Result<Receipt, EventError>> = Rc::default();
            if let Some(error) = line.end() {
                return Poll::Ready(Err(error));
            }
            // The receipt has its place before anything can come for it.
            let published = line.machine.borrow_mut().publish(line.handle.read_clock(), namespace, event);
            match published {
                Ok(id) => {
                    line.receipts.borrow_mut().insert(id, slot.clone());
                    line.flush();
                    Poll::Ready(Ok(slot))
                }
                Err(QueueFull) => line.wait(context),
            }
        })
        .await?;
        Ok(filled(slot))
    }

    /// Consumes a subscription, which is made if it is not there.
    pub fn subscribe(&self, namespace: &str, name: &str, settings: Settings) -> Subscription {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let id = self.begin(Source::Subscription { namespace, name, settings });
        Subscription { consumer: Consumer { owner: self.owner.clone(), id } }
    }

    /// Reads what is stored in a namespace, from a place on: at most so many events, or all that there are if it is 0.
    pub fn read(&self, namespace: &str, start: Position, max_events: u64) -> Reader {
        let id = self.begin(Source::Stored { namespace: namespace.to_owned(), start, max_events });
        Reader { consumer: Consumer { owner: self.owner.clone(), id } }
    }

    fn begin(&self, source: Source) -> ConsumerId {
        let line = self.line();
        let id = line.machine.borrow_mut().consume(source);
        line.standings.borrow_mut().insert(id, Standing::default());
        line.flush();
        id
    }

    /// How the queues are: of one namespace, or of all if it is empty.
    ///
    /// # Errors
    /// The client has no right to it, the connection was lost, or the client has ended.
    pub async fn describe(&self, namespace: &str) -> Result<Description, EventError> {
        match self.request(Describe { namespace: namespace.to_owned(), ..Describe::default() }.into()).await? {
            Frame::Description(description) => Ok(description),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes sure that there is such a subscription, without consuming it: from then on it keeps what is published.
    ///
    /// # Errors
    /// It has other settings, the client has no right to it, the connection was lost, or the client has ended.
    pub async fn ensure(&self, namespace: &str, name: &str, settings: Settings) -> Result<(), EventError> {
        let (namespace, name, settings) = (namespace.to_owned(), name.to_owned(), Some(settings));
        match self.request(Subscribe { namespace, name, settings, ..Subscribe::default() }.into()).await? {
            Frame::Subscribed(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Forgets a subscription, with its position.
    ///
    /// # Errors
    /// There is none, the client has no right to it, the connection was lost, or the client has ended.
    pub async fn unsubscribe(&self, namespace: &str, name: &str) -> Result<(), EventError> {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        match self.request(Unsubscribe { namespace, name, ..Unsubscribe::default() }.into()).await? {
            Frame::Done(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// The same without waiting: for the end of a program. [`EventClient::close`] waits for it. What comes of it nobody is told.
    pub fn unsubscribe_soon(&self, namespace: &str, name: &str) {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let frame = Unsubscribe { namespace, name, ..Unsubscribe::default() }.into();
        // If too many wait already, the subscription stays.
        let _ = self.line().act(|machine, now| machine.request(now, frame));
    }

    async fn request(&self, frame: Frame) -> Result<Frame, EventError> {
        let line = self.line();
        let slot = poll_fn(|context| {
            if let Some(error) = line.end() {
                return Poll::Ready(Err(error));
            }
            let asked = line.machine.borrow_mut().request(line.handle.read_clock(), frame.clone());
            match asked {
                Ok(id) => {
                    let slot: Shared<Frame> = Rc::default();
                    line.answers.borrow_mut().insert(id, slot.clone());
                    line.flush();
                    Poll::Ready(Ok(slot))
                }
                Err(QueueFull) => line.wait(context),
            }
        })
        .await?;
        match filled(slot).await {
            Frame::Failure(Failure { code, message, .. }) => Err(failed(ErrorCode::from_number(code), message)),
            answer => Ok(answer),
        }
    }

    /// The time to the server and back, once a ping was answered.
    pub fn round_trip(&self) -> Option<Duration> {
        self.line().machine.borrow().round_trip()
    }

    /// Whether the connection is there and the server has let the client in.
    pub fn is_connected(&self) -> bool {
        self.line().machine.borrow().is_ready()
    }

    /// Events that are not stored yet.
    pub fn unpublished(&self) -> usize {
        self.line().machine.borrow().unpublished()
    }

    /// Ends in good order: nothing more is delivered; what was given to publish is stored, what was acknowledged is told, and what the
    /// program has in its hands it may still acknowledge. Waits for all of that, but no longer than `patience`.
    ///
    /// # Errors
    /// It took longer. Events may not have been stored.
    pub async fn close(&self, patience: Duration) -> Result<(), EventError> {
        let line = self.line();
        line.act(|machine, now| machine.close(now));
        let ended = poll_fn(|context| match line.end() {
            Some(_) => Poll::Ready(()),
            None => line.wait(context),
        });
        if line.handle.timeout(patience, ended).await.is_ok() {
            return Ok(());
        }
        let left = self.unpublished();
        line.act(|machine, _| machine.abandon("its time is over"));
        Err(failed(ErrorCode::Silent, format!("the server did not answer in time; {left} events may not be stored")))
    }
}

impl fmt::Debug for EventClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventClient").field("is_connected", &self.is_connected()).finish_non_exhaustive()
    }
}

fn unexpected(frame: &Frame) -> EventError {
    failed(ErrorCode::Unexpected, format!("the server has answered with a {}", frame.name()))
}

fn random_id() -> String {
    let bytes: [u8; 16] = base::random::array(&mut SystemRandom::new());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
