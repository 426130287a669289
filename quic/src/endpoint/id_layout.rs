//! How our connection IDs are made up: their length, whether they name a worker, and the key that hides what is in them.
//!
//! An ID is a nonce, then a hidden part: the number of a worker or server, and the index of the connection there. The
//! hidden part has as many bits as both need; the rest of the ID is nonce. With the layout and its key both can be read
//! from any ID: a worker, or a load balancer before several servers, needs that to pass a packet on (RFC 9000 section
//! 5.1). A layout says what is in an ID and not how it is hidden, so that forms which load balancers know can be added.

use core::fmt;
use crypto::Secret;
use crypto::header_protection::MASK_LEN;

/// The fewest bytes of an ID. Shorter ones would leave too little to tell them apart.
pub(crate) const MIN_LEN: usize = 4;
/// The most bytes of an ID in version 1 (RFC 9000 section 17.2).
pub(crate) const MAX_LEN: usize = 20;
/// The most workers that a layout can name.
pub(crate) const MAX_WORKERS: u32 = 1 << 16;

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
        IdLayout { len: 8, workers: 1, worker: 0, key: None }
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

    /// The same under a key that others have, too. It may be any secret.
    #[must_use]
    pub fn with_key(self, key: Secret) -> IdLayout {
        IdLayout { key: Some(key), ..self }
    }

    /// The same for number `worker` of so many workers, or servers, who share `key`: each finds from an ID whose it is.
    ///
    /// # Errors
    /// There are none or more than 65,536, or `worker` is not below their count.
    pub fn with_workers(self, workers: u32, worker: u32, key: Secret) -> Result<IdLayout, IdLayoutError> {
        if workers == 0 || workers > MAX_WORKERS {
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

    pub(super) const fn key(&self) -> Option<&Secret> {
        self.key.as_ref()
    }

    /// Bits of a worker's number.
    const fn worker_bits(&self) -> u32 {
        u32::BITS - (self.workers - 1).leading_zeros()
    }

    /// Bits of a connection's index.
    pub(super) const fn index_bits(&self) -> u32 {
        let room = self.len - MIN_NONCE_LEN;
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
                write!(f, "connection IDs cannot name {count} workers: choose 1 to {MAX_WORKERS}")
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
