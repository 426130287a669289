//! `posthaste load`: sends requests repeatedly, and reports throughput and latency.

pub mod flags;
pub mod help;
pub mod histogram;
mod pace;
mod replay;
mod tally;

use crate::command::arguments::Load;
use crate::command::diagnosis::Records;
use crate::command::failure::Failure;
use crate::command::interruption::Interruption;
use crate::command::load::pace::{Begin, Pace};
use crate::command::load::replay::{Planned, plan};
use crate::command::load::tally::{Tally, Terms, Trouble};
use crate::command::output;
use crate::command::trust;
use base::Instant;
use posthaste::{Client, Error, Handle, RequestBuilder, Roots, Timeouts};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{IsTerminal, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Who only waits for an answer says nothing, and a translator on the way that forgets it meanwhile would keep the answer from
/// it for good: no packet of the server's can open the way again.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// How often is told how it goes, on a terminal.
const NEWS: Duration = Duration::from_secs(1);

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Failed(error) => error.into(),
            silent @ Trouble::Silent(_) => Failure::Failed(silent.explain()),
        }
    }
}

/// What all workers of a run share.
struct Run {
    handle: Handle,
    migrate: u64,
    patience: Duration,
    pace: Pace,
    tally: RefCell<Tally>,
    /// When an answer was last complete.
    last_success: Cell<Instant>,
    /// Which of the requests is next.
    turn: Cell<usize>,
}

/// Measures; fails if any answer was not complete and 2xx, or a connection did not move that was to.
pub fn run(arguments: &Load) -> Result<(), Failure> {
    let planned = plan(arguments)?;
    let roots = trust::roots(&arguments.trust)?;
    // One for the connections of all clients.
    let trace = Records::open(&arguments.diagnosis)?.trace.map(|trace| Arc::new(Mutex::new(trace)));
    let (run, elapsed, interrupted) = posthaste::run(|handle| async move {
        let mut interruption = Interruption::new(&handle)?;
        let clients: Vec<Client> = (0..arguments.connections)
            .map(|_| {
                let builder = builder(&roots, arguments);
                match &trace {
                    Some(trace) => builder.trace(trace.clone()).build(&handle),
                    None => builder.build(&handle),
                }
            })
            .collect();
        // Connections first: what is measured is requests. It also finds out whether there is a server at all.
        let first = planned.first().ok_or(Failure::Quiet)?;
        for client in &clients {
            interruption.unless(ask(&handle, arguments.patience, first.on(client))).await??;
        }
        let pace = Pace::new(arguments, handle.read_clock());
        let begun = handle.read_clock();
        let run = Rc::new(Run {
            handle: handle.clone(),
            migrate: arguments.migrate,
            patience: arguments.patience,
            pace,
            tally: RefCell::new(Tally::new()),
            last_success: Cell::new(begun),
            turn: Cell::new(0),
        });
        let news =
            (!arguments.flags.silent && std::io::stderr().is_terminal()).then(|| handle.spawn(tell_news(run.clone())));
        let interrupted = interruption.unless(work_all(&run, &clients, &planned, arguments)).await.err();
        run.tally.borrow_mut().missed = run.pace.missed();
        let elapsed = handle.read_clock() - begun.max(run.pace.counts_from());
        if let Some(news) = news {
            news.abort();
        }
        for client in &clients {
            client.close().await;
        }
        Ok::<_, Failure>((run, elapsed, interrupted))
    })??;
    let terms = Terms {
        elapsed,
        rate: arguments.flags.rate,
        connections: arguments.connections,
        concurrency: arguments.concurrency,
    };
    let tally = run.tally.borrow();
    output::print(&if arguments.flags.json { tally.json(&terms) } else { tally.text(&terms) })?;
    match interrupted {
        Some(interrupted) => Err(interrupted),
        None if tally.has_failed() => Err(Failure::Quiet),
        None => Ok(()),
    }
}

fn builder(roots: &Roots, arguments: &Load) -> posthaste::ClientBuilder {
    // Each wait has a clock of this command.
    let forever = Timeouts { first_byte: Duration::MAX, idle: Duration::MAX, whole: Duration::MAX };
    let builder = Client::builder(roots.clone()).congestion_control(arguments.congestion_control);
    let mut builder = builder.timeouts(forever).dynamic_table(arguments.qpack_table);
    builder.transport.keep_alive = Some(KEEP_ALIVE);
    builder
}

async fn work_all(run: &Rc<Run>, clients: &[Client], planned: &[Planned], arguments: &Load) {
    // More workers than requests would only be memory.
    let most = if arguments.flags.duration.is_some() { u64::MAX } else { arguments.requests };
    let workers = arguments.concurrency.min(usize::try_from(most).unwrap_or(usize::MAX));
    let workers: Vec<_> = (0..workers)
        .filter_map(|number| clients.get(number % clients.len()))
        .map(|client| {
            let requests = planned.iter().map(|planned| planned.on(client)).collect();
            run.handle.spawn(work(run.clone(), client.clone(), requests))
        })
        .collect();
    for worker in workers {
        let _ = worker.await;
    }
}

async fn work(run: Rc<Run>, client: Client, requests: Vec<RequestBuilder>) {
    let mut asked = 0u64;
    while let Some(begin) = run.pace.next(run.handle.read_clock()) {
        let due = run.wait(begin).await;
        asked += 1;
        if asked.checked_rem(run.migrate) == Some(0) {
            match client.migrate().await {
                Ok(moved) => run.tally.borrow_mut().moves += moved as u64,
                Err(error) => run.tally.borrow_mut().on_failed_move(&error),
            }
        }
        let turn = run.turn.get();
        run.turn.set((turn + 1) % requests.len().max(1));
        let Some(request) = requests.get(turn) else { return };
        let result = ask(&run.handle, run.patience, request.clone()).await;
        run.count(due, result);
    }
}

impl Run {
    /// Waits for the time of a request, and gives from when on it is measured.
    async fn wait(&self, begin: Begin) -> Instant {
        let Begin::At(due) = begin else { return self.handle.read_clock() };
        self.handle.sleep_until(due).await;
        let late = self.handle.read_clock() - due;
        let mut tally = self.tally.borrow_mut();
        tally.latest = tally.latest.max(late);
        due
    }

    fn count(&self, due: Instant, result: Result<(u16, u64), Trouble>) {
        let now = self.handle.read_clock();
        if result.is_ok() {
            self.last_success.set(now);
        }
        if due < self.pace.counts_from() {
            return;
        }
        let mut tally = self.tally.borrow_mut();
        match result {
            Ok((status, bytes)) => tally.on_answer(status, bytes, now - due),
            Err(trouble) => {
                tally.on_trouble(&trouble);
                // If none has succeeded for that long, the server is gone: each further one would take its time to find out the same.
                if now - self.last_success.get() >= self.patience {
                    tally.given_up += self.pace.end();
                }
            }
        }
    }
}

/// Status and bytes of the answer to a request.
async fn ask(handle: &Handle, patience: Duration, request: RequestBuilder) -> Result<(u16, u64), Trouble> {
    let mut response = within(handle, patience, request.send()).await?;
    let status = response.status().code();
    while within(handle, patience, response.body().chunk()).await?.is_some() {}
    Ok((status, response.body().received()))
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

/// How it goes, once in a second.
async fn tell_news(run: Rc<Run>) {
    let mut before = 0;
    loop {
        run.handle.sleep(NEWS).await;
        let (answers, errors) = {
            let tally = run.tally.borrow();
            (tally.latencies.total(), tally.errors())
        };
        let line = format!("\r\x1b[K{} requests/s, {answers} answers, {errors} errors", answers - before);
        before = answers;
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
