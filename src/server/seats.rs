//! How many requests are under way, by every version of HTTP and with all workers of a server: whoever comes beyond that is answered
//! at once, and those that are there go on.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a server may have under way, unless it is said: 100,000, one for each connection that a worker may have.
pub(crate) const MOST: usize = 100_000;
/// When who is refused may come again, in seconds: most requests are over sooner. Default 1 s.
pub(crate) const RETRY_AFTER: &str = "1";

/// The requests that are under way.
pub(crate) struct Seats {
    most: usize,
    taken: AtomicUsize,
    /// It was told that all are taken, and half of them have not become free since.
    is_told: AtomicBool,
}

/// What one worker takes its seats of: those who have one share a reference that is not counted across threads.
pub(crate) struct WorkerSeats {
    seats: Arc<Seats>,
}

/// The place of one request, as long as this lives.
pub(crate) struct Seat {
    of: Rc<WorkerSeats>,
}

/// As many requests are under way as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AllTaken {
    /// Whether that is worth a line in a log.
    pub(crate) is_news: bool,
}

impl Seats {
    /// So many.
    pub(crate) fn new(most: usize) -> Arc<Seats> {
        Arc::new(Seats { most, taken: AtomicUsize::new(0), is_told: AtomicBool::new(false) })
    }
}

impl WorkerSeats {
    /// Of a worker.
    pub(crate) fn new(seats: Arc<Seats>) -> Rc<WorkerSeats> {
        Rc::new(WorkerSeats { seats })
    }

    /// How many there are, with all workers.
    pub(crate) fn most(&self) -> usize {
        self.seats.most
    }

    /// One more request.
    pub(crate) fn take(self: &Rc<WorkerSeats>) -> Result<Seat, AllTaken> {
        let Seats { most, taken, is_told } = &*self.seats;
        // Nothing else hangs on the number, so its order among other things does not matter.
        if taken.fetch_add(1, Ordering::Relaxed) < *most {
            return Ok(Seat { of: self.clone() });
        }
        taken.fetch_sub(1, Ordering::Relaxed);
        Err(AllTaken { is_news: !is_told.swap(true, Ordering::Relaxed) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let seats = &self.of.seats;
        let left = seats.taken.fetch_sub(1, Ordering::Relaxed) - 1;
        if left == seats.most / 2 {
            seats.is_told.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_beyond_them_is_refused_and_that_is_told_once() {
        let seats = WorkerSeats::new(Seats::new(4));
        let mut taken: Vec<_> = (0..4).map(|_| seats.take().ok().unwrap()).collect();
        let refused = |is_news| assert_eq!(seats.take().err(), Some(AllTaken { is_news }));
        refused(true);
        refused(false);
        taken.pop();
        taken.push(seats.take().ok().unwrap());
        refused(false);
        taken.truncate(2);
        taken.extend((0..2).map(|_| seats.take().ok().unwrap()));
        refused(true);
        drop(taken);
        assert_eq!(seats.seats.taken.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn threads_that_ask_at_once_never_have_more_than_there_are() {
        let seats = Seats::new(3);
        let held = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (seats, held) = (seats.clone(), held.clone());
                std::thread::spawn(move || {
                    let seats = WorkerSeats::new(seats);
                    for _ in 0..1000 {
                        if let Ok(seat) = seats.take() {
                            assert!(held.fetch_add(1, Ordering::SeqCst) < 3);
                            held.fetch_sub(1, Ordering::SeqCst);
                            drop(seat);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(seats.taken.load(Ordering::SeqCst), 0);
    }
}
