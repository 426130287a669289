//! First packets from a thousand addresses of this machine, at a rate. Linux gives every address of 127.0.0.0/8 to it, so
//! they need not be configured. What is answered finds nobody, as it is with forged addresses.

use adversary::FirstPackets;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A flood that goes on until it is stopped or dropped.
pub struct Sender {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    /// How many were sent, after each burst.
    bursts: Receiver<u64>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    /// So many first packets in each second, from so many addresses, each of a network of its own.
    pub fn start(target: SocketAddr, rate: u64, addresses: u16) -> Sender {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stops, counts) = (stop.clone(), sent.clone());
        let (tell, bursts) = channel();
        let thread = std::thread::spawn(move || {
            let (begin, mut packets) = (Instant::now(), FirstPackets::new(b"h3"));
            while !stops.load(Ordering::Relaxed) {
                let due = begin.elapsed().as_micros() as u64 * rate / 1_000_000;
                for number in counts.load(Ordering::Relaxed)..due {
                    send(target, (number % u64::from(addresses)) as u16, &packets.make());
                    counts.fetch_add(1, Ordering::Relaxed);
                }
                // Nobody has to listen.
                let _ = tell.send(due);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Sender { stop, sent, bursts, thread: Some(thread) }
    }

    /// Waits until so many were sent.
    ///
    /// # Panics
    /// If nothing is sent for ten seconds.
    #[allow(dead_code, reason = "the program does not wait, tests do")]
    pub fn wait_until_sent(&self, count: u64) {
        while self.bursts.recv_timeout(Duration::from_secs(10)).expect("the flood goes on") < count {}
    }

    /// How many were sent.
    #[allow(dead_code, reason = "the program tells, tests do not")]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// A flood does not care whether its packets arrive.
fn send(target: SocketAddr, address: u16, packet: &[u8]) {
    let [high, low] = address.to_be_bytes();
    if let Ok(socket) = UdpSocket::bind((Ipv4Addr::new(127, 1 + high, low, 7), 0)) {
        let _ = socket.send_to(packet, target);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
