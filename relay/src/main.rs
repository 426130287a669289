//! `relay SERVER [capture=FILE] [name=number]...`: a bad network before a server, for tries by hand and for tests of other
//! languages. It prints the address that it listens on, and ends with its standard input. All datagrams are written to the file, if
//! one is given.

use posthaste_relay::{Capture, Path, Relay};
use std::io::{Error, ErrorKind, Read};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (server, settings) = arguments
        .split_first()
        .and_then(|(server, settings)| Some((server.parse().ok()?, settings)))
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "call it with an address, such as 127.0.0.1:4433"))?;
    let (captures, settings): (Vec<_>, Vec<_>) =
        settings.iter().map(String::as_str).partition(|setting| setting.starts_with("capture="));
    let capture = captures.first().and_then(|setting| setting.strip_prefix("capture="));
    let capture = capture.map(Capture::create).transpose()?;
    let relay = Relay::start_with(server, Path::parse(settings)?, capture)?;
    println!("{}", relay.address());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    eprintln!("{:?}", relay.counts());
    Ok(())
}
