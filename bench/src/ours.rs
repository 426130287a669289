//! Posthaste: the sans-I/O endpoint on its own runtime's driver.

pub mod bulk;
pub mod http;
pub mod setup;
