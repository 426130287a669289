//! The bytes to and from a server of NATS: as they are, or under TLS, which begins after the server's first line.

use base::Instant;
use crypto_ring::SystemRandom;
use runtime::TcpStream;
use runtime::executor::Watched;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tls::record::{Connection, MAX_RECORD_LEN, Received, Settings};

/// Sealed bytes that wait for the stream, at most: what is not sealed yet waits where it is.
const MAX_SEALED: usize = 64 << 10;

/// A stream to a server.
pub(super) struct Link {
    stream: Watched<TcpStream>,
    secure: Option<Secure>,
}

struct Secure {
    connection: Connection,
    /// What has come and is not opened.
    sealed_in: Vec<u8>,
    /// What was opened and not taken.
    opened: Vec<u8>,
    /// What waits for the stream.
    sealed_out: Vec<u8>,
    has_ended: bool,
    random: SystemRandom,
}

fn failed(error: tls::record::Error) -> io::Error {
    io::Error::other(error)
}

impl Link {
    pub(super) fn new(stream: Watched<TcpStream>) -> Link {
        Link { stream, secure: None }
    }

    /// What is sent from here on is under TLS, with a server that shows a certificate of this name. Returns once it has.
    pub(super) async fn secure(
        &mut self,
        config: Arc<tls::ClientConfig>,
        name: x509::ServerName,
        now: Instant,
    ) -> io::Result<()> {
        let mut random = SystemRandom::new();
        let connection = Connection::client(config, name, &Settings::default(), now, &mut random).map_err(failed)?;
        let (sealed_in, opened, sealed_out) = (Vec::new(), Vec::new(), Vec::new());
        self.secure = Some(Secure { connection, sealed_in, opened, sealed_out, has_ended: false, random });
        let mut room = vec![0; MAX_RECORD_LEN];
        std::future::poll_fn(|context| {
            loop {
                self.send(&[], context)?;
                let Some(secure) = &mut self.secure else { return Poll::Ready(Ok(())) };
                if secure.connection.is_complete() {
                    // What the client says last is under way; what fails of it the next calls tell.
                    return Poll::Ready(Ok(()));
                }
                if ready!(self.poll_fill(&mut room, context))? == 0 {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        })
        .await
    }

    /// Bytes that the server has said; 0 at the end.
    pub(super) fn poll_receive(&mut self, room: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            let Some(secure) = &mut self.secure else { return self.poll_read(room, context) };
            if !secure.opened.is_empty() {
                let count = secure.opened.len().min(room.len());
                room[..count].copy_from_slice(&secure.opened[..count]);
                secure.opened.drain(..count);
                return Poll::Ready(Ok(count));
            }
            if secure.has_ended || ready!(self.poll_fill(room, context))? == 0 {
                return Poll::Ready(Ok(0));
            }
        }
    }

    /// Sends as much as there is room for. How much.
    pub(super) fn send(&mut self, bytes: &[u8], context: &mut Context<'_>) -> io::Result<usize> {
        let mut taken = 0;
        loop {
            if let Some(secure) = &mut self.secure {
                taken += secure.seal(bytes.get(taken..).unwrap_or(&[]))?;
            }
            let Link { stream, secure } = self;
            let out = match secure {
                Some(secure) => &secure.sealed_out[..],
                None => bytes.get(taken..).unwrap_or(&[]),
            };
            if out.is_empty() || stream.poll_writable(context).is_pending() {
                return Ok(taken);
            }
            match stream.inner().send(out) {
                Ok(count) => match secure {
                    Some(secure) => drop(secure.sealed_out.drain(..count)),
                    None => taken += count,
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.clear_writable(),
                Err(error) => return Err(error),
            }
        }
    }

    fn poll_read(&self, room: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_readable(context));
            match self.stream.inner().receive(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.clear_readable(),
                other => return Poll::Ready(other),
            }
        }
    }

    /// Reads what has come, and opens it. How much it was; 0 at the end.
    fn poll_fill(&mut self, room: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = ready!(self.poll_read(room, context))?;
        if let Some(secure) = &mut self.secure {
            if count == 0 {
                secure.connection.on_end().map_err(failed)?;
            }
            secure.sealed_in.extend_from_slice(room.get(..count).unwrap_or(&[]));
            secure.open()?;
        }
        Poll::Ready(Ok(count))
    }
}

impl Secure {
    /// Opens all whole records that have come.
    fn open(&mut self) -> io::Result<()> {
        let mut start = 0;
        while let Some(rest) = self.sealed_in.get_mut(start..).filter(|rest| !rest.is_empty()) {
            match self.connection.receive(rest, &mut self.random).map_err(failed)? {
                Received::Incomplete => break,
                Received::Taken(taken) | Received::EarlyData { taken, .. } => start += taken,
                Received::Data { content, taken } => {
                    self.opened.extend_from_slice(rest.get(content).unwrap_or(&[]));
                    start += taken;
                }
                Received::End(taken) => {
                    self.has_ended = true;
                    start += taken;
                }
            }
        }
        self.sealed_in.drain(..start);
        Ok(())
    }

    /// Seals what there is room for, behind what TLS itself has to say. How much.
    fn seal(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while self.sealed_out.len() < MAX_SEALED {
            let start = self.sealed_out.len();
            self.sealed_out.resize(start + MAX_RECORD_LEN, 0);
            let rest = bytes.get(taken..).unwrap_or(&[]);
            let done = self.connection.write(rest, self.sealed_out.get_mut(start..).unwrap_or_default());
            let done = match done {
                Ok(done) => done,
                Err(error) => {
                    self.sealed_out.truncate(start);
                    return Err(failed(error));
                }
            };
            self.sealed_out.truncate(start + done.written);
            taken += done.taken;
            if done.written == 0 {
                break;
            }
        }
        Ok(taken)
    }
}
