//! What an application is told of datagrams.

/// The number of a datagram: each that is taken to be sent has the next, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatagramId(pub u64);

/// Something about datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramEvent {
    /// Datagrams wait to be read.
    Readable,
    /// One was refused because too many waited, and there is room again.
    Writable,
    /// Bytes of the largest datagram that can be sent from now on: told when the peer has said that it takes datagrams, and
    /// whenever the path has changed. Some that wait may have become too large, and are dropped.
    LargestChanged(usize),
    /// The packet with this datagram was acknowledged: the peer's transport has it, and perhaps its application (RFC 9221
    /// section 5.2).
    Acknowledged(DatagramId),
    /// The packet with this datagram is taken for lost. It may have arrived all the same.
    Lost(DatagramId),
    /// This datagram was not sent: its time was over, a newer one took its place, the path became too narrow, or the connection
    /// has ended.
    Dropped(DatagramId),
}
