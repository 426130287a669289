//! What RFC 5280 and the Web PKI demand of each certificate by itself, by its place in the chain: the server's own, and
//! those of authorities that the peer sent. `docs/certificates.md` gives a reason for each rule, and for each that is not here.
//! Trust anchors are judged in [`crate::anchor`].

use crate::certificate::Certificate;
use crate::error::{Error, Rule};
use crate::extensions::{BasicConstraints, SubjectAlternativeName};
use crate::general_name::{GeneralName, ip_address};
use crate::purpose::Purpose;
use alloc::string::ToString;
use core::net::IpAddr;

/// Common names that are looked at; each costs a walk over all alternative names.
const MAX_COMMON_NAMES: usize = 4;

/// `now` is within the validity period.
pub(crate) fn check_time(certificate: &Certificate<'_>, now: i64) -> Result<(), Error> {
    let validity = certificate.validity();
    if now < validity.not_before {
        return Err(Error::NotYetValid { subject: certificate.label(), not_before: validity.not_before, now });
    }
    if now > validity.not_after {
        return Err(Error::Expired { subject: certificate.label(), not_after: validity.not_after, now });
    }
    Ok(())
}

/// A server's own certificate, issued by an authority.
pub(crate) fn check_server(certificate: &Certificate<'_>) -> Result<(), Error> {
    check_end(certificate, Purpose::Server)?;
    let demand = |holds, rule| demand(certificate, holds, rule);
    let extensions = certificate.extensions();
    let alternative = extensions.subject_alternative_name.as_ref();
    let alternative = alternative.ok_or_else(|| broken(certificate, Rule::NoSubjectAlternativeName))?;
    // RFC 5280 s4.2.1.6: critical if the subject is empty. That it is critical beside a subject does no harm: it is read.
    demand(alternative.critical || !certificate.subject().is_empty(), Rule::MustBeCritical("subjectAltName"))?;
    check_common_names(certificate, alternative)?;
    certificate.subject_public_key().map(|_| ())
}

/// A client's own certificate, issued by an authority. It need have no subjectAltName: whom it stands for is for its reader to
/// say, by its subject or its names.
pub(crate) fn check_client(certificate: &Certificate<'_>) -> Result<(), Error> {
    check_end(certificate, Purpose::Client)?;
    if let Some(alternative) = &certificate.extensions().subject_alternative_name {
        // RFC 5280 s4.2.1.6, as for a server's.
        let fits = alternative.critical || !certificate.subject().is_empty();
        demand(certificate, fits, Rule::MustBeCritical("subjectAltName"))?;
    }
    // RFC 5280 s4.1.2.6: somebody has to be named.
    let is_named = !certificate.subject().is_empty() || certificate.extensions().subject_alternative_name.is_some();
    demand(certificate, is_named, Rule::EmptyName("subject"))?;
    certificate.subject_public_key().map(|_| ())
}

/// What is demanded of the first certificate of a chain, whoever's it is.
/// RFC 9846 section 4.5.1.2-1, 4.5.1.2-3.
/// RFC 5280 section 4.2.1.6-4, 4.1.2.6-4, 4.2.1.9-1, 4.2.1.10-1.
fn check_end(certificate: &Certificate<'_>, purpose: Purpose) -> Result<(), Error> {
    check_sent(certificate)?;
    let demand = |holds, rule| demand(certificate, holds, rule);
    let extensions = certificate.extensions();
    // Baseline Requirements s7.1.2.7.8 and s7.1.2.7.11: the two roles are kept apart.
    let basic = extensions.basic_constraints;
    let is_authority = |basic: BasicConstraints| basic.is_authority || basic.path_length.is_some();
    demand(!basic.is_some_and(is_authority), purpose.authority_rule())?;
    let usage = extensions.key_usage;
    demand(usage.is_none_or(|usage| !usage.certificate_signing), purpose.authority_rule())?;
    check_usage(certificate, purpose)?;
    // RFC 5280 s4.2.1.10: only authorities have name constraints.
    demand(extensions.name_constraints.is_none(), Rule::UnsupportedConstraint)
}

/// What is demanded even of a certificate that is itself trusted.
/// RFC 5280 section 4.2.1.12-3, 4.2.1.12-7, 4.2.1.12-8.
pub(crate) fn check_usage(certificate: &Certificate<'_>, purpose: Purpose) -> Result<(), Error> {
    check_critical_extensions(certificate)?;
    check_policies(certificate)?;
    let extensions = certificate.extensions();
    let signs = extensions.key_usage.is_none_or(|usage| usage.digital_signature);
    // RFC 9846 s4.5.1.2: it signs the handshake.
    demand(certificate, signs, Rule::KeyUsage("digitalSignature"))?;
    let fits = extensions.extended_key_usage.is_none_or(|usage| purpose.fits(usage));
    demand(certificate, fits, purpose.usage_rule())
}

/// The certificate of an authority that the peer sent.
/// RFC 5280 section 4.1.2.6-2, 4.1.2.6-3, 4.2.1.2-1, 4.2.1.3-3.
pub(crate) fn check_intermediate(certificate: &Certificate<'_>, purpose: Purpose) -> Result<(), Error> {
    check_sent(certificate)?;
    let demand = |holds, rule| demand(certificate, holds, rule);
    let extensions = certificate.extensions();
    demand(extensions.subject_key_identifier.is_some(), Rule::NoSubjectKeyIdentifier)?;
    // RFC 5280 s4.2.1.9 has it critical, for readers that do not know it; this one does.
    let basic = extensions.basic_constraints.ok_or_else(|| broken(certificate, Rule::NotAnAuthority))?;
    demand(basic.is_authority, Rule::NotAnAuthority)?;
    check_authority_usage(certificate, purpose)?;
    certificate.subject_public_key().map(|_| ())
}

/// What an authority says about the use of its key, wherever it stands.
/// RFC 5280 section 4.2.1.3-4, 4.2.1.9-2.
pub(crate) fn check_authority_usage(certificate: &Certificate<'_>, purpose: Purpose) -> Result<(), Error> {
    let demand = |holds, rule| demand(certificate, holds, rule);
    let extensions = certificate.extensions();
    demand(!certificate.subject().is_empty(), Rule::EmptyName("subject"))?;
    demand(extensions.key_usage.is_none_or(|usage| usage.certificate_signing), Rule::KeyUsage("keyCertSign"))?;
    // Not of RFC 5280, but of every web client: an authority's purposes limit those of what it issues.
    let usage = extensions.extended_key_usage;
    demand(usage.is_none_or(|usage| purpose.is_named_in(usage) || usage.any), purpose.usage_rule())?;
    check_policies(certificate)
}

/// RFC 5280 s4.2.1.11: such constraints must be critical, and what is critical must be supported. A server's own certificate
/// may have them, too, and then demands a policy of its path (s6.1.5 (b)).
/// RFC 5280 section 4.2.1.11-3.
fn check_policies(certificate: &Certificate<'_>) -> Result<(), Error> {
    demand(certificate, !certificate.extensions().has_policy_constraints, Rule::PolicyConstraints)
}

/// RFC 5280 s4.2: what is critical is understood; and what must never be critical is not.
/// RFC 5280 section 4.2-1, 6.1-5.
pub(crate) fn check_critical_extensions(certificate: &Certificate<'_>) -> Result<(), Error> {
    let extensions = certificate.extensions();
    if let Some(id) = extensions.unknown_critical {
        return Err(broken(certificate, Rule::UnknownCriticalExtension(crate::registry::name(id))));
    }
    extensions.wrongly_critical.map_or(Ok(()), |name| Err(broken(certificate, Rule::MustNotBeCritical(name))))
}

/// Rules of every certificate that a peer sent.
/// RFC 5280 section 4.1.2.4-1, 4.1.2.1-1, 4.2.1.1-6, 4.2.1.2-7, 4.2.2.1-1, 6.1.4-1.
fn check_sent(certificate: &Certificate<'_>) -> Result<(), Error> {
    let demand = |holds, rule| demand(certificate, holds, rule);
    demand(certificate.version() == 3, Rule::Version)?;
    demand(is_serial_number(certificate.serial_number()), Rule::SerialNumber)?;
    demand(!certificate.issuer().is_empty(), Rule::EmptyName("issuer"))?;
    check_critical_extensions(certificate)?;
    let is_odd = certificate.extensions().key_usage.is_some_and(|usage| usage.has_trailing_zeros);
    demand(!is_odd, Rule::Encoding("keyUsage"))?;
    demand(!certificate.validity().has_long_early_year, Rule::Encoding("validity"))
}

/// RFC 5280 s4.1.2.2.
/// RFC 5280 section 4.1.2.2-1, 4.1.2.2-4.
fn is_serial_number(contents: &[u8]) -> bool {
    let is_negative = contents.first().is_none_or(|byte| byte & 0x80 != 0);
    contents.len() <= 20 && !is_negative && contents != [0]
}

/// Baseline Requirements s7.1.4.3: a common name that stands for one of the alternative names is spelled like it, and one
/// that is a host in another script is not allowed. The common name proves nothing here (RFC 9525 s2), so another host in
/// it does no harm; but people and older software read it, and must not see something that only looks the same.
fn check_common_names(certificate: &Certificate<'_>, alternative: &SubjectAlternativeName<'_>) -> Result<(), Error> {
    for text in certificate.subject().common_names().take(MAX_COMMON_NAMES) {
        let is_foreign = !text.is_ascii() && text.contains('.') && !text.contains(char::is_whitespace);
        let address = address(text);
        let is_misspelled = alternative.names.iter().any(|name| match name {
            GeneralName::Dns(name) => name.eq_ignore_ascii_case(text.as_bytes()) && name != text.as_bytes(),
            GeneralName::IpAddress(bytes) => match (ip_address(bytes), address) {
                (Some(listed), Some(address)) => listed == address && listed.to_string() != text,
                _ => false,
            },
            _ => false,
        });
        demand(certificate, !is_foreign && !is_misspelled, Rule::CommonName)?;
    }
    Ok(())
}

/// An address in any of the spellings that software has been known to read.
fn address(text: &str) -> Option<IpAddr> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let number = hexadecimal.and_then(|digits| u32::from_str_radix(digits, 16).ok()).or_else(|| text.parse().ok());
    let bytes = || {
        let mut bytes = [0; 4];
        let mut labels = text.split('.');
        for byte in &mut bytes {
            *byte = labels.next()?.parse().ok()?;
        }
        labels.next().is_none().then(|| IpAddr::from(bytes))
    };
    text.parse().ok().or_else(|| number.map(|number: u32| IpAddr::from(number.to_be_bytes()))).or_else(bytes)
}

pub(crate) fn demand(certificate: &Certificate<'_>, holds: bool, rule: Rule) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(broken(certificate, rule)) }
}

fn broken(certificate: &Certificate<'_>, rule: Rule) -> Error {
    Error::Rule { subject: certificate.label(), rule }
}
