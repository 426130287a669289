//! KeyUpdate (RFC 9846 section 4.7.3): its sender seals everything after it with new keys. QUIC has no such message.

use crate::message::extension::whole;
use crate::message::framing::HandshakeType;
use crate::violation::Violation;
use alloc::vec::Vec;

/// What the sender of a KeyUpdate wants of its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUpdate {
    /// update_not_requested: nothing.
    NotRequested,
    /// update_requested: that it updates its own keys too, before it sends application data again.
    Requested,
}

impl KeyUpdate {
    /// Reads the body.
    pub fn decode(body: &[u8]) -> Result<KeyUpdate, Violation> {
        match whole(body, |reader| Ok(reader.u8()?))? {
            0 => Ok(KeyUpdate::NotRequested),
            1 => Ok(KeyUpdate::Requested),
            // RFC 9846 section 4.7.3-4, 6-7: no other value has a meaning.
            _ => Err(Violation::KeyUpdateRequest),
        }
    }
}

/// The whole message. It is sealed with the keys that it replaces.
pub fn encode(update: KeyUpdate) -> Vec<u8> {
    let request = match update {
        KeyUpdate::NotRequested => 0,
        KeyUpdate::Requested => 1,
    };
    [HandshakeType::KEY_UPDATE.0, 0, 0, 1, request].to_vec()
}
