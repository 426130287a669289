//! Why a datagram was not sent, and how many of several were.

use core::fmt;

/// Why an HTTP datagram (RFC 9297) was not sent. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramError {
    /// One of the two ends takes none, the peer has not said yet that it does, or the exchange is of a kind that has none.
    Unsupported,
    /// It has more than this many bytes, which is all that fits now.
    TooLarge {
        /// Bytes of the largest.
        most: usize,
    },
    /// As many wait as may: it is dropped, like one that is lost on the way.
    Full,
    /// The exchange is over, or this side has ended its message.
    Ended,
}

/// What became of several datagrams that were to be sent in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "what was not taken is not sent"]
pub struct SentDatagrams {
    /// How many were taken to be sent: those before the one that was refused, or all.
    pub taken: usize,
    /// Why the next one was not; neither it nor what follows it is sent.
    pub refused: Option<DatagramError>,
}

impl fmt::Display for DatagramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatagramError::Unsupported => {
                f.write_str("datagrams cannot be sent here: both ends and the request have to take them")
            }
            DatagramError::TooLarge { most } => write!(f, "the datagram is too large: {most} bytes fit now"),
            DatagramError::Full => f.write_str("too many datagrams wait to be sent"),
            DatagramError::Ended => f.write_str("the exchange that the datagram belongs to has ended"),
        }
    }
}

impl core::error::Error for DatagramError {}
