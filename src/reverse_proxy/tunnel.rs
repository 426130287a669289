//! Requests to change to WebSocket: in every version an extended CONNECT here, and GET with Upgrade to a backend (RFC 8441
//! section 5). What goes through afterwards is not looked at.

use super::answer::{self, Side};
use super::asking::{Trouble, open};
use super::failure::BackendFailure;
use super::line::Line;
use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::patience::Patience;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::exchange::response::PendingResponse;
use crate::exchange::version::HttpVersion;
use crate::exchange::writer::BodyWriter;
use crate::proxy::idle::{Idle, both};
use crate::server::base64;
use base::{Instant, Random};
use crypto_ring::{SystemRandom, sha1_for_websocket};
use http::exchange::Reason;
use http::{InvalidField, RequestHead, ResponseHead, Status};
use runtime::Handle;
use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use websocket::handshake;

/// The protocol that is passed on.
pub(super) const PROTOCOL: &str = "websocket";
/// Bytes that are asked room for before any are read.
const ROOM: usize = 32 << 10;

/// A request for a tunnel.
pub(super) struct Tunnelling<'a> {
    pub(super) handle: &'a Handle,
    pub(super) head: &'a RequestHead,
    pub(super) patience: &'a Patience,
    pub(super) idle: Duration,
}

/// Only over HTTP/1.1 a client shows that it means WebSocket, and wants to be shown the same (RFC 8441 section 5). For others that is
/// between this proxy and the backend.
pub(super) fn add_key(head: &mut RequestHead, version: HttpVersion) -> Result<(), InvalidField> {
    if version == HttpVersion::Http1 {
        return Ok(());
    }
    let mut key = [0; 16];
    SystemRandom::new().fill(&mut key);
    head.fields.set("sec-websocket-key", base64::encode(&key))
}

/// Whether a backend has answered the key that it was sent. A client of HTTP/1.1 has sent that itself and looks, others cannot.
///
/// RFC 6455 section 4.1-40.
fn answers_key(asked: &RequestHead, answer: &ResponseHead) -> bool {
    let key = asked.fields.first_text("sec-websocket-key").unwrap_or_default();
    let mut answers = answer.fields.all("sec-websocket-accept");
    answers.next() == Some(handshake::accept(key, sha1_for_websocket).as_bytes()) && answers.next().is_none()
}

impl Tunnelling<'_> {
    /// Asks over a connection that has carried nothing, and serves the tunnel to its end. A refusal is passed on as any answer.
    pub(super) async fn ask(
        self,
        line: &Rc<Line>,
        request: Request,
        reply: &mut Option<Reply>,
        on_head: impl FnOnce(&mut ResponseHead) -> Result<(), Error>,
    ) -> Result<(), Trouble> {
        let exchange = open(line, self.head, false)?;
        let writer = BodyWriter::new(exchange.clone(), Reason::Cancelled);
        let pending = PendingResponse::new(exchange, false).with_patience(self.patience);
        let progress = Cell::<Instant>::new(self.patience.now());
        let response = self.patience.first_byte(&progress, pin!(pending.response())).await;
        let response = response.map_err(Trouble::of_backend)?;
        let (mut head, body) = response.into_parts();
        on_head(&mut head).map_err(|error| Trouble::Backend(BackendFailure::Invalid(error.to_string())))?;
        if head.status != Status::OK {
            return Ok(answer::send(reply, head, body, false).await?);
        }
        head.fields.remove("content-length");
        if request.version() != HttpVersion::Http1 {
            if !answers_key(self.head, &head) {
                let why = "it answers another Sec-WebSocket-Key than it was sent (RFC 6455 section 4.1)".to_owned();
                return Err(Trouble::Backend(BackendFailure::Invalid(why)));
            }
            head.fields.remove("sec-websocket-accept");
        }
        let reply = reply.take().expect("a request is answered once");
        let tunnel = reply.accept(request, head).map_err(Trouble::Client)?;
        let (from_client, to_client) = tunnel.split();
        let client = to_client.exchange().clone();
        let idle = Idle::new(self.handle, self.idle);
        let relayed =
            idle.limit(both(pass(from_client, writer, &idle), pass(body.without_patience(), to_client, &idle))).await;
        relayed.map_err(|error| {
            // Who is left learns that the other one has failed.
            client.reset(Reason::Connect);
            Trouble::from(Side::Client(error))
        })
    }
}

/// One direction, to its end.
async fn pass(mut from: Body, mut to: BodyWriter, idle: &Idle) -> Result<(), Error> {
    loop {
        to.room(ROOM).await?;
        let Some(bytes) = from.chunk().await? else { return to.finish() };
        idle.on_use();
        to.write(bytes).await?;
    }
}
