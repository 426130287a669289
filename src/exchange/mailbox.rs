//! What has happened to one request stream, kept until the tasks that work on it ask; and whom to wake for it.
//!
//! It knows nothing of connections. Whoever delivers an event wakes only those whom it concerns.

use h3::Violation;
use http::{Fields, ResponseHead};
use quic::CloseReason;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Waker};

/// Informational responses that are kept until they are asked for. A server has no reason to send more, and one that
/// does loses the oldest.
const MAX_INFORMATIONAL: usize = 8;

/// Why nothing more will come from the peer, before its message was complete.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// The peer broke its message off, with this code.
    Reset(u64),
    /// The peer's message broke the rules of HTTP/3.
    Malformed(Violation),
    /// The whole connection is over.
    Connection(Rc<CloseReason>),
    /// The peer broke the rules of HTTP/3, and this side closed the connection.
    Breach(Violation),
    /// This side has shut down.
    ShutDown,
}

/// The state of one stream as far as the application has not yet asked for it.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    head: Option<ResponseHead>,
    informational: VecDeque<ResponseHead>,
    trailers: Option<Fields>,
    finished: bool,
    stopped: Option<u64>,
    ending: Option<Ending>,
    /// Something came for the reader since it last said that it knows all.
    news: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    task: Option<Waker>,
}

impl Mailbox {
    /// The final response.
    pub(crate) fn on_response(&self, head: ResponseHead) {
        self.state.borrow_mut().head = Some(head);
        self.wake_reader();
    }

    /// A response ahead of the final one.
    pub(crate) fn on_informational(&self, head: ResponseHead) {
        let mut state = self.state.borrow_mut();
        if state.informational.len() >= MAX_INFORMATIONAL {
            state.informational.pop_front();
        }
        state.informational.push_back(head);
        drop(state);
        self.wake_reader();
    }

    /// There is body to read.
    pub(crate) fn on_body(&self) {
        self.wake_reader();
    }

    /// The fields after the body.
    pub(crate) fn on_trailers(&self, fields: Fields) {
        self.state.borrow_mut().trailers = Some(fields);
        self.wake_reader();
    }

    /// The peer's message is complete.
    pub(crate) fn on_finished(&self) {
        self.state.borrow_mut().finished = true;
        self.wake_reader();
    }

    /// More can be written.
    pub(crate) fn on_writable(&self) {
        self.wake_writer();
    }

    /// The peer does not want what is being written.
    pub(crate) fn on_stopped(&self, code: u64) {
        self.state.borrow_mut().stopped = Some(code);
        self.wake_writer();
        self.wake_task();
    }

    /// Nothing more will come. The first reason counts.
    pub(crate) fn on_ending(&self, ending: Ending) {
        let mut state = self.state.borrow_mut();
        if state.ending.is_some() {
            return;
        }
        state.ending = Some(ending);
        drop(state);
        self.wake_reader();
        self.wake_writer();
        self.wake_task();
    }

    /// The final response, once.
    pub(crate) fn take_head(&self) -> Option<ResponseHead> {
        self.state.borrow_mut().head.take()
    }

    /// The responses ahead of the final one that have come.
    pub(crate) fn take_informational(&self) -> Option<ResponseHead> {
        self.state.borrow_mut().informational.pop_front()
    }

    /// The trailers, once.
    pub(crate) fn take_trailers(&self) -> Option<Fields> {
        self.state.borrow_mut().trailers.take()
    }

    /// Whether the peer's message is complete.
    pub(crate) fn is_finished(&self) -> bool {
        self.state.borrow().finished
    }

    /// With which code the peer asked to stop.
    pub(crate) fn stopped(&self) -> Option<u64> {
        self.state.borrow().stopped
    }

    /// Why nothing more will come.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.state.borrow().ending.clone()
    }

    /// Whether the peer gave the exchange up, one way or the other.
    pub(crate) fn is_given_up(&self) -> bool {
        let state = self.state.borrow();
        state.ending.is_some() || state.stopped.is_some()
    }

    /// Whether anything of the peer's message came since this was asked last.
    pub(crate) fn take_news(&self) -> bool {
        std::mem::take(&mut self.state.borrow_mut().news)
    }

    /// Who waits for the peer's message.
    pub(crate) fn set_reader(&self, context: &Context<'_>) {
        keep(&mut self.state.borrow_mut().reader, context);
    }

    /// Who waits for room.
    pub(crate) fn set_writer(&self, context: &Context<'_>) {
        keep(&mut self.state.borrow_mut().writer, context);
    }

    /// The task that answers the request: it is woken to be stopped.
    pub(crate) fn set_task(&self, context: &Context<'_>) {
        keep(&mut self.state.borrow_mut().task, context);
    }

    fn wake_reader(&self) {
        let mut state = self.state.borrow_mut();
        state.news = true;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    fn wake_writer(&self) {
        wake(self.state.borrow_mut().writer.take());
    }

    fn wake_task(&self) {
        wake(self.state.borrow_mut().task.take());
    }
}

fn keep(place: &mut Option<Waker>, context: &Context<'_>) {
    if !place.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
        *place = Some(context.waker().clone());
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Status;

    #[test]
    fn interim_responses_that_nobody_reads_are_few() {
        let mailbox = Mailbox::default();
        for number in 0..1000_u16 {
            let mut head = ResponseHead::new(Status::EARLY_HINTS);
            head.fields.push("x-number", number.to_string()).unwrap();
            mailbox.on_informational(head);
        }
        // The newest, in their order.
        let kept: Vec<String> = std::iter::from_fn(|| mailbox.take_informational())
            .map(|head| head.fields.first_text("x-number").unwrap().to_owned())
            .collect();
        assert_eq!(kept, (992..1000).map(|number: u16| number.to_string()).collect::<Vec<_>>());
    }
}
