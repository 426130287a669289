//! Packet protection (RFC 9001 section 5): keys made of secrets, and packets sealed and opened in place with them.

pub mod initial;
pub mod key_update;
pub mod keys;
pub mod levels;
pub mod limits;
pub mod one_rtt;
pub mod retry_integrity;

pub use keys::{OpenKeys, Opened, SealKeys};
pub use levels::Levels;

#[cfg(test)]
mod tests;
