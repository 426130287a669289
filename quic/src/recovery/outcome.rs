//! What an acknowledgment or a timeout led to, as values: recovery has no callbacks.

use crate::packet::SentFrame;
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use alloc::vec::Vec;

/// The fate of frames. The caller keeps one and clears it, so that nothing is allocated in the long run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Frames that arrived.
    pub acked: Vec<SentFrame>,
    /// Frames that did not.
    pub lost: Vec<SentFrame>,
    /// Size of the MTU probe that arrived.
    pub acked_mtu_probe: Option<usize>,
    /// Size of the MTU probe that did not.
    pub lost_mtu_probe: Option<usize>,
    /// The largest packet newly acknowledged.
    pub largest_newly_acked: Option<PacketNumber>,
    /// Whether any packet newly acknowledged was ack-eliciting.
    pub newly_acked_ack_eliciting: bool,
    /// How many packets are newly acknowledged.
    pub acked_packets: u64,
    /// How many in flight are lost.
    pub lost_packets: u64,
    /// How many that were declared lost have arrived after all.
    pub late_packets: u64,
    /// The numbers of those that loss detection found.
    pub lost_numbers: Vec<PacketNumber>,
    /// The largest packet newly acknowledged that was sent on the path in use since it was taken up, in bytes, and
    pub largest_acked_size: usize,
    /// the largest lost one that was no MTU probe: full-size packets that keep vanishing say that the path has shrunk.
    pub largest_lost_size: usize,
    /// Whether persistent congestion was established.
    pub persistent_congestion: bool,
}

impl Outcome {
    /// Nothing.
    pub(crate) const fn new() -> Outcome {
        Outcome {
            acked: Vec::new(),
            lost: Vec::new(),
            acked_mtu_probe: None,
            lost_mtu_probe: None,
            largest_newly_acked: None,
            newly_acked_ack_eliciting: false,
            acked_packets: 0,
            lost_packets: 0,
            late_packets: 0,
            lost_numbers: Vec::new(),
            largest_acked_size: 0,
            largest_lost_size: 0,
            persistent_congestion: false,
        }
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        let (mut acked, mut lost) = (core::mem::take(&mut self.acked), core::mem::take(&mut self.lost));
        let mut lost_numbers = core::mem::take(&mut self.lost_numbers);
        acked.clear();
        lost.clear();
        lost_numbers.clear();
        *self = Outcome { acked, lost, lost_numbers, ..Outcome::new() };
    }
}

/// What a timeout asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// It was not due.
    Nothing,
    /// Packets were declared lost: see the [`Outcome`].
    Lost {
        /// Where.
        space: PacketNumberSpace,
    },
    /// Send this many ack-eliciting packets in this space, whatever the window says (RFC 9002 section 6.2.4).
    Probe {
        /// Where.
        space: PacketNumberSpace,
        /// One or two.
        packets: u8,
    },
    /// Send the second of these packets now, which did not go with the first.
    SecondProbe {
        /// Where.
        space: PacketNumberSpace,
    },
    /// What was sent of the handshake is not acknowledged, though the peer has been heard (RFC 9002 section 6.2.3).
    Unanswered,
}
