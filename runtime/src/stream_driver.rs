//! Runs a [`StreamMachine`] over a connection of TCP, or over another stream of bytes.
//!
//! One turn: first what the machine wants to send, up to a bound, then the deadline, then bytes that have come, up to a
//! bound and only as long as the machine takes them, and then the hook of the layer above. A turn after which more can be sent or
//! received, or in which the machine has answered by itself what came, is followed by another after the other tasks had theirs, so
//! that what follows from input leaves together with what the tasks make of it. Any other ends with the timer, and the tasks' calls
//! bring the next. The driver ends by itself when the connection does.
//!
//! The machine is shared with the application as by [`Driver`](crate::Driver): whoever changes it from outside calls
//! [`StreamDriverHandle::notify`] afterwards.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use base::{Duplex, DuplexEnd, Instant, StreamMachine, StreamMemory};

use crate::deadline::Deadline;
use crate::executor::{Handle, Watched};
use crate::notice::{Flushed, Notice};
use crate::tcp::{ByteStream, TcpStream};

/// Calls of a turn that receive.
const RECEIVE_CALLS: usize = 4;
/// Calls of a turn that send.
const SEND_CALLS: usize = 4;
/// Calls that fetch what had come before a connection broke: more bytes than a receive buffer of the system's holds.
const LAST_CALLS: usize = 256;

/// How a connection has ended.
#[derive(Debug)]
pub enum StreamEnding {
    /// Both directions have ended, and the system has taken everything that was sent.
    Ended,
    /// The machine has given the connection up; the peer is told by a reset.
    GivenUp,
    /// The connection is gone: the peer has reset it, or the system has given it up. The machine was told.
    Broken(io::Error),
}

/// What a turn has sent.
#[derive(Default)]
struct Sent {
    /// The machine was asked, and may have told that it was.
    is_asked: bool,
    any: bool,
    /// More could be done at once.
    has_more: bool,
}

/// What a turn has received.
struct Received {
    /// The machine was told something.
    any: bool,
    /// More could be done at once.
    has_more: bool,
    /// The machine wants more than has come.
    is_wanted: bool,
}

/// A future that runs a machine; to be spawned. Dropped before its end, it closes the connection, and the machine is not
/// told.
pub struct StreamDriver<M: StreamMachine, F, S: ByteStream = TcpStream> {
    handle: Handle,
    machine: Rc<RefCell<M>>,
    on_progress: F,
    stream: Watched<S>,
    duplex: Duplex,
    memory: Rc<RefCell<StreamMemory>>,
    notice: Rc<Notice>,
    deadline: Deadline,
    broken: Option<io::Error>,
}

/// Tells a driver that its machine was changed from outside.
#[derive(Clone, Debug)]
pub struct StreamDriverHandle {
    notice: Rc<Notice>,
}

impl StreamDriverHandle {
    /// Has the driver look at its machine soon: what it demands, what it has to send, its deadline. Calling it often costs
    /// no more than once.
    pub fn notify(&self) {
        self.notice.notify();
    }

    /// Ready when the system has taken all that the machine wants to send now, or the connection is over.
    pub fn flushed(&self) -> Flushed {
        Flushed::new(&self.notice)
    }
}

impl<M: StreamMachine, F: FnMut(&mut M, Instant), S: ByteStream> StreamDriver<M, F, S> {
    /// A driver for `machine` on a connection. `memory` is shared by all of a thread. `on_progress` is called after each
    /// turn in which the machine was told or asked something that mattered, with the machine borrowed: it is the place to
    /// poll events and to wake the tasks that wait for them.
    pub fn new(
        handle: &Handle,
        stream: Watched<S>,
        machine: Rc<RefCell<M>>,
        memory: Rc<RefCell<StreamMemory>>,
        on_progress: F,
    ) -> (StreamDriver<M, F, S>, StreamDriverHandle) {
        let notice = Rc::new(Notice::default());
        let driver = StreamDriver {
            handle: handle.clone(),
            machine,
            on_progress,
            stream,
            duplex: Duplex::default(),
            memory,
            notice: notice.clone(),
            deadline: Deadline::new(handle.sleep_until(Instant::MAX)),
            broken: None,
        };
        (driver, StreamDriverHandle { notice })
    }

    /// One turn: true if another should follow at once.
    fn turn(&mut self, context: &mut Context<'_>) -> bool {
        let is_told = self.notice.on_turn();
        // Sends take most of the time of a thread, and after each the clock is read.
        let begun = self.handle.now();
        // A machine that had nothing to say, and has heard nothing since, still has nothing.
        let asks = is_told || !self.duplex.has_sent_all();
        let Sent { is_asked, any, has_more } = if asks { self.send(begun, context) } else { Sent::default() };
        let now = if any { self.handle.read_clock() } else { begun };
        // What waits is heard first: on a machine that has stalled it may be there since before the deadline.
        let received = self.receive(now, context);
        let is_due = !self.deadline.is_ahead(now) && self.check_deadline(now);
        let is_over = !received.is_wanted && self.check_hang_up(now, context);
        let mut again = has_more | is_due | received.has_more | is_over;
        if is_asked || again || received.any {
            (self.on_progress)(&mut self.machine.borrow_mut(), now);
        }
        if received.any && !again && self.machine.borrow().has_output() {
            // The tasks that have something to do now make calls, and these bring the next turn.
            again = self.duplex.ask(now, &mut *self.machine.borrow_mut(), &mut self.memory.borrow_mut());
            (self.on_progress)(&mut self.machine.borrow_mut(), now);
        }
        // After each turn, and not only before a wait: whoever has the next one works in the same memory, which is in the caches, and a
        // hundred connections with something to do need no more of it than one.
        self.duplex.give_back(&mut self.memory.borrow_mut());
        if again {
            self.deadline.skip();
            return true;
        }
        self.notice.on_wait(context);
        let deadline = self.machine.borrow().deadline();
        self.deadline.poll(deadline, context).is_ready()
    }

    fn check_deadline(&mut self, now: Instant) -> bool {
        let mut machine = self.machine.borrow_mut();
        let is_due = self.broken.is_none() && self.deadline.is_due(machine.deadline(), now);
        if is_due {
            machine.on_timeout(now);
        }
        is_due
    }

    fn send(&mut self, now: Instant, context: &mut Context<'_>) -> Sent {
        let (is_asked, mut any) = (true, false);
        for _ in 0..SEND_CALLS {
            let mut machine = self.machine.borrow_mut();
            if !self.duplex.transmit(now, &mut *machine, &mut self.memory.borrow_mut()) {
                self.notice.on_flushed();
                return Sent { is_asked, any, has_more: false };
            }
            drop(machine);
            if self.stream.poll_writable(context).is_pending() {
                return Sent { is_asked, any, has_more: false };
            }
            match self.send_once() {
                Ok(()) => {
                    any = true;
                    if self.duplex.has_sent_all() {
                        self.notice.on_flushed();
                        return Sent { is_asked, any, has_more: false };
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.clear_writable(),
                Err(error) => {
                    self.on_send_error(now, error);
                    return Sent { is_asked, any: true, has_more: true };
                }
            }
        }
        Sent { is_asked, any, has_more: true }
    }

    fn send_once(&mut self) -> io::Result<()> {
        let bytes = self.duplex.to_send();
        if !bytes.is_empty() {
            let sent = self.stream.inner().send(bytes)?;
            self.duplex.on_sent(sent);
        }
        if self.duplex.take_end() { self.stream.inner().end() } else { Ok(()) }
    }

    /// The peer takes nothing more. What it said before, and why perhaps, can still be read.
    fn on_send_error(&mut self, now: Instant, error: io::Error) {
        for _ in 0..LAST_CALLS {
            if !self.wants_bytes() || self.receive_once(now).is_err() {
                break;
            }
        }
        self.on_broken(now, error);
    }

    fn receive(&mut self, now: Instant, context: &mut Context<'_>) -> Received {
        let mut any = self.broken.is_none() && self.duplex.offer(now, &mut *self.machine.borrow_mut());
        let mut is_wanted = self.wants_bytes();
        for _ in 0..RECEIVE_CALLS {
            if !is_wanted || self.stream.poll_readable(context).is_pending() {
                return Received { any, has_more: self.broken.is_some() && any, is_wanted };
            }
            match self.receive_once(now) {
                Ok(wants_more) => (any, is_wanted) = (true, wants_more),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.clear_readable(),
                Err(error) => {
                    self.on_broken(now, error);
                    (any, is_wanted) = (true, false);
                }
            }
        }
        Received { any, has_more: any, is_wanted }
    }

    /// Whether bytes are to be received.
    fn wants_bytes(&self) -> bool {
        self.broken.is_none() && self.duplex.wants_bytes(&*self.machine.borrow())
    }

    /// Where the machine wants nothing, nobody reads, and would learn of a reset by that.
    fn check_hang_up(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        while self.broken.is_none() && self.stream.poll_hung_up(context).is_ready() {
            // There is no error if both have ended and bytes wait to be read.
            if let Some(error) = self.stream.inner().take_error() {
                self.on_broken(now, error);
                return true;
            }
        }
        false
    }

    /// The machine has to want it. Says whether it wants more.
    fn receive_once(&mut self, now: Instant) -> io::Result<bool> {
        let mut machine = self.machine.borrow_mut();
        let mut memory = self.memory.borrow_mut();
        let room = self.duplex.room(&mut memory);
        let wanted = room.len();
        match self.stream.inner().receive(room)? {
            0 => {
                self.duplex.on_carrier_end(now, &mut *machine);
                Ok(false)
            }
            len => {
                if len < wanted {
                    self.stream.on_emptied();
                }
                Ok(self.duplex.on_received(now, len, &mut *machine))
            }
        }
    }

    fn on_broken(&mut self, now: Instant, error: io::Error) {
        self.duplex.on_reset(now, &mut *self.machine.borrow_mut());
        self.broken.get_or_insert(error);
    }

    fn ending(&mut self) -> Option<StreamEnding> {
        let end = self.duplex.end(&*self.machine.borrow())?;
        Some(match end {
            DuplexEnd::Both => StreamEnding::Ended,
            DuplexEnd::GivenUp => {
                self.stream.inner().reset_when_dropped();
                StreamEnding::GivenUp
            }
            DuplexEnd::Reset => StreamEnding::Broken(self.broken.take().expect("a connection breaks by an error")),
        })
    }
}

/// Nothing in it is ever pinned.
impl<M: StreamMachine, F, S: ByteStream> Unpin for StreamDriver<M, F, S> {}

impl<M: StreamMachine, F: FnMut(&mut M, Instant), S: ByteStream> Future for StreamDriver<M, F, S> {
    type Output = StreamEnding;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<StreamEnding> {
        let again = self.turn(context);
        if let Some(ending) = self.ending() {
            return Poll::Ready(ending);
        }
        if again {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<M: StreamMachine, F, S: ByteStream> Drop for StreamDriver<M, F, S> {
    fn drop(&mut self) {
        self.duplex.discard(&mut self.memory.borrow_mut());
        self.notice.on_over();
    }
}

impl<M: StreamMachine, F, S: ByteStream + fmt::Debug> fmt::Debug for StreamDriver<M, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamDriver").field("stream", &self.stream).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
