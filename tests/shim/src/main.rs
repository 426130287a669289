//! The program: flags in, exit code out.

use posthaste_shim::failure::Failure;
use posthaste_shim::{echo, flags};
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, ExitCode};

/// What is on standard error after this line is not the shim's.
const LAST_LINE: &str = "--- DONE ---";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).map(|argument| argument.into_vec()).collect();
    let code = match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit_code())
        }
    };
    eprintln!("{LAST_LINE}");
    code
}

fn run(arguments: &[Vec<u8>]) -> Result<(), Failure> {
    let connections = flags::parse(arguments)?;
    if connections.initial.is_handshaker_question {
        println!("No");
        return Ok(());
    }
    if connections.initial.waits_for_debugger {
        // The debugger lets it go on.
        Command::new("kill").args(["-STOP", &std::process::id().to_string()]).status()?;
    }
    echo::run(&connections)
}
