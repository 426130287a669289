//! The names of protocols without HTTP, which an application makes up (RFC 7301).

use crate::error::Error;

/// Whether a protocol may have this name: 1 to 255 bytes, and none that another part of the library speaks.
///
/// # Errors
/// It may not.
pub(crate) fn check(name: &str) -> Result<(), Error> {
    let is_http = ["h3", "h2", "http/1.1", "http/1.0"].contains(&name);
    let why = match name.len() {
        0 => "it is empty",
        256.. => "it has more than 255 bytes",
        _ if is_http => "it is a version of HTTP",
        _ => return Ok(()),
    };
    Err(Error::Message(format!("{name:?} cannot be the name of a protocol of one's own: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for bad in ["", "h3", "h2", "http/1.1", &"x".repeat(256)] {
            assert!(check(bad).unwrap_err().to_string().contains("cannot be the name"), "{bad:?}");
        }
        assert!(check("events/1").is_ok() && check(&"x".repeat(255)).is_ok());
    }
}
