//! One connection: the conductor. It holds the components and the control flow between them, and no protocol state of its
//! own; each of its files is one kind of call.
//!
//! | file | what |
//! |---|---|
//! | `budget` | whether a packet may be sent |
//! | `coalesced` | datagram -> packets |
//! | `receive` | packet -> frames |
//! | `retry` | a server that wants our address proved first |
//! | `sizes` | how much a packet carries, and how large a datagram may be |
//! | `datagrams` | datagrams of the application: taken and given |
//! | `dispatch` | frame -> the component that owns it |
//! | `recovered` | acknowledged or lost -> the component that sent it |
//! | `paths` | another address of the peer or of our own |
//! | `early_data` | what a client sends before the server has answered |
//! | `early_packets` | early data that comes before its keys |
//! | `ack_frequency` | how often the ends acknowledge, by agreement |
//! | `establish` | keys and transport parameters, from TLS to the components |
//! | `packet_writer` | one packet, from its header to its place in the books |
//! | `outgoing` | what every outgoing datagram has in common |
//! | `interest` | what a space would like to send |
//! | `probe` | what is sent when the probe timer has expired |
//! | `transmit` | components -> frames -> packets -> datagrams |
//! | `transmit_close` | CONNECTION_CLOSE, when nothing else is sent any more |
//! | `transmit_path` | challenges and answers on the paths that are not in use |
//! | `timeout` | deadlines |
//! | `identity` | connection IDs and the reset token, for the endpoint |
//! | `statistics` | what was counted and measured, for the application |
//! | `application` | the calls of the application |

mod ack_frequency;
pub(crate) mod application;
pub(crate) mod budget;
mod coalesced;
mod datagrams;
mod dispatch;
mod early_data;
mod early_packets;
mod establish;
mod identity;
mod interest;
mod other_version;
mod outgoing;
mod packet_writer;
mod paths;
mod places;
mod preferred;
mod probe;
mod receive;
mod recovered;
mod repeats;
mod retry;
mod sizes;
mod state;
mod statistics;
mod timeout;
mod transmit;
mod transmit_close;
mod transmit_path;
mod versions;

pub use state::{Connection, NewConnection};
