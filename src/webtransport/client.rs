//! How a client asks for a session.

use crate::client::opener::Opener;
use crate::client::pool::Origin;
use crate::error::Error;
use crate::exchange::patience::{Patience, Timeouts};
use crate::exchange::response::PendingResponse;
use crate::url::Url;
use crate::webtransport::door::{SessionDoor, with};
use crate::webtransport::session::Session;
use base::Duration;
use http::{Fields, RequestHead};
use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use webtransport::{NoSession, Version, protocols};

/// How long a server has to send its settings, which go with its part of the handshake.
const SETTINGS_PATIENCE: Duration = Duration::from_secs(10);

/// A session that is to be asked for ([`Client::webtransport`](crate::Client::webtransport)).
pub struct SessionBuilder {
    opener: Opener,
    timeouts: Timeouts,
    url: Result<Url, Error>,
    fields: Result<Fields, Error>,
    protocols: Vec<String>,
}

impl SessionBuilder {
    pub(crate) fn new(opener: Opener, timeouts: Timeouts, url: &str) -> SessionBuilder {
        let url = Url::parse(url).map_err(Error::from);
        SessionBuilder { opener, timeouts, url, fields: Ok(Fields::new()), protocols: Vec::new() }
    }

    /// One field more in the request.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> SessionBuilder {
        self.fields = self.fields.and_then(|mut fields| {
            fields.push(name, value)?;
            Ok(fields)
        });
        self
    }

    /// Offers a protocol, after those that were offered before. If any is offered, the server has to choose one.
    pub fn protocol(mut self, name: &str) -> SessionBuilder {
        self.protocols.push(name.to_owned());
        self
    }

    /// Asks for the session, and waits until it has begun. One connection to a server may have several. Redirections are not
    /// followed.
    ///
    /// # Errors
    /// The URL or a field is not well-formed; the server is not reached, does not take sessions, or refuses this one
    /// ([`Error::TunnelRefused`]); the time of [`Timeouts`](crate::Timeouts) is over.
    pub async fn connect(self) -> Result<Session, Error> {
        let patience = Patience::new(self.opener.pool.handle(), self.timeouts);
        let within = patience.clone();
        within.within_whole(pin!(self.ask(&patience))).await
    }

    /// draft-ietf-webtrans-http3 section 3.2-2, 3.2-3: the URL is one of https, and has both.
    async fn ask(self, patience: &Patience) -> Result<Session, Error> {
        let (url, fields) = (self.url?, self.fields?);
        let origin = Origin::new(&url);
        let (pooled, _) = self.opener.proven(&origin, false).await?;
        let none = || Error::message(NoSession::NotSupported);
        let door = pooled.connection.sessions().ok_or_else(none)?;
        let version = version(&*door).await?;
        let mut head = RequestHead::extended_connect(version.token(), &url.to_string()).map_err(Error::message)?;
        head.fields = fields;
        version.on_request(&mut head.fields);
        if !self.protocols.is_empty() {
            let offered = protocols::write(self.protocols.iter().map(String::as_str)).map_err(Error::message)?;
            head.fields.push(protocols::AVAILABLE, offered)?;
        }
        let exchange = Opener::open_on(&pooled, &head).await?;
        let (door, id) = exchange.session_door().ok_or_else(none)?;
        with(&*door, |sessions, _, _| sessions.on_asked(id, version));
        let sent = Cell::new(patience.now());
        let response =
            patience.first_byte(&sent, pin!(PendingResponse::new(exchange.clone(), true).response())).await?;
        // draft-ietf-webtrans-http3 section 3.2-9.
        if !response.status().is_successful() {
            return Err(Error::TunnelRefused { status: response.status() });
        }
        let protocol = protocols::chosen(response.fields());
        door.line().add_session(id);
        let is_agreed = protocol.as_ref().map_or(self.protocols.is_empty(), |name| self.protocols.contains(name));
        let session = Session::begin(door.clone(), id, exchange, url.to_string(), protocol);
        drop(response);
        if !is_agreed {
            with(&*door, |sessions, http, transport| sessions.fail_protocol(http, transport, id));
            return Err(Error::Message("the server chose none of the protocols that were offered".into()));
        }
        with(&*door, |sessions, http, transport| sessions.on_accepted(http, transport, id));
        Ok(session)
    }
}

/// By which draft the server may be asked, once it has said what it knows.
///
/// draft-ietf-webtrans-http3 section 4.6-1.
async fn version(door: &dyn SessionDoor) -> Result<Version, Error> {
    let asked = poll_fn(|context| {
        door.line().wait_for_settings(context);
        match with(door, |sessions, _, transport| sessions.may_ask(transport)) {
            Some(Err(NoSession::NotYet)) => Poll::Pending,
            Some(version) => Poll::Ready(version.map_err(Error::message)),
            None => Poll::Ready(Err(door.failure())),
        }
    });
    let in_time = door.executor().timeout(SETTINGS_PATIENCE, asked).await;
    in_time.unwrap_or_else(|_| Err(Error::message(NoSession::NotYet)))
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder").field("url", &self.url).finish_non_exhaustive()
    }
}
