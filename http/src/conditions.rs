//! Conditional requests and ranges (RFC 9110 sections 8.8, 13 and 14): what a server does with what a client has already.
//!
//! A server says what it has, as [`Validators`], and is told what to do: [`precondition`] before anything is done, then
//! [`requested_part`] for a response that would have all of the representation. Both are functions of the request's fields
//! alone; the time is an argument, because a date that is as new as the response says nothing for sure.

mod entity_tag;
mod precondition;
mod range;
mod validators;

pub use entity_tag::EntityTag;
pub use precondition::{Precondition, precondition};
pub use range::{Part, requested_part};
pub use validators::Validators;
