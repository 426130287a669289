//! Name constraints (RFC 5280 section 4.2.1.10): what an authority may certify.
//!
//! A name passes if it is within a permitted subtree, where there is one of its kind, and touches no excluded one. DNS
//! names, IP addresses and directory names are compared; a name of any other kind that a constraint speaks of is refused.

use crate::budget::Budget;
use crate::certificate::Certificate;
use crate::der::Elements;
use crate::dns;
use crate::error::{Error, Rule};
use crate::extensions::subtree;
use crate::general_name::{self, GeneralName, ip_address};
use crate::name::{CanonicalName, Name};
use crate::text;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Checks the names of `certificate` against the constraints of an authority above it.
/// RFC 5280 section 4.2.1.10-14, 4.2.1.10-6, 4.2.1.10-11, 4.2.1.10-15.
pub(crate) fn check(
    authority: &Certificate<'_>,
    certificate: &Certificate<'_>,
    budget: &mut Budget,
) -> Result<(), Error> {
    let Some(constraints) = &authority.extensions().name_constraints else { return Ok(()) };
    let malformed = || Error::Rule { subject: authority.label(), rule: Rule::UnsupportedConstraint };
    let permitted = subtrees(constraints.permitted, budget)?.ok_or_else(malformed)?;
    let excluded = subtrees(constraints.excluded, budget)?.ok_or_else(malformed)?;
    let broken = |rule| Error::Rule { subject: certificate.label(), rule };
    for name in names(certificate) {
        let outside = || {
            let (name, authority) = (name.to_text(), authority.label());
            broken(Rule::NameConstraints { name, authority })
        };
        let unchecked = || broken(Rule::UncheckedName { kind: name.kind(), authority: authority.label() });
        let mut allowed = None;
        for subtree in &permitted {
            budget.spend_comparison()?;
            match relation(&name, subtree) {
                Relation::OtherKind => {}
                Relation::Unsupported => return Err(unchecked()),
                Relation::Within => allowed = Some(true),
                Relation::Touches | Relation::Apart => allowed = allowed.or(Some(false)),
                Relation::Invalid => return Err(outside()),
            }
        }
        if allowed == Some(false) {
            return Err(outside());
        }
        for subtree in &excluded {
            budget.spend_comparison()?;
            match relation(&name, subtree) {
                Relation::OtherKind | Relation::Apart => {}
                Relation::Unsupported => return Err(unchecked()),
                Relation::Within | Relation::Touches | Relation::Invalid => return Err(outside()),
            }
        }
    }
    Ok(())
}

/// A name or a subtree, ready to be compared.
enum Comparable<'a> {
    Dns(&'a [u8]),
    IpAddress(&'a [u8]),
    Directory(Name<'a>, CanonicalName),
    EmailAddress,
    Other(u8),
}

impl<'a> Comparable<'a> {
    fn new(name: GeneralName<'a>) -> Comparable<'a> {
        match name {
            GeneralName::Dns(name) => Comparable::Dns(name),
            GeneralName::IpAddress(address) => Comparable::IpAddress(address),
            GeneralName::Directory(name) => Comparable::Directory(name, name.canonical()),
            GeneralName::EmailAddress => Comparable::EmailAddress,
            GeneralName::Other(tag) => Comparable::Other(tag),
        }
    }

    fn to_text(&self) -> String {
        match self {
            Comparable::Dns(name) => text::escaped_bytes(name),
            Comparable::IpAddress(address) => ip_address(address).map(|ip| ip.to_string()).unwrap_or_default(),
            Comparable::Directory(name, _) => name.written(),
            Comparable::EmailAddress | Comparable::Other(_) => String::from(self.kind()),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Comparable::Dns(_) => "a DNS name",
            Comparable::IpAddress(_) => "an IP address",
            Comparable::Directory(..) => "a directory name",
            Comparable::EmailAddress => "an e-mail address",
            Comparable::Other(general_name::URI) => "a URI",
            Comparable::Other(_) => "a name of another kind",
        }
    }
}

/// All names that constraints speak of: subject, e-mail addresses in it, and subjectAltName.
/// RFC 5280 section 4.2.1.10-13.
fn names<'a>(certificate: &Certificate<'a>) -> Vec<Comparable<'a>> {
    let mut names = Vec::new();
    let subject = certificate.subject();
    if !subject.is_empty() {
        names.push(Comparable::new(GeneralName::Directory(subject)));
    }
    if subject.has_email_address() {
        names.push(Comparable::EmailAddress);
    }
    if let Some(alternative) = &certificate.extensions().subject_alternative_name {
        names.extend(alternative.names.iter().map(Comparable::new));
    }
    names
}

/// The subtrees of a list; `None` if one is malformed.
fn subtrees<'a>(contents: &'a [u8], budget: &mut Budget) -> Result<Option<Vec<Comparable<'a>>>, Error> {
    let mut elements = Elements::new(contents);
    let mut list = Vec::new();
    while !elements.is_empty() {
        budget.spend_comparison()?;
        let base = subtree(&mut elements)?;
        let is_sound = match base {
            GeneralName::Dns(name) => dns::is_constraint(name),
            GeneralName::IpAddress(range) => is_address_range(range),
            _ => true,
        };
        if !is_sound {
            return Ok(None);
        }
        list.push(Comparable::new(base));
    }
    Ok(Some(list))
}

/// An address and a mask of ones, then zeros (RFC 4632 style).
/// RFC 5280 section 4.2.1.10-20, 4.2.1.10-21, 4.2.1.10-22.
fn is_address_range(range: &[u8]) -> bool {
    if range.len() != 8 && range.len() != 32 {
        return false;
    }
    let (_, mask) = range.split_at(range.len() / 2);
    let mut ended = false;
    mask.iter().all(|byte| {
        let fits = byte.leading_ones() + byte.trailing_zeros() == 8 && (!ended || *byte == 0);
        ended |= *byte != 0xff;
        fits
    })
}

/// How a name stands to a subtree.
enum Relation {
    /// They are of different kinds, so neither says anything about the other.
    OtherKind,
    /// They are of one kind, which is not supported.
    Unsupported,
    /// All that the name stands for is in the subtree.
    Within,
    /// Some of it is.
    Touches,
    /// None of it is.
    Apart,
    /// The name is none of its kind, so nothing can be said.
    Invalid,
}

fn relation(name: &Comparable<'_>, subtree: &Comparable<'_>) -> Relation {
    let within = |is_within| if is_within { Relation::Within } else { Relation::Apart };
    match (name, subtree) {
        (Comparable::Dns(name), Comparable::Dns(subtree)) => dns_relation(name, subtree),
        (Comparable::IpAddress(address), Comparable::IpAddress(range)) => within(is_in_range(address, range)),
        (Comparable::Directory(name, own), Comparable::Directory(base, subtree)) => match own.starts_with(subtree) {
            true => Relation::Within,
            // Another reader may see one text in two spellings.
            false if name.is_surely_outside(base) => Relation::Apart,
            false => Relation::Touches,
        },
        (Comparable::EmailAddress, Comparable::EmailAddress) => Relation::Unsupported,
        (Comparable::Other(name), Comparable::Other(subtree)) if name == subtree => Relation::Unsupported,
        _ => Relation::OtherKind,
    }
}

/// RFC 5280 s4.2.1.10 has no dot in front of a DNS constraint. Where there is one, it means what is below the name and not
/// the name itself, to OpenSSL, Go and webpki alike. As an exclusion it is read as if the name were meant, too.
fn dns_relation(name: &[u8], subtree: &[u8]) -> Relation {
    if !dns::is_presented_name(name) {
        return Relation::Invalid;
    }
    let (subtree, is_below_only) = subtree.strip_prefix(b".").map_or((subtree, false), |subtree| (subtree, true));
    let Some(base) = name.strip_prefix(b"*.") else {
        return match dns::is_within(name, subtree) {
            true if is_below_only && name.len() == subtree.len() => Relation::Touches,
            true => Relation::Within,
            false => Relation::Apart,
        };
    };
    // A wildcard stands for every label: all of them are within what its base is within; one of them may be the subtree.
    if dns::is_within(base, subtree) {
        Relation::Within
    } else if dns::split_first_label(subtree).is_some_and(|parent| parent.eq_ignore_ascii_case(base)) {
        Relation::Touches
    } else {
        Relation::Apart
    }
}

fn is_in_range(address: &[u8], range: &[u8]) -> bool {
    if range.len() != address.len() * 2 {
        return false;
    }
    let (network, mask) = range.split_at(address.len());
    address.iter().zip(network).zip(mask).all(|((address, network), mask)| address & mask == network & mask)
}
