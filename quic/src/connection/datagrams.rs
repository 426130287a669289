//! Datagrams of the application (RFC 9221): taken and given.

use super::sizes::largest_data;
use super::state::Connection;
use crate::datagram::{self, DatagramId, DatagramOptions, DatagramRefusal, DatagramStats, Datagrams, RefusedDatagram};
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::frame::DatagramFrame;
use alloc::boxed::Box;
use base::{Bytes, Reader};

/// A datagram that leaves less room than this fills its packet.
const NEARLY_FULL: usize = 32;

impl Connection {
    /// Takes a datagram, to be sent once, as soon as congestion control lets it go, and never again. Its number is in the
    /// events about it, if `options` asks for them. Before the handshake is complete, as soon as streams can be opened.
    ///
    /// # Errors
    /// The datagram, handed back, with the reason: [`DatagramRefusal`].
    pub fn send_datagram(&mut self, data: Bytes, options: DatagramOptions) -> Result<DatagramId, RefusedDatagram> {
        self.send_datagram_parts([&data, &[]], options).map_err(|reason| RefusedDatagram { data, reason })
    }

    /// The same, of bytes that stand in two places, or in one and none, and stay the caller's: they are copied once, behind those that
    /// wait, and no memory is asked for while no more wait than did before.
    ///
    /// # Errors
    /// Nothing was taken: why.
    pub fn send_datagram_parts(
        &mut self,
        parts: [&[u8]; 2],
        options: DatagramOptions,
    ) -> Result<DatagramId, DatagramRefusal> {
        // RFC 9221 section 3-1.
        let most = self.max_datagram_size().filter(|_| self.can_send()).ok_or(DatagramRefusal::Unsupported)?;
        let len = parts[0].len() + parts[1].len();
        if len > most {
            self.want_larger_datagrams(len);
        } else if len + NEARLY_FULL > most {
            // A larger packet would be of use: the path is asked whether it carries one.
            self.paths.in_use.mtu.on_full_datagram();
        }
        self.datagrams_mut().push(most, parts, options)
    }

    /// A datagram of `len` bytes, more than [`max_datagram_size`](Connection::max_datagram_size), would be of use: if the peer takes it,
    /// the path is asked whether it carries one, before it is asked for anything else.
    /// [`DatagramEvent::LargestChanged`](crate::DatagramEvent::LargestChanged) tells if it does.
    pub fn want_larger_datagrams(&mut self, len: usize) {
        if len <= largest_data(self.peer.max_datagram_frame()) {
            let size = self.size_for_datagram(len);
            self.paths.in_use.mtu.on_needed(size);
        }
    }

    /// The oldest datagram that was received and not read. Its bytes share memory with others that came with it: who keeps some
    /// of them for long copies them.
    pub fn read_datagram(&mut self) -> Option<Bytes> {
        self.datagrams.as_mut()?.pop()
    }

    /// Gives each datagram that was received and not read to `take`, the oldest first, until that is false; the one it was false
    /// for counts as read. Nothing is asked of the allocator, and what the reader keeps it copies.
    pub fn take_datagrams(&mut self, take: impl FnMut(&[u8]) -> bool) {
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.take_each(take);
        }
    }

    /// The counters of datagrams.
    pub fn datagram_stats(&self) -> DatagramStats {
        self.datagrams.as_ref().map(|datagrams| datagrams.stats()).unwrap_or_default()
    }

    /// The peer has said what it takes. Who takes datagrams itself is told how large they may be. What a client wanted to send
    /// early to a server that takes none any more is dropped.
    pub(super) fn begin_datagrams(&mut self) {
        if let Some(datagrams) = self.datagrams.as_mut().filter(|_| self.peer.max_datagram_frame() == 0) {
            datagrams.end();
        }
        if self.config.datagrams.max_frame_size > 0 && self.peer.max_datagram_frame() > 0 {
            self.datagrams_mut();
        }
    }

    /// The DATAGRAM frames that come next in a 1-RTT packet. Not inlined, as other frames are not; but once for all of them. With a
    /// violation goes the type of its frame.
    #[inline(never)]
    pub(super) fn on_datagrams(
        &mut self,
        turn: &mut Turn<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<(), (Violation, u64)> {
        loop {
            let frame_type = reader.peek().first().copied().unwrap_or_default();
            let blame = |violation| (violation, u64::from(frame_type));
            let Some(frame) = DatagramFrame::decode_next(reader).map_err(blame)? else { return Ok(()) };
            self.on_datagram(turn, &frame).map_err(blame)?;
        }
    }

    /// A DATAGRAM frame.
    #[inline]
    pub(super) fn on_datagram(&mut self, turn: &mut Turn<'_>, frame: &DatagramFrame<'_>) -> Result<(), Violation> {
        datagram::check(&self.config.datagrams, frame)?;
        self.datagrams_mut().on_datagram(frame.data, &mut turn.scratch.chunks);
        Ok(())
    }

    fn datagrams_mut(&mut self) -> &mut Datagrams {
        self.datagrams.get_or_insert_with(|| Box::new(Datagrams::new(self.config.clone())))
    }
}
