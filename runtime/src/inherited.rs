//! Sockets that a service manager has bound before it started this process: those of systemd's socket activation.

use std::io;
use std::net::{TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::os::fd::OwnedFd;

use crate::sys;

/// The first descriptor that is handed over, as `sd_listen_fds` has it.
const FIRST: i32 = 3;
/// The most that are taken. Default 64.
const MAX_SOCKETS: i32 = 64;

/// Sockets that were bound before.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Those of UDP.
    pub udp: Vec<StdUdpSocket>,
    /// Those that listen by TCP.
    pub tcp: Vec<StdTcpListener>,
}

impl Inherited {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.udp.is_empty() && self.tcp.is_empty()
    }

    fn sort(descriptors: Vec<OwnedFd>) -> io::Result<Inherited> {
        let mut inherited = Inherited::default();
        for descriptor in descriptors {
            let socket = StdUdpSocket::from(descriptor);
            // It is for this process alone from now on, and nothing of ours blocks.
            socket.set_nonblocking(true)?;
            socket
                .local_addr()
                .map_err(|error| io::Error::other(format!("one is no socket of UDP or TCP: {error}")))?;
            // Nothing is received by a socket that listens: it is not connected.
            match socket.peek(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    inherited.tcp.push(StdTcpListener::from(OwnedFd::from(socket)));
                }
                _ => inherited.udp.push(socket),
            }
        }
        Ok(inherited)
    }
}

/// The sockets that the environment names by `LISTEN_FDS`, if `LISTEN_PID` says that they are for this process. They can be taken
/// once, early: before anything else that the process does could take such a descriptor for its own.
///
/// # Errors
/// The environment names something that is not open, or more than 64.
pub fn take_sockets() -> io::Result<Inherited> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<i64>().ok());
    if number("LISTEN_PID") != Some(i64::from(std::process::id())) {
        return Ok(Inherited::default());
    }
    let count = number("LISTEN_FDS").unwrap_or(0);
    match i32::try_from(count) {
        Ok(count @ 0..=MAX_SOCKETS) => Inherited::sort(sys::take_descriptors(FIRST, count)?),
        _ => Err(io::Error::other(format!("LISTEN_FDS is {count}, and at most {MAX_SOCKETS} sockets are taken"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn sockets_are_told_apart_and_lose_nothing() {
        let (udp, tcp) = (StdUdpSocket::bind("127.0.0.1:0").unwrap(), StdTcpListener::bind("127.0.0.1:0").unwrap());
        // Something waits at each.
        StdUdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", udp.local_addr().unwrap()).unwrap();
        let _stream = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        let quiet = StdUdpSocket::bind("127.0.0.1:0").unwrap();
        let sorted = Inherited::sort(vec![udp.into(), tcp.into(), quiet.into()]).unwrap();
        assert_eq!((sorted.udp.len(), sorted.tcp.len()), (2, 1));
        assert_eq!(sorted.udp[0].recv(&mut [0; 2]).unwrap(), 1);
        assert!(sorted.tcp[0].accept().is_ok());
        let other = UnixDatagram::unbound().unwrap();
        let error = Inherited::sort(vec![other.into()]).unwrap_err();
        assert!(error.to_string().contains("no socket of UDP or TCP"), "{error}");
        assert!(Inherited::sort(Vec::new()).unwrap().is_empty());
    }
}
