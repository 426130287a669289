//! What reading a message came to: more of it, its end, a reset, or a violation. What is done then is done here, so that a
//! stream is told of, given back and forgotten in one way.

use super::state::Connection;
use crate::error_code;
use crate::event::Event;
use crate::exchange::{Progress, Rest, read_rest};
use crate::message::{dated, headers_frame};
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
            Err(violation) => self.on_violation(transport, id, violation),
        }
    }

    /// The peer gave up its message.
    fn on_message_reset(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if stream.receive.has_ended() {
            return;
        }
        self.shared.header_buffered -= stream.receive.buffered();
        stream.receive.abandon();
        if stream.receive.is_unwanted {
            return self.remove_if_over(id);
        }
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
        if !answer.is_some_and(|status| self.answer_refused(transport, id, status)) {
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
        self.spend(transport);
    }

    /// RFC 9110 section 5.4-1.
    /// A head that is refused is answered where that is possible, so that the client learns what is wrong. The answer is
    /// complete without the rest of the request, which is not read (RFC 9114 s4.1). False if there was no answer.
    fn answer_refused(&mut self, transport: &mut impl Transport, id: StreamId, status: Status) -> bool {
        let head = ResponseHead::new(status);
        let date = self.shared.date_for(&head);
        let frame = headers_frame(dated(&head, date.as_ref()), self.shared.peer.max_field_section_size);
        // Where the peer takes no fields at all, there is no answer.
        let Some(frame) = frame else { return false };
        let stream = self.streams.get_mut(id).expect("a request that is refused is there");
        let is_sent = stream.send.message.phase() == SendPhase::Head && stream.send.frame(transport, id, frame).is_ok();
        if is_sent {
            stream.send.finish(transport, id);
            self.give_up_reading(transport, id, error_code::H3_NO_ERROR);
            self.remove_if_over(id);
        }
        is_sent
    }

    /// Asks the peer to send no more on a stream, unless all has come.
    pub(crate) fn give_up_reading(&mut self, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if !stream.receive.has_ended() {
            self.shared.header_buffered -= stream.receive.buffered();
            stream.receive.abandon();
            transport.stop_sending(id, code);
        }
    }

    /// Something came on a stream whose rest is not wanted: its end is fine, content and trailers are stopped.
    pub(crate) fn read_unwanted(&mut self, transport: &mut impl Transport, id: StreamId) {
        let stream = self.streams.get_mut(id).expect("a stream whose rest is not wanted is there");
        match read_rest(&mut self.shared, stream, id, transport) {
            Ok(Rest::Waiting) => return,
            Ok(Rest::Over) => stream.receive.abandon(),
            Err(violation) if violation.scope() == Scope::Connection => return self.close_for(transport, violation),
            Ok(Rest::Wanting) | Err(_) => {
                stream.receive.abandon();
                transport.stop_sending(id, error_code::H3_NO_ERROR);
            }
        }
        self.remove_if_over(id);
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
