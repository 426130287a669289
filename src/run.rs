//! One future on one executor: all that a small program needs.

use crate::error::Error;
use crate::http3::link::FAREWELL_TURNS;
use runtime::executor::yield_now;
use runtime::{Executor, Handle};
use std::future::Future;

/// Makes an executor for this thread and runs the future that `main` gives on it, with all the tasks it starts, until it
/// is ready.
///
/// # Errors
/// The system has no descriptor left.
pub fn run<F: Future>(main: impl FnOnce(Handle) -> F) -> Result<F::Output, Error> {
    let executor = Executor::new().map_err(Error::system)?;
    let future = main(executor.handle().clone());
    Ok(executor.block_on(async {
        let output = future.await;
        // Clients and servers that were dropped with the future still have a word for their peers.
        for _ in 0..=FAREWELL_TURNS {
            yield_now().await;
        }
        output
    }))
}
