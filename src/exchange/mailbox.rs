//! The events of one exchange, kept until the tasks that work on it ask, and the wakers of those tasks.
//!
//! It knows nothing of connections. An event wakes only the tasks that it concerns.

use crate::error::Error;
use http::exchange::{Event, Reason};
use http::{Fields, Malformed, ResponseHead};
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
    /// The peer broke its message off, for this reason.
    Reset(Reason),
    /// The peer's message is malformed.
    Malformed(Malformed),
    /// The whole connection is over.
    Connection(Rc<Error>),
}

/// What the peer was too slow with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slow {
    /// Its message: the rest of that is given up.
    Sender,
    /// Taking ours: the exchange is given up.
    Receiver,
}

/// What the application has not yet asked for.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    contents: RefCell<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    head: Option<ResponseHead>,
    informational: VecDeque<ResponseHead>,
    trailers: Option<Fields>,
    finished: bool,
    delivered: bool,
    stopped: Option<Reason>,
    ending: Option<Ending>,
    /// This side has given the whole exchange up.
    is_dropped: bool,
    /// The task that answers the request looks after its end itself.
    is_looked_after: bool,
    /// The server that has it is about to end.
    server_ends: bool,
    /// The peer was too slow with its message or with ours.
    slow: Option<Slow>,
    /// Something came for the reader since it last said that it knows all.
    news: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    task: Option<Waker>,
}

impl Mailbox {
    /// Something happened.
    pub(crate) fn on_event(&self, event: Event) {
        if self.is_dropped() {
            return;
        }
        match event {
            // Whoever has the mailbox has the request.
            Event::Request(_) => {}
            Event::Response(head) => self.for_reader(|contents| contents.head = Some(head)),
            Event::Informational(head) => self.for_reader(|contents| contents.keep_informational(head)),
            Event::Body | Event::Datagram => self.for_reader(|_| ()),
            Event::Trailers(fields) => self.for_reader(|contents| contents.trailers = Some(fields)),
            Event::Finished => self.for_reader(|contents| contents.finished = true),
            Event::Writable => self.wake_writer(),
            Event::Delivered => self.for_reader(|contents| contents.delivered = true),
            Event::Reset(reason) => self.on_ending(Ending::Reset(reason)),
            Event::Stopped(reason) => self.on_stopped(reason),
            Event::SlowSender => self.for_reader(|contents| contents.slow = Some(Slow::Sender)),
            Event::SlowReceiver => {
                self.for_reader(|contents| contents.slow = Some(Slow::Receiver));
                self.wake_writer();
            }
            Event::Failed(malformed) => self.on_ending(Ending::Malformed(malformed)),
        }
    }

    /// The peer does not want what is being written.
    fn on_stopped(&self, reason: Reason) {
        // Who waits for the end of an upload reads.
        self.for_reader(|contents| contents.stopped = Some(reason));
        self.wake_writer();
        self.wake_task();
    }

    /// Nothing more will come. The first reason counts.
    pub(crate) fn on_ending(&self, ending: Ending) {
        let mut contents = self.contents.borrow_mut();
        if contents.ending.is_some() {
            return;
        }
        contents.ending = Some(ending);
        drop(contents);
        self.for_reader(|_| ());
        self.wake_writer();
        self.wake_task();
    }

    /// The server that has the exchange is about to end, and waits for it.
    pub(crate) fn on_server_end(&self) {
        self.for_reader(|contents| contents.server_ends = true);
    }

    /// Whether that was told.
    pub(crate) fn server_ends(&self) -> bool {
        self.contents.borrow().server_ends
    }

    /// This side has given the whole exchange up: of the peer nothing more will be heard. The task that answers a request goes on,
    /// for it may have more to do. What has ended before was not ended by this side, which most often gives up because of that.
    pub(crate) fn on_dropped(&self) {
        self.for_reader(|contents| contents.is_dropped |= contents.ending.is_none());
        self.wake_writer();
    }

    /// Whether this side has given the whole exchange up.
    pub(crate) fn is_dropped(&self) -> bool {
        self.contents.borrow().is_dropped
    }

    /// The final response, once.
    pub(crate) fn take_head(&self) -> Option<ResponseHead> {
        self.contents.borrow_mut().head.take()
    }

    /// What `look` makes of the final response, if it has come and was not taken.
    pub(crate) fn look_at_head<R>(&self, look: impl FnOnce(&ResponseHead) -> R) -> Option<R> {
        self.contents.borrow().head.as_ref().map(look)
    }

    /// All responses ahead of the final one that have come and were not taken.
    pub(crate) fn take_all_informational(&self) -> Vec<ResponseHead> {
        std::mem::take(&mut self.contents.borrow_mut().informational).into()
    }

    /// The responses ahead of the final one that have come.
    pub(crate) fn take_informational(&self) -> Option<ResponseHead> {
        self.contents.borrow_mut().informational.pop_front()
    }

    /// The trailers, once.
    pub(crate) fn take_trailers(&self) -> Option<Fields> {
        self.contents.borrow_mut().trailers.take()
    }

    /// Whether the peer's message is complete.
    pub(crate) fn is_finished(&self) -> bool {
        self.contents.borrow().finished
    }

    /// Whether all of this side's message has arrived.
    pub(crate) fn is_delivered(&self) -> bool {
        self.contents.borrow().delivered
    }

    /// Whether the final response has come and was not taken.
    pub(crate) fn has_head(&self) -> bool {
        self.contents.borrow().head.is_some()
    }

    /// For what reason the peer asked to stop.
    pub(crate) fn stopped(&self) -> Option<Reason> {
        self.contents.borrow().stopped
    }

    /// Why nothing more will come.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.contents.borrow().ending.clone()
    }

    /// What the peer was too slow with. The one that answers its request is not stopped by that, but told.
    pub(crate) fn slow(&self) -> Option<Slow> {
        self.contents.borrow().slow
    }

    /// Whether no more of the peer's message comes, although it is not complete.
    pub(crate) fn is_cut_short(&self) -> bool {
        let contents = self.contents.borrow();
        contents.is_dropped || contents.ending.is_some() || contents.slow.is_some()
    }

    /// Whether the peer gave the exchange up, one way or the other.
    pub(crate) fn is_given_up(&self) -> bool {
        let contents = self.contents.borrow();
        contents.ending.is_some() || contents.stopped.is_some()
    }

    /// From now on the task that answers the request is told of its end by what it waits for, and is not stopped.
    pub(crate) fn look_after_end(&self) {
        self.contents.borrow_mut().is_looked_after = true;
    }

    /// Whether the task that answers the request is to be stopped.
    pub(crate) fn stops_task(&self) -> bool {
        self.is_given_up() && !self.contents.borrow().is_looked_after
    }

    /// Whether anything of the peer's message came since this was asked last.
    pub(crate) fn take_news(&self) -> bool {
        std::mem::take(&mut self.contents.borrow_mut().news)
    }

    /// Who waits for the peer's message.
    pub(crate) fn set_reader(&self, context: &Context<'_>) {
        keep(&mut self.contents.borrow_mut().reader, context);
    }

    /// Who waits for room.
    pub(crate) fn set_writer(&self, context: &Context<'_>) {
        keep(&mut self.contents.borrow_mut().writer, context);
    }

    /// The task that answers the request: it is woken to be stopped.
    pub(crate) fn set_task(&self, context: &Context<'_>) {
        keep(&mut self.contents.borrow_mut().task, context);
    }

    /// Something came of the peer's message.
    fn for_reader(&self, change: impl FnOnce(&mut Contents)) {
        let mut contents = self.contents.borrow_mut();
        change(&mut contents);
        contents.news = true;
        let reader = contents.reader.take();
        drop(contents);
        wake(reader);
    }

    fn wake_writer(&self) {
        wake(self.contents.borrow_mut().writer.take());
    }

    fn wake_task(&self) {
        wake(self.contents.borrow_mut().task.take());
    }
}

impl Contents {
    fn keep_informational(&mut self, head: ResponseHead) {
        if self.informational.len() >= MAX_INFORMATIONAL {
            self.informational.pop_front();
        }
        self.informational.push_back(head);
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

    /// An upload fails because its connection has ended, and who gave it up for that asks why there is no response.
    #[test]
    fn the_first_reason_counts() {
        let mailbox = Mailbox::default();
        mailbox.on_ending(Ending::Reset(Reason::Rejected));
        mailbox.on_dropped();
        mailbox.on_ending(Ending::Reset(Reason::Cancelled));
        assert!(!mailbox.is_dropped() && mailbox.is_cut_short());
        assert!(matches!(mailbox.ending(), Some(Ending::Reset(Reason::Rejected))));
        let mailbox = Mailbox::default();
        mailbox.on_dropped();
        mailbox.on_event(Event::Reset(Reason::Rejected));
        assert!(mailbox.is_dropped() && mailbox.is_cut_short() && mailbox.ending().is_none());
    }

    #[test]
    fn interim_responses_that_nobody_reads_are_few() {
        let mailbox = Mailbox::default();
        for number in 0..1000_u16 {
            let mut head = ResponseHead::new(Status::EARLY_HINTS);
            head.fields.push("x-number", number.to_string()).unwrap();
            mailbox.on_event(Event::Informational(head));
        }
        // The newest, in their order.
        let kept: Vec<String> = std::iter::from_fn(|| mailbox.take_informational())
            .map(|head| head.fields.first_text("x-number").unwrap().to_owned())
            .collect();
        assert_eq!(kept, (992..1000).map(|number: u16| number.to_string()).collect::<Vec<_>>());
    }
}
