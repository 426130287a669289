//! What the two halves of a WebSocket share with the task that moves its bytes.

use crate::error::Error;
use runtime::Handle;
use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};
use websocket::{Close, Closing, Connection, Event, Message, SendError};

/// A machine, and who waits for it.
pub(crate) struct Shared {
    pub(super) machine: RefCell<Connection>,
    pub(super) handle: Handle,
    /// Why the tunnel broke, if it did.
    pub(super) failure: RefCell<Option<Error>>,
    receiver: RefCell<Option<Waker>>,
    senders: RefCell<Vec<Waker>>,
    driver: RefCell<Option<Waker>>,
    /// The driver was asked to look again since it last did.
    is_stirred: Cell<bool>,
}

impl Shared {
    pub(super) fn new(machine: Connection, handle: Handle) -> Shared {
        Shared {
            machine: RefCell::new(machine),
            handle,
            failure: RefCell::default(),
            receiver: RefCell::default(),
            senders: RefCell::default(),
            driver: RefCell::default(),
            is_stirred: Cell::new(false),
        }
    }

    /// The next message; `None` when the other end has closed.
    pub(super) fn poll_message(&self, context: &Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        loop {
            let now = self.handle.read_clock();
            let event = self.machine.borrow_mut().poll_event(now);
            match event {
                Some(Event::Message(message)) => {
                    self.stir();
                    return Poll::Ready(Ok(Some(message)));
                }
                Some(Event::Room) => self.wake_senders(),
                Some(Event::Closed(_)) => {}
                None => break,
            }
        }
        if self.is_closed() {
            return Poll::Ready(self.end().map(|_| None));
        }
        *self.receiver.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }

    /// Hands a message over once there is room.
    pub(super) fn poll_send(&self, message: &mut Option<Message>, context: &Context<'_>) -> Poll<Result<(), Error>> {
        let len = message.as_ref().map_or(0, Message::len);
        let room = self.machine.borrow_mut().room(len);
        match room {
            Ok(()) => {
                if let Some(message) = message.take() {
                    let sent = self.machine.borrow_mut().send(self.handle.read_clock(), message);
                    sent.expect("there was room just now");
                    self.stir();
                }
                Poll::Ready(Ok(()))
            }
            Err(SendError::Full) => {
                let mut senders = self.senders.borrow_mut();
                if !senders.iter().any(|waker| waker.will_wake(context.waker())) {
                    senders.push(context.waker().clone());
                }
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(match self.end() {
                Err(error) => error,
                Ok(_) => Error::message(error),
            })),
        }
    }

    /// Waits for the end, and gives what the other end said.
    pub(super) fn poll_end(&self, context: &Context<'_>) -> Poll<Result<Close, Error>> {
        if self.is_closed() {
            return Poll::Ready(self.end());
        }
        *self.receiver.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }

    pub(super) fn is_closed(&self) -> bool {
        self.machine.borrow().closing().is_some()
    }

    /// How it has ended.
    pub(super) fn end(&self) -> Result<Close, Error> {
        let machine = self.machine.borrow();
        match machine.closing() {
            Some(Closing::Clean(close)) => Ok(close.clone()),
            Some(Closing::BrokenOff) => {
                Err(self.failure.borrow().clone().unwrap_or(Error::WebSocket(Closing::BrokenOff)))
            }
            Some(closing) => Err(Error::WebSocket(closing.clone())),
            None => Err(Error::message("this end has closed the WebSocket")),
        }
    }

    /// Says that this end is done.
    pub(super) fn close(&self, close: Close) {
        self.machine.borrow_mut().close(self.handle.read_clock(), close);
        self.stir();
    }

    pub(super) fn stop_reading(&self) {
        self.machine.borrow_mut().stop_reading();
        self.stir();
    }

    /// The machine has something to do.
    fn stir(&self) {
        self.is_stirred.set(true);
        wake(&self.driver);
    }

    /// The driver's task. Says whether it was asked to look again since this was called last.
    pub(super) fn set_driver(&self, context: &Context<'_>) -> bool {
        *self.driver.borrow_mut() = Some(context.waker().clone());
        self.is_stirred.replace(false)
    }

    /// Something has happened: whoever waits looks again.
    pub(super) fn wake_waiting(&self) {
        wake(&self.receiver);
        self.wake_senders();
    }

    fn wake_senders(&self) {
        self.senders.take().into_iter().for_each(Waker::wake);
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    let waker = waker.borrow_mut().take();
    if let Some(waker) = waker {
        waker.wake();
    }
}
