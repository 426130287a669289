//! Requests that wait for a connection, the one that came first before the others.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Who waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    next: Cell<u64>,
    queue: RefCell<BTreeMap<u64, Waker>>,
}

impl Waiting {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.queue.borrow().len()
    }

    /// There may be a connection for one of them.
    pub(super) fn wake_one(&self) {
        let first = self.queue.borrow_mut().pop_first();
        if let Some((_, waker)) = first {
            waker.wake();
        }
    }

    /// Ready when it is this one's turn to look.
    pub(super) fn turn(self: &Rc<Waiting>) -> Turn {
        Turn { waiting: self.clone(), place: None, is_taken: false }
    }
}

/// A place in the queue.
#[derive(Debug)]
pub(super) struct Turn {
    waiting: Rc<Waiting>,
    place: Option<u64>,
    is_taken: bool,
}

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waiting = self.waiting.clone();
        let mut queue = waiting.queue.borrow_mut();
        let place = match self.place {
            Some(place) if !queue.contains_key(&place) => {
                self.is_taken = true;
                return Poll::Ready(());
            }
            Some(place) => place,
            None => waiting.next.replace(waiting.next.get() + 1),
        };
        self.place = Some(place);
        queue.insert(place, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(place) = self.place.filter(|_| !self.is_taken) else { return };
        let was_waiting = self.waiting.queue.borrow_mut().remove(&place).is_some();
        if !was_waiting {
            // Its turn had come, and it does not use it.
            self.waiting.wake_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[test]
    fn turns_come_in_order_and_those_of_who_left_go_on() {
        let waiting = Rc::new(Waiting::default());
        let mut context = Context::from_waker(Waker::noop());
        let (mut one, mut other, mut third) = (pin!(waiting.turn()), Box::pin(waiting.turn()), pin!(waiting.turn()));
        assert!(one.as_mut().poll(&mut context).is_pending());
        assert!(other.as_mut().poll(&mut context).is_pending());
        assert!(third.as_mut().poll(&mut context).is_pending());
        assert_eq!(waiting.len(), 3);
        waiting.wake_one();
        assert!(other.as_mut().poll(&mut context).is_pending());
        assert!(one.as_mut().poll(&mut context).is_ready());
        waiting.wake_one();
        assert_eq!(waiting.len(), 1);
        drop(other);
        assert!(third.as_mut().poll(&mut context).is_ready(), "the turn that was not used");
        drop(waiting.turn());
        waiting.wake_one();
    }
}
