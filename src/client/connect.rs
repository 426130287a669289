//! Opening a connection: each address of a name in turn.

use crate::client::connection::{Connect, Connection, Task};
use crate::client::resolve::resolve;
use crate::error::Error;
use crate::http3::connection::Dial;
use runtime::{Handle, clock};
use std::rc::Rc;
use std::time::Duration;
use x509::ServerName;

/// How long an address may stay silent while there are others to try. A handshake over a slow path that loses a packet
/// takes less.
const NEXT_ADDRESS: Duration = Duration::from_secs(3);

/// Opens connections.
pub(crate) struct Dialer {
    pub(crate) http3: Dial,
    pub(crate) handle: Handle,
    /// How long the name may take to be looked up, and then all of its addresses together to answer.
    pub(crate) patience: Duration,
}

impl Connect for Dialer {
    fn connect(&self, host: Rc<str>, port: u16, early: bool) -> Task<'_, Result<Rc<dyn Connection>, Error>> {
        Box::pin(async move { self.first_that_answers(&host, port, early).await })
    }

    fn close_all(&self) -> Task<'_, ()> {
        Box::pin(self.http3.close_all())
    }
}

impl Dialer {
    /// A connection to the first address of `host` that answers; or, if it is to be `early` and there is a ticket for it, to the
    /// first, before that is known.
    async fn first_that_answers(&self, host: &str, port: u16, early: bool) -> Result<Rc<dyn Connection>, Error> {
        let name = ServerName::parse(host)
            .map_err(|error| Error::Message(format!("{host:?} cannot be the name of a server: {error}")))?;
        let addresses = resolve(&self.handle, host, port, self.patience).await?;
        let begun = clock::now();
        let mut left = self.patience;
        let mut attempts = Vec::new();
        for (number, address) in addresses.iter().enumerate() {
            if number > 0 {
                left = self.patience.saturating_sub(clock::now() - begun);
            }
            let patience = share(left, addresses.len() - number);
            match self.http3.attempt(host, &name, *address, patience, early && number == 0).await {
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

/// How long the next of so many addresses may stay silent, of what is left for all of them.
fn share(left: Duration, addresses: usize) -> Duration {
    match u32::try_from(addresses) {
        Ok(several @ 2..) => NEXT_ADDRESS.min(left / several),
        _ => left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_turn_and_the_last_has_what_is_left() {
        let seconds = Duration::from_secs;
        assert_eq!(share(seconds(10), 1), seconds(10));
        assert_eq!(share(seconds(10), 2), NEXT_ADDRESS);
        assert_eq!(share(seconds(2), 4), seconds(2) / 4);
        assert_eq!(share(Duration::MAX, 3), NEXT_ADDRESS);
        let mut left = seconds(10);
        for addresses in (1..=8).rev() {
            let one = share(left, addresses);
            assert!(one >= seconds(1), "{addresses}: {one:?}");
            left -= one;
        }
        assert_eq!(left, Duration::ZERO);
    }
}
