//! A client's way to a UDP socket behind a proxy (RFC 9298).

use crate::error::Error;
use crate::exchange::tunnel::Tunnel;
use crate::exchange::tunnel_datagrams::{DatagramReader, DatagramWriter};
use crate::proxy::udp::{datagram, payload};
use base::Bytes;
use http::exchange::Reason;

/// UDP datagrams to and from one target, through a proxy: what [`Client::connect_udp`](crate::Client::connect_udp) gives. They may be
/// lost and change their order, as without one.
#[derive(Debug)]
pub struct UdpTunnel {
    reader: UdpReader,
    writer: UdpWriter,
}

/// One direction of a [`UdpTunnel`]: what comes from the target.
#[derive(Debug)]
pub struct UdpReader {
    reader: DatagramReader,
}

/// The other direction: what goes to the target.
#[derive(Debug)]
pub struct UdpWriter {
    writer: DatagramWriter,
}

impl UdpTunnel {
    pub(crate) fn new(tunnel: Tunnel) -> Result<UdpTunnel, Error> {
        let (reader, writer) = tunnel.datagrams()?;
        Ok(UdpTunnel { reader: UdpReader { reader }, writer: UdpWriter { writer } })
    }

    /// Both directions, each for a task of its own.
    pub fn split(self) -> (UdpReader, UdpWriter) {
        (self.reader, self.writer)
    }

    /// Sends the payload of a UDP datagram, and says whether it went: one that is too large for the way is dropped.
    ///
    /// # Errors
    /// The tunnel is over.
    pub async fn send(&mut self, payload: &[u8]) -> Result<bool, Error> {
        self.writer.send(payload).await
    }

    /// The payload of the next UDP datagram of the target; `None` when the proxy has ended the tunnel.
    ///
    /// # Errors
    /// The tunnel broke.
    pub async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        self.reader.receive().await
    }

    /// Bytes of the largest payload that goes in a datagram of its own now; `None` if datagrams go on the stream.
    pub fn max_size(&self) -> Option<usize> {
        self.writer.max_size()
    }

    /// Ends the tunnel.
    ///
    /// # Errors
    /// The connection ended.
    pub fn finish(self) -> Result<(), Error> {
        self.writer.finish()
    }

    /// Breaks the tunnel off, and says why.
    pub fn reset(self, reason: Reason) {
        self.writer.reset(reason);
    }
}

impl UdpReader {
    /// As [`UdpTunnel::receive`].
    ///
    /// # Errors
    /// The tunnel broke.
    pub async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(datagram) = self.reader.read().await? {
            // What is in another context is for an extension that is not there.
            if let Some(payload) = payload(&datagram)? {
                let start = datagram.len() - payload.len();
                return Ok(Some(datagram.slice(start..datagram.len())));
            }
        }
        Ok(None)
    }
}

impl UdpWriter {
    /// As [`UdpTunnel::send`].
    ///
    /// # Errors
    /// The tunnel is over.
    pub async fn send(&mut self, payload: &[u8]) -> Result<bool, Error> {
        match datagram(payload) {
            Some(datagram) => self.writer.write(&datagram).await,
            None => Ok(false),
        }
    }

    /// Waits until a payload of so many bytes goes in a datagram of its own.
    pub(crate) async fn carries(&self, payload: usize) -> Result<(), Error> {
        self.writer.carries(payload + 1).await
    }

    /// As [`UdpTunnel::max_size`].
    pub fn max_size(&self) -> Option<usize> {
        self.writer.max_size().map(|most| most.saturating_sub(1))
    }

    /// As [`UdpTunnel::finish`].
    ///
    /// # Errors
    /// The connection ended.
    pub fn finish(self) -> Result<(), Error> {
        self.writer.finish()
    }

    /// As [`UdpTunnel::reset`].
    pub fn reset(self, reason: Reason) {
        self.writer.reset(reason);
    }
}
