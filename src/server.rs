//! A server: sockets, an identity, and one function that answers requests.

pub(crate) mod answer;
pub(crate) mod authorities;
pub(crate) mod base64;
pub(crate) mod builder;
mod census;
pub(crate) mod client_trust;
pub(crate) mod cut_request;
mod duties;
pub(crate) mod ending;
pub(crate) mod event;
pub(crate) mod handler;
pub(crate) mod identity;
pub(crate) mod identity_handle;
pub(crate) mod memory;
pub(crate) mod meter;
pub(crate) mod networks;
mod plain;
mod policy;
pub(crate) mod seats;
mod session_protocol;
mod state;
mod takeover;
mod tcp_options;
mod under_way;
pub(crate) mod workers;

use crate::error::Error;
use crate::http3::link::{Endpoint, Link, Waits};
use crate::server::ending::Ending;
use crate::server::event::ServerEvent;
use crate::server::under_way::UnderWay;
use crate::server::workers::{Stop, either, signals};
use crate::tcp::server::Tcp;
use quic::{EndpointStats, PathStats, Stats};
use runtime::{Handle, Handover, SignalMark};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// A running server. Dropping it ends it at once; see [`Server::shutdown`].
#[must_use = "dropping a server ends it"]
pub struct Server {
    link: Rc<Link>,
    /// Its TCP connections, if it takes any.
    tcp: Option<Rc<Tcp>>,
    /// The first so many of its sockets are where it listens; the others are where it would rather be reached.
    listening: usize,
    /// Where it listens without TLS.
    plain: Vec<SocketAddr>,
    handle: Handle,
    ending: Arc<Ending>,
    /// Where datagrams are brought that came to others.
    handover: Handover,
    /// From when on signals count.
    signals: Option<SignalMark>,
    /// What is cut short at the end, if that is to be told by name.
    under_way: Option<Rc<UnderWay>>,
}

/// How long requests under way may take once a server is told to end.
const DRAIN: Duration = Duration::from_secs(30);
/// The longest that clients get to see the notice before new requests are rejected.
const NOTICE: Duration = Duration::from_secs(1);
/// The shortest: clients on the same host.
const SHORTEST_NOTICE: Duration = Duration::from_millis(2);
/// How long a server that ends waits for those who are owed nothing but have not confirmed the notice: they may be gone.
const CONFIRMATION: Duration = Duration::from_secs(1);
/// TCP connections of a worker at a time where nothing else was said: as many as by QUIC. Each needs a descriptor, and the process
/// may have fewer.
const MAX_TCP_CONNECTIONS: usize = 100_000;
/// Connections of a server that ends that go on when a successor has taken over its port: each needs a descriptor, and of
/// those a process may have 1,024 where nobody said otherwise.
const MAX_OUTLIVING: usize = 512;

impl Server {
    /// Where it listens, with the ports that the system chose where it was asked to.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.link.addresses().get(..self.listening).unwrap_or_default()
    }

    /// Where it listens without TLS: [`ServerBuilder::redirect_http`](crate::ServerBuilder::redirect_http).
    pub fn plain_addresses(&self) -> &[SocketAddr] {
        &self.plain
    }

    /// Requests that are being answered.
    pub fn requests_under_way(&self) -> usize {
        self.link.exchange_count() + self.tcp.as_ref().map_or(0, |tcp| tcp.exchange_count())
    }

    /// The addresses of the clients that are connected by TCP.
    pub fn tcp_clients(&self) -> Vec<SocketAddr> {
        self.tcp.as_ref().map(|tcp| tcp.remotes()).unwrap_or_default()
    }

    /// What each open QUIC connection has sent, received and measured, and the address of its client. Not to be called while the
    /// server itself calls, as `on_event` is: then it gives nothing.
    pub fn connections(&self) -> Vec<(SocketAddr, Stats)> {
        self.link.connection_stats()
    }

    /// What is known of each path of each open connection: the one in use first, then those its client came from or may go to.
    /// As for [`Server::connections`].
    pub fn paths(&self) -> Vec<Vec<PathStats>> {
        self.link.connection_paths()
    }

    /// How much the server holds, and what became of clients' first packets. As for [`Server::connections`].
    pub fn stats(&self) -> EndpointStats {
        self.link.endpoint_stats()
    }

    /// Ends well: takes no more connections, tells clients to send no more requests, lets those under way finish, and
    /// waits until all that was answered has arrived. After `patience` it ends regardless.
    ///
    /// # Errors
    /// [`Error::Unfinished`]: requests were cut short. It says which, if [`ServerBuilder::name_cut_requests`](crate::ServerBuilder::name_cut_requests) was called.
    pub async fn shutdown(self, patience: Duration) -> Result<(), Error> {
        self.end(patience, std::future::pending::<()>()).await
    }

    /// The same, or at once when `at_once` is ready. In any case clients are told.
    async fn end<T>(&self, patience: Duration, at_once: impl Future<Output = T>) -> Result<(), Error> {
        let is_taken_over = self.ending.is_taken_over();
        self.link.with_endpoint(|endpoint, _| match is_taken_over {
            true => endpoint.quic_mut().ignore_newcomers(),
            false => endpoint.quic_mut().stop_accepting(),
        });
        // Clients that come from another address meanwhile come out at the successor.
        let _taking_back = self.ending.take_back(&self.handle, &self.handover);
        either(self.handle.timeout(patience, self.drain(patience)), at_once).await;
        let requests = self.waits().requests;
        let cut = self.under_way.as_ref().map(|under_way| under_way.cut()).unwrap_or_default();
        self.close().await;
        if requests == 0 { Ok(()) } else { Err(Error::Unfinished { requests, cut }) }
    }

    /// Waits until the sockets cannot be used any more, which they usually can for ever.
    pub async fn broken(&self) -> Error {
        poll_fn(|context| self.link.poll_broken(context).map(Error::system)).await
    }

    /// Until nothing is left to be answered or acknowledged.
    async fn drain(&self, patience: Duration) {
        // RFC 9114 s5.2: first a notice, so that requests on their way are still served; then the end. A client that connects
        // anew because of the notice is to find the successor.
        let is_taken_over = self.ending.is_taken_over();
        if !is_taken_over {
            self.link.say_goaway();
            self.drain_tcp();
        }
        self.yield_ports().await;
        let waits = self.ending.begin(self.waits(), self.addresses());
        if is_taken_over {
            self.ending.succeeded().await;
            self.link.say_goaway();
            self.leave_tcp().await;
        }
        if let Some(Waits { connections, requests }) = waits.filter(|waits| waits.connections > 0) {
            self.link.tell(&ServerEvent::Ending { connections, requests, patience });
        }
        self.handle.sleep(self.longest_round_trip().clamp(SHORTEST_NOTICE, NOTICE)).await;
        self.link.say_goaway();
        poll_fn(|context| self.link.poll_answered(context)).await;
        self.delivered().await;
        if let Some(tcp) = &self.tcp {
            poll_fn(|context| tcp.poll_over(context)).await;
        }
    }

    /// What the end waits for, by UDP and by TCP.
    fn waits(&self) -> Waits {
        let waits = self.link.waits();
        let (connections, requests) =
            self.tcp.as_ref().map_or((0, 0), |tcp| (tcp.connection_count(), tcp.exchange_count()));
        Waits { connections: waits.connections + connections, requests: waits.requests + requests }
    }

    /// A successor listens: new connections by TCP are left to it, and those that were on their way are taken.
    async fn leave_tcp(&self) {
        let Some(tcp) = &self.tcp else { return };
        tcp.leave_to_successor();
        self.handle.sleep(NOTICE).await;
        tcp.accept_rest();
        tcp.drain();
    }

    fn drain_tcp(&self) {
        if let Some(tcp) = &self.tcp {
            tcp.drain();
        }
    }

    /// Until all answers have arrived, and until all clients have confirmed the end, or have had the time to.
    async fn delivered(&self) {
        loop {
            let idle = poll_fn(|context| self.link.poll_idle(context));
            let is_idle = self.handle.timeout(CONFIRMATION, idle).await.is_ok();
            if is_idle || self.link.waits().requests == 0 {
                return;
            }
        }
    }

    /// Lets a successor have the ports, and keeps the clients.
    async fn yield_ports(&self) {
        self.link.share_ports().await;
        // One that failed does not share any more, and has no sockets either.
        let _ = self.handle.timeout(CONFIRMATION, self.ending.all_share()).await;
        self.link.bind_beside(MAX_OUTLIVING / self.ending.workers());
    }

    fn longest_round_trip(&self) -> Duration {
        let longest = |endpoint: &mut Endpoint, _| {
            let quic = endpoint.quic();
            quic.handles().filter_map(|handle| Some(quic.connection(handle)?.stats().smoothed_rtt)).max()
        };
        self.link.with_endpoint(longest).flatten().unwrap_or_default()
    }

    /// Closes what is open, and lets the driver say so.
    async fn close(&self) {
        if let Some(tcp) = &self.tcp {
            tcp.close();
        }
        self.link.close_all();
        self.link.farewell().await;
        self.link.stop();
    }
}

impl Drop for Server {
    /// Requests under way hold what they need of it, and end with it.
    fn drop(&mut self) {
        if let Some(tcp) = &self.tcp {
            tcp.close();
        }
        self.link.give_up();
    }
}

impl Server {
    /// Runs until SIGINT, SIGQUIT or SIGTERM, then lets requests under way finish, at most for `patience`. A second signal ends it
    /// at once. Clients are told in any case.
    ///
    /// # Errors
    /// The sockets cannot be used any more, or [`Error::Unfinished`]: requests were cut short.
    pub async fn until_signal(self, patience: Duration) -> Result<(), Error> {
        let mut signals = signals(&self.handle, self.signals)?;
        self.unbroken_until(either(signals.next(), self.ending.taken_over())).await?;
        self.end(patience, signals.next()).await
    }

    async fn until_stopped(self, stop: &Stop, patience: Duration) -> Result<(), Error> {
        self.unbroken_until(either(stop.drain.wait(), self.ending.taken_over())).await?;
        self.end(patience, stop.close.wait()).await
    }

    /// Waits for `end`, or for the sockets to break.
    async fn unbroken_until<T>(&self, end: impl Future<Output = T>) -> Result<(), Error> {
        let mut broken = pin!(self.broken());
        let mut end = pin!(end);
        poll_fn(|context| {
            if end.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            broken.as_mut().poll(context).map(Err)
        })
        .await
    }
}
