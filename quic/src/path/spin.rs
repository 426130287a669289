//! The latency spin bit of one path (RFC 9000 section 17.4): the client turns it over once in a round trip, the server sends it
//! back, and who watches the path between sees how long that takes.

use crate::wire::connection_id::ConnectionId;
use crate::wire::packet_number::PacketNumber;
use base::Side;

/// On one path in so many the bit says nothing, so that nobody on the way comes to rely on it (section 17.4).
const SILENT_IN: u8 = 16;

/// What is sent of it, and what was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spin {
    is_enabled: bool,
    value: bool,
    /// The highest number that came on the path.
    highest: Option<PacketNumber>,
}

impl Spin {
    /// Of a path on which the peer sends to `local_id`, whose bytes were drawn at random, so that what follows from them is as
    /// random. `is_wanted`: the administrator wants it.
    /// RFC 9000 section 17.4-3, 17.4-4.
    pub(crate) fn new(is_wanted: bool, local_id: ConnectionId) -> Spin {
        let chance = fold(local_id);
        Spin { is_enabled: is_wanted && !chance.is_multiple_of(SILENT_IN), value: false, highest: None }
    }

    /// A 1-RTT packet came on the path to `side`.
    /// RFC 9000 section 17.4-5: disabled, nothing follows from it.
    #[inline]
    pub(crate) fn on_received(&mut self, side: Side, number: PacketNumber, bit: bool) {
        if self.is_enabled && self.highest.is_none_or(|highest| number > highest) {
            self.highest = Some(number);
            self.value = match side {
                Side::Client => !bit,
                Side::Server => bit,
            };
        }
    }

    /// What is sent on the path goes to another connection ID from now on.
    pub(crate) const fn on_id_changed(&mut self) {
        self.value = false;
    }

    /// The bit of a packet to `destination`. Disabled, it is random for each ID, as the ID is.
    #[inline]
    pub(crate) fn bit(&self, destination: ConnectionId) -> bool {
        if self.is_enabled { self.value } else { fold(destination) & 1 != 0 }
    }
}

/// All bytes of an ID in one.
fn fold(id: ConnectionId) -> u8 {
    id.as_slice().iter().fold(0, |all, byte| all ^ byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ConnectionId {
        ConnectionId::new(&[byte, 0, 0, 0]).unwrap()
    }

    fn number(value: u64) -> PacketNumber {
        PacketNumber::new(value).unwrap()
    }

    #[test]
    fn a_client_turns_it_over_and_a_server_sends_it_back() {
        let (mut client, mut server) = (Spin::new(true, id(1)), Spin::new(true, id(2)));
        let mut seen = [false; 6];
        for (place, round) in seen.iter_mut().zip(0..) {
            *place = client.bit(id(2));
            server.on_received(Side::Server, number(round), *place);
            assert_eq!(server.bit(id(1)), *place);
            client.on_received(Side::Client, number(round), server.bit(id(1)));
        }
        assert_eq!(seen, [false, true, false, true, false, true]);
        // What is late says nothing.
        let before = client.bit(id(2));
        client.on_received(Side::Client, number(2), before);
        client.on_received(Side::Client, number(5), before);
        assert_eq!(client.bit(id(2)), before);
        server.on_received(Side::Server, number(6), true);
        server.on_id_changed();
        assert!(!server.bit(id(1)), "another ID begins with 0");
    }

    /// RFC 9000 section 17.4-3, 17.4-4, 17.4-5.
    #[test]
    fn one_path_in_sixteen_or_all_of_them_say_nothing() {
        let spins = |is_wanted, byte| {
            let mut spin = Spin::new(is_wanted, id(byte));
            let before = spin.bit(id(9));
            spin.on_received(Side::Client, number(1), before);
            spin.bit(id(9)) != before
        };
        assert_eq!((0..=255).filter(|byte| spins(true, *byte)).count(), 240);
        assert_eq!((0..=255).filter(|byte| spins(false, *byte)).count(), 0);
        // Then it depends on nothing but the ID.
        let silent = Spin::new(false, id(1));
        assert_eq!((0..=255).filter(|byte| silent.bit(id(*byte))).count(), 128);
    }
}
