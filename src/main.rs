//! The command `posthaste`: serve files, fetch, measure.
#![forbid(unsafe_code)]
#![allow(unreachable_pub)] // a program has no outside

mod command;

use command::failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    match command::run(std::env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(text)) => {
            eprintln!("posthaste: {text}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(text)) => {
            eprintln!("posthaste: {text}");
            ExitCode::FAILURE
        }
        Err(Failure::Quiet) => ExitCode::FAILURE,
    }
}
