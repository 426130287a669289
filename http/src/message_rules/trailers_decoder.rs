//! Received lines into trailers (RFC 9110 section 6.5, RFC 9114 section 4.3).

use super::malformed::Malformed;
use super::rules::{self, Section};
use crate::fields::Fields;

/// Collects the lines of one trailer section.
#[derive(Debug, Default)]
pub struct TrailersDecoder {
    fields: Fields,
}

impl TrailersDecoder {
    /// Nothing collected yet.
    pub fn new() -> TrailersDecoder {
        TrailersDecoder::default()
    }

    /// The next line.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        // RFC 9114 section 4.1-2, 4.3-3: a second head where trailers may be is malformed by this.
        if rules::is_pseudo(name) {
            return Err(Malformed::PseudoFieldInTrailers);
        }
        // RFC 9110 s6.5.1: framing that arrives after the message was framed can only mislead.
        if name == b"content-length" || name == b"host" {
            return Err(Malformed::ConnectionSpecificField);
        }
        rules::push(&mut self.fields, Section::Trailers, name, value)
    }

    /// All lines were there.
    pub fn finish(self) -> Fields {
        self.fields
    }
}
