//! Sockets that a service manager has bound before it started this process: those of systemd's socket activation.

use std::io;
use std::net::UdpSocket as StdUdpSocket;

use crate::sys;

/// The first descriptor that is handed over, as `sd_listen_fds` has it.
const FIRST: i32 = 3;
/// The most that are taken. Default 64.
const MAX_SOCKETS: i32 = 64;

/// The sockets that the environment names by `LISTEN_FDS`, if `LISTEN_PID` says that they are for this process. They can be taken
/// once, early: before anything else that the process does could take such a descriptor for its own.
///
/// # Errors
/// The environment names something that is not open, or more than 64.
pub fn take_sockets() -> io::Result<Vec<StdUdpSocket>> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<i64>().ok());
    if number("LISTEN_PID") != Some(i64::from(std::process::id())) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").unwrap_or(0);
    match i32::try_from(count) {
        Ok(count @ 0..=MAX_SOCKETS) => {
            Ok(sys::take_descriptors(FIRST, count)?.into_iter().map(StdUdpSocket::from).collect())
        }
        _ => Err(io::Error::other(format!("LISTEN_FDS is {count}, and at most {MAX_SOCKETS} sockets are taken"))),
    }
}
