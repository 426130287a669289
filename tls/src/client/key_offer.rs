//! The key shares of a client, and the private values behind them, until the server has answered one.

use crate::error::{Error, LocalError};
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::Random;
use core::fmt;
use crypto::{KeyExchange, KeyExchangeError, NamedGroup, Offer, Secret};

/// What a ClientHello offers: a share, and beside that of a hybrid perhaps the one of its part, for a server that does not know
/// the hybrid. Both have the same private value (draft-ietf-tls-hybrid-design section 3.2).
pub(crate) struct KeyOffer {
    group: NamedGroup,
    offer: Box<dyn Offer>,
    /// Whether the part's share is sent as well.
    with_part: bool,
}

impl KeyOffer {
    /// A share of `exchange`, and one of its part if that is among `exchanges`.
    /// RFC 9000 section 7-5: a new private value for each connection.
    /// RFC 9846 section 4.3.8-3, 4.3.8-7, 4.3.8-8.
    pub(crate) fn first(
        exchange: &dyn KeyExchange,
        exchanges: &[&dyn KeyExchange],
        random: &mut dyn Random,
    ) -> Result<KeyOffer, LocalError> {
        let mut new = KeyOffer::only(exchange, random)?;
        new.with_part = new.offer.part().is_some_and(|(part, _)| exchanges.iter().any(|other| other.group() == part));
        Ok(new)
    }

    /// A share of `exchange` and no other: what a server asks for by a HelloRetryRequest (RFC 9846 section 4.2.2).
    pub(crate) fn only(exchange: &dyn KeyExchange, random: &mut dyn Random) -> Result<KeyOffer, LocalError> {
        let offer = exchange.offer(random).map_err(|_| LocalError::KeyExchange)?;
        Ok(KeyOffer { group: exchange.group(), offer, with_part: false })
    }

    /// The groups and shares to send, best first.
    pub(crate) fn shares(&self) -> Vec<(NamedGroup, &[u8])> {
        [(self.group, self.offer.share())].into_iter().chain(self.part()).collect()
    }

    /// Whether a share for `group` is sent.
    pub(crate) fn contains(&self, group: NamedGroup) -> bool {
        group == self.group || self.part().is_some_and(|(part, _)| group == part)
    }

    /// The secret with a server that answered by a share for `group`.
    pub(crate) fn finish(self, group: NamedGroup, server_share: &[u8]) -> Result<Secret, Error> {
        // RFC 9846 s4.3.8: of a group whose share was sent.
        if !self.contains(group) {
            return Err(Violation::KeyShareGroup.into());
        }
        let is_whole = group == self.group;
        let secret = if is_whole { self.offer.finish(server_share) } else { self.offer.finish_part(server_share) };
        secret.map_err(|error| match error {
            KeyExchangeError::BadShare => Violation::BadKeyShare.into(),
            KeyExchangeError::Internal => LocalError::KeyExchange.into(),
        })
    }

    fn part(&self) -> Option<(NamedGroup, &[u8])> {
        self.offer.part().filter(|_| self.with_part)
    }
}

impl fmt::Debug for KeyOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<NamedGroup> = self.shares().iter().map(|(group, _)| *group).collect();
        f.debug_struct("KeyOffer").field("groups", &groups).finish_non_exhaustive()
    }
}
