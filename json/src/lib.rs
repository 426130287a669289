//! JSON (RFC 8259): values, a parser for what strangers send, and a writer.
//!
//! ```
//! use posthaste_json as json;
//!
//! let order = json::parse(br#"{"item": "tea", "grams": 250, "price": 12.90}"#)?;
//! assert_eq!(order.get("item").and_then(json::Value::as_str), Some("tea"));
//! assert_eq!(order.get("grams").and_then(json::Value::as_u64), Some(250));
//! // A number is the text that was sent: nothing is rounded on the way.
//! assert_eq!(order.get("price").map(ToString::to_string), Some("12.90".to_owned()));
//!
//! let error = json::parse(b"{\n  \"item\": tea\n}").unwrap_err();
//! assert_eq!(error.to_string(), "line 2, column 11 (byte 12): expected a value, found `t`");
//!
//! let answer = json::Value::object([("accepted", true.into()), ("items", vec!["tea"].into())]);
//! assert_eq!(answer.to_string(), r#"{"accepted":true,"items":["tea"]}"#);
//! # Ok::<(), json::Error>(())
//! ```
//!
//! The parser takes what RFC 8259 allows and nothing else: no comments, no commas at the end, no byte order mark, no text that is not
//! UTF-8, no half of a surrogate pair. It keeps a stack of its own, so that no text exhausts that of the thread, and has a limit
//! for everything that a text can make it hold ([`Limits`]). Two members of one name are refused unless
//! [`Duplicates::KeepLast`] says otherwise.
//!
//! What is written from front to back without a [`Value`] goes through [`ObjectWriter`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod escape;
mod limits;
mod number;
mod parser;
mod text;
mod value;
mod writer;

pub use error::{Error, ErrorKind};
pub use escape::push_escaped;
pub use limits::{Duplicates, Limits, MAX_DEPTH};
pub use number::Number;
pub use parser::parse;
pub use value::{Object, Value};
pub use writer::{ArrayWriter, ObjectWriter};

#[cfg(test)]
mod tests;
