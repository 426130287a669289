//! PRIORITY_UPDATE (RFC 9218 section 7.2): checked, and otherwise ignored.
//!
//! The scheduler that would honour it has its place in the transport; a server may ignore priorities (RFC 9218 section 2).

use crate::violation::Violation;
use base::{Direction, Reader, Side, StreamId, VarInt};

/// The largest PRIORITY_UPDATE that is read. The parameters that exist take less than ten bytes.
pub(crate) const MAX_LEN: u64 = 512;

/// Checks the payload of a PRIORITY_UPDATE for a request.
pub(crate) fn check_request(payload: &[u8]) -> Result<(), Violation> {
    let value = Reader::new(payload).varint().map_err(|_| Violation::FrameLength)?;
    let id = VarInt::new(value).map(StreamId::from_varint).ok_or(Violation::PriorityId)?;
    let is_request = id.initiator() == Side::Client && id.direction() == Direction::Bidirectional;
    if is_request { Ok(()) } else { Err(Violation::PriorityId) }
}

/// Checks the payload of a PRIORITY_UPDATE for a push: no push was ever promised.
pub(crate) fn check_push(payload: &[u8]) -> Result<(), Violation> {
    Reader::new(payload).varint().map_err(|_| Violation::FrameLength)?;
    Err(Violation::PriorityId)
}
