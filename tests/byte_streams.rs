//! Machines on byte streams behave the same on the simulator's links, on virtual time, and on TCP connections of the
//! system: each test runs on both, and on links that cut the bytes into single ones and into pieces of any size; and on each of
//! these once more with TLS between the machines and what carries them.

#[path = "support/tls_configs.rs"]
mod tls_configs;

use base::{Demand, DuplexEnd, Duration, Instant, Outgoing, StreamMachine, StreamMemory};
use runtime::{Executor, StreamDriver, StreamEnding, TcpListener, TcpStream};
use sim::{ByteLinkConfig, EchoStream, World};
use std::cell::RefCell;
use std::rc::Rc;
use tls::record::{Connection, Settings, TlsStream};

/// What carries bytes between two machines.
#[derive(Clone, Copy, Debug)]
enum Carrier {
    /// The simulator, with pieces of a length between these.
    Sim(usize, usize),
    /// The system, by the loopback interface.
    Tcp,
    /// TLS on the simulator.
    TlsOnSim(usize, usize),
    /// TLS on the system.
    TlsOnTcp,
}

const CARRIERS: [Carrier; 8] = [
    Carrier::Sim(1, 1),
    Carrier::Sim(1, 3000),
    Carrier::Sim(1 << 16, 1 << 16),
    Carrier::Tcp,
    Carrier::TlsOnSim(1, 1),
    Carrier::TlsOnSim(1, 3000),
    Carrier::TlsOnSim(1 << 16, 1 << 16),
    Carrier::TlsOnTcp,
];

/// Longer than any of the runs takes.
const LIMIT: Duration = Duration::from_secs(100);

impl Carrier {
    /// Runs both until the connection is over for both, and gives them back with how it ended for each.
    fn run<A: StreamMachine + 'static, B: StreamMachine + 'static>(
        self,
        one: A,
        other: B,
    ) -> ((A, DuplexEnd), (B, DuplexEnd)) {
        match self {
            Carrier::Sim(smallest, largest) => on_links(one, other, smallest, largest),
            Carrier::Tcp => over_tcp(one, other),
            Carrier::TlsOnSim(smallest, largest) => {
                let (one, other) = under_tls(self.now(), one, other);
                out_of_tls(on_links(one, other, smallest, largest))
            }
            Carrier::TlsOnTcp => {
                let (one, other) = under_tls(self.now(), one, other);
                out_of_tls(over_tcp(one, other))
            }
        }
    }

    /// The time at which its runs begin.
    fn now(self) -> Instant {
        match self {
            Carrier::Sim(..) | Carrier::TlsOnSim(..) => Instant::ZERO,
            Carrier::Tcp | Carrier::TlsOnTcp => runtime::clock::now(),
        }
    }

    /// How long the patient wait from the beginning on: on real sockets longer than it takes on a busy machine to hear the first bytes,
    /// because it is waited for.
    fn patience(self) -> Duration {
        match self {
            Carrier::Sim(..) | Carrier::TlsOnSim(..) => Duration::from_millis(50),
            Carrier::Tcp | Carrier::TlsOnTcp => Duration::from_secs(1),
        }
    }

    /// Bytes of a long transfer: more than the carrier holds, and not more single bytes than the simulator carries in a
    /// moment.
    fn many(self) -> usize {
        match self {
            Carrier::Sim(1, 1) | Carrier::TlsOnSim(1, 1) => 300_000,
            Carrier::Sim(..) | Carrier::TlsOnSim(..) => 3_000_000,
            Carrier::Tcp | Carrier::TlsOnTcp => 30_000_000,
        }
    }
}

/// Both machines with TLS under them, the first as the client.
fn under_tls<A: StreamMachine, B: StreamMachine>(now: Instant, one: A, other: B) -> (Tls<A>, Tls<B>) {
    let settings = Settings { close_timeout: LIMIT, ..Settings::default() };
    let (client, server) = tls_configs::configs();
    let name = x509::ServerName::parse(tls_configs::NAME).expect("a name");
    let mut random = crypto_ring::SystemRandom::new();
    let client = Connection::client(client, name, &settings, now, &mut random).expect("a client");
    let server = Connection::server(server, &settings, now);
    let stream = crypto_ring::SystemRandom::new;
    (TlsStream::new(client, one, &settings, stream()), TlsStream::new(server, other, &settings, stream()))
}

/// The machines, once it is over.
fn out_of_tls<A: StreamMachine, B: StreamMachine>(
    (one, other): ((Tls<A>, DuplexEnd), (Tls<B>, DuplexEnd)),
) -> ((A, DuplexEnd), (B, DuplexEnd)) {
    ((one.0.into_machine(), one.1), (other.0.into_machine(), other.1))
}

type Tls<M> = TlsStream<M, crypto_ring::SystemRandom>;

fn on_links<A: StreamMachine + 'static, B: StreamMachine + 'static>(
    one: A,
    other: B,
    smallest: usize,
    largest: usize,
) -> ((A, DuplexEnd), (B, DuplexEnd)) {
    let mut world = World::new(1);
    let config = ByteLinkConfig::new(Duration::from_micros(100)).with_pieces(smallest, largest);
    let (one, other) = world.streams().connect(Taken(Some(one)), Taken(Some(other)), config);
    world.run_until(Instant::ZERO + LIMIT, |world| {
        world.streams().over(one).is_some() && world.streams().over(other).is_some()
    });
    let streams = world.streams();
    let ends = (streams.over(one).expect("an end"), streams.over(other).expect("an end"));
    let machines = (streams.machine_mut(one).0.take(), streams.machine_mut(other).0.take());
    ((machines.0.expect("a machine"), ends.0), (machines.1.expect("a machine"), ends.1))
}

fn over_tcp<A: StreamMachine + 'static, B: StreamMachine + 'static>(
    one: A,
    other: B,
) -> ((A, DuplexEnd), (B, DuplexEnd)) {
    let executor = Executor::new().expect("an executor");
    let handle = executor.handle().clone();
    let memory = Rc::new(RefCell::new(StreamMemory::default()));
    let (one, other) = (Rc::new(RefCell::new(one)), Rc::new(RefCell::new(other)));
    let ends = executor.block_on(handle.timeout(LIMIT, async {
        let listener = TcpListener::bind("127.0.0.1:0".parse().expect("an address")).expect("a listener");
        let listener = handle.watch(listener).expect("watched");
        let ours = TcpStream::connect(&handle, listener.inner().local_address()).await.expect("connected");
        let theirs = listener.read_with(TcpListener::accept).await.expect("accepted");
        assert_eq!(ours.inner().local_address().expect("an address"), theirs.remote_address());
        let theirs = handle.watch(theirs).expect("watched");
        let (ours, _) = StreamDriver::new(&handle, ours, one.clone(), memory.clone(), |_, _| {});
        let (theirs, _) = StreamDriver::new(&handle, theirs, other.clone(), memory.clone(), |_, _| {});
        let (ours, theirs) = (handle.spawn_driver(ours), handle.spawn_driver(theirs));
        (end(&ours.await.expect("an end")), end(&theirs.await.expect("an end")))
    }));
    let ends = ends.expect("both end by themselves");
    ((alone(one), ends.0), (alone(other), ends.1))
}

/// The machine, which nobody drives any more.
fn alone<M>(machine: Rc<RefCell<M>>) -> M {
    Rc::try_unwrap(machine).ok().map(RefCell::into_inner).expect("the driver has let go")
}

fn end(ending: &StreamEnding) -> DuplexEnd {
    match ending {
        StreamEnding::Ended => DuplexEnd::Both,
        StreamEnding::GivenUp => DuplexEnd::GivenUp,
        StreamEnding::Broken(_) => DuplexEnd::Reset,
    }
}

/// A machine that can be taken out of the simulator.
struct Taken<M>(Option<M>);

impl<M: StreamMachine> Taken<M> {
    fn machine(&mut self) -> &mut M {
        self.0.as_mut().expect("a machine that runs")
    }
}

impl<M: StreamMachine> StreamMachine for Taken<M> {
    fn demand(&self) -> Demand {
        self.0.as_ref().map_or(Demand::Pause, StreamMachine::demand)
    }
    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.machine().receive(now, bytes)
    }
    fn on_end(&mut self, now: Instant, left: &[u8]) {
        self.machine().on_end(now, left);
    }
    fn has_output(&self) -> bool {
        self.0.as_ref().is_some_and(StreamMachine::has_output)
    }
    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.machine().transmit(now, buffer)
    }
    fn on_reset(&mut self, now: Instant) {
        self.machine().on_reset(now);
    }
    fn deadline(&self) -> Option<Instant> {
        self.0.as_ref().and_then(StreamMachine::deadline)
    }
    fn on_timeout(&mut self, now: Instant) {
        self.machine().on_timeout(now);
    }
}

/// When a [`Talker`] ends its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ends {
    /// Once all is sent.
    #[default]
    First,
    /// Once all is sent and the peer has ended.
    Last,
    /// Never.
    Never,
}

/// One that says `total` bytes, each by its place, and listens for the same.
#[derive(Debug, Default)]
struct Talker {
    total: usize,
    ends: Ends,
    /// It takes so many bytes, and then pauses for a millisecond.
    appetite: Option<usize>,
    /// When it has heard so many bytes it resets the connection.
    resets_at: Option<usize>,
    /// When it has heard so many bytes, and said as many, it does nothing any more.
    vanishes_at: Option<usize>,
    sent: usize,
    heard: usize,
    eaten: usize,
    wakes: Option<Instant>,
    pauses: u32,
    peer_ended: bool,
    was_reset: bool,
}

impl Talker {
    fn has_vanished(&self) -> bool {
        self.vanishes_at.is_some_and(|at| self.heard >= at && self.sent >= at.min(self.total))
    }
}

impl StreamMachine for Talker {
    fn demand(&self) -> Demand {
        if self.resets_at.is_some_and(|at| self.heard >= at) {
            Demand::Reset
        } else if self.wakes.is_some() || self.has_vanished() {
            Demand::Pause
        } else {
            Demand::More
        }
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        assert!(!self.peer_ended && !self.was_reset && !bytes.is_empty());
        let most = self.appetite.map_or(usize::MAX, |appetite| appetite - self.eaten);
        let taken = bytes.len().min(most);
        for (byte, at) in bytes[..taken].iter().zip(self.heard..) {
            assert_eq!(*byte, byte_at(at), "byte {at}");
        }
        self.heard += taken;
        self.eaten += taken;
        if self.appetite == Some(self.eaten) {
            self.eaten = 0;
            self.pauses += 1;
            self.wakes = Some(now + Duration::from_millis(1));
        }
        taken
    }

    fn on_end(&mut self, _now: Instant, left: &[u8]) {
        assert!(left.is_empty() && !self.peer_ended && !self.was_reset);
        self.peer_ended = true;
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Outgoing {
        assert!(!self.was_reset);
        let len = buffer.len().min(self.total - self.sent);
        if self.has_vanished() {
            return Outgoing::Nothing;
        }
        if len == 0 {
            let ends = self.ends == Ends::First || self.ends == Ends::Last && self.peer_ended;
            return if ends { Outgoing::End } else { Outgoing::Nothing };
        }
        for (byte, at) in buffer[..len].iter_mut().zip(self.sent..) {
            *byte = byte_at(at);
        }
        self.sent += len;
        Outgoing::Bytes(len)
    }

    fn on_reset(&mut self, _now: Instant) {
        assert!(!self.was_reset, "told once");
        self.was_reset = true;
    }

    fn deadline(&self) -> Option<Instant> {
        self.wakes
    }

    fn on_timeout(&mut self, now: Instant) {
        self.wakes = self.wakes.filter(|wakes| *wakes > now);
    }
}

fn byte_at(at: usize) -> u8 {
    (at % 251) as u8
}

#[test]
fn data_of_every_size_comes_back_and_both_directions_end() {
    for carrier in CARRIERS {
        for total in [0, 1, 2, 999, 1000, 1001, 17 << 10, 1 << 16, carrier.many()] {
            let ((client, ours), (echo, theirs)) =
                carrier.run(Talker { total, ..Talker::default() }, EchoStream::new(100_000));
            assert_eq!((ours, theirs), (DuplexEnd::Both, DuplexEnd::Both), "{carrier:?}, {total} bytes");
            assert_eq!((client.heard, client.peer_ended), (total, true));
            assert_eq!((echo.echoed(), echo.peer_ended()), (total as u64, true));
        }
    }
}

#[test]
fn either_side_ends_first_and_the_other_goes_on_talking() {
    for carrier in CARRIERS {
        for (one, other) in [(Ends::First, Ends::Last), (Ends::Last, Ends::First), (Ends::First, Ends::First)] {
            let talker = |ends, total| Talker { ends, total, ..Talker::default() };
            let (one, other) = carrier.run(talker(one, 100_000), talker(other, 200_000));
            assert_eq!((one.1, other.1), (DuplexEnd::Both, DuplexEnd::Both), "{carrier:?}");
            assert_eq!((one.0.heard, other.0.heard), (200_000, 100_000));
            assert!(one.0.peer_ended && other.0.peer_ended);
        }
    }
}

#[test]
fn a_slow_reader_holds_the_sender_back_and_gets_everything() {
    for carrier in CARRIERS {
        let total = carrier.many();
        let reader = Talker { total, appetite: Some(total / 20), ..Talker::default() };
        let ((reader, ours), (echo, theirs)) = carrier.run(reader, EchoStream::new(1000));
        assert_eq!((ours, theirs), (DuplexEnd::Both, DuplexEnd::Both), "{carrier:?}");
        assert_eq!((reader.heard, reader.pauses, reader.peer_ended), (total, 20, true));
        assert!(echo.most_held() <= 1000, "it held {}", echo.most_held());
    }
}

#[test]
fn a_reset_in_the_middle_reaches_the_other_end_and_leaves_nothing() {
    for carrier in CARRIERS {
        let total = carrier.many();
        let one = Talker { total, resets_at: Some(total / 3), ..Talker::default() };
        let ((one, ours), (echo, theirs)) = carrier.run(one, EchoStream::new(100_000));
        assert_eq!((ours, theirs), (DuplexEnd::GivenUp, DuplexEnd::Reset), "{carrier:?}");
        assert!(one.heard >= total / 3 && one.heard < total && !one.peer_ended);
        assert!(!one.was_reset, "who gives up is not told");
        assert!(echo.was_reset() && !echo.gave_up());
    }
}

#[test]
fn a_reset_is_noticed_by_who_has_paused() {
    for carrier in CARRIERS {
        let one = Talker { total: 1000, ends: Ends::Never, resets_at: Some(1000), ..Talker::default() };
        // Once it has heard the other it would wait for ever, but for the reset.
        let other = Talker { total: 1000, ends: Ends::Never, vanishes_at: Some(1000), ..Talker::default() };
        let (one, other) = carrier.run(one, other);
        assert_eq!((one.1, other.1), (DuplexEnd::GivenUp, DuplexEnd::Reset), "{carrier:?}");
        assert!(other.0.was_reset);
    }
}

#[test]
fn a_deadline_ends_a_connection_on_which_nothing_happens() {
    for carrier in CARRIERS {
        // One that says nothing, one that stops listening in the middle, and one that never ends.
        let silent = Talker { ends: Ends::Never, ..Talker::default() };
        let vanished = Talker { total: carrier.many(), vanishes_at: Some(10_000), ..Talker::default() };
        let endless = Talker { total: 1000, ends: Ends::Never, ..Talker::default() };
        for (talker, heard) in [(silent, 0..=0), (vanished, 10_000..=100_000), (endless, 1000..=1000)] {
            let echo = EchoStream::new(1000).with_patience(carrier.now(), carrier.patience());
            let ((talker, ours), (echo, theirs)) = carrier.run(talker, echo);
            assert_eq!((ours, theirs), (DuplexEnd::Reset, DuplexEnd::GivenUp), "{carrier:?}");
            assert!(talker.was_reset && echo.gave_up() && !echo.was_reset());
            assert!(heard.contains(&talker.heard), "{carrier:?}: heard {}", talker.heard);
        }
    }
}
