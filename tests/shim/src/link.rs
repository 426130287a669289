//! The socket to the runner. Every wait on it has an end.

use crate::failure::Failure;
use crate::options::Options;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than the runner waits before it gives a connection up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the rest of what the runner sends is thrown away, so that it does not see its connection cut.
const DRAIN: Duration = Duration::from_secs(5);
const PIECE: usize = 1 << 14;

/// A connection to the runner.
pub struct Link {
    socket: TcpStream,
    /// Whether bytes are handed on one by one.
    is_async: bool,
}

impl Link {
    /// Connects to the runner, and says which shim this is.
    pub fn connect(options: &Options) -> Result<Link, Failure> {
        let address = match options.is_ipv6 {
            true => SocketAddr::from((Ipv6Addr::LOCALHOST, options.port)),
            false => SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)),
        };
        let mut link = Link::over(TcpStream::connect_timeout(&address, PATIENCE)?)?;
        link.is_async = options.is_async && !options.is_quic;
        link.write(&options.shim_id.to_le_bytes())?;
        Ok(link)
    }

    /// Over a connection that is there already: the runner's side of one, in tests.
    pub fn over(socket: TcpStream) -> Result<Link, Failure> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Link { socket, is_async: false })
    }

    /// Appends what has come; zero bytes mean the end.
    pub fn read_some(&mut self, bytes: &mut Vec<u8>) -> Result<usize, Failure> {
        let start = bytes.len();
        bytes.resize(start + if self.is_async { 1 } else { PIECE }, 0);
        loop {
            let result = self.socket.read(bytes.get_mut(start..).unwrap_or_default());
            match result {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => {
                    bytes.truncate(start + result.as_ref().copied().unwrap_or(0));
                    return Ok(result?);
                }
            }
        }
    }

    /// So many bytes; `None` if the stream ends before.
    pub fn read_exactly(&mut self, len: usize) -> Result<Option<Vec<u8>>, Failure> {
        let mut bytes = vec![0; len];
        match self.socket.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.socket.write_all(bytes)?)
    }

    /// Ends this direction, and waits until the runner has ended the other. What fails now is no failure of the connection.
    pub fn end(mut self) {
        let is_shut =
            self.socket.shutdown(Shutdown::Write).is_ok() && self.socket.set_read_timeout(Some(DRAIN)).is_ok();
        let mut bytes = vec![0; PIECE];
        let mut left = 1 << 24;
        while is_shut && left > 0 {
            match self.socket.read(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(len) => left -= len.min(left),
            }
        }
    }
}
