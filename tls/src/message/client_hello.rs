//! ClientHello (RFC 9846 section 4.2.2) and what is in its extensions.

use crate::error::LocalError;
use crate::message::certificate_request::Authorities;
use crate::message::extension::{ExtensionType, Extensions, Offered, Place, whole};
use crate::message::framing::{HandshakeType, push_message, push_u16_block};
use crate::message::list::{Distinct, Numbers};
use crate::message::pre_shared_key::{OfferedTicket, PSK_DHE_KE, PreSharedKeys};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::writer::push_u8_prefixed;
use base::{Full, Reader};
use crypto::NamedGroup;

/// The version number of TLS 1.2, which legacy_version always holds.
pub(crate) const LEGACY_VERSION: u16 = 0x0303;
/// TLS 1.3's number.
pub const TLS13: u16 = 0x0304;

/// A ClientHello that parses. Lists may hold numbers that mean nothing here.
#[derive(Clone, Debug)]
pub struct ClientHello<'a> {
    /// 0x0303 in TLS 1.3.
    pub legacy_version: u16,
    /// The client's random.
    pub random: [u8; 32],
    /// Empty unless the client wants middlebox compatibility mode; at most 32 bytes.
    pub legacy_session_id: &'a [u8],
    /// Offered cipher suites, best first.
    pub cipher_suites: Numbers<'a>,
    /// One zero byte in TLS 1.3.
    pub legacy_compression_methods: &'a [u8],
    /// The host name, if one was sent. Not yet checked.
    pub server_name: Option<&'a [u8]>,
    /// Groups the client can do.
    pub supported_groups: Option<Numbers<'a>>,
    /// Schemes the client can verify.
    pub signature_algorithms: Option<Numbers<'a>>,
    /// Schemes it can verify in certificates, if those are others.
    pub signature_algorithms_cert: Option<Numbers<'a>>,
    /// Authorities that should have issued the server's certificate (section 4.3.4).
    pub authorities: Option<Authorities<'a>>,
    /// Versions the client speaks.
    pub supported_versions: Option<Numbers<'a>>,
    /// Key shares.
    pub key_shares: Option<KeyShares<'a>>,
    /// Application protocols, best first.
    pub application_protocols: Option<Protocols<'a>>,
    /// The cookie of a HelloRetryRequest.
    pub cookie: Option<&'a [u8]>,
    /// Modes in which pre-shared keys may be used.
    pub psk_key_exchange_modes: Option<&'a [u8]>,
    /// The pre-shared keys that are offered.
    pub pre_shared_keys: Option<PreSharedKeys<'a>>,
    /// Whether 0-RTT data follows.
    pub offers_early_data: bool,
    /// Whether an OCSP response is wanted with the server's certificate (RFC 6066 section 8).
    pub requests_ocsp_response: bool,
    /// All extensions, for the comparison of a second hello with the first, and for the one that the carrier reads.
    pub extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    /// Reads the body of a ClientHello.
    /// RFC 9846 section 4.3-8, 4.3.11-15, 4.3.11-16.
    pub fn decode(body: &'a [u8]) -> Result<ClientHello<'a>, Violation> {
        let mut reader = Reader::new(body);
        let legacy_version = reader.u16()?;
        let random = reader.array()?;
        let legacy_session_id = reader.u8_prefixed()?;
        let cipher_suites = Numbers::decode(reader.u16_prefixed()?)?;
        let legacy_compression_methods = reader.u8_prefixed()?;
        if legacy_session_id.len() > 32 || legacy_compression_methods.is_empty() {
            return Err(Violation::Malformed);
        }
        // RFC 9846 s4.2.2: before TLS 1.3 there could be no block at all; that is told apart later, by the missing version.
        let block = if reader.is_empty() { &[] } else { reader.u16_prefixed()? };
        if !reader.is_empty() {
            return Err(Violation::Malformed);
        }
        let extensions = Extensions::decode(block, Place::ClientHello, &Offered::nothing())?;
        let mut hello = ClientHello {
            legacy_version,
            random,
            legacy_session_id,
            cipher_suites,
            legacy_compression_methods,
            server_name: None,
            supported_groups: None,
            signature_algorithms: None,
            signature_algorithms_cert: None,
            authorities: None,
            supported_versions: None,
            key_shares: None,
            application_protocols: None,
            cookie: None,
            psk_key_exchange_modes: None,
            pre_shared_keys: None,
            offers_early_data: false,
            requests_ocsp_response: false,
            extensions,
        };
        for (kind, data) in extensions.iter() {
            // RFC 9846 s4.3.11: pre_shared_key ends the block, because its binders cover all before them.
            if hello.pre_shared_keys.is_some() {
                return Err(Violation::PreSharedKeyNotLast);
            }
            hello.read_extension(kind, data)?;
        }
        Ok(hello)
    }

    /// RFC 9846 section 4.2.2-23, 9.2-1, 9.3-3, 9.3-5, 4.5.1.1-3.
    fn read_extension(&mut self, kind: ExtensionType, data: &'a [u8]) -> Result<(), Violation> {
        let numbers = |reader: &mut Reader<'a>| Numbers::decode(reader.u16_prefixed()?);
        match kind {
            ExtensionType::SERVER_NAME => self.server_name = decode_server_name(data)?,
            ExtensionType::SUPPORTED_GROUPS => self.supported_groups = Some(whole(data, numbers)?),
            ExtensionType::SIGNATURE_ALGORITHMS => self.signature_algorithms = Some(whole(data, numbers)?),
            ExtensionType::SIGNATURE_ALGORITHMS_CERT => self.signature_algorithms_cert = Some(whole(data, numbers)?),
            ExtensionType::CERTIFICATE_AUTHORITIES => self.authorities = Some(Authorities::decode(data)?),
            ExtensionType::SUPPORTED_VERSIONS => {
                self.supported_versions = Some(whole(data, |reader| Numbers::decode(reader.u8_prefixed()?))?);
            }
            ExtensionType::KEY_SHARE => self.key_shares = Some(KeyShares::decode(data)?),
            ExtensionType::ALPN => self.application_protocols = Some(Protocols::decode(data)?),
            ExtensionType::COOKIE => {
                let cookie = whole(data, |reader| Ok(reader.u16_prefixed()?))?;
                self.cookie = Some(not_empty(cookie)?);
            }
            ExtensionType::PSK_KEY_EXCHANGE_MODES => {
                let modes = whole(data, |reader| Ok(reader.u8_prefixed()?))?;
                self.psk_key_exchange_modes = Some(not_empty(modes)?);
            }
            ExtensionType::PRE_SHARED_KEY => self.pre_shared_keys = Some(PreSharedKeys::decode(data)?),
            ExtensionType::EARLY_DATA => {
                whole(data, |_| Ok(()))?;
                self.offers_early_data = true;
            }
            ExtensionType::POST_HANDSHAKE_AUTH => whole(data, |_| Ok(()))?,
            ExtensionType::STATUS_REQUEST => self.requests_ocsp_response = decode_status_request(data)?,
            // Not acted upon, so not parsed: padding, and all that is unknown.
            _ => {}
        }
        Ok(())
    }
}

fn not_empty(bytes: &[u8]) -> Result<&[u8], Violation> {
    if bytes.is_empty() { Err(Violation::Malformed) } else { Ok(bytes) }
}

/// Whether an OCSP response is asked for, the one kind of status that was ever defined (RFC 6066 section 8). Which responders the
/// client would like is not looked at: a server has one response, or none.
fn decode_status_request(data: &[u8]) -> Result<bool, Violation> {
    const OCSP: u8 = 1;
    let Some((&OCSP, request)) = data.split_first() else {
        return not_empty(data).map(|_| false);
    };
    let (responders, _extensions) = whole(request, |reader| Ok((reader.u16_prefixed()?, reader.u16_prefixed()?)))?;
    let mut responders = Reader::new(responders);
    while !responders.is_empty() {
        not_empty(responders.u16_prefixed()?)?;
    }
    Ok(true)
}

/// RFC 6066 s3: a list of names, of which only the kind 0, a host name, was ever defined, and no kind twice.
fn decode_server_name(data: &[u8]) -> Result<Option<&[u8]>, Violation> {
    let list = whole(data, |reader| Ok(reader.u16_prefixed()?))?;
    let mut reader = Reader::new(not_empty(list)?);
    let mut host_name = None;
    while !reader.is_empty() {
        let kind = reader.u8()?;
        let name = not_empty(reader.u16_prefixed()?)?;
        if kind == 0 && host_name.replace(name).is_some() {
            return Err(Violation::ServerNameMalformed);
        }
    }
    Ok(host_name)
}

/// A client's key shares (RFC 9846 section 4.3.8), perhaps none.
#[derive(Clone, Copy, Debug)]
pub struct KeyShares<'a>(&'a [u8]);

impl<'a> KeyShares<'a> {
    fn decode(data: &'a [u8]) -> Result<KeyShares<'a>, Violation> {
        let list = whole(data, |reader| Ok(reader.u16_prefixed()?))?;
        let mut reader = Reader::new(list);
        let mut groups = Distinct::default();
        while !reader.is_empty() {
            groups.push(reader.u16()?);
            not_empty(reader.u16_prefixed()?)?;
        }
        if groups.has_twice() { Err(Violation::DuplicateKeyShare) } else { Ok(KeyShares(list)) }
    }

    /// Groups and shares in order.
    pub fn iter(&self) -> impl Iterator<Item = (NamedGroup, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || Some((NamedGroup(reader.u16().ok()?), reader.u16_prefixed().ok()?)))
    }

    /// The share for `group`.
    pub fn find(&self, group: NamedGroup) -> Option<&'a [u8]> {
        self.iter().find(|(other, _)| *other == group).map(|(_, share)| share)
    }
}

/// Names of application protocols (RFC 7301 section 3.1), at least one.
#[derive(Clone, Copy, Debug)]
pub struct Protocols<'a>(&'a [u8]);

impl<'a> Protocols<'a> {
    /// Reads the data of the extension.
    pub fn decode(data: &'a [u8]) -> Result<Protocols<'a>, Violation> {
        let list = whole(data, |reader| Ok(reader.u16_prefixed()?))?;
        let mut reader = Reader::new(not_empty(list)?);
        while !reader.is_empty() {
            not_empty(reader.u8_prefixed()?)?;
        }
        Ok(Protocols(list))
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || reader.u8_prefixed().ok())
    }
}

/// What a ClientHello of ours says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientHelloFields<'a> {
    /// The client's random.
    pub random: &'a [u8; 32],
    /// The legacy_session_id, at most 32 bytes.
    pub session_id: &'a [u8],
    /// Cipher suites, best first.
    pub cipher_suites: &'a [u16],
    /// The host name; `None` if the server is known by its address (RFC 6066 section 3).
    pub server_name: Option<&'a str>,
    /// Groups, best first.
    pub supported_groups: &'a [u16],
    /// Signature schemes, best first.
    pub signature_algorithms: &'a [u16],
    /// Groups and shares, best first.
    pub key_shares: &'a [(NamedGroup, &'a [u8])],
    /// Application protocols, best first; none leaves the extension out.
    pub application_protocols: &'a [Vec<u8>],
    /// The carrier's own extension, opaque here.
    pub carrier_extension: Option<(ExtensionType, &'a [u8])>,
    /// The cookie to give back.
    pub cookie: Option<&'a [u8]>,
    /// Whether the server is asked for an OCSP response.
    pub requests_ocsp_response: bool,
    /// What it says of tickets.
    pub resumption: ResumptionFields<'a>,
}

/// What a ClientHello of ours says of tickets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResumptionFields<'a> {
    /// Whether the client would resume: the mode in which it does so is sent, and asks the server for tickets.
    pub wants_tickets: bool,
    /// The ticket to resume with.
    pub ticket: Option<OfferedTicket<'a>>,
    /// Whether early data follows.
    pub early_data: bool,
}

impl ClientHelloFields<'_> {
    /// The whole message, and which extensions it offers.
    /// RFC 9846 section 4.2.2-12, 4.2.2-20, 4.3.1-1, 9.2-10.
    pub(crate) fn encode(&self) -> Result<(Vec<u8>, Offered), LocalError> {
        let shares: usize = self.key_shares.iter().map(|(_, share)| share.len()).sum();
        let (mut out, mut offered) = (Vec::with_capacity(512 + shares), Offered::for_request());
        push_message(&mut out, HandshakeType::CLIENT_HELLO, |out| {
            out.extend_from_slice(&LEGACY_VERSION.to_be_bytes());
            out.extend_from_slice(self.random);
            push_u8_prefixed(out, |out| out.extend_from_slice(self.session_id))?;
            push_numbers(out, self.cipher_suites)?;
            out.extend_from_slice(&[1, 0]);
            push_u16_block(out, |out| self.push_extensions(out, &mut offered))
        })?;
        Ok((out, offered))
    }

    fn push_extensions(&self, out: &mut Vec<u8>, offered: &mut Offered) -> Result<(), Full> {
        if let Some(name) = self.server_name {
            offered.push(out, ExtensionType::SERVER_NAME, |out| {
                push_u16_block(out, |out| {
                    out.push(0);
                    push_u16_block(out, |out| {
                        out.extend_from_slice(name.as_bytes());
                        Ok(())
                    })
                })
            })?;
        }
        // RFC 9001 section 4.2-1: TLS 1.3 and nothing older is offered.
        offered.push(out, ExtensionType::SUPPORTED_VERSIONS, |out| {
            out.push(2);
            out.extend_from_slice(&TLS13.to_be_bytes());
            Ok(())
        })?;
        offered.push(out, ExtensionType::SUPPORTED_GROUPS, |out| push_numbers(out, self.supported_groups))?;
        offered.push(out, ExtensionType::SIGNATURE_ALGORITHMS, |out| push_numbers(out, self.signature_algorithms))?;
        offered.push(out, ExtensionType::KEY_SHARE, |out| {
            let mut shares = self.key_shares.iter();
            push_u16_block(out, |out| shares.try_for_each(|(group, share)| push_key_share(out, *group, share)))
        })?;
        if !self.application_protocols.is_empty() {
            offered.push(out, ExtensionType::ALPN, |out| {
                let mut names = self.application_protocols.iter();
                push_u16_block(out, |out| names.try_for_each(|name| push_protocol(out, name)))
            })?;
        }
        if let Some(cookie) = self.cookie {
            offered.push(out, ExtensionType::COOKIE, |out| {
                push_u16_block(out, |out| {
                    out.extend_from_slice(cookie);
                    Ok(())
                })
            })?;
        }
        if self.requests_ocsp_response {
            offered.push(out, ExtensionType::STATUS_REQUEST, |out| {
                // ocsp, from any responder, without extensions (RFC 6066 section 8).
                out.extend_from_slice(&[1, 0, 0, 0, 0]);
                Ok(())
            })?;
        }
        if let Some((kind, data)) = self.carrier_extension {
            offered.push(out, kind, |out| {
                out.extend_from_slice(data);
                Ok(())
            })?;
        }
        self.push_resumption(out, offered)
    }

    fn push_resumption(&self, out: &mut Vec<u8>, offered: &mut Offered) -> Result<(), Full> {
        let ResumptionFields { wants_tickets, ticket, early_data } = self.resumption;
        if wants_tickets {
            // RFC 9846 s4.3.9: without a mode no pre-shared key may be offered, and no ticket is sent.
            offered.push(out, ExtensionType::PSK_KEY_EXCHANGE_MODES, |out| {
                out.extend_from_slice(&[1, PSK_DHE_KE]);
                Ok(())
            })?;
        }
        let Some(ticket) = ticket else { return Ok(()) };
        if early_data {
            offered.push(out, ExtensionType::EARLY_DATA, |_| Ok(()))?;
        }
        // RFC 9846 s4.3.11: pre_shared_key is the last.
        offered.push(out, ExtensionType::PRE_SHARED_KEY, |out| ticket.encode(out))
    }
}

/// Appends a KeyShareEntry.
pub(crate) fn push_key_share(out: &mut Vec<u8>, group: NamedGroup, share: &[u8]) -> Result<(), Full> {
    out.extend_from_slice(&group.0.to_be_bytes());
    push_u16_block(out, |out| {
        out.extend_from_slice(share);
        Ok(())
    })
}

/// Appends a ProtocolName.
pub(crate) fn push_protocol(out: &mut Vec<u8>, name: &[u8]) -> Result<(), Full> {
    push_u8_prefixed(out, |out| out.extend_from_slice(name))
}

fn push_numbers(out: &mut Vec<u8>, numbers: &[u16]) -> Result<(), Full> {
    push_u16_block(out, |out| {
        out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        Ok(())
    })
}

#[cfg(test)]
mod tests;
