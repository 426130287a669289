//! An endpoint and what is done with it: a client that posts a body, or a server that sends it back.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Bytes, Instant, StreamId};
use h3::{Body, Endpoint, EndpointEvent, Event};
use http::exchange;
use http::{Method, RequestHead, ResponseHead, Status};
use quic::{CloseReason, ConnectionHandle, EndpointConfig};

/// One side. Each has one connection with one request at a time.
pub struct Host {
    pub endpoint: Endpoint,
    pub handle: Option<ConnectionHandle>,
    pub is_established: bool,
    /// The status of the response.
    pub status: Option<Status>,
    /// Content as it came.
    pub received: Vec<u8>,
    /// The peer's message is complete.
    pub is_complete: bool,
    pub closed: Option<CloseReason>,
    is_server: bool,
    sending: Option<(StreamId, Bytes)>,
}

impl Host {
    /// A server, if it has a configuration to be one.
    pub fn new(server: Option<Arc<tls::ServerConfig>>) -> Host {
        let is_server = server.is_some();
        let config = EndpointConfig::new(crypto_ring::provider(), Arc::new(quic::Config::default()), server);
        let random = Box::new(crypto_ring::SystemRandom::new());
        let quic = quic::Endpoint::new(Instant::ZERO, config, random);
        Host {
            endpoint: Endpoint::new(quic, h3::Config::default()),
            handle: None,
            is_established: false,
            status: None,
            received: Vec::new(),
            is_complete: false,
            closed: None,
            is_server,
            sending: None,
        }
    }

    /// Sends a request with this content.
    pub fn post(&mut self, now: Instant, uri: &str, content: Bytes) {
        let head = RequestHead::new(Method::Post, uri).expect("the URI is complete");
        let handle = self.handle.expect("a connection was begun");
        let sent = self.endpoint.with(now, handle, |http, transport| http.send_request(transport, &head, false));
        let id = sent.expect("the connection is established").expect("the server allows a request");
        self.sending = Some((id, content));
        self.write(now);
    }

    /// Says goodbye.
    pub fn close(&mut self, now: Instant) {
        let handle = self.handle.expect("a connection was begun");
        self.endpoint.with(now, handle, |http, transport| {
            http.close(transport, h3::error_code::H3_NO_ERROR, "done");
        });
    }

    /// Does what follows from what happened.
    pub fn work(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event(now) {
            match event {
                EndpointEvent::Established(handle) => {
                    self.handle = Some(handle);
                    self.is_established = true;
                }
                EndpointEvent::Closed(_, reason) => self.closed = Some(reason),
                EndpointEvent::Http(_, event) => self.on_event(now, event),
                EndpointEvent::Flushed(_) | EndpointEvent::Drained(..) => {}
                EndpointEvent::CanSendEarly(_) => panic!("nobody sends early data"),
                EndpointEvent::Transport(..) => panic!("HTTP/3 is spoken"),
                EndpointEvent::Migrated(_)
                | EndpointEvent::MigrationFailed(_)
                | EndpointEvent::PeerMoved(_)
                | EndpointEvent::PreferredAddressFailed(_) => panic!("nobody migrates"),
            }
        }
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Exchange(_, exchange::Event::Request(head)) => {
                assert!(head.method == Method::Post && head.path() == "/echo", "the request as it was sent");
            }
            Event::Exchange(_, exchange::Event::Response(head)) => self.status = Some(head.status),
            Event::Exchange(id, exchange::Event::Body) => self.read(now, id),
            Event::Exchange(id, exchange::Event::Finished) => {
                self.is_complete = true;
                if self.is_server {
                    self.answer(now, id);
                }
            }
            Event::Exchange(_, exchange::Event::Writable) => self.write(now),
            Event::Exchange(_, exchange::Event::Delivered) | Event::Settings(_) | Event::Closed { .. } => {}
            other => panic!("unexpected: {other:?}"),
        }
    }

    fn read(&mut self, now: Instant, id: StreamId) {
        let handle = self.handle.expect("content comes on a connection");
        while let Some(Body::Data(bytes)) =
            self.endpoint.with(now, handle, |http, transport| http.read_body(transport, id, 16 * 1024))
        {
            self.received.extend_from_slice(&bytes);
        }
    }

    fn answer(&mut self, now: Instant, id: StreamId) {
        let handle = self.handle.expect("a request comes on a connection");
        let head = ResponseHead::new(Status::OK);
        let sent = self.endpoint.with(now, handle, |http, transport| http.send_response(transport, id, &head, false));
        sent.expect("the connection is there").expect("a response can be sent");
        self.sending = Some((id, Bytes::from(core::mem::take(&mut self.received))));
        self.write(now);
    }

    /// Sends what is taken, and the end after the last of it.
    fn write(&mut self, now: Instant) {
        let (Some(handle), Some((id, mut content))) = (self.handle, self.sending.take()) else { return };
        let sent = self.endpoint.with(now, handle, |http, transport| {
            http.send_body(transport, id, &mut content)?;
            if content.is_empty() { http.finish(transport, id) } else { Ok(()) }
        });
        sent.expect("the connection is there").expect("content can be sent");
        if !content.is_empty() {
            self.sending = Some((id, content));
        }
    }

    /// Why it is over, in words.
    pub fn end(&self) -> String {
        self.closed.as_ref().map_or_else(|| String::from("not closed"), |reason| alloc::format!("{reason}"))
    }
}
