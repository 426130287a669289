//! Which hosts a server answers for (RFC 9110 sections 4.3.3 and 7.4): those of its certificate, and those it was given.
//!
//! A certificate is for hosts on whatever port, and so is a name here unless it was given with one: behind a port that is
//! forwarded, or announced by Alt-Svc (RFC 7838), clients name another port than the one that the server listens on.

use crate::error::Error;
use http::{Authority, Scheme};
use rustls_pki_types::CertificateDer;
use std::cell::RefCell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use tls::{CertifiedKey, ClientAuthentication, ClientWishes, Resolver, Selected};
use x509::Certificate;
use x509::general_name::GeneralName;

/// The port of https.
const DEFAULT_PORT: u16 = 443;

/// The hosts that requests on a connection may be for.
#[derive(Debug, Default)]
pub(crate) struct Authorities {
    /// Whatever is asked for: somebody else has looked.
    is_any: bool,
    hosts: Vec<Served>,
    /// Where clients of some hosts have to show a certificate, and those of others not.
    clients: Option<Clients>,
    /// What the last request named that was for one of them: most requests name the same.
    last: RefCell<Option<Authority>>,
}

/// What clients are asked for by the host that they ask for, and what the client of this connection was asked for.
struct Clients {
    resolver: Arc<dyn Resolver>,
    /// Where the resolver says nothing.
    default: ClientAuthentication,
    asked: ClientAuthentication,
}

/// A host, and the port if it is for one alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    host: Host,
    port: Option<u16>,
}

/// In lower case, without the dot of the root.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// Every one.
    Any,
    Name(Box<str>),
    /// `*.` and this: one label in place of the star.
    Below(Box<str>),
    Address(IpAddr),
}

impl Authorities {
    /// Whatever is asked for.
    pub(crate) fn any() -> Authorities {
        Authorities { is_any: true, ..Authorities::default() }
    }

    fn new(certificate: Option<&CertificateDer<'_>>, given: &[Served], clients: Option<Clients>) -> Authorities {
        let mut hosts = given.to_vec();
        hosts.extend(certificate.into_iter().flat_map(|der| of_certificate(der)));
        let is_any = hosts.iter().any(|served| served.host == Host::Any);
        Authorities { is_any, hosts, clients, last: RefCell::default() }
    }

    /// Whether a request for a URI of this scheme and authority is to be answered.
    /// RFC 9110 section 7.4-1, 7.4-2.
    pub(crate) fn answer_for(&self, scheme: Option<&Scheme>, authority: Option<&Authority>) -> bool {
        // Of what is not even https no client can have shown who it is.
        let Some(authority) = authority.filter(|_| self.is_any || scheme == Some(&Scheme::Https)) else {
            return self.is_any && self.clients.as_ref().is_none_or(|clients| clients.are_asked_alike(None));
        };
        if self.last.borrow().as_ref() == Some(authority) {
            return true;
        }
        let is_ours = (self.is_any || self.hosts.iter().any(|served| served.is(authority)))
            && self.clients.as_ref().is_none_or(|clients| clients.are_asked_alike(Some(authority.host())));
        if is_ours {
            *self.last.borrow_mut() = Some(authority.clone());
        }
        is_ours
    }
}

impl Clients {
    /// Whether a connection that is made for this host asks its client for the same as this one has. If not, the request has to
    /// come on one of its own: otherwise a client that is asked for nothing at one host could ask for another there.
    fn are_asked_alike(&self, host: Option<&str>) -> bool {
        let name = host.and_then(|host| match Host::parse(host)? {
            Host::Name(name) => Some(name),
            _ => None,
        });
        let selected = self.resolver.resolve(&ClientWishes::of_name(name.as_deref()));
        let wanted = selected.and_then(|selected| selected.client_authentication);
        wanted.as_ref().unwrap_or(&self.default).is_same(&self.asked)
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Served {
    /// Reads `example.com`, `*.example.com`, `192.0.2.1` or `[2001:db8::1]`, perhaps with a port behind a colon; or `*`.
    pub(crate) fn parse(text: &str) -> Result<Served, Error> {
        if text == "*" {
            return Ok(Served { host: Host::Any, port: None });
        }
        let refused = || {
            Error::Message(format!(
                "{text:?} is no name of a server: give a host such as example.com, *.example.com or 192.0.2.1, perhaps with \
                 a port, or * for all"
            ))
        };
        // An address of IPv6 may stand without brackets where there is no port.
        if let Ok(address) = text.parse() {
            return Ok(Served { host: Host::Address(address), port: None });
        }
        let authority = Authority::from_bytes(text.as_bytes()).map_err(|_| refused())?;
        Ok(Served { host: Host::parse(authority.host()).ok_or_else(refused)?, port: authority.port() })
    }

    fn is(&self, authority: &Authority) -> bool {
        let has_port = self.port.is_none_or(|port| authority.port().unwrap_or(DEFAULT_PORT) == port);
        has_port && self.host.is(authority.host())
    }
}

impl Host {
    fn parse(text: &str) -> Option<Host> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Some(Host::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        match name.strip_prefix("*.") {
            Some(parent) if is_name(parent) => Some(Host::Below(parent.into())),
            None if is_name(&name) => Some(Host::Name(name.into())),
            _ => None,
        }
    }

    fn is(&self, asked: &str) -> bool {
        let name = asked.strip_suffix('.').unwrap_or(asked);
        match self {
            Host::Any => true,
            Host::Name(own) => own.eq_ignore_ascii_case(name),
            Host::Below(parent) => name
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && label != "*" && parent.eq_ignore_ascii_case(rest)),
            Host::Address(own) => {
                let bare = asked.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(asked);
                bare.parse::<IpAddr>().is_ok_and(|address| address == *own)
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.split('.').all(is_label)
}

/// The names in a certificate. The common name counts for nothing, as for clients (RFC 9525 section 6.4).
fn of_certificate(der: &CertificateDer<'_>) -> Vec<Served> {
    let Ok(certificate) = Certificate::parse(der) else { return Vec::new() };
    let Some(alternative) = &certificate.extensions().subject_alternative_name else { return Vec::new() };
    let host = |name| match name {
        GeneralName::Dns(name) => Host::parse(std::str::from_utf8(name).ok()?),
        GeneralName::IpAddress(&[a, b, c, d]) => Some(Host::Address(IpAddr::from([a, b, c, d]))),
        GeneralName::IpAddress(bytes) => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Host::Address(bytes.into())),
        _ => None,
    };
    alternative.names.iter().filter_map(host).map(|host| Served { host, port: None }).collect()
}

/// Knows which hosts each connection of a server is good for.
pub(crate) struct AuthoritySource {
    given: Vec<Served>,
    resolver: Arc<dyn Resolver>,
    /// What clients are asked for where the resolver says nothing.
    clients: ClientAuthentication,
    /// The last certificate that was looked at, what its client was asked for, and its hosts: most connections have the same.
    last: RefCell<Option<Last>>,
}

/// A certificate, what a client was asked for, and the hosts of its connection.
type Last = (Arc<CertifiedKey>, ClientAuthentication, Rc<Authorities>);

impl AuthoritySource {
    /// Of a server that shows the certificates of `resolver`, asks its clients for this, and was given these names.
    pub(crate) fn new(
        resolver: Arc<dyn Resolver>,
        clients: ClientAuthentication,
        given: Vec<Served>,
    ) -> AuthoritySource {
        AuthoritySource { given, resolver, clients, last: RefCell::default() }
    }

    /// The hosts of a connection whose client asked for `server_name` in its handshake, and was `asked` for that.
    pub(crate) fn of_connection(
        &self,
        server_name: Option<&str>,
        asked: Option<&ClientAuthentication>,
    ) -> Rc<Authorities> {
        let asked = asked.cloned().unwrap_or_default();
        let selected = self.resolver.resolve(&ClientWishes::of_name(server_name));
        let Some(Selected { certified, .. }) = selected else { return Rc::new(self.authorities(None, asked)) };
        let mut last = self.last.borrow_mut();
        match &*last {
            Some((known, same, authorities)) if Arc::ptr_eq(known, &certified) && same.is_same(&asked) => {
                authorities.clone()
            }
            _ => {
                let authorities = Rc::new(self.authorities(certified.chain.first(), asked.clone()));
                *last = Some((certified, asked, authorities.clone()));
                authorities
            }
        }
    }

    /// Whether some connection would be good for requests to this host by https.
    pub(crate) fn know(&self, authority: &Authority) -> bool {
        let name = match Host::parse(authority.host()) {
            Some(Host::Name(name)) => Some(name),
            _ => None,
        };
        let selected = self.resolver.resolve(&ClientWishes::of_name(name.as_deref()));
        let asked = selected.and_then(|selected| selected.client_authentication);
        let asked = asked.as_ref().unwrap_or(&self.clients);
        self.of_connection(name.as_deref(), Some(asked)).answer_for(Some(&Scheme::Https), Some(authority))
    }

    fn authorities(&self, certificate: Option<&CertificateDer<'_>>, asked: ClientAuthentication) -> Authorities {
        let clients = Clients { resolver: self.resolver.clone(), default: self.clients.clone(), asked };
        Authorities::new(certificate, &self.given, Some(clients))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::identity::Identity;

    fn answers(authorities: &Authorities, text: &str) -> bool {
        let authority = Authority::from_bytes(text.as_bytes()).unwrap();
        // A second look finds the same.
        let first = authorities.answer_for(Some(&Scheme::Https), Some(&authority));
        assert_eq!(authorities.answer_for(Some(&Scheme::Https), Some(&authority)), first, "{text}");
        first
    }

    fn given(names: &[&str]) -> Authorities {
        Authorities::new(None, &names.iter().map(|name| Served::parse(name).unwrap()).collect::<Vec<_>>(), None)
    }

    /// RFC 9110 section 7.4-1, 7.4-2.
    #[test]
    fn a_server_answers_for_the_names_of_its_certificate() {
        let identity = Identity::development(&["*.box.example".into(), "192.0.2.7".into()]).unwrap();
        let source =
            AuthoritySource::new(Arc::new(tls::Single(identity.certified())), ClientAuthentication::None, Vec::new());
        let authorities = source.of_connection(None, None);
        assert!(Rc::ptr_eq(&authorities, &source.of_connection(Some("localhost"), None)), "looked at once");
        for ours in [
            "localhost",
            "LocalHost:4433",
            "localhost.",
            "127.0.0.1",
            "127.0.0.1:1",
            "[::1]:4433",
            "[0:0:0:0:0:0:0:1]",
            "a.box.example",
            "A.BOX.example:443",
            "192.0.2.7",
        ] {
            assert!(answers(&authorities, ours), "{ours}");
        }
        for other in [
            "example.com",
            "localhost.example",
            "xlocalhost",
            "box.example",
            "a.b.box.example",
            ".box.example",
            "*.box.example",
            "127.0.0.2",
            "[::2]",
            "192.0.2.70",
            "localhos%74",
        ] {
            assert!(!answers(&authorities, other), "{other}");
        }
        let (http, localhost) = (Scheme::Http, Authority::from_bytes(b"localhost").unwrap());
        assert!(!authorities.answer_for(Some(&http), Some(&localhost)), "the certificate is for https");
        assert!(!authorities.answer_for(Some(&Scheme::Https), None));
    }

    /// RFC 9110 section 7.4-1.
    #[test]
    fn names_that_were_given_are_for_one_port_if_they_have_one() {
        let authorities =
            given(&["example.com", "port.example:8443", "default.example:443", "2001:db8::1", "[2001:db8::2]:1"]);
        for ours in [
            "example.com:1",
            "port.example:8443",
            "default.example",
            "default.example:443",
            "[2001:DB8::1]:9",
            "[2001:db8::2]:1",
        ] {
            assert!(answers(&authorities, ours), "{ours}");
        }
        for other in ["port.example", "port.example:443", "default.example:80", "[2001:db8::2]", "localhost"] {
            assert!(!answers(&authorities, other), "{other}");
        }
        assert!(answers(&given(&["*"]), "anything.example"));
        assert!(!answers(&given(&[]), "localhost"));
    }

    #[test]
    fn what_is_no_name_is_refused_with_a_word_about_it() {
        for text in
            ["", "a b", "a..b", "https://a.example", "a.example/", "*.", "a.*.example", "user@a.example", "a:x", "é"]
        {
            let error = Served::parse(text).unwrap_err().to_string();
            assert!(error.contains("example.com"), "{error}");
        }
    }

    #[test]
    fn each_certificate_of_a_resolver_is_for_its_own_names() {
        let (one, other) =
            (Identity::development(&["one.example".into()]), Identity::development(&["other.example".into()]));
        let (one, other) = (one.unwrap(), other.unwrap());
        let mut resolver = tls::ByName::new();
        resolver.insert("one.example", one.certified());
        resolver.insert("other.example", other.certified());
        let source = AuthoritySource::new(
            Arc::new(resolver),
            ClientAuthentication::None,
            vec![Served::parse("given.example").unwrap()],
        );
        for (asked, foreign) in [("one.example", "other.example"), ("other.example", "one.example")] {
            let authorities = source.of_connection(Some(asked), None);
            assert!(answers(&authorities, asked) && answers(&authorities, "given.example"));
            assert!(!answers(&authorities, foreign), "{foreign} on a connection for {asked}");
        }
        assert!(answers(&source.of_connection(None, None), "given.example"));
        assert!(!answers(&source.of_connection(None, None), "one.example"));
    }

    /// One certificate for both hosts, and only one of them asks: a connection of the other is not good for it, however the
    /// host is written, and neither is one that was asked by others.
    #[test]
    fn t4_a_host_that_asks_for_certificates_is_not_reached_by_way_of_one_that_does_not() {
        let identity = Identity::development(&["*.box.example".into(), "192.0.2.7".into()]).unwrap();
        let verifier = || Arc::new(tls::ClientRoots::new(crypto_ring::PROVIDER, x509::RootStore::new()));
        let (wanted, other) = (ClientAuthentication::Required(verifier()), ClientAuthentication::Required(verifier()));
        let mut resolver = tls::ByName::new();
        resolver.insert_default(identity.certified());
        resolver.set_client_authentication("secret.box.example", wanted.clone());
        let resolver = Arc::new(resolver);
        for given in [vec![], vec![Served::parse("*").unwrap()]] {
            let source = AuthoritySource::new(resolver.clone(), ClientAuthentication::None, given);
            let open = source.of_connection(Some("open.box.example"), Some(&ClientAuthentication::None));
            assert!(
                answers(&open, "open.box.example") && answers(&open, "also.box.example") && answers(&open, "192.0.2.7")
            );
            for secret in ["secret.box.example", "SECRET.box.example", "secret.box.example.", "secret.box.example:8443"]
            {
                assert!(!answers(&open, secret), "{secret}");
            }
            let secret = source.of_connection(Some("secret.box.example"), Some(&wanted));
            assert!(answers(&secret, "secret.box.example") && !answers(&secret, "open.box.example"));
            let replaced = source.of_connection(Some("secret.box.example"), Some(&other));
            assert!(!answers(&replaced, "secret.box.example"), "asked by others, before these came");
        }
        // Where all are asked for the same, one connection is as good as another.
        let source = AuthoritySource::new(Arc::new(tls::Single(identity.certified())), wanted.clone(), Vec::new());
        let authorities = source.of_connection(Some("a.box.example"), Some(&wanted));
        assert!(answers(&authorities, "a.box.example") && answers(&authorities, "b.box.example"));
    }
}
