use super::*;
use crate::{EchoStream, Stop, World};
use base::{Demand, Duration, Outgoing};

const DELAY: Duration = Duration::from_millis(10);

/// Sends `total` bytes and its end, and keeps what comes back.
#[derive(Default)]
struct Client {
    total: usize,
    sent: usize,
    heard: Vec<u8>,
    pieces: usize,
    pauses: bool,
    gives_up: bool,
    peer_ended: bool,
    was_reset: bool,
}

impl StreamMachine for Client {
    fn demand(&self) -> Demand {
        match (self.gives_up, self.pauses) {
            (true, _) => Demand::Reset,
            (_, true) => Demand::Pause,
            _ => Demand::More,
        }
    }

    fn receive(&mut self, _now: Instant, bytes: &mut [u8]) -> usize {
        self.heard.extend_from_slice(bytes);
        self.pieces += 1;
        bytes.len()
    }

    fn on_end(&mut self, _now: Instant, _left: &[u8]) {
        self.peer_ended = true;
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Outgoing {
        let len = buffer.len().min(self.total - self.sent);
        if len == 0 {
            return Outgoing::End;
        }
        buffer[..len].iter_mut().zip(self.sent..).for_each(|(byte, at)| *byte = at as u8);
        self.sent += len;
        Outgoing::Bytes(len)
    }

    fn on_reset(&mut self, _now: Instant) {
        self.was_reset = true;
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}
}

fn client(total: usize) -> Client {
    Client { total, ..Client::default() }
}

/// A connection that has run until nothing happens any more: the client, how it ended on both sides, and the hash of the trace.
fn run(seed: u64, total: usize, config: ByteLinkConfig) -> (Client, [Option<DuplexEnd>; 2], u64) {
    let mut world = World::new(seed);
    let (client, echo) = world.streams().connect(client(total), EchoStream::new(1000), config);
    assert_eq!(world.run_until(Instant::MAX, |_| false), Stop::Idle);
    let hash = world.trace_hash();
    let ends = [world.streams().over(client), world.streams().over(echo)];
    assert!(world.streams().machine(echo).most_held() <= 1000);
    (std::mem::take(world.streams().machine_mut(client)), ends, hash)
}

#[test]
fn everything_comes_back_in_order_whatever_the_pieces() {
    for (smallest, largest) in [(1, 1), (1, 9), (500, 3000), (1 << 20, 1 << 20)] {
        for seed in 0..5 {
            let config = ByteLinkConfig::new(DELAY).with_pieces(smallest, largest);
            let (client, ends, hash) = run(seed, 5000, config);
            assert_eq!(ends, [Some(DuplexEnd::Both); 2], "seed {seed}");
            assert!(client.peer_ended && client.heard.iter().zip(0..).all(|(byte, at)| *byte == at as u8));
            assert_eq!(client.heard.len(), 5000);
            assert!(largest > 1 || client.pieces == 5000, "one byte at a time");
            assert_eq!(run(seed, 5000, config).2, hash, "the same seed does the same");
            assert!(smallest == largest || run(seed + 5, 5000, config).2 != hash);
        }
    }
}

#[test]
fn a_reader_that_pauses_holds_everybody_back_and_goes_on_later() {
    let mut world = World::new(1);
    let config = ByteLinkConfig { capacity: 3000, ..ByteLinkConfig::new(DELAY) };
    let (client, echo) =
        world.streams().connect(Client { pauses: true, ..client(100_000) }, EchoStream::new(1000), config);
    assert_eq!(world.run_until(Instant::MAX, |_| false), Stop::Idle);
    // One link full, and one buffer of the echo's and one of each driver's.
    let (sent, echoed) = (world.streams().machine(client).sent, world.streams().machine(echo).echoed());
    assert!(sent < 100_000 && (3000..=5000).contains(&echoed), "{sent} sent, {echoed} echoed");
    world.streams().machine_mut(client).pauses = false;
    assert_eq!(world.run_until(Instant::MAX, |_| false), Stop::Idle);
    assert_eq!(world.streams().machine(client).heard.len(), 100_000);
    assert_eq!(world.streams().over(client), Some(DuplexEnd::Both));
}

#[test]
fn a_cut_is_told_to_both_and_a_machine_that_gives_up_is_told_to_the_other() {
    for gives_up in [false, true] {
        let mut world = World::new(1);
        let config = ByteLinkConfig { rate: Some(100_000), ..ByteLinkConfig::new(DELAY) }.with_pieces(100, 1000);
        let (client, echo) = world.streams().connect(client(100_000), EchoStream::new(1000), config);
        world.run_for(Duration::from_millis(300));
        let now = world.now();
        if gives_up {
            world.streams().machine_mut(client).gives_up = true;
        } else {
            world.streams().cut(now, client);
        }
        assert_eq!(world.run_until(Instant::MAX, |_| false), Stop::Idle);
        let expected = if gives_up { DuplexEnd::GivenUp } else { DuplexEnd::Reset };
        assert_eq!(world.streams().over(client), Some(expected));
        assert_eq!(world.streams().over(echo), Some(DuplexEnd::Reset));
        assert!(world.streams().machine(echo).was_reset());
        assert_eq!(world.streams().machine(client).was_reset, !gives_up);
        assert_eq!(world.now(), if gives_up { now + DELAY } else { now });
        let heard = &world.streams().machine(client).heard;
        assert!(!heard.is_empty() && heard.len() < 100_000);
    }
}

#[test]
fn a_peer_that_vanishes_is_noticed_by_nobody_but_a_deadline() {
    for patience in [None, Some(Duration::from_secs(5))] {
        let mut world = World::new(1);
        let echo = EchoStream::new(1000);
        let echo = match patience {
            Some(patience) => echo.with_patience(world.now(), patience),
            None => echo,
        };
        let config = ByteLinkConfig { rate: Some(1_000_000), ..ByteLinkConfig::new(DELAY) }.with_pieces(100, 1000);
        let (client, echo) = world.streams().connect(client(1_000_000), echo, config);
        world.run_for(Duration::from_millis(300));
        assert!(world.streams().machine(echo).echoed() > 0);
        world.streams().silence(client);
        assert_eq!(world.run_until(Instant::MAX, |_| false), Stop::Idle);
        assert_eq!(world.streams().over(echo), patience.map(|_| DuplexEnd::GivenUp));
        assert_eq!(world.streams().over(client), patience.map(|_| DuplexEnd::Reset));
        assert!(patience.is_none() || world.now() >= Instant::ZERO + Duration::from_millis(5250));
    }
}

#[test]
fn byte_streams_run_beside_datagrams_and_change_nothing_of_them() {
    let run = |with_streams: bool| {
        let addresses = [1, 2].map(|host| std::net::SocketAddr::from(([10, 0, 0, host], 443)));
        let mut world = World::new(9);
        let four_tuple = base::FourTuple { local: addresses[0], remote: addresses[1] };
        let mut asker = crate::Echo::default();
        let datagram = base::Datagram { four_tuple, ecn: base::Ecn::NotEct, payload: &mut [7; 100] };
        base::Machine::receive(&mut asker, world.now(), datagram);
        world.add(&addresses[..1], asker);
        world.add(&addresses[1..], crate::Echo::default());
        let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let shown = seen.clone();
        world.observe(move |observation| shown.borrow_mut().push((observation.now, observation.is_sent)));
        if with_streams {
            let config = ByteLinkConfig::new(DELAY).with_pieces(1, 100);
            world.streams().connect(client(1000), EchoStream::new(10), config);
        }
        world.run_for(Duration::from_secs(1));
        seen.take()
    };
    assert!(run(true).len() > 10);
    assert_eq!(run(true), run(false));
}
