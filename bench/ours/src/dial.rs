//! The client of bare streams: the same application as the server's, and a task that gives it work.

use crate::bulk::{Application, Stream};
use crate::setup;
use base::{Direction, FourTuple, Instant};
use harness::work::{self, Measurement, Work};
use quic::{ConnectionHandle, Endpoint};
use runtime::{Driver, DriverHandle, Executor, UdpSocket};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

/// Does its work and tells.
pub fn client(identity: &Path, remote: SocketAddr, what: Work) {
    let executor = Executor::new().expect("an executor");
    let socket = UdpSocket::bind(setup::any_port()).expect("a socket");
    let path = setup::path(&socket, remote);
    let endpoint = Rc::new(RefCell::new(setup::client()));
    let application = Rc::new(RefCell::new(Application::client()));
    let running = application.clone();
    let run = move |endpoint: &mut Endpoint, _now: Instant| running.borrow_mut().run(endpoint);
    let (driver, notify) = Driver::new(executor.handle(), vec![socket], endpoint.clone(), run).expect("a driver");
    executor.handle().spawn(driver);
    let tls = setup::client_tls(identity, work::BULK);
    let mut client = Client { executor, endpoint, application, notify, tls, path, begun: 0, resumed: 0 };
    match what {
        Work::Download(_) | Work::Upload(_) => client.bulk(what),
        Work::Beside { idle, .. } => {
            client.hold(idle);
            client.bulk(what);
        }
        Work::Handshakes { count, in_flight } => {
            client.handshakes(work::WARM_HANDSHAKES, in_flight, 0);
            let measurement = Measurement::begin();
            let latencies = client.handshakes(count, in_flight, 0);
            measurement.end(latencies);
        }
        Work::Resumptions { count, in_flight } => {
            client.hold(work::WARM_HANDSHAKES);
            let measurement = Measurement::begin();
            let latencies = client.handshakes(count, in_flight, in_flight);
            work::check_resumed(client.resumed, count).expect("a ticket for each");
            measurement.end(latencies);
        }
        Work::Idle(count) => {
            client.hold(1);
            let measurement = Measurement::begin();
            client.hold(count);
            measurement.end(Vec::new());
        }
        Work::Requests { .. } => panic!("no requests on bare streams"),
    }
}

struct Client {
    executor: Executor,
    endpoint: Rc<RefCell<Endpoint>>,
    application: Rc<RefCell<Application>>,
    notify: DriverHandle,
    tls: Arc<tls::ClientConfig>,
    path: FourTuple,
    /// Connections begun.
    begun: u64,
    /// Of those that were closed, how many were resumed.
    resumed: u64,
}

impl Client {
    fn connect(&mut self) -> ConnectionHandle {
        let mut endpoint = self.endpoint.borrow_mut();
        let handle = endpoint.connect(setup::now(), self.tls.clone(), setup::name(), self.path).expect("a connection");
        self.notify.notify();
        self.begun += 1;
        handle
    }

    fn until(&self, done: impl Fn(&Application) -> bool) {
        let application = self.application.clone();
        self.executor.block_on(poll_fn(move |context| {
            let mut application = application.borrow_mut();
            if done(&application) {
                return Poll::Ready(());
            }
            application.waker = Some(context.waker().clone());
            Poll::Pending
        }));
    }

    fn bulk(&mut self, what: Work) {
        let handle = self.connect();
        self.until(|application| application.confirmed >= self.begun);
        self.exchange(handle, what.warm());
        let measurement = Measurement::begin();
        self.exchange(handle, what);
        measurement.end(Vec::new());
        if std::env::var_os("BENCH_STATS").is_some() {
            eprintln!("{:?}", self.endpoint.borrow().connection(handle).map(quic::Connection::stats));
            eprintln!("{:?}", self.executor.handle().stats());
        }
    }

    fn exchange(&self, handle: ConnectionHandle, what: Work) {
        let (up, down) = what.bytes();
        let (goal, before) = {
            let mut endpoint = self.endpoint.borrow_mut();
            let mut application = self.application.borrow_mut();
            let id = endpoint.connection_mut(handle).and_then(|c| c.open(Direction::Bidirectional)).expect("a stream");
            application.streams.insert((handle, id), Stream::new(work::header(what), up));
            application.write(&mut endpoint, handle, id);
            (application.completed + 1, application.received)
        };
        self.notify.notify();
        self.until(|application| application.completed >= goal || application.closed > 0);
        assert_eq!(self.application.borrow().received - before, down, "bytes received");
    }

    /// So many connections, open and confirmed.
    fn hold(&mut self, count: u64) {
        let goal = self.begun + count;
        while self.begun < goal {
            self.connect();
            let late = self.begun.saturating_sub(work::CONNECTING as u64);
            self.until(|application| application.confirmed >= late);
        }
        self.until(|application| application.confirmed >= goal);
        // What both sides still had to say has been said by then.
        self.executor.block_on(self.executor.handle().sleep(base::Duration::from_millis(500)));
        assert_eq!(self.application.borrow().closed, 0, "closed");
    }

    /// Each is closed when `late` others have been established after it.
    fn handshakes(&mut self, count: u64, in_flight: usize, late: usize) -> Vec<u64> {
        let mut latencies = Vec::with_capacity(count as usize);
        let mut under_way = HashMap::new();
        let mut to_begin = count;
        let mut to_close = VecDeque::new();
        self.application.borrow_mut().established.clear();
        while (latencies.len() as u64) < count {
            while under_way.len() < in_flight && to_begin > 0 {
                let began = std::time::Instant::now();
                under_way.insert(self.connect(), began);
                to_begin -= 1;
            }
            self.until(|application| !application.established.is_empty());
            for handle in std::mem::take(&mut self.application.borrow_mut().established) {
                let Some(began) = under_way.remove(&handle) else { continue };
                latencies.push(began.elapsed().as_nanos() as u64);
                to_close.push_back(handle);
            }
            // What completes the handshake has left by then.
            self.executor.block_on(self.notify.flushed());
            self.close(&mut to_close, late);
        }
        self.close(&mut to_close, 0);
        latencies
    }

    /// All but the last `kept` of them.
    fn close(&mut self, handles: &mut VecDeque<ConnectionHandle>, kept: usize) {
        for handle in handles.drain(..handles.len().saturating_sub(kept)) {
            if let Some(connection) = self.endpoint.borrow_mut().connection_mut(handle) {
                self.resumed += u64::from(connection.is_resumed());
                connection.close(setup::now(), base::VarInt::ZERO, b"");
            }
        }
        self.notify.notify();
    }
}
