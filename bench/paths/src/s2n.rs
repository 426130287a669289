//! s2n-quic over the same links, in the simulated network of its own (`provider::io::testing`): it brings its executor and its clock,
//! and takes from outside what becomes of a datagram. That is what `sim::Link` says.

use crate::{Cell, Control, share};
use base::{Duration, Ecn, Instant};
use bytes::Bytes;
use s2n_quic::client::Connect;
use s2n_quic::provider::congestion_controller::{Bbr, Cubic};
use s2n_quic::provider::io::testing::{Handle, network, primary, spawn, test_seed, time};
use s2n_quic::provider::limits::Limits;
use s2n_quic::{Client, Connection, Server};
use sim::{Link, LinkConfig, SeededRandom};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

type Failure = Box<dyn std::error::Error>;

/// Windows large enough that none of the paths is held back by them.
const WINDOW: u32 = 256 << 20;
/// Of an IP packet, such that a datagram carries 1452 bytes.
const MTU: u16 = 1452 + 28;

/// Both directions of the path.
struct Path {
    down: Link,
    up: Link,
    /// The address of the server, once it is known: that of the first host.
    server: Option<SocketAddr>,
    /// How long it runs; its clock begins with the first look at it.
    clock: Option<Box<dyn Fn() -> Duration>>,
}

impl Path {
    fn new(seed: u64, cell: &Cell) -> Path {
        let mut random = SeededRandom::new(seed);
        let up = LinkConfig { rate: Some(cell.rate * 125_000), ..LinkConfig::new(cell.down().delay) };
        Path {
            down: Link::new(cell.down(), random.fork()),
            up: Link::new(up, random.fork()),
            server: None,
            clock: None,
        }
    }
}

impl network::Network for Path {
    fn execute(&mut self, buffers: &network::Buffers) -> usize {
        let clock = self.clock.get_or_insert_with(|| {
            let start = time::now();
            Box::new(move || time::now().saturating_duration_since(start))
        });
        let now = Instant::ZERO + clock();
        let mut moved = 0;
        buffers.drain_pending_transmissions(|mut packet| {
            moved += 1;
            let from: SocketAddr = packet.path.local_address.0.into();
            let to: SocketAddr = packet.path.remote_address.0.into();
            // The client speaks first.
            let is_down = *self.server.get_or_insert(to) == from;
            let link = if is_down { &mut self.down } else { &mut self.up };
            let mut ecn = Ecn::NotEct;
            let arrivals = link.carry(now, &mut ecn, &mut packet.payload);
            packet.switch();
            for arrival in arrivals.into_iter().flatten() {
                deliver(buffers.clone(), packet.clone(), arrival - now);
            }
            Ok(())
        });
        moved
    }
}

/// Puts the packet before its receiver when so much time has passed.
fn deliver(buffers: network::Buffers, packet: network::Packet, after: Duration) {
    spawn(async move {
        time::delay(after).await;
        buffers.rx(*packet.path.local_address, |queue| queue.enqueue(packet));
    });
}

fn limits() -> Result<Limits, Failure> {
    let window = u64::from(WINDOW);
    Ok(Limits::new()
        .with_data_window(window)?
        .with_bidirectional_local_data_window(window)?
        .with_bidirectional_remote_data_window(window)?
        .with_max_send_buffer_size(WINDOW)?)
}

/// A certificate for `localhost` and its key, as PEM.
fn identity() -> (String, String) {
    // It signs with no key of Ed25519, which the others have.
    let key = (sim::seeded_provider().generate_key)(crypto::KeyKind::EcP256).expect("a key");
    let identity = crate::foreign_identity(&key);
    (pem("CERTIFICATE", &identity.certificate), pem("PRIVATE KEY", &identity.key_pkcs8))
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (index, group) in der.chunks(3).enumerate() {
        if index % 16 == 0 {
            text.push('\n');
        }
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let is_there = place <= group.len();
            text.push(if is_there { char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]) } else { '=' });
        }
    }
    format!("-----BEGIN {label}-----{text}\n-----END {label}-----\n")
}

/// Sends without end on each stream that is opened.
async fn serve(mut server: Server) {
    while let Some(connection) = server.accept().await {
        spawn(answer(connection));
    }
}

async fn answer(mut connection: Connection) {
    while let Ok(Some(stream)) = connection.accept_bidirectional_stream().await {
        let (_, mut send) = stream.split();
        spawn(async move {
            let block = Bytes::from(vec![0u8; 65_536]);
            while send.send(block.clone()).await.is_ok() {}
        });
    }
}

/// Asks once and counts what comes.
async fn receive(client: Client, server: SocketAddr, received: Arc<AtomicU64>) -> Result<(), Failure> {
    let mut connection = client.connect(Connect::new(server).with_server_name("localhost")).await?;
    let (mut receive, mut send) = connection.open_bidirectional_stream().await?.split();
    send.send(Bytes::from_static(&[1])).await?;
    send.finish()?;
    while let Some(chunk) = receive.receive().await? {
        received.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Both ends, for so many milliseconds.
fn begin(handle: &Handle, control: Control, milliseconds: u64, received: Arc<AtomicU64>) -> Result<(), Failure> {
    let (certificate, key) = identity();
    let sockets = || handle.builder().with_max_mtu(MTU).with_internal_send_buffer_size(4 << 20)?.build();
    let server =
        Server::builder().with_io(sockets()?)?.with_tls((certificate.as_str(), key.as_str()))?.with_limits(limits()?)?;
    let server = match control {
        Control::Cubic => server.with_congestion_controller(Cubic::default())?.start()?,
        Control::Bbr => server.with_congestion_controller(Bbr::default())?.start()?,
    };
    let address = server.local_addr()?;
    let client =
        Client::builder().with_io(sockets()?)?.with_tls(certificate.as_str())?.with_limits(limits()?)?.start()?;
    spawn(serve(server));
    let is_over = Arc::new(AtomicBool::new(false));
    let ended = is_over.clone();
    spawn(async move {
        let outcome = receive(client, address, received).await;
        // With the network its connections end.
        if let Err(error) = outcome.map_err(|error| error.to_string())
            && !is_over.load(Ordering::Relaxed)
        {
            eprintln!("s2n-quic's connection of the next row ended: {error}");
        }
    });
    primary::spawn(async move {
        time::delay(Duration::from_millis(milliseconds)).await;
        ended.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// The share of the rate that arrives.
///
/// # Panics
/// An end cannot be made.
pub fn run(seed: u64, cell: &Cell, control: Control) -> f64 {
    let received = Arc::new(AtomicU64::new(0));
    let counted = received.clone();
    let path = Path::new(seed, cell);
    let done = test_seed(path, seed, |handle| begin(handle, control, cell.time(), counted));
    done.unwrap_or_else(|error| panic!("s2n-quic cannot be run: {error}"));
    share(cell, received.load(Ordering::Relaxed))
}
