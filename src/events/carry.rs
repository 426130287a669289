//! Carries the bytes of one stream between its session and its end of the protocol.

use crate::error::Error;
use crate::webtransport::receive_stream::ReceiveStream;
use crate::webtransport::send_stream::SendStream;
use base::{Bytes, Instant};
use events::ErrorCode;
use events::session::{End, ToSend};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Bytes that are read of a stream at a time.
const MAX_READ: usize = 64 << 10;

/// One end of the protocol, with what drives it.
pub(super) trait Line {
    type End: End;

    fn end_of_protocol(&self) -> &RefCell<Self::End>;
    fn read_clock(&self) -> Instant;
    fn signals(&self) -> &Signals;
    /// Does what that end wants done.
    fn flush(self: &Rc<Self>);

    fn act<T>(self: &Rc<Self>, act: impl FnOnce(&mut Self::End, Instant) -> T) -> T {
        let result = act(&mut self.end_of_protocol().borrow_mut(), self.read_clock());
        self.flush();
        result
    }
}

/// Who waits for each stream.
#[derive(Default)]
pub(super) struct Signals {
    waiting: RefCell<BTreeMap<u64, Waker>>,
}

impl Signals {
    pub(super) fn wake(&self, stream: u64) {
        let waker = self.waiting.borrow_mut().remove(&stream);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn wake_all(&self) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_values().for_each(Waker::wake);
    }

    fn wait(&self, stream: u64, context: &Context<'_>) {
        self.waiting.borrow_mut().insert(stream, context.waker().clone());
    }

    fn forget(&self, stream: u64) {
        self.waiting.borrow_mut().remove(&stream);
    }
}

/// A stream, and what is under way of it.
struct Carrying<L> {
    line: Rc<L>,
    stream: u64,
    send: SendStream,
    receive: ReceiveStream,
    unsent: Bytes,
    is_sent: bool,
    is_received: bool,
}

/// Carries until the stream is over on both sides, or its end of the protocol wants no more of it.
pub(super) async fn carry<L: Line>(line: Rc<L>, stream: u64, send: SendStream, receive: ReceiveStream) {
    let (unsent, is_sent, is_received) = (Bytes::new(), false, false);
    let mut carrying = Carrying { line, stream, send, receive, unsent, is_sent, is_received };
    poll_fn(|context| carrying.poll(context)).await;
    carrying.line.signals().forget(stream);
}

impl<L: Line> Carrying<L> {
    fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        self.line.signals().wait(self.stream, context);
        loop {
            let has_sent = self.poll_send(context);
            let has_received = self.poll_receive(context);
            if self.is_sent && self.is_received {
                return Poll::Ready(());
            }
            if !self.line.end_of_protocol().borrow().has_stream(self.stream) && self.unsent.is_empty() {
                return Poll::Ready(());
            }
            if !has_sent && !has_received {
                return Poll::Pending;
            }
        }
    }

    /// Whether anything was sent.
    fn poll_send(&mut self, context: &Context<'_>) -> bool {
        if self.is_sent {
            return false;
        }
        if self.unsent.is_empty() {
            match self.line.act(|end, _| end.poll_send(self.stream)) {
                None => return false,
                Some(ToSend::Bytes(bytes)) => self.unsent = bytes,
                Some(ToSend::Finish) => return self.finish(),
                Some(ToSend::Refuse(code)) => {
                    self.receive.stop(code.number());
                    self.is_received = true;
                    return self.finish();
                }
                Some(ToSend::Reset(code)) => {
                    self.receive.stop(code.number());
                    self.send.reset(code.number());
                    (self.is_sent, self.is_received) = (true, true);
                    return true;
                }
            }
        }
        match self.send.poll_write(&mut self.unsent, context) {
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
            Poll::Ready(Err(error)) => self.give_up(&error),
        }
    }

    fn finish(&mut self) -> bool {
        // Where it fails the other end has no use for it.
        let _ = self.send.finish();
        self.is_sent = true;
        true
    }

    /// Whether anything was received.
    fn poll_receive(&mut self, context: &Context<'_>) -> bool {
        if self.is_received || !self.line.end_of_protocol().borrow().wants_bytes(self.stream) {
            return false;
        }
        match self.receive.poll_read(MAX_READ, context) {
            Poll::Pending => return false,
            Poll::Ready(Ok(Some(bytes))) => self.line.act(|end, now| end.receive(now, self.stream, bytes)),
            Poll::Ready(Ok(None)) => {
                self.is_received = true;
                self.line.act(|end, now| end.on_finished(now, self.stream));
            }
            Poll::Ready(Err(error)) => return self.give_up(&error),
        }
        true
    }

    fn give_up(&mut self, error: &Error) -> bool {
        let code = match error {
            Error::StreamReset { code } | Error::StreamStopped { code } => code.unwrap_or(0),
            _ => 0,
        };
        self.unsent = Bytes::new();
        (self.is_sent, self.is_received) = (true, true);
        self.line.act(|end, now| end.on_gone(now, self.stream, ErrorCode::from_number(code)));
        true
    }
}
