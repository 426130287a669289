//! Early data, 0-RTT (RFC 9001 sections 4.6 and 5.6, RFC 9000 sections 7.4.1 and 17.2.3): what a client sends before the
//! server has answered, under keys and limits that it remembers, and what a server makes of it.
//!
//! Streams keep what was sent until it is acknowledged, so early data that the server refuses is sent again like anything that
//! was lost, only under the limits of this connection: the application does not notice.

use super::receive::{Arrival, Protected};
use super::state::Connection;
use crate::discard::Discard;
use crate::event::Event;
use crate::peer_parameters::RememberedParameters;
use crate::protection::keys::{OpenKeys, SealKeys};
use crate::trace::{Key, PacketType, Record};
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::frame::PacketKind;
use crate::wire::header::Header;
use crate::wire::packet_number::PacketNumberSpace;
use crate::wire::transport_parameters::TransportParameters;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Ecn, Instant, Side};
use crypto::{CipherSuite, Secret};
use tls::KeyChange;

/// 0-RTT packets that a server keeps until it has read the ClientHello, whose second half may come after them. As many as a
/// client sends in its first flight, beside those with the ClientHello.
/// RFC 9000 section 5.2.2-6.
const MAX_HELD: usize = 8;
/// And their bytes.
const MAX_HELD_BYTES: usize = 12 * 1024;

/// What a connection keeps for early data: a client's while it may send some, a server's while it may receive some.
#[derive(Debug)]
pub(super) enum EarlyData {
    /// A client sends early data.
    Sending(Sending),
    /// A server has not read the ClientHello.
    Awaiting(Vec<Held>),
    /// A server opens 0-RTT packets; from the end of the handshake on until then.
    Receiving {
        /// Some time after the handshake is complete: what is under way then is late.
        until: Option<Instant>,
    },
}

/// What a client relies on.
#[derive(Debug)]
pub(super) struct Sending {
    remembered: RememberedParameters,
    /// What the application said when the ticket came.
    application: Vec<u8>,
    /// The server's new limits, which hold for 1-RTT packets only.
    new: Option<Box<TransportParameters>>,
}

/// A packet that cannot be opened yet.
#[derive(Debug)]
pub(super) struct Held {
    packet: Vec<u8>,
    ecn: Ecn,
}

impl Connection {
    /// A connection begins. A client whose ticket allows it has the keys of early data already, and keeps to what it remembers.
    /// A server that `takes_early_data` waits for some.
    pub(super) fn begin_early_data(&mut self, now: Instant, takes_early_data: bool) {
        match self.wire.side {
            Side::Server if takes_early_data => self.early = Some(Box::new(EarlyData::Awaiting(Vec::new()))),
            Side::Server => {}
            Side::Client => self.offer_early_data(now),
        }
    }

    /// RFC 9000 section 7.4.1-4: under the parameters that were remembered. A ticket without any, or with what cannot be read, is
    /// for no early data, though it was offered.
    fn offer_early_data(&mut self, now: Instant) {
        let Some((parameters, application)) = self.handshake.take_remembered() else { return };
        let Ok(parameters) = TransportParameters::decode(&parameters, Side::Server) else { return };
        let Some(KeyChange::EarlyData { suite, secret }) = self.handshake.poll_keys() else { return };
        let remembered = RememberedParameters::of(&parameters);
        self.streams.set_peer_limits(&remembered.to_parameters());
        let sending = Sending { remembered, application, new: None };
        self.early = Some(Box::new(EarlyData::Sending(sending)));
        self.levels.install(PacketKind::ZeroRtt, Some(SealKeys::new(suite, self.wire.version, secret)), None);
        self.trace_early_keys(now, true);
        self.events.push(Event::CanSend);
    }

    /// TLS gave the keys of early data: on a client they came before, if they are of use.
    pub(super) fn accept_early_data(&mut self, now: Instant, suite: &'static CipherSuite, secret: Secret) {
        if self.wire.side == Side::Server {
            self.levels.install(PacketKind::ZeroRtt, None, Some(OpenKeys::new(suite, self.wire.version, secret)));
            self.trace_early_keys(now, true);
        }
    }

    /// Whether what this side sends of its streams is early data.
    #[inline]
    pub(super) fn sends_early_data(&self) -> bool {
        self.early.as_deref().is_some_and(|early| matches!(early, EarlyData::Sending(_)))
    }

    /// The server's transport parameters are there, on a client that sent early data. What it accepted was sent within the limits
    /// that were remembered, so none of them may have shrunk; the new ones are for 1-RTT packets.
    /// RFC 9000 section 7.4.1-5, 7.4.1-6, 7.4.1-10.
    pub(super) fn check_early_limits(&mut self, parameters: &TransportParameters) -> Result<(), Violation> {
        let Some(EarlyData::Sending(sending)) = self.early.as_deref_mut() else { return Ok(()) };
        sending.remembered.check_not_reduced(parameters)?;
        sending.new = Some(Box::new(parameters.clone()));
        Ok(())
    }

    /// After TLS has read something: early data may have been refused, and a server may have got the keys for it, or never will.
    pub(super) fn follow_early_data(&mut self, turn: &mut Turn<'_>) {
        let is_refused = self.handshake.session().early_data() == tls::EarlyData::Refused;
        match self.early.as_deref() {
            Some(EarlyData::Sending(_)) if is_refused => self.on_early_data_refused(turn),
            _ => {}
        }
    }

    /// RFC 9001 section 4.6.2: the server has not read what was sent. Nothing of it counts, and it is sent again in 1-RTT packets,
    /// within the limits that this connection has.
    fn on_early_data_refused(&mut self, turn: &mut Turn<'_>) {
        self.drop_early_keys(turn.now);
        turn.scratch.outcome.clear();
        self.recovery.abandon(PacketNumberSpace::ApplicationData, &mut turn.scratch.outcome);
        self.recovered(turn, PacketNumberSpace::ApplicationData);
        self.streams.on_early_data_refused();
    }

    /// The handshake is complete. A client has 1-RTT keys, and the limits that go with them; a server has some time yet for what
    /// is late.
    /// RFC 9001 section 4.9.3-1, 4.9.3-3: three probe timeouts.
    pub(super) fn end_early_data(&mut self, now: Instant) {
        let late = now + self.recovery.pto(PacketNumberSpace::ApplicationData).saturating_mul(3);
        match self.early.as_deref_mut() {
            None => {}
            Some(EarlyData::Receiving { until }) => *until = Some(late),
            Some(EarlyData::Awaiting(_)) => self.early = None,
            Some(EarlyData::Sending(sending)) => {
                let new = sending.new.take();
                // RFC 9001 section 4.9.3-1: 0-RTT keys have no use from here on.
                self.drop_early_keys(now);
                if let Some(new) = new {
                    self.streams.set_peer_limits(&new);
                }
            }
        }
    }

    /// When a server drops the keys of early data.
    #[inline]
    pub(super) fn early_data_deadline(&self) -> Option<Instant> {
        match self.early.as_deref()? {
            EarlyData::Receiving { until } => *until,
            EarlyData::Sending(_) | EarlyData::Awaiting(_) => None,
        }
    }

    pub(super) fn on_early_data_timeout(&mut self, now: Instant) {
        if self.early_data_deadline().is_some_and(|until| until <= now) {
            self.drop_early_keys(now);
        }
    }

    fn drop_early_keys(&mut self, now: Instant) {
        self.early = None;
        if self.levels.discard(PacketKind::ZeroRtt) {
            self.trace_early_keys(now, false);
        }
    }

    /// Only clients send under these keys.
    fn trace_early_keys(&mut self, now: Instant, installed: bool) {
        let key = Key { packet_type: PacketType::ZeroRtt, of: Side::Client, phase: 0 };
        self.trace(now, if installed { Record::KeyInstalled(key) } else { Record::KeyDiscarded(key) });
    }

    /// Keeps a 0-RTT packet that came before the ClientHello was complete, if there is room; tells whether it did.
    pub(super) fn hold_early_packet(&mut self, arrival: &Arrival, protected: &Protected, packet: &[u8]) -> bool {
        if protected.kind != PacketKind::ZeroRtt || self.expects(arrival, protected, packet).is_err() {
            return false;
        }
        let Some(EarlyData::Awaiting(held)) = self.early.as_deref_mut() else { return false };
        let bytes: usize = held.iter().map(|held| held.packet.len()).sum();
        let has_room = held.len() < MAX_HELD && bytes + packet.len() <= MAX_HELD_BYTES;
        if has_room {
            held.push(Held { packet: packet.to_vec(), ecn: arrival.ecn });
        }
        has_room
    }

    /// Whether the ClientHello is read now, and with it known what becomes of 0-RTT packets.
    pub(super) fn has_early_verdict(&self) -> bool {
        matches!(self.early.as_deref(), Some(EarlyData::Awaiting(_))) && self.handshake.has_left_initial()
    }

    /// The ClientHello is read: what was held is opened, or dropped if its early data is refused.
    pub(super) fn release_early_packets(&mut self, turn: &mut Turn<'_>) {
        let is_accepted = self.handshake.session().early_data() == tls::EarlyData::Accepted;
        let next = is_accepted.then(|| Box::new(EarlyData::Receiving { until: None }));
        let Some(EarlyData::Awaiting(held)) = core::mem::replace(&mut self.early, next).map(|early| *early) else {
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
                // RFC 9001 section 4.6.2-1, 5.6-6: there are no keys for it, and never will be.
                _ => Err(Discard::NoKey),
            };
            if let Err(discard) = result {
                self.dropped(turn, packet.len(), discard);
            }
        }
    }

    /// What has become of early data on this connection. On a server it may be a repetition of what another connection has
    /// brought until the handshake is complete.
    pub fn early_data(&self) -> tls::EarlyData {
        self.session().early_data()
    }

    /// Whether the handshake is complete (RFC 9001 section 4.1.1): what comes from then on is no repetition.
    pub fn is_handshake_complete(&self) -> bool {
        self.session().is_complete()
    }

    /// Whether the peer has shown that it receives what is sent to its address (RFC 9000 section 8.1). A server acts upon early data
    /// before that is so: until then the address may be anybody's.
    pub fn is_peer_address_validated(&self) -> bool {
        self.paths.in_use.amplification.is_validated()
    }

    /// Whether anything is kept for early data: never once the handshake has been complete for a moment.
    pub fn has_early_data_state(&self) -> bool {
        self.early.is_some() || self.levels.has_early_data()
    }

    /// On a client that may send early data, what the application had said that it relies on when the ticket came; once. Empty if
    /// it had said nothing yet.
    pub fn take_remembered_application(&mut self) -> Option<Vec<u8>> {
        match self.early.as_deref_mut()? {
            EarlyData::Sending(sending) => Some(core::mem::take(&mut sending.application)),
            EarlyData::Awaiting(_) | EarlyData::Receiving { .. } => None,
        }
    }

    /// On a client, what the application relies on when it sends early data on a later connection: kept with the tickets that
    /// come from now on ([`tls::Session::remember_application`]).
    pub fn remember_application(&mut self, application: &[u8]) {
        self.handshake.remember_application(application);
    }
}
