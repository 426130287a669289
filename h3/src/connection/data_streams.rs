//! Streams that belong to a request: how they are found among the others, and who is told of them.

use super::state::Connection;
use crate::data_streams::DataStreamEvent;
use crate::error_code;
use crate::event::Event;
use crate::frame::FrameType;
use crate::transport::{Read, Transport};
use crate::violation::Violation;
use crate::webtransport_settings::WebTransportSettings;
use base::{Bytes, Side, StreamId, VarInt};

impl Connection {
    /// Whether streams that belong to requests are handed over.
    pub(super) const fn takes_data_streams(&self) -> bool {
        self.shared.config.webtransport.is_some()
    }

    /// What this side says of WebTransport.
    pub const fn webtransport_settings(&self) -> Option<&WebTransportSettings> {
        self.shared.config.webtransport.as_ref()
    }

    /// Whether there is a request of this number, or there may be one: on a server, it may still come.
    pub fn may_be_request(&self, id: StreamId) -> bool {
        let may_come = self.shared.side == Side::Server && id.value() >= self.next_request.value();
        may_come || self.streams.contains(id)
    }

    /// Hands over a stream of this side that belongs to a request. What happens to it is told ([`Event::DataStream`]).
    pub fn adopt_data_stream(&mut self, id: StreamId) {
        if !self.is_closed {
            self.data_streams.hand_over(id);
        }
    }

    /// Nothing more is to be told of a stream that belongs to a request, because both directions have ended.
    pub fn release_data_stream(&mut self, id: StreamId) {
        self.data_streams.release(id);
    }

    /// Streams that belong to requests and were not released.
    pub fn data_stream_count(&self) -> usize {
        self.data_streams.len()
    }

    /// The peer's stream begins as one that belongs to a request.
    pub(super) fn hand_over(
        &mut self,
        transport: &impl Transport,
        id: StreamId,
        request: u64,
        header_len: usize,
        ahead: Bytes,
    ) -> Result<(), Violation> {
        let request = VarInt::new(request).map(StreamId::from_varint);
        // draft-ietf-webtrans-http3 section 4-2, 4-3.
        let request = request.filter(|request| request.value() % 4 == 0).ok_or(Violation::DataStreamRequest)?;
        let allowed = transport.requests_allowed().filter(|_| self.shared.side == Side::Server);
        // Nor can there ever be one beyond the limit of streams.
        if allowed.is_some_and(|allowed| request.index() >= allowed) {
            return Err(Violation::DataStreamRequest);
        }
        self.data_streams.hand_over(id);
        self.tell_data_stream(id, DataStreamEvent::Opened { request, header_len, ahead });
        if let Some(code) = self.data_streams.take_stop(id) {
            self.tell_data_stream(id, DataStreamEvent::Stopped(code));
        }
        Ok(())
    }

    pub(super) fn tell_data_stream(&mut self, id: StreamId, event: DataStreamEvent) {
        self.shared.events.push_back(Event::DataStream(id, event));
    }

    /// Reads the beginning of a bidirectional stream that can be nothing but one that belongs to a request. Byte by byte: what is
    /// behind it stays on the peer's credit.
    pub(super) fn read_signal(&mut self, transport: &mut impl Transport, id: StreamId) -> Result<(), Violation> {
        while let Some(beginning) = self.data_streams.beginning(id) {
            let mut byte = match transport.read(id, 1) {
                Read::Data(byte) => byte,
                Read::Blocked => return Ok(()),
                Read::Finished | Read::Reset(_) => {
                    self.refuse_late(transport, id);
                    return self.shared.budget.spend();
                }
            };
            let Some(header) = beginning.read(&mut byte) else { continue };
            let header_len = beginning.last_len();
            match (header.frame_type, self.shared.side) {
                (FrameType::Signal, _) => self.hand_over(transport, id, header.length, header_len, Bytes::new())?,
                // draft-ietf-webtrans-http3 section 4.3-2; RFC 9114 section 6.1-3: servers open no requests.
                (_, Side::Client) => return Err(Violation::ServerBidirectionalStream),
                (_, Side::Server) => {
                    self.refuse_late(transport, id);
                    return self.shared.budget.spend();
                }
            }
        }
        Ok(())
    }

    /// What came after GOAWAY is a request, or nothing.
    fn refuse_late(&mut self, transport: &mut impl Transport, id: StreamId) {
        self.data_streams.forget(id);
        transport.reset(id, error_code::H3_REQUEST_REJECTED);
        transport.stop_sending(id, error_code::H3_REQUEST_REJECTED);
    }

    /// The peer gave up sending on a stream that was handed over, which had so many bytes in all. False if it was not.
    pub fn on_data_stream_reset(&mut self, id: StreamId, code: VarInt, size: u64) -> bool {
        let is_handed = self.data_streams.contains(id);
        if is_handed {
            self.tell_data_stream(id, DataStreamEvent::Reset { code, size });
        }
        is_handed
    }
}
