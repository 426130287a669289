//! ACME (RFC 8555): how a server gets its certificates by itself. A pure state machine: requests out, answers and the time in.
//!
//! [`Issuance`] gets one certificate. Whoever drives it sends its requests by HTTPS, shows its [proofs](Proof) to the authority, and
//! keeps the account. [`Schedule`] says when the next certificate is due.
//!
//! ```
//! use posthaste_acme as acme;
//! use base::{Duration, Instant};
//! use crypto::KeyKind;
//! use crypto_ring::PROVIDER;
//!
//! let key = (PROVIDER.generate_key)(KeyKind::EcP256).expect("a key");
//! let account = acme::AccountKey::from_pkcs8(&PROVIDER, &key).expect("a key on P-256");
//! let wanted = acme::Wanted {
//!     directory: "https://acme.example/directory".into(),
//!     names: vec!["example.org".into()],
//!     contacts: vec!["admin@example.org".into()],
//!     kinds: vec![acme::Kind::TlsAlpn01],
//!     replaces: None,
//!     patience: Duration::from_secs(300),
//! };
//! let mut issuance = acme::Issuance::new(&PROVIDER, wanted, account, None)?;
//! let acme::Action::Ask(request) = issuance.poll(Instant::ZERO) else { panic!("it begins with a question") };
//! assert_eq!((request.method, request.url.as_str()), ("GET", "https://acme.example/directory"));
//! # Ok::<(), acme::Error>(())
//! ```
//!
//! `posthaste` drives it in `src/acme`, with its own client and server.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod base64url;
mod error;
mod exchange;
mod issuance;
mod jws;
mod messages;
mod problem;
mod proof;
mod renewal;

pub use error::Error;
pub use exchange::{Answer, Request};
pub use issuance::{Action, Issuance, Issued, Wanted};
pub use jws::AccountKey;
pub use messages::MAX_ANSWER;
pub use problem::Problem;
pub use proof::{Kind, Proof};
pub use renewal::{Due, Schedule, certificate_id, renewal_info_of, renewal_request};

#[cfg(test)]
mod tests;
