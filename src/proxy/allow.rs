//! Which targets a proxy may reach: none that is not named.

use crate::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// One entry of what a proxy may reach: hosts and ports.
///
/// ```
/// use posthaste::ProxyTarget;
///
/// # fn main() -> Result<(), posthaste::Error> {
/// let _one: ProxyTarget = "example.org:443".parse()?;
/// let _names_below: ProxyTarget = "*.example.org:443".parse()?;
/// let _a_network: ProxyTarget = "192.0.2.0/24:53".parse()?;
/// let _any_port: ProxyTarget = "[2001:db8::1]:*".parse()?;
/// let _all_of_the_internet: ProxyTarget = "*:443".parse()?;
/// assert!("example.org".parse::<ProxyTarget>().is_err(), "a port has to be said");
/// # Ok(())
/// # }
/// ```
///
/// A name is allowed to lead to addresses of the Internet. To those of this host, of its own networks and of other uses it leads only
/// where an entry names the address as well: who answers for a name does not open what is behind the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyTarget {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    /// One name, in lower case.
    Name(String),
    /// Names that end so, which begins with a dot; all where it is empty.
    Below(String),
    /// Addresses that begin with so many bits of this one.
    Network(IpAddr, u8),
}

impl FromStr for ProxyTarget {
    type Err = Error;

    fn from_str(text: &str) -> Result<ProxyTarget, Error> {
        parse(text).ok_or_else(|| {
            let forms = "host:port, *.host:port, address:port, network/bits:port, or one of them with * for the port";
            Error::Message(format!("{text} names no targets of a proxy: {forms}"))
        })
    }
}

fn parse(text: &str) -> Option<ProxyTarget> {
    let (hosts, port) = text.rsplit_once(':')?;
    let port = match port {
        "*" => None,
        port => Some(port.parse().ok().filter(|number: &u16| *number > 0 && number.to_string() == port)?),
    };
    Some(ProxyTarget { hosts: parse_hosts(hosts)?, port })
}

fn parse_hosts(text: &str) -> Option<Hosts> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    if let Some(address) = parse_address(address) {
        let all = if address.is_ipv4() { 32 } else { 128 };
        return bits.is_none_or(|bits| bits <= all).then(|| Hosts::Network(address, bits.unwrap_or(all)));
    }
    if bits.is_some() {
        return None;
    }
    let (is_below, name) = match text.strip_prefix('*') {
        Some("") => return Some(Hosts::Below(String::new())),
        Some(rest) => (true, rest.strip_prefix('.')?),
        None => (false, text),
    };
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let name = name.to_ascii_lowercase();
    is_name.then(|| if is_below { Hosts::Below(format!(".{name}")) } else { Hosts::Name(name) })
}

/// An address, of IPv6 with brackets or without.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inside.map_or_else(|| text.parse().ok(), |text| text.parse::<Ipv6Addr>().ok().map(IpAddr::V6))
}

impl ProxyTarget {
    fn has_port(&self, port: u16) -> bool {
        self.port.is_none_or(|allowed| allowed == port)
    }

    fn is_of_name(&self, name: &str) -> bool {
        match &self.hosts {
            Hosts::Name(allowed) => allowed == name,
            Hosts::Below(end) => name.ends_with(end.as_str()) && name.len() > end.len(),
            Hosts::Network(..) => false,
        }
    }

    fn is_of_address(&self, address: IpAddr) -> bool {
        let Hosts::Network(network, bits) = &self.hosts else { return false };
        match (*network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*bits)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// Whether a host may be asked for at all: before its name is looked up.
pub(super) fn may_ask(allowed: &[ProxyTarget], host: &str, port: u16) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_allowed = |target: &ProxyTarget| match parse_address(host) {
        Some(address) => target.is_of_address(address.to_canonical()) || target.is_any() && is_public(address),
        None => target.is_of_name(&name),
    };
    allowed.iter().any(|target| target.has_port(port) && is_allowed(target))
}

/// Whether an address may be reached that an allowed host has turned out to have.
pub(super) fn may_reach(allowed: &[ProxyTarget], address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    let is_named = |target: &ProxyTarget| target.has_port(address.port()) && target.is_of_address(ip);
    is_public(ip) || allowed.iter().any(is_named)
}

impl ProxyTarget {
    fn is_any(&self) -> bool {
        matches!(&self.hosts, Hosts::Below(end) if end.is_empty())
    }
}

/// Whether an address is one of the Internet: of a host that anybody may reach.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            // Global unicast, without what leads into IPv4 (6to4), Teredo and documentation.
            let is_tunnelled = first == 0x2002 || first == 0x2001 && (second == 0 || second == 0xdb8);
            first & 0xe000 == 0x2000 && !is_tunnelled
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        // This network, shared addresses (RFC 6598), protocol assignments, benchmarks, multicast and what is reserved.
        || first == 0
        || first == 100 && second & 0xc0 == 64
        || first == 192 && second == 0 && third == 0
        || first == 198 && second & 0xfe == 18
        || first >= 224;
    !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(texts: &[&str]) -> Vec<ProxyTarget> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn nothing_is_allowed_that_is_not_named() {
        assert!(!may_ask(&[], "example.org", 443));
        let allowed = targets(&["example.org:443", "*.sub.example:8080", "192.0.2.0/24:53", "[2001:db8::]/32:*"]);
        for (host, port, expected) in [
            ("example.org", 443, true),
            ("EXAMPLE.org.", 443, true),
            ("example.org", 80, false),
            ("www.example.org", 443, false),
            ("a.sub.example", 8080, true),
            ("sub.example", 8080, false),
            ("evilsub.example", 8080, false),
            ("192.0.2.77", 53, true),
            ("[::ffff:192.0.2.77]", 53, true),
            ("192.0.3.1", 53, false),
            ("[2001:db8:7::1]", 1, true),
            ("2001:db8:7::1", 1, true),
            ("[2001:db9::1]", 1, false),
        ] {
            assert_eq!(may_ask(&allowed, host, port), expected, "{host}:{port}");
        }
        let everything = targets(&["*:443"]);
        assert!(may_ask(&everything, "any.example", 443) && may_ask(&everything, "8.8.8.8", 443));
        assert!(!may_ask(&everything, "127.0.0.1", 443) && !may_ask(&everything, "[::1]", 443));
    }

    /// A name that leads behind the proxy leads nowhere.
    #[test]
    fn names_lead_to_the_internet_only() {
        let allowed = targets(&["*:443", "10.1.2.3:443"]);
        for (address, expected) in [
            ("93.184.216.34:443", true),
            ("[2606:4700::1]:443", true),
            ("10.1.2.3:443", true),
            ("10.1.2.3:80", false),
            ("10.1.2.4:443", false),
            ("127.0.0.1:443", false),
            ("[::1]:443", false),
            ("[::ffff:127.0.0.1]:443", false),
            ("[::ffff:10.1.2.3]:443", true),
            ("169.254.169.254:443", false),
            ("192.168.0.1:443", false),
            ("172.16.0.1:443", false),
            ("100.64.0.1:443", false),
            ("0.0.0.0:443", false),
            ("224.0.0.1:443", false),
            ("255.255.255.255:443", false),
            ("[fe80::1]:443", false),
            ("[fd00::1]:443", false),
            ("[ff02::1]:443", false),
            ("[2002:7f00:1::]:443", false),
            ("[64:ff9b::7f00:1]:443", false),
            ("[::]:443", false),
        ] {
            assert_eq!(may_reach(&allowed, address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for text in
            ["", "a", "a:", ":1", "a:0", "a:65536", "a:+1", "*a:1", "*.:1", "a b:1", "1.2.3.4/33:1", "a/8:1", "[::1:5"]
        {
            assert!(text.parse::<ProxyTarget>().is_err(), "{text}");
        }
        assert!("a".parse::<ProxyTarget>().unwrap_err().to_string().contains("host:port"));
    }
}
