//! Tunnels: what follows CONNECT when it is accepted (RFC 9110 section 9.3.6, RFC 9220). Bytes go both ways, and each direction ends
//! by itself.

use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::calls::Peer;
use crate::exchange::tunnel_datagrams::{DatagramReader, DatagramWriter, MAX_DATAGRAM};
use crate::exchange::writer::BodyWriter;
use base::Bytes;
use http::capsule;
use http::exchange::Reason;
use std::fmt;

/// A tunnel: [`Reply::accept`](crate::Reply::accept) gives a server its end, [`RequestBuilder::tunnel`](crate::RequestBuilder::tunnel)
/// a client.
///
/// No time limit of HTTP holds for it: who keeps it open without a use ends it ([`Tunnel::finish`], or dropping both halves).
pub struct Tunnel {
    reader: Body,
    writer: BodyWriter,
    /// Whether the other end's fields may stand in a message with capsules.
    has_capsules: Result<(), http::Malformed>,
}

impl Tunnel {
    pub(crate) fn new(reader: Body, writer: BodyWriter, has_capsules: Result<(), http::Malformed>) -> Tunnel {
        Tunnel { reader, writer, has_capsules }
    }

    /// Whoever uses it is told of its end, so that a server's handler is not stopped by that.
    pub(crate) fn look_after_end(&self) {
        self.reader.exchange().mailbox().look_after_end();
    }

    /// The other end.
    pub(crate) fn peer(&self) -> &Peer {
        self.reader.exchange().peer()
    }

    /// The next bytes; `None` when the other end has ended its direction.
    ///
    /// # Errors
    /// The other end broke off, or the connection ended.
    pub async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        self.reader.chunk().await
    }

    /// Sends bytes, and waits where the other end does not keep up. Nothing is copied.
    ///
    /// # Errors
    /// The other end wants no more, or the connection ended.
    pub async fn write(&mut self, data: impl Into<Bytes>) -> Result<(), Error> {
        self.writer.write(data).await
    }

    /// Ends this direction, and gives what is left: the other one.
    ///
    /// # Errors
    /// The connection ended.
    pub fn finish(self) -> Result<Body, Error> {
        self.writer.finish()?;
        Ok(self.reader)
    }

    /// Breaks both directions off, and says why: [`Reason::Connect`] if what is behind the tunnel has failed.
    pub fn reset(self, reason: Reason) {
        self.writer.reset(reason);
    }

    /// Both directions, each for a task of its own.
    pub fn split(self) -> (Body, BodyWriter) {
        (self.reader, self.writer)
    }

    /// Both directions of a tunnel that carries datagrams: beside its stream where both ends take HTTP datagrams
    /// ([`Http3Config::datagrams`](crate::Http3Config)), and else in capsules on it (RFC 9297 section 3). What comes of either
    /// kind is read as one. Capsules of other types are skipped.
    ///
    /// # Errors
    /// The other end has said something that no message with capsules says, so that its message is malformed: the tunnel is broken off.
    pub fn datagrams(self) -> Result<(DatagramReader, DatagramWriter), Error> {
        if let Err(malformed) = self.has_capsules {
            let address = self.reader.exchange().peer().remote;
            self.writer.reset(Reason::Malformed);
            return Err(Error::Malformed { address, malformed });
        }
        let reader = DatagramReader::new(self.reader, capsule::CapsuleReader::new(&[capsule::DATAGRAM], MAX_DATAGRAM));
        Ok((reader, DatagramWriter::new(self.writer)))
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("reader", &self.reader).field("writer", &self.writer).finish()
    }
}
