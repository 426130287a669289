//! A server's machine on a byte stream: the version of HTTP that the handshake chose, and the calls of an exchange in whichever
//! it is.

use crate::exchange::door::{Extent, Responded};
use base::{Bytes, Demand, Instant, Outgoing, StreamMachine};
use h1::{Closing, ExchangeId};
use http::exchange::{self, Body, Reason, SendError};
use http::{Fields, ResponseHead, Scheme};

/// Names an exchange on its connection.
pub(crate) type Place = ExchangeId;

/// What has happened on a connection.
pub(crate) enum Told {
    /// To an exchange.
    Exchange(Place, exchange::Event),
    /// A request was refused by the protocol itself, for this reason.
    Refused(String),
    /// Nothing more will come.
    Closed(Closing),
}

/// The machine.
#[derive(Debug)]
pub(crate) enum Machine {
    /// The handshake is under way.
    Waiting(Box<Configs>),
    /// HTTP/1.1.
    Http1(Box<h1::Connection>),
}

/// What is needed once the version is known.
#[derive(Clone, Debug)]
pub(crate) struct Configs {
    pub(crate) http1: h1::Config,
    /// The value of Alt-Svc.
    pub(crate) alternative: Option<Bytes>,
}

impl Machine {
    /// Of a connection whose handshake has yet to say which version it is.
    pub(crate) fn new(configs: Configs) -> Machine {
        Machine::Waiting(Box::new(configs))
    }

    /// What has happened and was not told.
    pub(crate) fn poll(&mut self) -> Option<Told> {
        let Machine::Http1(http) = self else { return None };
        Some(match http.poll_event()? {
            h1::Event::Exchange(id, event) => Told::Exchange(id, event),
            h1::Event::Refused(violation) => Told::Refused(violation.to_string()),
            h1::Event::Closed(closing) => Told::Closed(closing),
        })
    }

    /// Takes no more requests, and says where else no server is to be looked for any more.
    pub(crate) fn drain(&mut self, now: Instant) {
        if let Machine::Http1(http) = self {
            // RFC 7838 s3: a client forgets what it was told.
            http.set_alternative(Some(Bytes::from_static(b"clear")));
            http.drain(now);
        }
    }

    fn http1(&mut self) -> Result<&mut h1::Connection, SendError> {
        match self {
            Machine::Http1(http) => Ok(http),
            Machine::Waiting(_) => Err(SendError::Closed),
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
        let http = self.http1()?;
        if head.status.is_informational() && !ends {
            return http.send_informational(place, head).map(|()| Responded::Begun);
        }
        Ok(match http.send_response(now, place, head, body, ends)? {
            Ok(true) => Responded::Whole,
            Ok(false) => Responded::Begun,
            Err(error) => Responded::Broken(error),
        })
    }

    /// How many of `wanted` bytes of content can be sent now.
    pub(crate) fn room(&mut self, place: Place, wanted: usize) -> Result<usize, SendError> {
        self.http1()?.room(place, wanted)
    }

    /// Sends as much of `data` as fits.
    pub(crate) fn write(&mut self, now: Instant, place: Place, data: &mut Bytes) -> Result<(), SendError> {
        self.http1()?.send_body(now, place, data)
    }

    /// The next content of the peer's message.
    pub(crate) fn read(&mut self, now: Instant, place: Place, max: usize) -> Option<Body> {
        self.http1().ok().map(|http| http.read_body(now, place, max))
    }

    /// Ends the message.
    pub(crate) fn finish(&mut self, now: Instant, place: Place, trailers: Option<&Fields>) -> Result<(), SendError> {
        let http = self.http1()?;
        match trailers {
            Some(fields) => http.send_trailers(now, place, fields),
            None => http.finish(now, place),
        }
    }

    /// Whatever the peer is slow with, the exchange is not given up for it.
    pub(crate) fn lift_time_limits(&mut self, place: Place) {
        if let Machine::Http1(http) = self {
            http.lift_time_limits(place);
        }
    }

    /// Gives up, and says why.
    pub(crate) fn cancel(&mut self, now: Instant, place: Place, extent: Extent, reason: Reason) {
        let Machine::Http1(http) = self else { return };
        match extent {
            Extent::Exchange => http.reset(now, place, reason),
            Extent::Receiving => http.stop_receiving(now, place),
        }
    }

    fn inner(&self) -> Option<&dyn StreamMachine> {
        match self {
            Machine::Waiting(_) => None,
            Machine::Http1(http) => Some(&**http),
        }
    }

    fn inner_mut(&mut self) -> Option<&mut dyn StreamMachine> {
        match self {
            Machine::Waiting(_) => None,
            Machine::Http1(http) => Some(&mut **http),
        }
    }
}

/// Before the handshake is complete there is nothing to say and nobody to be told.
impl StreamMachine for Machine {
    fn on_ready(&mut self, now: Instant, _protocol: Option<&[u8]>) {
        let Machine::Waiting(configs) = self else { return };
        let mut http = h1::Connection::server(configs.http1, Scheme::Https, now);
        http.set_alternative(configs.alternative.take());
        *self = Machine::Http1(Box::new(http));
    }

    fn demand(&self) -> Demand {
        self.inner().map_or(Demand::More, StreamMachine::demand)
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.inner_mut().map_or(0, |machine| machine.receive(now, bytes))
    }

    fn on_end(&mut self, now: Instant, left: &[u8]) {
        if let Some(machine) = self.inner_mut() {
            machine.on_end(now, left);
        }
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.inner_mut().map_or(Outgoing::Nothing, |machine| machine.transmit(now, buffer))
    }

    fn on_reset(&mut self, now: Instant) {
        if let Some(machine) = self.inner_mut() {
            machine.on_reset(now);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.inner().and_then(StreamMachine::deadline)
    }

    fn on_timeout(&mut self, now: Instant) {
        if let Some(machine) = self.inner_mut() {
            machine.on_timeout(now);
        }
    }
}
