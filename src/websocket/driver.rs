//! The task that moves a WebSocket's bytes through its tunnel, and calls its machine when time has passed.

use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::tunnel::Tunnel;
use crate::exchange::writer::BodyWriter;
use crate::websocket::shared::Shared;
use base::{Bytes, Demand, Instant, StreamMachine};
use http::exchange::Reason;
use runtime::executor::Sleep;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use websocket::{Close, CloseCode, Closing};

/// Bytes that are handed to the tunnel at a time.
const PIECE: usize = 64 << 10;

/// Ready when both directions have ended, or the other end was given up.
pub(super) struct Driver {
    shared: Rc<Shared>,
    reader: Body,
    /// Until our direction has ended.
    writer: Option<BodyWriter>,
    /// What has come and the machine has not taken.
    ahead: Bytes,
    /// What the machine has given and the tunnel has not taken.
    piece: Bytes,
    input_is_over: bool,
    /// The server is about to end, and the other end was told.
    is_going_away: bool,
    sleep: Sleep,
}

impl Driver {
    pub(super) fn new(shared: Rc<Shared>, tunnel: Tunnel) -> Driver {
        let (reader, writer) = tunnel.split();
        let sleep = shared.handle.sleep_until(Instant::MAX);
        let (ahead, piece) = (Bytes::new(), Bytes::new());
        let (writer, input_is_over, is_going_away) = (Some(writer), false, false);
        Driver { shared, reader, writer, ahead, piece, input_is_over, is_going_away, sleep }
    }

    /// Gives the machine what has come. Says whether anything was done.
    fn read(&mut self, now: Instant, context: &Context<'_>) -> bool {
        if self.input_is_over || self.shared.machine.borrow().demand() != Demand::More {
            return false;
        }
        if self.ahead.is_empty() {
            match self.reader.exchange().poll_body(context) {
                Poll::Pending => return false,
                Poll::Ready(Ok(Some(bytes))) => self.ahead = bytes,
                Poll::Ready(Ok(None)) => {
                    self.input_is_over = true;
                    self.shared.machine.borrow_mut().on_end(now, b"");
                    return true;
                }
                Poll::Ready(Err(error)) => {
                    self.break_off(now, error);
                    return true;
                }
            }
        }
        let taken = self.shared.machine.borrow_mut().take(now, &self.ahead);
        self.ahead.advance(taken);
        true
    }

    /// Hands over what the machine has to send. Says whether anything was done.
    fn write(&mut self, now: Instant, context: &Context<'_>) -> bool {
        let Some(writer) = &self.writer else { return false };
        if self.piece.is_empty() {
            let next = self.shared.machine.borrow_mut().next(now, PIECE);
            match next {
                Some(bytes) => self.piece = bytes,
                None if self.shared.machine.borrow().wants_end() => {
                    // If the other end is gone, reading says so.
                    let _ = self.writer.take().map(BodyWriter::finish);
                    return true;
                }
                None => return false,
            }
        }
        let before = self.piece.len();
        match writer.exchange().poll_write(&mut self.piece, context) {
            Poll::Ready(Err(error)) => {
                self.break_off(now, error);
                true
            }
            _ => {
                self.shared.machine.borrow_mut().on_written(now, before, self.piece.len());
                self.piece.len() < before
            }
        }
    }

    /// The tunnel is gone.
    fn break_off(&mut self, now: Instant, error: Error) {
        // What comes after the end is not the reason for it.
        if !self.shared.is_closed() {
            *self.shared.failure.borrow_mut() = Some(error);
        }
        self.shared.machine.borrow_mut().on_reset(now);
        self.input_is_over = true;
    }

    /// RFC 6455 section 7.4.1: a server that is about to end says so, and does not wait until the application has done with it.
    fn look_for_end_of_server(&mut self, now: Instant, context: &Context<'_>) {
        let mailbox = self.reader.exchange().mailbox();
        // Though nothing may be read for now.
        mailbox.set_reader(context);
        if mailbox.server_ends() && !std::mem::replace(&mut self.is_going_away, true) {
            self.shared.machine.borrow_mut().close(now, Close::new(CloseCode::GOING_AWAY, ""));
        }
    }

    fn is_over(&self) -> bool {
        let is_given_up = self.shared.machine.borrow().demand() == Demand::Reset;
        is_given_up || (self.writer.is_none() && self.input_is_over)
    }

    /// Calls the machine when its deadline has come. Says whether it was called.
    fn keep_time(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let deadline = self.shared.machine.borrow().deadline();
        self.sleep.reset(deadline.unwrap_or(Instant::MAX));
        let is_due = deadline.is_some_and(|deadline| deadline <= now);
        if !is_due && Pin::new(&mut self.sleep).poll(context).is_pending() {
            return false;
        }
        self.shared.machine.borrow_mut().on_timeout(self.shared.handle.read_clock());
        true
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let driver = &mut *self;
        loop {
            let is_stirred = driver.shared.set_driver(context);
            let now = driver.shared.handle.read_clock();
            driver.look_for_end_of_server(now, context);
            // Both have their turn in each round: who sends much still reads.
            let has_written = driver.write(now, context);
            let has_read = driver.read(now, context);
            if has_written || has_read {
                driver.shared.wake_waiting();
            }
            if driver.is_over() {
                driver.shared.wake_waiting();
                return Poll::Ready(());
            }
            let is_late = driver.keep_time(now, context);
            if is_late {
                driver.shared.wake_waiting();
            }
            if !(is_stirred || has_written || has_read || is_late) {
                return Poll::Pending;
            }
        }
    }
}

/// However it ends, nobody waits for it any more.
impl Drop for Driver {
    fn drop(&mut self) {
        let is_closed = matches!(self.shared.machine.borrow().closing(), Some(Closing::Clean(_)));
        if let Some(writer) = self.writer.take() {
            // RFC 8441 s5: the reset of a stream is what that of a TCP connection would be.
            writer.reset(if is_closed { Reason::NotNeeded } else { Reason::Cancelled });
        }
        let now = self.shared.handle.read_clock();
        self.shared.machine.borrow_mut().on_reset(now);
        self.shared.wake_waiting();
    }
}
