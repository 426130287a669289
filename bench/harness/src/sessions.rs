//! Sessions with streams and datagrams: the frame of a program that is measured with them, what its client is to do, and how both ends
//! talk about it.
//!
//! `server PROTOCOL CORE FOLDER`, `client PROTOCOL CORE FOLDER ADDRESS WORK`, as for all stacks; the protocols are the program's own. A
//! server answers each stream of both directions by its header of 16 bytes: bytes that come, bytes that are wanted; or, where the first
//! number is [`COUNT`], the 8 bytes of how many datagrams its application has read of the connection.

use crate::measure;
use crate::work;
use std::net::SocketAddr;
use std::path::Path;

/// Asks how many datagrams have been read.
pub const COUNT: u64 = u64::MAX;
/// Datagrams before those that are measured: windows have opened.
pub const WARM_DATAGRAMS: u64 = 20_000;
/// Sessions that are asked for at a time.
pub const ASKING: u64 = 16;

/// One measurement of a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// Bytes of one stream from the server.
    Download(u64),
    /// Bytes of one stream to the server.
    Upload(u64),
    /// So many datagrams of so many bytes to the server, as fast as the stack takes them.
    Datagrams { count: u64, len: usize },
    /// So many sessions that are held, and do nothing.
    Idle(u64),
}

impl Work {
    /// As words of a command line.
    pub fn encode(self) -> String {
        match self {
            Work::Download(bytes) => format!("download:{bytes}"),
            Work::Upload(bytes) => format!("upload:{bytes}"),
            Work::Datagrams { count, len } => format!("datagrams:{count}:{len}"),
            Work::Idle(count) => format!("idle:{count}"),
        }
    }

    /// Back again.
    pub fn decode(word: &str) -> Option<Work> {
        let mut parts = word.split(':');
        let kind = parts.next()?;
        let mut number = || parts.next()?.parse::<u64>().ok();
        Some(match kind {
            "download" => Work::Download(number()?),
            "upload" => Work::Upload(number()?),
            "datagrams" => Work::Datagrams { count: number()?, len: number()? as usize },
            "idle" => Work::Idle(number()?),
            _ => return None,
        })
    }

    /// The same as work on bare streams, if it is that.
    pub fn bulk(self) -> Option<work::Work> {
        match self {
            Work::Download(bytes) => Some(work::Work::Download(bytes)),
            Work::Upload(bytes) => Some(work::Work::Upload(bytes)),
            Work::Datagrams { .. } | Work::Idle(_) => None,
        }
    }
}

/// A stack: serves until the parent is gone; does some work and tells. The protocol is one of the program's own.
pub struct Stack {
    pub serve: fn(&Path, &str),
    pub client: fn(&Path, SocketAddr, &str, Work),
}

/// Runs as the command line says.
pub fn run(stack: &Stack) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["server", protocol, core, folder] => {
            measure::pin(core.parse().expect("a core"));
            (stack.serve)(Path::new(folder), protocol);
        }
        ["client", protocol, core, folder, address, what] => {
            measure::pin(core.parse().expect("a core"));
            work::set_patience();
            let address = address.parse().expect("an address");
            (stack.client)(Path::new(folder), address, protocol, Work::decode(what).expect("some work"));
        }
        _ => {
            eprintln!("started by `bench`");
            std::process::exit(2);
        }
    }
}

/// The header of a stream that asks for the count.
pub fn count_header() -> [u8; 16] {
    let mut header = [0; 16];
    header[..8].copy_from_slice(&COUNT.to_be_bytes());
    header
}

/// The two numbers of a header.
pub fn numbers(header: &[u8]) -> Option<(u64, u64)> {
    let number = |range: std::ops::Range<usize>| Some(u64::from_be_bytes(header.get(range)?.try_into().ok()?));
    Some((number(0..8)?, number(8..16)?))
}
