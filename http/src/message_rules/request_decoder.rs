//! Received lines into a [`RequestHead`] (RFC 9114 sections 4.2, 4.3.1 and 4.4; RFC 9220).

use super::malformed::Malformed;
use super::rules::{self, Section};
use crate::authority::Authority;
use crate::characters::is_field_value;
use crate::fields::Fields;
use crate::method::Method;
use crate::request::RequestHead;
use crate::target::{Path, Protocol, Scheme};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Collects the lines of a request head, and then of the next.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    /// Whether this side offered extended CONNECT.
    extended_connect: bool,
    /// What was named last: most of a connection's requests name the same.
    known: Option<Authority>,
    method: Option<Method>,
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    /// Kept as bytes: what a path may be depends on method and scheme, which may come later.
    path: Option<Box<[u8]>>,
    protocol: Option<Protocol>,
    host: Option<Authority>,
    cookie: Vec<u8>,
    has_cookie: bool,
    fields: Fields,
}

impl RequestDecoder {
    /// `extended_connect`: whether this side announced that it takes `:protocol` (RFC 9220 section 3).
    pub fn new(extended_connect: bool) -> RequestDecoder {
        RequestDecoder { extended_connect, ..RequestDecoder::default() }
    }

    /// If the request names this authority, the two share its text, as requests do that come one after the other to one decoder.
    #[must_use]
    pub fn with_known(mut self, known: Option<Authority>) -> RequestDecoder {
        self.known = known;
        self
    }

    /// The authority that was named last, for another decoder.
    pub fn into_known(self) -> Option<Authority> {
        self.known
    }

    /// The next line.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        if rules::is_pseudo(name) {
            return self.push_pseudo(name, value);
        }
        match name {
            b"host" => self.push_host(value),
            b"cookie" => self.push_cookie(value),
            _ => rules::push(&mut self.fields, Section::Request, name, value),
        }
    }

    /// What stands before the first ordinary line of most requests, at once: the lines `:method`, `:scheme` and `:path`.
    pub fn push_target(&mut self, method: &[u8], scheme: &Scheme, path: &[u8]) -> Result<(), Malformed> {
        self.check_is_early()?;
        once(&mut self.method, || Method::from_bytes(method).map_err(|_| Malformed::Method))?;
        once(&mut self.scheme, || Ok(scheme.clone()))?;
        once(&mut self.path, || Ok(path.into()))
    }

    /// All lines were there. None of them is left here, and those of the next head may come.
    pub fn finish(&mut self) -> Result<RequestHead, Malformed> {
        self.join_cookies()?;
        rules::content_length(&self.fields)?;
        let authority = self.agreed_authority()?;
        // RFC 9114 section 4.3.1-6: what is not there is missed here, what is there twice in `once`.
        let method = self.method.take().ok_or(Malformed::MissingPseudoField)?;
        let (scheme, path, protocol) = (self.scheme.take(), self.path.take(), self.protocol.take());
        if protocol.is_some() && (method != Method::Connect || !self.extended_connect) {
            return Err(Malformed::Protocol);
        }
        let (scheme, path) = if method == Method::Connect && protocol.is_none() {
            check_connect(&scheme, &path, &authority)?;
            (None, None)
        } else {
            // RFC 8441 section 4-2: those with a protocol among them.
            let scheme = scheme.ok_or(Malformed::MissingPseudoField)?;
            let path = path.ok_or(Malformed::MissingPseudoField)?;
            // RFC 9114 section 4.3.1-7: Host would do as well; it was made the authority.
            if authority.is_none() && scheme.needs_authority() {
                return Err(Malformed::MissingAuthority);
            }
            let path = Path::from_vec(path.into_vec(), &method, &scheme).map_err(|_| Malformed::Path)?;
            (Some(scheme), Some(path))
        };
        Ok(RequestHead { method, scheme, authority, path, protocol, fields: core::mem::take(&mut self.fields) })
    }

    fn push_pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        self.check_is_early()?;
        match name {
            b":method" => once(&mut self.method, || Method::from_bytes(value).map_err(|_| Malformed::Method)),
            b":scheme" => once(&mut self.scheme, || Scheme::from_bytes(value).map_err(|_| Malformed::Scheme)),
            b":authority" => once(&mut self.authority, || authority(value, &mut self.known)),
            b":path" => once(&mut self.path, || Ok(value.into())),
            b":protocol" => once(&mut self.protocol, || Protocol::from_bytes(value).map_err(|_| Malformed::Protocol)),
            // RFC 9114 section 4.3-2, 4.3-4: also those of responses.
            _ => Err(Malformed::UnknownPseudoField),
        }
    }

    fn push_host(&mut self, value: &[u8]) -> Result<(), Malformed> {
        if self.host.is_some() {
            return Err(Malformed::DuplicateHost);
        }
        self.host = Some(authority(value, &mut self.known)?);
        Ok(())
    }

    /// RFC 9114 section 4.3-6: pseudo-header fields come before the first ordinary one. Host and Cookie lines are kept apart from the others.
    fn check_is_early(&self) -> Result<(), Malformed> {
        let is_early = self.fields.is_empty() && self.host.is_none() && !self.has_cookie;
        if is_early { Ok(()) } else { Err(Malformed::LatePseudoField) }
    }

    /// RFC 9114 section 4.2.1-2: lines that were split for better compression become one again.
    fn push_cookie(&mut self, value: &[u8]) -> Result<(), Malformed> {
        // Each line is judged before they are joined: what is inside the joined text could not be told from its ends.
        if !is_field_value(value) {
            return Err(Malformed::FieldValue);
        }
        self.has_cookie = true;
        if !self.cookie.is_empty() && !value.is_empty() {
            self.cookie.extend_from_slice(b"; ");
        }
        self.cookie.extend_from_slice(value);
        Ok(())
    }

    fn join_cookies(&mut self) -> Result<(), Malformed> {
        if core::mem::take(&mut self.has_cookie) {
            let cookie = core::mem::take(&mut self.cookie);
            rules::push(&mut self.fields, Section::Request, b"cookie", &cookie)?;
        }
        Ok(())
    }

    /// RFC 9114 section 4.3.1-9: where both are given they must be the same, or two servers would see two different
    /// sites.
    fn agreed_authority(&mut self) -> Result<Option<Authority>, Malformed> {
        match (self.authority.take(), self.host.take()) {
            (Some(authority), Some(host)) if authority != host => Err(Malformed::HostDiffersFromAuthority),
            (Some(authority), _) => Ok(Some(authority)),
            (None, host) => Ok(host),
        }
    }
}

/// RFC 9114 section 4.3.1-8.
fn authority(value: &[u8], known: &mut Option<Authority>) -> Result<Authority, Malformed> {
    if let Some(known) = known.as_ref().filter(|known| known.as_str().as_bytes() == value) {
        return Ok(known.clone());
    }
    let authority = Authority::from_bytes(value).map_err(|_| Malformed::Authority)?;
    *known = Some(authority.clone());
    Ok(authority)
}

fn once<T>(place: &mut Option<T>, parse: impl FnOnce() -> Result<T, Malformed>) -> Result<(), Malformed> {
    if place.is_some() {
        return Err(Malformed::DuplicatePseudoField);
    }
    *place = Some(parse()?);
    Ok(())
}

/// RFC 9114 section 4.4-1, 4.4-2, 4.4-3, 4.4-4: a plain CONNECT names host and port and nothing else.
fn check_connect(
    scheme: &Option<Scheme>,
    path: &Option<Box<[u8]>>,
    authority: &Option<Authority>,
) -> Result<(), Malformed> {
    let has_port = authority.as_ref().ok_or(Malformed::MissingAuthority)?.port().is_some();
    if scheme.is_some() || path.is_some() || !has_port { Err(Malformed::Connect) } else { Ok(()) }
}
