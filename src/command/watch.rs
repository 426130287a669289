//! How long one exchange may stand still. Time counts only while it is the other end that is waited for: not while a reader of
//! standard output takes its time, nor while a pipe gives nothing to send.

use crate::command::arguments::Limits;
use crate::command::failure::Failure;
use base::Instant;
use posthaste::Handle;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// The status of what was not there in time.
pub const LATE: u8 = 28;

/// What becomes of the request's body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its next part is not there yet.
    AwaitsSource,
    /// The server does not take it as yet.
    Sending,
    /// It was handed over, or there is none.
    Sent,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The head of the response.
    Head,
    /// More of the response.
    Body,
    /// That the server has all of the request.
    Delivery,
}

/// Watches one exchange.
pub struct Watch<'a> {
    handle: &'a Handle,
    limits: &'a Limits,
    stage: Cell<Stage>,
    /// When something was received or taken last.
    progress: Cell<Instant>,
}

impl<'a> Watch<'a> {
    /// Of an exchange that begins now.
    pub fn new(handle: &'a Handle, limits: &'a Limits, stage: Stage) -> Watch<'a> {
        Watch { handle, limits, stage: Cell::new(stage), progress: Cell::new(handle.read_clock()) }
    }

    /// The request has come so far.
    pub fn enter(&self, stage: Stage) {
        self.stage.set(stage);
        self.progress.set(self.handle.read_clock());
    }

    /// What `future` gives, which is woken by the task that also sends the request; fails when the other end was silent for too
    /// long.
    pub async fn wait<F: Future>(&self, awaited: Awaited, future: F) -> Result<F::Output, Failure> {
        self.progress.set(self.handle.read_clock());
        let mut future = pin!(future);
        let mut sleep = self.handle.sleep_until(Instant::MAX);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            let limit = self.limit(awaited);
            sleep.reset(limit.map_or(Instant::MAX, |limit| self.progress.get() + limit));
            Pin::new(&mut sleep).poll(context).map(|()| Err(self.too_long(awaited, limit.unwrap_or_default())))
        })
        .await
    }

    /// How long may pass without progress, if the other end is the one that is waited for.
    fn limit(&self, awaited: Awaited) -> Option<Duration> {
        match (self.stage.get(), awaited) {
            (Stage::AwaitsSource, _) => None,
            (Stage::Sent, Awaited::Head) => Some(self.limits.first_byte),
            _ => Some(self.limits.idle),
        }
    }

    fn too_long(&self, awaited: Awaited, limit: Duration) -> Failure {
        let seconds = limit.as_secs_f64();
        Failure::Coded(
            LATE,
            match (self.stage.get(), awaited) {
                (Stage::Sent, Awaited::Head) => {
                    format!("no response within {seconds} s of the request; --first-byte-timeout SECONDS waits longer")
                }
                (Stage::Sent, Awaited::Body) => {
                    format!("the server has sent nothing for {seconds} s; --idle-timeout SECONDS waits longer")
                }
                (Stage::Sent, Awaited::Delivery) => format!(
                    "the server answered, and has not taken all of the body within {seconds} s after that; --idle-timeout \
                 SECONDS waits longer"
                ),
                _ => format!(
                    "the server has taken nothing of the body for {seconds} s, and sent nothing; --idle-timeout SECONDS \
                 waits longer"
                ),
            },
        )
    }
}
