//! What reaches a session from other threads.

use base::Duration;
use events::delivery::Outcome;
use events::session::server::Ticket;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// A word to a session.
#[derive(Debug)]
pub(super) enum Note {
    /// What the store has answered.
    Answer(Ticket, Outcome),
    /// There is another registry.
    Recheck,
    /// The server ends.
    GoAway(String),
}

/// Notes that wait, and who waits for them. They are no more than the session has requests open, and a few.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    notes: Vec<Note>,
    waker: Option<Waker>,
    figures: Figures,
}

/// What a server's figures say of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) round_trip: Option<Duration>,
    pub(super) namespaces: Vec<String>,
}

impl Mailbox {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, note: Note) {
        let waker = {
            let mut inside = self.inside();
            inside.notes.push(note);
            inside.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn wake(&self) {
        let waker = self.inside().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn wait(&self, context: &Context<'_>) {
        self.inside().waker = Some(context.waker().clone());
    }

    pub(super) fn take(&self) -> Vec<Note> {
        std::mem::take(&mut self.inside().notes)
    }

    pub(super) fn figures(&self) -> Figures {
        self.inside().figures.clone()
    }

    pub(super) fn set_figures(&self, round_trip: Option<Duration>, namespaces: Vec<String>) {
        self.inside().figures = Figures { round_trip, namespaces };
    }
}
