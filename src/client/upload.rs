//! A body that a thread reads while it is sent: a reader that takes its time lets the request wait, but not the connection's timers.

use base::Bytes;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How much is read at a time. A pipe gives what it has.
const PIECE: usize = 64 << 10;

/// How many pieces are read ahead.
const AHEAD: usize = 4;

/// What is read. Dropping it ends the thread with its next piece.
pub(crate) struct Upload {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is room for a piece, or nobody wants one any more.
    wanted: Condvar,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Bytes>,
    /// After the last piece: whether that was all.
    end: Option<io::Result<()>>,
    waker: Option<Waker>,
    is_dropped: bool,
}

impl Upload {
    /// Starts to read.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(reader: impl Read + Send + 'static) -> io::Result<Upload> {
        let shared = Arc::new(Shared::default());
        let reading = shared.clone();
        std::thread::Builder::new().name("posthaste-upload".into()).spawn(move || reading.run(reader))?;
        Ok(Upload { shared })
    }

    /// The next piece; `None` after the last.
    pub(crate) fn poll_piece(&mut self, context: &Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let mut state = self.shared.lock();
        if let Some(piece) = state.pieces.pop_front() {
            self.shared.wanted.notify_one();
            return Poll::Ready(Ok(Some(piece)));
        }
        if let Some(end) = state.end.take() {
            return Poll::Ready(end.map(|()| None));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.shared.lock().is_dropped = true;
        self.shared.wanted.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of the thread. A reader that panics is one that failed.
    fn run(&self, mut reader: impl Read) {
        let read = std::panic::AssertUnwindSafe(|| self.read(&mut reader));
        let panicked = |_| Err(io::Error::other("the reader of the body panicked"));
        let end = std::panic::catch_unwind(read).unwrap_or_else(panicked);
        self.tell(|state| state.end = Some(end));
    }

    fn read(&self, reader: &mut impl Read) -> io::Result<()> {
        loop {
            let mut piece = vec![0; PIECE];
            let count = match reader.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            if count == 0 || !self.has_room() {
                return Ok(());
            }
            piece.truncate(count);
            self.tell(|state| state.pieces.push_back(Bytes::from(piece)));
        }
    }

    /// Waits for room for a piece; false if nobody wants one any more.
    fn has_room(&self) -> bool {
        let has_to_wait = |state: &mut State| state.pieces.len() >= AHEAD && !state.is_dropped;
        let state = self.wanted.wait_while(self.lock(), has_to_wait).unwrap_or_else(PoisonError::into_inner);
        !state.is_dropped
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    fn collected(reader: impl Read + Send + 'static) -> io::Result<usize> {
        let executor = runtime::Executor::new().unwrap();
        executor.block_on(async {
            let mut upload = Upload::start(reader)?;
            let mut count = 0;
            while let Some(piece) = poll_fn(|context| upload.poll_piece(context)).await? {
                count += piece.len();
            }
            Ok(count)
        })
    }

    struct Panics;

    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("on purpose");
        }
    }

    struct Fails;

    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("a bad disk"))
        }
    }

    #[test]
    fn all_is_read_and_what_fails_is_told() {
        assert_eq!(collected(io::repeat(1).take(1_000_000)).unwrap(), 1_000_000);
        assert_eq!(collected(io::empty()).unwrap(), 0);
        assert_eq!(collected(Fails).unwrap_err().to_string(), "a bad disk");
        assert!(collected(Panics).unwrap_err().to_string().contains("panicked"));
    }

    /// A reader without end has a thread that ends all the same, and what nobody takes is not read.
    #[test]
    fn no_more_is_read_than_there_is_room_for() {
        struct Counts(Arc<std::sync::atomic::AtomicUsize>, std::sync::mpsc::Sender<()>);
        impl Read for Counts {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                if self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == AHEAD {
                    let _ = self.1.send(());
                }
                Ok(into.len())
            }
        }
        let reads = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (sender, full) = std::sync::mpsc::channel();
        let upload = Upload::start(Counts(reads.clone(), sender)).unwrap();
        full.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        let shared = upload.shared.clone();
        drop(upload);
        let ended = std::time::Instant::now();
        while shared.lock().end.is_none() {
            assert!(ended.elapsed() < std::time::Duration::from_secs(20));
            std::thread::yield_now();
        }
        assert_eq!(reads.load(std::sync::atomic::Ordering::SeqCst), AHEAD + 1);
    }
}
