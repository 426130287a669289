//! What a rogue knows of its connection, so that its violations concern streams, packets and IDs that exist.

use super::draft::{Draft, Ids};
use base::{Reader, Side, StreamId};
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::{Frame, PacketKind};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of each stream that are kept, to be said again.
const KEPT_BYTES: usize = 4096;
/// Packet numbers of the target that are kept.
const KEPT_NUMBERS: usize = 4096;
/// Datagrams that are kept, to be sent again.
const KEPT_DATAGRAMS: usize = 32;

/// What the endpoint within sent on a stream.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Its first bytes.
    pub first: Vec<u8>,
    /// One past the last byte.
    pub end: u64,
    /// Where it ended.
    pub final_size: Option<u64>,
}

/// All of it.
#[derive(Debug)]
pub struct Knowledge {
    /// The rogue's own side.
    pub side: Side,
    /// Of the endpoint's latest packet.
    pub ids: Option<Ids>,
    /// Of its latest packet with a long header.
    pub long_ids: Option<Ids>,
    /// The best packet type there are keys for.
    pub best_kind: Option<PacketKind>,
    /// Streams the endpoint sent on.
    pub streams: BTreeMap<StreamId, Sent>,
    /// Packet numbers the target used, in 1-RTT packets.
    pub numbers: BTreeSet<u64>,
    /// The target's connection IDs.
    pub target_ids: Vec<(u64, ConnectionId)>,
    /// The highest sequence number of a connection ID that the endpoint issued.
    pub own_id: u64,
    /// How often the rogue has counted for itself: for numbers that only go up.
    pub count: Cell<u64>,
    /// The target has confirmed the handshake.
    pub is_confirmed: bool,
    /// Earlier datagrams.
    pub datagrams: Vec<Vec<u8>>,
}

impl Knowledge {
    pub(super) const fn new(side: Side) -> Knowledge {
        Knowledge {
            side,
            ids: None,
            long_ids: None,
            best_kind: None,
            streams: BTreeMap::new(),
            numbers: BTreeSet::new(),
            target_ids: Vec::new(),
            own_id: 0,
            count: Cell::new(0),
            is_confirmed: false,
            datagrams: Vec::new(),
        }
    }

    pub(super) fn on_packet_of_endpoint(&mut self, draft: &Draft) {
        self.ids = Some(draft.ids);
        if draft.kind != PacketKind::OneRtt {
            self.long_ids = Some(draft.ids);
        }
        self.best_kind = Some(draft.kind);
        for bytes in &draft.frames {
            match Frame::decode(&mut Reader::new(bytes)) {
                Ok(Frame::Stream(frame)) => {
                    let sent = self.streams.entry(frame.id).or_default();
                    if sent.end == frame.offset && sent.first.len() < KEPT_BYTES && sent.first.len() as u64 == sent.end
                    {
                        sent.first.extend(frame.data);
                    }
                    let end = frame.offset + frame.data.len() as u64;
                    sent.end = sent.end.max(end);
                    if frame.fin {
                        sent.final_size = Some(end);
                    }
                }
                Ok(Frame::NewConnectionId { sequence_number, .. }) => self.own_id = self.own_id.max(sequence_number),
                _ => {}
            }
        }
    }

    pub(super) fn on_packet_of_target(&mut self, kind: PacketKind, number: u64) {
        if kind == PacketKind::OneRtt {
            self.numbers.insert(number);
            if self.numbers.len() > KEPT_NUMBERS {
                self.numbers.pop_first();
            }
        }
    }

    pub(super) fn on_frame_of_target(&mut self, kind: PacketKind, frame: &Frame<'_>) {
        match frame {
            Frame::NewConnectionId { sequence_number, connection_id, .. } => {
                self.target_ids.push((*sequence_number, *connection_id));
            }
            Frame::HandshakeDone => self.is_confirmed = true,
            // RFC 9001 s4.1.2: only a client with 1-RTT keys acknowledges these.
            Frame::Ack(_) if kind == PacketKind::OneRtt && self.side == Side::Server => self.is_confirmed = true,
            _ => {}
        }
    }

    pub(super) fn on_datagram(&mut self, datagram: &[u8]) {
        if self.datagrams.len() < KEPT_DATAGRAMS {
            self.datagrams.push(datagram.to_vec());
        }
    }

    /// Whether the endpoint within knows nothing of what the frame is about, because the rogue began it.
    pub(super) fn is_strange_to_endpoint(&self, frame: &Frame<'_>) -> bool {
        let is_strange = |id: StreamId| id.initiator() == self.side && !self.streams.contains_key(&id);
        match *frame {
            Frame::Stream(frame) => is_strange(frame.id),
            Frame::ResetStream { id, .. } | Frame::StopSending { id, .. } | Frame::MaxStreamData { id, .. } => {
                is_strange(id)
            }
            Frame::RetireConnectionId { sequence_number } => sequence_number > self.own_id,
            _ => false,
        }
    }

    /// The next of a row of `count` numbers that were never given before; from 1 on.
    pub(super) fn next(&self, count: u64) -> u64 {
        self.count.replace(self.count.get() + count) + 1
    }

    /// The highest packet number that the target used.
    pub fn largest(&self) -> u64 {
        self.numbers.last().copied().unwrap_or(0)
    }
}
