//! What dynamic tables of QPACK mean to a message (RFC 9204): what its section inserts goes out ahead of it, a section that comes may
//! have to wait, and one that is not read is given back.

use crate::critical_streams::Outgoing;
use crate::exchange::Shared;
use crate::message::{self, WithTable};
use crate::transport::Transport;
use alloc::vec::Vec;
use base::StreamId;

/// How much may be inserted for one section. 4 KiB: as much as the tables hold that are in use.
const MOST_INSTRUCTIONS: usize = 4096;

/// A whole HEADERS frame, or `None` if its fields are larger than the peer takes. What it refers to goes out first. `id` is the stream
/// if it has had a section before. Once the frame is sent, [`Encoder::on_sent`](qpack::Encoder::on_sent) is to be told.
pub(crate) fn headers_frame<'a>(
    shared: &mut Shared,
    stream: &mut Outgoing,
    transport: &mut impl Transport,
    id: Option<StreamId>,
    lines: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Option<Vec<u8>> {
    let max_size = shared.peer.max_field_section_size;
    let memory = transport.memory();
    if !shared.has_table() {
        return message::headers_frame(None, lines, max_size, memory);
    }
    let room = room(stream, transport);
    let table = WithTable { encoder: &mut shared.encoder, stream: id, room };
    let frame = message::headers_frame(Some(table), lines, max_size, memory);
    // Even if there is no frame: what is in our picture of the peer's table must be in the table.
    stream.send(transport, shared.encoder.take_instructions());
    frame
}

/// RFC 9204 s2.1.3: how many bytes of instructions the peer has given credit for.
fn room(stream: &mut Outgoing, transport: &mut impl Transport) -> usize {
    match stream.id {
        Some(id) if stream.outbox.is_empty() => transport.room(id, MOST_INSTRUCTIONS).unwrap_or(0),
        _ => 0,
    }
}
