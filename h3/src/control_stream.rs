//! The peer's control stream (RFC 9114 section 6.2.1): bytes in, checked frames out.

use crate::frame::{FrameHeader, FrameType};
use crate::frame_reader::FrameHeaderReader;
use crate::priority;
use crate::settings::{self, PeerSettings};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{Bytes, Reader, Side, StreamId};
use http::Priority;

/// What the control stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ControlFrame {
    Settings(PeerSettings),
    /// The identifier, not checked yet.
    GoAway(u64),
    /// The priority of a request.
    Priority(StreamId, Priority),
    /// A frame that changes nothing here.
    Ignored,
}

/// Reads one control stream.
#[derive(Debug)]
pub(crate) struct ControlStream {
    /// Whose stream it is.
    peer: Side,
    /// Streams that belong to requests are taken: their signal is known, and may not be here.
    knows_signal: bool,
    header: FrameHeaderReader,
    part: Part,
    has_settings: bool,
    max_push_id: Option<u64>,
}

#[derive(Debug)]
enum Part {
    Header,
    /// The payload is wanted as a whole.
    Payload {
        frame_type: FrameType,
        left: usize,
        payload: Vec<u8>,
    },
    /// The payload is not wanted.
    Skip {
        left: u64,
    },
}

impl ControlStream {
    pub(crate) const fn new(peer: Side, knows_signal: bool) -> ControlStream {
        let header = FrameHeaderReader::new();
        ControlStream { peer, knows_signal, header, part: Part::Header, has_settings: false, max_push_id: None }
    }

    /// The next frame that ends in `input`; `None` when all of `input` was taken.
    pub(crate) fn read(&mut self, input: &mut Bytes) -> Result<Option<ControlFrame>, Violation> {
        loop {
            match &mut self.part {
                Part::Header => match self.header.read(input) {
                    Some(header) => self.on_header(header)?,
                    None => return Ok(None),
                },
                Part::Skip { left } => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    input.advance(taken);
                    *left -= taken as u64;
                    if *left > 0 {
                        return Ok(None);
                    }
                    self.part = Part::Header;
                    return Ok(Some(ControlFrame::Ignored));
                }
                Part::Payload { frame_type, left, payload } => {
                    let piece = input.split_to(*left);
                    payload.extend_from_slice(&piece);
                    *left -= piece.len();
                    if *left > 0 {
                        return Ok(None);
                    }
                    let (frame_type, payload) = (*frame_type, core::mem::take(payload));
                    self.part = Part::Header;
                    return self.on_payload(frame_type, &payload).map(Some);
                }
            }
        }
    }

    /// A header is judged at once, so that a wrong frame is refused before its payload comes.
    fn on_header(&mut self, header: FrameHeader) -> Result<(), Violation> {
        let FrameHeader { frame_type, length } = header;
        // RFC 9114 section 6.2.1-2: nothing goes before SETTINGS.
        if !self.has_settings && frame_type != FrameType::Settings {
            return Err(Violation::MissingSettings);
        }
        let max_len = match frame_type {
            // RFC 9114 section 7.2.4-2.
            FrameType::Settings if self.has_settings => return Err(Violation::SecondSettings),
            FrameType::Settings if length > settings::MAX_LEN => return Err(Violation::ControlFrameTooLarge),
            FrameType::Settings => settings::MAX_LEN,
            // RFC 9114 section 7.2.1-2, 7.2.2-1, 7.2.5-9: these belong on request streams.
            FrameType::Data | FrameType::Headers | FrameType::PushPromise => {
                return Err(Violation::FrameOnControlStream);
            }
            // draft-ietf-webtrans-http3 section 4.3-5.
            FrameType::Signal if self.knows_signal => return Err(Violation::SignalMisplaced),
            // RFC 9114 section 7.2.8-3.
            FrameType::Reserved => return Err(Violation::ReservedFrame),
            FrameType::MaxPushId | FrameType::PriorityUpdateRequest | FrameType::PriorityUpdatePush
                // RFC 9114 section 7.2.7-3: clients alone say these.
                // RFC 9218 section 7.2-10.
                if self.peer == Side::Server =>
            {
                return Err(Violation::FrameOfClient);
            }
            // One integer each.
            FrameType::CancelPush | FrameType::GoAway | FrameType::MaxPushId => 8,
            FrameType::PriorityUpdateRequest | FrameType::PriorityUpdatePush if length > priority::MAX_LEN => {
                return Err(Violation::ControlFrameTooLarge);
            }
            FrameType::PriorityUpdateRequest | FrameType::PriorityUpdatePush => priority::MAX_LEN,
            // RFC 9114 section 7.2.8-2, 9-1: skipped, however long.
            FrameType::Unknown | FrameType::Signal => {
                self.part = Part::Skip { left: length };
                return Ok(());
            }
        };
        let left = usize::try_from(length).ok().filter(|_| length <= max_len).ok_or(Violation::FrameLength)?;
        self.part = Part::Payload { frame_type, left, payload: Vec::new() };
        Ok(())
    }

    fn on_payload(&mut self, frame_type: FrameType, payload: &[u8]) -> Result<ControlFrame, Violation> {
        match frame_type {
            FrameType::Settings => {
                let settings = PeerSettings::decode(payload)?;
                self.has_settings = true;
                Ok(ControlFrame::Settings(settings))
            }
            FrameType::GoAway => only_integer(payload).map(ControlFrame::GoAway),
            // RFC 9114 section 7.2.3-8, 7.2.3-9: this side neither allows nor promises pushes, so whatever is cancelled
            // cannot exist.
            FrameType::CancelPush => only_integer(payload).and(Err(Violation::PushNotAllowed)),
            FrameType::MaxPushId => {
                let id = only_integer(payload)?;
                // RFC 9114 section 7.2.7-4.
                if self.max_push_id.is_some_and(|before| id < before) {
                    return Err(Violation::MaxPushIdDecreased);
                }
                self.max_push_id = Some(id);
                Ok(ControlFrame::Ignored)
            }
            FrameType::PriorityUpdateRequest => {
                priority::read_request(payload).map(|(id, priority)| ControlFrame::Priority(id, priority))
            }
            FrameType::PriorityUpdatePush => priority::check_push(payload).map(|()| ControlFrame::Ignored),
            _ => Ok(ControlFrame::Ignored),
        }
    }
}

/// RFC 9114 section 7.1-1, 7.1-2, 10.8-1: exactly the fields of the frame, nothing less and nothing more.
fn only_integer(payload: &[u8]) -> Result<u64, Violation> {
    let mut reader = Reader::new(payload);
    let value = reader.varint().map_err(|_| Violation::FrameLength)?;
    if reader.is_empty() { Ok(value) } else { Err(Violation::FrameLength) }
}
