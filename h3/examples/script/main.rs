//! Scripts for HTTP/3: what the peer sends, what the application does, and exactly what has to follow of either. For whoever
//! studies RFC 9114, or wants to know what this crate does with some bytes, without a network and without writing a program:
//!
//! ```sh
//! cargo run -p posthaste-h3 --example script -- h3/examples/script/scripts/*.txt
//! ```
//!
//! `--show` before the files prints the inputs and what follows them, whatever the files expect: to write a script by.
//!
//! A script is one connection. Its first line is `client` or `server`: which side is looked at. A line then is an input, and the lines
//! behind it that begin with `>` are all that may follow: what the transport is asked for, in order, then the events of
//! the application. One that is missing, one too many or one byte that differs ends the script with what was expected and what came. Lines that
//! begin with `#` and empty lines are left out.
//!
//! | input | |
//! |---|---|
//! | `connected` | streams may be opened, as soon as the handshake allows |
//! | `peer sends STREAM BYTES [end]`, `peer ends STREAM` | on a stream; with its end |
//! | `peer resets STREAM CODE`, `peer stops STREAM CODE` | RESET_STREAM and STOP_SENDING |
//! | `peer acknowledges STREAM` | all that was written, and its end |
//! | `peer datagram BYTES`, `peer closes CODE` | a QUIC datagram; the end of the connection |
//! | `room STREAM BYTES` | how many bytes of a stream the transport takes from now on; what waits for room is told |
//! | `wait MILLISECONDS` | time passes |
//! | `app request METHOD URI [end] [FIELDS]` | a client's |
//! | `app connect PROTOCOL URI` | a client's, by extended CONNECT (RFC 9220) |
//! | `app response STREAM STATUS [end] [FIELDS]` | a server's, also an informational one |
//! | `app content STREAM BYTES`, `app trailers STREAM FIELDS`, `app finish STREAM` | of a message |
//! | `app read STREAM` | follows: `content BYTES`, `end`, `blocked` or `gone` |
//! | `app datagram STREAM BYTES`, `app read-datagram STREAM` | follows: `datagram BYTES` or `no datagram` |
//! | `app cancel STREAM`, `app shutdown`, `app close CODE` | |
//!
//! BYTES are hexadecimal digits (`00 04`), text (`"hello"`), frames (`04[06 4400]`: the type and its payload, whose length is counted) and
//! HEADERS frames of QPACK's static table (`headers[:method=GET; :path=/]`). FIELDS are `[name=value; name=value]`. A stream's number and
//! a code are decimal, or hexadecimal behind `0x`. A call of the application that fails is followed by `error` and its reason.

mod bytes;
mod play;
mod recorder;
mod step;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let shows = files.first().is_some_and(|first| first == "--show");
    if shows {
        files.remove(0);
    }
    if files.is_empty() {
        eprintln!("usage: script [--show] FILE...; see the head of h3/examples/script/main.rs for what a script says");
        return ExitCode::from(2);
    }
    let mut failed = false;
    for file in &files {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string());
        let played = text.and_then(|text| if shows { play::show(&text) } else { play::play(&text).map(summary) });
        match played {
            Ok(words) => println!("{file}: {words}"),
            Err(words) => {
                failed = true;
                eprintln!("{file}: {words}");
            }
        }
    }
    ExitCode::from(u8::from(failed))
}

fn summary(inputs: usize) -> String {
    format!("{inputs} inputs, each followed by what it says")
}
