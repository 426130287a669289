//! One side: seals and sends, as much as the window allows.

use crate::packet::Keys;
use crate::socket::Socket;
use crate::{Side, WINDOW};
use harness::measure::thread_cpu;
use std::time::Instant;

/// Sends until `end`, then tells the other side with an empty datagram.
pub fn run(socket: &Socket, batch: usize, size: usize, end: Instant) -> Side {
    let keys = Keys::new();
    let mut buffer = vec![0x5a; batch * size];
    let mut acknowledgment = [0; 64];
    let mut acknowledged = 0;
    let mut side = Side::default();
    let (began, cpu) = (Instant::now(), thread_cpu());
    while Instant::now() < end {
        while (side.packets - acknowledged) * size as u64 + (batch * size) as u64 > WINDOW.max((batch * size) as u64) {
            let Some((len, _)) = socket.receive(&mut acknowledgment) else {
                // What was under way is lost.
                acknowledged = side.packets;
                break;
            };
            if let Some(Ok(count)) = acknowledgment[..len].get(..8).map(TryInto::try_into) {
                acknowledged = u64::from_be_bytes(count);
            }
        }
        for (number, packet) in (side.packets..).zip(buffer.chunks_exact_mut(size)) {
            keys.seal(packet, number);
        }
        socket.send(&buffer, size);
        side.packets += batch as u64;
        side.calls += 1;
    }
    side.time = began.elapsed().as_secs_f64();
    side.cpu = thread_cpu() - cpu;
    socket.send(&[], 0);
    side
}
