//! Both streams of QPACK (RFC 9204 section 4.2): a message whose section waited goes on when its insertions have come, and the peer's
//! encoder is told what was decoded. No other message waits for it.

use super::state::Connection;
use crate::exchange::advance;
use crate::transport::Transport;
use crate::violation::Violation;
use base::{StreamId, VarInt};

/// How many bytes of acknowledgments may wait because the peer takes none. 4 KiB: more than a thousand sections, and a peer
/// that counts on its acknowledgments reads them.
pub(crate) const MOST_UNSENT: usize = 4096;

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
        if !self.shared.owes_instructions() || self.is_closed {
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
