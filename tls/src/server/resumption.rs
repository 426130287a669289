//! Whether a client resumes: which of its tickets opens, fits, and is proved to be its own.

use crate::client_proof::{Asked, ClientAuthenticated};
use crate::config::{ServerConfig, TicketPolicy};
use crate::message::client_hello::ClientHello;
use crate::message::pre_shared_key::{PSK_DHE_KE, PreSharedKey};
use crate::proof::BinderVerified;
use crate::schedule::Early;
use crate::ticket_content::{TicketBounds, TicketContent};
use crate::violation::Violation;
use base::Random;
use crypto::{CipherSuite, Digest};

/// How many of a client's tickets are looked at. One is what clients offer, and each costs a decryption.
const MAX_IDENTITIES: usize = 4;

/// A ticket that a client resumes with.
pub(super) struct Resumption {
    /// Its place among the client's.
    pub(super) number: u16,
    /// The key schedule that begins with its key.
    pub(super) early: Early,
    /// That the client has its key.
    pub(super) proof: BinderVerified,
    /// Who the client is, as far as it is asked.
    pub(super) client: ClientAuthenticated,
    pub(super) content: TicketContent,
    /// How old it is, in milliseconds, and how old the client says that it is.
    pub(super) age: (u64, u32),
    /// For the filter of repetitions.
    pub(super) digest: Digest,
}

/// Who resumes what.
pub(super) struct Attempt<'a> {
    pub(super) config: &'a ServerConfig,
    pub(super) hello: &'a ClientHello<'a>,
    pub(super) suite: &'static CipherSuite,
    /// The digest of all before the binders.
    pub(super) before_binders: Option<&'a Digest>,
    pub(super) bounds: &'a TicketBounds<'a>,
    /// What the client has to show: nothing, or what it is asked for.
    pub(super) client: &'a Result<ClientAuthenticated, Asked>,
}

impl Attempt<'_> {
    /// The first of the client's tickets that can be used. `None` leads to a full handshake: a ticket that is unknown, too old or
    /// of another name, protocol, identity or hash is passed over. So is one of a client that would not be believed now: it is
    /// asked again.
    /// RFC 9846 section 4.3.11.
    ///
    /// # Errors
    /// The binder of that ticket does not verify.
    /// RFC 9846 section 4.3.11-3, 4.3.11-8, 4.3.11-9.
    pub(super) fn resume(&self, random: &mut dyn Random) -> Result<Option<Resumption>, Violation> {
        let (Some(policy), Some(transcript)) = (&self.config.tickets, self.before_binders) else { return Ok(None) };
        let Some(keys) = self.hello.pre_shared_keys.filter(|_| self.wants_key_exchange()) else { return Ok(None) };
        let found = self.open(policy, keys.iter(), random);
        let Some((number, key, content, age)) = found else { return Ok(None) };
        // RFC 9846 section 4.3.11: this binder, before anything is done with the key, and no other.
        let early = Early::with_pre_shared_key(self.suite, &content.secret);
        let proof = BinderVerified::check(&early, transcript, key.binder)?;
        // RFC 9846 section 4.4.2: with a pre-shared key nobody is asked for a certificate, so that the ticket has to do for it. Only
        // who has its key causes the work that this may be.
        let Some(client) = self.known_client(&content, &proof) else { return Ok(None) };
        let claimed = claimed_age(key.obfuscated_age, content.age_add);
        // Of what was opened, and of nothing that anybody could change: it is what early data is remembered by.
        // RFC 9846 section 8.2-2.
        let digest = self.config.provider.initial.hash.digest(&[key.identity]);
        Ok(Some(Resumption { number, early, proof, client, content, age: (age, claimed), digest }))
    }

    /// Whether the client can resume with a key exchange. Without one an old key would be enough to read all.
    /// RFC 9846 section 4.2.1.
    /// RFC 9846 section 4.2.1-2, 4.3.9-4.
    fn wants_key_exchange(&self) -> bool {
        wants_key_exchange(self.hello)
    }

    fn known_client(&self, content: &TicketContent, proof: &BinderVerified) -> Option<ClientAuthenticated> {
        match self.client {
            Ok(unasked) => unasked.unasked_by_ticket(&content.client),
            Err(asked) => {
                let now = self.config.wall_clock.unix_seconds();
                asked.by_ticket(&content.client, proof, self.bounds.server_name, now)
            }
        }
    }

    fn open<'k>(
        &self,
        policy: &TicketPolicy,
        offered: impl Iterator<Item = PreSharedKey<'k>>,
        random: &mut dyn Random,
    ) -> Option<(u16, PreSharedKey<'k>, TicketContent, u64)> {
        let clock = &self.config.wall_clock;
        let (now, bounds) = (clock.unix_millis(), self.bounds.encode(self.suite));
        let keys = policy.keys.ticket_keys(clock.unix_seconds(), random);
        (0..).zip(offered.take(MAX_IDENTITIES)).find_map(|(number, key)| {
            let content = TicketContent::decode(&keys.open(key.identity, &bounds)?)?;
            let age = content.age(now)?;
            Some((number, key, content, age))
        })
    }
}

/// Whether the client can resume with a key exchange.
pub(super) fn wants_key_exchange(hello: &ClientHello<'_>) -> bool {
    hello.psk_key_exchange_modes.is_some_and(|modes| modes.contains(&PSK_DHE_KE))
}

/// The age that a client claims: the difference modulo 2^32.
fn claimed_age(obfuscated: u32, age_add: u32) -> u32 {
    ((u64::from(obfuscated) + (1 << 32) - u64::from(age_add)) & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claimed_age_is_a_difference_modulo_two_to_the_32() {
        for (obfuscated, age_add, age) in
            [(5, 5, 0), (5, 4, 1), (4, 5, u32::MAX), (0, u32::MAX, 1), (u32::MAX, 0, u32::MAX)]
        {
            assert_eq!(claimed_age(obfuscated, age_add), age);
        }
    }
}
