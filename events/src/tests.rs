//! The format against protoc's, frames against every damage, and both ends of sessions against each other.

mod client;
mod early;
mod format;
mod frames;
mod server;
mod shelf;
