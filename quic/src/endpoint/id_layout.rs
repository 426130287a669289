//! How our connection IDs are made up: their length, whether they name a worker, and the key that hides what is in them.
//!
//! An ID is a nonce, then a hidden part: the index of the connection. If there are several workers the last byte names one of
//! them, under a mask ([`Steering`]). Where there is no room for that, or there are more than a byte can name, the hidden
//! part holds the number of the worker as well. With the layout and its key both can be read from any ID. Load balancers
//! before several servers read another form ([`LoadBalancing`]).

use super::load_balancing::LoadBalancing;
use base::steering::{MAX_STEERED, STEERING_KEYS};
use base::{Random, Steering};
use core::fmt;
use crypto::header_protection::MASK_LEN;
use crypto::{CipherSuite, Secret};

/// The fewest bytes of an ID. Shorter ones would leave too little to tell them apart.
pub(crate) const MIN_LEN: usize = 4;
/// The most bytes of an ID in version 1 (RFC 9000 section 17.2).
pub(crate) const MAX_LEN: usize = 20;
/// The most workers that a layout can name.
pub(crate) const MAX_WORKERS: u32 = 1 << 16;

/// The fewest bytes of an ID whose last names the worker: four of nonce, and three of index.
const MIN_STEERED_LEN: usize = 8;
/// The fewest bytes of nonce: IDs of one connection differ in nothing else.
const MIN_NONCE_LEN: usize = 2;
/// As many bits of index as there is room for, and no more than so many: sixteen million connections.
const MAX_INDEX_BITS: u32 = 24;

/// How our connection IDs are made up.
#[derive(Clone, Debug)]
pub struct IdLayout {
    len: usize,
    workers: u32,
    worker: u32,
    key: Option<Secret>,
    balancing: Option<LoadBalancing>,
}

/// A layout is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdLayoutError {
    /// IDs have 4 to 20 bytes.
    Length(usize),
    /// There is at least one worker, and there are at most 65,536.
    Workers(u32),
    /// The worker's number is not below their count.
    Worker {
        /// The number.
        number: u32,
        /// How many there are.
        workers: u32,
    },
    /// IDs of this length cannot tell so many connections apart.
    Capacity {
        /// How many each worker can have.
        capacity: u32,
        /// How many it may have.
        connections: usize,
    },
}

impl Default for IdLayout {
    /// Eight bytes, one worker, a key that is drawn.
    fn default() -> IdLayout {
        IdLayout { len: 8, workers: 1, worker: 0, key: None, balancing: None }
    }
}

impl IdLayout {
    /// IDs of `len` bytes, with a key that is drawn. The longer they are, the less two of one connection can be mistaken for
    /// each other; with less than 8 bytes, a connection whose peer asks for thousands of IDs may see one again.
    ///
    /// # Errors
    /// `len` is not 4 to 20.
    pub fn new(len: usize) -> Result<IdLayout, IdLayoutError> {
        if !(MIN_LEN..=MAX_LEN).contains(&len) {
            return Err(IdLayoutError::Length(len));
        }
        Ok(IdLayout { len, ..IdLayout::default() })
    }

    /// IDs that load balancers read, two bytes longer than the server ID and the nonce together. They name up to 256 workers.
    pub fn for_load_balancers(balancing: LoadBalancing) -> IdLayout {
        IdLayout { len: balancing.id_len(), balancing: Some(balancing), ..IdLayout::default() }
    }

    /// The same under a key that others have, too. It may be any secret.
    #[must_use]
    pub fn with_key(self, key: Secret) -> IdLayout {
        IdLayout { key: Some(key), ..self }
    }

    /// The same for number `worker` of so many workers, or servers, who share `key`: each finds from an ID whose it is.
    ///
    /// # Errors
    /// There are none or more than 65,536, or more than 256 and load balancers read the IDs, or `worker` is not below their count.
    pub fn with_workers(self, workers: u32, worker: u32, key: Secret) -> Result<IdLayout, IdLayoutError> {
        let most = if self.balancing.is_some() { MAX_STEERED } else { MAX_WORKERS };
        if workers == 0 || workers > most {
            return Err(IdLayoutError::Workers(workers));
        }
        if worker >= workers {
            return Err(IdLayoutError::Worker { number: worker, workers });
        }
        Ok(IdLayout { workers, worker, key: Some(key), ..self })
    }

    /// Bytes of each ID.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Never: every ID of ours has bytes, because a connection is found by them.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// How many workers there are.
    pub const fn workers(&self) -> u32 {
        self.workers
    }

    /// Which of them has this layout.
    pub const fn worker(&self) -> u32 {
        self.worker
    }

    /// How many connections each worker can have.
    pub const fn capacity(&self) -> u32 {
        1 << self.index_bits()
    }

    /// Whether each worker can have so many connections.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn check_capacity(&self, connections: usize) -> Result<(), IdLayoutError> {
        let capacity = self.capacity();
        if connections > capacity as usize {
            return Err(IdLayoutError::Capacity { capacity, connections });
        }
        Ok(())
    }

    /// How the system can tell the workers' packets apart, if there are several, the IDs are long enough, and the key is not
    /// drawn by each. `suite` is the one that the endpoint has for Initial packets.
    pub fn steering(&self, suite: &CipherSuite) -> Option<Steering> {
        self.key.as_ref().filter(|_| self.is_steered()).map(|secret| self.steering_under(suite, secret))
    }

    /// The same, under a key that is drawn if there is none.
    pub(super) fn steering_or_drawn(&self, suite: &CipherSuite, random: &mut dyn Random) -> Option<Steering> {
        if !self.is_steered() {
            return None;
        }
        let drawn = || Secret::new(&base::random::array::<32>(random));
        let secret = self.key.clone().unwrap_or_else(drawn);
        Some(self.steering_under(suite, &secret))
    }

    fn steering_under(&self, suite: &CipherSuite, secret: &Secret) -> Steering {
        let mut bytes = [0; 4 * STEERING_KEYS];
        crypto::hkdf::expand_label(suite.hash, secret, b"steering", &[], &mut bytes);
        let mut words = bytes.as_chunks::<4>().0.iter();
        let keys = core::array::from_fn(|_| words.next().map_or(0, |word| u32::from_be_bytes(*word)));
        Steering { id_len: self.len, workers: self.workers, keys }
    }

    /// Which worker, and of how many.
    pub(super) const fn place(&self) -> (u32, u32) {
        (self.worker, self.workers)
    }

    pub(super) const fn balancing(&self) -> Option<&LoadBalancing> {
        self.balancing.as_ref()
    }

    /// Whether the last byte names the worker.
    const fn is_steered(&self) -> bool {
        let is_worth_it = self.workers > 1 && self.workers <= MAX_STEERED && self.len >= MIN_STEERED_LEN;
        is_worth_it || self.balancing.is_some()
    }

    /// Bytes before that one.
    pub(super) const fn body_len(&self) -> usize {
        if self.is_steered() { self.len - 1 } else { self.len }
    }

    pub(super) const fn key(&self) -> Option<&Secret> {
        self.key.as_ref()
    }

    /// Bits of a worker's number in the hidden part.
    const fn worker_bits(&self) -> u32 {
        if self.is_steered() {
            return 0;
        }
        u32::BITS - (self.workers - 1).leading_zeros()
    }

    /// Bits of a connection's index.
    pub(super) const fn index_bits(&self) -> u32 {
        if let Some(balancing) = &self.balancing {
            return 8 * balancing.index_len() as u32;
        }
        let room = self.body_len() - MIN_NONCE_LEN;
        let hidden = 8 * if room < MASK_LEN { room } else { MASK_LEN } as u32;
        let left = hidden - self.worker_bits();
        if left < MAX_INDEX_BITS { left } else { MAX_INDEX_BITS }
    }

    /// Bytes of the part that is hidden.
    pub(super) const fn hidden_len(&self) -> usize {
        (self.worker_bits() + self.index_bits()).div_ceil(8) as usize
    }
}

impl fmt::Display for IdLayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdLayoutError::Length(len) => {
                write!(f, "connection IDs of {len} bytes are not possible: choose {MIN_LEN} to {MAX_LEN}")
            }
            IdLayoutError::Workers(count) => {
                write!(
                    f,
                    "connection IDs cannot name {count} workers: choose 1 to {MAX_WORKERS}, or to {MAX_STEERED} if load balancers read them"
                )
            }
            IdLayoutError::Worker { number, workers } => {
                write!(f, "there is no worker {number} among {workers}: they are numbered from 0")
            }
            IdLayoutError::Capacity { capacity, connections } => write!(
                f,
                "connection IDs of this layout tell {capacity} connections of a worker apart, and it may have \
                 {connections}: make the IDs longer, or lower max_connections"
            ),
        }
    }
}

impl core::error::Error for IdLayoutError {}
