//! A client's connection by HTTP/3: how one is opened, and what is asked of it.
//!
//! Its socket is connected, so that the system tells us when the host says that nobody listens. That word counts only until
//! the handshake is complete: later it might be anybody's (RFC 9000 section 14.2.1 treats such messages alike).

use crate::client::connection::{Connection, Task};
use crate::error::Error;
use crate::exchange::calls::Exchange;
use crate::http3::door::exchange;
use crate::http3::link::{Link, Standing, close_all};
use crate::trace::SharedTrace;
use base::FourTuple;
use h3::SendError;
use h3::machine::Endpoint;
use http::RequestHead;
use quic::ConnectionHandle;
use runtime::udp::source_address;
use runtime::{Handle, UdpSocket, clock};
use std::future::{Future, poll_fn};
use std::net::{SocketAddr, SocketAddrV6};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use x509::ServerName;

/// How connections by HTTP/3 are opened.
pub(crate) struct Dial {
    pub(crate) handle: Handle,
    pub(crate) tls: Arc<tls::ClientConfig>,
    pub(crate) transport: Arc<quic::Config>,
    pub(crate) http: h3::Config,
    pub(crate) trace: Option<SharedTrace>,
}

/// An open connection to a server.
struct Http3Connection {
    link: Rc<Link>,
    handle: ConnectionHandle,
    remote: SocketAddr,
}

impl Dial {
    /// A connection to the server `name`, called `host` by the application, at this address, which may stay silent for so
    /// long.
    pub(crate) async fn attempt(
        &self,
        host: &str,
        name: &ServerName,
        remote: SocketAddr,
        patience: Duration,
    ) -> Result<Rc<dyn Connection>, Error> {
        let socket = open_socket(remote).map_err(|error| Error::NoRoute { address: remote, error: Arc::new(error) })?;
        let four_tuple = FourTuple { local: socket.local_address(), remote };
        let link = Link::start(&self.handle, vec![socket], self.endpoint()).map_err(Error::system)?;
        if let Some(trace) = &self.trace {
            link.trace(trace.clone());
        }
        let tls = self.tls.clone();
        let handle = link
            .with_endpoint(|endpoint, now| endpoint.connect(now, tls, name.clone(), four_tuple))
            .ok_or(Error::ShutDown)?
            .map_err(Error::message)?;
        link.track(handle, host, remote);
        let mut sleep = pin!(self.handle.sleep(patience));
        let mut seen = 0;
        poll_fn(|context| {
            loop {
                match link.standing(handle) {
                    Standing::Open => return Poll::Ready(Ok(())),
                    Standing::GoingAway => return Poll::Ready(Err(Error::GoingAway)),
                    Standing::Over(error) => return Poll::Ready(Err(Error::clone(&error))),
                    Standing::Handshaking if link.is_refused() => {
                        return Poll::Ready(Err(Error::Refused { address: remote }));
                    }
                    Standing::Handshaking => {}
                }
                if sleep.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(Error::NoAnswer { address: remote, after: patience }));
                }
                if link.poll_change(handle, &mut seen, context).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await?;
        Ok(Rc::new(Http3Connection { link, handle, remote }))
    }

    fn endpoint(&self) -> Endpoint {
        let config = quic::EndpointConfig::new(crypto_ring::PROVIDER, self.transport.clone(), None);
        let random = Box::new(crypto_ring::SystemRandom::new());
        Endpoint::new(quic::Endpoint::new(clock::now(), config, random), self.http.clone())
    }
}

impl Connection for Http3Connection {
    fn is_open(&self) -> bool {
        matches!(self.link.standing(self.handle), Standing::Open)
    }

    fn open(&self, head: &RequestHead, ends: bool) -> Option<Result<Exchange, Error>> {
        let sent = self.link.with(self.handle, |http, transport| http.send_request(transport, head, ends));
        Some(match sent {
            Some(Ok(id)) => Ok(exchange(&self.link, self.handle, id, self.remote)),
            Some(Err(SendError::Blocked)) => return None,
            Some(Err(SendError::Closed)) | None => Err(match self.link.standing(self.handle) {
                Standing::Over(error) => Error::clone(&error),
                _ => Error::GoingAway,
            }),
            Some(Err(SendError::GoingAway)) => Err(Error::GoingAway),
            Some(Err(error)) => Err(Error::message(error)),
        })
    }

    fn openings(&self) -> u64 {
        self.link.streams_seen(self.handle)
    }

    fn poll_openings(&self, seen: &mut u64, context: &Context<'_>) -> Poll<()> {
        self.link.poll_change(self.handle, seen, context)
    }

    fn migrate(&self) -> Task<'_, Result<(), Error>> {
        Box::pin(async {
            let socket = open_socket(self.remote)
                .map_err(|error| Error::NoRoute { address: self.remote, error: Arc::new(error) })?;
            self.link.migrate(self.handle, socket).await
        })
    }

    fn close(&self) {
        self.link.with_endpoint(|endpoint, now| close_all(endpoint, now, &[self.handle]));
    }

    fn farewell(&self) -> Task<'_, ()> {
        Box::pin(self.link.farewell())
    }
}

/// Bound to the address that the system would send from, so that it is known which one that is.
fn open_socket(remote: SocketAddr) -> std::io::Result<UdpSocket> {
    let mut local = SocketAddr::new(source_address(remote)?, 0);
    if let (SocketAddr::V6(local), SocketAddr::V6(remote)) = (&mut local, remote) {
        // Link-local addresses mean nothing without the interface.
        *local = SocketAddrV6::new(*local.ip(), 0, 0, remote.scope_id());
    }
    let socket = UdpSocket::bind(local)?;
    socket.connect(remote)?;
    Ok(socket)
}
