//! Opening a connection: each address of a name in turn, each with a socket and an endpoint of its own.
//!
//! The socket is connected, so that the system tells us when the host says that nobody listens. That word counts only
//! until the handshake is complete: later it might be anybody's (RFC 9000 section 14.2.1 treats such messages alike).

use crate::client::line::Line;
use crate::client::resolve::resolve;
use crate::error::Error;
use crate::link::{Link, Standing};
use base::FourTuple;
use h3::machine::Endpoint;
use quic::ConnectionHandle;
use runtime::udp::source_address;
use runtime::{Handle, UdpSocket, clock};
use std::future::{Future, poll_fn};
use std::net::{SocketAddr, SocketAddrV6};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use x509::ServerName;

/// How long an address may stay silent while there are others to try. A handshake over a slow path that loses a packet
/// takes less.
const NEXT_ADDRESS: Duration = Duration::from_secs(3);

/// Opens connections.
pub(crate) struct Dialer {
    pub(crate) handle: Handle,
    pub(crate) tls: Arc<tls::ClientConfig>,
    pub(crate) transport: Arc<quic::Config>,
    pub(crate) http: h3::Config,
    /// How long the last address may stay silent.
    pub(crate) patience: Duration,
}

/// An open connection to a server.
pub(crate) struct Connected {
    pub(crate) link: Rc<Link>,
    pub(crate) handle: ConnectionHandle,
    pub(crate) remote: SocketAddr,
    /// Who waits for a stream.
    pub(crate) line: Line,
}

impl Connected {
    /// Whether requests can be made.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.link.standing(self.handle), Standing::Open)
    }

    /// Moves it to another port of this host, or to another address if that is where the way to the server begins now.
    pub(crate) async fn migrate(&self) -> Result<(), Error> {
        let socket = open_socket(self.remote)
            .map_err(|error| Error::NoRoute { address: self.remote, error: Arc::new(error) })?;
        self.link.migrate(self.handle, socket).await
    }
}

impl Dialer {
    /// A connection to the first address of `host` that answers.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> Result<Connected, Error> {
        let name = ServerName::parse(host)
            .map_err(|error| Error::Message(format!("{host:?} cannot be the name of a server: {error}")))?;
        let addresses = resolve(host, port).await?;
        let mut attempts = Vec::new();
        for (place, address) in addresses.iter().enumerate() {
            let is_last = place + 1 == addresses.len();
            let patience = if is_last { self.patience } else { self.patience.min(NEXT_ADDRESS) };
            match self.attempt(host, &name, *address, patience).await {
                Ok(connected) => return Ok(connected),
                // It is the right server, and will be no other at another address.
                Err(error @ Error::Certificate { .. }) => return Err(error),
                Err(error) => attempts.push((*address, error)),
            }
        }
        match attempts.len() {
            1 => Err(attempts.remove(0).1),
            _ => Err(Error::Unreachable { host: host.to_owned(), attempts }),
        }
    }

    async fn attempt(
        &self,
        host: &str,
        name: &ServerName,
        remote: SocketAddr,
        patience: Duration,
    ) -> Result<Connected, Error> {
        let socket = open_socket(remote).map_err(|error| Error::NoRoute { address: remote, error: Arc::new(error) })?;
        let four_tuple = FourTuple { local: socket.local_address(), remote };
        let link = Link::start(&self.handle, vec![socket], self.endpoint()).map_err(Error::system)?;
        let tls = self.tls.clone();
        let handle = link
            .with_endpoint(|endpoint, now| endpoint.connect(now, tls, name.clone(), four_tuple))
            .ok_or(Error::ShutDown)?
            .map_err(Error::message)?;
        link.track(handle, remote);
        let mut sleep = pin!(self.handle.sleep(patience));
        let mut seen = 0;
        poll_fn(|context| {
            loop {
                match link.standing(handle) {
                    Standing::Open => return Poll::Ready(Ok(())),
                    Standing::GoingAway => return Poll::Ready(Err(Error::GoingAway)),
                    Standing::Over(ending) => return Poll::Ready(Err(Error::ended_for(host, remote, &ending))),
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
        Ok(Connected { link, handle, remote, line: Line::default() })
    }

    fn endpoint(&self) -> Endpoint {
        let config = quic::EndpointConfig::new(crypto_ring::PROVIDER, self.transport.clone(), None);
        let random = Box::new(crypto_ring::SystemRandom::new());
        Endpoint::new(quic::Endpoint::new(clock::now(), config, random), self.http.clone())
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
