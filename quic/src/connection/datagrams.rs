//! Datagrams of the application (RFC 9221): taken, given, and how large they may be.

use super::state::Connection;
use crate::datagram::{self, DatagramId, DatagramOptions, DatagramRefusal, DatagramStats, Datagrams, RefusedDatagram};
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::frame::DatagramFrame;
use alloc::boxed::Box;
use base::Bytes;
use base::varint::encoded_len;
use crypto::aead::TAG_LEN;

/// Bytes of the longest packet number in a header.
const LONGEST_NUMBER: usize = 4;
/// Bytes of the type of a DATAGRAM frame, which is all of its header where it ends with its packet.
const TYPE_LEN: usize = 1;

impl Connection {
    /// Bytes of the largest datagram that can be sent now; `None` if the peer takes none, or has not said yet that it does. It
    /// changes with the path: [`DatagramEvent::LargestChanged`](crate::DatagramEvent::LargestChanged).
    pub fn max_datagram_size(&self) -> Option<usize> {
        let frame = self.peer.max_datagram_frame();
        // The shortest frame with a length has two bytes.
        (frame >= 2).then(|| largest_data(frame).min(self.datagram_room()))
    }

    /// Takes a datagram, to be sent once, as soon as congestion control lets it go, and never again. Its number is in the
    /// events about it, if `options` asks for them. Before the handshake is complete, as soon as streams can be opened.
    ///
    /// # Errors
    /// The datagram, handed back, with the reason: [`DatagramRefusal`].
    pub fn send_datagram(&mut self, data: Bytes, options: DatagramOptions) -> Result<DatagramId, RefusedDatagram> {
        // RFC 9221 section 3-1.
        match self.max_datagram_size().filter(|_| self.can_send()) {
            Some(most) => self.datagrams_mut().push(most, data, options),
            None => Err(RefusedDatagram { data, reason: DatagramRefusal::Unsupported }),
        }
    }

    /// The oldest datagram that was received and not read. Its bytes share memory with others that came with it: who keeps some
    /// of them for long copies them.
    pub fn read_datagram(&mut self) -> Option<Bytes> {
        self.datagrams.as_mut()?.pop()
    }

    /// The counters of datagrams.
    pub fn datagram_stats(&self) -> DatagramStats {
        self.datagrams.as_ref().map(|datagrams| datagrams.stats()).unwrap_or_default()
    }

    /// The peer has said what it takes. Who takes datagrams itself is told how large they may be.
    pub(super) fn begin_datagrams(&mut self) {
        if self.config.datagrams.max_frame_size > 0 && self.peer.max_datagram_frame() > 0 {
            self.datagrams_mut();
        }
    }

    /// A DATAGRAM frame.
    pub(super) fn on_datagram(&mut self, turn: &mut Turn<'_>, frame: &DatagramFrame<'_>) -> Result<(), Violation> {
        datagram::check(&self.config.datagrams, frame)?;
        self.datagrams_mut().on_datagram(frame.data, &mut turn.scratch.chunks);
        Ok(())
    }

    /// Whether there is something to tell of datagrams.
    pub(super) fn has_datagram_events(&self) -> bool {
        self.datagrams.as_ref().is_some_and(|datagrams| datagrams.has_events(self.max_datagram_size()))
    }

    /// Bytes of data of the largest DATAGRAM frame that fits every packet of full size on the path in use.
    pub(super) fn datagram_room(&self) -> usize {
        let size = self.paths.in_use.mtu.current();
        let header_len = 1 + self.peer_ids.active().len() + LONGEST_NUMBER;
        let payload = Connection::whole_blocks(size, header_len).saturating_sub(header_len + TAG_LEN);
        payload.saturating_sub(TYPE_LEN)
    }

    fn datagrams_mut(&mut self) -> &mut Datagrams {
        self.datagrams.get_or_insert_with(|| Box::new(Datagrams::new(self.config.clone())))
    }
}

/// Bytes of data of the largest frame with a length that has at most `frame` bytes.
fn largest_data(frame: usize) -> usize {
    let len = |data: usize| TYPE_LEN + encoded_len(data as u64) + data;
    // The length of the data may take fewer bytes than that of the frame would.
    let least = frame.saturating_sub(len(frame) - frame);
    (least..=least + 4).rev().find(|data| len(*data) <= frame).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9221 section 3-2.
    #[test]
    fn what_the_peer_takes_is_used_to_the_byte() {
        for frame in 2..20_000 {
            let len = |data: usize| TYPE_LEN + encoded_len(data as u64) + data;
            let data = largest_data(frame);
            assert!(len(data) <= frame && len(data + 1) > frame, "{data} bytes of {frame}");
        }
        assert_eq!([2, 65, 66, 65_535].map(largest_data), [0, 63, 63, 65_530]);
    }
}
