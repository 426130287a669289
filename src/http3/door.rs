//! The calls of one exchange, on its stream of an HTTP/3 connection (RFC 9114 section 4.1).

use crate::exchange::calls::{Exchange, OnRequest, Peer};
use crate::exchange::door::{Door, Extent, Responded};
use crate::http3::known::Known;
use crate::http3::link::{Link, NewRequest};
use crate::http3::session_line::SessionLine;
use crate::server::authorities::AuthoritySource;
use crate::webtransport::door::SessionDoor;
use base::{Bytes, StreamId};
use h3::OverQuic;
use http::exchange::{Body, DatagramError, Event, Reason, SendError};
use http::{Fields, Priority, ResponseHead};
use quic::ConnectionHandle;
use runtime::Handle;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A request stream.
struct Stream {
    link: Rc<Link>,
    known: Rc<Known>,
    handle: ConnectionHandle,
    id: StreamId,
}

/// The exchange on stream `id` of a connection with `peer`. What happens to it is told from now on.
pub(crate) fn exchange(
    link: &Rc<Link>,
    handle: ConnectionHandle,
    known: &Rc<Known>,
    id: StreamId,
    peer: Peer,
) -> Exchange {
    let stream = Stream { link: link.clone(), known: known.clone(), handle, id };
    let (exchange, events) = Exchange::new(peer, stream);
    link.add_exchange(known, id, events);
    exchange
}

/// Has `on_request` given each request that comes on the connections of `link`, which are good for these authorities. To be
/// called once, before any can come.
pub(crate) fn serve(link: &Link, authorities: AuthoritySource, on_request: OnRequest) {
    let on_request = Box::new(move |link: &Rc<Link>, request: NewRequest| {
        let NewRequest { handle, known, id, peer, head, authorities } = request;
        on_request(exchange(link, handle, &known, id, peer), head, &authorities);
    });
    link.on_request(on_request, authorities);
}

impl Stream {
    /// `None` if the connection is over.
    fn with<R>(&self, call: impl FnOnce(&mut h3::Connection, &mut OverQuic<'_>, StreamId) -> R) -> Option<R> {
        self.link.with(self.handle, |http, transport| call(http, transport, self.id))
    }
}

impl Door for Stream {
    fn respond(&self, head: &ResponseHead, body: &mut Bytes, ends: bool) -> Result<Responded, SendError> {
        let sent = self.with(|http, transport, id| {
            if head.status.is_informational() && !ends {
                return http.send_informational(transport, id, head).map(|()| Responded::Begun);
            }
            if ends && body.is_empty() {
                http.send_response(transport, id, head, true)?;
                return Ok(Responded::Whole);
            }
            let sent = http.send_response_with(transport, id, head, body, ends)?;
            let is_whole = ends && body.is_empty();
            Ok(match sent {
                Ok(()) if is_whole => Responded::Whole,
                Ok(()) => Responded::Begun,
                Err(error) => Responded::Broken(error),
            })
        });
        sent.unwrap_or(Err(SendError::Closed))
    }

    fn room(&self, wanted: usize) -> Result<usize, SendError> {
        self.with(|http, transport, id| http.room(transport, id, wanted)).unwrap_or(Err(SendError::Closed))
    }

    fn write(&self, data: &mut Bytes) -> Result<(), SendError> {
        self.with(|http, transport, id| http.send_body(transport, id, data)).unwrap_or(Err(SendError::Closed))
    }

    fn read(&self, max: usize) -> Option<Body> {
        self.with(|http, transport, id| {
            let part = http.read_body(transport, id, max);
            let is_last = matches!(part, Body::Data(_)) && http.look_for_end(transport, id);
            // Told at once: the connection may have been kept for this alone, and then it is over behind this call.
            if is_last && let Some(exchange) = self.known.exchange(id) {
                exchange.on_event(Event::Finished);
            }
            part
        })
    }

    fn finish(&self, trailers: Option<&Fields>) -> Result<(), SendError> {
        let finished = self.with(|http, transport, id| match trailers {
            Some(fields) => http.send_trailers(transport, id, fields),
            None => http.finish(transport, id),
        });
        finished.unwrap_or(Err(SendError::Closed))
    }

    fn prioritize(&self, priority: Priority) -> Result<(), SendError> {
        let said = self.with(|http, transport, id| http.prioritize(transport, id, priority));
        said.unwrap_or(Err(SendError::Closed))
    }

    fn send_datagram(&self, content: &[u8]) -> Result<(), DatagramError> {
        let sent = self.with(|http, transport, id| http.send_datagram(transport, id, content));
        sent.unwrap_or(Err(DatagramError::Ended))
    }

    fn read_datagram(&self) -> Option<Bytes> {
        self.with(|http, _, id| http.read_datagram(id)).flatten()
    }

    fn max_datagram(&self) -> Result<usize, DatagramError> {
        let most = self.with(|http, transport, id| http.max_datagram(transport, id));
        most.unwrap_or(Err(DatagramError::Ended))
    }

    fn lift_time_limits(&self) {
        self.with(|http, _, id| http.lift_time_limits(id));
    }

    fn is_proven(&self) -> bool {
        self.known.is_proven()
    }

    fn poll_proven(&self, context: &Context<'_>) -> Poll<()> {
        self.known.poll_proven(context)
    }

    fn session_door(&self) -> Option<(Rc<dyn SessionDoor>, StreamId)> {
        let is_taken = self.with(|http, _, _| http.webtransport_settings().is_some());
        let line = || SessionLine { link: self.link.clone(), known: self.known.clone(), handle: self.handle };
        (is_taken == Some(true)).then(|| (Rc::new(line()) as Rc<dyn SessionDoor>, self.id))
    }

    fn executor(&self) -> Option<&Handle> {
        Some(self.link.executor())
    }

    fn cancel(&self, extent: Extent, reason: Reason) {
        self.with(|http, transport, id| match extent {
            Extent::Exchange => http.reset(transport, id, reason),
            Extent::Receiving => http.stop_sending(transport, id, reason),
        });
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.link.remove_exchange(self.handle, &self.known, self.id);
    }
}
