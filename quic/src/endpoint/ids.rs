//! Our connection IDs: only this endpoint can tell from one which connection it belongs to.
//!
//! An ID is a nonce, and behind it the connection's index, encrypted under the layout's key with the nonce as the counter;
//! or it is one that load balancers read ([`load_balancing`](super::load_balancing)). So no table of IDs is needed, a packet
//! finds its connection in constant time however many there are, and two IDs of one connection cannot be linked by an
//! observer (RFC 9000 section 5.1). The worker's number is in the last byte, where the system can find it
//! ([`Steering`](base::Steering)), or where there is no room for that, encrypted before the index. An ID is not a proof of
//! anything: the connection checks that it has issued it.

use super::hidden::Hidden;
use super::id_layout::{IdLayout, MAX_LEN};
use super::load_balancing::Balanced;
use crate::wire::connection_id::ConnectionId;
use alloc::boxed::Box;
use base::{Random, Steering};
use crypto::CipherSuite;

/// The longest key of header protection.
const MAX_KEY_LEN: usize = 32;

/// Makes and reads connection IDs.
pub struct IdCodec {
    form: Form,
    len: usize,
    index_bits: u32,
    workers: u32,
    worker: u32,
    /// If the last byte names the worker.
    steering: Option<Steering>,
}

/// What an ID is before the byte of the worker.
enum Form {
    Own(Hidden),
    Balanced(Box<Balanced>),
}

/// What an ID says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Whose connection it is.
    pub worker: u32,
    /// The connection's index there.
    pub index: u32,
}

impl IdCodec {
    /// For a layout; without a key there, one is drawn.
    pub fn new(layout: &IdLayout, suite: &CipherSuite, random: &mut dyn Random) -> IdCodec {
        let mut bytes = [0; MAX_KEY_LEN];
        let key_len = suite.aead.key_len();
        match layout.key() {
            Some(secret) => {
                let (key, _) = bytes.split_at_mut(key_len);
                crypto::hkdf::expand_label(suite.hash, secret, b"connection ids", &[], key);
            }
            None => random.fill(&mut bytes),
        }
        let (key, _) = bytes.split_at(key_len);
        let form = match layout.balancing() {
            Some(balancing) => Form::Balanced(Box::new(Balanced::new(balancing, layout.place(), suite, key, random))),
            None => Form::Own(Hidden::new(suite, key, layout.body_len(), layout.hidden_len())),
        };
        crypto::secret::wipe(&mut bytes);
        IdCodec {
            form,
            len: layout.len(),
            index_bits: layout.index_bits(),
            workers: layout.workers(),
            worker: layout.worker(),
            steering: layout.steering_or_drawn(suite, random),
        }
    }

    /// Bytes of each ID.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Never: see [`IdLayout::is_empty`].
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The number of this worker.
    pub const fn worker(&self) -> u32 {
        self.worker
    }

    /// Connections that can be told apart.
    pub const fn capacity(&self) -> u32 {
        1 << self.index_bits
    }

    /// A fresh ID of this worker's connection at `index`, which is below [`capacity`](IdCodec::capacity).
    /// RFC 9000 section 5.1-1, 5.1-2, 10.3.2-3, 10.3.2-4: the nonce is random or counted and not chosen again on purpose,
    /// and the rest is encrypted.
    pub fn issue(&mut self, index: u32, random: &mut dyn Random) -> ConnectionId {
        assert!(index < self.capacity(), "an ID cannot hold index {index}");
        let mut id = [0; MAX_LEN];
        let (id, _) = id.split_at_mut(self.len);
        let (body, _) = id.split_at_mut(self.len - usize::from(self.steering.is_some()));
        match &mut self.form {
            Form::Own(hidden) => {
                let worker = if self.steering.is_some() { 0 } else { self.worker };
                hidden.seal(u64::from(worker) << self.index_bits | u64::from(index), body, random);
            }
            Form::Balanced(balanced) => balanced.issue(index, body, random),
        }
        if let Some(steering) = &self.steering {
            steering.name(self.worker, id);
        }
        ConnectionId::new(id).expect("our IDs are no longer than IDs may be")
    }

    /// What an ID says, if it can be one of this layout. Anything of the right length mostly can.
    #[inline]
    pub fn read(&self, id: &[u8]) -> Option<Named> {
        // RFC 9000 section 10.3.2-2: one length for all.
        if id.len() != self.len {
            return None;
        }
        let Some(steering) = &self.steering else {
            let Form::Own(hidden) = &self.form else { return None };
            let value = hidden.open(id);
            let worker = u32::try_from(value >> self.index_bits).ok().filter(|worker| *worker < self.workers)?;
            let index = (value & (u64::from(self.capacity()) - 1)) as u32;
            return Some(Named { worker, index });
        };
        let worker = steering.worker(id)?;
        let (_, body) = id.split_last()?;
        let index = match &self.form {
            Form::Own(hidden) => u32::try_from(hidden.open(body)).ok()?,
            Form::Balanced(balanced) => balanced.read(body)?,
        };
        Some(Named { worker, index }).filter(|named| named.index < self.capacity())
    }
}

#[cfg(test)]
mod tests;
