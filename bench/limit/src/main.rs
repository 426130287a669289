//! The least that any QUIC stack does with bulk data, and nothing else: seal, mask the header, send with GSO on one core;
//! receive with GRO, unmask, open on another; an acknowledgment now and then. No stack on this machine can be faster.
//!
//! `bench-limit SENDER_CORE RECEIVER_CORE MILLISECONDS [PACKETS_A_SEND [PACKET_SIZE]]`

mod packet;
mod receiver;
mod sender;
mod socket;

use harness::measure;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Acknowledged after so many sends' packets.
const SENDS_PER_ACKNOWLEDGMENT: u64 = 2;
/// Bytes under way.
const WINDOW: u64 = 1 << 20;

/// What a side has done.
#[derive(Default)]
pub struct Side {
    /// Packets.
    pub packets: u64,
    /// Calls that moved them.
    pub calls: u64,
    /// Seconds of processor time of its thread.
    pub cpu: f64,
    /// Seconds from its first packet to its last.
    pub time: f64,
}

fn main() {
    let words: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let word = |at: usize, default: u64| words.get(at).copied().unwrap_or(default);
    let length = Duration::from_millis(word(2, 1000));
    let (batch, size) = (word(3, 45), word(4, 1452) as usize);
    let (near, far) = (socket::Socket::bind(), socket::Socket::bind());
    near.connect(&far);
    far.connect(&near);
    let received = Mutex::new(Side::default());
    let sent = std::thread::scope(|scope| {
        scope.spawn(|| {
            prepare(word(1, 1));
            let side = receiver::run(&far, batch * SENDS_PER_ACKNOWLEDGMENT);
            *received.lock().expect("no thread panicked") = side;
        });
        let sender = scope.spawn(|| {
            prepare(word(0, 0));
            sender::run(&near, batch as usize, size, Instant::now() + length)
        });
        sender.join().expect("a sender that ends")
    });
    let received = received.into_inner().expect("no thread panicked");
    let bytes = received.packets as f64 * (size - packet::OVERHEAD) as f64;
    println!(
        "limit {} {} {} {} {} {}",
        bytes * 8.0 / sent.time / 1e9,
        received.cpu / bytes * 1e9,
        sent.cpu / bytes * 1e9,
        sent.packets as f64 / sent.calls as f64,
        received.packets as f64 / received.calls as f64,
        sent.packets - received.packets,
    );
}

fn prepare(core: u64) {
    measure::pin(core as usize);
    if std::env::var_os("BENCH_PRECEDENCE").is_some() {
        measure::take_precedence();
    }
}
