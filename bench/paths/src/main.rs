//! Goodput of ours and of quinn-proto over the same simulated paths: loss, reordering, round trip, rate and queue.
//!
//! Both stacks are machines in one simulated network (`sim`), so that each sees the same link, and the same seed gives the same
//! losses. A server sends without end on one stream; what the client has read within the time is the goodput.
//!
//! `bench-paths [SEEDS] [rate,rate...] [round trip,...]`: seeds of each cell, megabits a second, milliseconds.

mod ours;
mod quinn;

use base::{Duration, Instant};
use sim::{LinkConfig, World};
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

/// One path.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// Megabits a second.
    rate: u64,
    /// Milliseconds there and back.
    round_trip: u64,
    /// Of what is under way, in hundredths.
    queue: u64,
    /// In hundredths.
    loss: f64,
    reordering: f64,
}

impl Cell {
    fn down(&self) -> LinkConfig {
        let mut link = LinkConfig::new(Duration::from_micros(self.round_trip * 500));
        link.rate = Some(self.rate * 125_000);
        link.queue = ((self.rate * 125 * self.round_trip * self.queue / 100) as usize).max(3000);
        link.loss = self.loss / 100.0;
        link.reorder = self.reordering / 100.0;
        link.reorder_by = Duration::from_micros(self.round_trip * 250);
        link
    }

    /// Milliseconds that are measured: the beginning as well, twenty round trips and three seconds.
    fn time(&self) -> u64 {
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

fn list(text: Option<String>, otherwise: &[u64]) -> Vec<u64> {
    text.map_or(otherwise.to_vec(), |text| text.split(',').map(|number| number.parse().expect("a number")).collect())
}

fn mean(seeds: u64, run: impl Fn(u64) -> f64) -> f64 {
    (1..=seeds).map(run).sum::<f64>() / seeds as f64
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seeds = arguments.next().map_or(3, |text| text.parse().expect("a number of seeds"));
    let rates = list(arguments.next(), &[10, 100, 1000]);
    let round_trips = list(arguments.next(), &[20, 100, 600]);
    println!("rate  rtt  queue  loss  late |  cubic  quinn  ratio |    bbr  quinn  ratio");
    let (mut cells, mut below) = (0, 0);
    for rate in rates {
        for round_trip in &round_trips {
            for queue in [25, 100, 400] {
                for (loss, reordering) in [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (2.0, 0.0), (5.0, 0.0), (0.0, 5.0)] {
                    let cell = Cell { rate, round_trip: *round_trip, queue, loss, reordering };
                    let [ours, theirs, bbr, their_bbr] = [
                        mean(seeds, |seed| ours::run(seed, &cell, Control::Cubic)),
                        mean(seeds, |seed| quinn::run(seed, &cell, Control::Cubic)),
                        mean(seeds, |seed| ours::run(seed, &cell, Control::Bbr)),
                        mean(seeds, |seed| quinn::run(seed, &cell, Control::Bbr)),
                    ];
                    let mark = |ours: f64, theirs: f64| if ours < theirs * 0.99 { '<' } else { ' ' };
                    println!(
                        "{rate:4} {round_trip:4} {queue:6} {loss:5} {reordering:5} | {ours:6.3} {theirs:6.3} {:6.2}{} | {bbr:6.3} {their_bbr:6.3} {:6.2}{}",
                        ours / theirs,
                        mark(ours, theirs),
                        bbr / their_bbr,
                        mark(bbr, their_bbr),
                    );
                    cells += 2;
                    below += u32::from(mark(ours, theirs) == '<') + u32::from(mark(bbr, their_bbr) == '<');
                }
            }
        }
    }
    println!("{below} of {cells} below");
}
