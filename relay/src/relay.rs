//! The relay: which client has which port, and the threads that receive.

use crate::capture::Capture;
use crate::path::{Heading, Path};
use crate::wire::{self, Arrival, Counts};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

/// A client is forgotten after so long without a datagram of its own.
const FORGET_AFTER: Duration = Duration::from_secs(40);
/// How long a thread that waits for datagrams may not notice that it is not needed any more.
const NOTICE: Duration = Duration::from_millis(100);
/// The largest datagram that is carried whole.
const LARGEST: usize = 9000;

/// A relay under way. It ends when it is dropped, at the latest after a tenth of a second.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    counts: Arc<Counts>,
    is_over: Arc<AtomicBool>,
}

impl Relay {
    /// Starts the threads of a relay to `server`.
    ///
    /// # Errors
    /// If there is no socket for it.
    pub fn start(server: SocketAddr, path: Path) -> io::Result<Relay> {
        Relay::start_with(server, path, None)
    }

    /// The same, and writes all that it is given into `capture`, with what became of it.
    ///
    /// # Errors
    /// As for [`Relay::start`].
    pub fn start_with(server: SocketAddr, path: Path, capture: Option<Capture>) -> io::Result<Relay> {
        let capture = capture.map(Arc::new);
        let inside = Arc::new(UdpSocket::bind((server.ip(), 0))?);
        inside.set_read_timeout(Some(NOTICE))?;
        let (address, counts, is_over) = (inside.local_addr()?, Arc::new(Counts::default()), Arc::default());
        let clients = Clients {
            server,
            path,
            counts: counts.clone(),
            is_over: Arc::clone(&is_over),
            to_server: wire::start(path, Heading::Server, counts.clone(), capture.clone()),
            to_clients: wire::start(path, Heading::Client, counts.clone(), capture),
            inside,
            known: HashMap::new(),
            moves: 0,
        };
        thread::spawn(move || clients.run());
        Ok(Relay { address, counts, is_over })
    }

    /// Where clients send to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happened so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

struct Clients {
    server: SocketAddr,
    path: Path,
    counts: Arc<Counts>,
    is_over: Arc<AtomicBool>,
    to_server: Sender<Arrival>,
    to_clients: Sender<Arrival>,
    inside: Arc<UdpSocket>,
    known: HashMap<SocketAddr, Client>,
    /// How often an address was changed.
    moves: u8,
}

/// A client as the server sees it.
struct Client {
    binding: Binding,
    began: Instant,
    heard: Instant,
    /// Datagrams that came from it.
    count: u64,
}

/// A source port that a client was given.
struct Binding {
    outside: Arc<UdpSocket>,
    address: SocketAddr,
    /// When it is forgotten.
    until: Option<Instant>,
    is_over: Arc<AtomicBool>,
}

impl Clients {
    fn run(mut self) {
        let mut buffer = [0; LARGEST];
        while !self.is_over.load(Ordering::Relaxed) {
            let Ok((len, client)) = self.inside.recv_from(&mut buffer) else { continue };
            if let Some(datagram) = buffer.get(..len) {
                // Without a socket for it a datagram is lost.
                let _ = self.pass_on(client, datagram);
            }
        }
    }

    fn pass_on(&mut self, address: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let now = Instant::now();
        if !self.known.contains_key(&address) {
            self.known.retain(|_, client| now - client.heard < FORGET_AFTER);
            let binding = self.bind(address, now, 0, true)?;
            self.known.insert(address, Client { binding, began: now, heard: now, count: 0 });
        }
        self.bind_anew(address, now)?;
        let Some(client) = self.known.get_mut(&address) else { return Ok(()) };
        client.heard = now;
        let number = client.count;
        client.count += 1;
        let (socket, outside) = (client.binding.outside.clone(), client.binding.address);
        let (age, datagram) = (now - client.began, datagram.to_vec());
        let _ = self.to_server.send(Arrival { at: now, age, number, socket, outside, to: None, datagram });
        Ok(())
    }

    /// Gives a client another port if it has had the one before for long enough.
    fn bind_anew(&mut self, address: SocketAddr, now: Instant) -> io::Result<()> {
        let Some(client) = self.known.get(&address) else { return Ok(()) };
        if client.binding.until.is_none_or(|until| now < until) {
            return Ok(());
        }
        // A first flight is lost once, not at every port.
        let binding = self.bind(address, client.began, self.path.first_flight, false)?;
        if let Some(client) = self.known.get_mut(&address) {
            client.binding = binding;
        }
        self.counts.rebound.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Another source port for a client, and a thread that brings back what the server sends there.
    fn bind(&mut self, client: SocketAddr, began: Instant, number: u64, is_first: bool) -> io::Result<Binding> {
        let outside = Arc::new(UdpSocket::bind((self.next_address(is_first), 0))?);
        outside.connect(self.server)?;
        let address = outside.local_addr()?;
        outside.set_read_timeout(Some(NOTICE))?;
        let until = self.path.keeps_port(is_first).map(|time| Instant::now() + time);
        let binding = Binding { outside: outside.clone(), address, until, is_over: Arc::default() };
        let way_back = WayBack {
            outside,
            address,
            inside: self.inside.clone(),
            to_clients: self.to_clients.clone(),
            client,
            began,
            until,
            is_over: [self.is_over.clone(), binding.is_over.clone()],
        };
        thread::spawn(move || way_back.run(number));
        Ok(binding)
    }
}

impl Clients {
    /// The address of ours that a client is to be seen at: another one each time that it moves, if the path says so. The whole of
    /// 127.0.0.0/8 is this host.
    fn next_address(&mut self, is_first: bool) -> IpAddr {
        match self.server.ip() {
            IpAddr::V4(address) if self.path.rebinds_address && address.is_loopback() && !is_first => {
                self.moves = self.moves % 250 + 1;
                IpAddr::V4(Ipv4Addr::new(127, 0, 1, self.moves))
            }
            other => other,
        }
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// From the server to one port of a client.
struct WayBack {
    outside: Arc<UdpSocket>,
    address: SocketAddr,
    inside: Arc<UdpSocket>,
    to_clients: Sender<Arrival>,
    client: SocketAddr,
    began: Instant,
    /// When the port is forgotten.
    until: Option<Instant>,
    is_over: [Arc<AtomicBool>; 2],
}

impl WayBack {
    fn run(&self, mut number: u64) {
        let mut buffer = [0; LARGEST];
        while !self.is_over.iter().any(|is_over| is_over.load(Ordering::Relaxed)) {
            let Ok(len) = self.outside.recv(&mut buffer) else { continue };
            let at = Instant::now();
            if self.until.is_some_and(|until| at >= until) {
                continue;
            }
            let datagram = buffer.get(..len).unwrap_or_default().to_vec();
            let (age, socket, to) = (at - self.began, self.inside.clone(), Some(self.client));
            let _ = self.to_clients.send(Arrival { at, age, number, socket, outside: self.address, to, datagram });
            number += 1;
        }
    }
}
