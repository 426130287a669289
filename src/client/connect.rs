//! Opening a connection: at an alternative of the server that is known, or at the addresses of its name, several of them side by
//! side.

use crate::client::alt_svc::AltSvc;
use crate::client::connection::{Connect, Connection, Task};
use crate::client::fallback::Fallback;
use crate::client::race::{Lost, STAGGER, interleaved, race};
use crate::client::resolve::{Overrides, resolve};
use crate::error::Error;
use crate::http3::connection::{Dial, Target};
use runtime::{Handle, clock};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
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
        let name = ServerName::parse(host)
            .map_err(|error| Error::Message(format!("{host:?} cannot be the name of a server: {error}")))?;
        let target = Target { host, name: &name, alternative: None };
        if let Some(known) = &self.alternatives
            && let Some((other, at)) = known.alternative(host, port, clock::unix_seconds())
        {
            let authority = if other.contains(':') { format!("[{other}]:{at}") } else { format!("{other}:{at}") };
            let target = Target { alternative: Some(&authority), ..target };
            let patience = ALTERNATIVE.min(self.patience / 2);
            match self.by_quic(&target, &other, at, patience, early).await {
                Ok(connection) => return Ok(connection),
                // Whatever is wrong with it, the server itself is where the URL says.
                Err(_) => known.mark_broken(host, port, (&other, at), clock::unix_seconds()),
            }
        }
        let by_quic = self.by_quic(&target, host, port, self.patience, early);
        match &self.fallback {
            None => by_quic.await,
            Some(fallback) => {
                let by_tcp = self.by_tcp(fallback, &target, port);
                fallback.first(&self.handle, (host, port), by_quic, by_tcp).await
            }
        }
    }

    /// A connection by QUIC to the first address of the host `at` that answers as `target`.
    async fn by_quic(
        &self,
        target: &Target<'_>,
        at: &str,
        port: u16,
        patience: Duration,
        early: bool,
    ) -> Result<Rc<dyn Connection>, Error> {
        let attempt = |number, address, left, looked_up| {
            self.http3.attempt(target, address, left, looked_up, early && number == 0)
        };
        self.first_that_answers(at, port, patience, attempt).await
    }

    /// The same by TCP, of the server itself.
    async fn by_tcp(&self, fallback: &Fallback, target: &Target<'_>, port: u16) -> Result<Rc<dyn Connection>, Error> {
        let attempt =
            |_, address, left, looked_up| fallback.dial.attempt(target.host, target.name, address, left, looked_up);
        self.first_that_answers(target.host, port, self.patience, attempt).await
    }

    /// What `attempt` makes of the first address of the host `at` that answers. It is told which attempt it is, the address, how long that
    /// may take, and how long the look-up took.
    async fn first_that_answers<F: Future<Output = Result<Rc<dyn Connection>, Error>>>(
        &self,
        at: &str,
        port: u16,
        patience: Duration,
        attempt: impl Fn(usize, SocketAddr, Duration, Duration) -> F,
    ) -> Result<Rc<dyn Connection>, Error> {
        let asked = clock::now();
        let found = match self.overrides.addresses(at, port) {
            Some(known) => known,
            None => resolve(&self.handle, at, port, patience).await?,
        };
        let (addresses, begun) = (interleaved(&found), clock::now());
        let looked_up = begun - asked;
        // It is the right server, and will be no other at another address.
        let decides = |error: &Error| matches!(error, Error::Certificate { .. });
        let attempt = |number, address| {
            let left = if number == 0 { patience } else { patience.saturating_sub(clock::now() - begun) };
            attempt(number, address, left, looked_up)
        };
        match race(&self.handle, &addresses, STAGGER, decides, attempt).await {
            Ok(connection) => Ok(connection),
            Err(Lost::Decided(error)) => Err(error),
            Err(Lost::Each(mut attempts)) => Err(match attempts.len() {
                1 => attempts.remove(0).1,
                _ => Error::Unreachable { host: at.to_owned(), attempts },
            }),
        }
    }
}
