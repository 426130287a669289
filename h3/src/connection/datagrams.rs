//! HTTP datagrams (RFC 9297 section 2): to the exchange that they belong to, or nowhere.

use super::state::{Connection, REST};
use crate::datagram::{DatagramCounts, Header, decode, header_len};
use crate::event::Event;
use crate::transport::Transport;
use crate::violation::Violation;
use base::{Bytes, Instant, Side, StreamId};
use core::iter::Peekable;
use http::exchange::{self, DatagramError, SendPhase, SentDatagrams};
use quic::WhenFull;

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
        let mut one = core::iter::once(content).peekable();
        self.send_datagrams(transport, id, &mut one, WhenFull::Refuse).refused.map_or(Ok(()), Err)
    }

    /// Sends datagrams of an exchange in order, until one is refused; that one is the next of `contents` then. Where too many wait on the
    /// connection, it is refused, or the oldest of them give way, whatever they belong to.
    pub fn send_datagrams<D: AsRef<[u8]>>(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        contents: &mut Peekable<impl Iterator<Item = D>>,
        when_full: WhenFull,
    ) -> SentDatagrams {
        let most = match self.max_datagram(transport, id) {
            Ok(most) => most,
            Err(error) => return SentDatagrams { taken: 0, refused: contents.peek().map(|_| error) },
        };
        let (header, mut taken) = (Header::new(id), 0);
        while let Some(content) = contents.peek().map(AsRef::as_ref) {
            let sent = if content.len() > most {
                // One that is too large now may not be later: the path is asked.
                transport.want_larger_datagrams(header.as_slice().len() + content.len());
                Err(DatagramError::TooLarge { most })
            } else {
                transport.send_datagram([header.as_slice(), content], when_full)
            };
            if let Err(error) = sent {
                return SentDatagrams { taken, refused: Some(error) };
            }
            contents.next();
            taken += 1;
        }
        SentDatagrams { taken, refused: None }
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

    /// Gives each datagram of an exchange that has come and was not read to `take`, in one part or two, the oldest first, until that is
    /// false. Where it never was, an event tells when there is another one.
    pub fn take_datagrams(&mut self, id: StreamId, take: impl FnMut([&[u8]; 2]) -> bool) {
        if let Some(inbox) = self.streams.get_mut(id).and_then(|stream| stream.datagrams.as_mut()) {
            inbox.take_each(take);
        }
    }

    /// What has become of the datagrams of an exchange; `None` if there is no such exchange, or it has none.
    pub fn datagram_counts(&self, id: StreamId) -> Option<DatagramCounts> {
        Some(self.streams.get(id)?.datagrams.as_ref()?.counts())
    }

    /// Datagrams have come.
    pub fn on_datagrams(&mut self, transport: &mut impl Transport) {
        let (now, allowed) = (transport.now(), transport.requests_allowed());
        loop {
            let mut breach = None;
            transport.take_datagrams(&mut |datagram| {
                breach = if self.is_closed { None } else { self.on_datagram(now, allowed, datagram).err() };
                breach.is_none()
            });
            match breach {
                None => return,
                Some(Breach::OfRequest(id, violation)) => self.on_violation(transport, id, violation),
                Some(Breach::OfConnection(violation)) => self.close_for(transport, violation),
            }
        }
    }

    /// Datagrams and requests may have come to an end: what was held for them is given back.
    pub(super) fn on_rest(&mut self, now: Instant) {
        if self.rest.take_if(|at| *at <= now).is_none() {
            return;
        }
        let inboxes = self.streams.iter_mut().filter_map(|(_, stream)| stream.datagrams.as_mut());
        let is_in_use = inboxes.fold(false, |is_in_use, inbox| inbox.rest() | is_in_use);
        if self.rest_spare() || is_in_use {
            self.rest = Some(now + REST);
        }
    }

    fn on_datagram(&mut self, now: Instant, allowed: Option<u64>, datagram: &[u8]) -> Result<(), Breach> {
        let (id, content) = decode(datagram).map_err(Breach::OfConnection)?;
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
                self.shared.ahead.on_datagram(id, content, limits.max_early_datagrams);
                return Ok(());
            }
            // RFC 9297 section 2-2, 2-3.
            let inbox = stream.datagrams.as_mut().ok_or(Breach::OfRequest(id, Violation::DatagramNotTaken))?;
            if inbox.push(content, limits.max_datagrams) {
                self.shared.tell(id, exchange::Event::Datagram);
            }
            if inbox.holds_much() {
                self.rest.get_or_insert(now + REST);
            }
            return Ok(());
        }
        // RFC 9297 section 2.1-6: it never can be.
        if self.shared.side == Side::Server && allowed.is_some_and(|allowed| id.index() >= allowed) {
            return Err(Breach::OfConnection(Violation::DatagramStream));
        }
        // draft-ietf-webtrans-http3 section 4.6-5.
        // RFC 9297 section 2.1-5, RFC 9298 section 5-5: it may come; if it was there before, or is for the client to open, nobody wants this.
        if self.shared.side == Side::Server && id.value() >= self.next_request.value() {
            self.shared.ahead.on_datagram(id, content, limits.max_early_datagrams);
        }
        Ok(())
    }
}

/// What a datagram breaks.
enum Breach {
    OfRequest(StreamId, Violation),
    OfConnection(Violation),
}
