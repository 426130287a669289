//! The connections of a thread to one backend: used again, opened within bounds, waited for within bounds.

use super::backend::{Backend, Place as Where};
use super::failure::BackendFailure;
use super::health::Health;
use super::limits::ReverseProxyLimits;
use super::line::{Beginning, Line, Place, Shelf};
use crate::client::resolve::resolve;
use crate::error::Error;
use base::StreamMemory;
use runtime::{Handle, TcpStream, UnixStream};
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;

/// Those connections.
pub(super) struct Pool {
    handle: Handle,
    backend: Backend,
    limits: ReverseProxyLimits,
    shelf: Rc<Shelf>,
    health: Rc<Health>,
    memory: Rc<RefCell<StreamMemory>>,
}

/// A connection to be used once.
pub(super) struct Lent {
    pub(super) line: Rc<Line>,
    /// It has carried another request before: the backend may have ended it just now.
    pub(super) is_used: bool,
}

impl Pool {
    pub(super) fn new(
        handle: &Handle,
        backend: &Backend,
        limits: ReverseProxyLimits,
        memory: &Rc<RefCell<StreamMemory>>,
    ) -> Pool {
        let shelf = Shelf::new(limits.kept, limits.keep_for);
        let (handle, backend, memory) = (handle.clone(), backend.clone(), memory.clone());
        Pool { handle, backend, limits, shelf, health: Rc::default(), memory }
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    pub(super) fn health(&self) -> &Rc<Health> {
        &self.health
    }

    /// Connections that there are.
    pub(super) fn open(&self) -> usize {
        self.shelf.open()
    }

    /// A connection; with `is_new` one that has carried nothing.
    pub(super) async fn line(&self, is_new: bool) -> Result<Lent, BackendFailure> {
        let wait = self.limits.wait;
        match self.free(is_new) {
            Free::Line(line) => return Ok(Lent { line, is_used: true }),
            Free::Place(place) => return self.connect(place).await,
            Free::Nothing if self.shelf.waiting.len() >= self.limits.waiting => return Err(BackendFailure::Busy(wait)),
            Free::Nothing => {}
        }
        let waiting = async {
            loop {
                self.shelf.waiting.turn().await;
                match self.free(is_new) {
                    Free::Nothing => {}
                    free => return free,
                }
            }
        };
        match self.handle.timeout(wait, waiting).await {
            Ok(Free::Line(line)) => Ok(Lent { line, is_used: true }),
            Ok(Free::Place(place)) => self.connect(place).await,
            _ => Err(BackendFailure::Busy(wait)),
        }
    }

    fn free(&self, is_new: bool) -> Free {
        if !is_new && let Some(line) = self.shelf.take() {
            return Free::Line(line);
        }
        match self.shelf.enter(self.limits.connections) {
            Some(place) => Free::Place(place),
            None => {
                if is_new {
                    self.shelf.end_oldest();
                }
                Free::Nothing
            }
        }
    }

    async fn connect(&self, place: Place) -> Result<Lent, BackendFailure> {
        let patience = self.limits.connect;
        let connected = self.handle.timeout(patience, self.connect_somewhere(place)).await;
        let line = connected.unwrap_or(Err(BackendFailure::ConnectTimeout(patience)))?;
        Ok(Lent { line, is_used: false })
    }

    async fn connect_somewhere(&self, place: Place) -> Result<Rc<Line>, BackendFailure> {
        match self.backend.place() {
            Where::Unix(path) => self.connect_unix(path, place).await,
            Where::Tcp { host, port } => self.connect_tcp(host, *port, place).await,
        }
    }

    async fn connect_unix(&self, path: &Path, place: Place) -> Result<Rc<Line>, BackendFailure> {
        let stream = UnixStream::connect(&self.handle, path).await;
        let stream = stream.map_err(|error| BackendFailure::Unreachable(format!("{}: {error}", path.display())))?;
        // It has no address, and nothing that is said of it names one.
        Ok(Line::begin(self.beginning(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), place), stream))
    }

    async fn connect_tcp(&self, host: &str, port: u16, place: Place) -> Result<Rc<Line>, BackendFailure> {
        let found = resolve(&self.handle, host, port, self.limits.connect).await;
        let addresses = found.map_err(|error: Error| BackendFailure::Unreachable(error.to_string()))?;
        let mut failed = String::from("it has no address");
        for address in addresses {
            match TcpStream::connect(&self.handle, address).await {
                Ok(stream) => return Ok(Line::begin(self.beginning(address, place), stream)),
                Err(error) => failed = format!("{address}: {error}"),
            }
        }
        Err(BackendFailure::Unreachable(failed))
    }

    fn beginning(&self, remote: SocketAddr, place: Place) -> Beginning {
        let (handle, memory, shelf) = (self.handle.clone(), self.memory.clone(), self.shelf.clone());
        Beginning { handle, remote, config: h1::Config::default(), memory, shelf, place }
    }
}

/// What a request finds.
enum Free {
    Line(Rc<Line>),
    /// Room for one more.
    Place(Place),
    Nothing,
}
