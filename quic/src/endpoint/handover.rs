//! Datagrams of other workers' connections, and of those of the server before this one, on their way there.
//!
//! Several workers share an address, and the system gives each pair of addresses to one of them. A client whose address changes
//! (RFC 9000 section 9) may come out at another worker than its connection is at. The connection ID says whose it is.
//!
//! First packets and early data are not handed over. Section 5.2 has a server find the connection by the packet's ID; but theirs may
//! be one that the client has chosen, whose bits mean nothing here, so they stay where they come out. The ID of every other
//! packet is the server's.

use alloc::collections::VecDeque;
use base::{Datagram, OwnedDatagram};

/// Datagrams that wait to be taken by the driver. Default 256, what a burst of one worker's sockets brings.
const MAX_WAITING: usize = 256;
/// And their bytes. Default 1 MiB.
const MAX_WAITING_BYTES: usize = 1 << 20;

/// What waits to be handed over.
#[derive(Default)]
pub(super) struct Handover {
    waiting: VecDeque<(u32, OwnedDatagram)>,
    bytes: usize,
    taken: u64,
    dropped: u64,
}

impl Handover {
    /// A datagram is for this worker, or for [`PREDECESSOR`](base::PREDECESSOR). If too many wait, it is dropped and counted: the newest,
    /// as a socket does that is full, because what came before it is closer to being of use, and senders take the loss as the sign that
    /// it is.
    pub(super) fn push(&mut self, worker: u32, datagram: &Datagram<'_>) {
        let len = datagram.payload.len();
        if self.waiting.len() >= MAX_WAITING || self.bytes + len > MAX_WAITING_BYTES {
            self.dropped += 1;
            return;
        }
        self.bytes += len;
        self.waiting.push_back((worker, OwnedDatagram::from(datagram)));
    }

    /// The next one, and the worker it is for.
    pub(super) fn pop(&mut self) -> Option<(u32, OwnedDatagram)> {
        let (worker, datagram) = self.waiting.pop_front()?;
        self.bytes -= datagram.payload.len();
        self.taken += 1;
        Some((worker, datagram))
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many were taken, and how many dropped.
    pub(super) const fn counts(&self) -> (u64, u64) {
        (self.taken, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use base::{Ecn, FourTuple};

    fn push(handover: &mut Handover, byte: u8, len: usize) {
        let four_tuple = FourTuple { local: ([192, 0, 2, 1], 1).into(), remote: ([192, 0, 2, 2], 2).into() };
        handover.push(3, &Datagram { four_tuple, ecn: Ecn::Ce, payload: &mut vec![byte; len] });
    }

    #[test]
    fn what_is_handed_over_is_whole_and_in_order() {
        let mut handover = Handover::default();
        push(&mut handover, 1, 10);
        push(&mut handover, 2, 20);
        let (worker, mut datagram) = handover.pop().unwrap();
        assert_eq!((worker, datagram.payload.len(), datagram.ecn), (3, 10, Ecn::Ce));
        assert_eq!(datagram.borrow().payload, [1; 10]);
        assert_eq!(datagram.four_tuple.remote.port(), 2);
        assert_eq!(handover.pop().unwrap().1.payload, [2; 20]);
        assert!(handover.pop().is_none());
        assert_eq!(handover.counts(), (2, 0));
    }

    #[test]
    fn what_waits_has_an_end_in_number_and_in_bytes() {
        let mut handover = Handover::default();
        for number in 0..300_u16 {
            push(&mut handover, number as u8, 1);
        }
        assert_eq!((handover.len(), handover.counts()), (MAX_WAITING, (0, 44)));
        assert_eq!(handover.pop().unwrap().1.payload, [0], "the oldest stays");
        while handover.pop().is_some() {}
        for _ in 0..40 {
            push(&mut handover, 0, 60_000);
        }
        assert_eq!((handover.len(), handover.bytes), (17, 17 * 60_000));
        while handover.pop().is_some() {}
        assert_eq!(handover.bytes, 0);
    }
}
