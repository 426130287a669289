//! A packet before it is sealed, in a form that is easy to corrupt.

use base::Reader;
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::{Frame, PacketKind};

/// Destination and source.
pub type Ids = (ConnectionId, ConnectionId);

/// What a packet will say.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its type.
    pub kind: PacketKind,
    /// Where it goes and whom it is from.
    pub ids: Ids,
    /// Its frames, each as its bytes. They need not be frames.
    pub frames: Vec<Vec<u8>>,
    /// Bits to change in its first byte.
    pub first_byte: u8,
    /// How many packet numbers to leave out before it.
    pub skip: u64,
    /// Go on to the next generation of keys before it.
    pub updates_keys: bool,
    /// Bits to change in the last byte when it is sealed.
    pub forge: u8,
    /// Packets to be sent after it.
    pub extra: Vec<Draft>,
}

impl Draft {
    /// A packet that is in order if `payload` is.
    pub fn new(kind: PacketKind, ids: Ids, payload: &[u8]) -> Draft {
        let frames = split(payload);
        Draft { kind, ids, frames, first_byte: 0, skip: 0, updates_keys: false, forge: 0, extra: Vec::new() }
    }

    /// All of it.
    pub fn payload(&self) -> Vec<u8> {
        self.frames.concat()
    }

    /// Another packet with the same header.
    pub fn another(&self, frames: Vec<Vec<u8>>) -> Draft {
        let mut another = Draft::new(self.kind, self.ids, &[]);
        another.frames = frames;
        another
    }
}

/// The frames of a payload, each as its bytes; a STREAM frame that ends with its packet gets a length.
pub fn split(payload: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut reader = Reader::new(payload);
    while !reader.is_empty() {
        let start = reader.position();
        match Frame::decode(&mut reader) {
            Ok(frame @ Frame::Stream(_)) => frames.push(crate::encode(&frame)),
            Ok(_) => frames.push(payload[start..reader.position()].to_vec()),
            Err(_) => {
                frames.push(payload[start..].to_vec());
                break;
            }
        }
    }
    frames
}
