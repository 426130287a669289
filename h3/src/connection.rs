//! One HTTP/3 connection: the conductor, which holds the streams and the control flow between them.
//!
//! | file | what |
//! |---|---|
//! | `state` | what a connection is made of, how it begins, and how it and its streams end |
//! | `outcome` | what reading a message came to: its end, a reset, a violation |
//! | `unwanted` | requests that were answered before they were complete |
//! | `instructions` | what comes and goes on the streams of QPACK |
//! | `control` | the streams that exist once: control and QPACK, both ways |
//! | `input` | what the transport tells |
//! | `data_streams` | streams that belong to a request and carry no HTTP |
//! | `datagrams` | what belongs to an exchange and goes beside its stream |
//! | `priorities` | how urgent the application says that responses are |
//! | `slowness` | what is given up because the client is too slow with it |
//!
//! What the application calls is in `body`, `client` and `server`.

mod control;
mod data_streams;
mod datagrams;
mod input;
mod instructions;
mod outcome;
mod priorities;
mod slowness;
mod state;
mod unwanted;

#[cfg(test)]
pub(crate) use instructions::MOST_UNSENT;
pub use state::Connection;
