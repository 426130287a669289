//! The client's side of the handshake (RFC 6455 section 4.1).

use crate::client::opener::Opener;
use crate::client::request::{Parts, Settings, begin_tunnel};
use crate::error::Error;
use crate::exchange::patience::Patience;
use crate::exchange::tunnel::Tunnel;
use crate::exchange::version::HttpVersion;
use crate::url::Url;
use crate::websocket::connecting::Connecting;
use crate::websocket::socket::{About, WebSocket};
use crypto_ring::{SystemRandom, sha1_for_websocket};
use http::{Fields, RequestHead};
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use websocket::{Config, Connection, handshake};

/// A WebSocket that is to be opened: [`Client::websocket`](crate::Client::websocket).
#[must_use = "a WebSocket is not opened before it is connected"]
pub struct WebSocketBuilder {
    opener: Opener,
    /// For servers whose HTTP/2 or HTTP/3 does not carry WebSockets.
    plain: Option<Opener>,
    connecting: Rc<Connecting>,
    settings: Settings,
    url: String,
    fields: Result<Fields, Error>,
    protocols: Vec<String>,
    /// What the server can make the client hold, and how long it is waited for.
    pub config: Config,
}

impl WebSocketBuilder {
    pub(crate) fn new(
        opener: Opener,
        plain: Option<Opener>,
        connecting: Rc<Connecting>,
        settings: Settings,
        url: &str,
    ) -> WebSocketBuilder {
        let (url, fields, protocols) = (url.to_owned(), Ok(Fields::new()), Vec::new());
        WebSocketBuilder { opener, plain, connecting, settings, url, fields, protocols, config: Config::default() }
    }

    /// A subprotocol that the client speaks. May be called more than once: first the one that it wants most.
    pub fn protocol(mut self, name: &str) -> WebSocketBuilder {
        self.protocols.push(name.to_owned());
        self
    }

    /// A field of the request, such as Authorization, or Origin.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> WebSocketBuilder {
        self.fields = self.fields.and_then(|mut fields| {
            fields.push(name, value)?;
            Ok(fields)
        });
        self
    }

    /// What the server can make the client hold, and how long it is waited for.
    pub fn config(mut self, config: Config) -> WebSocketBuilder {
        self.config = config;
        self
    }

    /// Opens it: by an extended CONNECT over HTTP/3 or HTTP/2, by Upgrade over HTTP/1.1. A server whose HTTP/3 or HTTP/2 takes no
    /// extended CONNECT, as most do not, is asked over HTTP/1.1, if the client [goes by TCP](crate::ClientBuilder::tcp). Over HTTP/1.1 those that go
    /// to one server are opened one by one.
    ///
    /// # Errors
    /// The URL is none of `wss`, a field or a subprotocol is not well-formed, the server cannot be reached, refuses
    /// ([`Error::TunnelRefused`]), or does not speak WebSocket.
    pub async fn connect(self) -> Result<WebSocket, Error> {
        let url = parse(&self.url)?;
        // RFC 8441 section 5-1.
        let mut head = RequestHead::extended_connect("websocket", &url.to_string()).map_err(Error::message)?;
        head.fields = self.fields?;
        // RFC 6455 section 4.1-25, 4.1-26, 4.1-29.
        let key = handshake::Key::new(&mut SystemRandom::new());
        handshake::request(&mut head.fields, &self.protocols, Some(&key)).map_err(|_| {
            let names = self.protocols.join(", ");
            Error::Message(format!(
                "{names:?} are no subprotocols: each is a name without spaces, and all are different"
            ))
        })?;
        let parts = Parts::of(url, head);
        let (tunnel, fields) = match open(&self.opener, &self.connecting, &parts, self.settings).await {
            Err(Error::NoExtendedConnect) => match &self.plain {
                Some(plain) => open(plain, &self.connecting, &parts, self.settings).await?,
                None => return Err(Error::NoExtendedConnect),
            },
            opened => opened?,
        };
        let peer = tunnel.peer().clone();
        let key = Some(&key).filter(|_| peer.version == HttpVersion::Http1);
        let protocol = handshake::chosen(&fields, &self.protocols, key, sha1_for_websocket).map_err(Error::message)?;
        let handle = self.opener.pool.handle();
        let about = About { protocol, version: peer.version, remote: peer.remote };
        let machine = Connection::client(self.config, Box::new(SystemRandom::new()), handle.read_clock());
        Ok(WebSocket::start(tunnel, machine, about, handle))
    }
}

async fn open(
    opener: &Opener,
    connecting: &Connecting,
    parts: &Parts,
    settings: Settings,
) -> Result<(Tunnel, Fields), Error> {
    let patience = Patience::new(opener.pool.handle(), settings.timeouts);
    patience.within_whole(pin!(open_in_turn(opener, connecting, parts, &patience))).await
}

/// RFC 6455 section 4.1-5, 4.1-6, 4.1-7: over HTTP/1.1 each is a connection, and one of them is being opened at a time, to a name and to an
/// address. Whether it is HTTP/1.1 is known once there is a connection; where it is not, many go on one.
async fn open_in_turn(
    opener: &Opener,
    connecting: &Connecting,
    parts: &Parts,
    patience: &Patience,
) -> Result<(Tunnel, Fields), Error> {
    let is_shared = |version| version != HttpVersion::Http1;
    if opener.pool.ready(&parts.origin).is_some_and(|pooled| is_shared(pooled.connection.version())) {
        return begin_tunnel(opener, parts, patience).await;
    }
    let alone = async {
        let (pooled, _) = opener.proven(&parts.origin, false).await?;
        if is_shared(pooled.connection.version()) {
            return Ok(None);
        }
        // Where it was there before, nobody has waited for its address.
        let address = pooled.connection.remote().map_or(IpAddr::from([0; 4]), |remote| remote.ip());
        connecting.reach(&parts.origin.host, address).await;
        begin_tunnel(opener, parts, patience).await.map(Some)
    };
    match connecting.for_host(&parts.origin.host, alone).await? {
        Some(opened) => Ok(opened),
        None => begin_tunnel(opener, parts, patience).await,
    }
}

/// RFC 6455 section 3-1, 3-2, 4.1-3, 4.1-4, 10.6-1.
/// RFC 8441 section 5-2.
fn parse(text: &str) -> Result<Url, Error> {
    let has_scheme = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if has_scheme("ws://") || has_scheme("http://") {
        let words = "is in clear text, which this client does not speak: use wss://";
        return Err(Error::Message(format!("{text:?} {words}")));
    }
    if text.contains('#') {
        return Err(Error::Message(format!("{text:?} has a fragment, which the URL of a WebSocket cannot have")));
    }
    let rest = if has_scheme("wss://") { &text["wss://".len()..] } else { text };
    if rest.len() == text.len() { Ok(Url::parse(text)?) } else { Ok(Url::parse(&format!("https://{rest}"))?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 section 3-1, 3-2, 4.1-3, 4.1-4.
    /// RFC 8441 section 5-2.
    #[test]
    fn urls_of_websockets() {
        for (text, expected) in [
            ("wss://a.example/x?y", "https://a.example/x?y"),
            ("WSS://a.example", "https://a.example/"),
            ("https://a.example:8443/x", "https://a.example:8443/x"),
        ] {
            let url = parse(text).unwrap();
            assert_eq!(url.to_string(), expected);
        }
        for (text, words) in [
            ("ws://a.example/", "clear text"),
            ("http://a.example/", "use wss://"),
            ("wss://a.example/#x", "fragment"),
            ("ftp://a.example/", "https://"),
            ("wss://", ""),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
