//! A server on several threads: each has an executor, sockets and connections of its own, and shares the port with the others.
//!
//! The system gives each pair of addresses to one worker. A connection keeps its worker when its client moves, because its
//! connection IDs name the worker, and datagrams that come out at another are handed over.

use crate::error::Error;
use crate::server::census::Census;
use crate::server::meter::Meter;
use quic::{EndpointStats, Stats};
use runtime::{Executor, Handle, Shutdown, SignalMark, Signals};
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

/// Running workers. Dropping this leaves them running.
pub struct Workers {
    addresses: Vec<SocketAddr>,
    plain: Vec<SocketAddr>,
    threads: runtime::Workers,
    stop: Stop,
    /// Triggered when the last one has ended.
    ended: Shutdown,
    failure: Failure,
    /// From when on signals count.
    signals: Option<SignalMark>,
    census: Arc<Census>,
}

/// What tells workers to end, and asks them what they have counted.
#[derive(Clone)]
pub(crate) struct Stop {
    /// Who asks.
    pub(crate) census: Arc<Census>,
    /// Take no more requests, let those under way finish.
    pub(crate) drain: Shutdown,
    /// End at once.
    pub(crate) close: Shutdown,
}

/// The first error of a worker.
type Failure = Arc<Mutex<Option<Error>>>;

impl Workers {
    /// Starts `count` threads that each call `run` with their number. When one ends, all are told to.
    pub(crate) fn spawn(
        count: usize,
        addresses: Vec<SocketAddr>,
        plain: Vec<SocketAddr>,
        signals: Option<SignalMark>,
        run: impl Fn(usize, &Executor, &Stop) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<Workers, Error> {
        let census = Arc::new(Census::new(count));
        let stop = Stop { census: census.clone(), drain: Shutdown::new(), close: Shutdown::new() };
        let (ended, failure) = (Shutdown::new(), Failure::default());
        let (theirs, first, last) = (stop.clone(), failure.clone(), TriggerAtEnd(ended.clone()));
        let work = move |number, executor: &Executor| {
            // The closure is dropped by the last of them.
            let _last = &last;
            let _others = TriggerAtEnd(theirs.drain.clone());
            let _silence = SilentAtEnd(&theirs.census, number);
            let result = run(number, executor, &theirs);
            executor.block_on(executor.handle().farewells_over());
            if let Err(error) = result {
                keep(&mut lock(&first), error);
            }
            Ok(())
        };
        let threads = runtime::spawn_workers(count, work).map_err(|error| {
            stop.drain.trigger();
            Error::system(error)
        })?;
        Ok(Workers { addresses, plain, threads, stop, ended, failure, signals, census })
    }

    /// Where they listen, with the ports that the system chose where it was asked to.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the first of them listens without TLS: [`ServerBuilder::redirect_http`](crate::ServerBuilder::redirect_http).
    pub fn plain_addresses(&self) -> &[SocketAddr] {
        &self.plain
    }

    /// Requests that are being answered, by all of them.
    ///
    /// # Errors
    /// A worker does not answer within a second: a handler keeps its thread from everything else. A handler that asks keeps its own.
    pub fn requests_under_way(&self) -> Result<usize, Error> {
        self.meter().requests_under_way()
    }

    /// What each open QUIC connection has sent, received and measured, and the address of its client.
    ///
    /// # Errors
    /// As for [`Workers::requests_under_way`].
    pub fn connections(&self) -> Result<Vec<(SocketAddr, Stats)>, Error> {
        self.meter().connections()
    }

    /// How many clients are connected by TCP.
    ///
    /// # Errors
    /// As for [`Workers::requests_under_way`].
    pub fn tcp_connections(&self) -> Result<usize, Error> {
        self.meter().tcp_connections()
    }

    /// How much all of them hold, and what became of clients' first packets. A worker that has ended holds nothing more, and what
    /// it has counted stays counted.
    ///
    /// # Errors
    /// As for [`Workers::requests_under_way`].
    pub fn stats(&self) -> Result<EndpointStats, Error> {
        self.meter().stats()
    }

    /// For another thread that asks the same now and then, as long as it likes.
    pub fn meter(&self) -> Meter {
        Meter::new(self.census.clone(), self.stop.drain.clone())
    }

    /// Tells all to take no more connections and requests, and to end when those under way have. See [`Workers::join`].
    pub fn shutdown(&self) {
        self.stop.drain.trigger();
    }

    /// Tells all to end at once.
    pub fn close(&self) {
        self.stop.drain.trigger();
        self.stop.close.trigger();
    }

    /// Waits until all have ended, each for itself or because it was told to; the first that ends has the others end as by
    /// [`Workers::shutdown`].
    ///
    /// # Errors
    /// The first error of a worker: its sockets cannot be used any more, or it panicked; else [`Error::Unfinished`], if requests
    /// were cut short.
    pub fn join(self) -> Result<(), Error> {
        let joined = self.threads.join().map_err(Error::system);
        match lock(&self.failure).take() {
            Some(error) => Err(error),
            None => joined,
        }
    }

    /// Waits for the end, and passes SIGINT, SIGQUIT and SIGTERM on: the first lets requests under way finish, a second ends all at
    /// once.
    ///
    /// # Errors
    /// As for [`Workers::join`]; the system has no descriptor left.
    pub fn until_signal(self) -> Result<(), Error> {
        let executor = Executor::new().map_err(Error::system)?;
        let mut signals = signals(executor.handle(), self.signals)?;
        executor.block_on(async {
            either(signals.next(), self.stop.drain.wait()).await;
            self.shutdown();
            if either(signals.next(), self.ended.wait()).await {
                self.close();
            }
        });
        self.join()
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// Triggers when it is dropped, also by a panic.
struct TriggerAtEnd(Shutdown);

impl Drop for TriggerAtEnd {
    fn drop(&mut self) {
        self.0.trigger();
    }
}

/// A worker whose counters are not to be had any more, also by a panic.
struct SilentAtEnd<'a>(&'a Census, usize);

impl Drop for SilentAtEnd<'_> {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

/// The first error counts, and a failure more than requests that were cut short; those are added up.
fn keep(kept: &mut Option<Error>, error: Error) {
    match (&mut *kept, error) {
        (Some(Error::Unfinished { requests, cut }), Error::Unfinished { requests: more, cut: others }) => {
            *requests += more;
            cut.extend(others);
        }
        (None | Some(Error::Unfinished { .. }), error) => *kept = Some(error),
        (Some(_), _) => {}
    }
}

/// Those that come from `mark` on, or from now on.
pub(crate) fn signals(handle: &Handle, mark: Option<SignalMark>) -> Result<Signals, Error> {
    let signals = mark.map_or_else(|| Signals::new(handle), |mark| Signals::since(handle, mark));
    signals.map_err(Error::system)
}

fn lock(failure: &Failure) -> std::sync::MutexGuard<'_, Option<Error>> {
    failure.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for one of two: whether it was the first.
pub(crate) async fn either<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> bool {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| {
        if first.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        second.as_mut().poll(context).map(|_| false)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_cut_short_are_added_up_and_a_failure_counts_more() {
        let cut = |requests| Error::Unfinished { requests, cut: Vec::new() };
        let mut kept = None;
        keep(&mut kept, cut(1));
        keep(&mut kept, cut(2));
        assert!(matches!(kept, Some(Error::Unfinished { requests: 3, .. })));
        keep(&mut kept, Error::GoingAway);
        keep(&mut kept, cut(4));
        keep(&mut kept, Error::ShutDown);
        assert!(matches!(kept, Some(Error::GoingAway)));
    }

    /// Each of these would wait for ever if the end of the first did not reach the second.
    #[test]
    fn one_that_fails_or_panics_ends_all_and_is_told() {
        let start = |first: fn() -> Result<(), Error>| {
            Workers::spawn(2, Vec::new(), Vec::new(), None, move |number, executor, stop| {
                if number == 0 {
                    return first();
                }
                executor.block_on(stop.drain.wait());
                Ok(())
            })
        };
        let failed = start(|| Err(Error::GoingAway)).unwrap().join();
        assert!(matches!(failed, Err(Error::GoingAway)));
        let failed = start(|| Err(Error::GoingAway)).unwrap().until_signal();
        assert!(matches!(failed, Err(Error::GoingAway)));
        let panicked = start(|| panic!("on purpose")).unwrap().until_signal().unwrap_err();
        assert!(panicked.to_string().contains("panicked"), "{panicked}");
    }
}
