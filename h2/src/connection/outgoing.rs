//! Bytes that go: frames that were queued, and content as far as the windows allow, by urgency and by turns.

use super::state::Connection;
use crate::frame::{END_STREAM, HEADER_LEN, Header, Kind, MAX_FRAME_LEN};
use crate::stream::{End, StreamNumber};
use base::{Bytes, Instant, Outgoing, Side};
use http::exchange::{Event, ReceivePhase, SendError};
use http::{Fields, Priority};

/// What is left of a buffer is not worth a frame if it is less, unless that is all there is to send.
const LEAST_PIECE: usize = 1 << 10;

impl Connection {
    /// How many of `wanted` bytes of content would be taken now. After it gave 0, [`Event::Writable`] is told once there is
    /// room.
    pub fn room(&mut self, number: StreamNumber, wanted: usize) -> Result<usize, SendError> {
        let room = self.free(number.0).min(wanted);
        let stream = self.streams.get_mut(&number.0).ok_or(SendError::Ended)?;
        stream.sending.check_going_on()?;
        if room == 0 && wanted > 0 {
            stream.wants_room = true;
            self.out.wanting.insert(number.0);
        }
        Ok(room)
    }

    /// Sends as much of `data` as fits, and drops that from its front. After it left something, [`Event::Writable`] is told
    /// once there is room.
    pub fn send_body(&mut self, now: Instant, number: StreamNumber, data: &mut Bytes) -> Result<(), SendError> {
        let free = self.free(number.0);
        let stream = self.streams.get_mut(&number.0).ok_or(SendError::Ended)?;
        stream.sending.check_body(data.len() as u64)?;
        let piece = data.split_to(free);
        stream.sending.on_body(piece.len() as u64);
        self.out.unsent += piece.len();
        stream.push(piece);
        if !data.is_empty() {
            stream.wants_room = true;
            self.out.wanting.insert(number.0);
        }
        self.requeue(number.0);
        self.wait_for_reader(now);
        Ok(())
    }

    /// Ends the message.
    pub fn finish(&mut self, now: Instant, number: StreamNumber) -> Result<(), SendError> {
        self.end_message(now, number, None)
    }

    /// Ends the message with trailers.
    pub fn send_trailers(&mut self, now: Instant, number: StreamNumber, fields: &Fields) -> Result<(), SendError> {
        self.end_message(now, number, Some(fields))
    }

    fn end_message(&mut self, now: Instant, number: StreamNumber, trailers: Option<&Fields>) -> Result<(), SendError> {
        let is_client = self.side == Side::Client;
        let stream = self.streams.get_mut(&number.0).ok_or(SendError::Ended)?;
        if let Some(fields) = trailers {
            stream.sending.check_trailers(fields)?;
        }
        stream.sending.check_end()?;
        stream.sending.on_end();
        stream.end = End::Due(trailers.filter(|fields| !fields.is_empty()).cloned());
        let is_answered = stream.receiving.phase() != ReceivePhase::Head;
        if is_client && is_answered {
            self.tell(number.0, Event::Delivered);
        }
        self.requeue(number.0);
        self.wait_for_reader(now);
        Ok(())
    }

    /// Changes how urgent a response is.
    pub fn prioritize(&mut self, number: StreamNumber, priority: Priority) {
        if let Some(stream) = self.streams.get_mut(&number.0) {
            stream.priority = priority.or(stream.priority);
            self.requeue(number.0);
        }
    }

    /// Moves what may be sent to the front of `buffer`.
    pub(crate) fn give_out(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        // The carrier asks for more, so what it was given last has gone. Who was told of room before that would fill it behind bytes that
        // the carrier holds because it takes no more.
        self.tell_room();
        let mut written = 0;
        loop {
            let room = buffer.get_mut(written..).unwrap_or_default();
            let count = if self.out.control.is_empty() { self.put_data(now, room) } else { self.out.put_control(room) };
            if count == 0 {
                break;
            }
            written += count;
        }
        if written > 0 {
            return Outgoing::Bytes(written);
        }
        if !self.state.is_ending || self.state.has_ended {
            return Outgoing::Nothing;
        }
        self.state.has_ended = true;
        Outgoing::End
    }

    /// One frame of content, of the stream whose turn it is. RFC 9113 section 6.9.1-1, 5.2.1-2.
    fn put_data(&mut self, now: Instant, room: &mut [u8]) -> usize {
        let Some((urgency, turn, number)) = self.next_ready() else { return 0 };
        let max_frame = self.peer.max_frame_len.min(MAX_FRAME_LEN);
        let Some((header, payload)) = room.split_first_chunk_mut::<HEADER_LEN>() else { return 0 };
        let stream = self.streams.get_mut(&number).expect("a stream that is ready is there");
        let window = usize::try_from(stream.window_out.min(self.out.window)).unwrap_or(0);
        let most = max_frame.min(window).min(stream.unsent_len());
        if stream.unsent_len() > 0 && (most == 0 || payload.len() < most.min(LEAST_PIECE)) {
            return 0;
        }
        let payload = payload.get_mut(..most.min(payload.len())).unwrap_or_default();
        let taken = stream.take(payload);
        stream.window_out -= taken as i64;
        self.out.window -= taken as i64;
        self.out.unsent -= taken;
        self.out.ready.remove(&(urgency, turn, number));
        stream.turn = None;
        let is_last = stream.unsent_len() == 0 && matches!(stream.end, End::Due(_));
        if is_last && let End::Due(Some(trailers)) = core::mem::replace(&mut stream.end, End::Sent) {
            // Behind this content, if there is any: nothing else is sent on the stream meanwhile.
            let written = if taken > 0 { put_header(header, 0, number, taken) } else { 0 };
            self.send_block(number, trailers.iter(), true);
            self.settle(now, number);
            return if written > 0 { written } else { self.out.put_control(room) };
        }
        let written = put_header(header, if is_last { END_STREAM } else { 0 }, number, taken);
        self.requeue(number);
        if is_last {
            self.settle(now, number);
        }
        written
    }

    /// The stream whose turn it is, as far as the window of the connection allows content.
    fn next_ready(&self) -> Option<(u8, u64, u32)> {
        if self.out.window > 0 {
            return self.out.ready.first().copied();
        }
        // What needs no window can be sent all the same.
        let is_empty = |number: &u32| self.streams.get(number).is_some_and(|stream| stream.unsent_len() == 0);
        self.out.ready.iter().find(|(_, _, number)| is_empty(number)).copied()
    }

    /// Tells those that wait for room, if there is some worth waking for.
    fn tell_room(&mut self) {
        if self.out.wanting.is_empty() {
            return;
        }
        let least = self.least_unsent() / 2;
        let numbers: alloc::vec::Vec<u32> =
            self.out.wanting.iter().copied().filter(|number| self.free(*number) >= least.max(1)).collect();
        for number in numbers {
            self.out.wanting.remove(&number);
            if let Some(stream) = self.streams.get_mut(&number)
                && core::mem::take(&mut stream.wants_room)
            {
                self.tell(number, Event::Writable);
            }
        }
    }
}

fn put_header(place: &mut [u8; HEADER_LEN], flags: u8, number: u32, len: usize) -> usize {
    *place = Header::new(Kind::Data, flags, number, len).bytes();
    HEADER_LEN + len
}
