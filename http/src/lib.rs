//! What every version of HTTP shares (RFC 9110): methods, status codes, fields, authorities, message heads, and the rules
//! that make a message malformed (RFC 9114 section 4; the same as RFC 9113 section 8), and [`exchange`]: what an application
//! is told and may do between the beginning of a request and the end of its response.
//!
//! Nothing here knows a wire format. A decoder pushes `(name, value)` pairs into [`message_rules`]; an encoder takes
//! them from [`RequestHead::lines`] and [`ResponseHead::lines`].
//!
//! ```
//! use posthaste_http as http;
//! use http::{Malformed, Method, RequestDecoder, RequestHead};
//!
//! let head = RequestHead::new(Method::Get, "https://example.com/a?b").expect("a complete URI").with_field("Accept", "*/*")?;
//! let mut decoder = RequestDecoder::new(false);
//! for (name, value) in head.lines() {
//!     decoder.push(name.as_bytes(), value).expect("what we send is well-formed");
//! }
//! assert_eq!(decoder.finish(), Ok(head));
//!
//! let mut decoder = RequestDecoder::new(false);
//! assert_eq!(decoder.push(b"Accept", b"*/*"), Err(Malformed::UppercaseName), "names are in lower case on the wire");
//! # Ok::<(), http::InvalidField>(())
//! ```
//!
//! `posthaste-h3` puts these messages on streams. What goes through tunnels in pieces is in [`capsule`]. Conditional requests, ranges and dates are in [`conditions`] and [`HttpDate`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod authority;
pub mod capsule;
mod characters;
pub mod conditions;
mod date;
pub mod exchange;
mod fields;
pub mod message_rules;
mod method;
pub mod pace;
mod priority;
pub mod request;
pub mod response;
mod status;
mod structured;
mod target;
mod time_limits;

pub use authority::{Authority, InvalidAuthority};
pub use date::HttpDate;
pub use fields::{Decimal, Fields, InvalidField};
pub use message_rules::{ContentLengthCheck, Malformed, RequestDecoder, ResponseDecoder, TrailersDecoder};
pub use method::{ExtensionMethod, InvalidMethod, Method};
pub use priority::Priority;
pub use request::{InvalidRequest, RequestHead};
pub use response::ResponseHead;
pub use status::{InvalidStatus, Status};
pub use target::{InvalidTarget, OtherScheme, Path, Protocol, Scheme};
pub use time_limits::TimeLimits;
