//! HTTP datagrams (RFC 9297 section 2): to the exchange that they belong to, or nowhere.

use super::state::Connection;
use crate::datagram::{DatagramCounts, decode, encode, header_len};
use crate::event::Event;
use crate::transport::Transport;
use crate::violation::Violation;
use base::{Bytes, Side, StreamId};
use http::exchange::{self, DatagramError, SendPhase};

impl Connection {
    /// Sends a datagram that belongs to an exchange: once, in no order with its content, and perhaps in vain. Exchanges by
    /// extended CONNECT have some, where both sides have said that they take datagrams.
    ///
    /// # Errors
    /// [`DatagramError`]: nothing was sent.
    pub fn send_datagram(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        content: &[u8],
    ) -> Result<(), DatagramError> {
        self.check_size(transport, id, content)?;
        transport.send_datagram(encode(id, content))
    }

    /// The same; where too many wait on the connection, the oldest of them give way.
    ///
    /// # Errors
    /// As for [`send_datagram`](Connection::send_datagram).
    pub fn send_newest_datagram(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        content: &[u8],
    ) -> Result<(), DatagramError> {
        self.check_size(transport, id, content)?;
        transport.send_newest_datagram(encode(id, content))
    }

    /// One that is too large now may not be later: the path is asked.
    fn check_size(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        content: &[u8],
    ) -> Result<(), DatagramError> {
        let most = self.max_datagram(transport, id)?;
        if content.len() > most {
            transport.want_larger_datagrams();
            return Err(DatagramError::TooLarge { most });
        }
        Ok(())
    }

    /// The transport takes more or other datagrams than before.
    pub fn on_datagrams_changed(&mut self) {
        if self.shared.config.datagrams && !self.is_closed {
            self.shared.events.push_back(Event::DatagramsChanged);
        }
    }

    /// Bytes of the largest datagram that an exchange may send now. It changes with the path.
    ///
    /// # Errors
    /// None can be sent.
    pub fn max_datagram(&self, transport: &impl Transport, id: StreamId) -> Result<usize, DatagramError> {
        // RFC 9297 section 2.1.1-3: both sides have said so.
        if !self.shared.config.datagrams || !self.shared.peer.datagrams {
            return Err(DatagramError::Unsupported);
        }
        let stream = self.streams.get(id).filter(|_| !self.is_closed).ok_or(DatagramError::Ended)?;
        // RFC 9297 section 2-1, 2.1-3: of a request that has some, and before this side's end of it.
        if stream.datagrams.is_none() {
            return Err(DatagramError::Unsupported);
        }
        match stream.send.message.phase() {
            SendPhase::Body => {}
            SendPhase::Head => return Err(DatagramError::Unsupported),
            SendPhase::Finishing | SendPhase::Ended | SendPhase::Stopped(_) => return Err(DatagramError::Ended),
        }
        let most = transport.max_datagram_size().ok_or(DatagramError::Unsupported)?;
        most.checked_sub(header_len(id)).ok_or(DatagramError::Unsupported)
    }

    /// The oldest datagram of an exchange that has come and was not read. After `None` an event
    /// ([`Datagram`](exchange::Event::Datagram)) tells when there is another one.
    pub fn read_datagram(&mut self, id: StreamId) -> Option<Bytes> {
        self.streams.get_mut(id)?.datagrams.as_mut()?.pop()
    }

    /// What has become of the datagrams of an exchange; `None` if there is no such exchange, or it has none.
    pub fn datagram_counts(&self, id: StreamId) -> Option<DatagramCounts> {
        Some(self.streams.get(id)?.datagrams.as_ref()?.counts())
    }

    /// Datagrams have come.
    pub fn on_datagrams(&mut self, transport: &mut impl Transport) {
        while let Some(datagram) = transport.read_datagram() {
            if !self.is_closed
                && let Err(violation) = self.on_datagram(transport, datagram)
            {
                self.close_for(transport, violation);
            }
        }
    }

    fn on_datagram(&mut self, transport: &mut impl Transport, mut datagram: Bytes) -> Result<(), Violation> {
        let id = decode(&mut datagram)?;
        if !self.shared.config.datagrams {
            return Ok(());
        }
        let limits = &self.shared.config.limits;
        if let Some(stream) = self.streams.get_mut(id) {
            // RFC 9297 section 2.1-4: nothing is received on it any more.
            if stream.receive.has_ended() || stream.receive.is_unwanted {
                return Ok(());
            }
            if !stream.is_known {
                self.shared.ahead.on_datagram(id, &datagram, limits.max_early_datagrams);
                return Ok(());
            }
            let Some(inbox) = &mut stream.datagrams else {
                // RFC 9297 section 2-2, 2-3.
                self.on_violation(transport, id, Violation::DatagramNotTaken);
                return Ok(());
            };
            if inbox.push(datagram, limits.max_datagrams) {
                self.shared.tell(id, exchange::Event::Datagram);
            }
            return Ok(());
        }
        // RFC 9297 section 2.1-6: it never can be.
        if transport.requests_allowed().is_some_and(|allowed| self.shared.side == Side::Server && id.index() >= allowed)
        {
            return Err(Violation::DatagramStream);
        }
        // draft-ietf-webtrans-http3 section 4.6-5.
        // RFC 9297 section 2.1-5, RFC 9298 section 5-5: it may come; if it was there before, or is for the client to open, nobody wants this.
        if self.shared.side == Side::Server && id.value() >= self.next_request.value() {
            self.shared.ahead.on_datagram(id, &datagram, limits.max_early_datagrams);
        }
        Ok(())
    }
}
