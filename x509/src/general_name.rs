//! GeneralName (RFC 5280 section 4.2.1.6).

use crate::der::{Elements, tag};
use crate::error::Error;
use crate::name::Name;
use crate::oid;
use core::net::IpAddr;

/// The tag of a uniformResourceIdentifier.
pub(crate) const URI: u8 = tag::context(6);

/// A name of one of the kinds that matter to servers.
#[derive(Clone, Copy, Debug)]
pub enum GeneralName<'a> {
    /// dNSName: ASCII, not yet checked for syntax.
    Dns(&'a [u8]),
    /// iPAddress: 4 or 16 bytes in a subjectAltName, twice as many in a constraint.
    IpAddress(&'a [u8]),
    /// directoryName.
    Directory(Name<'a>),
    /// rfc822Name, or an SmtpUTF8Mailbox in an otherName.
    EmailAddress,
    /// Any other kind, by its tag.
    Other(u8),
}

impl<'a> GeneralName<'a> {
    /// Reads the next name.
    pub(crate) fn read(elements: &mut Elements<'a>) -> Result<GeneralName<'a>, Error> {
        const WHAT: &str = "general name";
        const DNS: u8 = tag::context(2);
        const EMAIL_ADDRESS: u8 = tag::context(1);
        const DIRECTORY: u8 = tag::context_constructed(4);
        const IP_ADDRESS: u8 = tag::context(7);
        const REGISTERED_ID: u8 = tag::context(8);
        const OTHER_NAME: u8 = tag::context_constructed(0);
        const X400_ADDRESS: u8 = tag::context_constructed(3);
        const EDI_PARTY_NAME: u8 = tag::context_constructed(5);
        let element = elements.any(WHAT)?;
        match element.tag {
            DNS | EMAIL_ADDRESS | URI if !element.value.is_ascii() => Err(Error::Malformed(WHAT)),
            DNS => Ok(GeneralName::Dns(element.value)),
            EMAIL_ADDRESS => Ok(GeneralName::EmailAddress),
            IP_ADDRESS => Ok(GeneralName::IpAddress(element.value)),
            DIRECTORY => {
                let mut inside = Elements::new(element.value);
                let name = Name::new(inside.value(tag::SEQUENCE, WHAT)?)?;
                inside.end(WHAT)?;
                Ok(GeneralName::Directory(name))
            }
            // RFC 9549: the constraints on e-mail addresses are about this kind, too.
            OTHER_NAME if is_mailbox(element.value) => Ok(GeneralName::EmailAddress),
            URI | REGISTERED_ID | OTHER_NAME | X400_ADDRESS | EDI_PARTY_NAME => Ok(GeneralName::Other(element.tag)),
            _ => Err(Error::Malformed(WHAT)),
        }
    }
}

/// The names of a subjectAltName, checked for structure: there is at least one.
#[derive(Clone, Copy, Debug)]
pub struct GeneralNames<'a> {
    contents: &'a [u8],
}

impl<'a> GeneralNames<'a> {
    /// The names as they are encoded, one after the other.
    /// RFC 5280 section 4.2.1.6-11.
    pub(crate) fn contents(&self) -> &'a [u8] {
        self.contents
    }

    /// From the contents of the sequence.
    /// RFC 5280 section 4.2.1.6-23.
    pub(crate) fn new(contents: &'a [u8]) -> Result<GeneralNames<'a>, Error> {
        let mut elements = Elements::new(contents);
        if elements.is_empty() {
            return Err(Error::Malformed("empty subject alternative name"));
        }
        while !elements.is_empty() {
            match GeneralName::read(&mut elements)? {
                GeneralName::IpAddress(address) if ip_address(address).is_none() => {
                    return Err(Error::Malformed("IP address"));
                }
                _ => {}
            }
        }
        Ok(GeneralNames { contents })
    }

    /// The names in their order.
    pub fn iter(&self) -> impl Iterator<Item = GeneralName<'a>> + use<'a> {
        let mut elements = Elements::new(self.contents);
        core::iter::from_fn(move || GeneralName::read(&mut elements).ok())
    }
}

/// Whether this is an otherName of an internationalized e-mail address.
fn is_mailbox(contents: &[u8]) -> bool {
    Elements::new(contents).value(tag::OBJECT_IDENTIFIER, "").is_ok_and(|kind| kind == oid::SMTP_UTF8_MAILBOX)
}

/// The address of 4 or 16 bytes.
/// RFC 5280 section 4.2.1.6-8, 4.2.1.6-9, 4.2.1.6-10.
pub(crate) fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}
