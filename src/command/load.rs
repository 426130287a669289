//! `posthaste load`: sends requests repeatedly, and reports throughput and latency.

use crate::command::arguments::Load;
use crate::command::diagnosis::Records;
use crate::command::failure::{Failure, explain};
use crate::command::output::{self, bytes};
use crate::command::trust;
use posthaste::url::Url;
use posthaste::{Client, Error, Handle, RequestBuilder};
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Who only waits for an answer says nothing, and a translator on the way that forgets it meanwhile would keep the answer from
/// it for good: no packet of the server's can open the way again.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Tally {
    left: Cell<u64>,
    bytes: Cell<u64>,
    /// Microseconds of each answer that was complete.
    latencies: RefCell<Vec<u32>>,
    errors: Cell<u64>,
    moves: Cell<u64>,
    failed_moves: Cell<u64>,
    first_failed_move: RefCell<Option<String>>,
    not_successful: Cell<u64>,
    first_error: RefCell<Option<String>>,
    /// When an answer was last complete.
    last_success: Cell<Option<Instant>>,
    /// Requests that were not sent, because nothing succeeded any more.
    given_up: Cell<u64>,
}

/// Why an answer is not complete.
enum Trouble {
    Failed(Error),
    /// Nothing came of it for so long.
    Silent(Duration),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Failed(error)
    }
}

impl Trouble {
    fn explain(&self) -> String {
        match self {
            Trouble::Failed(error) => explain(error),
            Trouble::Silent(patience) => format!(
                "nothing came of an answer for {} s\n  is the server reached, stuck, or slow by intention? --timeout SECONDS waits \
                 longer",
                patience.as_secs_f64()
            ),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Failed(error) => error.into(),
            silent @ Trouble::Silent(_) => Failure::Failed(silent.explain()),
        }
    }
}

/// Measures; fails if any answer was not complete and 2xx, or a connection did not move that was to.
pub fn run(arguments: &Load) -> Result<(), Failure> {
    Url::parse(&arguments.url).map_err(|error| Failure::Usage(format!("{}: {error}", arguments.url)))?;
    let roots = trust::roots(&arguments.trust)?;
    // One for the connections of all clients.
    let trace = Records::open(&arguments.diagnosis)?.trace.map(|trace| Arc::new(Mutex::new(trace)));
    let tally = Rc::new(Tally::default());
    tally.left.set(arguments.requests);
    let elapsed = posthaste::run(|handle| {
        let tally = tally.clone();
        async move {
            let clients: Vec<Client> = (0..arguments.connections)
                .map(|_| {
                    let mut builder = Client::builder(roots.clone()).congestion_control(arguments.congestion_control);
                    builder = builder.dynamic_table(arguments.qpack_table);
                    builder.transport.keep_alive = Some(KEEP_ALIVE);
                    match &trace {
                        Some(trace) => builder.trace(trace.clone()).build(&handle),
                        None => builder.build(&handle),
                    }
                })
                .collect();
            // Connections first: what is measured is requests. It also finds out whether there is a server at all.
            for client in &clients {
                ask(&handle, arguments.patience, &client.get(&arguments.url)).await?;
            }
            let began = Instant::now();
            tally.last_success.set(Some(began));
            // More workers than requests would only be memory.
            let workers = arguments.concurrency.min(usize::try_from(arguments.requests).unwrap_or(usize::MAX));
            let workers: Vec<_> = (0..workers)
                .filter_map(|number| clients.get(number % clients.len()))
                .map(|client| handle.spawn(work(handle.clone(), client.clone(), arguments.clone(), tally.clone())))
                .collect();
            for worker in workers {
                let _ = worker.await;
            }
            let elapsed = began.elapsed();
            for client in &clients {
                client.close().await;
            }
            Ok::<Duration, Failure>(elapsed)
        }
    })??;
    output::print(&tally.report(elapsed))?;
    let failures = tally.errors.get() + tally.given_up.get() + tally.not_successful.get() + tally.failed_moves.get();
    if failures > 0 { Err(Failure::Quiet) } else { Ok(()) }
}

async fn work(handle: Handle, client: Client, arguments: Load, tally: Rc<Tally>) {
    let request = client.get(&arguments.url);
    let mut asked = 0u64;
    while let Some(left) = tally.left.get().checked_sub(1) {
        tally.left.set(left);
        asked += 1;
        if asked.checked_rem(arguments.migrate) == Some(0) {
            match client.migrate().await {
                Ok(moved) => tally.moves.set(tally.moves.get() + moved as u64),
                Err(error) => {
                    tally.failed_moves.set(tally.failed_moves.get() + 1);
                    tally.first_failed_move.borrow_mut().get_or_insert_with(|| explain(&error));
                }
            }
        }
        let began = Instant::now();
        match ask(&handle, arguments.patience, &request).await {
            Ok((count, successful)) => {
                tally.latencies.borrow_mut().push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
                tally.bytes.set(tally.bytes.get() + count);
                tally.not_successful.set(tally.not_successful.get() + u64::from(!successful));
                tally.last_success.set(Some(Instant::now()));
            }
            Err(error) => {
                tally.errors.set(tally.errors.get() + 1);
                tally.first_error.borrow_mut().get_or_insert_with(|| error.explain());
                tally.give_up_after(arguments.patience);
            }
        }
    }
}

async fn ask(handle: &Handle, patience: Duration, request: &RequestBuilder) -> Result<(u64, bool), Trouble> {
    let mut response = within(handle, patience, request.clone().send()).await?;
    let successful = response.status().is_successful();
    while within(handle, patience, response.body().chunk()).await?.is_some() {}
    Ok((response.body().received(), successful))
}

async fn within<T>(
    handle: &Handle,
    patience: Duration,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Trouble> {
    match handle.timeout(patience, step).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Trouble::Silent(patience)),
    }
}

impl Tally {
    /// A request has failed. If none has succeeded for that long, the server is gone: each further one would take its time
    /// to find out the same.
    fn give_up_after(&self, patience: Duration) {
        if self.last_success.get().is_some_and(|last| last.elapsed() >= patience) {
            self.given_up.set(self.given_up.get() + self.left.replace(0));
        }
    }

    fn report(&self, elapsed: Duration) -> String {
        let mut latencies = self.latencies.borrow_mut();
        latencies.sort_unstable();
        let seconds = elapsed.as_secs_f64().max(1e-9);
        let answers = latencies.len();
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{answers} answers in {seconds:.2} s: {:.0} requests/s, {}/s",
            answers as f64 / seconds,
            bytes(self.bytes.get() as f64 / seconds)
        );
        if let Some(longest) = latencies.last() {
            let at = |percent| milliseconds(percentile(&latencies, percent));
            let _ = writeln!(
                text,
                "latency p50 {}, p90 {}, p99 {}, longest {}",
                at(50),
                at(90),
                at(99),
                milliseconds(*longest)
            );
        }
        let _ = writeln!(text, "errors {}, not 2xx {}", self.errors.get(), self.not_successful.get());
        if self.given_up.get() > 0 {
            let _ = writeln!(
                text,
                "given up: {} requests were not sent, since no answer came any more",
                self.given_up.get()
            );
        }
        if self.moves.get() + self.failed_moves.get() > 0 {
            let _ = writeln!(text, "moves to another port {}, failed {}", self.moves.get(), self.failed_moves.get());
        }
        if let Some(error) = &*self.first_failed_move.borrow() {
            let _ = writeln!(text, "first failed move: {error}");
        }
        if let Some(error) = &*self.first_error.borrow() {
            let _ = writeln!(text, "first error: {error}");
        }
        text
    }
}

/// The smallest value that so many percent of `sorted` do not exceed.
fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0)
}

fn milliseconds(microseconds: u32) -> String {
    format!("{:.2} ms", f64::from(microseconds) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!([50, 90, 99, 100].map(|percent| percentile(&sorted, percent)), [100, 180, 198, 200]);
        assert_eq!(percentile(&[7], 50), 7);
        assert_eq!(percentile(&[], 50), 0);
    }
}
