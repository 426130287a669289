//! Many connections on one socket: datagrams to connections by their IDs, timers, full batches to the socket.

use crate::socket::Socket;
use bytes::Bytes;
use harness::work;
use quiche::{BufFactory, Config, ConnectionId, RecvInfo};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

/// Data is handed over by reference.
#[derive(Clone, Debug, Default)]
pub struct Shared;

impl BufFactory for Shared {
    type Buf = Bytes;
    type DgramBuf = Vec<u8>;

    fn buf_from_slice(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    fn dgram_buf_from_slice(bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }
}

/// A connection of quiche's.
pub type Quic = quiche::Connection<Shared>;

/// What is done with connections.
pub trait Application {
    /// Of each connection.
    type State: Default;
    /// Something has come for this connection, or its timer has expired.
    fn on_progress(&mut self, connection: &mut Quic, state: &mut Self::State);
    /// It has ended.
    fn on_closed(&mut self, _connection: &Quic) {}
}

struct Entry<S> {
    quic: Box<Quic>,
    state: S,
    ids: Vec<Vec<u8>>,
    deadline: Option<Instant>,
    waiting: bool,
}

/// All connections.
pub struct Endpoint<A: Application> {
    socket: Socket,
    config: Config,
    accepts: bool,
    application: A,
    entries: Vec<Option<Entry<A::State>>>,
    free: Vec<usize>,
    by_id: HashMap<Vec<u8>, usize>,
    timers: BTreeSet<(Instant, usize)>,
    /// Connections that something has come for.
    waiting: Vec<usize>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

const ID_LEN: usize = 16;
/// Bytes of a datagram.
const DATAGRAM: usize = 1452;
/// Datagrams of one call.
const BATCH: usize = 45;
/// Calls that receive before connections make progress.
const RECEIVES: usize = 16;

/// As tuned as the settings allow.
pub fn config(identity: &Path, is_server: bool, http: bool) -> Result<Config, quiche::Error> {
    let (certificate, key) = harness::identity::pem(identity);
    let certificate = certificate.to_str().unwrap_or_default();
    let mut config = Config::new(quiche::PROTOCOL_VERSION)?;
    if is_server {
        config.load_cert_chain_from_pem_file(certificate)?;
        config.load_priv_key_from_pem_file(key.to_str().unwrap_or_default())?;
    } else {
        let authority = harness::identity::authority_pem(identity);
        config.load_verify_locations_from_file(authority.to_str().unwrap_or_default())?;
        config.verify_peer(true);
    }
    tune(&mut config, http)?;
    Ok(config)
}

/// A server's whose identity are these files.
pub fn config_of(certificate: &str, key: &str) -> Result<Config, quiche::Error> {
    let mut config = Config::new(quiche::PROTOCOL_VERSION)?;
    config.load_cert_chain_from_pem_file(certificate)?;
    config.load_priv_key_from_pem_file(key)?;
    tune(&mut config, true)?;
    Ok(config)
}

fn tune(config: &mut Config, http: bool) -> Result<(), quiche::Error> {
    // X25519, as the others.
    config.set_curves_list("X25519")?;
    config.set_application_protos(&[if http { work::HTTP } else { work::BULK }])?;
    config.set_max_idle_timeout(work::IDLE_TIMEOUT.as_millis() as u64);
    config.set_max_recv_udp_payload_size(DATAGRAM);
    config.set_max_send_udp_payload_size(DATAGRAM);
    let (window, streams) = (u64::from(work::WINDOW), u64::from(work::MAX_STREAMS));
    config.set_initial_max_data(window);
    config.set_initial_max_stream_data_bidi_local(window);
    config.set_initial_max_stream_data_bidi_remote(window);
    config.set_initial_max_stream_data_uni(window);
    config.set_max_connection_window(window);
    config.set_max_stream_window(window);
    config.set_initial_max_streams_bidi(streams);
    config.set_initial_max_streams_uni(streams);
    config.enable_pacing(false);
    config.grease(false);
    Ok(())
}

impl<A: Application> Endpoint<A> {
    pub fn new(config: Config, accepts: bool, application: A) -> Endpoint<A> {
        Endpoint::on_socket(Socket::bind().expect("a socket"), config, accepts, application)
    }

    pub fn on_socket(socket: Socket, config: Config, accepts: bool, application: A) -> Endpoint<A> {
        Endpoint {
            socket,
            config,
            accepts,
            application,
            entries: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::new(),
            timers: BTreeSet::new(),
            waiting: Vec::new(),
            incoming: vec![0; 1 << 16],
            outgoing: vec![0; BATCH * DATAGRAM],
        }
    }

    pub fn local(&self) -> SocketAddr {
        self.socket.local
    }

    pub fn application(&mut self) -> &mut A {
        &mut self.application
    }

    /// A connection that begins.
    pub fn connect(&mut self, remote: SocketAddr) -> Result<usize, quiche::Error> {
        let id = fresh_id();
        let quic = quiche::connect_with_buffer_factory(
            Some(harness::identity::NAME),
            &ConnectionId::from_ref(&id),
            self.socket.local,
            remote,
            &mut self.config,
        )?;
        Ok(self.insert(quic, vec![id]))
    }

    /// Lets the application work on a connection, as if something had come for it.
    pub fn on(&mut self, place: usize, work: impl FnOnce(&mut A, &mut Quic, &mut A::State)) {
        if let Some(entry) = self.entries.get_mut(place).and_then(Option::as_mut) {
            work(&mut self.application, &mut entry.quic, &mut entry.state);
            self.wake(place);
        }
    }

    /// Everything that can be done now; sleeps first if that is nothing, until `end` if there is one.
    pub fn turn(&mut self, end: Option<Instant>) {
        self.progress();
        let mut received = self.receive();
        if !received {
            let first = self.timers.first().map(|(deadline, _)| *deadline);
            let first = first.into_iter().chain(end).min();
            self.socket.wait(false, first.map(|first| first.saturating_duration_since(Instant::now())));
            received = self.receive();
        }
        if !received || !self.timers.is_empty() {
            self.expire();
        }
        self.progress();
    }

    fn receive(&mut self) -> bool {
        let mut buffer = std::mem::take(&mut self.incoming);
        let mut any = false;
        for _ in 0..RECEIVES {
            let Some(arrival) = self.socket.receive(&mut buffer) else { break };
            any = true;
            for datagram in buffer[..arrival.len].chunks_mut(arrival.segment) {
                self.on_datagram(datagram, arrival.from);
            }
        }
        self.incoming = buffer;
        any
    }

    fn on_datagram(&mut self, datagram: &mut [u8], from: SocketAddr) {
        let is_long = datagram.first().is_some_and(|first| first & 0x80 != 0);
        let known = if is_long { None } else { datagram.get(1..1 + ID_LEN).and_then(|id| self.by_id.get(id).copied()) };
        let Some(place) = known.or_else(|| if is_long { self.find_long(datagram, from) } else { None }) else { return };
        let Some(entry) = self.entries[place].as_mut() else { return };
        // Errors are told by the connection's end.
        let _ = entry.quic.recv(datagram, RecvInfo { from, to: self.socket.local });
        self.wake(place);
    }

    /// The connection of a packet with a long header; a new one, if it may begin one.
    fn find_long(&mut self, datagram: &mut [u8], from: SocketAddr) -> Option<usize> {
        let header = quiche::Header::from_slice(datagram, ID_LEN).ok()?;
        if let Some(place) = self.by_id.get(header.dcid.as_ref()) {
            return Some(*place);
        }
        if !self.accepts || header.ty != quiche::Type::Initial {
            return None;
        }
        let id = fresh_id();
        let local = self.socket.local;
        let accepted =
            quiche::accept_with_buf_factory(&ConnectionId::from_ref(&id), None, local, from, &mut self.config).ok()?;
        Some(self.insert(accepted, vec![id, header.dcid.to_vec()]))
    }

    fn insert(&mut self, quic: Quic, ids: Vec<Vec<u8>>) -> usize {
        let place = self.free.pop().unwrap_or(self.entries.len());
        if place == self.entries.len() {
            self.entries.push(None);
        }
        for id in &ids {
            self.by_id.insert(id.clone(), place);
        }
        let entry = Entry { quic: Box::new(quic), state: A::State::default(), ids, deadline: None, waiting: false };
        self.entries[place] = Some(entry);
        self.wake(place);
        place
    }

    fn wake(&mut self, place: usize) {
        if let Some(entry) = self.entries[place].as_mut().filter(|entry| !entry.waiting) {
            entry.waiting = true;
            self.waiting.push(place);
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        while let Some((deadline, place)) = self.timers.first().copied().filter(|(deadline, _)| *deadline <= now) {
            self.timers.remove(&(deadline, place));
            if let Some(entry) = self.entries[place].as_mut() {
                entry.deadline = None;
                entry.quic.on_timeout();
                self.wake(place);
            }
        }
    }

    fn progress(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        for place in waiting.drain(..) {
            let Some(entry) = self.entries[place].as_mut() else { continue };
            entry.waiting = false;
            self.application.on_progress(&mut entry.quic, &mut entry.state);
            flush(&self.socket, &mut entry.quic, &mut self.outgoing);
            if let Some(deadline) = entry.deadline.take() {
                self.timers.remove(&(deadline, place));
            }
            if entry.quic.is_closed() {
                self.application.on_closed(&entry.quic);
                for id in &entry.ids {
                    self.by_id.remove(id);
                }
                self.entries[place] = None;
                self.free.push(place);
            } else if let Some(deadline) = entry.quic.timeout_instant() {
                entry.deadline = Some(deadline);
                self.timers.insert((deadline, place));
            }
        }
        // Its memory is used again, unless the application has woken a connection meanwhile.
        if self.waiting.is_empty() {
            self.waiting = waiting;
        }
    }
}

/// Everything that a connection wants to send, in as few calls as possible: datagrams of one size, the last one perhaps
/// shorter.
fn flush(socket: &Socket, quic: &mut Quic, buffer: &mut [u8]) {
    let (mut filled, mut segment, mut to) = (0, 0, None);
    let send = |bytes: &[u8], segment: usize, to: Option<SocketAddr>| {
        if let Some(to) = to.filter(|_| !bytes.is_empty()) {
            socket.send(bytes, segment, to);
        }
    };
    loop {
        if filled + DATAGRAM > buffer.len() {
            send(&buffer[..filled], segment, to);
            filled = 0;
        }
        let Ok((len, info)) = quic.send(&mut buffer[filled..filled + DATAGRAM]) else { break };
        if filled > 0 && (len > segment || to != Some(info.to)) {
            // It does not fit behind the others.
            send(&buffer[..filled], segment, to);
            buffer.copy_within(filled..filled + len, 0);
            filled = 0;
        }
        if filled == 0 {
            (segment, to) = (len, Some(info.to));
        }
        filled += len;
        if len < segment {
            send(&buffer[..filled], segment, to);
            filled = 0;
        }
    }
    send(&buffer[..filled], segment, to);
}

fn fresh_id() -> Vec<u8> {
    use ring::rand::SecureRandom;
    let mut id = vec![0; ID_LEN];
    ring::rand::SystemRandom::new().fill(&mut id).expect("chance");
    id
}
