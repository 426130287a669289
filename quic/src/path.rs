//! Paths: pairs of addresses, what may be sent on them, and how large.

pub mod amplification;
pub mod moves;
pub mod mtu;
pub mod others;
#[expect(clippy::module_inception, reason = "the file holds the type Path")]
pub mod path;
pub mod paths;
pub mod validation;
