//! Priorities of responses (RFC 9218): the frame PRIORITY_UPDATE, and what is known of requests that have not come.

use crate::frame::{PRIORITY_UPDATE_REQUEST, push_header};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Bytes, Direction, Reader, Side, StreamId, VarInt};
use http::Priority;

/// The largest PRIORITY_UPDATE that is read. The parameters that exist take less than ten bytes.
pub(crate) const MAX_LEN: u64 = 512;

/// Reads the payload of a PRIORITY_UPDATE for a request.
/// RFC 9218 section 7.2-3, 7.2-4.
pub(crate) fn read_request(payload: &[u8]) -> Result<(StreamId, Priority), Violation> {
    let mut reader = Reader::new(payload);
    let value = reader.varint().map_err(|_| Violation::FrameLength)?;
    let id = VarInt::new(value).map(StreamId::from_varint).ok_or(Violation::PriorityId)?;
    let is_request = id.initiator() == Side::Client && id.direction() == Direction::Bidirectional;
    if is_request { Ok((id, Priority::parse(reader.rest()))) } else { Err(Violation::PriorityId) }
}

/// Checks the payload of a PRIORITY_UPDATE for a push: no push was ever promised.
/// RFC 9218 section 7.2-8.
pub(crate) fn check_push(payload: &[u8]) -> Result<(), Violation> {
    Reader::new(payload).varint().map_err(|_| Violation::FrameLength)?;
    Err(Violation::PriorityId)
}

/// A PRIORITY_UPDATE for a request.
pub(crate) fn update_frame(id: StreamId, priority: Priority) -> Bytes {
    let value = priority.to_field();
    let number = VarInt::new(id.value()).expect("streams have numbers of 62 bits");
    let mut out = Vec::new();
    push_header(&mut out, PRIORITY_UPDATE_REQUEST, number.encoded_len() + value.len());
    push_varint(&mut out, number);
    out.extend_from_slice(value.as_bytes());
    Bytes::from(out)
}

/// What a client has said of requests that have not come yet: the frames of the control stream may be faster than a request.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    updates: Vec<(StreamId, Priority)>,
}

impl Pending {
    /// The newest word about a request that has not come. Of more than `most` the oldest is forgotten: priorities are hints.
    pub(crate) fn insert(&mut self, id: StreamId, priority: Priority, most: usize) {
        self.updates.retain(|(other, _)| *other != id);
        if most == 0 {
            return;
        }
        if self.updates.len() >= most {
            self.updates.remove(0);
        }
        self.updates.push((id, priority));
    }

    /// What was said of a request that comes now.
    pub(crate) fn take(&mut self, id: StreamId) -> Option<Priority> {
        let place = self.updates.iter().position(|(other, _)| *other == id)?;
        let (_, priority) = self.updates.swap_remove(place);
        if self.updates.is_empty() {
            // An idle connection holds nothing.
            self.updates = Vec::new();
        }
        Some(priority)
    }

    /// Whether nothing waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }
}

/// What is said of one response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// By the client: with the request, or later.
    pub(crate) client: Option<Priority>,
    /// By the server's application.
    pub(crate) server: Priority,
}

impl Said {
    /// The urgency, and whether the response shares its turns with others. `None` if nobody has said anything and the client
    /// `is_silent` about all of its requests: who does not know priorities has not asked for one response after the other.
    pub(crate) fn place(self, is_silent: bool) -> Option<(u8, bool)> {
        if self == Said::default() && is_silent {
            return None;
        }
        let Priority { urgency, incremental } = self.server.or(self.client.unwrap_or_default());
        Some((urgency.unwrap_or(Priority::DEFAULT_URGENCY), incremental.unwrap_or(false)))
    }
}
