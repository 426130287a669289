//! Both streams of QPACK and the sections that depend on them (RFC 9204): what a section inserts goes out ahead of it, and a
//! message whose section waits for insertions goes on when they have come. No other message waits for it.

use crate::connection::Connection;
use crate::critical_streams::Outgoing;
use crate::exchange::{Shared, advance};
use crate::message::{self, WithTable};
use crate::request_stream::Receive;
use crate::settings::PeerSettings;
use crate::transport::Transport;
use crate::violation::Violation;
use base::{Bytes, StreamId, VarInt};
use qpack::EncoderLimits;

/// How much may be inserted for one section. 4 KiB: as much as the tables hold that are in use.
const MOST_INSTRUCTIONS: usize = 4096;
/// How many bytes of acknowledgments may wait because the peer takes none. 4 KiB: more than a thousand sections, and a peer
/// that counts on its acknowledgments reads them.
pub(crate) const MOST_UNSENT: usize = 4096;

/// A whole HEADERS frame, or `None` if its fields are larger than the peer takes. What it refers to goes out first. `id` is the stream
/// if it has had a section before. Once the frame is sent, [`Encoder::on_sent`](qpack::Encoder::on_sent) is to be told.
pub(crate) fn headers_frame<'a>(
    shared: &mut Shared,
    stream: &mut Outgoing,
    transport: &mut impl Transport,
    id: Option<StreamId>,
    lines: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Option<Bytes> {
    let max_size = shared.peer.max_field_section_size;
    if !shared.encoder.has_table() {
        return message::headers_frame(None, lines, max_size);
    }
    let room = room(stream, transport);
    let table = WithTable { encoder: &mut shared.encoder, stream: id, room };
    let frame = message::headers_frame(Some(table), lines, max_size);
    // Even if there is no frame: what is in our picture of the peer's table must be in the table.
    stream.send(transport, shared.encoder.take_instructions());
    frame
}

/// RFC 9204 section 2.1.3-1: how many bytes of instructions the peer has given credit for.
fn room(stream: &mut Outgoing, transport: &mut impl Transport) -> usize {
    match stream.id {
        Some(id) if stream.outbox.is_empty() => transport.room(id, MOST_INSTRUCTIONS).unwrap_or(0),
        _ => 0,
    }
}

impl Shared {
    /// The settings of the peer have come.
    pub(crate) fn on_settings(&mut self, settings: PeerSettings) {
        // RFC 9114 section 7.2.4.2-7: what is sent from now on is held to them.
        self.peer = settings;
        self.encoder.allow(EncoderLimits {
            max_table_capacity: settings.qpack_max_table_capacity,
            max_blocked_streams: settings.qpack_blocked_streams,
            table_capacity: self.config.qpack_encoder_capacity,
        });
    }

    /// Whether a section can be decoded now. If not, it is held, and its stream is read no further: what follows stays in the
    /// transport, on the peer's credit.
    /// RFC 9204 section 2.2.1-1.
    pub(crate) fn admit(&mut self, receive: &mut Receive, id: StreamId, section: &[u8]) -> Result<bool, Violation> {
        let is_ready = self.decoder.admit(id.value(), section).map_err(Violation::Decompression)?;
        receive.is_blocked = !is_ready;
        self.check_buffer()?;
        Ok(is_ready)
    }

    /// Nothing more is read of a message. Unless all of it was, the peer's encoder learns that it waits in vain.
    /// RFC 9204 s2.2.2.2.
    pub(crate) fn give_up(&mut self, receive: &mut Receive, id: StreamId) {
        self.header_buffered -= receive.buffered();
        if !receive.has_ended() || receive.has_skipped {
            self.decoder.cancel(id.value());
        }
        receive.abandon();
    }
}

impl Connection {
    /// More of the peer's encoder stream: what waited for it goes on.
    pub(crate) fn on_encoder_bytes(&mut self, transport: &mut impl Transport, bytes: &[u8]) -> Result<(), Violation> {
        self.shared.decoder.on_encoder_stream(bytes).map_err(Violation::EncoderStream)?;
        while let Some(stream) = self.shared.decoder.ready().filter(|_| !self.is_closed) {
            let id = VarInt::new(stream).map(StreamId::from_varint);
            let waiting = id.and_then(|id| self.streams.get_mut(id).map(|stream| (id, stream)));
            match waiting.filter(|(_, stream)| stream.receive.is_blocked) {
                Some((id, stream)) => {
                    let progress = advance(&mut self.shared, stream, id, transport);
                    self.on_progress(transport, id, progress);
                }
                None => self.shared.decoder.abandon(stream),
            }
        }
        Ok(())
    }

    /// More of the peer's decoder stream. What tells our encoder nothing is work for nothing.
    pub(crate) fn on_decoder_bytes(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let useless = self.shared.encoder.on_decoder_stream(bytes).map_err(Violation::DecoderStream)?;
        (0..useless).try_for_each(|_| self.shared.budget.spend())
    }

    /// To be called when all inputs that have come are in: tells the peer's encoder what was decoded and inserted, all at once.
    pub fn acknowledge(&mut self, transport: &mut impl Transport) {
        if !self.shared.decoder.has_instructions() || self.is_closed {
            return;
        }
        let [_, _, stream] = &mut self.outgoing;
        if stream.outbox.is_empty() {
            stream.send(transport, self.shared.decoder.take_instructions());
        } else if self.shared.decoder.unsent() > MOST_UNSENT {
            self.close_for(transport, Violation::AcknowledgmentsNotTaken);
        }
    }
}
