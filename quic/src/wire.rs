//! What is on the wire, byte for byte, and nothing of what it means.

pub mod connection_id;
pub mod frame;
pub mod header;
pub mod packet_number;
pub mod transport_parameters;
pub mod version;
