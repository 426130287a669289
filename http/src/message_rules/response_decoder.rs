//! Received lines into a [`ResponseHead`] (RFC 9114 section 4.3.2).

use super::malformed::Malformed;
use super::rules::{self, Section};
use crate::fields::Fields;
use crate::response::ResponseHead;
use crate::status::Status;

/// Collects the lines of one response head, final or informational.
#[derive(Debug, Default)]
pub struct ResponseDecoder {
    status: Option<Status>,
    fields: Fields,
}

impl ResponseDecoder {
    /// Nothing collected yet.
    pub fn new() -> ResponseDecoder {
        ResponseDecoder::default()
    }

    /// The next line.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        if !rules::is_pseudo(name) {
            return rules::push(&mut self.fields, Section::Response, name, value);
        }
        // RFC 9114 section 4.3-6.
        if !self.fields.is_empty() {
            return Err(Malformed::LatePseudoField);
        }
        // RFC 9114 section 4.3-2, 4.3-4: also those of requests.
        if name != b":status" {
            return Err(Malformed::UnknownPseudoField);
        }
        if self.status.is_some() {
            return Err(Malformed::DuplicatePseudoField);
        }
        self.status = Some(Status::from_bytes(value).map_err(|_| Malformed::Status)?);
        Ok(())
    }

    /// All lines were there. None of them is left here.
    pub fn finish(&mut self) -> Result<ResponseHead, Malformed> {
        // RFC 9114 section 4.3.2-1.
        let status = self.status.take().ok_or(Malformed::Status)?;
        if status.code() == 101 {
            return Err(Malformed::SwitchingProtocols);
        }
        rules::content_length(&self.fields)?;
        Ok(ResponseHead { status, fields: core::mem::take(&mut self.fields) })
    }
}
