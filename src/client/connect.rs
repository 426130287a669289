//! Opening a connection: each address of a name in turn.

use crate::client::connection::{Connect, Connection, Task};
use crate::client::resolve::resolve;
use crate::error::Error;
use crate::http3::connection::Dial;
use std::rc::Rc;
use std::time::Duration;
use x509::ServerName;

/// How long an address may stay silent while there are others to try. A handshake over a slow path that loses a packet
/// takes less.
const NEXT_ADDRESS: Duration = Duration::from_secs(3);

/// Opens connections.
pub(crate) struct Dialer {
    pub(crate) http3: Dial,
    /// How long the last address may stay silent.
    pub(crate) patience: Duration,
}

impl Connect for Dialer {
    fn connect(&self, host: Rc<str>, port: u16) -> Task<'_, Result<Rc<dyn Connection>, Error>> {
        Box::pin(async move { self.first_that_answers(&host, port).await })
    }

    fn close_all(&self) -> Task<'_, ()> {
        Box::pin(self.http3.close_all())
    }
}

impl Dialer {
    /// A connection to the first address of `host` that answers.
    async fn first_that_answers(&self, host: &str, port: u16) -> Result<Rc<dyn Connection>, Error> {
        let name = ServerName::parse(host)
            .map_err(|error| Error::Message(format!("{host:?} cannot be the name of a server: {error}")))?;
        let addresses = resolve(host, port).await?;
        let mut attempts = Vec::new();
        for (number, address) in addresses.iter().enumerate() {
            let is_last = number + 1 == addresses.len();
            let patience = if is_last { self.patience } else { self.patience.min(NEXT_ADDRESS) };
            match self.http3.attempt(host, &name, *address, patience).await {
                Ok(connection) => return Ok(connection),
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
}
