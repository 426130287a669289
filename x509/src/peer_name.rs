//! Whom a certificate stands for, as a program reads it: the names of its subjectAltName (RFC 5280 section 4.2.1.6).

use crate::certificate::Certificate;
use crate::der::{Elements, tag};
use crate::general_name::ip_address;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

/// A name of a peer. Text is exactly what the certificate has, and holds printable ASCII alone: a name with anything else in it,
/// which two readers could take for two different names, is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PeerName {
    /// dNSName: a host, or `*.` and a host. In any case of letters.
    Dns(String),
    /// rfc822Name: an address of mail.
    Email(String),
    /// uniformResourceIdentifier, such as a SPIFFE ID.
    Uri(String),
    /// iPAddress.
    Ip(IpAddr),
}

impl Certificate<'_> {
    /// The names of its subjectAltName that are of a kind known here, in their order. The common name is not among them.
    pub fn peer_names(&self) -> Vec<PeerName> {
        const DNS: u8 = tag::context(2);
        const EMAIL: u8 = tag::context(1);
        const URI: u8 = tag::context(6);
        const IP_ADDRESS: u8 = tag::context(7);
        let Some(alternative) = &self.extensions().subject_alternative_name else { return Vec::new() };
        let mut elements = Elements::new(alternative.names.contents());
        let mut names = Vec::new();
        while let Ok(element) = elements.any("general name") {
            let name = match element.tag {
                DNS => text(element.value).map(PeerName::Dns),
                EMAIL => text(element.value).map(PeerName::Email),
                URI => text(element.value).map(PeerName::Uri),
                IP_ADDRESS => ip_address(element.value).map(PeerName::Ip),
                _ => None,
            };
            names.extend(name);
        }
        names
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    let is_plain = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    is_plain.then(|| bytes.iter().copied().map(char::from).collect())
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerName::Dns(text) | PeerName::Email(text) | PeerName::Uri(text) => f.write_str(text),
            PeerName::Ip(address) => address.fmt(f),
        }
    }
}
