//! Whom a command's client believes.

use crate::command::arguments::Trust;
use posthaste::{Error, Pins, Roots};

/// As the command line says; the system's roots if it says nothing.
pub fn roots(trust: &Trust) -> Result<Roots, Error> {
    match &trust.roots {
        Some(file) => Roots::from_pem_file(file),
        None if trust.insecure => Ok(Roots::dangerous_accept_any()),
        None if !trust.pins.is_empty() => {
            let mut pins = Pins::new();
            trust.pins.iter().for_each(|hash| pins.add_certificate(*hash));
            Ok(Roots::pinned(pins))
        }
        None => Roots::system(),
    }
}
