//! The other side: receives and opens, and says how many packets have come.

use crate::Side;
use crate::packet::Keys;
use crate::socket::Socket;
use harness::measure::thread_cpu;

/// Bytes of an acknowledgment, as of a packet with an ACK frame.
const ACKNOWLEDGMENT: usize = 40;

/// Receives until an empty datagram comes; an acknowledgment for every `every` packets.
pub fn run(socket: &Socket, every: u64) -> Side {
    let keys = Keys::new();
    let mut buffer = vec![0; 1 << 16];
    let mut side = Side::default();
    let mut told = 0;
    let cpu = thread_cpu();
    while let Some((len, segment)) = socket.receive(&mut buffer) {
        if len == 0 {
            break;
        }
        for packet in buffer[..len].chunks_mut(segment) {
            assert!(keys.open(packet).is_some(), "a packet that does not open");
            side.packets += 1;
        }
        side.calls += 1;
        if side.packets - told >= every {
            told = side.packets;
            let mut acknowledgment = [0; ACKNOWLEDGMENT];
            acknowledgment[..8].copy_from_slice(&told.to_be_bytes());
            socket.send(&acknowledgment, 0);
        }
    }
    side.cpu = thread_cpu() - cpu;
    side
}
