//! The server's side of the handshake (RFC 6455 section 4.2): what is refused, and what is agreed on.

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::exchange::version::HttpVersion;
use crate::url::Url;
use crate::websocket::socket::{About, WebSocket};
use crypto_ring::sha1_for_websocket;
use http::{Fields, ResponseHead, Status};
use websocket::{Config, Connection, handshake};

/// What a server agrees to.
#[derive(Clone, Debug, Default)]
pub struct WebSocketOptions {
    origins: Origins,
    protocols: Vec<String>,
    fields: Fields,
    /// What the client can make the server hold, and how long it is waited for.
    pub config: Config,
}

/// Whose pages may connect.
#[derive(Clone, Debug)]
enum Origins {
    /// Those of the host that the request is for, and of these.
    Own(Vec<String>),
    Any,
}

impl Default for Origins {
    fn default() -> Origins {
        Origins::Own(Vec::new())
    }
}

impl WebSocketOptions {
    /// Pages of the same host and port may connect, and whatever is no page; no subprotocol.
    pub fn new() -> WebSocketOptions {
        WebSocketOptions::default()
    }

    /// Pages of this origin may connect as well, such as `https://app.example.org`. May be called more than once.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> WebSocketOptions {
        if let Origins::Own(others) = &mut self.origins {
            others.push(origin.to_ascii_lowercase());
        }
        self
    }

    /// Pages of every site may connect. What their users may do here they may then do without knowing it: a browser sends along what it
    /// would send along to this site. For those who look at something else, such as a token in the first message.
    #[must_use]
    pub fn any_origin(mut self) -> WebSocketOptions {
        self.origins = Origins::Any;
        self
    }

    /// A subprotocol that the server speaks. May be called more than once; of several that a client offers, that is chosen which it wants
    /// most. Where it offers none of them, none is spoken.
    #[must_use]
    pub fn protocol(mut self, name: &str) -> WebSocketOptions {
        self.protocols.push(name.to_owned());
        self
    }

    /// A field of the answer, such as Set-Cookie.
    ///
    /// # Errors
    /// It is not well-formed.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<WebSocketOptions, Error> {
        self.fields.push(name, value)?;
        Ok(self)
    }

    /// RFC 6455 section 10.2-1, 4.2.1-2.
    fn takes_origin_of(&self, request: &Request) -> bool {
        let Origins::Own(others) = &self.origins else { return true };
        let mut origins = request.fields().all("origin");
        let origin = match (origins.next(), origins.next()) {
            (None, _) => return true,
            (Some(origin), None) => std::str::from_utf8(origin).unwrap_or_default(),
            (Some(_), Some(_)) => return false,
        };
        if others.iter().any(|other| origin.eq_ignore_ascii_case(other)) {
            return true;
        }
        let own = Url::parse(&format!("https://{}", request.authority()));
        matches!((Url::parse(origin), own), (Ok(origin), Ok(own)) if origin.is_of_same_origin(&own))
    }
}

/// Why a request is not accepted.
struct Refusal {
    status: Status,
    why: String,
}

impl WebSocket {
    /// Accepts the WebSocket that a request asks for ([`Request::is_websocket`]). A request that asks for something else, whose handshake
    /// is wrong (400), or that comes from a page that may not connect (403) is answered here, and what was wrong is the error.
    ///
    /// # Errors
    /// The request was refused, or the client is gone.
    pub async fn accept(request: Request, reply: Reply, options: &WebSocketOptions) -> Result<WebSocket, Error> {
        let (head, protocol) = match answer(&request, options) {
            Ok(agreed) => agreed,
            Err(refusal) => return refuse(reply, refusal).await,
        };
        let Some(handle) = request.executor() else {
            return Err(Error::message("a WebSocket needs an executor, and this request has none"));
        };
        let about = About { protocol, version: request.version(), remote: request.remote() };
        let tunnel = reply.accept(request, head)?;
        tunnel.look_after_end();
        let machine = Connection::server(options.config, handle.read_clock());
        Ok(WebSocket::start(tunnel, machine, about, &handle))
    }
}

/// RFC 6455 section 4.2.2-5, 4.2.2-6, 4.4-1, 10.2-2, 10.7-4.
async fn refuse(reply: Reply, refusal: Refusal) -> Result<WebSocket, Error> {
    let head = ResponseHead::new(refusal.status)
        .with_field("content-type", "text/plain; charset=utf-8")?
        .with_field("sec-websocket-version", handshake::VERSION)?;
    reply.send(head, format!("{}\n", refusal.why)).await?;
    Err(Error::Message(format!("a request for a WebSocket was refused: {}", refusal.why)))
}

/// What is answered, and the subprotocol.
///
/// RFC 6455 section 4.2.2-8, 4.2.2-9, 4.2.2-12, 9-2.
/// RFC 9220 s3.
fn answer(request: &Request, options: &WebSocketOptions) -> Result<(ResponseHead, Option<String>), Refusal> {
    match request.protocol() {
        Some(_) if request.is_websocket() => {}
        Some(other) => {
            let why = format!("this resource speaks WebSocket, and not {other}");
            return Err(Refusal { status: Status::NOT_IMPLEMENTED, why });
        }
        None => {
            let why = "this resource speaks WebSocket, and the request does not ask for it".to_owned();
            return Err(Refusal { status: Status::BAD_REQUEST, why });
        }
    }
    let bad = |error: &dyn std::fmt::Display| Refusal { status: Status::BAD_REQUEST, why: error.to_string() };
    let has_key = request.version() == HttpVersion::Http1;
    let offer = handshake::offer(request.fields(), has_key).map_err(|error| bad(&error))?;
    if !options.takes_origin_of(request) {
        let why = "pages of this origin may not connect here".to_owned();
        return Err(Refusal { status: Status::FORBIDDEN, why });
    }
    let is_spoken = |name: &&&str| options.protocols.iter().any(|own| own == **name);
    let protocol = offer.protocols.iter().find(is_spoken).map(|name| (*name).to_owned());
    let mut head = ResponseHead { status: Status::OK, fields: options.fields.clone() };
    handshake::response(&mut head.fields, &offer, protocol.as_deref(), sha1_for_websocket)
        .map_err(|error| bad(&error))?;
    Ok((head, protocol))
}
