//! Datagrams of the application (RFC 9221): taken and given.

use super::state::Connection;
use crate::datagram::{self, DatagramId, DatagramOptions, DatagramRefusal, DatagramStats, Datagrams, RefusedDatagram};
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::frame::DatagramFrame;
use alloc::boxed::Box;
use base::Bytes;

/// A datagram that leaves less room than this fills its packet.
const NEARLY_FULL: usize = 32;

impl Connection {
    /// Takes a datagram, to be sent once, as soon as congestion control lets it go, and never again. Its number is in the
    /// events about it, if `options` asks for them. Before the handshake is complete, as soon as streams can be opened.
    ///
    /// # Errors
    /// The datagram, handed back, with the reason: [`DatagramRefusal`].
    pub fn send_datagram(&mut self, data: Bytes, options: DatagramOptions) -> Result<DatagramId, RefusedDatagram> {
        // RFC 9221 section 3-1.
        match self.max_datagram_size().filter(|_| self.can_send()) {
            Some(most) => {
                if data.len() + NEARLY_FULL > most {
                    // A larger packet would be of use: the path is asked whether it carries one.
                    self.paths.in_use.mtu.on_full_datagram();
                }
                self.datagrams_mut().push(most, data, options)
            }
            None => Err(RefusedDatagram { data, reason: DatagramRefusal::Unsupported }),
        }
    }

    /// A larger datagram than [`max_datagram_size`](Connection::max_datagram_size) would be of use: the path is asked whether it
    /// carries one. [`DatagramEvent::LargestChanged`](crate::DatagramEvent::LargestChanged) tells if it does.
    pub const fn want_larger_datagrams(&mut self) {
        self.paths.in_use.mtu.on_full_datagram();
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

    /// A DATAGRAM frame.
    pub(super) fn on_datagram(&mut self, turn: &mut Turn<'_>, frame: &DatagramFrame<'_>) -> Result<(), Violation> {
        datagram::check(&self.config.datagrams, frame)?;
        self.datagrams_mut().on_datagram(frame.data, &mut turn.scratch.chunks);
        Ok(())
    }

    fn datagrams_mut(&mut self) -> &mut Datagrams {
        self.datagrams.get_or_insert_with(|| Box::new(Datagrams::new(self.config.clone())))
    }
}
