//! Tokens of NEW_TOKEN frames (RFC 9000 section 8.1.3): a client shows with one, on a later connection, that it was at its address
//! before. A token is sealed under the keys of the moment, as tickets of TLS are, and holds when it was made and bytes that no
//! other has. The seal covers as well the client's address, without its port, and the version of QUIC (RFC 9369 section 5).

use super::used_tokens::{TokenId, UsedTokens};
use crate::wire::version::Version;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Duration, Random, Reader};
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use tls::{TicketKeySource, WallClock};

/// What the token of a NEW_TOKEN frame begins with.
/// RFC 9000 section 8.1.1-1.
pub(super) const NEW: u8 = 2;
/// What the keys of tokens are derived for, so that no token is a ticket.
const PURPOSE: &[u8] = b"address token";

/// How a server lets its clients come back without a round trip to show their address.
#[derive(Clone)]
pub struct TokenPolicy {
    /// What tokens are sealed under: keys that change with time, or that a fleet shares. They may be those of tickets.
    pub keys: Arc<dyn TicketKeySource>,
    /// Which tokens were taken.
    pub used: Arc<dyn UsedTokens>,
    /// The time of day.
    pub wall_clock: Arc<dyn WallClock>,
    /// How long a token is good. A day lets those come back without a further round trip who come daily, and a change of address
    /// ends it in any case.
    pub lifetime: Duration,
}

/// A token that was made for the address that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    id: TokenId,
    issued_millis: u64,
}

impl TokenPolicy {
    /// A token for the client at `remote`, on a connection of `version`.
    /// RFC 9000 section 8.1.3-6, 8.1.3-7, 8.1.4-1, 8.1.4-2, 8.1.4-4.
    pub(super) fn issue(&self, random: &mut dyn Random, remote: SocketAddr, version: Version) -> Vec<u8> {
        let id: TokenId = base::random::array(random);
        let content = [&self.wall_clock.unix_millis().to_be_bytes()[..], &id].concat();
        let keys = self.keys.ticket_keys(self.wall_clock.unix_seconds(), random);
        let mut token = alloc::vec![NEW];
        token.extend_from_slice(&keys.seal_for(PURPOSE, &content, &bound(remote, version), random));
        token
    }

    /// What the token of a first packet says, that came from `remote` and is of `version`.
    /// RFC 9369 section 5-2.
    pub(super) fn open(
        &self,
        random: &mut dyn Random,
        token: &[u8],
        remote: SocketAddr,
        version: Version,
    ) -> Option<Known> {
        let (&NEW, sealed) = token.split_first()? else { return None };
        let keys = self.keys.ticket_keys(self.wall_clock.unix_seconds(), random);
        let content = keys.open_for(PURPOSE, sealed, &bound(remote, version))?;
        let mut reader = Reader::new(&content);
        let issued_millis = reader.u64().ok()?;
        let id = reader.array().ok()?;
        reader.is_empty().then_some(Known { id, issued_millis })
    }

    /// Takes a token, if its time is not over and it was not taken before.
    /// RFC 9000 section 8.1.3-5, 8.1.4-6, 8.1.4-8.
    pub(super) fn take(&self, known: &Known) -> bool {
        let now = self.wall_clock.unix_millis();
        let lifetime = u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX);
        let expires = known.issued_millis.saturating_add(lifetime);
        // One from the future was made by a server whose clock is ahead; a client that hurries that much shows it again later.
        let is_good = (known.issued_millis..=expires).contains(&now);
        is_good && self.used.use_once(&known.id, known.issued_millis, expires, now)
    }
}

impl fmt::Debug for TokenPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPolicy").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// What the seal covers and the token does not hold.
fn bound(remote: SocketAddr, version: Version) -> Vec<u8> {
    let mut bound = alloc::vec![NEW];
    match remote.ip().to_canonical() {
        IpAddr::V4(address) => {
            bound.push(4);
            bound.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            bound.push(6);
            bound.extend_from_slice(&address.octets());
        }
    }
    bound.extend_from_slice(&version.0.to_be_bytes());
    bound
}

#[cfg(test)]
mod tests;
