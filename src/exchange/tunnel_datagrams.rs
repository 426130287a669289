//! The datagrams of a tunnel (RFC 9297): beside its stream where that is possible, and else in capsules on it.

use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::writer::BodyWriter;
use base::Bytes;
use http::Malformed;
use http::capsule::{self, CapsuleReader};
use http::exchange::{DatagramError, Reason};
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

/// Bytes of the longest datagram in a capsule that is taken: a number of context, and what a UDP datagram can hold (RFC 9298
/// section 5). Longer ones are skipped as they come.
pub(crate) const MAX_DATAGRAM: usize = 8 + 65_527;

/// Reads the datagrams that come through a tunnel.
pub struct DatagramReader {
    body: Body,
    capsules: CapsuleReader,
    /// Of the stream, read and not looked at yet.
    ahead: Bytes,
}

impl DatagramReader {
    pub(crate) fn new(body: Body, capsules: CapsuleReader) -> DatagramReader {
        DatagramReader { body, capsules, ahead: Bytes::new() }
    }

    /// The next datagram; `None` when the other end has ended its direction. Of datagrams that nobody reads the oldest are dropped.
    ///
    /// # Errors
    /// The other end broke off, the connection ended, or the stream ended within a capsule: then the tunnel is broken off.
    pub async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|context| self.poll_read(context)).await
    }

    fn poll_read(&mut self, context: &Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        loop {
            if let Some(datagram) = self.take() {
                return Poll::Ready(Ok(Some(datagram)));
            }
            match self.body.exchange().poll_body(context) {
                Poll::Ready(Ok(Some(bytes))) => self.ahead = bytes,
                Poll::Ready(Ok(None)) => return Poll::Ready(self.end()),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                // Looking for bytes may have brought datagrams.
                Poll::Pending => return self.take().map_or(Poll::Pending, |datagram| Poll::Ready(Ok(Some(datagram)))),
            }
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        let datagram = self.body.exchange().read_datagram();
        datagram.or_else(|| self.capsules.read(&mut self.ahead).map(|capsule| capsule.payload))
    }

    /// RFC 9297 section 3.3-1, 3.3-5.
    fn end(&self) -> Result<Option<Bytes>, Error> {
        if self.capsules.is_between() {
            return Ok(None);
        }
        let exchange = self.body.exchange();
        exchange.reset(Reason::Malformed);
        Err(Error::Malformed { address: exchange.peer().remote, malformed: Malformed::Capsule })
    }
}

impl fmt::Debug for DatagramReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramReader").field("body", &self.body).finish_non_exhaustive()
    }
}

/// Sends datagrams through a tunnel.
#[derive(Debug)]
pub struct DatagramWriter {
    writer: BodyWriter,
}

impl DatagramWriter {
    pub(crate) const fn new(writer: BodyWriter) -> DatagramWriter {
        DatagramWriter { writer }
    }

    /// Sends a datagram, and says whether it went: one that is larger than the path takes, or that finds too many waiting, is
    /// dropped, as networks do it. Where an end takes none beside the stream, this waits for room on that.
    ///
    /// # Errors
    /// The other end wants no more, or the connection ended.
    pub async fn write(&mut self, content: &[u8]) -> Result<bool, Error> {
        match self.writer.exchange().send_datagram(content) {
            Ok(()) => Ok(true),
            Err(DatagramError::TooLarge { .. } | DatagramError::Full) => Ok(false),
            Err(DatagramError::Ended) => Err(self.writer.exchange().ended()),
            Err(DatagramError::Unsupported) => {
                if content.len() > MAX_DATAGRAM {
                    return Ok(false);
                }
                let mut bytes = Vec::with_capacity(content.len() + 16);
                capsule::push(&mut bytes, capsule::DATAGRAM, content);
                self.writer.write(bytes).await.map(|()| true)
            }
        }
    }

    /// The same; where too many wait, this waits until there is room, so that what is written is no faster than the path.
    ///
    /// # Errors
    /// As for [`write`](DatagramWriter::write).
    pub async fn write_in_turn(&mut self, content: &[u8]) -> Result<bool, Error> {
        match poll_fn(|context| self.writer.exchange().poll_datagram(content, context)).await {
            Ok(()) => Ok(true),
            Err(_) => self.write(content).await,
        }
    }

    /// Datagrams of `wanted` bytes will be sent: whether the path carries them is found out from now on.
    pub(crate) fn expects(&self, wanted: usize) {
        self.writer.exchange().want_datagrams(wanted);
    }

    /// Waits until datagrams of `wanted` bytes can be sent: the path is asked for larger ones while it is used.
    pub(crate) async fn carries(&self, wanted: usize) -> Result<(), Error> {
        poll_fn(|context| self.writer.exchange().poll_datagram_size(wanted, context)).await
    }

    /// Bytes of the largest datagram that goes beside the stream now; `None` if datagrams go on it.
    pub fn max_size(&self) -> Option<usize> {
        self.writer.exchange().max_datagram().ok()
    }

    /// Ends this direction.
    ///
    /// # Errors
    /// The connection ended.
    pub fn finish(self) -> Result<(), Error> {
        self.writer.finish()
    }

    /// Breaks both directions off, and says why.
    pub fn reset(self, reason: Reason) {
        self.writer.reset(reason);
    }
}
