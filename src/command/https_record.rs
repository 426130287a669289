//! The HTTPS resource records (RFC 9460) by which a browser knows before it connects that a server speaks HTTP/3.

use crate::command::arguments::Serve;
use posthaste::Identity;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// How long others may keep a record, in seconds: an hour, so that a change is seen soon.
const TIME_TO_LIVE: u32 = 3600;
/// What a URL of https does not name.
const DEFAULT_PORT: u16 = 443;

/// The lines of a zone file for the names of these certificates and those that were given, of a server that is reached at `port`.
pub fn lines(arguments: &Serve, identities: &[Identity], names: &[String], port: u16) -> String {
    let certified = identities.iter().flat_map(Identity::names);
    let given = names.iter().filter_map(|name| {
        let authority = http::Authority::from_bytes(name.as_bytes()).ok()?;
        Some(authority.host().to_owned())
    });
    let hosts: BTreeSet<String> = certified.chain(given).filter_map(|name| domain(&name)).collect();
    let mut text = String::new();
    for host in hosts {
        write_host(&mut text, &host, port, !arguments.no_tcp);
    }
    if text.is_empty() {
        text.push_str(
            "; the server answers for no domain name, and an address has no such record: --name HOST gives one\n",
        );
    }
    text
}

/// A name that can have records: no address, not the star alone, and not of this machine.
fn domain(name: &str) -> Option<String> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_name = bare.parse::<IpAddr>().is_err() && name != "*" && name != "localhost" && !name.is_empty();
    is_name.then_some(name)
}

fn write_host(text: &mut String, host: &str, port: u16, has_tcp: bool) {
    // RFC 9460 section 7.1.2: HTTP/1.1 is meant by default.
    let protocols = if has_tcp { "alpn=\"h3,h2\"" } else { "alpn=\"h3\" no-default-alpn" };
    if port == DEFAULT_PORT {
        let _ = writeln!(text, "{host}. {TIME_TO_LIVE} IN HTTPS 1 . {protocols}");
        return;
    }
    // RFC 9460 section 9.1: the port that a URL names stands in front of the host.
    let _ = writeln!(text, "; for https://{host}:{port}/");
    let _ = writeln!(text, "_{port}._https.{host}. {TIME_TO_LIVE} IN HTTPS 1 {host}. {protocols}");
    let _ = writeln!(text, "; for https://{host}/, if that is to lead to this port");
    let _ = writeln!(text, "{host}. {TIME_TO_LIVE} IN HTTPS 1 . {protocols} port={port}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], port: u16, no_tcp: bool) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        lines(&Serve { no_tcp, ..Serve::default() }, &[], &names, port)
    }

    #[test]
    fn the_record_of_the_default_port_is_one_line_for_each_name() {
        let text =
            of(&["B.example", "a.example.", "*.a.example", "a.example:443", "192.0.2.1", "[::1]", "*"], 443, false);
        let expected = ["*.a.example", "a.example", "b.example"];
        let expected: String =
            expected.iter().map(|name| format!("{name}. 3600 IN HTTPS 1 . alpn=\"h3,h2\"\n")).collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn another_port_stands_in_the_name_or_in_the_record() {
        assert_eq!(
            of(&["a.example"], 8443, true),
            "; for https://a.example:8443/\n\
             _8443._https.a.example. 3600 IN HTTPS 1 a.example. alpn=\"h3\" no-default-alpn\n\
             ; for https://a.example/, if that is to lead to this port\n\
             a.example. 3600 IN HTTPS 1 . alpn=\"h3\" no-default-alpn port=8443\n"
        );
    }

    #[test]
    fn a_server_without_names_says_what_is_missing() {
        assert!(of(&["127.0.0.1", "localhost"], 443, false).contains("--name HOST"));
    }
}
