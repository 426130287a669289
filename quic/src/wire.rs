//! The wire format, byte for byte, without its meaning.

pub mod connection_id;
pub mod frame;
pub mod header;
pub mod packet_number;
pub mod transport_parameters;
pub mod version;
