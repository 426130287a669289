//! A connection to a broker over TCP, read by lines and by counts.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a publisher waits for an acknowledgment.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

pub(crate) struct Connection {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let reader = BufReader::with_capacity(64 << 10, stream.try_clone()?);
        Ok(Connection { stream, reader })
    }

    /// Waits for what comes without an end: consumers may be idle.
    pub(crate) fn wait_for_ever(&self) -> io::Result<()> {
        self.stream.set_read_timeout(None)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(wrong("the broker has closed the connection"));
        }
        Ok(line.trim_end().to_owned())
    }

    pub(crate) fn exact(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut content = vec![0; len];
        self.reader.read_exact(&mut content)?;
        Ok(content)
    }

    /// Whether something was received and not read yet.
    pub(crate) fn has_more(&self) -> bool {
        !self.reader.buffer().is_empty()
    }
}
