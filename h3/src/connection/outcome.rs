//! What reading a message came to: more of it, its end, a reset, or a violation. What is done then is done here, so that a
//! stream is told of, given back and forgotten in one way.

use super::state::Connection;
use crate::compression::headers_frame;
use crate::error_code;
use crate::event::Event;
use crate::exchange::Progress;
use crate::message::dated;
use crate::request_stream::RequestStream;
use crate::transport::Transport;
use crate::violation::{Scope, Violation};
use base::{Side, StreamId, VarInt};
use http::exchange::{self, SendPhase};
use http::{ResponseHead, Status};

impl Connection {
    pub(crate) fn on_progress(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        progress: Result<Progress, Violation>,
    ) {
        match progress {
            Ok(Progress::Waiting) => {}
            Ok(Progress::Finished) => {
                self.remove_if_over(id);
            }
            Ok(Progress::Reset(code)) => self.on_message_reset(transport, id, code),
            Ok(Progress::Data { request }) => self.on_data_stream(transport, id, request),
            Err(violation) => self.on_violation(transport, id, violation),
        }
    }

    /// What began like a request belongs to one. Nobody has heard of it as a request, so nothing of it is left.
    fn on_data_stream(&mut self, transport: &mut impl Transport, id: StreamId, request: u64) {
        let mut stream = self.streams.remove(id).expect("a stream that is read is there");
        let (ahead, header_len) = stream.receive.take_data();
        if let Err(violation) = self.hand_over(transport, id, request, header_len, ahead) {
            self.close_for(transport, violation);
        }
    }

    /// The peer gave up its message.
    fn on_message_reset(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if stream.receive.has_ended() {
            return;
        }
        self.shared.give_up(&mut stream.receive, id);
        if self.shared.side == Side::Client {
            // No response, so the rest of the request is of no use.
            transport.reset(id, error_code::H3_REQUEST_CANCELLED);
            self.shared.tell(id, exchange::Event::Reset(error_code::reason(code)));
            self.remove(id);
            return;
        }
        if stream.is_known {
            // The application may still answer, or give up too; until then the request counts as in hand.
            self.shared.tell(id, exchange::Event::Reset(error_code::reason(code)));
        } else {
            // RFC 9114 s4.1.1: nothing of it was processed.
            transport.reset(id, error_code::H3_REQUEST_REJECTED);
            self.remove(id);
        }
        self.spend(transport);
    }

    /// RFC 9114 section 4.1.2-2.
    pub(crate) fn on_violation(&mut self, transport: &mut impl Transport, id: StreamId, violation: Violation) {
        if violation.scope() == Scope::Connection {
            return self.close_for(transport, violation);
        }
        let Some(stream) = self.streams.get(id) else { return };
        let is_known = stream.is_known;
        let answer = refusal(violation).filter(|_| !is_known);
        let is_answered = answer.is_some_and(|status| self.answer_refused(transport, id, status));
        if !is_answered {
            transport.reset(id, violation.code());
            transport.stop_sending(id, violation.code());
            self.remove(id);
        }
        if is_known {
            self.forget_events(id);
            let malformed = violation.malformed().expect("a message that was begun can only be malformed");
            self.shared.tell(id, exchange::Event::Failed(malformed));
        } else {
            self.shared.events.push_back(Event::Refused { id, violation });
        }
        if is_answered {
            self.leave_refused(transport, id, violation);
        }
        self.spend(transport);
    }

    /// RFC 9110 section 5.4-1.
    /// A head that is refused is answered where that is possible, so that the client learns what is wrong. The answer is
    /// complete without the rest of the request (RFC 9114 s4.1). False if there was no answer.
    fn answer_refused(&mut self, transport: &mut impl Transport, id: StreamId, status: Status) -> bool {
        let head = ResponseHead::new(status);
        let date = self.shared.date_for(&head);
        let [_, encoder, _] = &mut self.outgoing;
        let frame = headers_frame(&mut self.shared, encoder, transport, Some(id), dated(&head, date.as_ref()));
        // Where the peer takes no fields at all, there is no answer.
        let Some(frame) = frame else { return false };
        let stream = self.streams.get_mut(id).expect("a request that is refused is there");
        let is_sent = stream.send.message.phase() == SendPhase::Head && stream.send.frame(transport, id, frame).is_ok();
        if is_sent {
            self.shared.encoder.on_sent(id.value());
            stream.send.finish(transport, id);
        }
        is_sent
    }

    /// Asks the peer to send no more on a stream, unless all has come.
    pub(crate) fn give_up_reading(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if !stream.receive.has_ended() {
            self.shared.give_up(&mut stream.receive, id);
            transport.stop_sending(id, code);
        }
    }

    /// Nobody wants what may still come of a request, and content or trailers are sure to be missing: the client is asked to stop
    /// at once.
    pub(crate) fn leave_content(&mut self, transport: &mut impl Transport, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(id) {
            stream.receive.is_unwanted = true;
            // What is wrong with what has come can still be said, with its own code.
            self.read_unwanted(transport, id);
            self.stop_unwanted(transport, id);
        }
    }

    /// A request was refused because of its head, and answered. One whose head is too large is held to the rules of frames
    /// further on; one whose head was too slow has had its time.
    fn leave_refused(&mut self, transport: &mut impl Transport, id: StreamId, violation: Violation) {
        if violation == Violation::SlowHead {
            self.give_up_reading(transport, id, error_code::H3_NO_ERROR);
        } else if let Some(stream) = self.streams.get_mut(id) {
            stream.receive.message.on_head_refused();
            self.leave_content(transport, id);
        }
        self.remove_if_over(id);
    }

    /// Something came on a stream whose rest is not wanted.
    pub(crate) fn read_unwanted(&mut self, transport: &mut impl Transport, id: StreamId) {
        if let Err(violation) = self.advance_rest(transport, id) {
            self.on_bad_rest(transport, id, violation);
        }
    }

    /// RFC 9114 section 4.1.2-2: a message that turns out to be malformed after its answer was complete is read no further, and
    /// needs no other answer. Where the answer is still being made, it is malformed like any other.
    fn on_bad_rest(&mut self, transport: &mut impl Transport, id: StreamId, violation: Violation) {
        if violation.scope() == Scope::Connection {
            return self.close_for(transport, violation);
        }
        let is_complete =
            |stream: &RequestStream| stream.send.has_ended() || stream.send.message.phase() == SendPhase::Finishing;
        if self.streams.get(id).is_none_or(|stream| is_complete(stream)) {
            self.drop_rest(transport, id, violation.code());
            self.spend(transport);
        } else {
            self.forget_rest(id);
            self.on_violation(transport, id, violation);
        }
    }
}

/// What a request is answered that is refused because of its head.
const fn refusal(violation: Violation) -> Option<Status> {
    match violation {
        // RFC 9114 s4.2.2.
        Violation::FieldSectionTooLarge => Some(Status::REQUEST_HEADER_FIELDS_TOO_LARGE),
        // RFC 9110 s15.5.9.
        Violation::SlowHead => Some(Status::REQUEST_TIMEOUT),
        _ => None,
    }
}
