//! What all measured programs share: the frame of a client and of a server, what they are asked to do, and the counters.
//! Every stack is counted by the same means: the process's own clock, its allocator, and its system calls.

mod allocator;
#[cfg(feature = "h3")]
pub mod asynchronous;
mod calls;
pub mod census;
#[cfg(feature = "h3")]
pub mod http3;
pub mod identity;
pub mod measure;
pub mod program;
pub mod server;
pub mod sessions;
pub mod work;
