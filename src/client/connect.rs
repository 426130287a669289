//! Opening a connection: at an alternative of the server that is known, or at the addresses of its name, several of them side by
//! side.

use crate::client::alt_svc::AltSvc;
use crate::client::connection::{Connect, Connection, Task};
use crate::client::fallback::Fallback;
use crate::client::race::{Lost, STAGGER, interleaved, race};
use crate::client::resolve::{Overrides, resolve};
use crate::client::way::Way;
use crate::error::Error;
use crate::http3::connection::{Dial, Target};
use crate::tcp::client::TcpDial;
use crate::url;
use crate::webtransport::session::Session;
use base::Instant;
use runtime::{Handle, clock};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use x509::ServerName;

/// The longest that is waited for an alternative before the server itself is asked. A handshake over a slow path that loses a packet
/// takes less.
const ALTERNATIVE: Duration = Duration::from_secs(3);

/// Opens connections.
pub(crate) struct Dialer {
    pub(crate) http3: Dial,
    pub(crate) handle: Handle,
    /// How long the name may take to be looked up, and then all of its addresses together to answer.
    pub(crate) patience: Duration,
    /// Addresses that are known without a look-up.
    pub(crate) overrides: Overrides,
    /// Where servers said that they are also found.
    pub(crate) alternatives: Option<AltSvc>,
    /// The proxy that all goes through, if there is one.
    pub(crate) way: Option<Rc<Way>>,
    /// The way by TCP, if there is one.
    pub(crate) fallback: Option<Fallback>,
}

impl Connect for Dialer {
    fn connect(&self, host: Rc<str>, port: u16, early: bool) -> Task<'_, Result<Rc<dyn Connection>, Error>> {
        Box::pin(async move { self.reach(&host, port, early).await })
    }

    fn close_all(&self) -> Task<'_, ()> {
        if let Some(fallback) = &self.fallback {
            fallback.dial.close_all();
        }
        Box::pin(self.http3.close_all())
    }
}

impl Dialer {
    /// A connection to the server; or, if it is to be `early` and there is a ticket for it, one to its first address, before it is known
    /// whether that answers.
    async fn reach(&self, host: &str, port: u16, early: bool) -> Result<Rc<dyn Connection>, Error> {
        let name = server_name(host)?;
        let target = Target { host, name: &name, alternative: None, tls: None };
        if let Some(known) = &self.alternatives
            && let Some((other, at)) = known.alternative(host, port, clock::unix_seconds())
        {
            let authority = url::authority(other.as_ref(), at);
            let target = Target { alternative: Some(&authority), ..target };
            let patience = ALTERNATIVE.min(self.patience / 2);
            match self.reach_alternative(&target, (&other, at), patience, early).await {
                Ok(connection) => return Ok(connection),
                // Whatever is wrong with it, the server itself is where the URL says.
                Err(_) => known.mark_broken(host, port, (&other, at), clock::unix_seconds()),
            }
        }
        if let Some(way) = &self.way {
            let through = self.through(way, &target, port).await;
            return through.map_err(|error| way.error(error));
        }
        let found = find(&self.handle, &self.overrides, (host, port), self.patience).await?;
        let by_quic = self.by_quic(&target, &found, self.patience, early);
        match &self.fallback {
            None => by_quic.await,
            Some(fallback) => {
                let by_tcp = self.by_tcp(fallback, &target, &found);
                fallback.first(&self.handle, (host, port), self.patience, by_quic, by_tcp).await
            }
        }
    }

    /// A connection through a proxy, all within the time that there is.
    async fn through(&self, way: &Rc<Way>, target: &Target<'_>, port: u16) -> Result<Rc<dyn Connection>, Error> {
        let begun = clock::now();
        let left = || self.patience.saturating_sub(clock::now() - begun);
        let by_quic = async {
            let at = way.udp(target.host, port).await?;
            self.http3.attempt(target, at, left(), Duration::ZERO, false).await
        };
        let by_tcp = |fallback: &Fallback| {
            let dial = fallback.dial.clone();
            async move {
                let at = way.tcp(target.host, port).await?;
                dial.attempt(target.host, target.name, at, left(), Duration::ZERO).await
            }
        };
        let reached = async {
            match &self.fallback {
                None => by_quic.await,
                Some(fallback) => {
                    let server = (target.host, port);
                    fallback.first(&self.handle, server, self.patience, by_quic, by_tcp(fallback)).await
                }
            }
        };
        let late = || Error::NotInTime { server: url::authority(target.host, port), after: self.patience };
        match self.handle.timeout(self.patience, reached).await {
            // The address that it names is of the way on this host.
            Err(_) | Ok(Err(Error::NoAnswer { .. })) => Err(late()),
            Ok(reached) => reached,
        }
    }

    async fn reach_alternative(
        &self,
        target: &Target<'_>,
        (host, port): (&str, u16),
        patience: Duration,
        early: bool,
    ) -> Result<Rc<dyn Connection>, Error> {
        let found = find(&self.handle, &self.overrides, (host, port), patience).await?;
        self.by_quic(target, &found, patience, early).await
    }

    /// A connection by QUIC to the first address that answers as `target`, all within `patience`.
    async fn by_quic(
        &self,
        target: &Target<'_>,
        found: &Found<'_>,
        patience: Duration,
        early: bool,
    ) -> Result<Rc<dyn Connection>, Error> {
        let attempt = |number, address| {
            let left = if number == 0 { patience } else { found.left(patience) };
            self.http3.attempt(target, address, left, found.looked_up, early && number == 0)
        };
        first_that_answers(&self.handle, found, attempt).await
    }

    /// The same by TCP, in what QUIC has left of the time.
    async fn by_tcp(
        &self,
        fallback: &Fallback,
        target: &Target<'_>,
        found: &Found<'_>,
    ) -> Result<Rc<dyn Connection>, Error> {
        let attempt = |_, address| {
            let left = found.left(self.patience);
            fallback.dial.attempt(target.host, target.name, address, left, found.looked_up)
        };
        first_that_answers(&self.handle, found, attempt).await
    }
}

/// Opens connections by TCP that speak HTTP/1.1 and nothing else.
pub(crate) struct ByHttp1 {
    pub(crate) dial: Rc<TcpDial>,
    pub(crate) handle: Handle,
    pub(crate) patience: Duration,
    pub(crate) overrides: Overrides,
    pub(crate) way: Option<Rc<Way>>,
}

impl Connect for ByHttp1 {
    fn connect(&self, host: Rc<str>, port: u16, _early: bool) -> Task<'_, Result<Rc<dyn Connection>, Error>> {
        Box::pin(async move {
            let name = server_name(&host)?;
            if let Some(way) = &self.way {
                let at = way.tcp(&host, port).await?;
                let reached = self.dial.attempt(&host, &name, at, self.patience, Duration::ZERO).await;
                return reached.map_err(|error| way.error(error));
            }
            let found = find(&self.handle, &self.overrides, (&host, port), self.patience).await?;
            let attempt =
                |_, address| self.dial.attempt(&host, &name, address, found.left(self.patience), found.looked_up);
            first_that_answers(&self.handle, &found, attempt).await
        })
    }

    fn close_all(&self) -> Task<'_, ()> {
        self.dial.close_all();
        Box::pin(async {})
    }
}

/// Opens sessions without HTTP: each on a connection of its own, on sockets apart from those of HTTP/3.
pub(crate) struct SessionDialer {
    pub(crate) dial: Dial,
    /// As for HTTP/3, but for the name of the protocol.
    pub(crate) tls: tls::ClientConfig,
    pub(crate) handle: Handle,
    pub(crate) patience: Duration,
    pub(crate) overrides: Overrides,
    pub(crate) way: Option<Rc<Way>>,
}

impl SessionDialer {
    /// A session with the server at this host and port, by this protocol of the application's own. If it is `early`, what is needed to send
    /// early data is kept with tickets, and some is sent where that was.
    pub(crate) async fn open(&self, protocol: &str, (host, port): (&str, u16), early: bool) -> Result<Session, Error> {
        let name = server_name(host)?;
        // Another list of protocols has other tickets: those here are of this protocol alone.
        let tls = Arc::new(tls::ClientConfig {
            alpn: vec![protocol.as_bytes().to_vec()],
            dangerous_offer_early_data_that_may_be_replayed: early,
            ..self.tls.clone()
        });
        let target = Target { host, name: &name, alternative: None, tls: Some(&tls) };
        let overrides = match &self.way {
            // It is at a port of this host, whatever is said of it.
            Some(way) => {
                let at = way.udp(host, port).await?;
                let mut overrides = Overrides::default();
                overrides.set_at(host, port, at);
                overrides
            }
            None => self.overrides.clone(),
        };
        let found = find(&self.handle, &overrides, (host, port), self.patience).await?;
        let attempt = |number, address| {
            let left = if number == 0 { self.patience } else { found.left(self.patience) };
            let is_early = early && number == 0;
            let connection = self.dial.attempt(&target, address, left, found.looked_up, is_early);
            async move {
                connection.await.map_err(|error| match error {
                    Error::NotHttp3 { address } => Error::NotSpoken { address, protocol: protocol.to_owned() },
                    error => error,
                })
            }
        };
        let connection = first_that_answers(&self.handle, &found, attempt).await?;
        let at = url::authority(host, port);
        connection.begin_session(protocol, format!("quic://{at}")).ok_or(Error::ShutDown)
    }
}

fn server_name(host: &str) -> Result<ServerName, Error> {
    ServerName::parse(host).map_err(|error| Error::Message(format!("{host:?} cannot be the name of a server: {error}")))
}

async fn find<'a>(
    handle: &Handle,
    overrides: &Overrides,
    (host, port): (&'a str, u16),
    patience: Duration,
) -> Result<Found<'a>, Error> {
    let asked = clock::now();
    let found = match overrides.addresses(host, port) {
        Some(known) => known,
        None => resolve(handle, host, port, patience).await?,
    };
    let at = clock::now();
    Ok(Found { host, addresses: interleaved(&found), looked_up: at - asked, at })
}

/// What `attempt` makes of the first address that answers. It is told which attempt it is, and the address.
async fn first_that_answers<F: Future<Output = Result<Rc<dyn Connection>, Error>>>(
    handle: &Handle,
    found: &Found<'_>,
    attempt: impl Fn(usize, SocketAddr) -> F,
) -> Result<Rc<dyn Connection>, Error> {
    // It is the right server, and will be no other at another address.
    let decides = |error: &Error| matches!(error, Error::Certificate { .. });
    match race(handle, &found.addresses, STAGGER, decides, attempt).await {
        Ok(connection) => Ok(connection),
        Err(Lost::Decided(error)) => Err(error),
        Err(Lost::Each(mut attempts)) => Err(match attempts.len() {
            1 => attempts.remove(0).1,
            _ => Error::Unreachable { host: found.host.to_owned(), attempts },
        }),
    }
}

/// Where a host is.
struct Found<'a> {
    host: &'a str,
    addresses: Vec<SocketAddr>,
    /// How long the look-up took, and when it was over.
    looked_up: Duration,
    at: Instant,
}

impl Found<'_> {
    /// What is left of the time since it was found.
    fn left(&self, patience: Duration) -> Duration {
        patience.saturating_sub(clock::now() - self.at)
    }
}
