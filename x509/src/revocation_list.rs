//! Certificate revocation lists (RFC 5280 section 5): complete lists, by the authority that issued the certificates.
//!
//! Two kinds are refused by name when they are loaded: indirect lists, which speak for other authorities, and delta lists, which
//! say what changed since another list. What they leave out is not revoked, so that taking one for a complete list would be a
//! mistake that nobody notices.

use crate::algorithm;
use crate::certificate::Certificate;
use crate::der::{Elements, tag};
use crate::distribution_point::{ALL_REASONS, DistributionPoint, PointName, reasons};
use crate::error::Error;
use crate::fingerprint::number_of;
use crate::name::{CanonicalName, Name};
use crate::oid;
use crate::once_key::OnceKey;
use crate::staleness::Staleness;
use crate::validity::read_time;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use crypto::{Provider, SignatureAlgorithm};

const WHAT: &str = "revocation list";

/// A list that was read. Whether its signature is good is known once its issuer's key is.
#[derive(Clone, Debug)]
pub(crate) struct RevocationList {
    to_be_signed: Box<[u8]>,
    signature: Box<[u8]>,
    algorithm: Option<SignatureAlgorithm>,
    issuer: CanonicalName,
    /// The same, for people.
    issuer_text: String,
    this_update: i64,
    /// Without one nobody can say for how long the list is good.
    next_update: Option<i64>,
    scope: Scope,
    /// By serial number.
    entries: Vec<Entry>,
    /// The key that its signature was found to be by.
    signed_by: Arc<OnceKey>,
}

/// A revocation list as people know it. Nothing of it is proved until its signature is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSummary {
    /// The whole name of its issuer, as `CN=Example CA, O=Example`.
    pub issuer: String,
    /// When it was made, in seconds since 1970.
    pub this_update: i64,
    /// When the next one is due, in seconds since 1970: this one is good until then.
    pub next_update: Option<i64>,
    /// How many certificates it has.
    pub revoked: usize,
}

impl ListSummary {
    /// Why it is not good at this time, in seconds since 1970; `None` if it is.
    pub fn staleness(&self, now_unix_seconds: u64) -> Option<Staleness> {
        Staleness::of(self.this_update, self.next_update, i64::try_from(now_unix_seconds).unwrap_or(i64::MAX))
    }
}

/// A certificate that is revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// The contents of its serial number.
    serial_number: Box<[u8]>,
    /// Since when.
    pub(crate) date: i64,
    /// A number of RFC 5280 section 5.3.1; 0 if none is given.
    pub(crate) reason: u8,
}

/// What a list speaks for (issuingDistributionPoint, section 5.2.5).
#[derive(Clone, Debug)]
struct Scope {
    point: Option<PointName>,
    only_end_certificates: bool,
    only_authorities: bool,
    reasons: u16,
}

impl RevocationList {
    /// Reads one list, which is all of `der`.
    /// RFC 5280 section 5-5, 5.1-1, 5.1.1.2-2, 5.1.2.1-1, 5.1.2.2-1.
    pub(crate) fn read(der: &[u8]) -> Result<RevocationList, Error> {
        let mut outer = Elements::new(der);
        let mut list = outer.nested(tag::SEQUENCE, WHAT)?;
        outer.end(WHAT)?;
        let to_be_signed = list.element(tag::SEQUENCE, WHAT)?;
        let outer_algorithm = list.value(tag::SEQUENCE, WHAT)?;
        let signature = list.whole_bytes(WHAT)?;
        list.end(WHAT)?;

        let mut fields = Elements::new(to_be_signed.value);
        // RFC 5280 s5.1.2.1: what is there is version 2, and without it there are no extensions.
        let is_version_2 = match fields.optional(tag::INTEGER, WHAT)? {
            None => false,
            Some([1]) => true,
            Some(_) => return Err(Error::Malformed("version of a revocation list")),
        };
        // RFC 5280 s5.1.1.2.
        let algorithm = fields.value(tag::SEQUENCE, WHAT)?;
        if algorithm != outer_algorithm {
            return Err(Error::Malformed("the two signature algorithms of a revocation list differ"));
        }
        let issuer = Name::new(fields.value(tag::SEQUENCE, WHAT)?)?;
        let this_update = read_time(&mut fields, "thisUpdate")?;
        let next_update = match fields.peek_tag() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(read_time(&mut fields, "nextUpdate")?),
            _ => None,
        };
        let revoked = fields.optional(tag::SEQUENCE, WHAT)?;
        let extensions = fields.optional(tag::context_constructed(0), WHAT)?;
        fields.end(WHAT)?;
        if extensions.is_some() && !is_version_2 {
            return Err(Error::Malformed("extensions of a revocation list of version 1"));
        }
        let scope = Scope::read(extensions)?;
        Ok(RevocationList {
            to_be_signed: to_be_signed.encoded.into(),
            signature: signature.into(),
            algorithm: algorithm::signature_algorithm(algorithm),
            issuer: issuer.canonical(),
            issuer_text: issuer.written(),
            this_update,
            next_update,
            scope,
            entries: entries(revoked.unwrap_or_default())?,
            signed_by: Arc::default(),
        })
    }

    /// A number of what its issuer signed.
    pub(crate) fn fingerprint(&self) -> u64 {
        number_of(&self.to_be_signed)
    }

    /// Whether it is by the authority of this name.
    pub(crate) fn is_by(&self, issuer: &CanonicalName) -> bool {
        self.issuer == *issuer
    }

    /// What is known of it without its issuer's key.
    pub(crate) fn summary(&self) -> ListSummary {
        ListSummary {
            issuer: self.issuer_text.clone(),
            this_update: self.this_update,
            next_update: self.next_update,
            revoked: self.entries.len(),
        }
    }

    /// Why it is not good at this time, if it is not.
    pub(crate) fn staleness(&self, now: i64) -> Option<Staleness> {
        Staleness::of(self.this_update, self.next_update, now)
    }

    /// For which reasons of revocation the list speaks for a certificate of its issuer, which is in these distribution points.
    /// None at all if it does not speak for it.
    /// RFC 5280 section 6.3.3 (b) and (d).
    /// RFC 5280 section 5.2.5-5.
    pub(crate) fn reasons_for(&self, certificate: &Certificate<'_>, points: &[DistributionPoint<'_>]) -> u16 {
        let is_authority = certificate.extensions().basic_constraints.is_some_and(|basic| basic.is_authority);
        if (self.scope.only_end_certificates && is_authority) || (self.scope.only_authorities && !is_authority) {
            return 0;
        }
        let Some(own) = &self.scope.point else {
            // It speaks for all that its issuer issued. What a point says of reasons limits what is to be expected there, and
            // not what this list says.
            return self.scope.reasons;
        };
        let named = points.iter().filter(|point| point.is_named_in(own)).map(|point| point.reasons);
        // RFC 5280 section 6.3.3, at its end: a list that is in no point of the certificate may still be named after the issuer.
        let by_issuer = own.has_directory(&self.issuer).then_some(ALL_REASONS);
        named.chain(by_issuer).fold(0, |all, reasons| all | (reasons & self.scope.reasons))
    }

    /// Whether the list is signed by this authority's key.
    /// RFC 5280 section 5.1.1.3-2.
    pub(crate) fn check_signature(&self, provider: &Provider, issuer: &Certificate<'_>) -> Result<bool, Error> {
        let key_digest = provider.initial.hash.digest(&[issuer.spki_der()]);
        let key_digest = key_digest.first_chunk().expect("the hash of the initial suite is SHA-256");
        if self.signed_by.is(key_digest) {
            return Ok(true);
        }
        let (kind, key) = issuer.subject_public_key()?;
        let verifier = self.algorithm.and_then(|signature| provider.verifier(kind, signature));
        let is_good = verifier.is_some_and(|row| row.verify(key, &self.to_be_signed, &self.signature).is_ok());
        if is_good {
            self.signed_by.set(key_digest);
        }
        Ok(is_good)
    }

    /// The entry of a certificate with this serial number.
    pub(crate) fn entry(&self, serial_number: &[u8]) -> Option<&Entry> {
        let place = self.entries.binary_search_by(|entry| (*entry.serial_number).cmp(serial_number)).ok()?;
        self.entries.get(place)
    }
}

fn entries(contents: &[u8]) -> Result<Vec<Entry>, Error> {
    let mut elements = Elements::new(contents);
    let mut entries = Vec::new();
    while !elements.is_empty() {
        let mut fields = elements.nested(tag::SEQUENCE, WHAT)?;
        let serial_number = fields.integer("serial number in a revocation list")?.into();
        let date = read_time(&mut fields, "revocationDate")?;
        let reason = if fields.is_empty() { 0 } else { entry_reason(&mut fields)? };
        fields.end(WHAT)?;
        entries.push(Entry { serial_number, date, reason });
    }
    entries.sort_unstable();
    Ok(entries)
}

/// What an entry's extensions say (section 5.3).
/// RFC 5280 section 5.3-1.
fn entry_reason(fields: &mut Elements<'_>) -> Result<u8, Error> {
    const REMOVED: u8 = 8;
    let mut list = fields.nested(tag::SEQUENCE, WHAT)?;
    let mut reason = 0;
    while !list.is_empty() {
        let (identifier, is_critical, value) = extension(&mut list)?;
        match identifier {
            oid::REASON_CODE => {
                let mut inside = Elements::new(value);
                // Removal is said in delta lists only.
                reason = match inside.value(tag::ENUMERATED, "reasonCode")? {
                    [code @ 0..=10] if *code != REMOVED && *code != 7 => *code,
                    _ => return Err(Error::Malformed("reasonCode")),
                };
                inside.end("reasonCode")?;
            }
            oid::CERTIFICATE_ISSUER => return Err(Error::UnsupportedList("an indirect list, with certificateIssuer")),
            // RFC 5280 section 5.3: what is critical and not known makes the list useless.
            _ if is_critical => {
                return Err(Error::UnsupportedList("an entry has a critical extension that is not known"));
            }
            _ => {}
        }
    }
    Ok(reason)
}

/// An extension: what it is, whether it is critical, and its value.
fn extension<'a>(list: &mut Elements<'a>) -> Result<(&'a [u8], bool, &'a [u8]), Error> {
    let mut fields = list.nested(tag::SEQUENCE, WHAT)?;
    let identifier = fields.value(tag::OBJECT_IDENTIFIER, WHAT)?;
    let is_critical = fields.default_false(WHAT)?;
    let value = fields.value(tag::OCTET_STRING, WHAT)?;
    fields.end(WHAT)?;
    Ok((identifier, is_critical, value))
}

impl Scope {
    fn everything() -> Scope {
        Scope { point: None, only_end_certificates: false, only_authorities: false, reasons: ALL_REASONS }
    }

    /// RFC 5280 s5.2.
    fn read(extensions: Option<&[u8]>) -> Result<Scope, Error> {
        let mut scope = Scope::everything();
        let Some(contents) = extensions else { return Ok(scope) };
        let mut outer = Elements::new(contents);
        let mut list = outer.nested(tag::SEQUENCE, WHAT)?;
        outer.end(WHAT)?;
        while !list.is_empty() {
            let (identifier, is_critical, value) = extension(&mut list)?;
            match identifier {
                oid::DELTA_LIST_INDICATOR => return Err(Error::UnsupportedList("a delta list (deltaCRLIndicator)")),
                oid::ISSUING_DISTRIBUTION_POINT => scope = Scope::of_point(value)?,
                _ if is_critical => {
                    return Err(Error::UnsupportedList("it has a critical extension that is not known"));
                }
                _ => {}
            }
        }
        Ok(scope)
    }

    fn of_point(value: &[u8]) -> Result<Scope, Error> {
        const POINT: &str = "issuingDistributionPoint";
        let mut outer = Elements::new(value);
        let mut fields = outer.nested(tag::SEQUENCE, POINT)?;
        outer.end(POINT)?;
        let flag = |fields: &mut Elements<'_>, number| match fields.optional(tag::context(number), POINT)? {
            None => Ok(false),
            Some([0xff]) => Ok(true),
            Some(_) => Err(Error::Malformed(POINT)),
        };
        let point = fields.optional(tag::context_constructed(0), POINT)?.map(PointName::read).transpose()?;
        let only_end_certificates = flag(&mut fields, 1)?;
        let only_authorities = flag(&mut fields, 2)?;
        let some = fields.optional(tag::context(3), POINT)?.map(reasons).transpose()?;
        let is_indirect = flag(&mut fields, 4)?;
        let only_attributes = flag(&mut fields, 5)?;
        fields.end(POINT)?;
        if is_indirect {
            return Err(Error::UnsupportedList("an indirect list (indirectCRL)"));
        }
        if only_attributes {
            return Err(Error::UnsupportedList("a list of attribute certificates (onlyContainsAttributeCerts)"));
        }
        Ok(Scope { point, only_end_certificates, only_authorities, reasons: some.unwrap_or(ALL_REASONS) })
    }
}
