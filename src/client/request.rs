//! A request, from its parts to the response that is given for it: sent again where that is safe, and sent on where a response says so.

use crate::client::opener::{Opened, Opener};
use crate::client::pool::Origin;
use crate::client::redirect::{Onward, fields, onward};
use crate::client::upload::Upload;
use crate::error::{Error, NotFollowed};
use crate::exchange::calls::Exchange;
use crate::exchange::patience::{Patience, Timeouts};
use crate::exchange::response::{PendingResponse, Response};
use crate::exchange::tunnel::Tunnel;
use crate::exchange::writer::BodyWriter;
use crate::url::Url;
use base::{Bytes, Instant, Random};
use http::exchange::Reason;
use http::{Fields, Method, Priority, RequestHead, ResponseHead, Status, capsule};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::Read;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// What a client does with each of its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) timeouts: Timeouts,
    /// How often in a row it goes where a response sends it.
    pub(crate) redirects: u32,
    /// How often it is sent again.
    pub(crate) repetitions: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { timeouts: Timeouts::default(), redirects: 0, repetitions: 2 }
    }
}

/// Before a request is sent for the third time. The second time has no wait: the connection was lost, or its server is about to end, and
/// another one is there at once.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The most that is waited before a request is sent again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A request that is being put together. A clone can be sent, too.
#[derive(Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    opener: Opener,
    settings: Rc<Settings>,
    parts: Result<Rc<Parts>, Box<Error>>,
    body: Bytes,
    may_be_early: bool,
}

/// What is asked of whom.
#[derive(Clone)]
pub(crate) struct Parts {
    url: Url,
    pub(crate) origin: Origin,
    head: RequestHead,
}

impl Parts {
    fn new(method: Method, url: Url) -> Result<Parts, Error> {
        let head = RequestHead::new(method, &url.to_string()).map_err(Error::message)?;
        Ok(Parts::of(url, head))
    }

    /// For the server of `url`.
    pub(crate) fn of(url: Url, head: RequestHead) -> Parts {
        Parts { origin: Origin::new(&url), head, url }
    }

    /// The request that goes on from this one.
    fn onward(&self, onward: Onward) -> Result<Parts, Error> {
        let fields = fields(&self.head.fields, &self.url, &onward);
        let mut parts = Parts::new(onward.method, onward.url)?;
        parts.head.fields = fields;
        Ok(parts)
    }
}

impl RequestBuilder {
    /// What is wrong with its parts is told when it is sent.
    pub(crate) fn new(opener: Opener, settings: Rc<Settings>, method: Method, url: &str) -> RequestBuilder {
        let parts = Url::parse(url).map_err(Error::from).and_then(|url| Parts::new(method, url));
        let parts = parts.map(Rc::new).map_err(Box::new);
        RequestBuilder { opener, settings, parts, body: Bytes::new(), may_be_early: false }
    }

    /// A request with this head to the server of this URL.
    pub(crate) fn of_parts(
        opener: Opener,
        settings: Rc<Settings>,
        parts: Result<(Url, RequestHead), Error>,
    ) -> RequestBuilder {
        let parts = parts.map(|(url, head)| Rc::new(Parts::of(url, head))).map_err(Box::new);
        RequestBuilder { opener, settings, parts, body: Bytes::new(), may_be_early: false }
    }

    /// One field more.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> RequestBuilder {
        self.parts = self.parts.and_then(|mut parts| {
            let pushed = Rc::make_mut(&mut parts).head.fields.push(name, value);
            pushed.map(|()| parts).map_err(|error| Box::new(error.into()))
        });
        self
    }

    /// How urgent the response is (RFC 9218): the field Priority. It can be changed later
    /// ([`PendingResponse::prioritize`], [`Response::prioritize`]).
    pub fn priority(self, priority: Priority) -> RequestBuilder {
        self.field("priority", priority.to_field())
    }

    /// A body that is there already.
    pub fn body(mut self, body: impl Into<Bytes>) -> RequestBuilder {
        self.body = body.into();
        self
    }

    /// How long is waited for this one, whatever the client's
    /// [`timeouts`](crate::ClientBuilder::timeouts) are.
    pub fn timeouts(mut self, timeouts: Timeouts) -> RequestBuilder {
        Rc::make_mut(&mut self.settings).timeouts = timeouts;
        self
    }

    /// How often in a row this one goes where a response sends it, as
    /// [`ClientBuilder::follow_redirects`](crate::ClientBuilder::follow_redirects) has it for all.
    pub fn follow_redirects(mut self, limit: u32) -> RequestBuilder {
        Rc::make_mut(&mut self.settings).redirects = limit;
        self
    }

    /// Lets it go as early data, if the client
    /// [offers any](crate::ClientBuilder::dangerous_offer_early_data_that_may_be_replayed), there is a ticket for it, its method is safe
    /// (RFC 9110 section 9.2.1) and it has no body. It may then reach the server more than once, sent by somebody else; and the server
    /// has not yet shown who it is, but that it has the key of its ticket. A server that does not take it so answers 425 (RFC 8470),
    /// and it is sent again by itself when the handshake is complete.
    pub fn dangerous_send_as_early_data_that_may_be_replayed(mut self) -> RequestBuilder {
        self.may_be_early = true;
        self
    }

    /// Sends it, and waits for the head of the response. The body is sent while the response is read.
    ///
    /// A request that the server did nothing with is sent again; so is one whose connection was lost, if its method says
    /// that twice is as good as once (RFC 9110 section 9.2.2): [`ClientBuilder::repetitions`](crate::ClientBuilder::repetitions).
    ///
    /// # Errors
    /// The URL or a field is wrong, the server cannot be reached, breaks off, takes longer than the [`Timeouts`] allow, or sends on to
    /// where the client does not go.
    #[allow(clippy::manual_async_fn, reason = "an async fn begins with moving its arguments to another place")]
    pub fn send(self) -> impl Future<Output = Result<Response, Error>> {
        async move {
            let patience = Patience::new(self.opener.pool.handle(), self.settings.timeouts);
            let answered = patience.within_whole(pin!(self.send_on(&patience))).await?;
            Ok(answered.response())
        }
    }

    /// The same with a body that a thread of its own reads as it is sent, so that nothing is held but what is on its way. Where its
    /// length is known, a field `content-length` tells it to the server.
    ///
    /// It is sent once, and goes nowhere else with its body: what was read is gone.
    ///
    /// # Errors
    /// As for [`RequestBuilder::send`]; or it could not be read, and the request was broken off: [`Error::Upload`]. If the response is
    /// there by then, its body or [`Response::uploaded`] fails instead.
    pub async fn send_from(self, reader: impl Read + Send + 'static) -> Result<Response, Error> {
        let patience = Patience::new(self.opener.pool.handle(), self.settings.timeouts);
        let parts = self.parts.clone().map_err(|error| *error)?;
        let response = {
            let sending = pin!(self.send_read(&parts, reader, &patience));
            patience.within_whole(sending).await?
        };
        match onward(&parts.head.method, &parts.url, response.head()) {
            Ok(Some(next)) if self.settings.redirects > 0 && !next.keeps_body => {
                let parts = Rc::new(parts.onward(next)?);
                let url = Box::new(parts.url.clone());
                let on = RequestBuilder { parts: Ok(parts), body: Bytes::new(), ..self };
                let mut answered = patience.within_whole(pin!(on.send_on(&patience))).await?;
                answered.redirects += 1;
                answered.url.get_or_insert(url);
                Ok(answered.response())
            }
            _ => Ok(response),
        }
    }

    /// Sends a CONNECT ([`Client::extended_connect`](crate::Client::extended_connect),
    /// [`Client::connect_through`](crate::Client::connect_through)), and waits for the tunnel.
    ///
    /// # Errors
    /// As for [`RequestBuilder::send`]; the server does not take such requests, or refuses this one: [`Error::TunnelRefused`].
    pub async fn tunnel(self) -> Result<Tunnel, Error> {
        let parts = self.parts.map_err(|error| *error)?;
        if parts.head.method != Method::Connect {
            return Err(Error::Message("only a CONNECT begins a tunnel".into()));
        }
        let patience = Patience::new(self.opener.pool.handle(), self.settings.timeouts);
        let (tunnel, _) = patience.within_whole(pin!(begin_tunnel(&self.opener, &parts, &patience))).await?;
        Ok(tunnel)
    }

    /// Begins a request whose body is written part by part, even while the response is already being read. It is sent once, and its
    /// response is not waited for by any clock but that of the connection; its body is.
    ///
    /// # Errors
    /// As for [`RequestBuilder::send`].
    pub async fn start(self) -> Result<(BodyWriter, PendingResponse), Error> {
        let parts = self.parts.map_err(|error| *error)?;
        let patience = Patience::new(self.opener.pool.handle(), self.settings.timeouts);
        let opening = pin!(self.opener.open(&parts.origin, &parts.head, false, false));
        let Opened { exchange, .. } = patience.within_whole(opening).await?;
        let pending = PendingResponse::new(exchange.clone(), true).with_patience(&patience);
        Ok((BodyWriter::new(exchange, Reason::Cancelled), pending))
    }

    /// Sends it, and goes where responses send it.
    async fn send_on(&self, patience: &Patience) -> Result<Answered, Error> {
        let mut parts = self.parts.clone().map_err(|error| *error)?;
        let mut body = self.body.clone();
        let (mut redirects, mut repetitions) = (0, 0);
        let limit = self.settings.redirects;
        loop {
            if !body.is_empty() && !parts.head.fields.contains("content-length") {
                Rc::make_mut(&mut parts).head.fields.push_integer("content-length", body.len() as u64)?;
            }
            let sending =
                Sending { opener: &self.opener, settings: &self.settings, patience, parts: &parts, body: &body };
            let (pending, again) = sending.send(self.may_be_early).await?;
            repetitions += again;
            let next = match limit {
                0 => None,
                _ => pending.look_at_head(|head| onward(&parts.head.method, &parts.url, head))?,
            };
            let Some(next) = next else {
                let url = (redirects > 0).then(|| Box::new(parts.url.clone()));
                return Ok(Answered { pending, repetitions, redirects, url });
            };
            // Of its body nothing is wanted; what of the request is still on its way is sent.
            drop(pending.take());
            // RFC 9110 section 15.4-14: circles end here.
            if redirects == limit {
                let (to, why) = (next.url.to_string(), NotFollowed::TooOften { limit });
                return Err(Error::NotFollowed { to, why });
            }
            redirects += 1;
            if !next.keeps_body {
                body = Bytes::new();
            }
            parts = Rc::new(parts.onward(next)?);
        }
    }

    async fn send_read(
        &self,
        parts: &Parts,
        reader: impl Read + Send + 'static,
        patience: &Patience,
    ) -> Result<Response, Error> {
        let opened = self.opener.open(&parts.origin, &parts.head, false, false).await?;
        let upload = Upload::start(reader).map_err(Error::system)?;
        let progress = Rc::new(Cell::new(patience.now()));
        let failure = Rc::new(RefCell::new(None));
        let writer = BodyWriter::new(opened.exchange.clone(), Reason::Cancelled);
        let clock = (patience.clone(), progress.clone());
        self.opener.pool.handle().spawn_detached(write_read(upload, writer, clock, failure.clone()));
        let pending = PendingResponse::new(opened.exchange, true).with_patience(patience);
        let response = patience.first_byte(&progress, pin!(pending.response())).await;
        response.map_err(|error| failure.borrow_mut().take().unwrap_or(error))
    }
}

/// Sends the head of a CONNECT, and waits for the tunnel, and the fields that came with it.
pub(crate) async fn begin_tunnel(
    opener: &Opener,
    parts: &Parts,
    patience: &Patience,
) -> Result<(Tunnel, Fields), Error> {
    let Opened { exchange, .. } = opener.open(&parts.origin, &parts.head, false, false).await?;
    let writer = BodyWriter::new(exchange.clone(), Reason::Cancelled);
    let sent = Cell::new(patience.now());
    let response = pin!(PendingResponse::new(exchange, true).response());
    let response = patience.first_byte(&sent, response).await?;
    // RFC 9298 section 3.1-9, 3.5-4.
    // RFC 6455 section 4.1-37.
    if !response.status().is_successful() {
        return Err(Error::TunnelRefused { status: response.status() });
    }
    let has_capsules = capsule::check_response(response.head());
    let (head, body) = response.into_parts();
    Ok((Tunnel::new(body, writer, has_capsules), head.fields))
}

/// One request to one server.
struct Sending<'a> {
    opener: &'a Opener,
    settings: &'a Settings,
    patience: &'a Patience,
    parts: &'a Parts,
    body: &'a Bytes,
}

/// A request whose response has come. That is left where it is until all is done: it is large, and would be moved once for each
/// future around the one that waited for it.
struct Answered {
    pending: PendingResponse,
    repetitions: u32,
    redirects: u32,
    /// Where it came from, if it was sent on.
    url: Option<Box<Url>>,
}

impl Answered {
    fn response(self) -> Response {
        self.pending.take_after(self.repetitions, self.redirects, self.url)
    }
}

impl Sending<'_> {
    /// Waits for the response, which can be taken then. With it, how often the request was sent again before.
    async fn send(&self, may_be_early: bool) -> Result<(PendingResponse, u32), Error> {
        let Parts { origin, head, .. } = self.parts;
        let mut again = 0;
        // RFC 8470 section 4-1: no unsafe method, and none whose safety is not known.
        let is_wanted = may_be_early && self.opener.offers_early_data;
        let ends = self.body.is_empty();
        let mut early = is_wanted && head.method.is_safe() && ends;
        loop {
            // What a wait takes is on the heap.
            let opened = match self.opener.open_at_once(origin, head, ends, early) {
                Some(opened) => opened,
                None => Box::pin(self.opener.open(origin, head, ends, early)).await?,
            };
            match self.answer(&opened).await {
                // RFC 8470 section 5.2-1: again, and not in early data.
                Ok((pending, status)) if opened.is_too_early(status) => {
                    drop(pending.take());
                    poll_fn(|context| opened.pooled.connection.poll_proven(context)).await?;
                    early = false;
                }
                // RFC 9110 section 15.5.20-1: again, from the server itself (RFC 7838 section 6).
                Ok((pending, status)) if again < self.settings.repetitions && opened.is_misdirected(status) => {
                    drop(pending.take());
                    again += 1;
                    self.learn(|known| known.forget(&origin.host, origin.port));
                    self.opener.pool.give_up(origin, &opened.pooled);
                }
                Ok((pending, status)) => {
                    self.learn_from(&pending, status);
                    return Ok((pending, again));
                }
                Err(error) if opened.was_unreached(&error) => early = false,
                Err(error) if again < self.settings.repetitions && may_repeat(&error, &head.method, opened.reused) => {
                    if again > 0 {
                        self.opener.pool.handle().sleep(wait(again)).await;
                    }
                    again += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends the body, and waits for the response.
    async fn answer(&self, opened: &Opened) -> Result<(PendingResponse, Status), Error> {
        let exchange = &opened.exchange;
        let has_body = !self.body.is_empty();
        let pending = PendingResponse::new(exchange.clone(), has_body).with_patience(self.patience);
        let sent = Cell::new(self.patience.now());
        let progress = has_body.then(|| {
            let progress = Rc::new(sent.clone());
            let clock = (self.patience.clone(), progress.clone());
            let writing = write_all(exchange.clone(), self.body.clone(), clock);
            self.opener.pool.handle().spawn_detached(writing);
            progress
        });
        let waiting = pin!(poll_fn(|context| pending.poll_status(context)));
        let status = self.patience.first_byte(progress.as_deref().unwrap_or(&sent), waiting).await?;
        Ok((pending, status))
    }

    fn learn(&self, change: impl FnOnce(&crate::client::alt_svc::AltSvc)) {
        if let Some(known) = &self.opener.alternatives {
            change(known);
        }
    }

    fn learn_from(&self, pending: &PendingResponse, status: Status) {
        // What a wrong server says of this one is nothing (RFC 7838 section 6).
        if self.opener.alternatives.is_none() || status == Status::MISDIRECTED_REQUEST {
            return;
        }
        pending.look_at_head(|head| {
            if head.fields.contains("alt-svc") {
                self.learn_alternatives(head);
            }
        });
    }

    #[inline(never)]
    fn learn_alternatives(&self, head: &ResponseHead) {
        let Origin { host, port, .. } = &self.parts.origin;
        let age = head.fields.first_integer("age").unwrap_or(0);
        let now = runtime::clock::unix_seconds();
        self.learn(|known| known.learn((host, *port), head.fields.all("alt-svc"), age, now));
    }
}

/// Where the progress of an upload is told.
type Clock = (Patience, Rc<Cell<Instant>>);

async fn write_all(exchange: Exchange, body: Bytes, clock: Clock) {
    let mut writer = BodyWriter::new(exchange, Reason::Cancelled);
    // If it fails, the response says why, or its absence does.
    if write(&mut writer, body, &clock).await.is_ok() {
        let _ = writer.finish();
    }
}

/// Writes all of it, and tells of each part that was taken.
async fn write(writer: &mut BodyWriter, mut body: Bytes, (patience, progress): &Clock) -> Result<(), Error> {
    while !body.is_empty() {
        progress.set(patience.now());
        let room = writer.room(body.len()).await?;
        writer.write(body.split_to(room.min(body.len()))).await?;
    }
    progress.set(patience.now());
    Ok(())
}

/// Sends what is read. What fails is told before the request is broken off.
async fn write_read(mut upload: Upload, mut writer: BodyWriter, clock: Clock, failure: Rc<RefCell<Option<Error>>>) {
    loop {
        // A reader may take its time, and the server may meanwhile want no more.
        let piece = poll_fn(|context| {
            if let Poll::Ready(Err(_)) = pin!(writer.room(1)).poll(context) {
                return Poll::Ready(Ok(None));
            }
            // Nobody waits for the server meanwhile.
            clock.1.set(Instant::MAX);
            upload.poll_piece(context).map(|piece| piece.map(|piece| Some(piece.unwrap_or_default())))
        });
        match piece.await {
            Ok(None) => return,
            Ok(Some(piece)) if piece.is_empty() => {
                clock.1.set(clock.0.now());
                let _ = writer.finish();
                return;
            }
            Ok(Some(piece)) => {
                if write(&mut writer, piece, &clock).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                *failure.borrow_mut() = Some(Error::Upload(std::sync::Arc::new(error)));
                writer.reset(Reason::Cancelled);
                return;
            }
        }
    }
}

/// How long is waited before a request is sent again that was sent again so often already: twice as long each time, and up to a half
/// less, so that clients of one server that was lost do not come back all at once.
fn wait(again: u32) -> Duration {
    let whole = FIRST_WAIT.saturating_mul(1 << (again - 1).min(16)).min(LONGEST_WAIT);
    let mut random = [0];
    crypto_ring::SystemRandom::new().fill(&mut random);
    whole.mul_f64(1.0 - f64::from(random[0]) / 512.0)
}

/// RFC 9114 section 5.4-1.
fn may_repeat(error: &Error, method: &Method, reused: bool) -> bool {
    error.is_unprocessed() || (error.is_connection_lost() && reused && method.is_idempotent())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_end_and_differ() {
        for (again, most) in
            [(1, FIRST_WAIT), (2, FIRST_WAIT * 2), (6, FIRST_WAIT * 32), (7, LONGEST_WAIT), (99, LONGEST_WAIT)]
        {
            let waits: Vec<Duration> = (0..50).map(|_| wait(again)).collect();
            assert!(
                waits.iter().all(|wait| *wait <= most && *wait >= most / 2 - Duration::from_millis(1)),
                "{waits:?}"
            );
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
        }
    }
}
