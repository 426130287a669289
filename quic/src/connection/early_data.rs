//! Early data, 0-RTT (RFC 9001 sections 4.6 and 5.6, RFC 9000 sections 7.4.1 and 17.2.3): what a client sends before the
//! server has answered, under keys and limits that it remembers, and what a server makes of it.
//!
//! Streams keep what was sent until it is acknowledged, so early data that the server refuses is sent again like anything that
//! was lost, only under the limits of this connection: the application does not notice.

use super::state::Connection;
use crate::early_data::{EarlyData, Sending};
use crate::event::Event;
use crate::peer_parameters::RememberedParameters;
use crate::protection::keys::{OpenKeys, SealKeys};
use crate::trace::{Key, PacketType, Record};
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::frame::PacketKind;
use crate::wire::packet_number::PacketNumberSpace;
use crate::wire::transport_parameters::TransportParameters;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Instant, Side};
use crypto::{CipherSuite, Secret};
use tls::KeyChange;

impl Connection {
    /// A connection begins. A client whose ticket allows it has the keys of early data already, and keeps to what it remembers.
    /// A server that `takes_early_data` waits for some.
    pub(crate) fn begin_early_data(&mut self, now: Instant, takes_early_data: bool) {
        match self.wire.side {
            Side::Server if takes_early_data => self.handshake.early = Some(Box::new(EarlyData::Awaiting(Vec::new()))),
            Side::Server => {}
            Side::Client => self.offer_early_data(now),
        }
    }

    /// RFC 9000 section 7-6, 7.4.1-4: under the parameters that were remembered. A ticket without any, or with what cannot be read, is
    /// for no early data, though it was offered.
    fn offer_early_data(&mut self, now: Instant) {
        let Some((parameters, application)) = self.handshake.take_remembered() else { return };
        let Ok(parameters) = TransportParameters::decode(&parameters, Side::Server) else { return };
        let Some(KeyChange::EarlyData { suite, secret }) = self.handshake.poll_keys() else { return };
        let remembered = RememberedParameters::of(&parameters);
        self.streams.set_peer_limits(&remembered.to_parameters());
        // RFC 9221 section 3-7: datagrams, too, as large as the server took before.
        self.peer.recall(&parameters);
        self.begin_datagrams();
        self.handshake.early = Some(Box::new(EarlyData::Sending(Sending::new(remembered, application))));
        self.levels.install(PacketKind::ZeroRtt, Some(SealKeys::new(suite, self.wire.first_flight(), secret)), None);
        self.trace_early_keys(now, true);
        self.events.push(Event::CanSend);
    }

    /// TLS gave the keys of early data: on a client they came before, if they are of use.
    /// RFC 9001 section 5.6-5: a server only opens with them.
    pub(super) fn accept_early_data(&mut self, now: Instant, suite: &'static CipherSuite, secret: Secret) {
        if self.wire.side == Side::Server {
            self.levels.install(
                PacketKind::ZeroRtt,
                None,
                Some(OpenKeys::new(suite, self.wire.first_flight(), secret)),
            );
            self.trace_early_keys(now, true);
        }
    }

    /// Whether what this side sends of its streams is early data.
    #[inline]
    pub(super) fn sends_early_data(&self) -> bool {
        matches!(self.handshake.early.as_deref(), Some(EarlyData::Sending(_)))
    }

    /// The server's transport parameters are there: their limits hold from now on, or on a client that sends early data from its
    /// first 1-RTT packet on.
    pub(super) fn set_peer_limits(&mut self, parameters: &TransportParameters) -> Result<(), Violation> {
        match self.handshake.early.as_deref_mut() {
            Some(EarlyData::Sending(sending)) => sending.on_accepted(parameters)?,
            _ => self.streams.set_peer_limits(parameters),
        }
        Ok(())
    }

    /// After TLS has read something: a server may have refused early data.
    pub(super) fn follow_early_data(&mut self, turn: &mut Turn<'_>) {
        let is_refused = self.handshake.session().early_data() == tls::EarlyData::Refused;
        if is_refused && self.sends_early_data() {
            self.on_early_data_refused(turn);
        }
    }

    /// RFC 9001 section 4.6.2-2, 4.6.2-3: the server has not read what was sent. Nothing of it counts, and it is sent again in 1-RTT packets,
    /// within the limits that this connection has.
    fn on_early_data_refused(&mut self, turn: &mut Turn<'_>) {
        self.drop_early_keys(turn.now);
        turn.scratch.outcome.clear();
        self.recovery.refuse(PacketNumberSpace::ApplicationData, &mut turn.scratch.outcome);
        self.recovered(turn, PacketNumberSpace::ApplicationData);
        self.streams.on_early_data_refused();
    }

    /// The handshake is complete. A client has 1-RTT keys, and the limits that go with them; a server has some time yet for what
    /// is late.
    /// RFC 9001 section 4.9.3-3, 4.9.3-4: three probe timeouts.
    pub(super) fn end_early_data(&mut self, now: Instant) {
        let late = now + self.recovery.pto(PacketNumberSpace::ApplicationData).saturating_mul(3);
        match self.handshake.early.as_deref_mut() {
            None => {}
            Some(EarlyData::Receiving { until }) => *until = Some(late),
            Some(EarlyData::Awaiting(_)) => self.handshake.early = None,
            Some(EarlyData::Sending(sending)) => {
                let new = sending.new.take();
                // RFC 9001 section 4.9.3-1, 5.6-7, RFC 9000 section 17.2.3-3: 0-RTT keys have no use from here on.
                self.drop_early_keys(now);
                if let Some(new) = new {
                    self.streams.set_peer_limits(&new);
                }
            }
        }
    }

    pub(super) fn on_early_data_timeout(&mut self, now: Instant) {
        let deadline = self.handshake.early.as_deref().and_then(EarlyData::deadline);
        if deadline.is_some_and(|until| until <= now) {
            self.drop_early_keys(now);
        }
    }

    fn drop_early_keys(&mut self, now: Instant) {
        self.handshake.early = None;
        if self.levels.discard(PacketKind::ZeroRtt) {
            self.trace_early_keys(now, false);
        }
    }

    /// Only clients send under these keys.
    fn trace_early_keys(&mut self, now: Instant, installed: bool) {
        let key = Key { packet_type: PacketType::ZeroRtt, of: Side::Client, phase: 0 };
        self.trace(now, if installed { Record::KeyInstalled(key) } else { Record::KeyDiscarded(key) });
    }
}
