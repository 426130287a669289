//! Several addresses of one name: attempts that begin one after the other and go on side by side; the first that succeeds is kept
//! (RFC 8305).

use crate::error::Error;
use runtime::Handle;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// How long an address may stay silent before the next one is tried beside it. Default 250 ms (RFC 8305 section 5): longer than most
/// handshakes take, and not yet noticed by people.
pub(crate) const STAGGER: Duration = Duration::from_millis(250);

/// Why no attempt succeeded.
pub(crate) enum Lost {
    /// An attempt failed in a way that decides for all.
    Decided(Error),
    /// Each failed in its own way.
    Each(Vec<(SocketAddr, Error)>),
}

/// The addresses with their families taking turns, each family in its own order, the first of all in front (RFC 8305 section 4): where
/// one family leads nowhere, the other is tried second.
pub(crate) fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (mut ours, mut others): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv4() == first.is_ipv4());
    ours.reverse();
    others.reverse();
    let mut order = Vec::with_capacity(addresses.len());
    while let Some(next) = ours.pop().or_else(|| others.pop()) {
        order.push(next);
        std::mem::swap(&mut ours, &mut others);
    }
    order
}

/// Begins an attempt at each address in turn: the next when the one before has failed, or has been silent for `stagger`. Gives the first
/// that succeeds; the others are dropped, which ends them. `decides` says of an error that no other address would do better.
pub(crate) async fn race<T, F: Future<Output = Result<T, Error>>>(
    handle: &Handle,
    addresses: &[SocketAddr],
    stagger: Duration,
    decides: impl Fn(&Error) -> bool,
    attempt: impl Fn(usize, SocketAddr) -> F,
) -> Result<T, Lost> {
    let mut left = addresses.iter().copied().enumerate();
    let mut running: Vec<(SocketAddr, Pin<Box<F>>)> = Vec::new();
    let mut failed = Vec::new();
    let mut due = pin!(handle.sleep(Duration::ZERO));
    poll_fn(|context| {
        loop {
            let mut has_failed = false;
            let mut at = 0;
            while let Some((address, future)) = running.get_mut(at) {
                match future.as_mut().poll(context) {
                    Poll::Pending => at += 1,
                    Poll::Ready(Ok(won)) => return Poll::Ready(Ok(won)),
                    Poll::Ready(Err(error)) if decides(&error) => return Poll::Ready(Err(Lost::Decided(error))),
                    Poll::Ready(Err(error)) => {
                        failed.push((*address, error));
                        has_failed = true;
                        running.remove(at);
                    }
                }
            }
            let is_due = running.is_empty() || has_failed || due.as_mut().poll(context).is_ready();
            if !is_due {
                return Poll::Pending;
            }
            match left.next() {
                Some((number, address)) => {
                    running.push((address, Box::pin(attempt(number, address))));
                    due.as_mut().reset(handle.read_clock() + stagger);
                }
                None if running.is_empty() => return Poll::Ready(Err(Lost::Each(std::mem::take(&mut failed)))),
                None => return Poll::Pending,
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Executor;
    use std::cell::RefCell;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_the_first_stays_in_front() {
        for (given, expected) in [
            (&["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1"][..], &["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"][..]),
            (&["1.1.1.1:1", "2.2.2.2:1", "[::1]:1"], &["1.1.1.1:1", "[::1]:1", "2.2.2.2:1"]),
            (&["1.1.1.1:1", "2.2.2.2:1"], &["1.1.1.1:1", "2.2.2.2:1"]),
            (&[], &[]),
        ] {
            assert_eq!(interleaved(&addresses(given)), addresses(expected));
        }
    }

    /// What each address does: how long it takes, and whether it then succeeds.
    fn raced(stagger: Duration, plan: &[(u64, Result<(), bool>)]) -> (Result<usize, usize>, Vec<&'static str>) {
        struct Told<'a>(&'a RefCell<Vec<&'static str>>, bool);
        impl Drop for Told<'_> {
            fn drop(&mut self) {
                self.0.borrow_mut().push(if self.1 { "ended" } else { "dropped" });
            }
        }
        let executor = Executor::new().unwrap();
        let handle = executor.handle();
        let told = RefCell::new(Vec::new());
        let all: Vec<SocketAddr> =
            (1..=plan.len()).map(|port| SocketAddr::from(([127, 0, 0, 1], port as u16))).collect();
        let attempt = |number: usize, _| {
            let told = &told;
            async move {
                told.borrow_mut().push("begun");
                let mut end = Told(told, false);
                let (millis, result) = plan[number];
                handle.sleep(Duration::from_millis(millis)).await;
                end.1 = true;
                result.map(|()| number).map_err(|decides| if decides { Error::ShutDown } else { Error::GoingAway })
            }
        };
        let decides = |error: &Error| matches!(error, Error::ShutDown);
        let result = executor.block_on(race(handle, &all, stagger, decides, attempt));
        let result = result.map_err(|lost| match lost {
            Lost::Decided(_) => usize::MAX,
            Lost::Each(failed) => failed.len(),
        });
        (result, told.into_inner())
    }

    const FOREVER: u64 = 3_600_000;
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_silent_address_does_not_keep_the_next_from_being_tried() {
        let (result, told) = raced(Duration::from_millis(1), &[(FOREVER, Ok(())), (1, Ok(())), (FOREVER, Ok(()))]);
        assert_eq!(result, Ok(1));
        assert!(told.contains(&"dropped"), "the loser is ended: {told:?}");
    }

    #[test]
    fn an_address_that_answers_in_time_is_the_only_one_tried() {
        assert_eq!(raced(LONG, &[(5, Ok(())), (0, Ok(()))]), (Ok(0), vec!["begun", "ended"]));
    }

    #[test]
    fn a_failure_has_the_next_begin_at_once_and_all_are_told() {
        assert_eq!(raced(LONG, &[(1, Err(false)), (1, Err(false)), (1, Ok(()))]).0, Ok(2));
        assert_eq!(raced(LONG, &[(1, Err(false)), (1, Err(false))]).0, Err(2));
        assert_eq!(raced(LONG, &[]).0, Err(0));
    }

    #[test]
    fn what_decides_for_all_ends_all() {
        assert_eq!(raced(LONG, &[(1, Err(true)), (1, Ok(()))]), (Err(usize::MAX), vec!["begun", "ended"]));
        let (result, told) = raced(Duration::from_millis(1), &[(FOREVER, Ok(())), (1, Err(true))]);
        assert_eq!((result, told), (Err(usize::MAX), vec!["begun", "begun", "ended", "dropped"]));
    }
}
