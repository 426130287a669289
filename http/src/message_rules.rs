//! What makes a message malformed (RFC 9114 section 4.1.2): the guard against request smuggling, for every version.
//!
//! A decoder of the wire pushes each line into a [`RequestDecoder`], [`ResponseDecoder`] or [`TrailersDecoder`] as it
//! comes; the first breach ends it. What goes out is held to the same rules by [`check_request`], [`check_response`] and
//! [`check_trailers`]; [`check_client_duties`] asks for more. [`ContentLengthCheck`] compares the declared with the real length on every way a body can end.

mod content_length;
mod duties;
mod malformed;
mod outgoing;
mod request_decoder;
mod response_decoder;
mod rules;
mod trailers_decoder;

pub use content_length::ContentLengthCheck;
pub use duties::{check_client_duties, check_trailer_duties};
pub use malformed::Malformed;
pub use outgoing::{check_request, check_response, check_trailers};
pub use request_decoder::RequestDecoder;
pub use response_decoder::ResponseDecoder;
pub use trailers_decoder::TrailersDecoder;

#[cfg(test)]
mod tests;
