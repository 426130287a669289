//! Paths: pairs of addresses, what may be sent on them, and how large.

pub(crate) mod amplification;
pub(crate) mod moves;
pub(crate) mod mtu;
pub(crate) mod others;
#[expect(clippy::module_inception, reason = "the file holds the type Path")]
pub(crate) mod path;
pub(crate) mod paths;
pub(crate) mod preferred;
pub(crate) mod reach;
pub(crate) mod silence;
pub(crate) mod spin;
pub(crate) mod validation;
