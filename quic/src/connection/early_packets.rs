//! 0-RTT packets that come before the ClientHello is complete (RFC 9000 section 5.2.2).

use super::receive::{Arrival, Protected};
use super::state::Connection;
use crate::discard::Discard;
use crate::early_data::{EarlyData, Held};
use crate::turn::Turn;
use crate::wire::frame::PacketKind;
use crate::wire::header::Header;
use alloc::boxed::Box;

impl Connection {
    /// Keeps a 0-RTT packet that came before the ClientHello was complete, if there is room; tells whether it did.
    pub(super) fn hold_early_packet(&mut self, arrival: &Arrival, protected: &Protected, packet: &[u8]) -> bool {
        if protected.kind != PacketKind::ZeroRtt || self.expects(arrival, protected, packet).is_err() {
            return false;
        }
        self.handshake.early.as_deref_mut().is_some_and(|early| early.hold(packet, arrival.ecn))
    }

    /// Whether the ClientHello is read now, and with it known what becomes of 0-RTT packets.
    pub(super) fn has_early_verdict(&self) -> bool {
        matches!(self.handshake.early.as_deref(), Some(EarlyData::Awaiting(_))) && self.handshake.has_left_initial()
    }

    /// The ClientHello is read: what was held is opened, or dropped if its early data is refused.
    pub(super) fn release_early_packets(&mut self, turn: &mut Turn<'_>) {
        let is_accepted = self.handshake.session().early_data() == tls::EarlyData::Accepted;
        let next = is_accepted.then(|| Box::new(EarlyData::Receiving { until: None }));
        let Some(EarlyData::Awaiting(held)) = core::mem::replace(&mut self.handshake.early, next).map(|early| *early)
        else {
            return;
        };
        for Held { mut packet, ecn } in held {
            let arrival = Arrival { ecn, is_small: false, elsewhere: None };
            let result = match Header::decode(&packet, self.local_ids.id_len()) {
                Ok(Header::ZeroRtt(long)) if is_accepted => {
                    let protected = Protected {
                        kind: PacketKind::ZeroRtt,
                        source: Some(long.source),
                        packet_number_offset: long.packet_number_offset,
                        has_token: false,
                    };
                    self.receive_packet(turn, &arrival, &protected, &mut packet)
                }
                // RFC 9001 section 4.6.2-1: there are no keys for it, and never will be.
                _ => Err(Discard::NoKey),
            };
            if let Err(discard) = result {
                self.dropped(turn, packet.len(), discard);
            }
        }
    }
}
