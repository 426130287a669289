//! The machine of either side on a byte stream: the version of HTTP that the handshake chose, and the calls of an exchange in whichever
//! it is.

use crate::exchange::door::{Extent, Responded};
use crate::exchange::version::HttpVersion;
use crate::server::memory::{Memory, Part};
use base::{Bytes, Demand, Duration, Instant, Outgoing, Side, StreamMachine};
use http::exchange::{self, Body, Reason, SendError};
use http::{Fields, Priority, RequestHead, ResponseHead, Scheme};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Names an exchange on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The place in the order of requests.
    Http1(h1::ExchangeId),
    /// The stream.
    Http2(h2::StreamNumber),
}

/// What has happened on a connection.
pub(crate) enum Told {
    /// To an exchange.
    Exchange(Place, exchange::Event),
    /// A request was refused by the protocol itself, for this reason.
    Refused(Box<dyn fmt::Display>),
    /// A client may open an exchange again.
    Available,
    /// The peer takes no more exchanges.
    GoingAway,
    /// Nothing more will come.
    Closed(Closing),
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Well, or because this side gave it up.
    Done,
    /// The peer or the network cut it.
    Reset,
    /// The peer broke the protocol: how, and which section says so.
    Breach(&'static str, &'static str),
    /// The peer says that this side did something wrong, by this code.
    Told(u32),
}

/// The machine.
#[derive(Debug)]
pub(crate) enum Machine {
    /// The handshake is under way.
    Waiting(Box<Configs>),
    /// An authority has looked whose server this is, and all is said with the handshake (RFC 8737 section 3).
    Shown {
        /// When the connection is cut, if the authority does not end it.
        until: Instant,
        is_over: bool,
    },
    /// HTTP/1.1.
    Http1(Box<Sharing<h1::Connection>>),
    /// HTTP/2.
    Http2(Box<Sharing<h2::Connection>>),
}

/// What is needed once the version is known.
#[derive(Clone, Debug)]
pub(crate) struct Configs {
    pub(crate) side: Side,
    pub(crate) http1: h1::Config,
    pub(crate) http2: h2::Config,
    /// A server's value of Alt-Svc.
    pub(crate) alternative: Option<Bytes>,
    /// What a server's connections share.
    pub(crate) memory: Option<Memory>,
    /// The connection is to end with what has been asked on it by then.
    pub(crate) is_draining: bool,
}

/// A connection, and its part of what all of them may hold, if they share that.
#[derive(Debug)]
pub(crate) struct Sharing<C> {
    connection: C,
    part: Option<Part>,
}

impl<C> Deref for Sharing<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.connection
    }
}

impl<C> DerefMut for Sharing<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.connection
    }
}

/// What ALPN calls the versions, best first (RFC 9113 section 3.2, RFC 7301 section 6).
pub(crate) const PROTOCOLS: [&[u8]; 2] = [HTTP2, HTTP1];
/// HTTP/1.1 alone.
pub(crate) const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";
/// What an authority asks for that looks whose server this is (RFC 8737 section 6.2).
pub(crate) const ACME: &[u8] = b"acme-tls/1";
/// How long an authority that has seen what it wanted may take to end the connection.
const SHOWN: Duration = Duration::from_secs(5);

impl Machine {
    /// Of a connection whose handshake has yet to say which version it is.
    pub(crate) fn new(configs: Configs) -> Machine {
        Machine::Waiting(Box::new(configs))
    }

    /// Of a server's connection without TLS, on which nothing is agreed on.
    pub(crate) fn plain(config: h1::Config, memory: &Memory, now: Instant) -> Machine {
        Machine::Http1(Box::new(http1_server(config, Some(memory), Scheme::Http, now)))
    }

    /// Says what waits to be sent by now, and learns how much may: around every call that may change it.
    pub(crate) fn account(&mut self) {
        match self {
            Machine::Http1(http) => {
                let Sharing { connection, part: Some(part) } = &mut **http else { return };
                connection.share_unsent(agreed(part, connection.unsent()));
            }
            Machine::Http2(http) => {
                let Sharing { connection, part: Some(part) } = &mut **http else { return };
                connection.share_unsent(agreed(part, connection.unsent()));
            }
            Machine::Waiting(_) | Machine::Shown { .. } => {}
        }
    }

    /// What has happened and was not told.
    pub(crate) fn poll(&mut self) -> Option<Told> {
        match self {
            Machine::Waiting(_) | Machine::Shown { .. } => None,
            Machine::Http1(http) => Some(match http.poll_event()? {
                h1::Event::Exchange(id, event) => Told::Exchange(Place::Http1(id), event),
                h1::Event::Refused(violation) => Told::Refused(Box::new(violation)),
                h1::Event::Available => Told::Available,
                h1::Event::Closed(closing) => Told::Closed(of_http1(closing)),
            }),
            Machine::Http2(http) => Some(match http.poll_event()? {
                h2::Event::Exchange(number, event) => Told::Exchange(Place::Http2(number), event),
                h2::Event::Refused(violation) => Told::Refused(Box::new(violation)),
                h2::Event::Available => Told::Available,
                h2::Event::GoingAway => Told::GoingAway,
                h2::Event::Closed(closing) => Told::Closed(of_http2(closing)),
            }),
        }
    }

    /// Takes no more requests, and says that the other place where the server could be reached is not one any more.
    pub(crate) fn drain(&mut self, now: Instant) {
        // RFC 7838 s3: a client forgets what it was told.
        let alternative = Some(Bytes::from_static(b"clear"));
        match self {
            Machine::Waiting(configs) => (configs.alternative, configs.is_draining) = (alternative, true),
            Machine::Shown { .. } => {}
            Machine::Http1(http) => {
                http.set_alternative(alternative);
                http.drain(now);
            }
            Machine::Http2(http) => {
                http.set_alternative(alternative);
                http.drain(now);
            }
        }
    }

    /// Begins a client's exchange: sends the head of a request, with `ends` all of it.
    pub(crate) fn open(&mut self, now: Instant, head: &RequestHead, ends: bool) -> Result<Place, SendError> {
        let mut nothing = Bytes::new();
        match self {
            Machine::Http1(http) => http.send_request(now, head, &mut nothing, ends).map(Place::Http1),
            Machine::Http2(http) => http.send_request(now, head, &mut nothing, ends).map(Place::Http2),
            Machine::Waiting(_) | Machine::Shown { .. } => Err(SendError::Blocked),
        }
    }

    /// Ends the connection. Exchanges under way are given up with it.
    pub(crate) fn close(&mut self, now: Instant) {
        match self {
            Machine::Http1(http) => http.close(now),
            Machine::Http2(http) => http.close(now),
            Machine::Waiting(_) | Machine::Shown { .. } => {}
        }
    }

    /// Which version it is; `None` until the handshake is complete.
    pub(crate) fn version(&self) -> Option<HttpVersion> {
        match self {
            Machine::Waiting(_) | Machine::Shown { .. } => None,
            Machine::Http1(_) => Some(HttpVersion::Http1),
            Machine::Http2(_) => Some(HttpVersion::Http2),
        }
    }

    /// See [`Door::respond`](crate::exchange::door::Door::respond).
    pub(crate) fn respond(
        &mut self,
        now: Instant,
        place: Place,
        head: &ResponseHead,
        body: &mut Bytes,
        ends: bool,
    ) -> Result<Responded, SendError> {
        let is_informational = head.status.is_informational() && !ends;
        let sent = match (self, place) {
            (Machine::Http1(http), Place::Http1(id)) if is_informational => {
                return http.send_informational(id, head).map(|()| Responded::Begun);
            }
            (Machine::Http2(http), Place::Http2(number)) if is_informational => {
                return http.send_informational(number, head).map(|()| Responded::Begun);
            }
            (Machine::Http1(http), Place::Http1(id)) => http.send_response(now, id, head, body, ends)?,
            (Machine::Http2(http), Place::Http2(number)) => http.send_response(now, number, head, body, ends)?,
            _ => return Err(SendError::Closed),
        };
        Ok(match sent {
            Ok(true) => Responded::Whole,
            Ok(false) => Responded::Begun,
            Err(error) => Responded::Broken(error),
        })
    }

    /// How many of `wanted` bytes of content can be sent now.
    pub(crate) fn room(&mut self, place: Place, wanted: usize) -> Result<usize, SendError> {
        match (self, place) {
            (Machine::Http1(http), Place::Http1(id)) => http.room(id, wanted),
            (Machine::Http2(http), Place::Http2(number)) => http.room(number, wanted),
            _ => Err(SendError::Closed),
        }
    }

    /// Sends as much of `data` as fits.
    pub(crate) fn write(&mut self, now: Instant, place: Place, data: &mut Bytes) -> Result<(), SendError> {
        match (self, place) {
            (Machine::Http1(http), Place::Http1(id)) => http.send_body(now, id, data),
            (Machine::Http2(http), Place::Http2(number)) => http.send_body(now, number, data),
            _ => Err(SendError::Closed),
        }
    }

    /// The next content of the peer's message.
    pub(crate) fn read(&mut self, now: Instant, place: Place, max: usize) -> Option<Body> {
        match (self, place) {
            (Machine::Http1(http), Place::Http1(id)) => Some(http.read_body(now, id, max)),
            (Machine::Http2(http), Place::Http2(number)) => Some(http.read_body(now, number, max)),
            _ => None,
        }
    }

    /// Ends the message.
    pub(crate) fn finish(&mut self, now: Instant, place: Place, trailers: Option<&Fields>) -> Result<(), SendError> {
        match (self, place, trailers) {
            (Machine::Http1(http), Place::Http1(id), Some(fields)) => http.send_trailers(now, id, fields),
            (Machine::Http1(http), Place::Http1(id), None) => http.finish(now, id),
            (Machine::Http2(http), Place::Http2(number), Some(fields)) => http.send_trailers(now, number, fields),
            (Machine::Http2(http), Place::Http2(number), None) => http.finish(now, number),
            _ => Err(SendError::Closed),
        }
    }

    /// How urgent a response is from now on. HTTP/1.1 answers in the order of requests.
    pub(crate) fn prioritize(&mut self, place: Place, priority: Priority) {
        if let (Machine::Http2(http), Place::Http2(number)) = (self, place) {
            http.prioritize(number, priority);
        }
    }

    /// Whatever the peer is slow with, the exchange is not given up for it.
    pub(crate) fn lift_time_limits(&mut self, place: Place) {
        match (self, place) {
            (Machine::Http1(http), Place::Http1(id)) => http.lift_time_limits(id),
            (Machine::Http2(http), Place::Http2(number)) => http.lift_time_limits(number),
            _ => {}
        }
    }

    /// Gives up, and says why.
    pub(crate) fn cancel(&mut self, now: Instant, place: Place, extent: Extent, reason: Reason) {
        match (self, place, extent) {
            (Machine::Http1(http), Place::Http1(id), Extent::Exchange) => http.reset(now, id, reason),
            (Machine::Http1(http), Place::Http1(id), Extent::Receiving) => http.stop_receiving(now, id),
            (Machine::Http2(http), Place::Http2(number), Extent::Exchange) => http.reset(now, number, reason),
            (Machine::Http2(http), Place::Http2(number), Extent::Receiving) => http.stop_receiving(now, number),
            _ => {}
        }
    }

    fn inner(&self) -> Option<&dyn StreamMachine> {
        match self {
            Machine::Waiting(_) | Machine::Shown { .. } => None,
            Machine::Http1(http) => Some(&http.connection),
            Machine::Http2(http) => Some(&http.connection),
        }
    }

    fn inner_mut(&mut self) -> Option<&mut dyn StreamMachine> {
        match self {
            Machine::Waiting(_) | Machine::Shown { .. } => None,
            Machine::Http1(http) => Some(&mut http.connection),
            Machine::Http2(http) => Some(&mut http.connection),
        }
    }
}

/// What a connection that holds so much may hold.
fn agreed(part: &mut Part, held: usize) -> usize {
    part.send.set(held as u64);
    usize::try_from(part.send.most()).unwrap_or(usize::MAX)
}

fn http1_server(
    mut config: h1::Config,
    memory: Option<&Memory>,
    scheme: Scheme,
    now: Instant,
) -> Sharing<h1::Connection> {
    let limits = &mut config.limits;
    let part = memory.map(|memory| memory.part((limits.max_held + limits.max_ahead) as u64));
    if let Some(part) = &part {
        let window = usize::try_from(part.window()).unwrap_or(usize::MAX);
        limits.max_held = limits.max_held.min(window.saturating_sub(limits.max_ahead));
    }
    Sharing { connection: h1::Connection::server(config, scheme, now), part }
}

fn http2_server(mut config: h2::Config, memory: Option<&Memory>, now: Instant) -> Sharing<h2::Connection> {
    let limits = &mut config.limits;
    let part = memory.map(|memory| memory.part(limits.connection_window.into()));
    if let Some(part) = &part {
        limits.connection_window = u32::try_from(part.window()).unwrap_or(u32::MAX);
    }
    Sharing { connection: h2::Connection::server(config, now), part }
}

/// A client has a few connections, and nobody to share with.
fn alone<C>(connection: C) -> Sharing<C> {
    Sharing { connection, part: None }
}

fn of_http1(closing: h1::Closing) -> Closing {
    match closing {
        h1::Closing::Done | h1::Closing::Idle | h1::Closing::GivenUp => Closing::Done,
        h1::Closing::Reset => Closing::Reset,
        h1::Closing::Violation(violation) => Closing::Breach(violation.reason(), violation.section()),
    }
}

fn of_http2(closing: h2::Closing) -> Closing {
    match closing {
        h2::Closing::Done | h2::Closing::Idle => Closing::Done,
        h2::Closing::Reset => Closing::Reset,
        h2::Closing::Violation(violation) => Closing::Breach(violation.reason(), violation.section()),
        h2::Closing::Told(code) => Closing::Told(code),
    }
}

/// Before the handshake is complete there is nothing to say and nobody to be told.
impl StreamMachine for Machine {
    /// A peer that names no protocol speaks HTTP/1.1.
    fn on_ready(&mut self, now: Instant, protocol: Option<&[u8]>) {
        let Machine::Waiting(configs) = self else { return };
        let (alternative, is_draining) = (configs.alternative.take(), configs.is_draining);
        let is_http2 = protocol == Some(HTTP2);
        *self = match configs.side {
            Side::Server if protocol == Some(ACME) => Machine::Shown { until: now + SHOWN, is_over: false },
            Side::Client if is_http2 => Machine::Http2(Box::new(alone(h2::Connection::client(configs.http2)))),
            Side::Client => Machine::Http1(Box::new(alone(h1::Connection::client(configs.http1, Scheme::Https)))),
            Side::Server if is_http2 => {
                let mut http = http2_server(configs.http2, configs.memory.as_ref(), now);
                http.set_alternative(alternative);
                Machine::Http2(Box::new(http))
            }
            Side::Server => {
                let mut http = http1_server(configs.http1, configs.memory.as_ref(), Scheme::Https, now);
                http.set_alternative(alternative);
                Machine::Http1(Box::new(http))
            }
        };
        if is_draining {
            self.drain(now);
        }
    }

    fn demand(&self) -> Demand {
        match self {
            Machine::Shown { is_over: true, .. } => Demand::Reset,
            machine => machine.inner().map_or(Demand::More, StreamMachine::demand),
        }
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        match self {
            // An authority has nothing to say.
            Machine::Shown { .. } => bytes.len(),
            machine => machine.inner_mut().map_or(0, |inner| inner.receive(now, bytes)),
        }
    }

    fn on_end(&mut self, now: Instant, left: &[u8]) {
        if let Some(machine) = self.inner_mut() {
            machine.on_end(now, left);
        }
    }

    fn has_output(&self) -> bool {
        match self {
            Machine::Shown { .. } => true,
            machine => machine.inner().is_some_and(StreamMachine::has_output),
        }
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        match self {
            Machine::Shown { .. } => Outgoing::End,
            machine => {
                let outgoing = machine.inner_mut().map_or(Outgoing::Nothing, |inner| inner.transmit(now, buffer));
                machine.account();
                outgoing
            }
        }
    }

    fn on_reset(&mut self, now: Instant) {
        if let Some(machine) = self.inner_mut() {
            machine.on_reset(now);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Machine::Shown { until, is_over: false } => Some(*until),
            machine => machine.inner().and_then(StreamMachine::deadline),
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        if let Machine::Shown { until, is_over } = self {
            *is_over = now >= *until;
        }
        if let Some(machine) = self.inner_mut() {
            machine.on_timeout(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8737 section 3: all is said with the handshake, and an authority that does not leave is cut off.
    #[test]
    fn an_authority_that_has_looked_is_let_go() {
        let configs = Configs {
            side: Side::Server,
            http1: h1::Config::default(),
            http2: h2::Config::default(),
            alternative: None,
            memory: None,
            is_draining: false,
        };
        let (mut machine, now) = (Machine::new(configs), Instant::from_nanos(1000));
        assert_eq!(machine.deadline(), None);
        machine.on_ready(now, Some(ACME));
        assert_eq!(machine.transmit(now, &mut [0; 100]), Outgoing::End);
        assert_eq!(machine.receive(now, &mut b"GET / HTTP/1.1\r\n\r\n".to_vec()), 18);
        assert_eq!((machine.demand(), machine.deadline()), (Demand::More, Some(now + SHOWN)));
        machine.drain(now);
        assert!(machine.poll().is_none() && machine.version().is_none());
        machine.on_timeout(now + SHOWN);
        assert_eq!((machine.demand(), machine.deadline()), (Demand::Reset, None));
    }
}
