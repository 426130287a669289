//! Certificates for TLS: strict DER, RFC 5280 path validation under a work budget, RFC 9525 names, and short-lived
//! development identities.
//!
//! Nothing here reads a clock, a file or a random source: time, bytes and randomness are arguments. Revocation is not
//! checked: there is no input for revocation lists.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod algorithm;
mod budget;
pub mod certificate;
pub mod chain;
mod constraints;
mod der;
mod dns;
mod encode;
pub mod error;
pub mod extensions;
pub mod general_name;
pub mod issue;
pub mod name;
mod oid;
pub mod pem;
mod profile;
pub mod root_store;
pub mod server_name;
mod text;
pub mod validity;

pub use certificate::Certificate;
pub use chain::{Policy, verify_server, verify_server_with};
pub use error::{Error, Rule};
pub use issue::{Identity, IssueRequest};
pub use pem::{load_certificates_pem, load_private_key_pem};
pub use root_store::{Bundle, RootStore};
pub use server_name::ServerName;
