//! Goodput of ours and of others over the same simulated paths: loss, reordering, round trip, rate and queue.
//!
//! Ours and quinn-proto are machines in one simulated network (`sim`), so that each sees the same link, and the same seed gives the same
//! losses. s2n-quic comes with a network of its own, in which the same link stands (`--features s2n`). A server sends without end on
//! one stream; what the client has read within the time is the goodput.

pub mod goals;
pub mod ideal;
pub mod ours;
pub mod quinn;
#[cfg(feature = "s2n")]
pub mod s2n;
pub mod table;

use base::{Duration, Instant};
use sim::{LinkConfig, World};
use std::collections::BTreeMap;
use std::net::SocketAddr;

const CLIENT: &str = "192.0.2.1:50000";
const SERVER: &str = "192.0.2.2:443";

/// What each stack runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// CUBIC, the default of both.
    Cubic,
    /// BBR.
    Bbr,
}

impl Control {
    /// By its name.
    ///
    /// # Panics
    /// If it has another.
    pub fn parse(name: &str) -> Control {
        match name {
            "cubic" => Control::Cubic,
            "bbr" => Control::Bbr,
            _ => panic!("{name}: cubic or bbr"),
        }
    }
}

/// One path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Megabits a second.
    pub rate: u64,
    /// Milliseconds there and back.
    pub round_trip: u64,
    /// Of what is under way, in hundredths.
    pub queue: u64,
    /// In hundredths: datagrams that are lost.
    pub loss: f64,
    /// In hundredths: datagrams that come later by up to a quarter of the round trip.
    pub reordering: f64,
}

impl Cell {
    /// The way from the server.
    pub fn down(&self) -> LinkConfig {
        let mut link = LinkConfig::new(Duration::from_micros(self.round_trip * 500));
        link.rate = Some(self.rate * 125_000);
        link.queue = ((self.rate * 125 * self.round_trip * self.queue / 100) as usize).max(3000);
        link.loss = self.loss / 100.0;
        link.reorder = self.reordering / 100.0;
        link.reorder_by = Duration::from_micros(self.round_trip * 250);
        link
    }

    /// Milliseconds that are measured: the beginning as well, and many round trips.
    pub fn time(&self) -> u64 {
        if self.rate >= 1000 { 2000 + 15 * self.round_trip } else { 5000 + 25 * self.round_trip }
    }
}

/// A world with this link, and nobody in it.
fn world(seed: u64, cell: &Cell) -> World {
    let mut world = World::new(seed);
    world.set_step_limit(u64::MAX);
    let (client, server): (SocketAddr, SocketAddr) = (address(CLIENT), address(SERVER));
    let up = LinkConfig { rate: Some(cell.rate * 125_000), ..LinkConfig::new(cell.down().delay) };
    world.network().set_link(client, server, up);
    world.network().set_link(server, client, cell.down());
    world
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn end(cell: &Cell) -> Instant {
    Instant::ZERO + Duration::from_millis(cell.time())
}

/// The share of the rate that arrived.
fn share(cell: &Cell, bytes: u64) -> f64 {
    bytes as f64 / (cell.rate * 125 * cell.time()) as f64
}

/// Jain's index of two connections, and the share of the rate that both have together, in twenty seconds: `before` and `after` is how many
/// bytes each has received.
fn shares_of_two<K: Ord>(cell: &Cell, before: &BTreeMap<K, u64>, after: &BTreeMap<K, u64>) -> (f64, f64) {
    let moved = after.iter().map(|(handle, bytes)| (bytes - before.get(handle).unwrap_or(&0)) as f64);
    let (sum, squares) = moved.fold((0.0, 0.0), |(sum, squares), bytes| (sum + bytes, squares + bytes * bytes));
    (sum * sum / (2.0 * squares), sum / (cell.rate * 125_000 * 20) as f64)
}

/// A certificate for `localhost`, as stacks ask for it that look at the real time.
fn foreign_identity(key_pkcs8: &[u8]) -> x509::issue::Identity {
    let request = x509::IssueRequest {
        names: vec!["localhost".into()],
        not_before_unix: now_unix() - 1000,
        lifetime_seconds: 1_000_000,
        serial: [1; 16],
        is_authority: false,
    };
    x509::issue::self_signed(&sim::seeded_provider(), key_pkcs8, &request).expect("a certificate")
}

fn now_unix() -> u64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    elapsed.as_secs()
}
