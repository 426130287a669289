//! The extensions of a certificate (RFC 5280 section 4.2): structure is checked here, their meaning where it is used.

use crate::der::{Elements, tag};
use crate::error::Error;
use crate::general_name::{GeneralName, GeneralNames};
use crate::oid;
use alloc::vec::Vec;

/// More extensions than any real certificate has; each is compared with the others.
const MAX_EXTENSIONS: usize = 64;
/// What most certificates have at most.
const USUAL_EXTENSIONS: usize = 12;

/// What the extensions say. Those that are not known and not critical are skipped.
#[derive(Clone, Debug, Default)]
pub struct Extensions<'a> {
    /// basicConstraints (s4.2.1.9).
    pub basic_constraints: Option<BasicConstraints>,
    /// keyUsage (s4.2.1.3).
    pub key_usage: Option<KeyUsage>,
    /// extKeyUsage (s4.2.1.12).
    pub extended_key_usage: Option<ExtendedKeyUsage>,
    /// subjectAltName (s4.2.1.6).
    pub subject_alternative_name: Option<SubjectAlternativeName<'a>>,
    /// nameConstraints (s4.2.1.10).
    pub name_constraints: Option<NameConstraints<'a>>,
    /// subjectKeyIdentifier (s4.2.1.2).
    pub subject_key_identifier: Option<&'a [u8]>,
    /// authorityKeyIdentifier (s4.2.1.1).
    pub authority_key_identifier: Option<AuthorityKeyIdentifier<'a>>,
    /// policyConstraints (s4.2.1.11) is there.
    pub has_policy_constraints: bool,
    /// A critical extension that is not known: the contents of its object identifier.
    pub unknown_critical: Option<&'a [u8]>,
    /// A known extension that is critical and must not be, by its name in RFC 5280.
    pub wrongly_critical: Option<&'static str>,
}

/// basicConstraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// cA.
    pub is_authority: bool,
    /// pathLenConstraint.
    pub path_length: Option<u32>,
    /// Marked critical.
    pub critical: bool,
}

/// keyUsage: at least one bit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage {
    /// digitalSignature.
    pub digital_signature: bool,
    /// keyCertSign.
    pub certificate_signing: bool,
    /// cRLSign.
    pub revocation_list_signing: bool,
    /// Zero bits follow the last one that is set, which only old anchors do (X.690 s11.2.2).
    pub has_trailing_zeros: bool,
}

/// extKeyUsage: at least one purpose is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedKeyUsage {
    /// id-kp-serverAuth.
    pub server_authentication: bool,
    /// id-kp-clientAuth.
    pub client_authentication: bool,
    /// anyExtendedKeyUsage.
    pub any: bool,
    /// Marked critical.
    pub critical: bool,
}

/// subjectAltName.
#[derive(Clone, Copy, Debug)]
pub struct SubjectAlternativeName<'a> {
    /// The names.
    pub names: GeneralNames<'a>,
    /// Marked critical.
    pub critical: bool,
}

/// nameConstraints.
#[derive(Clone, Copy, Debug)]
pub struct NameConstraints<'a> {
    /// permittedSubtrees, if there are any.
    pub(crate) permitted: &'a [u8],
    /// excludedSubtrees, if there are any.
    pub(crate) excluded: &'a [u8],
}

/// authorityKeyIdentifier.
#[derive(Clone, Copy, Debug)]
pub struct AuthorityKeyIdentifier<'a> {
    /// keyIdentifier.
    pub key_identifier: Option<&'a [u8]>,
}

impl<'a> Extensions<'a> {
    /// From the sequence of extensions.
    /// RFC 5280 section 4.2-3, 4.2-8, 4.2-2.
    pub(crate) fn read(elements: &mut Elements<'a>) -> Result<Extensions<'a>, Error> {
        const WHAT: &str = "extensions";
        let mut sequence = elements.nested(tag::SEQUENCE, WHAT)?;
        // As many as certificates have, so that the list does not grow one by one.
        let mut seen: Vec<&[u8]> = Vec::with_capacity(USUAL_EXTENSIONS);
        let mut extensions = Extensions::default();
        if sequence.is_empty() {
            return Err(Error::Malformed(WHAT));
        }
        while !sequence.is_empty() {
            let mut extension = sequence.nested(tag::SEQUENCE, WHAT)?;
            let id = extension.value(tag::OBJECT_IDENTIFIER, WHAT)?;
            let critical = extension.default_false(WHAT)?;
            let value = extension.value(tag::OCTET_STRING, WHAT)?;
            extension.end(WHAT)?;
            // RFC 5280 s4.2: each at most once.
            if seen.contains(&id) || seen.len() == MAX_EXTENSIONS {
                return Err(Error::Malformed("repeated extension"));
            }
            seen.push(id);
            extensions.read_one(id, critical, value)?;
        }
        Ok(extensions)
    }

    fn read_one(&mut self, id: &'a [u8], critical: bool, value: &'a [u8]) -> Result<(), Error> {
        let mut inside = Elements::new(value);
        match id {
            oid::BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(&mut inside, critical)?),
            oid::KEY_USAGE => self.key_usage = Some(key_usage(&mut inside)?),
            oid::EXTENDED_KEY_USAGE => self.extended_key_usage = Some(extended_key_usage(&mut inside, critical)?),
            oid::SUBJECT_ALTERNATIVE_NAME => {
                let names = GeneralNames::new(inside.value(tag::SEQUENCE, "subject alternative name")?)?;
                self.subject_alternative_name = Some(SubjectAlternativeName { names, critical });
            }
            oid::NAME_CONSTRAINTS => self.name_constraints = Some(name_constraints(&mut inside)?),
            oid::SUBJECT_KEY_IDENTIFIER => {
                self.never_critical("subjectKeyIdentifier", critical);
                let identifier = inside.value(tag::OCTET_STRING, "subject key identifier")?;
                self.subject_key_identifier = Some(identifier);
            }
            oid::AUTHORITY_KEY_IDENTIFIER => {
                self.never_critical("authorityKeyIdentifier", critical);
                self.authority_key_identifier = Some(authority_key_identifier(&mut inside)?);
            }
            oid::AUTHORITY_INFORMATION_ACCESS => {
                self.never_critical("authorityInfoAccess", critical);
                authority_information_access(&mut inside)?;
            }
            oid::POLICY_CONSTRAINTS => {
                self.has_policy_constraints = true;
                inside.value(tag::SEQUENCE, "policy constraints")?;
            }
            // RFC 5280 s6.1: as long as no certificate demands an explicit policy (above), these cannot change the outcome.
            oid::CERTIFICATE_POLICIES | oid::POLICY_MAPPINGS => non_empty_sequence(&mut inside, "policies")?,
            oid::INHIBIT_ANY_POLICY => drop(inside.integer("inhibitAnyPolicy")?),
            _ => {
                if critical {
                    self.unknown_critical = Some(id);
                }
                return Ok(());
            }
        }
        inside.end("extension")
    }

    fn never_critical(&mut self, name: &'static str, critical: bool) {
        if critical {
            self.wrongly_critical = Some(name);
        }
    }
}

/// RFC 5280 section 4.2.1.9-3.
fn basic_constraints(inside: &mut Elements<'_>, critical: bool) -> Result<BasicConstraints, Error> {
    const WHAT: &str = "basic constraints";
    let mut sequence = inside.nested(tag::SEQUENCE, WHAT)?;
    let is_authority = sequence.default_false(WHAT)?;
    let path_length = if sequence.is_empty() { None } else { Some(small_integer(sequence.integer(WHAT)?)?) };
    sequence.end(WHAT)?;
    Ok(BasicConstraints { is_authority, path_length, critical })
}

/// A pathLenConstraint; more than fits is as good as the largest that does.
fn small_integer(value: &[u8]) -> Result<u32, Error> {
    if value.first().is_none_or(|byte| byte & 0x80 != 0) {
        return Err(Error::Malformed("basic constraints"));
    }
    Ok(value.iter().fold(0, |sum: u32, byte| sum.saturating_mul(256).saturating_add(u32::from(*byte))))
}

/// RFC 5280 section 4.2.1.3-7.
fn key_usage(inside: &mut Elements<'_>) -> Result<KeyUsage, Error> {
    let error = Error::Malformed("key usage");
    let [unused, bits @ ..] = inside.value(tag::BIT_STRING, "key usage")? else { return Err(error) };
    let (Some(first), Some(last)) = (bits.first().copied(), bits.last().copied()) else { return Err(error) };
    let unused = u32::from(*unused);
    // X.690 s11.2.1: unused bits are zero. RFC 5280 s4.2.1.3: some bit is set, and nine have a name.
    let has_bit = bits.iter().any(|byte| *byte != 0);
    if bits.len() > 2 || !has_bit || unused > 7 || last.trailing_zeros() < unused {
        return Err(error);
    }
    Ok(KeyUsage {
        digital_signature: first & 0x80 != 0,
        certificate_signing: first & 0x04 != 0,
        revocation_list_signing: first & 0x02 != 0,
        has_trailing_zeros: last.trailing_zeros() != unused,
    })
}

fn extended_key_usage(inside: &mut Elements<'_>, critical: bool) -> Result<ExtendedKeyUsage, Error> {
    const WHAT: &str = "extended key usage";
    let mut sequence = inside.nested(tag::SEQUENCE, WHAT)?;
    let mut usage =
        ExtendedKeyUsage { server_authentication: false, client_authentication: false, any: false, critical };
    if sequence.is_empty() {
        return Err(Error::Malformed(WHAT));
    }
    while !sequence.is_empty() {
        let purpose = sequence.value(tag::OBJECT_IDENTIFIER, WHAT)?;
        usage.server_authentication |= purpose == oid::SERVER_AUTHENTICATION;
        usage.client_authentication |= purpose == oid::CLIENT_AUTHENTICATION;
        usage.any |= purpose == oid::ANY_EXTENDED_KEY_USAGE;
    }
    Ok(usage)
}

fn authority_key_identifier<'a>(inside: &mut Elements<'a>) -> Result<AuthorityKeyIdentifier<'a>, Error> {
    const WHAT: &str = "authority key identifier";
    let mut sequence = inside.nested(tag::SEQUENCE, WHAT)?;
    let key_identifier = sequence.optional(tag::context(0), WHAT)?;
    // authorityCertIssuer and authorityCertSerialNumber: another way to say which certificate, which nobody needs.
    sequence.optional(tag::context_constructed(1), WHAT)?;
    sequence.optional(tag::context(2), WHAT)?;
    sequence.end(WHAT)?;
    Ok(AuthorityKeyIdentifier { key_identifier })
}

/// Nothing here is fetched, but what says where to look must be readable (RFC 5280 s4.2.2.1).
fn authority_information_access(inside: &mut Elements<'_>) -> Result<(), Error> {
    const WHAT: &str = "authority information access";
    let mut sequence = inside.nested(tag::SEQUENCE, WHAT)?;
    if sequence.is_empty() {
        return Err(Error::Malformed(WHAT));
    }
    while !sequence.is_empty() {
        let mut description = sequence.nested(tag::SEQUENCE, WHAT)?;
        description.value(tag::OBJECT_IDENTIFIER, WHAT)?;
        GeneralName::read(&mut description)?;
        description.end(WHAT)?;
    }
    Ok(())
}

fn non_empty_sequence(inside: &mut Elements<'_>, what: &'static str) -> Result<(), Error> {
    let mut sequence = inside.nested(tag::SEQUENCE, what)?;
    if sequence.is_empty() {
        return Err(Error::Malformed(what));
    }
    while !sequence.is_empty() {
        sequence.value(tag::SEQUENCE, what)?;
    }
    Ok(())
}

/// RFC 5280 section 4.2.1.10-3, 4.2.1.10-4.
fn name_constraints<'a>(inside: &mut Elements<'a>) -> Result<NameConstraints<'a>, Error> {
    const WHAT: &str = "name constraints";
    let mut sequence = inside.nested(tag::SEQUENCE, WHAT)?;
    let permitted = sequence.optional(tag::context_constructed(0), WHAT)?;
    let excluded = sequence.optional(tag::context_constructed(1), WHAT)?;
    sequence.end(WHAT)?;
    // RFC 5280 s4.2.1.10: not an empty sequence; and GeneralSubtrees has at least one entry.
    if permitted.or(excluded).is_none() || permitted == Some(&[]) || excluded == Some(&[]) {
        return Err(Error::Malformed(WHAT));
    }
    let constraints = NameConstraints { permitted: permitted.unwrap_or(&[]), excluded: excluded.unwrap_or(&[]) };
    for subtrees in [constraints.permitted, constraints.excluded] {
        let mut elements = Elements::new(subtrees);
        while !elements.is_empty() {
            subtree(&mut elements)?;
        }
    }
    Ok(constraints)
}

/// Reads a GeneralSubtree: a name alone. RFC 5280 s4.2.1.10 uses neither minimum (always 0, so DER omits it) nor maximum.
/// RFC 5280 section 4.2.1.10-7, 4.2.1.10-8.
pub(crate) fn subtree<'a>(elements: &mut Elements<'a>) -> Result<GeneralName<'a>, Error> {
    const WHAT: &str = "name constraints";
    let mut sequence = elements.nested(tag::SEQUENCE, WHAT)?;
    let base = GeneralName::read(&mut sequence)?;
    sequence.end(WHAT)?;
    Ok(base)
}
