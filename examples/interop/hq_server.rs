//! The server of `hq-interop`: each stream asks for one file, and gets its bytes.

use super::case::Case;
use super::link::{Application, Link};
use super::settings::Settings;
use super::{Failure, files, transport};
use base::{Bytes, StreamId, VarInt};
use posthaste::{Handle, KeyLog};
use quic::{AddressValidation, Connection, EndpointConfig, Event, Read, StreamEvent, WriteError};
use runtime::{Signals, UdpOptions, UdpSocket};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tls::{ReplayFilter, TicketKeySource, TicketKeys, TicketPolicy};

/// The longest request: a path of the longest file name there can be, and some folders.
const LONGEST_REQUEST: usize = 4096;
/// Bytes that are read from a file at a time.
const PIECE: usize = 64 << 10;
/// Tickets whose use for early data is remembered.
const EARLY_TICKETS: usize = 1000;
/// How far the age that a client claims for its ticket may be from the one that is seen.
const EARLY_TOLERANCE_MILLIS: u32 = 10_000;
/// The code of streams that are given up: `hq-interop` has none of its own.
const GIVEN_UP: VarInt = VarInt::from_u32(1);

/// Where the files are: the same for all connections, which the endpoint makes without a word of ours.
static WWW: OnceLock<PathBuf> = OnceLock::new();

/// Serves until SIGTERM.
pub async fn run(handle: &Handle, settings: &Settings, case: &Case) -> Result<(), Failure> {
    WWW.get_or_init(|| settings.www.clone());
    let mut signals = Signals::new(handle)?;
    let provider = transport::provider(case);
    let identity = Arc::new(settings.identity()?);
    let mut tls = tls::ServerConfig::new(provider, identity, vec![transport::HQ.to_vec()], Arc::new(transport::Clock));
    tls.key_log = settings.key_log()?.map(|file| Arc::new(file) as Arc<dyn KeyLog>);
    let secret = base::random::array::<32>(&mut crypto_ring::SystemRandom::new());
    let keys = TicketKeys::new(&provider, &[secret]).ok_or("one secret is enough for the keys of tickets")?;
    let mut tickets = TicketPolicy::new(Arc::new(ForEver(Arc::new(keys))));
    if case.early_data {
        let name = base::random::array::<32>(&mut crypto_ring::SystemRandom::new());
        let filter = ReplayFilter::new(EARLY_TICKETS, EARLY_TOLERANCE_MILLIS, runtime::clock::unix_millis());
        tickets.dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter.named(name)));
    }
    tls.tickets = Some(tickets);
    let qlog = settings.qlog()?;
    let mut sockets = settings.listen.iter().map(|address| bind(*address)).collect::<Result<Vec<_>, Failure>>()?;
    let mut transport = quic::Config::clone(&transport::config(case, qlog.is_some()));
    if let Some(address) = settings.prefer {
        let socket = bind(address)?;
        match socket.local_address() {
            SocketAddr::V4(address) => transport.preferred_address.ipv4 = Some(address),
            SocketAddr::V6(address) => transport.preferred_address.ipv6 = Some(address),
        }
        sockets.push(socket);
    }
    let mut config = EndpointConfig::new(provider, Arc::new(transport), Some(Arc::new(tls)));
    if case.retries {
        config.address_validation = AddressValidation::Always;
    }
    let link = Link::<Answers>::start(handle, sockets, config, qlog)?;
    super::tell_addresses(&link.addresses);
    signals.next().await;
    close_all(handle, &link).await;
    Ok(())
}

fn bind(address: SocketAddr) -> Result<UdpSocket, Failure> {
    let options = UdpOptions::default();
    UdpSocket::bind_with(address, &options).map_err(|error| format!("{address} cannot be listened on: {error}").into())
}

/// Says so to clients that are still there.
async fn close_all(handle: &Handle, link: &Link<Answers>) {
    let connections: Vec<_> = link.endpoint.borrow().handles().collect();
    for connection in connections {
        if let Some(connection) = link.endpoint.borrow_mut().connection_mut(connection) {
            connection.close(handle.read_clock(), VarInt::from_u32(0), b"the server ends");
        }
    }
    link.driver.flushed().await;
}

/// One set of keys for tickets.
struct ForEver(Arc<TicketKeys>);

impl TicketKeySource for ForEver {
    fn ticket_keys(&self, _unix_seconds: u64, _random: &mut dyn base::Random) -> Arc<TicketKeys> {
        self.0.clone()
    }
}

/// The streams of one connection.
#[derive(Debug, Default)]
pub struct Answers {
    streams: BTreeMap<StreamId, Answer>,
}

/// One stream.
#[derive(Debug)]
enum Answer {
    /// What has come of the request.
    Asked(Vec<u8>),
    /// What is left of the file, and the piece of it that waits for room.
    Given(File, Bytes),
}

impl Application for Answers {
    fn on_event(&mut self, connection: &mut Connection, event: Event) {
        match event {
            Event::Stream(StreamEvent::Opened(id), _) => drop(self.streams.insert(id, Answer::Asked(Vec::new()))),
            Event::Stream(StreamEvent::Readable(id), _) => self.read(connection, id),
            Event::Stream(StreamEvent::Writable(id), _) => self.write(connection, id),
            Event::Stream(StreamEvent::Stopped { id, .. } | StreamEvent::Reset { id, .. }, _) => {
                self.give_up(connection, id);
            }
            Event::Closed(_) => self.streams.clear(),
            _ => {}
        }
    }
}

impl Answers {
    fn give_up(&mut self, connection: &mut Connection, id: StreamId) {
        self.streams.remove(&id);
        connection.reset(id, GIVEN_UP);
        connection.stop_sending(id, GIVEN_UP);
    }

    /// Reads the request to its end, and begins to answer.
    fn read(&mut self, connection: &mut Connection, id: StreamId) {
        loop {
            let Some(Answer::Asked(request)) = self.streams.get_mut(&id) else { return };
            match connection.read(id, LONGEST_REQUEST) {
                Ok(Read::Data(bytes)) if request.len() + bytes.len() <= LONGEST_REQUEST => {
                    request.extend_from_slice(&bytes);
                }
                Ok(Read::Blocked) => return,
                Ok(Read::Finished) => {
                    let file = files::requested(request)
                        .and_then(|path| files::served(WWW.get()?, path))
                        .and_then(|path| File::open(path).ok());
                    let Some(file) = file else { return self.give_up(connection, id) };
                    self.streams.insert(id, Answer::Given(file, Bytes::new()));
                    return self.write(connection, id);
                }
                Ok(Read::Data(_)) | Err(_) => return self.give_up(connection, id),
            }
        }
    }

    /// Writes as much of the file as there is room for.
    fn write(&mut self, connection: &mut Connection, id: StreamId) {
        let Some(Answer::Given(file, piece)) = self.streams.get_mut(&id) else { return };
        match write_file(connection, id, file, piece) {
            Ok(Progress::Waits) => {}
            Ok(Progress::Done) => drop(self.streams.remove(&id)),
            Err(()) => self.give_up(connection, id),
        }
    }
}

enum Progress {
    /// There is no room: a [`StreamEvent::Writable`] follows.
    Waits,
    Done,
}

/// The stream cannot be written, or the file cannot be read: both end the stream.
fn write_file(connection: &mut Connection, id: StreamId, file: &mut File, piece: &mut Bytes) -> Result<Progress, ()> {
    let gone = |_: WriteError| ();
    loop {
        if piece.is_empty() {
            let mut bytes = Vec::with_capacity(PIECE);
            file.by_ref().take(PIECE as u64).read_to_end(&mut bytes).map_err(drop)?;
            if bytes.is_empty() {
                connection.finish(id).map_err(gone)?;
                return Ok(Progress::Done);
            }
            *piece = Bytes::from(bytes);
        }
        connection.write(id, piece).map_err(gone)?;
        if !piece.is_empty() {
            return Ok(Progress::Waits);
        }
    }
}
