//! Certificates for TLS: strict DER, RFC 5280 path validation under a work budget, RFC 9525 names, and short-lived
//! development identities.
//!
//! This crate reads no clock, file or random source: time, bytes and randomness are arguments, and so are revocation lists.
//!
//! A certificate for this machine, and a client that trusts exactly this one:
//!
//! ```
//! use posthaste_x509 as x509;
//! use x509::{RootStore, ServerName, verify_server};
//!
//! let (provider, mut random) = (crypto_ring::PROVIDER, crypto_ring::SystemRandom::new());
//! let now = 1_780_272_000; // 2026-06-01, in seconds since 1970
//! let identity = x509::issue::development(&provider, &[], now, &mut random)?;
//!
//! let mut roots = RootStore::new();
//! roots.add_der(&identity.certificate)?;
//! let chain = [identity.certificate];
//! let name = ServerName::parse("localhost")?;
//! verify_server(&provider, &roots, &chain, &name, now)?;
//!
//! let refused = verify_server(&provider, &roots, &chain, &ServerName::parse("example.com")?, now).unwrap_err();
//! assert!(matches!(refused, x509::Error::NameMismatch { .. }), "{refused}");
//! assert!(verify_server(&provider, &roots, &chain, &name, now + 14 * 86_400).is_err(), "it lives for 13 days");
//! # Ok::<(), x509::Error>(())
//! ```
//!
//! Which certificates are accepted is told rule by rule in `docs/certificates.md`. [`Error`] says what is wrong with one, and
//! [`Policy`] what may be asked of all. `posthaste-tls` checks servers with this.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod algorithm;
mod anchor;
mod budget;
mod certificate;
mod chain;
mod constraints;
mod der;
mod distribution_point;
mod dns;
mod encode;
pub mod error;
mod extensions;
mod fingerprint;
pub mod general_name;
mod graph;
pub mod issue;
mod issue_list;
mod issue_request;
mod issue_response;
mod name;
mod ocsp;
mod oid;
mod once_key;
mod peer_name;
mod pem;
mod pins;
mod profile;
mod purpose;
mod registry;
mod revocation;
mod revocation_list;
mod root_store;
mod selection;
mod server_name;
mod staleness;
mod text;
mod validity;

pub use certificate::Certificate;
pub use chain::{Policy, verify_client, verify_client_with, verify_server, verify_server_with};
pub use error::{Error, Rule};
pub use extensions::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, Extensions, KeyUsage, NameConstraints,
    SubjectAlternativeName,
};
pub use issue::{Identity, IssueRequest};
pub use issue_list::{ListRequest, revocation_list};
pub use issue_request::certification_request;
pub use issue_response::{ResponseRequest, ocsp_response};
pub use name::Name;
pub use ocsp::{OcspProblem, OcspResponse, Staple};
pub use peer_name::PeerName;
pub use pem::{load_certificates_pem, load_private_key_pem};
pub use pins::{Pins, Sha256, verify_certificate_hash};
pub use revocation::Revocation;
pub use revocation_list::ListSummary;
pub use root_store::{Bundle, Refused, RootStore};
pub use selection::AuthorityNames;
pub use server_name::ServerName;
pub use staleness::Staleness;
pub use validity::Validity;
