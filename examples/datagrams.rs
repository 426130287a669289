//! Datagrams over real sockets, on the crates below HTTP/3 alone: a client sends numbered ones as fast as the path takes them and
//! hears what becomes of each; a server sends each back.
//!
//! `cargo run --release --example datagrams`, or with a bad network between them, as the crate `relay` makes one:
//! `cargo run --release --example datagrams -- delay=20 loss=10 reordering=100`.

#[path = "../tests/support/tls_configs.rs"]
mod tls_configs;

use base::{Bytes, FourTuple, Instant};
use quic::{Config, Connection, ConnectionHandle, DatagramEvent, DatagramOptions, Endpoint, EndpointConfig};
use quic::{EndpointEvent, Event, WhenFull};
use relay::{Path, Relay};
use runtime::{Driver, Executor, UdpSocket, clock};
use std::cell::RefCell;
use std::error::Error;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Bytes of each datagram, its number included.
const SIZE: usize = 1000;

/// What a client knows at the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    pub(crate) acknowledged: u64,
    pub(crate) lost: u64,
    pub(crate) dropped: u64,
    /// Came back.
    pub(crate) returned: u64,
    /// Bytes of the largest that the path takes.
    pub(crate) largest: usize,
    pub(crate) seconds: f64,
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let settings: Vec<String> = std::env::args().skip(1).collect();
    let report = exchange(50_000, &settings.join(" "))?;
    let rate = report.returned as f64 * SIZE as f64 * 8.0 / 1e6 / report.seconds;
    println!("{report:?}: {rate:.0} Mbit/s came back");
    Ok(())
}

/// Sends `count` datagrams over a path with these settings, and gives what became of them.
pub(crate) fn exchange(count: u64, settings: &str) -> Result<Report, Box<dyn Error>> {
    let executor = Executor::new()?;
    let (client_tls, server_tls) = tls_configs::configs();
    let server = start(&executor, Some(server_tls), Side::Server)?;
    let path = Path::parse(settings.split(' ').filter(|word| !word.is_empty()))?;
    let relay = Relay::start(server.address, path)?;
    let client = start(&executor, None, Side::Client(Sending { left: count, ..Sending::default() }))?;
    let four_tuple = FourTuple { local: client.address, remote: relay.address() };
    let name = x509::ServerName::parse(tls_configs::NAME)?;
    let begin = clock::now();
    client.endpoint.borrow_mut().connect(begin, client_tls, name, four_tuple)?;
    client.driver.notify();
    let application = client.application.clone();
    executor.block_on(poll_fn(move |context| {
        let mut application = application.borrow_mut();
        application.waker = Some(context.waker().clone());
        let Side::Client(Sending { report, closed, .. }) = &mut application.side else {
            unreachable!("it is a client")
        };
        report.seconds = (clock::now() - begin).as_nanos() as f64 / 1e9;
        let is_told = report.acknowledged + report.lost + report.dropped == count;
        match closed.take() {
            Some(reason) => Poll::Ready(Err(reason.into())),
            None if is_told => Poll::Ready(Ok(*report)),
            None => Poll::Pending,
        }
    }))
}

enum Side {
    Server,
    Client(Sending),
}

#[derive(Default)]
struct Sending {
    left: u64,
    report: Report,
    closed: Option<String>,
}

struct Application {
    side: Side,
    waker: Option<Waker>,
}

struct Running {
    address: std::net::SocketAddr,
    endpoint: Rc<RefCell<Endpoint>>,
    application: Rc<RefCell<Application>>,
    driver: runtime::DriverHandle,
}

fn start(executor: &Executor, tls: Option<Arc<tls::ServerConfig>>, side: Side) -> Result<Running, Box<dyn Error>> {
    let mut config = Config::default();
    // All that fit a packet are taken.
    config.datagrams.max_frame_size = 65_535;
    let config = EndpointConfig::new(crypto_ring::provider(), Arc::new(config), tls);
    let endpoint = Endpoint::new(clock::now(), config, Box::new(crypto_ring::SystemRandom::new()));
    let (endpoint, socket) = (Rc::new(RefCell::new(endpoint)), UdpSocket::bind(([127, 0, 0, 1], 0).into())?);
    let address = socket.local_address();
    let application = Rc::new(RefCell::new(Application { side, waker: None }));
    let own = application.clone();
    let run = move |endpoint: &mut Endpoint, _now: Instant| own.borrow_mut().run(endpoint);
    let (running, driver) = Driver::new(executor.handle(), vec![socket], endpoint.clone(), run)?;
    executor.handle().spawn(running);
    Ok(Running { address, endpoint, application, driver })
}

impl Application {
    fn run(&mut self, endpoint: &mut Endpoint) {
        while let Some(event) = endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            self.advance(endpoint, handle);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn advance(&mut self, endpoint: &mut Endpoint, handle: ConnectionHandle) {
        let Some(connection) = endpoint.connection_mut(handle) else { return };
        while let Some(event) = connection.poll_event() {
            match (&mut self.side, event) {
                (Side::Server, Event::Datagram(DatagramEvent::Readable)) => send_back(connection),
                (Side::Client(sending), Event::Datagram(event)) => sending.on_event(connection, event),
                (Side::Client(sending), Event::Established) => sending.send(connection),
                (Side::Client(sending), Event::Closed(reason)) => sending.closed = Some(reason.to_string()),
                _ => {}
            }
        }
    }
}

/// The newest matter most: where the way back has no room, the oldest are dropped.
fn send_back(connection: &mut Connection) {
    let options = DatagramOptions { when_full: WhenFull::DropOldest, ..DatagramOptions::default() };
    while let Some(datagram) = connection.read_datagram() {
        // One that the way back does not carry is as good as lost.
        let _ = connection.send_datagram(datagram, options);
    }
}

impl Sending {
    fn on_event(&mut self, connection: &mut Connection, event: DatagramEvent) {
        match event {
            DatagramEvent::LargestChanged(largest) => self.report.largest = largest,
            DatagramEvent::Acknowledged(_) => self.report.acknowledged += 1,
            DatagramEvent::Lost(_) => self.report.lost += 1,
            DatagramEvent::Dropped(_) => self.report.dropped += 1,
            DatagramEvent::Readable => {
                while connection.read_datagram().is_some() {
                    self.report.returned += 1;
                }
            }
            DatagramEvent::Writable => self.send(connection),
        }
    }

    /// As many as are taken; `Writable` follows when there is room for more.
    fn send(&mut self, connection: &mut Connection) {
        let options = DatagramOptions { tells_fate: true, ..DatagramOptions::default() };
        while self.left > 0 {
            let mut data = vec![0; SIZE];
            data.splice(..8, self.left.to_be_bytes());
            if connection.send_datagram(Bytes::from(data), options).is_err() {
                return;
            }
            self.left -= 1;
        }
    }
}
