//! The command that fetches a page from a server that has just begun to listen: it works as it is printed.

use posthaste::{Identity, Roots};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;

/// How a client gets to a server.
#[derive(Debug, PartialEq, Eq)]
pub struct Hint {
    /// Host and port as a URL has them.
    pub origin: String,
    /// The switch of `posthaste get` that makes it trust the server; nothing where the system's certificates vouch for it.
    pub trust: Vec<String>,
    /// The host is one that the certificate names. Whether its name leads to this server is not known here.
    pub is_elsewhere: bool,
}

/// What a server shows its clients and answers for.
pub struct Shown<'a> {
    /// Where it listens.
    pub addresses: &'a [SocketAddr],
    /// What it shows.
    pub identity: &'a Identity,
    /// What it answers for beside the names of its certificate.
    pub names: &'a [String],
    /// The file that its certificate is in.
    pub file: Option<&'a str>,
}

impl Shown<'_> {
    /// The shortest way from this machine; `None` if the server answers for no host that could be asked.
    pub fn hint(&self) -> Option<Hint> {
        let names = self.identity.names();
        // The system is asked only where nothing else will do.
        let last = std::iter::once_with(|| localhost(self.addresses)).flatten();
        let here = local_hosts(self.addresses).into_iter().chain(last);
        let here = here.map(|(host, port)| (host, port, false));
        let port = self.addresses.first()?.port();
        // A wildcard stands for a name that only the owner knows.
        let named = names.iter().chain(self.names).filter(|name| !name.contains('*'));
        let elsewhere = named.map(|name| (authority(name).0, authority(name).1.unwrap_or(port), true));
        let mut candidates = here.chain(elsewhere).filter(|(host, ..)| self.answers_for(&names, host));
        let (host, port, is_elsewhere) = candidates.next()?;
        let origin = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Some(Hint { origin, trust: self.trust(&host), is_elsewhere })
    }

    /// Requests for other hosts are answered with 421.
    fn answers_for(&self, names: &[String], host: &str) -> bool {
        let given = self.names.iter().map(|name| authority(name).0);
        let is_host = |name: &str| match name.strip_prefix("*.") {
            _ if name == "*" => true,
            Some(parent) => {
                host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent))
            }
            None => name.eq_ignore_ascii_case(host),
        };
        names.iter().any(|name| is_host(name)) || given.into_iter().any(|name| is_host(&name))
    }

    /// What makes a client believe that the server is `host`: tried as the client will do it.
    fn trust(&self, host: &str) -> Vec<String> {
        let is_trusted =
            |roots: Result<Roots, posthaste::Error>| roots.is_ok_and(|roots| self.identity.check(&roots, host).is_ok());
        match self.file {
            _ if is_trusted(Roots::system()) => Vec::new(),
            Some(file) if is_trusted(Roots::from_pem_file(file)) => vec!["--ca".into(), file.into()],
            _ => vec!["--insecure".into()],
        }
    }
}

/// Hosts that lead to the server from this machine, and the ports. A browser asks for `localhost` at ::1 and takes a refusal
/// there for an answer, so the name comes only where both addresses are served.
fn local_hosts(addresses: &[SocketAddr]) -> Vec<(String, u16)> {
    let mut hosts = Vec::new();
    for address in addresses {
        let port = address.port();
        let serves = |wanted: IpAddr| addresses.iter().any(|address| covers(*address, wanted, port));
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        if loopback.into_iter().all(serves) {
            hosts.push(("localhost".to_owned(), port));
        }
        hosts.extend(loopback.into_iter().filter(|ip| serves(*ip)).map(|ip| (ip.to_string(), port)));
        // A URL cannot say which link an address of one link is on.
        let is_of_a_link = matches!(address.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local());
        if !address.ip().is_unspecified() && !is_of_a_link {
            hosts.push((address.ip().to_string(), port));
        }
    }
    hosts
}

/// `localhost` where one of its addresses is served and not both: our client tries each. It comes last, for a certificate that names
/// nothing else.
fn localhost(addresses: &[SocketAddr]) -> Option<(String, u16)> {
    let host = "localhost";
    let leads_to = |address: &SocketAddr| {
        let found = (host, address.port()).to_socket_addrs();
        found.is_ok_and(|mut found| found.any(|wanted| covers(*address, wanted.ip(), wanted.port())))
    };
    let address = addresses.iter().find(|address| is_here(address.ip()) && leads_to(address))?;
    Some((host.to_owned(), address.port()))
}

/// Whether a socket at this address hears what is sent within this machine to its loopback addresses.
fn is_here(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}

/// Whether what is sent to `wanted` comes to a socket at `address`.
fn covers(address: SocketAddr, wanted: IpAddr, port: u16) -> bool {
    let ip = address.ip();
    // `[::]` is for both families, unless something of IPv4 is beside it, which is found by itself.
    let is_any = ip.is_unspecified() && (ip.is_ipv4() == wanted.is_ipv4() || ip.is_ipv6());
    address.port() == port && (ip == wanted || is_any)
}

/// Host and port of a name as `--name` takes it.
fn authority(name: &str) -> (String, Option<u16>) {
    if name.parse::<IpAddr>().is_ok() {
        return (name.to_owned(), None);
    }
    let Ok(authority) = http::Authority::from_bytes(name.as_bytes()) else { return (name.to_owned(), None) };
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    (bare.to_owned(), authority.port())
}

/// How this program is called from the folder that it was called from: as it was, if that leads to it.
pub fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    let Ok(own) = std::env::current_exe() else { return called };
    let is_own = |path: &Path| path.canonicalize().is_ok_and(|path| Some(path) == own.canonicalize().ok());
    let is_found = if called.contains('/') {
        is_own(Path::new(&called))
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // The shell takes the first that is there.
        let first = std::env::split_paths(&path).map(|folder| folder.join(&called)).find(|path| path.is_file());
        first.is_some_and(|path| is_own(&path))
    };
    if is_found { called } else { own.display().to_string() }
}

/// Words as a shell takes them apart again.
pub fn shell<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(quoted).collect();
    quoted.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._:=@%+,-".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(listening: &[&str], certified: &[&str], names: &[&str]) -> Option<(String, bool)> {
        let addresses: Vec<SocketAddr> = listening.iter().map(|text| text.parse().unwrap()).collect();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = (crypto_ring::PROVIDER.generate_key)(crypto::KeyKind::EcP256).unwrap();
        let request = x509::IssueRequest {
            names: certified.iter().map(|name| (*name).to_owned()).collect(),
            not_before_unix: runtime::clock::unix_seconds() - 10,
            lifetime_seconds: 1000,
            serial: [7; 16],
            is_authority: false,
        };
        let made = x509::issue::self_signed(&crypto_ring::PROVIDER, &key, &request).unwrap();
        let key = (crypto_ring::PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, &made.key_pkcs8).unwrap();
        let certified = posthaste::CertifiedKey { chain: vec![made.certificate], key };
        let identity = Identity::from_certified(std::sync::Arc::new(certified));
        let shown = Shown { addresses: &addresses, identity: &identity, names: &names, file: None };
        shown.hint().map(|hint| {
            assert_eq!(hint.trust, ["--insecure"], "there is no file, and nobody vouches for it");
            (hint.origin, hint.is_elsewhere)
        })
    }

    #[test]
    fn localhost_is_suggested_only_where_both_of_its_addresses_are_served() {
        let development = ["localhost", "127.0.0.1", "::1", "192.0.2.1"];
        for (listening, expected) in [
            (&["127.0.0.1:4433", "[::1]:4433"][..], "localhost:4433"),
            (&["[::]:4433"], "localhost:4433"),
            (&["127.0.0.1:4433"], "127.0.0.1:4433"),
            (&["0.0.0.0:4433"], "127.0.0.1:4433"),
            (&["[::1]:4433"], "[::1]:4433"),
            (&["127.0.0.1:1", "[::1]:2"], "127.0.0.1:1"),
            (&["192.0.2.1:4433"], "192.0.2.1:4433"),
        ] {
            assert_eq!(origin(listening, &development, &[]), Some((expected.into(), false)), "{listening:?}");
        }
    }

    #[test]
    fn the_host_is_one_that_the_server_answers_for() {
        let here = |origin: &str| Some((origin.to_owned(), false));
        let elsewhere = |origin: &str| Some((origin.to_owned(), true));
        for (listening, certified, names, expected) in [
            ("[::]:1", &["localhost"][..], &[][..], here("localhost:1")),
            ("127.0.0.1:1", &["a.example"], &[], elsewhere("a.example:1")),
            ("127.0.0.1:1", &["a.example"], &["*"], here("127.0.0.1:1")),
            ("127.0.0.1:1", &["a.example"], &["127.0.0.1"], here("127.0.0.1:1")),
            ("127.0.0.1:1", &["*.a.example"], &["b.example:2"], elsewhere("b.example:2")),
            ("[::1]:1", &["*.a.example", "::1"], &[], here("[::1]:1")),
            ("127.0.0.1:1", &["*.a.example"], &[], None),
            ("127.0.0.1:1", &["2001:db8::1"], &[], elsewhere("[2001:db8::1]:1")),
            // It leads here, though not by all of its addresses.
            ("127.0.0.1:1", &["localhost"], &[], here("localhost:1")),
            ("0.0.0.0:1", &["localhost", "a.example"], &[], here("localhost:1")),
            ("127.0.0.1:1", &["localhost", "127.0.0.1"], &[], here("127.0.0.1:1")),
            ("192.0.2.1:1", &["localhost"], &[], elsewhere("localhost:1")),
        ] {
            assert_eq!(origin(&[listening], certified, names), expected, "{listening} {certified:?} {names:?}");
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell_where_they_have_to_be() {
        assert_eq!(shell(["get", "https://[::1]:1/", "a b", "it's", ""]), r"get 'https://[::1]:1/' 'a b' 'it'\''s' ''");
    }
}
