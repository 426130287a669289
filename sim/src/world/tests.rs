use super::{Stop, World};
use crate::{Echo, LinkConfig, LossMask, Nat, draw_faults};
use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Transmit};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

const INTERVAL: Duration = Duration::from_millis(10);

/// Sends a number every ten milliseconds, in batches of equal segments, until its answer has come; then the next.
struct Pinger {
    path: FourTuple,
    /// Numbers still to be answered, from here to `end`.
    next: u8,
    end: u8,
    batch: usize,
    send_at: Option<Instant>,
    is_due: bool,
    received: Vec<(Instant, u8)>,
    sources: Vec<SocketAddr>,
    batches: Vec<usize>,
    in_batch: usize,
}

impl Pinger {
    fn new(local: SocketAddr, remote: SocketAddr, end: u8) -> Pinger {
        Pinger {
            path: FourTuple { local, remote },
            next: 0,
            end,
            batch: 1,
            send_at: Some(Instant::ZERO),
            is_due: false,
            received: Vec::new(),
            sources: Vec::new(),
            batches: Vec::new(),
            in_batch: 0,
        }
    }
}

impl Machine for Pinger {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        let number = datagram.payload[0];
        self.received.push((now, number));
        self.sources.push(datagram.four_tuple.remote);
        self.in_batch += 1;
        if number == self.next {
            self.next += 1;
            self.send_at = (self.next < self.end).then_some(now);
        }
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if self.in_batch > 0 {
            self.batches.push(std::mem::take(&mut self.in_batch));
        }
        if !std::mem::take(&mut self.is_due) {
            return None;
        }
        let len = 100 * self.batch - 1;
        buffer[..len].fill(self.next);
        self.send_at = Some(now + INTERVAL);
        Some(Transmit { four_tuple: self.path, ecn: Ecn::Ect0, len, segment_size: 100 })
    }

    fn deadline(&self) -> Option<Instant> {
        self.send_at
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.send_at.is_some_and(|at| at <= now) {
            self.send_at = None;
            self.is_due = true;
        }
    }
}

fn pair(seed: u64, end: u8) -> (World, super::Handle<Pinger>) {
    let mut world = World::new(seed);
    let pinger = world.add(&[address(1)], Pinger::new(address(1), address(2), end));
    world.add(&[address(2)], Echo::default());
    (world, pinger)
}

#[test]
fn a_datagram_takes_the_delay_of_its_link_each_way() {
    let (mut world, pinger) = pair(1, 1);
    world.network().set_link(address(1), address(2), LinkConfig::new(Duration::from_millis(3)));
    world.network().set_link(address(2), address(1), LinkConfig::new(Duration::from_millis(4)));
    let stop = world.run_until(Instant::MAX, |world| !world.machine(pinger).received.is_empty());
    assert_eq!((stop, world.now()), (Stop::Condition, Instant::from_nanos(7_000_000)));
    assert_eq!(world.machine(pinger).received, [(world.now(), 0)]);
    assert_eq!(world.run_for(Duration::from_secs(1)), Stop::Idle);
}

#[test]
fn time_stops_where_it_is_told_to() {
    let (mut world, _) = pair(1, 1);
    assert_eq!(world.run_for(Duration::from_millis(5)), Stop::Time);
    assert_eq!(world.now(), Instant::from_nanos(5_000_000));
}

#[test]
fn segments_are_split_and_arrive_as_one_batch() {
    let (mut world, pinger) = pair(1, 1);
    world.machine_mut(pinger).batch = 5;
    let lengths = Rc::new(RefCell::new(Vec::new()));
    let seen = lengths.clone();
    world.observe(move |observation| seen.borrow_mut().push((observation.is_sent, observation.payload.len())));
    world.run_until(Instant::MAX, |world| !world.machine(pinger).received.is_empty());
    // The default link takes ten milliseconds: the second ping left before the first answer came.
    assert_eq!(lengths.borrow()[..5], [(true, 100), (true, 100), (true, 100), (true, 100), (true, 99)]);
    assert_eq!(world.machine(pinger).batches, [5]);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let (mut world, pinger) = pair(seed, 100);
        let faults = draw_faults(&mut world.fork_random());
        world.network().set_both(address(1), address(2), faults);
        world.keep_text();
        // Numbers may be corrupted, but each is sent again until it comes back.
        world.run_until(Instant::from_nanos(200_000_000_000), |world| world.machine(pinger).next == 100);
        assert_eq!(world.machine(pinger).next, 100, "seed {seed}");
        (world.trace_hash(), world.text().to_string(), world.network().sent())
    };
    let mut hashes = Vec::new();
    for seed in 0..20 {
        let (hash, text, sent) = run(seed);
        assert_eq!((hash, text.clone(), sent), run(seed));
        assert_eq!(text.lines().filter(|line| line.contains("sends")).count() as u64, sent);
        hashes.push(hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 20);
}

#[test]
fn every_loss_pattern_of_a_short_exchange() {
    for mask in LossMask::all(8) {
        let (mut world, pinger) = pair(1, 2);
        world.network().set_default_link(LinkConfig::new(Duration::from_millis(1)));
        world.network().set_loss_mask(mask);
        let stop = world.run_until(Instant::from_nanos(1_000_000_000), |world| world.machine(pinger).next == 2);
        assert_eq!(stop, Stop::Condition, "{mask:?}");
        let sent = world.network().sent();
        let expected = (0..sent).filter(|index| mask.loses(*index)).count() as u64;
        assert_eq!(world.network().masked(), expected);
        // Two pings and two answers, if none of these is lost, and more if one is.
        assert_eq!(sent == 4, mask.0 & 0b1111 == 0);
        assert!(sent >= 4 + expected);
    }
}

#[test]
fn a_rebinding_changes_the_source_and_cuts_off_what_is_under_way() {
    let (mut world, pinger) = pair(1, 3);
    world.network().set_default_link(LinkConfig::new(Duration::from_millis(4)));
    let mut nat = Nat::new(address(1), address(1001));
    // The first answer is under way to the old address: it is dropped, and the ping is sent again.
    nat.rebind(Instant::from_nanos(6_000_000), address(1002));
    world.network().add_nat(nat);
    let sources = Rc::new(RefCell::new(Vec::new()));
    let seen = sources.clone();
    world.observe(move |observation| {
        if !observation.is_sent && observation.four_tuple.local == address(2) {
            seen.borrow_mut().push(observation.four_tuple.remote.port());
        }
    });
    world.run_until(Instant::MAX, |world| world.machine(pinger).next == 3);
    assert_eq!(*sources.borrow(), [1001, 1002, 1002, 1002]);
    assert_eq!(world.network().unroutable(), 1);
    assert!(world.machine(pinger).sources.iter().all(|source| *source == address(2)));
}

#[test]
fn what_nobody_receives_is_counted() {
    let mut world = World::new(1);
    let pinger = world.add(&[address(1)], Pinger::new(SocketAddr::from(([0, 0, 0, 0], 1)), address(9), 1));
    world.run_for(Duration::from_millis(15));
    assert_eq!((world.network().unroutable(), world.machine(pinger).received.len()), (1, 0));
}

#[test]
#[should_panic(expected = "seed 77: 50 steps")]
fn a_run_without_end_fails_with_its_seed() {
    let (mut world, _) = pair(77, 255);
    world.set_step_limit(50);
    world.run_until(Instant::MAX, |_| false);
}

/// Its deadline has come and stays.
struct Stuck;

impl Machine for Stuck {
    fn receive(&mut self, _now: Instant, _datagram: Datagram<'_>) {}
    fn transmit(&mut self, _now: Instant, _buffer: &mut [u8]) -> Option<Transmit> {
        None
    }
    fn deadline(&self) -> Option<Instant> {
        Some(Instant::from_nanos(5))
    }
    fn on_timeout(&mut self, _now: Instant) {}
}

#[test]
#[should_panic(expected = "seed 78: time stands still")]
fn a_deadline_that_stays_fails_with_its_seed() {
    let mut world = World::new(78);
    world.add(&[address(1)], Stuck);
    world.run_for(Duration::from_secs(1));
}

#[test]
#[should_panic(expected = "is taken")]
fn an_address_has_one_owner() {
    pair(1, 1).0.add(&[address(2)], Echo::default());
}

#[test]
#[should_panic(expected = "not its address")]
fn a_machine_sends_only_from_its_own_addresses() {
    let mut world = World::new(1);
    world.add(&[address(1)], Pinger::new(address(7), address(2), 1));
    world.run_for(Duration::from_secs(1));
}
