//! Why a certificate, a name or a key was refused, with enough detail for the reader to act on.
//!
//! Text that comes from a certificate is escaped and cut before it is stored here, so that an error can be printed
//! anywhere: a peer cannot put control bytes into a terminal or a log, nor megabytes.

use crate::text::Date;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Why something was refused. Names inside are already escaped and of bounded length.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a certificate as DER and RFC 5280 define it; says which part is wrong.
    Malformed(&'static str),
    /// The peer sent no certificate.
    NoCertificate,
    /// `now` is after notAfter (RFC 5280 s4.1.2.5). Seconds since 1970.
    Expired {
        /// Whose certificate.
        subject: String,
        /// The last second of its life.
        not_after: i64,
        /// The time at which it was checked.
        now: i64,
    },
    /// `now` is before notBefore (RFC 5280 s4.1.2.5). Seconds since 1970.
    NotYetValid {
        /// Whose certificate.
        subject: String,
        /// The first second of its life.
        not_before: i64,
        /// The time at which it was checked.
        now: i64,
    },
    /// The certificate is for other names (RFC 9525 s6).
    NameMismatch {
        /// The name that was asked for.
        expected: String,
        /// Names that the certificate has: the first few.
        presented: Vec<String>,
        /// How many more it has.
        more: usize,
    },
    /// No chain leads to a trust anchor: the issuer named here is neither trusted nor was it sent.
    UnknownIssuer {
        /// The issuer that is missing: its whole name, as `CN=Example CA, O=Example`.
        issuer: String,
        /// A certificate that was sent and could not be read, so that it may have been the one: which of those after the
        /// server's own, from 1, and what is wrong with it.
        unreadable: Option<(usize, &'static str)>,
    },
    /// The signature of the certificate is not by the key of its issuer.
    BadSignature {
        /// Whose certificate.
        subject: String,
    },
    /// A key of a kind that this implementation does not have.
    UnsupportedKey {
        /// Whose certificate.
        subject: String,
        /// The curve or the algorithm: its name, or its object identifier.
        kind: String,
    },
    /// A signature of a kind that this implementation does not have.
    UnsupportedSignature {
        /// Whose certificate.
        subject: String,
        /// The algorithm: its name, or its object identifier.
        algorithm: String,
    },
    /// A signature over a hash that can be forged: MD5 or SHA-1 (RFC 9846 s4.5.1.3).
    BrokenHash {
        /// Whose certificate.
        subject: String,
        /// The algorithm.
        algorithm: String,
    },
    /// An RSA key of a length that is not accepted, or with a useless exponent; or a point of the wrong form.
    UnacceptableKey {
        /// Whose certificate.
        subject: String,
        /// What it is instead, as `an RSA key of 1024 bits`.
        found: String,
    },
    /// The certificate breaks a rule of RFC 5280 or of the Web PKI.
    Rule {
        /// Whose certificate.
        subject: String,
        /// Which rule.
        rule: Rule,
    },
    /// The path from the server's certificate to this one has more authorities than the policy allows.
    ChainTooLong {
        /// Whose certificate was one too many.
        subject: String,
        /// How many are allowed.
        limit: usize,
    },
    /// A current revocation list of its issuer has the certificate (RFC 5280 s6.3).
    Revoked {
        /// Whose certificate.
        subject: String,
        /// Since when, in seconds since 1970.
        date: i64,
        /// Why, as RFC 5280 s5.3.1 calls it.
        reason: &'static str,
    },
    /// Revocation is checked, and no list says that the certificate has not been revoked.
    RevocationUnknown {
        /// Whose certificate.
        subject: String,
        /// The whole name of its issuer, which is whose list is needed.
        issuer: String,
        /// What is missing.
        why: String,
    },
    /// A revocation list of a kind that is not supported; says which.
    UnsupportedList(&'static str),
    /// The certificate is none of those that are believed by their hash.
    NotPinned {
        /// Whose certificate.
        subject: String,
        /// Its SHA-256, in hexadecimal.
        found: String,
    },
    /// Validation would cost more work than a peer may cause: too many certificates, signatures or names to compare.
    TooMuchWork,
    /// Not a DNS name or an IP address.
    InvalidServerName,
    /// The text holds no item of the kind wanted, or is not PEM (RFC 7468).
    Pem(&'static str),
    /// The private key is malformed or of a kind that cannot be used.
    KeyRejected,
    /// The certificate could not be signed.
    SigningFailed,
}

/// A rule that a certificate breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// Only version 3 has the extensions that validation rests on (RFC 5280 s4.1.2.1).
    Version,
    /// A serial number is positive and of at most 20 bytes (RFC 5280 s4.1.2.2).
    SerialNumber,
    /// This part has another encoding than the one that DER and RFC 5280 allow; tolerated in anchors only.
    Encoding(&'static str),
    /// A critical extension that is not understood (RFC 5280 s4.2), by its object identifier.
    UnknownCriticalExtension(String),
    /// This extension must be critical here, and is not.
    MustBeCritical(&'static str),
    /// This extension must not be critical, and is.
    MustNotBeCritical(&'static str),
    /// This name is empty: the issuer, or the subject of an authority (RFC 5280 s4.1.2.4 and s4.1.2.6).
    EmptyName(&'static str),
    /// A certificate that issues others is not an authority's: basicConstraints (RFC 5280 s4.2.1.9).
    NotAnAuthority,
    /// A server presented the certificate of an authority as its own.
    AuthorityAsServer,
    /// A client presented the certificate of an authority as its own.
    AuthorityAsClient,
    /// The key usage does not have this bit, although the key is used for it (RFC 5280 s4.2.1.3).
    KeyUsage(&'static str),
    /// The extended key usage does not allow to authenticate servers (RFC 5280 s4.2.1.12).
    ExtendedKeyUsage,
    /// The extended key usage does not allow to authenticate clients (RFC 5280 s4.2.1.12).
    ClientKeyUsage,
    /// More authorities follow than pathLenConstraint allows (RFC 5280 s4.2.1.9).
    PathLength {
        /// How many there would be.
        authorities: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A name is outside what an authority above may certify (RFC 5280 s4.2.1.10).
    NameConstraints {
        /// The name.
        name: String,
        /// Whose constraints it breaks.
        authority: String,
    },
    /// An authority above constrains names of a kind that this certificate has and that is not compared here: e-mail
    /// addresses, URIs and other kinds (RFC 5280 s4.2.1.10).
    UncheckedName {
        /// What kind.
        kind: &'static str,
        /// Whose constraints they are.
        authority: String,
    },
    /// A name constraint that is malformed or misplaced.
    UnsupportedConstraint,
    /// There is no subjectAltName, the only place where names count (RFC 9525 s2).
    NoSubjectAlternativeName,
    /// The common name spells a name of subjectAltName differently.
    CommonName,
    /// An intermediate authority without subjectKeyIdentifier (RFC 5280 s4.2.1.2).
    NoSubjectKeyIdentifier,
    /// A certificate that is known by its hash alone has a key on P-256.
    KeyByHash,
    /// A certificate that is known by its hash alone lives for two weeks at most.
    LifetimeByHash,
    /// Certificate policies are required of the chain, which is not supported (RFC 5280 s4.2.1.11).
    PolicyConstraints,
}

impl Error {
    /// Whether only the clock stands between this certificate and its acceptance.
    pub fn is_about_time(&self) -> bool {
        matches!(self, Error::Expired { .. } | Error::NotYetValid { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Malformed(what) => write!(f, "malformed certificate: {what}"),
            Error::NoCertificate => f.write_str("the peer sent no certificate"),
            Error::Expired { subject, not_after, now } => {
                write!(f, "certificate of {subject} expired on {} (checked at {})", Date(*not_after), Date(*now))
            }
            Error::NotYetValid { subject, not_before, now } => {
                write!(f, "certificate of {subject} is not valid before {} ", Date(*not_before))?;
                write!(f, "(checked at {})", Date(*now))
            }
            Error::NameMismatch { expected, presented, more } => write_mismatch(f, expected, presented, *more),
            Error::UnknownIssuer { issuer, unreadable } => {
                write!(f, "issuer not found: {issuer} is neither trusted nor was its certificate sent")?;
                match unreadable {
                    Some((number, what)) => {
                        write!(f, "; intermediate certificate {number} that was sent cannot be read: {what}")
                    }
                    None => Ok(()),
                }
            }
            Error::BadSignature { subject } => {
                write!(f, "the signature of the certificate of {subject} does not match")
            }
            Error::UnsupportedKey { subject, kind } => write!(
                f,
                "the key of {subject} is of a kind that is not supported ({kind}): P-256, P-384, Ed25519 and RSA are"
            ),
            Error::UnsupportedSignature { subject, algorithm } => {
                write!(f, "the certificate of {subject} is signed in a way that is not supported ({algorithm})")
            }
            Error::BrokenHash { subject, algorithm } => write!(
                f,
                "the certificate of {subject} is signed with {algorithm}, which can be forged \
                 (RFC 9846 section 4.5.1.3): it has to be issued anew, with SHA-256"
            ),
            Error::UnacceptableKey { subject, found } => write!(
                f,
                "the key of {subject} is {found}: accepted are points in full, and RSA keys of 2048 to 8192 bits in whole \
                 bytes with an odd exponent of at least 3"
            ),
            Error::Rule { subject, rule } => write!(f, "certificate of {subject}: {rule}"),
            Error::ChainTooLong { subject, limit } => write!(
                f,
                "the chain is too long: with {subject} it has more than the {limit} intermediate CA certificates that this \
                 client allows"
            ),
            Error::Revoked { subject, date, reason } => {
                write!(f, "certificate of {subject} was revoked on {} ({reason})", Date(*date))
            }
            Error::RevocationUnknown { subject, issuer, why } => write!(
                f,
                "whether the certificate of {subject} was revoked is not known: {why}; a current list of {issuer} is needed"
            ),
            Error::UnsupportedList(what) => write!(f, "a revocation list that is not supported: {what}"),
            Error::NotPinned { subject, found } => {
                write!(f, "the certificate of {subject} is none of those that are pinned: its SHA-256 is {found}")
            }
            Error::TooMuchWork => f.write_str("checking the certificates would exceed the work limit"),
            Error::InvalidServerName => f.write_str("neither a DNS name nor an IP address"),
            Error::Pem(what) => write!(f, "PEM: {what}"),
            Error::KeyRejected => f.write_str("the private key is malformed or of a kind that cannot be used"),
            Error::SigningFailed => f.write_str("the certificate could not be signed"),
        }
    }
}

impl core::error::Error for Error {}

/// That none of `presented`, of which `more` are not listed, is the name that was wanted.
fn write_mismatch(f: &mut fmt::Formatter<'_>, expected: &str, presented: &[String], more: usize) -> fmt::Result {
    f.write_str("certificate is valid for ")?;
    if presented.is_empty() {
        f.write_str("no name that can be checked")?;
    }
    for (index, name) in presented.iter().enumerate() {
        write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
    }
    if more > 0 {
        write!(f, " and {more} more")?;
    }
    write!(f, ", not {expected}")
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Rule::Encoding(part) => return write!(f, "the encoding of {part} is not DER as RFC 5280 has it"),
            Rule::UnknownCriticalExtension(id) => {
                return write!(f, "its extension {id} is critical but not known here (RFC 5280 section 4.2)");
            }
            Rule::MustBeCritical(extension) => {
                return write!(f, "its {extension} must be critical but is not, since the subject is empty (RFC 5280)");
            }
            Rule::MustNotBeCritical(extension) => {
                return write!(f, "its {extension} is critical, which RFC 5280 forbids");
            }
            Rule::EmptyName(which) => return write!(f, "its {which} is empty (RFC 5280 section 4.1.2)"),
            Rule::KeyUsage(bit) => {
                return write!(f, "its keyUsage lacks {bit}, so that its key may not be used for this");
            }
            Rule::PathLength { authorities, limit } => {
                return write!(f, "{authorities} CA certificates follow it, and its pathLenConstraint allows {limit}");
            }
            Rule::NameConstraints { name, authority } => {
                return write!(f, "its name {name} violates the nameConstraints of {authority}");
            }
            Rule::UncheckedName { kind, authority } => {
                return write!(f, "it has {kind}, which {authority} constrains, and which cannot be checked");
            }
            Rule::Version => "it is of version 1 or 2, and only version 3 can say what it is for",
            Rule::SerialNumber => "its serial number is not positive, or longer than 20 bytes",
            Rule::NotAnAuthority => "it issued a certificate, but basicConstraints does not make it a CA's",
            Rule::AuthorityAsServer => "it is a CA certificate (basicConstraints, keyUsage), not a server's",
            Rule::AuthorityAsClient => "it is a CA certificate (basicConstraints, keyUsage), not a client's",
            Rule::ExtendedKeyUsage => "its extKeyUsage does not name serverAuth",
            Rule::ClientKeyUsage => "its extKeyUsage does not name clientAuth",
            Rule::UnsupportedConstraint => "it has nameConstraints that are malformed or not a CA's",
            Rule::NoSubjectAlternativeName => {
                "it has no subjectAltName, and a common name proves nothing (RFC 9525 section 2)"
            }
            Rule::CommonName => "its common name is a misleading form of a host name",
            Rule::NoSubjectKeyIdentifier => "it is a CA's but has no subjectKeyIdentifier (RFC 5280 section 4.2.1.2)",
            Rule::KeyByHash => "it is known by its hash alone, and its key is not on P-256",
            Rule::LifetimeByHash => "it is known by its hash alone, and is valid for more than 14 days",
            Rule::PolicyConstraints => "its policyConstraints require certificate policies, which are not supported",
        };
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn only_the_clock_is_about_time() {
        let subject = || String::from("somebody");
        assert!(Error::Expired { subject: subject(), not_after: 0, now: 1 }.is_about_time());
        assert!(Error::NotYetValid { subject: subject(), not_before: 1, now: 0 }.is_about_time());
        assert!(!Error::BadSignature { subject: subject() }.is_about_time());
        assert!(!Error::NoCertificate.is_about_time());
    }

    #[test]
    fn errors_tell_a_person_what_to_look_at() {
        let mismatch =
            |presented, more| Error::NameMismatch { expected: String::from("a"), presented, more }.to_string();
        assert_eq!(mismatch(vec![], 0), "certificate is valid for no name that can be checked, not a");
        assert_eq!(mismatch(vec!["b".into(), "c".into()], 0), "certificate is valid for b, c, not a");
        assert_eq!(mismatch(vec!["b".into()], 7), "certificate is valid for b and 7 more, not a");
        let rule = Error::Rule { subject: String::from("a"), rule: Rule::Version };
        assert_eq!(
            rule.to_string(),
            "certificate of a: it is of version 1 or 2, and only version 3 can say what it is for"
        );
    }
}
