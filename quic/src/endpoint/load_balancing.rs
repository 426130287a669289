//! Connection IDs that load balancers read: QUIC-LB (draft-ietf-quic-load-balancers).
//!
//! An ID is a first octet, the ID of the server, a nonce, and one octet for the server's own use (QUIC-LB section 5.4), in
//! which it names its worker ([`Steering`](base::Steering)). The first octet has the number of the configuration and the
//! length of what follows. Under a key, server ID and nonce are encrypted together.
//!
//! The nonce holds the index of the connection and a counter, so that none comes twice. Without a key it is permuted under a
//! key of the server's own, so that two nonces have nothing visible in common.

use super::hidden::Hidden;
use super::id_seal::{Permutation, Seal};
use crate::wire::connection_id::ConnectionId;
use base::Random;
use core::fmt;
use crypto::{CipherSuite, Secret};

/// The number that no configuration has (QUIC-LB section 3.1): such an ID is not to be routed.
const UNROUTABLE: u8 = 0b111;
/// The fewest octets of a nonce (QUIC-LB section 5.3).
const MIN_NONCE_LEN: usize = 4;
/// First octet, and the octet of the worker.
const AROUND: usize = 2;
/// The most octets of server ID and nonce.
const MAX_PLAIN_LEN: usize = MAX_LEN - AROUND;
/// The most octets of an ID.
const MAX_LEN: usize = ConnectionId::MAX_LEN;
/// Octets of a key.
const KEY_LEN: usize = 16;

/// What load balancers before this server and others have been told of its connection IDs.
#[derive(Clone)]
pub struct LoadBalancing {
    rotation: u8,
    server: ConnectionId,
    nonce_len: usize,
    key: Option<Secret>,
}

/// Load balancers cannot know a server like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadBalancingError {
    /// Their configurations are numbered from 0 to 6.
    Rotation(u8),
    /// Server IDs have at least one byte, nonces at least 4, and both together at most 18.
    Lengths {
        /// Bytes of the server ID.
        server: usize,
        /// Bytes of a nonce.
        nonce: usize,
    },
}

impl LoadBalancing {
    /// Configuration number `rotation` (0 to 6, the config rotation bits of QUIC-LB section 3.1), in which this server has the
    /// ID `server` of at least one byte, and nonces have `nonce_len` bytes, at least 4. The more there are, the more IDs can
    /// be issued before no nonce is left: with 8 that never happens. Both together have at most 18 bytes; connection
    /// IDs are two bytes longer. All servers of a configuration have the same lengths.
    ///
    /// # Errors
    /// One of them is out of range.
    pub fn new(rotation: u8, server: &[u8], nonce_len: usize) -> Result<LoadBalancing, LoadBalancingError> {
        if rotation >= UNROUTABLE {
            return Err(LoadBalancingError::Rotation(rotation));
        }
        let is_possible = !server.is_empty() && (MIN_NONCE_LEN..=MAX_PLAIN_LEN).contains(&nonce_len);
        let server_id = ConnectionId::new(server).filter(|_| is_possible && server.len() + nonce_len <= MAX_PLAIN_LEN);
        let lengths = LoadBalancingError::Lengths { server: server.len(), nonce: nonce_len };
        Ok(LoadBalancing { rotation, server: server_id.ok_or(lengths)?, nonce_len, key: None })
    }

    /// Encrypted under the key that the load balancers have as well. Without one, everybody sees which server an ID is for,
    /// and sees it again when a client moves (QUIC-LB section 9).
    #[must_use]
    pub fn with_key(self, key: &[u8; KEY_LEN]) -> LoadBalancing {
        LoadBalancing { key: Some(Secret::new(key)), ..self }
    }

    /// Bytes of each ID.
    pub(super) fn id_len(&self) -> usize {
        AROUND + self.plain_len()
    }

    fn plain_len(&self) -> usize {
        self.server.len() + self.nonce_len
    }

    /// Bytes of a nonce that hold the index. The rest is for the counter.
    pub(super) const fn index_len(&self) -> usize {
        if self.nonce_len < 6 { 2 } else { 3 }
    }
}

impl fmt::Debug for LoadBalancing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadBalancing")
            .field("rotation", &self.rotation)
            .field("server", &self.server)
            .field("nonce_len", &self.nonce_len)
            .field("is_encrypted", &self.key.is_some())
            .finish()
    }
}

impl fmt::Display for LoadBalancingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadBalancingError::Rotation(number) => {
                write!(f, "there is no configuration {number} of load balancers: they are numbered from 0 to 6")
            }
            LoadBalancingError::Lengths { server, nonce } => write!(
                f,
                "a server ID of {server} bytes and nonces of {nonce} do not make connection IDs: server IDs have at \
                 least 1 byte, nonces at least 4, and both together at most 18"
            ),
        }
    }
}

impl core::error::Error for LoadBalancingError {}

/// Makes and reads such IDs, all but the octet of the worker.
pub(super) struct Balanced {
    first: u8,
    server: ConnectionId,
    nonce_len: usize,
    index_len: usize,
    /// What the next nonce counts.
    counter: u64,
    /// What makes the nonces of another life others (QUIC-LB section 9.6): the counter is XORed with it.
    start: u64,
    /// How far it counts at once: the workers of a server have the same server ID, and count between each other.
    step: u64,
    /// How many nonces there are still.
    left: u64,
    seal: Option<Seal>,
    /// Without a key for load balancers: what makes nonces of counters.
    permutation: Option<Permutation>,
    /// Of IDs that are not to be routed, which come when no nonce is left.
    unroutable: Hidden,
}

impl Balanced {
    /// `own` is the server's own key, as long as the suite's.
    pub(super) fn new(
        layout: &LoadBalancing,
        (worker, workers): (u32, u32),
        suite: &CipherSuite,
        own: &[u8],
        random: &mut dyn Random,
    ) -> Balanced {
        let plain_len = layout.plain_len();
        let key = |secret: &Secret| *secret.as_bytes().first_chunk::<KEY_LEN>().expect("a key has 16 bytes");
        let seal = layout.key.as_ref().map(|secret| Seal::new(suite, &key(secret), plain_len));
        let permutation = match (&seal, own.first_chunk::<KEY_LEN>()) {
            (None, Some(own)) => Some(Permutation::new(suite, own, layout.nonce_len)),
            _ => None,
        };
        let step = u64::from(workers.next_power_of_two());
        let start = u64::from_le_bytes(base::random::array(random));
        let counter_bits = 8 * (layout.nonce_len - layout.index_len()).min(8) as u32;
        Balanced {
            first: layout.rotation << 5 | (layout.id_len() - 1) as u8,
            server: layout.server,
            nonce_len: layout.nonce_len,
            index_len: layout.index_len(),
            counter: u64::from(worker),
            start: start & !(step - 1),
            step,
            left: 1_u64.checked_shl(counter_bits).unwrap_or(u64::MAX) / step,
            seal,
            permutation,
            unroutable: Hidden::new(suite, own, plain_len, layout.index_len()),
        }
    }

    /// Writes an ID of the connection at `index`; the last octet of `id` is not its business. When all nonces were used, the ID
    /// is one that is not to be routed (QUIC-LB section 9.6).
    pub(super) fn issue(&mut self, index: u32, id: &mut [u8], random: &mut dyn Random) {
        let Some((first, rest)) = id.split_first_mut() else { return };
        let Some(left) = self.left.checked_sub(1) else {
            *first = UNROUTABLE << 5 | self.first & 0x1f;
            return self.unroutable.seal(u64::from(index), rest, random);
        };
        self.left = left;
        *first = self.first;
        let (server, nonce) = rest.split_at_mut(self.server.len());
        server.copy_from_slice(self.server.as_slice());
        self.fill_nonce(index, nonce, random);
        if let Some(permutation) = &self.permutation {
            permutation.encrypt(nonce);
        }
        if let Some(seal) = &self.seal {
            seal.encrypt(rest);
        }
    }

    /// Bytes that nothing is left for, the counter, and the index.
    fn fill_nonce(&mut self, index: u32, nonce: &mut [u8], random: &mut dyn Random) {
        let (count, place) = nonce.split_at_mut(self.nonce_len - self.index_len);
        let counted = count.len().min(8);
        let (spare, count) = count.split_at_mut(count.len() - counted);
        random.fill(spare);
        count.copy_from_slice(&(self.start ^ self.counter).to_be_bytes()[8 - counted..]);
        place.copy_from_slice(&index.to_be_bytes()[4 - self.index_len..]);
        self.counter = self.counter.saturating_add(self.step);
    }

    /// The index in an ID, without the octet of the worker, if it can be one of this server.
    pub(super) fn read(&self, id: &[u8]) -> Option<u32> {
        let (first, rest) = id.split_first()?;
        if *first == UNROUTABLE << 5 | self.first & 0x1f {
            return u32::try_from(self.unroutable.open(rest)).ok();
        }
        let mut plain = self.open(id)?;
        let (server, nonce) = plain.split_at_mut(self.server.len());
        if server != self.server.as_slice() {
            return None;
        }
        let nonce = &mut nonce[..self.nonce_len];
        if let Some(permutation) = &self.permutation {
            permutation.decrypt(nonce);
        }
        let index = &nonce[self.nonce_len - self.index_len..];
        Some(index.iter().fold(0, |index, byte| index << 8 | u32::from(*byte)))
    }

    /// Server ID and nonce in an ID of this configuration, without the octet of the worker. What follows them is zero.
    fn open(&self, id: &[u8]) -> Option<[u8; MAX_LEN]> {
        let (first, rest) = id.split_first().filter(|(first, _)| **first == self.first)?;
        debug_assert_eq!(first & 0x1f, rest.len() as u8 + 1);
        let mut plain = [0; MAX_LEN];
        let (place, _) = plain.split_at_mut_checked(rest.len())?;
        place.copy_from_slice(rest);
        if let Some(seal) = &self.seal {
            seal.decrypt(place);
        }
        Some(plain)
    }
}

#[cfg(test)]
mod tests;
