//! SIGINT, SIGTERM, SIGQUIT and SIGHUP while something is fetched: the first lets the command end in good order, the second ends it at once.

use crate::command::failure::Failure;
use crate::command::part_file;
use posthaste::Handle;
use runtime::{Executor, Signal, SignalMark, Signals};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// A signal so soon after the first is the same one: `timeout` and some shells send it to the process and to its group.
const SAME: Duration = Duration::from_millis(100);

/// Hears of the first signal.
pub struct Interruption {
    signals: Signals,
}

impl Interruption {
    /// From now on signals are heard. A thread of its own hears the second one, whatever this one is at.
    pub fn new(handle: &Handle) -> Result<Interruption, Failure> {
        let heard = SignalMark::now_with_hangup().and_then(|mark| {
            let name = "posthaste-signals".to_owned();
            std::thread::Builder::new().name(name).spawn(move || end_by_second(mark))?;
            Signals::since(handle, mark)
        });
        let refused = |error: io::Error| Failure::Failed(format!("signals cannot be heard: {error}"));
        Ok(Interruption { signals: heard.map_err(refused)? })
    }

    /// What `future` gives, unless a signal comes before.
    pub async fn unless<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Failure> {
        let mut future = pin!(future);
        let mut signal = pin!(self.signals.next());
        poll_fn(|context| {
            if let Poll::Ready(signal) = signal.as_mut().poll(context) {
                return Poll::Ready(Err(Failure::Signal(number(signal))));
            }
            future.as_mut().poll(context).map(Ok)
        })
        .await
    }
}

/// The life of the thread that waits for the second signal.
fn end_by_second(mark: SignalMark) {
    // Without a descriptor for it the first signal is heard all the same, and SIGKILL is there.
    let Ok(executor) = Executor::new() else { return };
    let Ok(mut signals) = Signals::since(executor.handle(), mark) else { return };
    let signal = executor.block_on(async {
        signals.next().await;
        let first = Instant::now();
        loop {
            let signal = signals.next().await;
            if first.elapsed() >= SAME {
                return signal;
            }
        }
    });
    part_file::remove_unfinished();
    std::process::exit(i32::from(status(number(signal))));
}

/// The exit status that tells of a signal, as shells have it.
pub fn status(signal: u8) -> u8 {
    128 + signal
}

fn number(signal: Signal) -> u8 {
    u8::try_from(signal.number()).expect("signals have small numbers")
}
