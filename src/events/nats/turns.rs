//! The order of publishes in a namespace whose stream may have to be made.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Namespaces that are known to have streams, at most; in others publishes go one after the other.
const MAX_KNOWN: usize = 10_000;

/// Whose turn it is to publish in a namespace whose stream may have to be made: what comes while that goes on would overtake it.
#[derive(Default)]
pub(super) struct Turns {
    /// Namespaces whose streams are there.
    known: BTreeSet<String>,
    waiting: BTreeMap<String, VecDeque<(u64, Option<Waker>)>>,
    count: u64,
}

/// A turn, which is over when this is dropped.
pub(super) struct Turn<'a> {
    turns: &'a RefCell<Turns>,
    namespace: &'a str,
    number: u64,
}

impl Turns {
    /// A publish has been taken: the stream is there.
    pub(super) fn note(&mut self, namespace: &str) {
        if self.known.len() < MAX_KNOWN && !self.known.contains(namespace) {
            self.known.insert(namespace.to_owned());
        }
    }

    /// Nobody has answered for it.
    pub(super) fn forget(&mut self, namespace: &str) {
        self.known.remove(namespace);
    }
}

impl Turn<'_> {
    /// Waits for the turn; nothing where nobody has to wait for one.
    pub(super) async fn of<'a>(turns: &'a RefCell<Turns>, namespace: &'a str) -> Option<Turn<'a>> {
        let number = {
            let mut turns = turns.borrow_mut();
            if turns.known.contains(namespace) && !turns.waiting.contains_key(namespace) {
                return None;
            }
            turns.count += 1;
            let number = turns.count;
            turns.waiting.entry(namespace.to_owned()).or_default().push_back((number, None));
            number
        };
        let turn = Turn { turns, namespace, number };
        poll_fn(|context| {
            let mut turns = turns.borrow_mut();
            let Some(waiting) = turns.waiting.get_mut(namespace) else { return Poll::Ready(()) };
            if waiting.front().is_some_and(|(first, _)| *first == number) {
                return Poll::Ready(());
            }
            if let Some((_, waker)) = waiting.iter_mut().find(|(one, _)| *one == number) {
                *waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
        Some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = self.turns.borrow_mut();
        let Some(waiting) = turns.waiting.get_mut(self.namespace) else { return };
        waiting.retain(|(number, _)| *number != self.number);
        let next = waiting.front_mut().and_then(|(_, waker)| waker.take());
        if waiting.is_empty() {
            turns.waiting.remove(self.namespace);
        }
        drop(turns);
        next.into_iter().for_each(Waker::wake);
    }
}
