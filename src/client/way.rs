//! A client's ways through a proxy: ports of this host behind which a server is, by connect-udp for QUIC (RFC 9298) and by CONNECT for
//! TCP (RFC 9110 section 9.3.6).
//!
//! The connection inside knows nothing of the proxy: it is made to a port of this host alone. What can be read on the way to that port is
//! what can be read between the proxy and the server, for it is the same bytes. The name of the server is looked up by the proxy.

use crate::client::opener::Opener;
use crate::client::request::{RequestBuilder, Settings};
use crate::error::Error;
use crate::exchange::tunnel::Tunnel;
use crate::exchange::tunnel_udp::{UdpReader, UdpTunnel, UdpWriter};
use crate::proxy::arrivals::Arrivals;
use crate::proxy::idle::{Idle, first};
use crate::proxy::target::path_of;
use crate::proxy::tcp;
use crate::proxy::udp::SMALLEST_OF_QUIC;
use crate::url::{self, Url};
use base::{Ecn, FourTuple, Transmit};
use http::RequestHead;
use runtime::executor::Watched;
use runtime::{Handle, TcpListener, UdpOptions, UdpSocket};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// How long the path to the proxy has to be found to carry such datagrams: a few round trips.
const SIZE_PATIENCE: Duration = Duration::from_secs(3);
/// How long a way may be without use: longer than a connection lives on which nothing is sent.
const IDLE: Duration = Duration::from_secs(120);
/// The longest that the first connection to a port of this host takes.
const CONNECT: Duration = Duration::from_secs(10);

/// A proxy, and who asks it.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) opener: Opener,
    pub(crate) settings: Rc<Settings>,
    pub(crate) proxy: String,
}

impl Asking {
    /// A request for a tunnel to `target`, a host with its port.
    pub(crate) fn connect_through(self, target: &str) -> RequestBuilder {
        let parts = Url::parse(&self.proxy).map_err(Error::from).and_then(|proxy| {
            let head = RequestHead::connect(target)
                .map_err(|_| Error::Message(format!("{target} is no host with a port, such as example.org:22")))?;
            Ok((proxy, head))
        });
        RequestBuilder::of_parts(self.opener, self.settings, parts)
    }

    /// UDP to a host and port.
    ///
    /// # Errors
    /// The proxy is not reached, or refuses.
    pub(crate) async fn connect_udp(self, host: &str, port: u16) -> Result<UdpTunnel, Error> {
        // RFC 9298 section 3.4-1, 3.4-2, 3.4-3, 3.4-4.
        let base = Url::parse(&self.proxy)?;
        let url = format!("https://{}{}", base.authority(), path_of(host, port));
        let parts = Url::parse(&url).map_err(Error::from).and_then(|parsed| {
            let head = RequestHead::extended_connect("connect-udp", &url).map_err(Error::message)?;
            Ok((parsed, head))
        });
        let request = RequestBuilder::of_parts(self.opener, self.settings, parts).field("capsule-protocol", "?1");
        UdpTunnel::new(request.tunnel().await?)
    }
}

/// Ways through a proxy.
pub(crate) struct Way {
    asking: Asking,
    handle: Handle,
}

impl Way {
    /// Through this proxy.
    pub(crate) fn new(asking: Asking, handle: &Handle) -> Way {
        Way { asking, handle: handle.clone() }
    }

    /// What went wrong with the proxy, or behind it.
    pub(crate) fn error(&self, error: Error) -> Error {
        match error {
            error @ Error::Proxy { .. } => error,
            error => Error::Proxy { proxy: self.asking.proxy.clone(), error: Box::new(error) },
        }
    }

    /// A port of this host whose datagrams go to this server.
    ///
    /// # Errors
    /// The proxy is not reached, refuses, or is behind a path that carries no datagram of 1200 bytes in one of its own.
    pub(crate) async fn udp(&self, host: &str, port: u16) -> Result<SocketAddr, Error> {
        self.open_udp(host, port).await.map_err(|error| self.error(error))
    }

    async fn open_udp(&self, host: &str, port: u16) -> Result<SocketAddr, Error> {
        let tunnel = self.asking.clone().connect_udp(host, port).await?;
        let (reader, writer) = tunnel.split();
        let fits = self.handle.timeout(SIZE_PATIENCE, writer.carries(SMALLEST_OF_QUIC)).await;
        if let Ok(carries) = fits {
            carries?;
        } else {
            let most = writer.max_size().unwrap_or(0);
            let words = format!("the path there carries datagrams of {most} bytes, and QUIC needs {SMALLEST_OF_QUIC}");
            return Err(Error::Message(words));
        }
        let options = UdpOptions { marks: false, ..UdpOptions::default() };
        let socket =
            UdpSocket::bind_with(([127, 0, 0, 1], 0).into(), &options).and_then(|socket| self.handle.watch(socket));
        let socket = socket.map_err(Error::system)?;
        let local = socket.inner().local_address();
        let idle = Idle::new(&self.handle, IDLE);
        self.handle.spawn_detached(async move {
            // Whoever is connected through it learns of the end by silence, as of that of any path.
            let _ = relay_udp(&socket, reader, writer, &idle).await;
        });
        Ok(local)
    }

    /// A port of this host whose connections go to this server. Each has a tunnel of its own; the first is there already.
    ///
    /// # Errors
    /// The proxy is not reached, or refuses.
    pub(crate) async fn tcp(self: &Rc<Way>, host: &str, port: u16) -> Result<SocketAddr, Error> {
        let target = url::authority(host, port);
        let tunnel = self.tunnel(&target).await.map_err(|error| self.error(error))?;
        let listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).and_then(|listener| self.handle.watch(listener));
        let listener = listener.map_err(Error::system)?;
        let local = listener.inner().local_address();
        self.handle.spawn_detached(accept(self.clone(), listener, target, tunnel));
        Ok(local)
    }

    async fn tunnel(&self, target: &str) -> Result<Tunnel, Error> {
        self.asking.clone().connect_through(target).tunnel().await
    }
}

/// Gives each connection to a port of this host a tunnel to the target, as long as there are any now and then.
async fn accept(way: Rc<Way>, listener: Watched<TcpListener>, target: String, first: Tunnel) {
    let (mut ready, mut patience) = (Some(first), CONNECT);
    while let Ok(Ok(stream)) = way.handle.timeout(patience, listener.read_with(TcpListener::accept)).await {
        patience = IDLE;
        let tunnel = match ready.take() {
            Some(tunnel) => Ok(tunnel),
            None => way.tunnel(&target).await,
        };
        // Where the proxy gives none, the connection is closed, which says as much.
        let (Ok(tunnel), Ok(stream)) = (tunnel, way.handle.watch(stream)) else { continue };
        let idle = Idle::new(&way.handle, IDLE);
        way.handle.spawn_detached(async move {
            let _ = tcp::relay(tunnel, stream, &idle).await;
        });
    }
}

/// Until the proxy ends the tunnel, or nothing has come for too long.
async fn relay_udp(
    socket: &Watched<UdpSocket>,
    reader: UdpReader,
    writer: UdpWriter,
    idle: &Idle,
) -> Result<(), Error> {
    // Where the connection inside is: it may move to another port. Of other hosts nothing comes to an address of this one alone.
    let inside = Cell::new(None);
    idle.limit(first(up(socket, writer, &inside, idle), down(socket, reader, &inside, idle))).await
}

async fn up(
    socket: &Watched<UdpSocket>,
    mut writer: UdpWriter,
    inside: &Cell<Option<SocketAddr>>,
    idle: &Idle,
) -> Result<(), Error> {
    let mut arrivals = Arrivals::of(socket);
    let follow = |sender| {
        inside.set(Some(sender));
        true
    };
    loop {
        for payload in arrivals.next(follow).await? {
            idle.on_use();
            writer.send(&payload).await?;
        }
    }
}

async fn down(
    socket: &Watched<UdpSocket>,
    mut reader: UdpReader,
    inside: &Cell<Option<SocketAddr>>,
    idle: &Idle,
) -> Result<(), Error> {
    while let Some(payload) = reader.receive().await? {
        idle.on_use();
        let Some(remote) = inside.get().filter(|_| !payload.is_empty()) else { continue };
        let four_tuple = FourTuple { local: socket.inner().local_address(), remote };
        let len = payload.len();
        // What finds no room is lost, as on any path.
        socket.inner().send(&Transmit { four_tuple, ecn: Ecn::NotEct, len, segment_size: len }, &payload);
    }
    Ok(())
}
