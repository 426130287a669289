//! Packet protection (RFC 9001 section 5): keys made of secrets, and packets sealed and opened in place with them.

pub mod initial;
pub(crate) mod key_update;
pub(crate) mod keys;
pub(crate) mod levels;
pub(crate) mod limits;
pub(crate) mod one_rtt;
pub mod retry_integrity;

pub use keys::{OpenKeys, Opened, SealKeys};
pub(crate) use levels::Levels;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod version_2_tests;
