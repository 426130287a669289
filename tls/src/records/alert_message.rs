//! Alerts as messages (RFC 9846 section 6): two bytes, in a record of their own. Over QUIC there are none.

use crate::alert::Alert;
use crate::violation::Violation;

/// How a record says that an alert is no error.
const WARNING: u8 = 1;
/// How a record says that the connection is over.
const FATAL: u8 = 2;

/// What a peer says with an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAlert {
    /// The peer sends nothing more; this side may go on (section 6.1).
    CloseNotify,
    /// The peer's user gave up the handshake; close_notify follows (section 6.1).
    UserCanceled,
    /// The peer has failed, and the connection with it.
    Error(Alert),
}

impl PeerAlert {
    /// Reads the content of an alert record.
    ///
    /// # Errors
    /// The content is not exactly one alert: none at all is an unexpected message (section 5.4), another number of bytes
    /// does not parse.
    pub fn decode(content: &[u8]) -> Result<PeerAlert, Violation> {
        match content {
            // RFC 9846 s5.4: a record that holds no alert has no place anywhere.
            [] => Err(Violation::UnexpectedMessage),
            // RFC 9846 section 6-4, 6-5: the level that is written does not make an error of these two, nor a warning
            // of all others, known or not.
            [_, 0] => Ok(PeerAlert::CloseNotify),
            [_, 90] => Ok(PeerAlert::UserCanceled),
            [_, description] => Ok(PeerAlert::Error(Alert(*description))),
            // RFC 9846 section 5.1-9, 5.1-10, 6-6: a record holds one alert, and all of it.
            _ => Err(Violation::Malformed),
        }
    }
}

/// The content of the record that tells the peer of `alert`, which ends the connection.
/// RFC 9846 section 6-4.
pub const fn encode(alert: Alert) -> [u8; 2] {
    [FATAL, alert.0]
}

/// The content of the record that says that this side sends nothing more.
pub const fn close_notify() -> [u8; 2] {
    // RFC 9846 section 6.1-2: it is a warning.
    [WARNING, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9846 section 6.1-2, 6-4.
    #[test]
    fn what_was_written_is_read() {
        // Whoever reads it does not look at the level: a warning, and an error.
        assert_eq!((close_notify(), encode(Alert::BAD_CERTIFICATE)), ([1, 0], [2, 42]));
        assert_eq!(PeerAlert::decode(&close_notify()), Ok(PeerAlert::CloseNotify));
        assert_eq!(PeerAlert::decode(&encode(Alert::BAD_CERTIFICATE)), Ok(PeerAlert::Error(Alert(42))));
    }

    /// RFC 9846 section 6-4, 6-5.
    #[test]
    fn the_description_decides_and_not_the_level() {
        for level in 0..=255 {
            assert_eq!(PeerAlert::decode(&[level, 0]), Ok(PeerAlert::CloseNotify));
            assert_eq!(PeerAlert::decode(&[level, 90]), Ok(PeerAlert::UserCanceled));
            for description in (1..=255).filter(|description| *description != 90) {
                assert_eq!(PeerAlert::decode(&[level, description]), Ok(PeerAlert::Error(Alert(description))));
            }
        }
    }

    /// RFC 9846 section 5.1-9, 5.1-10, 6-6.
    #[test]
    fn exactly_one_alert_to_a_record() {
        assert_eq!(PeerAlert::decode(&[]), Err(Violation::UnexpectedMessage));
        assert_eq!(PeerAlert::decode(&[2]), Err(Violation::Malformed));
        assert_eq!(PeerAlert::decode(&[2, 40, 2]), Err(Violation::Malformed));
        assert_eq!(PeerAlert::decode(&[2, 40, 2, 40]), Err(Violation::Malformed));
    }
}
