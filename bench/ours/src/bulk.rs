//! Bare QUIC streams: a header says how much is sent and how much is wanted.

use crate::setup;
use base::{Bytes, Instant, StreamId};
use harness::work;
use quic::Read;
use quic::{ConnectionHandle, Endpoint, EndpointEvent, Event, StreamEvent};
use runtime::{Driver, Executor, UdpSocket};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::task::Waker;

/// The most that is taken by one read.
const READ: usize = 1 << 20;

#[derive(Default)]
pub struct Stream {
    header: Vec<u8>,
    /// Bytes to send after the header.
    to_send: u64,
    pending: Bytes,
    received: u64,
    finished: bool,
    /// Ours to answer, once all is here.
    upload: bool,
}

/// What both sides know.
#[derive(Default)]
pub struct Application {
    pub is_client: bool,
    pub streams: HashMap<(ConnectionHandle, StreamId), Stream>,
    /// Connections whose handshake has been completed, to be taken away.
    pub established: Vec<ConnectionHandle>,
    pub confirmed: u64,
    pub completed: u64,
    pub closed: u64,
    /// Bytes of the streams that were completed.
    pub received: u64,
    pub waker: Option<Waker>,
    last: Rc<Cell<Option<ConnectionHandle>>>,
}

impl Application {
    pub fn run(&mut self, endpoint: &mut Endpoint) {
        while let Some(event) = endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            self.last.set(Some(handle));
            while let Some(event) = endpoint.connection_mut(handle).and_then(quic::Connection::poll_event) {
                match event {
                    Event::Established if self.is_client => self.established.push(handle),
                    Event::Confirmed => self.confirmed += 1,
                    Event::Closed(reason) => {
                        if std::env::var_os("BENCH_STATS").is_some() {
                            eprintln!("closed: {reason:?}");
                        }
                        self.closed += 1;
                        self.streams.retain(|(owner, _), _| *owner != handle);
                    }
                    Event::Stream(StreamEvent::Opened(id), _) => {
                        self.streams.insert((handle, id), Stream::default());
                    }
                    Event::Stream(StreamEvent::Readable(id), _) => self.read(endpoint, handle, id),
                    Event::Stream(StreamEvent::Writable(id), _) => self.write(endpoint, handle, id),
                    _ => {}
                }
                if let Some(waker) = self.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    fn read(&mut self, endpoint: &mut Endpoint, handle: ConnectionHandle, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&(handle, id)) else { return };
        let Some(connection) = endpoint.connection_mut(handle) else { return };
        let mut ready = false;
        loop {
            match connection.read(id, READ) {
                Ok(Read::Data(bytes)) => ready |= stream.on_bytes(&bytes, self.is_client),
                Ok(Read::Blocked) => break,
                Ok(Read::Finished) => {
                    stream.finished = true;
                    break;
                }
                Err(error) => panic!("reading {id}: {error:?}"),
            }
        }
        if self.is_client {
            if stream.finished {
                self.received += stream.received;
                self.streams.remove(&(handle, id));
                self.completed += 1;
            }
        } else if ready && !stream.upload || stream.finished && stream.upload {
            self.write(endpoint, handle, id);
        }
    }

    pub fn write(&mut self, endpoint: &mut Endpoint, handle: ConnectionHandle, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&(handle, id)) else { return };
        let Some(connection) = endpoint.connection_mut(handle) else { return };
        loop {
            if stream.pending.is_empty() {
                if stream.to_send == 0 {
                    let _ = connection.finish(id);
                    break;
                }
                let len = stream.to_send.min(work::PATTERN_LEN as u64) as usize;
                stream.pending = Bytes::from_static(&work::pattern()[..len]);
                stream.to_send -= len as u64;
            }
            if connection.write(id, &mut stream.pending).is_err() || !stream.pending.is_empty() {
                break;
            }
        }
        if !self.is_client && stream.pending.is_empty() && stream.to_send == 0 {
            self.streams.remove(&(handle, id));
        }
    }
}

impl Application {
    /// A client's.
    pub fn client() -> Application {
        Application { is_client: true, ..Application::default() }
    }
}

impl Stream {
    /// A client's: the header, and how many bytes follow it.
    pub fn new(header: [u8; 16], to_send: u64) -> Stream {
        Stream { to_send, pending: Bytes::copy_from_slice(&header), ..Stream::default() }
    }

    /// True once the header is complete, at a server.
    fn on_bytes(&mut self, bytes: &[u8], is_client: bool) -> bool {
        self.received += bytes.len() as u64;
        if is_client || self.header.len() == 16 {
            return false;
        }
        let taken = bytes.len().min(16 - self.header.len());
        self.header.extend(&bytes[..taken]);
        if self.header.len() < 16 {
            return false;
        }
        let number =
            |range: std::ops::Range<usize>| u64::from_be_bytes(self.header[range].try_into().unwrap_or_default());
        self.upload = number(0..8) > 0;
        self.to_send = number(8..16);
        true
    }
}

/// Serves until the parent is gone.
pub fn serve(identity: &Path) {
    let executor = Executor::new().expect("an executor");
    let socket = UdpSocket::bind(setup::any_port()).expect("a socket");
    let address = socket.local_address();
    let endpoint = Rc::new(RefCell::new(setup::server(identity, work::BULK)));
    let mut application = Application::default();
    let last = application.last.clone();
    let watched = endpoint.clone();
    let run = move |endpoint: &mut Endpoint, _now: Instant| application.run(endpoint);
    let (driver, _notify) = Driver::new(executor.handle(), vec![socket], endpoint, run).expect("a driver");
    harness::server::announce(address);
    if std::env::var_os("BENCH_STATS").is_some() {
        let handle = executor.handle().clone();
        executor.handle().spawn(async move {
            loop {
                handle.sleep(base::Duration::from_secs(1)).await;
                let last = last.get();
                let stats = last.and_then(|handle| Some(watched.borrow().connection(handle)?.stats()));
                eprintln!("server: {stats:?} {:?}", handle.stats());
            }
        });
    }
    executor.block_on(driver).expect("a working socket");
}
