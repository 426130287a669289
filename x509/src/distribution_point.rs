//! Where a certificate says that its revocation lists are, and for which reasons (RFC 5280 section 4.2.1.13). Nothing is fetched:
//! the names tell which list speaks for which certificate.

use crate::certificate::Certificate;
use crate::der::{Elements, tag};
use crate::error::Error;
use crate::name::{CanonicalName, Name};
use crate::oid;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Every reason of revocation there is, as bits of ReasonFlags: the first bit of the first byte, which is not used, is the highest.
pub(crate) const ALL_REASONS: u16 = 0x7f80;

/// One of a certificate's distribution points.
#[derive(Clone, Debug)]
pub(crate) struct DistributionPoint<'a> {
    name: Option<PointNameRef<'a>>,
    /// Of the revocations that are told there.
    pub(crate) reasons: u16,
    /// Lists there are by somebody else than the certificate's issuer.
    is_of_others: bool,
}

#[derive(Clone, Copy, Debug)]
enum PointNameRef<'a> {
    /// GeneralNames, one after the other.
    Full(&'a [u8]),
    /// Relative to the name of the issuer.
    Relative(&'a [u8]),
}

/// The name of a list's distribution point.
#[derive(Clone, Debug)]
pub(crate) enum PointName {
    /// Its GeneralNames, each as it is encoded.
    Full(Vec<Box<[u8]>>),
    /// Relative to the name of the issuer.
    Relative(Box<[u8]>),
}

const WHAT: &str = "distribution point";

impl<'a> PointNameRef<'a> {
    fn read(contents: &'a [u8]) -> Result<PointNameRef<'a>, Error> {
        let mut inside = Elements::new(contents);
        let element = inside.any(WHAT)?;
        inside.end(WHAT)?;
        const FULL: u8 = tag::context_constructed(0);
        const RELATIVE: u8 = tag::context_constructed(1);
        match element.tag {
            FULL if !element.value.is_empty() => Ok(PointNameRef::Full(element.value)),
            RELATIVE => Ok(PointNameRef::Relative(element.value)),
            _ => Err(Error::Malformed(WHAT)),
        }
    }
}

impl PointName {
    /// From the contents of a DistributionPointName.
    pub(crate) fn read(contents: &[u8]) -> Result<PointName, Error> {
        Ok(match PointNameRef::read(contents)? {
            PointNameRef::Relative(name) => PointName::Relative(name.into()),
            PointNameRef::Full(names) => {
                let mut elements = Elements::new(names);
                let mut all = Vec::new();
                while !elements.is_empty() {
                    all.push(elements.any(WHAT)?.encoded.into());
                }
                PointName::Full(all)
            }
        })
    }

    /// Whether one of its names is the directory name `wanted`.
    pub(crate) fn has_directory(&self, wanted: &CanonicalName) -> bool {
        let PointName::Full(names) = self else { return false };
        let is_wanted = |der: &[u8]| {
            let mut outer = Elements::new(der).nested(tag::context_constructed(4), WHAT).ok()?;
            let name = Name::new(outer.value(tag::SEQUENCE, WHAT).ok()?).ok()?;
            Some(name.canonical() == *wanted)
        };
        names.iter().any(|name| is_wanted(name).unwrap_or(false))
    }
}

impl DistributionPoint<'_> {
    /// Whether one of its names is one of those of a list. Names are compared as they are encoded; one that is relative to the
    /// issuer's is compared with such names only.
    /// RFC 5280 section 6.3.3 (b) (2) (i).
    pub(crate) fn is_named_in(&self, list: &PointName) -> bool {
        // What others say of a certificate is in indirect lists, which are not read.
        if self.is_of_others {
            return false;
        }
        match (self.name, list) {
            (Some(PointNameRef::Relative(own)), PointName::Relative(name)) => own == &**name,
            (Some(PointNameRef::Full(own)), PointName::Full(names)) => {
                let mut own = Elements::new(own);
                let mut found = false;
                // Every name counts, not only the first.
                while let Ok(name) = own.any(WHAT) {
                    found |= names.iter().any(|other| **other == *name.encoded);
                }
                found
            }
            _ => false,
        }
    }
}

impl Certificate<'_> {
    /// Its distribution points, perhaps none.
    pub(crate) fn distribution_points(&self) -> Result<Vec<DistributionPoint<'_>>, Error> {
        let Some(value) = self.extension(oid::REVOCATION_LIST_POINTS) else { return Ok(Vec::new()) };
        let mut outer = Elements::new(value);
        let mut list = outer.nested(tag::SEQUENCE, WHAT)?;
        outer.end(WHAT)?;
        let mut points = Vec::new();
        while !list.is_empty() {
            let mut fields = list.nested(tag::SEQUENCE, WHAT)?;
            let name = fields.optional(tag::context_constructed(0), WHAT)?.map(PointNameRef::read).transpose()?;
            let some = fields.optional(tag::context(1), WHAT)?.map(reasons).transpose()?;
            let is_of_others = fields.optional(tag::context_constructed(2), WHAT)?.is_some();
            fields.end(WHAT)?;
            points.push(DistributionPoint { name, reasons: some.unwrap_or(ALL_REASONS), is_of_others });
        }
        Ok(points)
    }
}

/// The bits of ReasonFlags that are set, from the contents of the bit string.
pub(crate) fn reasons(contents: &[u8]) -> Result<u16, Error> {
    match contents {
        [unused, first] if *unused < 8 => Ok(u16::from(*first) << 8 & ALL_REASONS),
        [unused, first, second] if *unused < 8 => Ok((u16::from(*first) << 8 | u16::from(*second)) & ALL_REASONS),
        _ => Err(Error::Malformed("reasons")),
    }
}
