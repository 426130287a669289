//! What a peer that asks for a certificate says about which one it wants (RFC 9846 sections 4.3.4 and 4.3.5), compared with
//! what a certificate is. Nothing here decides whom to trust.

use crate::certificate::Certificate;
use crate::der::{Elements, tag};
use crate::error::Error;
use crate::name::{CanonicalName, Name};
use crate::oid;
use alloc::vec::Vec;
use rustls_pki_types::CertificateDer;

/// Names of authorities, as certificate_authorities has them: each the DER of a distinguished name.
#[derive(Clone, Debug, Default)]
pub struct AuthorityNames {
    /// Sorted, so that a long list costs little to look through.
    names: Vec<CanonicalName>,
}

impl AuthorityNames {
    /// Reads the names.
    ///
    /// # Errors
    /// One of them is no distinguished name.
    pub fn read<'a>(names: impl Iterator<Item = &'a [u8]>) -> Result<AuthorityNames, Error> {
        let mut names = names.map(|der| Ok(name(der)?.canonical())).collect::<Result<Vec<_>, Error>>()?;
        names.sort_unstable();
        Ok(AuthorityNames { names })
    }

    /// Whether one of the authorities issued one of the certificates. Names alone are compared: whether that is true is for
    /// the peer to check.
    pub fn issued_one_of(&self, chain: &[CertificateDer<'_>]) -> bool {
        let issuers = chain.iter().filter_map(|der| Some(Certificate::parse(der).ok()?.issuer().canonical()));
        issuers.into_iter().any(|issuer| self.names.binary_search(&issuer).is_ok())
    }
}

/// A whole distinguished name.
fn name(der: &[u8]) -> Result<Name<'_>, Error> {
    let mut outer = Elements::new(der);
    let name = Name::new(outer.value(tag::SEQUENCE, "name of an authority")?)?;
    outer.end("name of an authority")?;
    Ok(name)
}

impl Certificate<'_> {
    /// Whether it has what a filter asks for: an extension, by the DER of its object identifier, with all the values that
    /// are in `values`. Two kinds of extensions have rules for that; for others the answer is yes, as RFC 9846 section 4.3.5
    /// wants it of a reader that does not know them.
    /// RFC 9846 section 4.3.5-2, 4.3.5-3, 4.3.5-4.
    pub fn satisfies_filter(&self, extension: &[u8], values: &[u8]) -> bool {
        let Ok(identifier) = Elements::new(extension).value(tag::OBJECT_IDENTIFIER, "filter") else { return true };
        match identifier {
            oid::KEY_USAGE => self.has(identifier, values, has_all_bits),
            oid::EXTENDED_KEY_USAGE => self.has(identifier, values, has_all_purposes),
            _ => true,
        }
    }

    fn has(&self, identifier: &[u8], values: &[u8], has_all: fn(&[u8], &[u8]) -> Option<bool>) -> bool {
        // What does not parse is in no certificate.
        self.extension(identifier).is_some_and(|own| has_all(own, values).unwrap_or(false))
    }

    /// The value of an extension as it is encoded.
    pub(crate) fn extension(&self, identifier: &[u8]) -> Option<&[u8]> {
        const WHAT: &str = "extensions";
        let mut fields = Elements::new(self.to_be_signed()).nested(tag::SEQUENCE, WHAT).ok()?;
        while !fields.is_empty() {
            let field = fields.any(WHAT).ok()?;
            if field.tag != tag::context_constructed(3) {
                continue;
            }
            let mut list = Elements::new(field.value).nested(tag::SEQUENCE, WHAT).ok()?;
            while let Ok(mut extension) = list.nested(tag::SEQUENCE, WHAT) {
                let found = extension.value(tag::OBJECT_IDENTIFIER, WHAT).ok()?;
                extension.optional(tag::BOOLEAN, WHAT).ok()?;
                if found == identifier {
                    return extension.value(tag::OCTET_STRING, WHAT).ok();
                }
            }
        }
        None
    }
}

/// Each bit that is asserted in `wanted` is asserted in `own`.
fn has_all_bits(own: &[u8], wanted: &[u8]) -> Option<bool> {
    let bits = |der| match Elements::new(der).value(tag::BIT_STRING, "keyUsage") {
        Ok([_, bits @ ..]) => Some(bits),
        _ => None,
    };
    let (own, wanted) = (bits(own)?, bits(wanted)?);
    let at = |place: usize| own.get(place).copied().unwrap_or(0);
    Some(wanted.iter().enumerate().all(|(place, byte)| byte & !at(place) == 0))
}

/// Each purpose that is named in `wanted` is named in `own`. anyExtendedKeyUsage is no wish, and stands for no other.
fn has_all_purposes(own: &[u8], wanted: &[u8]) -> Option<bool> {
    let purposes = |der| {
        let mut sequence = Elements::new(der).nested(tag::SEQUENCE, "extKeyUsage").ok()?;
        let mut purposes = Vec::new();
        while !sequence.is_empty() {
            purposes.push(sequence.value(tag::OBJECT_IDENTIFIER, "extKeyUsage").ok()?);
        }
        purposes.sort_unstable();
        Some(purposes)
    };
    let (own, wanted): (Vec<_>, Vec<_>) = (purposes(own)?, purposes(wanted)?);
    Some(wanted.iter().all(|purpose| own.binary_search(purpose).is_ok()))
}
