//! The sessions of one connection: the conductor, which holds them and their streams, and the control flow between.
//!
//! | file | what |
//! |---|---|
//! | `state` | what it is made of |
//! | `ending` | how sessions and streams end, and what is counted and sent until they do |
//! | `reserve` | what the transport sets aside for sessions, and how that grows |
//! | `streams` | what the application does with streams |
//! | `input` | what HTTP/3 tells, and how sessions begin by that |
//! | `calls` | what it does with sessions |

mod calls;
mod ending;
mod input;
mod reserve;
mod state;
mod streams;

pub use state::{NoSession, Sessions};
pub use streams::{OpenError, ReadStream, StreamError};
