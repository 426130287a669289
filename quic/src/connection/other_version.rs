//! Initial packets of another version than the connection's, as far as they mean something: see `versions`.

use super::receive::{Arrival, Protected};
use super::state::Connection;
use crate::discard::Discard;
use crate::turn::Turn;
use crate::wire::frame::PacketKind;
use crate::wire::version::Version;
use base::Side;

impl Connection {
    /// An Initial packet of another version that is expected: [`expects_version`](Connection::expects_version).
    pub(super) fn receive_other_version(
        &mut self,
        turn: &mut Turn<'_>,
        arrival: &Arrival,
        protected: &Protected,
        version: Version,
        packet: &mut [u8],
    ) -> Result<(), Discard> {
        let Some(keys) = self.levels.seal(PacketKind::Initial) else { return Err(Discard::NoKey) };
        let suite = keys.suite();
        // Derived once, however many packets are forged.
        if self.levels.other_initial_version() != Some(version) {
            let (_, open) = self.wire.initial_keys_of(suite, version);
            self.levels.install_other_initial(open);
        }
        let before = self.wire.version;
        self.levels.exchange_initial();
        if self.wire.side == Side::Client {
            self.wire.go_on_with(version);
        }
        let result = self.receive_packet(turn, arrival, protected, packet);
        match self.wire.side {
            Side::Client if result.is_ok() => self.follow(turn.now, version),
            Side::Client => {
                self.levels.exchange_initial();
                self.wire.go_on_with(before);
            }
            Side::Server => self.levels.exchange_initial(),
        }
        result
    }
}
