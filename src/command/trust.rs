//! Whom a command's client believes.

use crate::command::arguments::Trust;
use crate::command::revocation_files::RevocationFiles;
use posthaste::{Error, Pins, Roots};

/// As the command line says; the system's roots if it says nothing.
pub fn roots(trust: &Trust) -> Result<Roots, Error> {
    let roots = match &trust.roots {
        Some(file) => Roots::from_pem_file(file)?,
        None if trust.insecure => Roots::dangerous_accept_any(),
        None if !trust.pins.is_empty() => {
            let mut pins = Pins::new();
            trust.pins.iter().for_each(|hash| pins.add_certificate(*hash));
            Roots::pinned(pins)
        }
        None => Roots::system()?,
    };
    let lists = RevocationFiles::read(&trust.revocation_lists)?;
    if lists.is_empty() { Ok(roots) } else { roots.check_revocation(lists.revocation()) }
}
