//! Protocols of applications without HTTP, as a server serves them.

use crate::server::event::{OnEvent, ServerEvent};
use crate::server::handler::Outcome;
use crate::webtransport::session::Session;
use runtime::Handle;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// One of a server's: its name, and what is done with each session.
#[derive(Clone)]
pub(crate) struct SessionProtocol {
    pub(crate) name: Arc<str>,
    /// Sessions begin with early data, before it is known whether that is a repetition.
    pub(crate) takes_early_data: bool,
    serve: Arc<Serve>,
}

/// The handler's future, begun by the task that runs it.
type Serve = dyn Fn(Session) -> Pin<Box<dyn Future<Output = Option<String>>>> + Send + Sync;

impl SessionProtocol {
    /// By this handler.
    pub(crate) fn new<F>(name: &str, handler: impl Fn(Session) -> F + Send + Sync + 'static) -> SessionProtocol
    where
        F: Future<Output: Outcome> + 'static,
    {
        let serve = move |session| {
            let future = handler(session);
            let told = async move { future.await.error().map(ToString::to_string) };
            Box::pin(told) as Pin<Box<dyn Future<Output = Option<String>>>>
        };
        SessionProtocol { name: name.into(), takes_early_data: false, serve: Arc::new(serve) }
    }

    /// The same, whose sessions begin with early data.
    pub(crate) fn taking_early_data(self) -> SessionProtocol {
        SessionProtocol { takes_early_data: true, ..self }
    }

    /// Serves a session by a task of its own. What goes wrong in it stays there, and is told.
    pub(crate) fn spawn(&self, handle: &Handle, session: Session, on_event: Option<Rc<OnEvent>>) {
        let (name, serve, remote) = (self.name.clone(), self.serve.clone(), session.remote());
        handle.spawn_detached(async move {
            // It is called in here, and not where the session came from: what it does at once may need the connection.
            let event = match Guarded::new(move || serve(session)).await {
                Ok(None) => return,
                Ok(Some(error)) => Failed { error, has_panicked: false },
                Err(error) => Failed { error, has_panicked: true },
            };
            if let Some(on_event) = on_event {
                event.tell(&on_event, remote, &name);
            }
        });
    }
}

struct Failed {
    error: String,
    has_panicked: bool,
}

impl Failed {
    fn tell(&self, on_event: &Rc<OnEvent>, remote: std::net::SocketAddr, protocol: &str) {
        let (error, has_panicked) = (&*self.error, self.has_panicked);
        on_event(&ServerEvent::SessionFailed { remote, protocol, error, has_panicked });
    }
}

/// A future that is begun when it is polled first, and whose panic is a value.
struct Guarded<B, T> {
    begin: Option<B>,
    future: Option<Pin<Box<dyn Future<Output = T>>>>,
}

impl<T, B: FnOnce() -> Pin<Box<dyn Future<Output = T>>> + Unpin> Guarded<B, T> {
    fn new(begin: B) -> Guarded<B, T> {
        Guarded { begin: Some(begin), future: None }
    }
}

impl<T, B: FnOnce() -> Pin<Box<dyn Future<Output = T>>> + Unpin> Future for Guarded<B, T> {
    type Output = Result<T, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let itself = &mut *self;
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(begin) = itself.begin.take() {
                itself.future = Some(begin());
            }
            pin!(itself.future.as_mut().expect("it is not polled after it has panicked")).poll(context)
        }));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => {
                itself.future = None;
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref::<&str>().copied());
                Poll::Ready(Err(text.unwrap_or("it does not say why").to_owned()))
            }
        }
    }
}
