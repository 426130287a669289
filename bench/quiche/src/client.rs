//! Asks.

use crate::bulk::Stream;
use crate::endpoint::{Application, Endpoint, Quic, config};
use crate::http::{self, Outgoing};
use harness::work::{self, Measurement, Work};
use quiche::h3;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// Does its work and tells.
pub fn client(identity: &Path, remote: SocketAddr, is_http: bool, what: Work) {
    let config = config(identity, false, is_http).expect("a configuration");
    let settings = h3::Config::new().expect("a configuration");
    let asker = Asker {
        http: is_http.then_some(settings),
        buffer: vec![0; 1 << 16],
        established: 0,
        closes: false,
        to_close: Vec::new(),
        down: 0,
        body: 0,
        to_ask: 0,
        done: 0,
        latencies: Vec::new(),
        in_flight: 0,
    };
    let mut client = Client { endpoint: Endpoint::new(config, false, asker), remote, begun: 0 };
    match what {
        Work::Download(_) | Work::Upload(_) => client.bulk(is_http, what),
        Work::Beside { idle, .. } => {
            client.hold(idle);
            client.bulk(is_http, what);
        }
        Work::Handshakes { count, in_flight } => {
            client.endpoint.application().closes = true;
            client.handshakes(work::WARM_HANDSHAKES, in_flight);
            let measurement = Measurement::begin();
            let latencies = client.handshakes(count, in_flight);
            measurement.end(latencies);
        }
        Work::Resumptions { .. } => {
            eprintln!("keeps no tickets here");
            std::process::exit(1);
        }
        Work::Idle(count) => {
            client.hold(1);
            let measurement = Measurement::begin();
            client.hold(count);
            measurement.end(Vec::new());
        }
        Work::Requests { count, connections, in_flight, body } => {
            let places = client.connect(connections as u64);
            let warm = work::warm_requests() * connections as u64;
            client.ask(&places, warm, in_flight, (0, body as u64));
            let measurement = Measurement::begin();
            let latencies = client.ask(&places, count, in_flight, (0, body as u64));
            measurement.end(latencies);
        }
    }
}

struct Client {
    endpoint: Endpoint<Asker>,
    remote: SocketAddr,
    begun: u64,
}

impl Client {
    fn until(&mut self, done: impl Fn(&Asker) -> bool) {
        while !done(self.endpoint.application()) {
            self.endpoint.turn(None);
        }
    }

    /// Established ones.
    fn connect(&mut self, count: u64) -> Vec<usize> {
        let mut places = Vec::new();
        for _ in 0..count {
            places.push(self.endpoint.connect(self.remote).expect("a connection"));
            self.begun += 1;
            let late = self.begun.saturating_sub(work::CONNECTING as u64);
            self.until(|asker| asker.established >= late);
        }
        let begun = self.begun;
        self.until(|asker| asker.established >= begun);
        places
    }

    /// Connections that are kept open, after all they have to say to each other has been said.
    fn hold(&mut self, count: u64) {
        self.connect(count);
        let end = Instant::now() + Duration::from_millis(500);
        while Instant::now() < end {
            self.endpoint.turn(Some(end));
        }
    }

    fn bulk(&mut self, is_http: bool, what: Work) {
        let place = self.connect(1)[0];
        self.exchange(place, is_http, what.warm());
        let measurement = Measurement::begin();
        self.exchange(place, is_http, what);
        measurement.end(Vec::new());
    }

    fn exchange(&mut self, place: usize, is_http: bool, what: Work) {
        let (up, down) = what.bytes();
        if is_http {
            self.ask(&[place], 1, 1, (up, down));
            return;
        }
        let goal = self.endpoint.application().done + 1;
        self.endpoint.on(place, |asker, _, state| {
            asker.down = down;
            state.stream = Some(Stream::client(state.next, work::header(what), up));
            state.next += 4;
        });
        self.until(|asker| asker.done >= goal);
    }

    /// `count` requests in all, `in_flight` at a time on each connection.
    fn ask(&mut self, places: &[usize], count: u64, in_flight: usize, (up, down): (u64, u64)) -> Vec<u64> {
        let asker = self.endpoint.application();
        (asker.body, asker.down, asker.to_ask, asker.in_flight) = (up, down, count, in_flight);
        asker.latencies = Vec::with_capacity(count as usize);
        for place in places {
            self.endpoint.on(*place, |_, _, _| {});
        }
        self.until(|asker| asker.latencies.len() as u64 >= count);
        std::mem::take(&mut self.endpoint.application().latencies)
    }

    fn handshakes(&mut self, count: u64, in_flight: usize) -> Vec<u64> {
        let before = self.endpoint.application().established;
        self.endpoint.application().latencies.clear();
        let mut begun = 0;
        loop {
            let done = self.endpoint.application().established - before;
            if done >= count {
                return std::mem::take(&mut self.endpoint.application().latencies);
            }
            while begun < count && begun - done < in_flight as u64 {
                let place = self.endpoint.connect(self.remote).expect("a connection");
                self.endpoint.on(place, |_, _, state| state.place = place);
                begun += 1;
            }
            self.endpoint.turn(None);
            // What completes the handshake has been sent by then.
            for place in std::mem::take(&mut self.endpoint.application().to_close) {
                self.endpoint.on(place, |_, quic, _| {
                    let _ = quic.close(true, 0, b"");
                });
            }
        }
    }
}

struct Asker {
    /// How HTTP/3 is spoken; bare streams if it is not.
    http: Option<h3::Config>,
    buffer: Vec<u8>,
    established: u64,
    /// Whether connections are closed as soon as they are established.
    closes: bool,
    to_close: Vec<usize>,
    /// Bytes of an answer, and of a request.
    down: u64,
    body: u64,
    /// Requests that are still to be made, and how many at a time.
    to_ask: u64,
    in_flight: usize,
    /// Streams that have ended.
    done: u64,
    latencies: Vec<u64>,
}

/// A connection's.
struct State {
    began: Instant,
    /// Where its endpoint keeps it, if it is to be closed.
    place: usize,
    is_established: bool,
    next: u64,
    stream: Option<Stream>,
    http: Option<Http>,
}

impl Default for State {
    fn default() -> State {
        State { began: Instant::now(), place: 0, is_established: false, next: 0, stream: None, http: None }
    }
}

struct Http {
    connection: h3::Connection,
    /// When each request was made, and what has come of its answer.
    under_way: HashMap<u64, (Instant, u64)>,
    bodies: Vec<Outgoing>,
}

impl Application for Asker {
    type State = State;

    fn on_progress(&mut self, quic: &mut Quic, state: &mut State) {
        if !quic.is_established() || quic.is_closed() {
            return;
        }
        if !state.is_established {
            state.is_established = true;
            self.established += 1;
            if self.closes {
                self.latencies.push(state.began.elapsed().as_nanos() as u64);
                self.to_close.push(state.place);
                return;
            }
        }
        if let Some(stream) = &mut state.stream {
            stream.progress(quic, &mut self.buffer);
            if stream.is_received {
                assert_eq!(stream.received, self.down, "bytes received");
                state.stream = None;
                self.done += 1;
            }
        }
        if let Some(settings) = &self.http {
            if state.http.is_none() {
                let connection = h3::Connection::with_transport(quic, settings).expect("HTTP/3");
                state.http = Some(Http { connection, under_way: HashMap::new(), bodies: Vec::new() });
            }
            if let Some(http) = &mut state.http {
                self.requests(quic, http);
            }
        }
    }

    fn on_closed(&mut self, quic: &Quic) {
        let is_ours = quic.local_error().is_some_and(|error| error.is_app);
        assert!(self.closes && is_ours, "closed: {:?} {:?}", quic.peer_error(), quic.local_error());
    }
}

impl Asker {
    fn requests(&mut self, quic: &mut Quic, http: &mut Http) {
        while let Ok((id, event)) = http.connection.poll(quic) {
            match event {
                h3::Event::Data => {
                    while let Ok(len) = http.connection.recv_body(quic, id, &mut self.buffer) {
                        if let Some((_, received)) = http.under_way.get_mut(&id) {
                            *received += len as u64;
                        }
                    }
                }
                h3::Event::Finished => {
                    let (began, received) = http.under_way.remove(&id).expect("a request of ours");
                    assert_eq!(received, self.down, "bytes received");
                    self.latencies.push(began.elapsed().as_nanos() as u64);
                }
                h3::Event::Reset(code) => panic!("stream {id} was reset: {code}"),
                _ => {}
            }
        }
        while self.to_ask > 0 && http.under_way.len() < self.in_flight {
            let began = Instant::now();
            let has_body = self.body > 0;
            let head = http::request(self.down, has_body);
            match http.connection.send_request(quic, &head, !has_body) {
                Ok(id) => {
                    http.under_way.insert(id, (began, 0));
                    self.to_ask -= 1;
                    if has_body {
                        http.bodies.push(Outgoing { stream: id, head: None, left: self.body });
                    }
                }
                Err(h3::Error::StreamBlocked | h3::Error::TransportError(quiche::Error::StreamLimit)) => break,
                Err(error) => panic!("a request: {error:?}"),
            }
        }
        http.bodies.retain_mut(|body| !body.body(quic, &mut http.connection));
    }
}
