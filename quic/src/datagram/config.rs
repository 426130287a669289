//! What can be chosen about datagrams, with the reason of each default.

use crate::wire::transport_parameters::TransportParameters;
use base::VarInt;

/// What a connection holds of datagrams, and how they share it with streams. What is advertised is read from here, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatagramsConfig {
    /// Bytes of the largest DATAGRAM frame that is taken, its type and length included: `max_datagram_frame_size` (RFC 9221
    /// section 3). Default 0: none is taken, and a peer that sends one breaks the protocol. Who wants datagrams says 65,535,
    /// which is every one that fits a packet. Datagrams can be sent whatever is said here.
    pub max_frame_size: u64,
    /// Bytes of datagrams that wait to be read. Default 256 KiB: two turns of a driver that receives as fast as it can. The
    /// oldest gives way to the newest. Each connection may hold so much on top of
    /// [`EndpointConfig::receive_memory`](crate::EndpointConfig::receive_memory).
    pub max_unread: usize,
    /// How many wait to be read, however small. Default 4,096: as many as have 64 bytes each.
    pub max_unread_count: usize,
    /// Bytes of datagrams that wait to be sent. Default 64 KiB: what a path of 10 Mbit/s takes in 50 ms. What waits longer is
    /// mostly of no use any more.
    pub max_unsent: usize,
    /// How many wait to be sent, however small. Default 1,024: as many as have 64 bytes each.
    pub max_unsent_count: usize,
    /// In how many of 16 packets datagrams come before the data of streams, if both wait: from 1 to 15, what is beyond counts
    /// as the nearest of them. Default 8. What one of them leaves of its packets the other takes.
    /// RFC 9221 section 5.1-1.
    pub share: u8,
}

impl Default for DatagramsConfig {
    fn default() -> DatagramsConfig {
        DatagramsConfig {
            max_frame_size: 0,
            max_unread: 256 << 10,
            max_unread_count: 4096,
            max_unsent: 64 << 10,
            max_unsent_count: 1024,
            share: 8,
        }
    }
}

impl DatagramsConfig {
    /// Tells the peer of what is taken: the very value that is enforced.
    /// RFC 9221 section 3-6.
    pub fn advertise(&self, parameters: &mut TransportParameters) {
        parameters.max_datagram_frame_size = self.max_frame_size.min(VarInt::MAX.value());
    }
}
