//! What a server is asked for: a session, to be accepted or rejected.

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::webtransport::door::{SessionDoor, with};
use crate::webtransport::session::Session;
use base::{Duration, StreamId};
use http::{ResponseHead, Status};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use webtransport::{NoSession, Version, protocols};

/// How long a client has to send its settings after it has asked for a session: they go ahead of it.
const SETTINGS_PATIENCE: Duration = Duration::from_secs(10);

/// A request for a session. Nothing of what the client has sent in it is looked at before it is accepted; dropping it answers 500.
///
/// Whoever asks from a page in a browser says from which origin. Unless more are allowed, that has to be the server's own
/// ([`SessionRequest::allow_origin`]); requests without an origin come from other programs.
pub struct SessionRequest {
    request: Request,
    reply: Reply,
    door: Rc<dyn SessionDoor>,
    id: StreamId,
    protocols: Vec<String>,
    origins: Origins,
}

enum Origins {
    Any,
    These(Vec<String>),
}

impl SessionRequest {
    /// The request as one for a session. The handler of a server that takes sessions ([`ServerBuilder::webtransport`]) gets them
    /// like all others.
    ///
    /// # Errors
    /// It asks for no session; both are given back.
    ///
    /// [`ServerBuilder::webtransport`]: crate::ServerBuilder::webtransport
    #[allow(clippy::result_large_err, reason = "what was given is given back")]
    pub fn new(request: Request, reply: Reply) -> Result<SessionRequest, (Request, Reply)> {
        let Some((door, id)) = request.session_door() else { return Err((request, reply)) };
        let protocols = protocols::available(request.fields());
        let origins = Origins::These(Vec::new());
        Ok(SessionRequest { request, reply, door, id, protocols, origins })
    }

    /// The request: its path, its fields, and who makes it.
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// What is asked for.
    pub fn url(&self) -> String {
        format!("https://{}{}", self.request.authority(), self.request.path())
    }

    /// From which origin, if it is a page in a browser.
    pub fn origin(&self) -> Option<&str> {
        self.request.fields().first_text("origin")
    }

    /// The protocols that the client offers, the one that it likes best first.
    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    /// Pages of this origin may ask as well, such as `https://app.example`.
    pub fn allow_origin(mut self, origin: &str) -> SessionRequest {
        if let Origins::These(origins) = &mut self.origins {
            origins.push(origin.to_ascii_lowercase());
        }
        self
    }

    /// Pages of any origin may ask: for services that are meant for everybody, and know nobody by a cookie.
    pub fn allow_any_origin(mut self) -> SessionRequest {
        self.origins = Origins::Any;
        self
    }

    /// draft-ietf-webtrans-http3 section 3.2-7.
    fn is_origin_allowed(&self) -> bool {
        let Some(origin) = self.origin() else { return !self.request.fields().contains("origin") };
        let origin = origin.to_ascii_lowercase();
        match &self.origins {
            Origins::Any => true,
            Origins::These(others) => {
                let own = format!("https://{}", self.request.authority()).to_ascii_lowercase();
                let own = own.strip_suffix(":443").unwrap_or(&own);
                origin == own || others.contains(&origin)
            }
        }
    }

    /// Begins the session, without a protocol.
    ///
    /// # Errors
    /// The origin is not allowed (403 was answered), the client lacks something that sessions need, there are too many sessions, or the
    /// client is gone.
    pub async fn accept(self) -> Result<Session, Error> {
        self.begin(None).await
    }

    /// Begins the session with one of the protocols that the client offers.
    ///
    /// # Errors
    /// As for [`SessionRequest::accept`]; the client does not offer it (400 was answered).
    ///
    /// draft-ietf-webtrans-http3 section 3.3-3.
    pub async fn accept_with(self, protocol: &str) -> Result<Session, Error> {
        if !self.protocols.iter().any(|offered| offered == protocol) {
            let error = Error::Message(format!("the client does not offer the protocol {protocol:?}"));
            self.reject(400).await?;
            return Err(error);
        }
        self.begin(Some(protocol)).await
    }

    /// Answers with another status than 2xx. Browsers tell their page that the session failed, and no more.
    ///
    /// # Errors
    /// The status is none, or is 2xx; or the client is gone.
    pub async fn reject(self, status: u16) -> Result<(), Error> {
        if Status::new(status)?.is_successful() {
            return Err(Error::Message(format!("a session is not rejected by {status}, which would begin it")));
        }
        self.reply.send(status, "").await
    }

    async fn begin(self, protocol: Option<&str>) -> Result<Session, Error> {
        if !self.is_origin_allowed() {
            let error = Error::Message(format!("sessions from the origin {:?} are not allowed", self.origin()));
            // draft-ietf-webtrans-http3 section 3.2-8.
            self.reject(Status::FORBIDDEN.code()).await?;
            return Err(error);
        }
        let version = self.version().await?;
        let url = self.url();
        let SessionRequest { request, reply, door, id, .. } = self;
        let mut head = ResponseHead::new(Status::OK);
        version.on_answer(&mut head.fields);
        if let Some(protocol) = protocol {
            head.fields.push(protocols::CHOSEN, protocols::write([protocol]).map_err(Error::message)?)?;
        }
        let exchange = reply.accept_session(&head)?;
        door.line().add_session(id);
        let session = Session::begin(door.clone(), id, exchange, url, protocol.map(Into::into));
        drop(request);
        with(&*door, |sessions, http, transport| sessions.accept_session(http, transport, id, version));
        Ok(session)
    }

    /// By which draft, once the client has said what it knows.
    ///
    /// draft-ietf-webtrans-http3 section 3.1-7, 7.1-2.
    async fn version(&self) -> Result<Version, Error> {
        let token = self.request.protocol().unwrap_or_default();
        let asked = poll_fn(|context| {
            self.door.line().wait_for_settings(context);
            match with(&*self.door, |sessions, _, transport| sessions.may_accept(transport, token)) {
                Some(Err(NoSession::NotYet)) => Poll::Pending,
                Some(version) => Poll::Ready(Ok(version)),
                None => Poll::Ready(Err(self.door.failure())),
            }
        });
        let version =
            self.door.executor().timeout(SETTINGS_PATIENCE, asked).await.unwrap_or(Ok(Err(NoSession::NotYet)));
        version?.map_err(|why| {
            let id = self.id;
            with(&*self.door, |sessions, http, transport| sessions.reject_session(http, transport, id, why));
            Error::message(why)
        })
    }
}

impl fmt::Debug for SessionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRequest")
            .field("url", &self.url())
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
}
