//! The command `posthaste`: serve files, fetch, measure.
#![forbid(unsafe_code)]
#![allow(unreachable_pub)] // a program has no outside

mod command;

use command::failure::Failure;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match command::run(std::env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(text)) => {
            say(&text);
            ExitCode::from(2)
        }
        Err(Failure::Failed(text)) => {
            say(&text);
            ExitCode::FAILURE
        }
        Err(Failure::Quiet) => ExitCode::FAILURE,
    }
}

/// In one write, so that it does not mix with the lines of others. Where nobody reads it there is nobody else to tell.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(format!("posthaste: {text}\n").as_bytes());
}
