//! Many connections behind one address: demultiplexing, accepting, connecting, and the answers to packets of no connection.
//!
//! The endpoint owns the connections, one timer each on the wheel, what the layer above keeps for each, and two queues:
//! connections that may have something to send, and connections that have something to tell. A call costs what changed,
//! whatever the number of connections.
//!
//! | file | what |
//! |---|---|
//! | `slots` | the places of connections |
//! | `table` | the state, and the tables by which a datagram finds its connection |
//! | `settle` | what follows when something happened to a connection |
//! | `strangers` | datagrams of no connection |
//! | `admit` | first packets: what is decided about them, and how a server's connections begin |
//! | `traces` | the records of all connections |
//! | `machine` | the calls of the driver and of the layer above |

pub(crate) mod accept;
mod admission;
mod admit;
mod aes;
mod answers;
mod attempt;
mod early_datagrams;
mod event;
mod first_flight;
mod handover;
mod handshakes;
mod hidden;
pub(crate) mod id_layout;
mod id_seal;
pub(crate) mod ids;
mod load_balancing;
mod machine;
mod networks;
mod new_token;
mod per_second;
pub(crate) mod reply;
mod settle;
mod slots;
mod stats;
mod strangers;
mod table;
mod token;
mod token_store;
mod trace_queue;
mod traces;
mod used_tokens;

pub use accept::EndpointConfig;
pub use admission::{AddressValidation, Admission, Incoming, OnIncoming};
pub use event::EndpointEvent;
pub use id_layout::{IdLayout, IdLayoutError};
pub use ids::{IdCodec, Named};
pub use load_balancing::{LoadBalancing, LoadBalancingError};
pub use networks::Network;
pub use new_token::TokenPolicy;
pub use slots::ConnectionHandle;
pub use stats::{EndpointStats, Held, Strangers, TokenCounts};
pub use table::Endpoint;
pub use token_store::{TokenCache, TokenOrigin, TokenStore};
pub use used_tokens::{TokenId, TokenMemory, UsedTokens};
