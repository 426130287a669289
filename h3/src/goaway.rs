//! GOAWAY (RFC 9114 section 5.2): identifiers only ever go down, on both sides.

use crate::violation::Violation;
use base::{Direction, Side, StreamId, VarInt};

/// What a server says first: all requests that are on their way will be served, but no new ones should come.
pub(crate) const SERVER_NOTICE: VarInt = match VarInt::new((1 << 62) - 4) {
    Some(value) => value,
    None => VarInt::MAX,
};

/// The last GOAWAY of each side.
#[derive(Debug, Default)]
pub(crate) struct GoAway {
    pub(crate) sent: Option<VarInt>,
    pub(crate) received: Option<u64>,
}

impl GoAway {
    /// The peer sent one with `identifier`; `peer` is its side.
    pub(crate) fn on_received(&mut self, identifier: u64, peer: Side) -> Result<(), Violation> {
        if peer == Side::Server {
            let id = VarInt::new(identifier).map(StreamId::from_varint).ok_or(Violation::GoAwayStream)?;
            // RFC 9114 section 7.2.6-1: a server names a request.
            if id.initiator() != Side::Client || id.direction() != Direction::Bidirectional {
                return Err(Violation::GoAwayStream);
            }
        }
        // RFC 9114 section 5.2-9: it may only go down.
        if self.received.is_some_and(|before| identifier > before) {
            return Err(Violation::GoAwayIncreased);
        }
        self.received = Some(identifier);
        Ok(())
    }

    /// Whether a request that arrives on `id` is to be rejected.
    pub(crate) fn rejects(&self, id: StreamId) -> bool {
        self.sent.is_some_and(|sent| id.value() >= sent.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9114 section 5.2-9.
    #[test]
    fn identifiers_never_rise() {
        let mut goaway = GoAway::default();
        assert_eq!(goaway.on_received(8, Side::Server), Ok(()));
        assert_eq!(goaway.on_received(8, Side::Server), Ok(()));
        assert_eq!(goaway.on_received(4, Side::Server), Ok(()));
        assert_eq!(goaway.on_received(8, Side::Server), Err(Violation::GoAwayIncreased));
    }

    /// RFC 9114 section 7.2.6-1.
    #[test]
    fn a_server_names_requests_and_a_client_anything() {
        for wrong in [1, 2, 3, 7] {
            assert_eq!(GoAway::default().on_received(wrong, Side::Server), Err(Violation::GoAwayStream));
            assert_eq!(GoAway::default().on_received(wrong, Side::Client), Ok(()));
        }
        assert_eq!(GoAway::default().on_received(SERVER_NOTICE.value(), Side::Server), Ok(()));
    }
}
