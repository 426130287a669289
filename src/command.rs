//! From the command line to one of the commands.

mod access_log;
mod acme;
pub mod arguments;
mod balancing;
mod bodies;
mod certificate_file;
mod config_file;
mod data;
mod diagnosis;
mod events;
mod expiry;
pub mod failure;
pub mod get;
mod hint;
mod https_record;
mod identities;
mod input;
pub mod interruption;
mod json;
pub mod load;
mod log;
mod meter;
mod metrics;
mod naming;
mod ocsp;
pub mod output;
mod part_file;
mod path_line;
mod plain_http;
mod reload;
mod revocation_files;
mod routes;
mod serve;
mod service;
mod settings;
mod sites;
mod stdout;
mod tickets;
mod trust;
mod user;
mod watch;

use arguments::{Command, Usage};
use failure::Failure;
use std::ffi::OsString;

/// Does what the arguments say; they come without the program's own name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let arguments = arguments
        .map(|argument| argument.into_string().map_err(|argument| Usage(format!("{argument:?} is not UTF-8"))))
        .collect::<Result<Vec<String>, Usage>>()?;
    match arguments::parse(&arguments)? {
        Command::Serve(serve) => serve::run(serve),
        Command::Get(get) => get::run(get),
        Command::Load(load) => load::run(&load),
        Command::Events(events) => events::run(*events),
        Command::Help(text) => output::print(text),
        Command::Version => output::print(concat!("posthaste ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}
