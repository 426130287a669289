//! How a client asks for a session.

use crate::client::opener::Opener;
use crate::client::pool::{Origin, Pooled};
use crate::error::Error;
use crate::exchange::patience::{Patience, Timeouts};
use crate::exchange::response::PendingResponse;
use crate::url::Url;
use crate::webtransport::door::with;
use crate::webtransport::session::Session;
use base::Duration;
use http::{Fields, RequestHead};
use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
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

    /// Asks for the session, and waits until it has begun. One connection to a server may have several; where that has as many as it may,
    /// which is one with servers that want no flow control, another is opened for this session. Redirections are not followed.
    ///
    /// # Errors
    /// The URL or a field is not well-formed; the server is not reached, does not take sessions, or refuses this one
    /// ([`Error::TunnelRefused`]); the time of [`Timeouts`](crate::Timeouts) is over.
    pub async fn connect(self) -> Result<Session, Error> {
        let patience = Patience::new(self.opener.pool.handle(), self.timeouts);
        let within = patience.clone();
        within.within_whole(pin!(self.ask_twice(&patience))).await
    }

    /// Two that ask at the same time may be one too many for their connection: then the server has done nothing for one of them.
    async fn ask_twice(self, patience: &Patience) -> Result<Session, Error> {
        match self.ask(patience).await {
            Err(error) if error.is_unprocessed() => self.ask(patience).await,
            result => result,
        }
    }

    /// draft-ietf-webtrans-http3 section 3.2-2, 3.2-3: the URL is one of https, and has both.
    async fn ask(&self, patience: &Patience) -> Result<Session, Error> {
        let (url, fields) = (self.url.clone()?, self.fields.clone()?);
        let (pooled, version) = self.connection(&Origin::new(&url)).await?;
        let none = || Error::message(NoSession::NotSupported);
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

    /// A connection that may have one more session: that of the server's others, if it may.
    ///
    /// draft-ietf-webtrans-http3 section 5.1-2.
    async fn connection(&self, origin: &Origin) -> Result<(Rc<Pooled>, Version), Error> {
        let (pooled, _) = self.opener.proven(origin, false).await?;
        match version(&pooled).await? {
            Ok(version) => return Ok((pooled, version)),
            Err(NoSession::TooMany) => {}
            Err(why) => return Err(Error::message(why)),
        }
        let apart = self.opener.pool.apart(origin).await?;
        let version = version(&apart).await?.map_err(Error::message)?;
        Ok((apart, version))
    }
}

/// By which draft the server may be asked, once it has said what it knows.
///
/// draft-ietf-webtrans-http3 section 4.6-1.
async fn version(pooled: &Pooled) -> Result<Result<Version, NoSession>, Error> {
    let Some(door) = pooled.connection.sessions() else { return Ok(Err(NoSession::NotSupported)) };
    let asked = poll_fn(|context| {
        door.line().wait_for_settings(context);
        match with(&*door, |sessions, _, transport| sessions.may_ask(transport)) {
            Some(Err(NoSession::NotYet)) => Poll::Pending,
            Some(version) => Poll::Ready(Ok(version)),
            None => Poll::Ready(Err(door.failure())),
        }
    });
    door.executor().timeout(SETTINGS_PATIENCE, asked).await.unwrap_or(Ok(Err(NoSession::NotYet)))
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder").field("url", &self.url).finish_non_exhaustive()
    }
}
