//! SIGHUP, by which a service is asked to read its files again, as a future.

use crate::executor::{Handle, Watched};
use crate::signal::{Counter, release_place, take_place};
use crate::sys::{self, Alarm};
use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::task::Poll;

/// Hears of each SIGHUP that comes after its creation.
pub struct Hangups {
    alarm: Watched<&'static Alarm>,
    place: usize,
    counter: Counter,
}

impl Hangups {
    /// From now on SIGHUP does not end the process but is reported here.
    ///
    /// # Errors
    /// There are 64 listeners to signals already, or the process has no descriptor left.
    pub fn new(handle: &Handle) -> io::Result<Hangups> {
        let (place, alarm) = take_place()?;
        let heard = sys::on_signal_number(place, alarm, sys::SIGHUP, false);
        let ready = heard.and_then(|count| Ok((count, handle.watch(alarm)?)));
        match ready {
            Ok((count, alarm)) => {
                let count = count.expect("it is heard though it was ignored");
                let counter = Counter { count, seen: count.load(Ordering::Acquire) };
                Ok(Hangups { alarm, place, counter })
            }
            Err(error) => {
                release_place(place);
                Err(error)
            }
        }
    }

    /// Waits for the next one. Those that came meanwhile are told as one: who reads files again has read the newest.
    pub async fn next(&mut self) {
        std::future::poll_fn(|context| {
            loop {
                // A pipe that nobody empties would be full one day, and tell no more.
                self.alarm.inner().quiet();
                if self.counter.take() {
                    while self.counter.take() {}
                    return Poll::Ready(());
                }
                // The handler counts before it raises the alarm: a signal from here on is an edge that is yet to be seen.
                self.alarm.clear_readable();
                if self.alarm.poll_readable(context).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }
}

impl Drop for Hangups {
    fn drop(&mut self) {
        release_place(self.place);
    }
}

impl fmt::Debug for Hangups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hangups").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Executor;

    #[test]
    fn hangups_are_heard_by_all_and_told_as_one() {
        let executor = Executor::new().unwrap();
        let handle = executor.handle();
        executor.block_on(async {
            let (mut first, mut second) = (Hangups::new(handle).unwrap(), Hangups::new(handle).unwrap());
            sys::testing::raise(libc::SIGHUP);
            sys::testing::raise(libc::SIGHUP);
            first.next().await;
            second.next().await;
            sys::testing::raise(libc::SIGHUP);
            second.next().await;
            let waiting = handle.spawn(async move { second.next().await });
            sys::testing::raise(libc::SIGHUP);
            waiting.await.unwrap();
        });
    }
}
