//! What a server on several threads counts, for another thread that asks now and then.

use crate::error::Error;
use crate::server::census::{Census, Count};
use quic::{EndpointStats, Stats};
use runtime::Shutdown;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Asks the workers of a server, on whatever thread. Cheap to clone. See `Workers::meter`.
#[derive(Clone)]
pub struct Meter {
    census: Arc<Census>,
    drain: Shutdown,
}

impl Meter {
    pub(crate) fn new(census: Arc<Census>, drain: Shutdown) -> Meter {
        Meter { census, drain }
    }

    /// Whether the server was told to end, or has.
    pub fn is_ending(&self) -> bool {
        self.drain.is_triggered()
    }

    /// Requests that are being answered, by all of them.
    ///
    /// # Errors
    /// A worker does not answer within a second: a handler keeps its thread from everything else. A handler that asks keeps its own.
    pub fn requests_under_way(&self) -> Result<usize, Error> {
        Ok(self.counts()?.iter().map(|count| count.requests).sum())
    }

    /// What each open QUIC connection has sent, received and measured, and the address of its client.
    ///
    /// # Errors
    /// As for [`Meter::requests_under_way`].
    pub fn connections(&self) -> Result<Vec<(SocketAddr, Stats)>, Error> {
        Ok(self.counts()?.into_iter().flat_map(|count| count.connections).collect())
    }

    /// How many clients are connected by TCP.
    ///
    /// # Errors
    /// As for [`Meter::requests_under_way`].
    pub fn tcp_connections(&self) -> Result<usize, Error> {
        Ok(self.counts()?.iter().map(|count| count.tcp_connections).sum())
    }

    /// How much all of them hold, and what became of clients' first packets. A worker that has ended holds nothing more, and what
    /// it has counted stays counted.
    ///
    /// # Errors
    /// As for [`Meter::requests_under_way`].
    pub fn stats(&self) -> Result<EndpointStats, Error> {
        Ok(self.counts()?.iter().fold(EndpointStats::default(), |sum, count| sum + count.stats))
    }

    fn counts(&self) -> Result<Vec<Count>, Error> {
        self.census.ask().map_err(|number| {
            Error::Message(format!("worker {number} did not say what it has counted: does a handler keep its thread?"))
        })
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("is_ending", &self.is_ending()).finish_non_exhaustive()
    }
}
