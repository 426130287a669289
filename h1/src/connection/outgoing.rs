//! Bytes that go: content, the end of a message, and the end of the connection.

use super::state::{Connection, Phase};
use crate::exchange::ExchangeId;
use crate::write::{self, Delimiter};
use base::{Bytes, Instant, Outgoing, Side};
use http::Fields;
use http::exchange::{Event, ReceivePhase, SendError};

impl Connection {
    /// How many of `wanted` bytes of content would be taken now: all, or half of what may wait at least, or 0. After it gave 0,
    /// [`Event::Writable`] is told once there is room.
    pub fn room(&mut self, id: ExchangeId, wanted: usize) -> Result<usize, SendError> {
        let (free, is_worth_it) = (self.free(), self.is_half_free());
        let exchange = self.exchange_mut(id).ok_or(SendError::Ended)?;
        let is_taken = exchange.delimiter != Delimiter::Unopened && (is_worth_it || wanted <= free);
        let room = if is_taken { wanted.min(free) } else { 0 };
        exchange.sending.check_going_on()?;
        exchange.wants_room |= room == 0 && wanted > 0;
        Ok(room)
    }

    /// Sends as much of `data` as fits, and drops that from its front. After it left something, [`Event::Writable`] is told
    /// once there is room.
    pub fn send_body(&mut self, now: Instant, id: ExchangeId, data: &mut Bytes) -> Result<(), SendError> {
        let free = self.free();
        let exchange = self.exchange_mut(id).ok_or(SendError::Ended)?;
        exchange.sending.check_body(data.len() as u64)?;
        let room = if exchange.delimiter == Delimiter::Unopened { 0 } else { free };
        let piece = data.split_to(room);
        exchange.sending.on_body(piece.len() as u64);
        exchange.wants_room |= !data.is_empty();
        let delimiter = &mut exchange.delimiter;
        if !piece.is_empty() {
            if let Delimiter::Chunks(is_begun) = delimiter {
                let is_first = !core::mem::replace(is_begun, true);
                self.outbox.push_text(|out| write::chunk_header(out, piece.len(), is_first));
            }
            self.outbox.push(piece);
        }
        self.wait_for_reader(now);
        Ok(())
    }

    /// Ends the message.
    pub fn finish(&mut self, now: Instant, id: ExchangeId) -> Result<(), SendError> {
        self.end_message(now, id, None)
    }

    /// Ends the message with trailers. Content that has a declared length, or that ends with the connection, has no place for them
    /// on the wire: they are checked and left out, as any recipient may leave them out (RFC 9110 section 6.5.1).
    pub fn send_trailers(&mut self, now: Instant, id: ExchangeId, fields: &Fields) -> Result<(), SendError> {
        self.end_message(now, id, Some(fields))
    }

    fn end_message(&mut self, now: Instant, id: ExchangeId, trailers: Option<&Fields>) -> Result<(), SendError> {
        let side = self.side;
        let exchange = self.exchange_mut(id).ok_or(SendError::Ended)?;
        if let Some(fields) = trailers {
            exchange.sending.check_trailers(fields)?;
        }
        exchange.sending.check_end()?;
        exchange.sending.on_end();
        let (delimiter, is_answered) = (exchange.delimiter, exchange.receiving.phase() != ReceivePhase::Head);
        match delimiter {
            Delimiter::Chunks(is_begun) => {
                self.outbox.push_text(|out| write::last_chunk(out, !is_begun, trailers));
            }
            // Our side of a tunnel ends, and of a connection whose last message this is.
            Delimiter::End => self.end_output(),
            Delimiter::NoContent | Delimiter::Length | Delimiter::Added(_) | Delimiter::Unopened => {}
        }
        if side == Side::Client && is_answered {
            self.tell(id, Event::Delivered);
        }
        self.wait_for_reader(now);
        self.settle(now);
        self.go_on(now);
        Ok(())
    }

    /// Moves what waits to the front of `buffer`.
    pub(crate) fn give_out(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.look_for_room();
        let written = self.outbox.transmit(buffer);
        if written > 0 {
            return Outgoing::Bytes(written);
        }
        if self.phase != Phase::Ending || self.ends.outgoing {
            return Outgoing::Nothing;
        }
        self.ends.outgoing = true;
        if self.current.is_none() {
            self.linger(now);
        }
        Outgoing::End
    }

    /// Tells who waits for room that there is some. To be called when the carrier asks for more, and before it is given that: what it was
    /// given last has gone then. Who were told earlier would fill the room behind bytes that the carrier holds because it takes no more.
    fn look_for_room(&mut self) {
        if !self.is_half_free() {
            return;
        }
        if let Some(exchange) = &mut self.current
            && exchange.delimiter != Delimiter::Unopened
            && core::mem::take(&mut exchange.wants_room)
        {
            let id = exchange.id;
            self.tell(id, Event::Writable);
        }
    }

    /// Half of it: each wake-up is worth some work.
    fn is_half_free(&self) -> bool {
        self.free() >= self.max_unsent() / 2
    }
}
