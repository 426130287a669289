//! Runs the application's future for one request: stopped when the client gives up, and kept from taking the others with
//! it when it panics. What goes wrong in it is told.

use crate::exchange::calls::{Exchange, OnRequest};
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::server::answer::{Answer, OnAnswer};
use crate::server::duties::{Refusal, refusal};
use crate::server::event::{OnEvent, ServerEvent};
use crate::server::memory::Memory;
use crate::server::seats::{self, RETRY_AFTER, Seats, WorkerSeats};
use crate::server::under_way::{Listed, UnderWay};
use http::{Authority, Method, Path, RequestHead, ResponseHead, Status};
use runtime::Handle;
use std::any::Any;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What the future of a handler gives: nothing, or a result whose error is told to whoever
/// [`on_event`](crate::ServerBuilder::on_event) names.
pub trait Outcome {
    /// What went wrong, if anything did.
    fn error(&self) -> Option<&dyn Display>;
}

impl Outcome for () {
    fn error(&self) -> Option<&dyn Display> {
        None
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn error(&self) -> Option<&dyn Display> {
        self.as_ref().err().map(|error| error as &dyn Display)
    }
}

/// How requests are answered, whatever the handler is.
#[derive(Clone)]
pub(crate) struct Answering {
    /// The handler is given requests by plain CONNECT.
    pub(crate) takes_connect: bool,
    /// Every answer of it has this value of Strict-Transport-Security, unless it has one of its own.
    pub(crate) strict_transport: Option<Arc<str>>,
    /// What is cut at the end is named.
    pub(crate) names_cut: bool,
    /// The most requests under way.
    pub(crate) max_requests: usize,
    /// Those that are, with all workers. Servers that are started from one builder do not share them.
    pub(crate) seats: Arc<Seats>,
}

impl Default for Answering {
    fn default() -> Answering {
        let (max_requests, seats) = (seats::MOST, Seats::new(seats::MOST));
        Answering { takes_connect: false, strict_transport: None, names_cut: false, max_requests, seats }
    }
}

impl Answering {
    /// From now on requests are counted anew.
    pub(crate) fn begin_to_count(&mut self) {
        self.seats = Seats::new(self.max_requests);
    }
}

/// Answers each request with a task of its own. What no handler could answer rightly is not given to one.
pub(crate) fn spawn_each<F>(
    executor: Handle,
    handler: impl Fn(Request, Reply) -> F + 'static,
    on_event: Option<Rc<OnEvent>>,
    on_answer: Option<Rc<OnAnswer>>,
    answering: Answering,
    under_way: Option<Rc<UnderWay>>,
    memory: Option<Memory>,
) -> OnRequest
where
    F: Future<Output: Outcome> + 'static,
{
    let (handler, seats) = (Rc::new(handler), WorkerSeats::new(answering.seats));
    Box::new(move |exchange, head, authorities| {
        if let Some(on_answer) = &on_answer {
            follow(&executor, &exchange, &head, on_answer.clone());
        }
        if let Some(refusal) = refusal(&head, authorities, answering.takes_connect) {
            let remote = exchange.peer().remote;
            if let Some(on_event) = &on_event {
                on_event(&ServerEvent::RequestRefused { remote, reason: &refusal });
            }
            let reply = Reply::new(exchange, &head.method);
            return executor.spawn_detached(refuse(reply, refusal));
        }
        if memory.as_ref().is_some_and(Memory::is_newly_short)
            && let Some(on_event) = &on_event
        {
            on_event(&ServerEvent::MemoryShort);
        }
        match seats.take() {
            Ok(seat) => exchange.keep_seat(seat),
            Err(all_taken) => {
                let (remote, most) = (exchange.peer().remote, seats.most());
                if let Some(on_event) = on_event.as_ref().filter(|_| all_taken.is_news) {
                    on_event(&ServerEvent::RequestsFull { remote, most });
                }
                return executor.spawn_detached(turn_away(Reply::new(exchange, &head.method)));
            }
        }
        let reporter = on_event.clone().map(|on_event| {
            let (method, path) = (head.method.clone(), head.path().into());
            Box::new(Reporter { on_event, method, path })
        });
        // RFC 8470 section 3-2, 3-4, 6.4-1: what is not safe to be done twice is not done before it is known to be no repetition.
        let awaits_proof = exchange.peer().is_early && !head.method.is_safe();
        let reply = Reply::new(exchange.clone(), &head.method).with_strict_transport(&answering.strict_transport);
        let listed = under_way.as_ref().map(|under_way| under_way.list(&exchange, &head));
        let request = Request::new(exchange.clone(), head);
        let handler = handler.clone();
        let handling = Handling { awaits_proof, exchange, reporter, _listed: listed };
        executor.spawn_boxed(Box::pin(handle(handling, move || handler(request, reply))));
    })
}

/// Has `on_answer` told what becomes of a request that has just come.
fn follow(executor: &Handle, exchange: &Exchange, head: &RequestHead, on_answer: Rc<OnAnswer>) {
    let (executor, begun) = (executor.clone(), executor.read_clock());
    let (remote, version) = (exchange.peer().remote, exchange.peer().version);
    let target = head.path.as_ref().map(Path::as_str).or(head.authority.as_ref().map(Authority::as_str));
    let (method, target) = (head.method.clone(), Box::<str>::from(target.unwrap_or_default()));
    let authority = Box::<str>::from(head.authority.as_ref().map_or("", Authority::as_str));
    let field = |name: &str| head.fields.first_text(name).map(Box::<str>::from);
    let (referer, user_agent) = (field("referer"), field("user-agent"));
    exchange.account().on_end(Box::new(move |account| {
        on_answer(&Answer {
            remote,
            version,
            method: &method,
            target: &target,
            authority: &authority,
            referer: referer.as_deref(),
            user_agent: user_agent.as_deref(),
            status: account.status(),
            bytes: account.bytes(),
            is_complete: account.is_complete(),
            duration: executor.read_clock() - begun,
        });
    }));
}

const PLAIN: &str = "text/plain; charset=utf-8";

/// Nobody hears of it if the client is gone by then.
async fn refuse(reply: Reply, refusal: Refusal) {
    let _ = reply.send((refusal.status.code(), PLAIN), format!("{refusal}\n")).await;
}

/// RFC 9110 sections 10.2.3 and 15.6.4. It is the same in every version: a stream that is refused as not looked at would be asked again at
/// once, by a client that knows no better.
async fn turn_away(reply: Reply) {
    let head = ResponseHead::new(Status::SERVICE_UNAVAILABLE);
    let head = head.with_field("retry-after", RETRY_AFTER).and_then(|head| head.with_field("content-type", PLAIN));
    let head = head.expect("the fields are constants");
    let _ = reply.send(head, "the server has as many requests under way as it may: try again in a moment\n").await;
}

/// One request that a handler answers. Whatever the handler holds of it is dropped before this.
struct Handling {
    /// The handler is not called before the handshake is complete.
    awaits_proof: bool,
    exchange: Exchange,
    reporter: Option<Box<Reporter>>,
    _listed: Option<Listed>,
}

/// Has a handler answer: over when the handler is, when it panicked, or when the client does not want the answer. What the handler holds of the
/// request is dropped then, and that says to the client what is to be said.
///
/// The handler is called when this is polled first, not before: what it does at once may need the connection, and a panic
/// of it stays here.
#[allow(clippy::manual_async_fn)] // its arguments would have two places in the future
fn handle<F>(handling: Handling, begin: impl FnOnce() -> F) -> impl Future<Output = ()>
where
    F: Future<Output: Outcome>,
{
    async move {
        if !handling.may_begin().await {
            return;
        }
        let future = match catch_unwind(AssertUnwindSafe(begin)) {
            Ok(future) => future,
            Err(panic) => return handling.on_panic(&*panic),
        };
        let mut future = pin!(future);
        poll_fn(|context| handling.poll(future.as_mut(), context)).await;
    }
}

/// Reports what went wrong with one request. There is none without a callback.
struct Reporter {
    on_event: Rc<OnEvent>,
    method: Method,
    path: Box<str>,
}

impl Handling {
    /// Waits until the handler may be called. False if the client does not want the answer.
    async fn may_begin(&self) -> bool {
        poll_fn(|context| {
            if self.exchange.mailbox().stops_task() {
                return Poll::Ready(false);
            }
            if self.awaits_proof && self.exchange.poll_proven(context).is_pending() {
                return self.wait(context).map(|()| false);
            }
            Poll::Ready(true)
        })
        .await
    }

    fn poll<F>(&self, future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<()>
    where
        F: Future<Output: Outcome>,
    {
        if self.exchange.mailbox().stops_task() {
            return Poll::Ready(());
        }
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(Poll::Pending) => self.wait(context),
            Ok(Poll::Ready(outcome)) => {
                if let (Some(reporter), Some(error)) = (&self.reporter, outcome.error()) {
                    reporter.on_failure(&self.exchange, error);
                }
                Poll::Ready(())
            }
            Err(panic) => {
                self.on_panic(&*panic);
                Poll::Ready(())
            }
        }
    }

    /// The handler waits. Ready if the client has given up.
    fn wait(&self, context: &Context<'_>) -> Poll<()> {
        self.exchange.mailbox().set_task(context);
        // It may have learnt just now that the client is gone.
        if self.exchange.mailbox().stops_task() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The reply answers 500.
    fn on_panic(&self, panic: &(dyn Any + Send)) {
        if let Some(reporter) = &self.reporter {
            reporter.on_panic(&self.exchange, panic);
        }
    }
}

impl Reporter {
    fn on_failure(&self, exchange: &Exchange, error: &dyn Display) {
        let (remote, method, path) = (exchange.peer().remote, &self.method, &*self.path);
        (self.on_event)(&ServerEvent::HandlerFailed { remote, method, path, error });
    }

    fn on_panic(&self, exchange: &Exchange, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let message = text.unwrap_or("it does not say why");
        let (remote, method, path) = (exchange.peer().remote, &self.method, &*self.path);
        (self.on_event)(&ServerEvent::HandlerPanicked { remote, method, path, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::calls::Peer;
    use crate::exchange::door::{Door, Extent, Responded};
    use crate::server::authorities::Authorities;
    use base::Bytes;
    use http::exchange::{Body, Reason, SendError};
    use http::{Fields, ResponseHead};
    use runtime::Executor;
    use runtime::executor::yield_now;
    use std::cell::{Cell, RefCell};
    use std::task::Waker;

    /// A connection that is proven when somebody says so.
    #[derive(Clone, Default)]
    struct Early {
        is_proven: Rc<Cell<bool>>,
        waiting: Rc<RefCell<Vec<Waker>>>,
    }

    impl Door for Early {
        fn respond(&self, _: &ResponseHead, _: &mut Bytes, _: bool) -> Result<Responded, SendError> {
            Ok(Responded::Whole)
        }

        fn room(&self, wanted: usize) -> Result<usize, SendError> {
            Ok(wanted)
        }

        fn write(&self, _: &mut Bytes) -> Result<(), SendError> {
            Ok(())
        }

        fn read(&self, _: usize) -> Option<Body> {
            Some(Body::Blocked)
        }

        fn finish(&self, _: Option<&Fields>) -> Result<(), SendError> {
            Ok(())
        }

        fn lift_time_limits(&self) {}

        fn cancel(&self, _: Extent, _: Reason) {}

        fn is_proven(&self) -> bool {
            self.is_proven.get()
        }

        fn poll_proven(&self, context: &Context<'_>) -> Poll<()> {
            if self.is_proven.get() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        }
    }

    /// T8: a client that sends what is not safe as early data, as none should, or somebody who has recorded one.
    /// RFC 8470 section 3-2, 3-4, 6.4-1.
    #[test]
    fn t8_what_is_not_safe_is_not_given_to_a_handler_before_the_proof() {
        let executor = Executor::new().unwrap();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let all = seen.clone();
        let handler = move |request: Request, reply: Reply| {
            all.borrow_mut().push((request.method().clone(), request.is_early()));
            reply.send(200, "")
        };
        let on_request = spawn_each(executor.handle().clone(), handler, None, None, Answering::default(), None, None);
        let door = Early::default();
        let methods = [Method::Post, Method::Get, Method::Put, Method::Head];
        let exchanges = methods.each_ref().map(|method| {
            let peer = Peer { is_early: true, is_validated: false, ..Peer::at(([127, 0, 0, 1], 1).into()) };
            let (exchange, events) = Exchange::new(peer, door.clone());
            let head = RequestHead::new(method.clone(), "https://localhost/").unwrap();
            on_request(exchange.clone(), Box::new(head), &Authorities::any());
            (exchange, events)
        });
        executor.block_on(async {
            yield_now().await;
            assert_eq!(*seen.borrow(), [(Method::Get, true), (Method::Head, true)]);
            door.is_proven.set(true);
            door.waiting.take().into_iter().for_each(Waker::wake);
            yield_now().await;
        });
        assert_eq!(seen.borrow()[2..], [(Method::Post, false), (Method::Put, false)]);
        drop(exchanges);
    }
}
