//! From a request to an exchange on a connection: one that is there or is opened for it, that takes requests, and early data if that is
//! wanted.

use crate::client::alt_svc::AltSvc;
use crate::client::pool::{Origin, Pool, Pooled};
use crate::error::Error;
use crate::exchange::calls::Exchange;
use crate::exchange::version::HttpVersion;
use http::{RequestHead, Status};
use std::future::poll_fn;
use std::rc::Rc;

/// How often a connection is tried anew that was lost before anything was done on it.
const TRIES: u32 = 2;

/// Opens exchanges. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) pool: Rc<Pool>,
    /// Where servers say that they are also found, if that is kept.
    pub(crate) alternatives: Option<AltSvc>,
    pub(crate) offers_early_data: bool,
}

impl Opener {
    /// A connection, and whether it was there before; one that is not `early` has shown that its server is there.
    async fn connection(&self, origin: &Origin, early: bool) -> Result<(Rc<Pooled>, bool), Error> {
        match self.pool.ready(origin).filter(|pooled| early || pooled.connection.is_proven()) {
            Some(pooled) => Ok((pooled, true)),
            None => self.proven(origin, early).await,
        }
    }

    /// The same for who may have to wait.
    pub(crate) async fn proven(&self, origin: &Origin, early: bool) -> Result<(Rc<Pooled>, bool), Error> {
        let mut tries = 0;
        loop {
            let (pooled, reused) = self.pool.connection(origin, early).await?;
            if early || pooled.connection.is_proven() {
                return Ok((pooled, reused));
            }
            // Somebody else has opened it for early data, at the first address and without a look at the others.
            match poll_fn(|context| pooled.connection.poll_proven(context)).await {
                Ok(()) => return Ok((pooled, reused)),
                Err(error) if is_unreached(&error) && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins the exchange of a request with more to come, on this connection.
    pub(crate) async fn open_on(pooled: &Pooled, head: &RequestHead) -> Result<Exchange, Error> {
        open_on(pooled, head, false).await
    }

    /// Begins a request's exchange if that takes no wait, and nothing out of the ordinary. Most requests begin so.
    pub(crate) fn open_at_once(&self, origin: &Origin, head: &RequestHead, ends: bool, early: bool) -> Option<Opened> {
        let pooled = self.pool.ready(origin)?;
        let Pooled { connection, line, .. } = &*pooled;
        let is_early = !connection.is_proven();
        let is_plain = connection.alternative().is_none() && head.protocol.is_none() && line.is_empty();
        if is_early && !early || !is_plain {
            return None;
        }
        // What fails is tried in the other way: that tells why, or finds another connection.
        let exchange = connection.open(head, ends)?.ok()?;
        Some(Opened { exchange, pooled, reused: true, is_early })
    }

    /// Begins a request's exchange, on a connection that takes it.
    pub(crate) async fn open(
        &self,
        origin: &Origin,
        head: &RequestHead,
        ends: bool,
        early: bool,
    ) -> Result<Opened, Error> {
        let mut tries = 0;
        loop {
            let (pooled, reused) = self.connection(origin, early).await?;
            let is_early = !pooled.connection.is_proven();
            match open_on(&pooled, head, ends).await {
                Err(error) if (error.is_connection_lost() || pooled.is_dismissed()) && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
                Ok(exchange) => return Ok(Opened { exchange, pooled, reused, is_early }),
            }
        }
    }
}

/// An exchange that has begun.
pub(crate) struct Opened {
    pub(crate) exchange: Exchange,
    pub(crate) pooled: Rc<Pooled>,
    /// Its connection was there before.
    pub(crate) reused: bool,
    /// It went as early data.
    is_early: bool,
}

impl Opened {
    /// Whether it failed because its server was not reached, by early data that was sent to its first address: one that is opened in
    /// the usual way may be reached. Only requests that may be done twice go early.
    pub(crate) fn was_unreached(&self, error: &Error) -> bool {
        self.is_early && is_unreached(error)
    }

    /// Whether it is the wrong server that answered, at an alternative of the right one.
    pub(crate) fn is_misdirected(&self, status: Status) -> bool {
        status == Status::MISDIRECTED_REQUEST && self.pooled.connection.alternative().is_some()
    }

    /// Whether the server wants it again when the handshake is complete.
    /// RFC 8470 section 4-2, 4-3.
    pub(crate) fn is_too_early(&self, status: Status) -> bool {
        self.is_early && status == Status::TOO_EARLY
    }
}

/// Whether a server was not reached, and may be at another address or the next time.
fn is_unreached(error: &Error) -> bool {
    error.is_connection_lost() || matches!(error, Error::NoAnswer { .. } | Error::Refused { .. })
}

/// The request without what asks for a WebSocket over HTTP/1.1 alone (RFC 8441 section 5), if it has that and goes by another version.
fn without_key(head: &RequestHead, version: HttpVersion) -> Option<RequestHead> {
    if head.protocol.is_none() || version == HttpVersion::Http1 {
        return None;
    }
    let mut head = head.clone();
    (head.fields.remove("sec-websocket-key") > 0).then_some(head)
}

/// Opens an exchange on this connection, once the server allows one and those who came before have theirs.
async fn open_on(pooled: &Pooled, head: &RequestHead, ends: bool) -> Result<Exchange, Error> {
    let Pooled { connection, line, .. } = pooled;
    // Whoever is found elsewhere is told by which name (RFC 7838 section 5).
    let told = connection.alternative().map(|authority| head.clone().with_field("alt-used", authority));
    let told = told.transpose()?;
    let head = told.as_ref().unwrap_or(head);
    let keyless = without_key(head, connection.version());
    let head = keyless.as_ref().unwrap_or(head);
    let at_once = if line.is_empty() { connection.open(head, ends) } else { None };
    match at_once {
        Some(result) => result,
        None => open_in_turn(pooled, head, ends).await,
    }
}

async fn open_in_turn(pooled: &Pooled, head: &RequestHead, ends: bool) -> Result<Exchange, Error> {
    let Pooled { connection, line, .. } = pooled;
    let turn = line.join();
    turn.first().await;
    loop {
        let mut seen = connection.openings();
        if let Some(result) = connection.open(head, ends) {
            return result;
        }
        poll_fn(|context| connection.poll_openings(&mut seen, context)).await;
    }
}
