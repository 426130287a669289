//! Runs one future on one executor: enough for a small program.

use crate::error::Error;
use runtime::{Executor, Handle};
use std::future::Future;

/// Makes an executor for this thread and runs the future that `main` gives on it, with all the tasks it starts, until it
/// is ready.
///
/// # Errors
/// The system has no descriptor left.
pub fn run<F: Future>(main: impl FnOnce(Handle) -> F) -> Result<F::Output, Error> {
    let executor = Executor::new().map_err(Error::system)?;
    let output = executor.block_on(main(executor.handle().clone()));
    // Clients and servers that were dropped with the future still have a word for their peers.
    executor.block_on(executor.handle().farewells_over());
    Ok(output)
}
