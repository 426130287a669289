//! The command `posthaste`: serve files, fetch, measure.
#![forbid(unsafe_code)]
#![allow(unreachable_pub)] // a program has no outside

mod command;

use command::failure::Failure;
use command::{interruption, output};
use std::process::ExitCode;

fn main() -> ExitCode {
    match command::run(std::env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(text)) => {
            output::report(&text);
            ExitCode::from(2)
        }
        Err(Failure::Failed(text)) => {
            output::report(&text);
            ExitCode::FAILURE
        }
        Err(Failure::Coded(status, text)) => {
            output::report(&text);
            ExitCode::from(status)
        }
        Err(Failure::Reported(status)) => ExitCode::from(status),
        Err(Failure::Quiet) => ExitCode::FAILURE,
        Err(Failure::Signal(number)) => ExitCode::from(interruption::status(number)),
    }
}
