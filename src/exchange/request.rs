//! A request as a server's handler gets it.

use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::calls::{Exchange, Peer};
use crate::exchange::version::HttpVersion;
use crate::webtransport::door::SessionDoor;
use base::StreamId;
use http::exchange::Reason;
use http::{Fields, Method, Priority, RequestHead};
use json::Value;
use runtime::Handle;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use tls::PeerIdentity;
use webtransport::Version;

/// Whether the client may wait for a 100 before it sends content (RFC 9110 section 10.1.1). Another expectation has been refused.
fn awaits_continue(head: &RequestHead) -> bool {
    head.fields.contains("expect") && head.fields.first("content-length") != Some(b"0")
}

/// Whether a media type is JSON, or one that is built on it (RFC 6839 section 3.1).
fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// A request: its head, and its body as it arrives.
#[derive(Debug)]
pub struct Request {
    head: Box<RequestHead>,
    body: Body,
}

impl Request {
    pub(crate) fn new(exchange: Exchange, head: Box<RequestHead>) -> Request {
        // RFC 9114 s4.1: a server that does not need the rest of a request says that nothing is wrong.
        let body = Body::new(exchange, &head.fields, Reason::NotNeeded);
        let body = if awaits_continue(&head) { body.awaiting_invitation() } else { body };
        Request { head, body }
    }

    fn peer(&self) -> &Peer {
        self.body.exchange().peer()
    }

    /// All but the body.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// What is to be done.
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The path without the query, as it was sent: percent-encoded.
    pub fn path(&self) -> &str {
        self.head.path()
    }

    /// What is behind the question mark, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.head.path.as_ref().and_then(http::Path::query)
    }

    /// Host and port that the client asked for; empty if it named none.
    pub fn authority(&self) -> &str {
        self.head.authority.as_ref().map_or("", http::Authority::as_str)
    }

    /// The fields.
    pub fn fields(&self) -> &Fields {
        &self.head.fields
    }

    /// Where the request came from. Of a request that [came early](Request::is_early) the address may be forged:
    /// [`Request::is_address_validated`].
    pub fn remote(&self) -> SocketAddr {
        self.peer().remote
    }

    /// Whether the client has shown that it receives what is sent to its address (RFC 9000 section 8.1): before that the address may
    /// be anybody's, and is no reason to let somebody in. False for requests in early data, until the handshake is complete;
    /// [`Request::proven`] waits for that.
    pub fn is_address_validated(&self) -> bool {
        self.peer().is_validated || self.body.exchange().is_proven()
    }

    /// Whether the request may be a repetition, and has to be safe to act upon more than once: it came as early data, and the handshake
    /// is not complete; or somebody on the way says that it was so there, by the field Early-Data (RFC 8470 section 5.1). Who cannot
    /// answer it as it is waits for [`Request::proven`], or answers [`TOO_EARLY`](crate::Status::TOO_EARLY), after which the
    /// client asks again.
    ///
    /// Never so unless [`Tickets::dangerous_accept_early_data_that_may_be_replayed`] was called, but for that field.
    ///
    /// [`Tickets::dangerous_accept_early_data_that_may_be_replayed`]: crate::Tickets::dangerous_accept_early_data_that_may_be_replayed
    /// RFC 8470 section 5.1-5, 5.1-7.
    pub fn is_early(&self) -> bool {
        !self.body.exchange().is_proven() || self.head.fields.contains("early-data")
    }

    /// Waits until the handshake is complete: then the request is no repetition of what this server was sent before, and came from
    /// its address. At once for requests that were not early. If the connection is over first, answering fails.
    pub async fn proven(&self) {
        poll_fn(|context| self.body.exchange().poll_proven(context)).await;
    }

    /// The version of HTTP that the request came by.
    pub fn version(&self) -> HttpVersion {
        self.peer().version
    }

    /// Who the client is: the certificates that it was asked for and showed ([`ServerBuilder::client_authentication`]), whose
    /// key it has proved to hold; on this connection, or on an earlier one that [this one goes on from](Request::is_resumed). They
    /// were judged when this connection began in either case. `None` if it was not asked, or declined where it may.
    ///
    /// [`ServerBuilder::client_authentication`]: crate::ServerBuilder::client_authentication
    pub fn peer_identity(&self) -> Option<&PeerIdentity> {
        self.peer().identity.as_deref()
    }

    /// Whether the connection goes on from an earlier one by a ticket of this server ([`Tickets`](crate::Tickets)), so that the client
    /// has shown no certificate and signed nothing anew.
    pub fn is_resumed(&self) -> bool {
        self.peer().is_resumed
    }

    /// The protocol that an extended CONNECT asks for (RFC 9220), such as `websocket` or `connect-udp`: the tunnel is begun by
    /// [`Reply::accept`](crate::Reply::accept). A protocol that is not known is answered with 501. `None` for all other requests,
    /// a plain CONNECT among them. Servers get such requests only if they say so:
    /// [`Http3Config::extended_connect`](crate::Http3Config).
    pub fn protocol(&self) -> Option<&str> {
        self.head.protocol.as_ref().map(http::Protocol::as_str)
    }

    /// Whether it asks for a WebSocket: [`WebSocket::accept`](crate::WebSocket::accept) answers it. Servers get such requests only if they say so:
    /// [`ServerBuilder::websockets`](crate::ServerBuilder::websockets).
    pub fn is_websocket(&self) -> bool {
        self.protocol().is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
    }

    /// How urgent the answer is to the client, as it said with its request (RFC 9218): what it did not say is `None`. Answers are
    /// sent by it without the handler's doing, and by what the client says later. A handler that knows better says so in the
    /// field Priority of its answer, or by [`BodyWriter::prioritize`](crate::BodyWriter::prioritize).
    pub fn priority(&self) -> Priority {
        Priority::of(&self.head.fields).unwrap_or_default()
    }

    /// The connection as one that has sessions, if the request asks for one.
    pub(crate) fn session_door(&self) -> Option<(Rc<dyn SessionDoor>, StreamId)> {
        Some(()).filter(|()| Version::is_request(&self.head))?;
        self.body.exchange().session_door()
    }

    /// The executor of this request.
    pub(crate) fn executor(&self) -> Option<Handle> {
        self.body.exchange().executor()
    }

    /// The body.
    pub fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The body, as the value of a JSON text of at most `limit` bytes.
    ///
    /// The content type has to say that it is JSON. A page of another site can have its visitors' browsers post anything here
    /// without asking first, but not with this type, unless this server allows it to that site (CORS).
    ///
    /// ```no_run
    /// # use posthaste::{Error, Reply, Request, json::Value};
    /// async fn order(mut request: Request, reply: Reply) -> Result<(), Error> {
    ///     let order = match request.json(64 << 10).await {
    ///         Ok(order) => order,
    ///         Err(error) => return reply.send((error.status(), "text/plain"), format!("{error}\n")).await,
    ///     };
    ///     match order.get("grams").and_then(Value::as_u64) {
    ///         Some(grams) => reply.json(200, &Value::object([("ordered", grams.into())])).await,
    ///         None => reply.send((422, "text/plain"), "grams has to be a number\n").await,
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotJson`] if the content type is another or none, [`Error::Json`] if the body is no JSON, [`Error::TooLarge`], and
    /// as for [`Body::chunk`].
    pub async fn json(&mut self, limit: usize) -> Result<Value, Error> {
        let content_type = self.head.fields.first_text("content-type");
        if !content_type.is_some_and(is_json) {
            return Err(Error::NotJson { content_type: content_type.map(str::to_owned) });
        }
        self.body.json(limit).await
    }

    /// The exchange is slow by its nature, as long polling and streams of events are: neither the rest of the request nor the
    /// answer is given up because the client sends or takes too little of it
    /// ([`TimeLimits`](crate::TimeLimits)).
    pub fn lift_time_limits(&self) {
        self.body.exchange().lift_time_limits();
    }

    /// Head and body, each by itself.
    pub fn into_parts(self) -> (RequestHead, Body) {
        (*self.head, self.body)
    }
}
