//! Datagrams that go from one worker to another: a mailbox for each, which any thread may put into.
//!
//! Workers share an address, and the system gives each pair of addresses to one of them
//! ([`spawn_workers`](crate::spawn_workers)). A machine that finds a datagram to be another's gives it away
//! ([`Machine::poll_handover`](base::Machine::poll_handover)); the driver brings it to the mailbox of that worker,
//! whose own driver takes it in with its next turn.
//!
//! A mailbox holds so many datagrams and bytes and no more. What finds it full is dropped and counted: the newest, as with a
//! socket whose buffer is full.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use base::{OwnedDatagram, PREDECESSOR};

use crate::succession::{Predecessors, Ways};

/// The most datagrams in a mailbox. Default 1,024: the bursts of some workers at once.
const MAX_WAITING: usize = 1024;
/// The most bytes of them. Default 2 MiB.
const MAX_WAITING_BYTES: usize = 2 << 20;

/// One worker's: its own mailbox, and those of all.
#[derive(Clone)]
pub struct Handover {
    worker: u32,
    mailboxes: Arc<[Mailbox]>,
    predecessors: Arc<Predecessors>,
}

/// How it goes with what was handed over to one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandoverStats {
    /// Datagrams that came into its mailbox.
    pub received: u64,
    /// Datagrams that found it full.
    pub dropped: u64,
    /// Datagrams of this worker that were for one there is not.
    pub unknown: u64,
}

#[derive(Default)]
struct Mailbox(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    waiting: VecDeque<OwnedDatagram>,
    bytes: usize,
    /// Whose driver sleeps.
    waker: Option<Waker>,
    stats: HandoverStats,
}

impl Handover {
    /// For so many workers, numbered from 0: one for each of their drivers. `predecessors` are the servers before them, which are given
    /// what is for [`PREDECESSOR`].
    pub fn among(workers: u32, predecessors: Predecessors) -> Vec<Handover> {
        let mailboxes: Arc<[Mailbox]> = (0..workers).map(|_| Mailbox::default()).collect();
        let predecessors = Arc::new(predecessors);
        let of = |worker| Handover { worker, mailboxes: mailboxes.clone(), predecessors: predecessors.clone() };
        (0..workers).map(of).collect()
    }

    /// The servers before this one.
    pub fn predecessors(&self) -> &Predecessors {
        &self.predecessors
    }

    /// Brings a datagram that came to the successor to this worker, who knows whose it is.
    pub fn take_back(&self, datagram: OwnedDatagram) {
        self.own().put(datagram);
    }

    /// The number of this worker.
    pub const fn worker(&self) -> u32 {
        self.worker
    }

    /// How many there are.
    pub fn workers(&self) -> u32 {
        self.mailboxes.len() as u32
    }

    /// What became of datagrams for this worker.
    pub fn stats(&self) -> HandoverStats {
        self.own().lock().stats
    }

    /// Brings a datagram to another worker, if there is one of that number and its mailbox is not full.
    pub(crate) fn send(&self, worker: u32, datagram: OwnedDatagram) {
        if worker == PREDECESSOR {
            return self.predecessors.give(&datagram);
        }
        match self.mailboxes.get(worker as usize) {
            Some(mailbox) => mailbox.put(datagram),
            None => self.own().lock().stats.unknown += 1,
        }
    }

    /// There is nothing more to bring for now: what is for the servers before this one goes, by the ways of this worker's executor.
    pub(crate) fn flush(&self, ways: &Ways, context: &mut Context<'_>) {
        self.predecessors.flush(ways, context);
    }

    /// Moves all that has come to `into`, which is empty. If nothing has, the task of `context` is woken once something does.
    pub(crate) fn poll_receive(&self, context: &Context<'_>, into: &mut VecDeque<OwnedDatagram>) {
        let mut contents = self.own().lock();
        if contents.waiting.is_empty() {
            match &mut contents.waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => contents.waker = Some(context.waker().clone()),
            }
            return;
        }
        contents.bytes = 0;
        // Both keep the memory that they have grown to.
        std::mem::swap(into, &mut contents.waiting);
    }

    fn own(&self) -> &Mailbox {
        &self.mailboxes[self.worker as usize]
    }
}

impl Mailbox {
    fn put(&self, datagram: OwnedDatagram) {
        let waker = {
            let mut contents = self.lock();
            let len = datagram.payload.len();
            if contents.waiting.len() >= MAX_WAITING || contents.bytes + len > MAX_WAITING_BYTES {
                contents.stats.dropped += 1;
                return;
            }
            contents.stats.received += 1;
            contents.bytes += len;
            contents.waiting.push_back(datagram);
            contents.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A thread that panicked while it held the lock has left whole datagrams behind: each change is one step.
    fn lock(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover").field("worker", &self.worker).field("stats", &self.stats()).finish()
    }
}

#[cfg(test)]
mod tests;
