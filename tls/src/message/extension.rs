//! The extension block (RFC 9846 section 4.3): types, where each may stand, no type twice.

use crate::message::framing::push_u16_block;
use crate::message::list::Distinct;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{Full, Reader};

/// The type of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtensionType(pub u16);

impl ExtensionType {
    /// server_name (RFC 6066 section 3).
    pub const SERVER_NAME: ExtensionType = ExtensionType(0);
    /// status_request (RFC 6066 section 8).
    pub const STATUS_REQUEST: ExtensionType = ExtensionType(5);
    /// supported_groups.
    pub const SUPPORTED_GROUPS: ExtensionType = ExtensionType(10);
    /// signature_algorithms.
    pub const SIGNATURE_ALGORITHMS: ExtensionType = ExtensionType(13);
    /// application_layer_protocol_negotiation (RFC 7301).
    pub const ALPN: ExtensionType = ExtensionType(16);
    /// padding (RFC 7685).
    pub const PADDING: ExtensionType = ExtensionType(21);
    /// record_size_limit (RFC 8449).
    pub const RECORD_SIZE_LIMIT: ExtensionType = ExtensionType(28);
    /// pre_shared_key.
    pub const PRE_SHARED_KEY: ExtensionType = ExtensionType(41);
    /// early_data.
    pub const EARLY_DATA: ExtensionType = ExtensionType(42);
    /// supported_versions.
    pub const SUPPORTED_VERSIONS: ExtensionType = ExtensionType(43);
    /// cookie.
    pub const COOKIE: ExtensionType = ExtensionType(44);
    /// psk_key_exchange_modes.
    pub const PSK_KEY_EXCHANGE_MODES: ExtensionType = ExtensionType(45);
    /// certificate_authorities.
    pub const CERTIFICATE_AUTHORITIES: ExtensionType = ExtensionType(47);
    /// oid_filters.
    pub const OID_FILTERS: ExtensionType = ExtensionType(48);
    /// post_handshake_auth.
    pub const POST_HANDSHAKE_AUTH: ExtensionType = ExtensionType(49);
    /// signature_algorithms_cert.
    pub const SIGNATURE_ALGORITHMS_CERT: ExtensionType = ExtensionType(50);
    /// key_share.
    pub const KEY_SHARE: ExtensionType = ExtensionType(51);
    /// quic_transport_parameters (RFC 9001 section 8.2).
    pub const QUIC_TRANSPORT_PARAMETERS: ExtensionType = ExtensionType(57);

    /// The row of RFC 9846 section 4.3, table 1, or `None` for a type that is not known here.
    /// RFC 9846 section 4.3-7, 4.3.5-1, 4.3.6-2, 4.3.9-6, 4.4.1-2.
    const fn places(self) -> Option<&'static [Place]> {
        use Place::{Certificate, ClientHello, EncryptedExtensions, HelloRetryRequest, NewSessionTicket};
        use Place::{CertificateRequest, ServerHello};
        Some(match self {
            Self::SERVER_NAME => &[ClientHello, EncryptedExtensions, CertificateRequest],
            Self::STATUS_REQUEST => &[ClientHello, CertificateRequest, Certificate],
            Self::SUPPORTED_GROUPS | Self::ALPN | Self::RECORD_SIZE_LIMIT | Self::QUIC_TRANSPORT_PARAMETERS => {
                &[ClientHello, EncryptedExtensions]
            }
            Self::SIGNATURE_ALGORITHMS | Self::SIGNATURE_ALGORITHMS_CERT | Self::CERTIFICATE_AUTHORITIES => {
                &[ClientHello, CertificateRequest]
            }
            Self::PADDING | Self::PSK_KEY_EXCHANGE_MODES | Self::POST_HANDSHAKE_AUTH => &[ClientHello],
            Self::PRE_SHARED_KEY => &[ClientHello, ServerHello],
            Self::EARLY_DATA => &[ClientHello, EncryptedExtensions, NewSessionTicket],
            Self::SUPPORTED_VERSIONS | Self::KEY_SHARE => &[ClientHello, ServerHello, HelloRetryRequest],
            Self::COOKIE => &[ClientHello, HelloRetryRequest],
            Self::OID_FILTERS => &[CertificateRequest],
            _ => return None,
        })
    }
}

/// A message that has an extension block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// ClientHello.
    ClientHello,
    /// ServerHello.
    ServerHello,
    /// HelloRetryRequest.
    HelloRetryRequest,
    /// EncryptedExtensions.
    EncryptedExtensions,
    /// CertificateRequest.
    CertificateRequest,
    /// An entry of a Certificate.
    Certificate,
    /// NewSessionTicket.
    NewSessionTicket,
}

/// The types of the extensions that a request held, so that only those are answered.
#[derive(Clone, Debug, Default)]
pub struct Offered(Vec<ExtensionType>);

impl Offered {
    /// Nothing was offered.
    pub(crate) fn nothing() -> Offered {
        Offered::default()
    }

    /// Nothing yet, with room for what a ClientHello offers.
    pub(crate) fn for_request() -> Offered {
        Offered(Vec::with_capacity(USUAL_EXTENSIONS))
    }

    /// Appends an extension to a request, and remembers its type.
    pub fn push(
        &mut self,
        out: &mut Vec<u8>,
        kind: ExtensionType,
        data: impl FnOnce(&mut Vec<u8>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        self.0.push(kind);
        push_extension(out, kind, data)
    }
}

impl<const N: usize> From<[ExtensionType; N]> for Offered {
    fn from(kinds: [ExtensionType; N]) -> Offered {
        Offered(kinds.to_vec())
    }
}

/// Room for the types of a message of ordinary size, so that it does not grow one by one.
const USUAL_EXTENSIONS: usize = 16;

/// An extension block that is well formed and fits its message.
#[derive(Clone, Copy, Debug)]
pub struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// Reads the inside of a block: whole extensions, no type twice, none in the wrong message, and in a response none that
    /// was not offered.
    pub fn decode(block: &'a [u8], place: Place, offered: &Offered) -> Result<Extensions<'a>, Violation> {
        let mut reader = Reader::new(block);
        let mut seen = Distinct::default();
        while !reader.is_empty() {
            let kind = ExtensionType(reader.u16()?);
            reader.u16_prefixed()?;
            check_place(kind, place, offered)?;
            seen.push(kind.0);
        }
        // RFC 9846 s4.3: no type twice.
        if seen.has_twice() { Err(Violation::DuplicateExtension) } else { Ok(Extensions(block)) }
    }

    /// The data of the extension of this type.
    pub fn find(&self, kind: ExtensionType) -> Option<&'a [u8]> {
        self.iter().find(|(other, _)| *other == kind).map(|(_, data)| data)
    }

    /// The extensions in order.
    pub fn iter(&self) -> impl Iterator<Item = (ExtensionType, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.0);
        // `decode` has seen that every extension is whole, so an end is the end.
        core::iter::from_fn(move || Some((ExtensionType(reader.u16().ok()?), reader.u16_prefixed().ok()?)))
    }
}

/// RFC 9846 section 4.3-6, 4.2.4-3.
fn check_place(kind: ExtensionType, place: Place, offered: &Offered) -> Result<(), Violation> {
    // RFC 9846 s4.3: what is known but stands in the wrong message is illegal, wherever that is.
    if kind.places().is_some_and(|places| !places.contains(&place)) {
        return Err(Violation::ExtensionNotAllowed);
    }
    match place {
        // Requests and tickets may hold what is unknown: it is ignored (RFC 9846 s4.2.2, s4.4.2, s4.7.1; RFC 8701).
        Place::ClientHello | Place::CertificateRequest | Place::NewSessionTicket => Ok(()),
        // RFC 9846 s4.3: the cookie is the one extension of a response that is not offered before.
        Place::HelloRetryRequest if kind == ExtensionType::COOKIE => Ok(()),
        _ if offered.0.contains(&kind) => Ok(()),
        // RFC 9846 s4.3: the alert is unsupported_extension.
        _ => Err(Violation::ExtensionNotOffered),
    }
}

/// Reads all of an extension's data with `read`; what is left over makes it malformed (RFC 9846 s4.3).
/// RFC 9846 section 4.3-1, 4.3-2.
pub fn whole<'a, T>(
    data: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Violation>,
) -> Result<T, Violation> {
    let mut reader = Reader::new(data);
    let value = read(&mut reader)?;
    if reader.is_empty() { Ok(value) } else { Err(Violation::Malformed) }
}

/// Appends one extension whose data `data` appends.
pub(crate) fn push_extension(
    out: &mut Vec<u8>,
    kind: ExtensionType,
    data: impl FnOnce(&mut Vec<u8>) -> Result<(), Full>,
) -> Result<(), Full> {
    out.extend_from_slice(&kind.0.to_be_bytes());
    push_u16_block(out, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(types: &[u16]) -> Vec<u8> {
        let mut out = Vec::new();
        for kind in types {
            push_extension(&mut out, ExtensionType(*kind), |out| {
                out.push(7);
                Ok(())
            })
            .unwrap();
        }
        out
    }

    /// What a client of ours asks for.
    fn offered() -> Offered {
        [0, 10, 13, 16, 43, 51, 57].map(ExtensionType).into()
    }

    /// RFC 9846 section 4.3-7, 4.3.5-1, 4.3.6-2, 4.3.9-6.
    #[test]
    fn every_known_extension_in_every_message() {
        let known = [0u16, 5, 10, 13, 16, 21, 41, 42, 43, 44, 45, 47, 48, 49, 50, 51, 57];
        let places = [
            (Place::ClientHello, &[0u16, 5, 10, 13, 16, 21, 41, 42, 43, 44, 45, 47, 49, 50, 51, 57][..]),
            (Place::ServerHello, &[41, 43, 51]),
            (Place::HelloRetryRequest, &[43, 44, 51]),
            (Place::EncryptedExtensions, &[0, 10, 16, 42, 57]),
            (Place::CertificateRequest, &[0, 5, 13, 47, 48, 50]),
            (Place::Certificate, &[5]),
            (Place::NewSessionTicket, &[42]),
        ];
        // In a response these were not asked for by a client of ours.
        let not_offered = [5u16, 41, 42];
        for (place, allowed) in places {
            let response = !matches!(place, Place::ClientHello | Place::CertificateRequest | Place::NewSessionTicket);
            for kind in known {
                let expected = if !allowed.contains(&kind) {
                    Some(Violation::ExtensionNotAllowed)
                } else if response && not_offered.contains(&kind) {
                    Some(Violation::ExtensionNotOffered)
                } else {
                    None
                };
                assert_eq!(
                    Extensions::decode(&block(&[kind]), place, &offered()).err(),
                    expected,
                    "{kind} in {place:?}"
                );
            }
            // GREASE (RFC 8701) is ignored in requests and refused in responses.
            let expected = response.then_some(Violation::ExtensionNotOffered);
            assert_eq!(Extensions::decode(&block(&[0x3a3a]), place, &offered()).err(), expected, "GREASE in {place:?}");
        }
    }

    /// RFC 9846 section 4.3-9.
    #[test]
    fn no_type_twice_and_nothing_cut() {
        assert_eq!(
            Extensions::decode(&block(&[0x1a1a, 10, 0x1a1a]), Place::ClientHello, &offered()).err(),
            Some(Violation::DuplicateExtension)
        );
        let whole = block(&[10, 13, 0x1a1a]);
        let extensions = Extensions::decode(&whole, Place::ClientHello, &offered()).unwrap();
        assert_eq!(
            extensions.iter().map(|(kind, data)| (kind.0, data.len())).collect::<Vec<_>>(),
            [(10, 1), (13, 1), (0x1a1a, 1)]
        );
        for end in 0..whole.len() {
            let result = Extensions::decode(&whole[..end], Place::ClientHello, &offered());
            assert_eq!(result.is_ok(), end % 5 == 0, "{end}");
        }
    }
}
