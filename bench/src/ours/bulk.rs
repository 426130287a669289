//! Bare QUIC streams: a header says how much is sent and how much is wanted.

use super::setup;
use crate::measure;
use crate::work::{self, Measurement, Work};
use base::{Bytes, Direction, Instant, StreamId};
use quic::stream::Read;
use quic::{ConnectionHandle, Endpoint, Event, StreamEvent};
use runtime::{Driver, Executor, UdpSocket};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::task::{Poll, Waker};

const ALPN: &[u8] = b"bulk";
/// The most that is taken by one read.
const READ: usize = 1 << 20;

#[derive(Default)]
struct Stream {
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
struct Application {
    is_client: bool,
    streams: HashMap<(ConnectionHandle, StreamId), Stream>,
    established: u64,
    confirmed: u64,
    completed: u64,
    closed: u64,
    waker: Option<Waker>,
    last: Rc<Cell<Option<ConnectionHandle>>>,
}

impl Application {
    fn run(&mut self, endpoint: &mut Endpoint) {
        while let Some(handle) = endpoint.poll_ready() {
            self.last.set(Some(handle));
            while let Some(event) = endpoint.connection_mut(handle).and_then(quic::Connection::poll_event) {
                match event {
                    Event::Established => self.established += 1,
                    Event::Confirmed => self.confirmed += 1,
                    Event::Closed(reason) => {
                        if std::env::var_os("BENCH_STATS").is_some() {
                            eprintln!("closed: {reason:?}");
                        }
                        self.closed += 1;
                        self.streams.retain(|(owner, _), _| *owner != handle);
                    }
                    Event::Stream(StreamEvent::Opened(id)) => {
                        self.streams.insert((handle, id), Stream::default());
                    }
                    Event::Stream(StreamEvent::Readable(id)) => self.read(endpoint, handle, id),
                    Event::Stream(StreamEvent::Writable(id)) => self.write(endpoint, handle, id),
                    Event::Stream(_) => {}
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
                self.streams.remove(&(handle, id));
                self.completed += 1;
            }
        } else if ready && !stream.upload || stream.finished && stream.upload {
            self.write(endpoint, handle, id);
        }
    }

    fn write(&mut self, endpoint: &mut Endpoint, handle: ConnectionHandle, id: StreamId) {
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

impl Stream {
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
    let endpoint = Rc::new(RefCell::new(setup::server(identity, ALPN)));
    let mut application = Application::default();
    let last = application.last.clone();
    let watched = endpoint.clone();
    let run = move |endpoint: &mut Endpoint, _now: Instant| application.run(endpoint);
    let (driver, _notify) = Driver::new(executor.handle(), vec![socket], endpoint, run).expect("a driver");
    crate::server::announce(address);
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

/// Does its work and tells.
pub fn client(identity: &Path, remote: SocketAddr, what: Work) {
    let executor = Executor::new().expect("an executor");
    let socket = UdpSocket::bind(setup::any_port()).expect("a socket");
    let path = setup::path(&socket, remote);
    let endpoint = Rc::new(RefCell::new(setup::client()));
    let tls = setup::client_tls(identity, ALPN);
    let application = Rc::new(RefCell::new(Application { is_client: true, ..Application::default() }));
    let app = application.clone();
    let run = move |endpoint: &mut Endpoint, _now: Instant| app.borrow_mut().run(endpoint);
    let (driver, notify) = Driver::new(executor.handle(), vec![socket], endpoint.clone(), run).expect("a driver");
    executor.handle().spawn(driver);
    let connect = || {
        let mut endpoint = endpoint.borrow_mut();
        let handle = endpoint.connect(setup::now(), tls.clone(), setup::name(), path).expect("a connection");
        notify.notify();
        handle
    };
    let until = |done: &dyn Fn(&Application) -> bool| {
        let application = application.clone();
        let wait = poll_fn(move |context| {
            let mut application = application.borrow_mut();
            if done(&application) {
                return Poll::Ready(());
            }
            assert!(application.closed == 0 || !matches!(what, Work::Upload(_) | Work::Download(_)), "closed");
            application.waker = Some(context.waker().clone());
            Poll::Pending
        });
        executor.block_on(wait);
    };
    let exchange = |handle: ConnectionHandle, what: Work| {
        let goal = application.borrow().completed + 1;
        {
            let mut endpoint = endpoint.borrow_mut();
            let mut application = application.borrow_mut();
            let id = endpoint.connection_mut(handle).and_then(|c| c.open(Direction::Bidirectional)).expect("a stream");
            let to_send = if let Work::Upload(bytes) = what { bytes } else { 0 };
            let pending = Bytes::copy_from_slice(&work::header(what));
            application.streams.insert((handle, id), Stream { to_send, pending, ..Stream::default() });
            application.write(&mut endpoint, handle, id);
        }
        notify.notify();
        until(&|application| application.completed >= goal);
    };
    let established = |count: u64| until(&|application| application.confirmed >= count);
    match what {
        Work::Download(_) | Work::Upload(_) => {
            let handle = connect();
            established(1);
            exchange(handle, crate::warm(what));
            let stats = || endpoint.borrow().connection(handle).map(quic::Connection::stats).unwrap_or_default();
            let before = stats();
            let measurement = Measurement::begin();
            exchange(handle, what);
            let after = stats();
            let packets = (after.packets_sent - before.packets_sent, after.packets_received - before.packets_received);
            measurement.end(packets, Vec::new());
            if std::env::var_os("BENCH_STATS").is_some() {
                eprintln!("{:?}", after);
                eprintln!("{:?}", executor.handle().stats());
            }
        }
        Work::Handshakes(count) => {
            let mut done = 0;
            let mut one = || {
                let began = std::time::Instant::now();
                let handle = connect();
                done += 1;
                established(done);
                if let Some(connection) = endpoint.borrow_mut().connection_mut(handle) {
                    connection.close(setup::now(), base::VarInt::ZERO, b"");
                }
                notify.notify();
                began.elapsed().as_nanos() as u64
            };
            (0..100).for_each(|_| {
                one();
            });
            let measurement = Measurement::begin();
            let latencies = (0..count).map(|_| one()).collect();
            measurement.end((0, 0), latencies);
        }
        Work::Idle(count) => {
            connect();
            established(1);
            let measurement = Measurement::begin();
            for number in 0..count {
                connect();
                if number % 50 == 49 || number + 1 == count {
                    established(number + 2);
                }
            }
            measurement.end((0, 0), Vec::new());
        }
        Work::Requests { .. } => panic!("no requests on bare streams"),
    }
    let _ = measure::Usage::now();
}
