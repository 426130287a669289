//! How files are served, beside which.

use crate::error::Error;
use crate::files::redirects::Redirects;
use http::Fields;

/// What is asked of the files of one folder.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// Names that begin with a dot are served.
    pub(super) dotfiles: bool,
    /// A form that was compressed beforehand is looked for beside a file.
    pub(super) precompressed: bool,
    /// Folders without an index are listed.
    pub(super) listing: bool,
    /// Of files that are served.
    pub(super) cache_control: Option<Box<str>>,
    /// Of every answer.
    pub(super) fields: Fields,
    /// What is answered with where there is nothing: with 404.
    pub(super) not_found: Option<Vec<Vec<u8>>>,
    /// The same as if it had been asked for.
    pub(super) fallback: Option<Vec<Vec<u8>>>,
    pub(super) redirects: Redirects,
}

/// Fields that say what this answer is, or how it is carried: they are true, or wrong.
const OWN: [&str; 19] = [
    "accept-ranges",
    "allow",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "location",
    "proxy-connection",
    "retry-after",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "cache-control",
];

impl Options {
    /// Adds a field to every answer.
    pub(super) fn add_field(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let lower = name.to_ascii_lowercase();
        if lower == "cache-control" {
            return Err(Error::message(
                "the field cache-control has a setting of its own, and is sent with files only",
            ));
        }
        if OWN.contains(&lower.as_str()) {
            return Err(Error::message(format!("the field {lower} is the server's own: it says what an answer is")));
        }
        let pushed = self.fields.push(&lower, value);
        pushed.map_err(|error| Error::message(format!("the field {name:?} with {value:?} cannot be sent: {error}")))
    }

    /// Checks and keeps the value of Cache-Control.
    pub(super) fn set_cache_control(&mut self, value: &str) -> Result<(), Error> {
        let pushed = Fields::new().push("cache-control", value);
        pushed.map_err(|error| Error::message(format!("cache-control cannot be {value:?}: {error}")))?;
        self.cache_control = Some(value.into());
        Ok(())
    }
}
