//! The trust anchors of a command's client.

use crate::command::arguments::Trust;
use posthaste::{Error, Roots};

/// As the command line says; the system's roots if it says nothing.
pub fn roots(trust: &Trust) -> Result<Roots, Error> {
    match &trust.roots {
        Some(file) => Roots::from_pem_file(file),
        None if trust.insecure => Ok(Roots::dangerous_accept_any()),
        None => Roots::system(),
    }
}
