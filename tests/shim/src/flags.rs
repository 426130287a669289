//! The flags of the contract: one table, and a parser that keeps the three sets of options apart.
//!
//! A flag counts for every connection. After `-on-initial`, `-on-resume` or `-on-retry` it counts for the first one, for those
//! that resume, or for what follows when the server has refused early data; `-on-shim` changes nothing, and what comes after
//! `-on-handshaker` is for a program that is not here.

use crate::failure::Failure;
use crate::options::{IdentityFiles, Options};

/// What is done with a flag.
enum Action {
    /// It has no value.
    Switch(fn(&mut Options)),
    /// It has a value; `false` if that means nothing.
    Value(fn(&mut Options, &[u8]) -> bool),
    /// It has a value, which this stack can do or not.
    Choice(fn(&[u8]) -> bool),
}

use Action::{Choice, Switch, Value};

/// The options of the first connection, of those that resume, and of what follows refused early data.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    pub initial: Options,
    pub resume: Options,
    pub retry: Options,
}

/// A flag longer than any, or more flags than any test has, are refused unread.
const MAX_FLAGS: usize = 4096;
const TLS13: u16 = 0x0304;

/// Reads the arguments, the program's name not among them.
///
/// # Errors
/// [`Failure::Unimplemented`] for a flag that is not in the table, or a value that asks for what is not here;
/// [`Failure::Usage`] for a value that is missing or means nothing.
pub fn parse(arguments: &[Vec<u8>]) -> Result<Connections, Failure> {
    if arguments.len() > MAX_FLAGS {
        return Err(Failure::Usage(format!("{} flags, at most {MAX_FLAGS} are read", arguments.len())));
    }
    let mut connections = Connections::default();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let flag = Flag::read(argument);
        let action = action(flag.name).ok_or_else(|| Failure::Unimplemented(flag.text()))?;
        let value = match action {
            Switch(_) => &[][..],
            Value(_) | Choice(_) => {
                arguments.next().ok_or_else(|| Failure::Usage(format!("{} needs a value", flag.text())))?
            }
        };
        if flag.is_for_us {
            for options in flag.scope.of(&mut connections) {
                apply(&flag, &action, options, value)?;
            }
        }
    }
    check(&connections.initial)?;
    Ok(connections)
}

fn apply(flag: &Flag<'_>, action: &Action, options: &mut Options, value: &[u8]) -> Result<(), Failure> {
    let shown = || format!("{} {}", flag.text(), value.escape_ascii());
    match action {
        Switch(set) => set(options),
        Value(set) if !set(options, value) => {
            return Err(Failure::Usage(format!("{} is no value of this flag", shown())));
        }
        Choice(is_here) if !is_here(value) => return Err(Failure::Unimplemented(shown())),
        Value(_) | Choice(_) => {}
    }
    Ok(())
}

/// What cannot be had together.
fn check(options: &Options) -> Result<(), Failure> {
    if options.is_server && options.is_quic && options.selected_protocol.is_none() {
        return Err(Failure::Unimplemented("a server of QUIC without an application protocol".to_owned()));
    }
    Ok(())
}

/// Which options a flag is for.
#[derive(Clone, Copy)]
enum Scope {
    All,
    Initial,
    Resume,
    Retry,
}

impl Scope {
    fn of(self, connections: &mut Connections) -> Vec<&mut Options> {
        let Connections { initial, resume, retry } = connections;
        match self {
            Scope::All => vec![initial, resume, retry],
            Scope::Initial => vec![initial],
            Scope::Resume => vec![resume],
            Scope::Retry => vec![retry],
        }
    }
}

/// One argument, taken apart.
struct Flag<'a> {
    name: &'a [u8],
    scope: Scope,
    is_for_us: bool,
}

impl<'a> Flag<'a> {
    fn read(argument: &'a [u8]) -> Flag<'a> {
        let (name, is_for_us) = match (without(argument, b"-on-shim"), without(argument, b"-on-handshaker")) {
            (Some(name), _) => (name, true),
            (None, Some(name)) => (name, false),
            (None, None) => (argument, true),
        };
        let scopes: [(&[u8], Scope); 3] =
            [(b"-on-initial", Scope::Initial), (b"-on-resume", Scope::Resume), (b"-on-retry", Scope::Retry)];
        let found = scopes.into_iter().find_map(|(prefix, scope)| Some((without(name, prefix)?, scope)));
        let (name, scope) = found.unwrap_or((name, Scope::All));
        Flag { name, scope, is_for_us }
    }

    fn text(&self) -> String {
        format!("{}", self.name.escape_ascii())
    }
}

/// What follows a prefix, from its hyphen on.
fn without<'a>(argument: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    argument.strip_prefix(prefix).filter(|rest| rest.starts_with(b"-"))
}

/// The table of the flags that are here; all others are not implemented.
fn action(name: &[u8]) -> Option<Action> {
    of_program(name)
        .or_else(|| of_identity(name))
        .or_else(|| of_negotiation(name))
        .or_else(|| of_resumption(name))
        .or_else(|| of_data(name))
        .or_else(|| of_expectations(name))
        .or_else(|| without_effect(name))
}

fn of_program(name: &[u8]) -> Option<Action> {
    Some(match name {
        b"-port" => Value(|options, value| number(value).map(|port| options.port = port).is_some()),
        b"-ipv6" => Switch(|options| options.is_ipv6 = true),
        b"-shim-id" => Value(|options, value| number(value).map(|id| options.shim_id = id).is_some()),
        b"-server" => Switch(|options| options.is_server = true),
        b"-quic" => Switch(|options| options.is_quic = true),
        b"-async" => Switch(|options| options.is_async = true),
        b"-is-handshaker-supported" => Switch(|options| options.is_handshaker_question = true),
        b"-wait-for-debugger" => Switch(|options| options.waits_for_debugger = true),
        _ => return None,
    })
}

fn of_identity(name: &[u8]) -> Option<Action> {
    Some(match name {
        b"-cert-file" => Value(|options, value| identity(options, |files| files.certificates = Some(value.to_vec()))),
        b"-key-file" => Value(|options, value| identity(options, |files| files.key = Some(value.to_vec()))),
        b"-signing-prefs" => Value(|options, value| {
            let scheme: Option<u16> = number(value);
            scheme.is_some() && identity(options, |files| files.schemes.extend(scheme))
        }),
        b"-new-x509-credential" => Switch(|options| {
            options.has_credentials = true;
            options.identities.push(IdentityFiles::default());
        }),
        b"-host-name" => Value(|options, value| {
            options.host_name = core::str::from_utf8(value).ok().map(str::to_owned);
            options.host_name.is_some()
        }),
        b"-verify-peer" => Switch(|options| options.verifies_peer = true),
        b"-verify-fail" => Switch(|options| options.refuses_peer = true),
        b"-require-any-client-certificate" => Switch(|options| options.requires_client_certificate = true),
        b"-use-client-ca-list" => Value(|options, value| {
            options.client_authorities = names(value);
            options.client_authorities.is_some()
        }),
        _ => return None,
    })
}

fn of_negotiation(name: &[u8]) -> Option<Action> {
    Some(match name {
        b"-curves" => Value(|options, value| number(value).map(|group| options.groups.push(group)).is_some()),
        b"-verify-prefs" => {
            Value(|options, value| number(value).map(|scheme| options.verified_schemes.push(scheme)).is_some())
        }
        b"-tls13-ciphers" => {
            Value(|options, value| number(value).map(|suite| options.cipher_suites.push(suite)).is_some())
        }
        b"-advertise-alpn" => Value(|options, value| {
            let list = protocols(value);
            let is_list = list.is_some();
            options.advertised_protocols = list.unwrap_or_default();
            is_list
        }),
        b"-select-alpn" => Value(|options, value| {
            options.selected_protocol = Some(value.to_vec());
            true
        }),
        b"-decline-alpn" => Switch(|options| options.declines_protocol = true),
        b"-reject-alpn" => Switch(|options| options.refuses_protocol = true),
        b"-enable-ocsp-stapling" => Switch(|options| options.requests_ocsp_response = true),
        b"-quic-transport-params" => {
            Value(|options, value| base64(value).map(|bytes| options.transport_parameters = bytes).is_some())
        }
        b"-quic-use-legacy-codepoint" => Choice(|value| value == b"0"),
        b"-min-version" => Choice(|value| number::<u16>(value).is_some_and(|version| version <= TLS13)),
        b"-max-version" => Choice(|value| number::<u16>(value).is_some_and(|version| version >= TLS13)),
        _ => return None,
    })
}

fn of_resumption(name: &[u8]) -> Option<Action> {
    Some(match name {
        b"-resume-count" => Value(|options, value| number(value).map(|count| options.resume_count = count).is_some()),
        b"-no-ticket" => Switch(|options| options.has_tickets = false),
        b"-enable-early-data" => Switch(|options| options.has_early_data = true),
        b"-quic-early-data-context" => Value(|options, value| {
            options.early_data_context = value.to_vec();
            true
        }),
        b"-resumption-delay" => {
            Value(|options, value| number(value).map(|delay| options.resumption_delay_seconds = delay).is_some())
        }
        _ => return None,
    })
}

fn of_data(name: &[u8]) -> Option<Action> {
    Some(match name {
        b"-shim-writes-first" => Switch(|options| options.writes_first = true),
        b"-shim-initial-write" => Value(|options, value| {
            options.first_write = value.to_vec();
            true
        }),
        b"-repeat-shim-initial-write" => {
            Value(|options, value| number(value).map(|count| options.first_write_count = count).is_some())
        }
        b"-shim-shuts-down" => Switch(|options| options.shuts_down = true),
        b"-check-close-notify" => Switch(|options| options.checks_close_notify = true),
        b"-read-size" => Value(|options, value| length(value).map(|size| options.read_size = size).is_some()),
        b"-key-update" => Switch(|options| options.updates_keys = true),
        b"-key-update-before-read" => Switch(|options| options.updates_keys_before_read = true),
        b"-write-different-record-sizes" => Switch(|options| options.writes_many_sizes = true),
        b"-use-exporter-between-reads" => Switch(|options| options.exports_between_reads = true),
        b"-export-keying-material" => {
            Value(|options, value| length(value).map(|len| options.exported_len = len).is_some())
        }
        b"-export-label" => Value(|options, value| {
            options.export_label = value.to_vec();
            true
        }),
        b"-export-context" => Value(|options, value| {
            options.export_context = value.to_vec();
            true
        }),
        // TLS 1.3 has no difference between an empty context and none.
        b"-use-export-context" => Switch(|_| {}),
        _ => return None,
    })
}

fn of_expectations(name: &[u8]) -> Option<Action> {
    Some(match name {
        b"-expect-version" => Choice(|value| number(value) == Some(TLS13)),
        b"-expect-alpn" => Value(|options, value| {
            options.expected.protocol = Some(value.to_vec());
            true
        }),
        b"-expect-server-name" => Value(|options, value| {
            options.expected.server_name = Some(value.to_vec());
            true
        }),
        b"-expect-no-server-name" => Switch(|options| options.expected.no_server_name = true),
        b"-expect-curve-id" => Value(|options, value| set_number(&mut options.expected.group, value)),
        b"-expect-cipher" | b"-expect-cipher-aes" => {
            Value(|options, value| set_number(&mut options.expected.cipher_suite, value))
        }
        b"-expect-peer-signature-algorithm" => {
            Value(|options, value| set_number(&mut options.expected.signature_scheme, value))
        }
        b"-expect-hrr" => Switch(|options| options.expected.retry = Some(true)),
        b"-expect-no-hrr" => Switch(|options| options.expected.retry = Some(false)),
        b"-expect-session-miss" => Switch(|options| options.expected.session_miss = true),
        b"-expect-no-session" => Switch(|options| options.expected.no_session = true),
        b"-expect-accept-early-data" => Switch(|options| options.expected.early_data_accepted = true),
        b"-expect-reject-early-data" => Switch(|options| options.expected.early_data_refused = true),
        b"-expect-no-offer-early-data" => Switch(|options| options.expected.no_early_data_offer = true),
        b"-expect-quic-transport-params" => {
            Value(|options, value| set_base64(&mut options.expected.transport_parameters, value))
        }
        b"-expect-peer-cert-file" => Value(|options, value| {
            options.expected.peer_certificates = Some(value.to_vec());
            true
        }),
        b"-expect-no-peer-cert" => Switch(|options| options.expected.no_peer_certificate = true),
        b"-expect-ocsp-response" => Value(|options, value| set_base64(&mut options.expected.ocsp_response, value)),
        b"-expect-selected-credential" => Value(|options, value| {
            options.expected.credential = core::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            options.expected.credential.is_some()
        }),
        _ => return None,
    })
}

/// What changes nothing here: switches of older versions, which are never spoken, of callbacks that do what is done anyway, and
/// expectations that the runner itself sees fail.
fn without_effect(name: &[u8]) -> Option<Action> {
    Some(match name {
        b"-no-tls1"
        | b"-no-tls11"
        | b"-no-tls12"
        | b"-no-legacy-server-connect"
        | b"-cbc-record-splitting"
        | b"-renegotiate-freely"
        | b"-implicit-handshake"
        | b"-handshake-twice"
        | b"-no-op-extra-handshake"
        | b"-partial-write"
        | b"-use-early-callback"
        | b"-install-ddos-callback"
        | b"-use-old-client-cert-callback"
        | b"-use-custom-verify-callback"
        | b"-expect-verify-result"
        | b"-expect-ticket-supports-early-data"
        | b"-server-preference" => Switch(|_| {}),
        // Paths are not judged, so that it does not matter who is trusted.
        b"-trust-cert" | b"-expect-advertised-alpn" | b"-expect-early-data-reason" | b"-expect-cipher-no-aes" => {
            Value(|_, _| true)
        }
        _ => return None,
    })
}

fn identity(options: &mut Options, set: impl FnOnce(&mut IdentityFiles)) -> bool {
    options.identities.last_mut().map(set).is_some()
}

fn set_number(place: &mut Option<u16>, value: &[u8]) -> bool {
    *place = number(value);
    place.is_some()
}

fn set_base64(place: &mut Option<Vec<u8>>, value: &[u8]) -> bool {
    *place = base64(value);
    place.is_some()
}

/// A decimal number of digits alone.
fn number<T: core::str::FromStr>(value: &[u8]) -> Option<T> {
    let digits = core::str::from_utf8(value).ok().filter(|text| text.bytes().all(|letter| letter.is_ascii_digit()))?;
    digits.parse().ok()
}

/// A number of bytes that is worth it: one or more, and no more than a megabyte.
fn length(value: &[u8]) -> Option<usize> {
    number(value).filter(|len| (1..=1 << 20).contains(len))
}

/// Names of one byte of length and so many bytes each, at least one name of at least one byte.
fn protocols(mut list: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut protocols = Vec::new();
    while let Some((len, rest)) = list.split_first() {
        let (protocol, rest) = rest.split_at_checked(usize::from(*len)).filter(|_| *len > 0)?;
        protocols.push(protocol.to_vec());
        list = rest;
    }
    Some(protocols).filter(|protocols| !protocols.is_empty())
}

/// DER in hexadecimal, separated by commas; `<EMPTY>` and `<NULL>` for none.
fn names(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    if matches!(value, b"<EMPTY>" | b"<NULL>") {
        return Some(Vec::new());
    }
    value.split(|letter| *letter == b',').map(hexadecimal).collect()
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |letter: &u8| char::from(*letter).to_digit(16).map(|digit| digit as u8);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.chunks(2).map(byte).collect()
}

/// Base64 with its padding (RFC 4648 section 4).
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|letter| **letter == b'=').count();
    let digits = text.get(..text.len() - padding).filter(|_| padding <= 2)?;
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0u32);
    for letter in digits {
        bits = bits << 6 | sextet(*letter)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

fn sextet(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Connections, Failure> {
        parse(&line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn flags_count_for_the_connections_that_they_name() {
        let flags = "-port 443 -server -on-initial-read-size 7 -on-resume-read-size 8 -on-retry-read-size 9 -on-shim-ipv6 \
                     -on-handshaker-shim-id 5 -on-shim-on-resume-async";
        let Connections { initial, resume, retry } = read(flags).unwrap();
        assert_eq!([initial.port, resume.port, retry.port], [443; 3]);
        assert_eq!([initial.read_size, resume.read_size, retry.read_size], [7, 8, 9]);
        assert!(initial.is_ipv6 && initial.shim_id == 0);
        assert_eq!([initial.is_async, resume.is_async, retry.is_async], [false, true, false]);
    }

    #[test]
    fn flags_and_values_that_are_not_here_are_not_implemented() {
        for line in [
            "-dtls",
            "-no-such-flag",
            "-on-resume-no-such-flag",
            "-on-shim",
            "",
            "x",
            "-max-version 771",
            "-expect-version 771",
            "-quic-use-legacy-codepoint 1",
            "-quic -server",
        ] {
            let arguments = if line.is_empty() { vec![Vec::new()] } else { Vec::new() };
            let result = if line.is_empty() { parse(&arguments) } else { read(line) };
            assert!(matches!(result, Err(Failure::Unimplemented(_))), "{line}: {result:?}");
        }
        for line in ["-max-version 772 -min-version 769", "-enable-early-data", "-quic -server -select-alpn h3"] {
            assert!(read(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn values_that_are_missing_or_mean_nothing_are_refused() {
        for line in [
            "-port",
            "-port x",
            "-port -1",
            "-port +1",
            "-port 65536",
            "-shim-id 18446744073709551616",
            "-read-size 0",
            "-read-size 1048577",
            "-quic-transport-params A",
            "-quic-transport-params ====",
            "-quic-transport-params *AAA",
            "-advertise-alpn zz",
            "-use-client-ca-list 1",
            "-use-client-ca-list zz",
        ] {
            assert!(matches!(read(line), Err(Failure::Usage(_))), "{line}");
        }
        let many = vec![b"-server".to_vec(); MAX_FLAGS + 1];
        assert!(matches!(parse(&many), Err(Failure::Usage(_))) && parse(&many[1..]).is_ok());
    }

    #[test]
    fn values_are_read_in_their_forms() {
        for (text, bytes) in [("", &b""[..]), ("AAEC", &[0, 1, 2]), ("/+8=", &[0xff, 0xef]), ("/w==", &[0xff])] {
            assert_eq!(base64(text.as_bytes()).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(protocols(b"\x03foo\x01b"), Some(vec![b"foo".to_vec(), b"b".to_vec()]));
        assert_eq!([&b""[..], b"\0", b"\x04foo"].map(protocols), [const { None::<Vec<Vec<u8>>> }; 3]);
        assert_eq!(names(b"30,31FF"), Some(vec![vec![0x30], vec![0x31, 0xff]]));
        assert_eq!(names(b"<EMPTY>"), Some(Vec::new()));
    }

    #[test]
    fn credentials_are_numbered_in_their_order() {
        let line =
            "-cert-file a -new-x509-credential -cert-file b -signing-prefs 2055 -new-x509-credential -key-file c";
        let options = read(line).unwrap().initial;
        let files: Vec<_> = options.identities.iter().map(|files| files.certificates.as_deref()).collect();
        assert_eq!(files, [Some(&b"a"[..]), Some(b"b"), None]);
        assert_eq!(options.identities[1].schemes, [2055]);
        assert!(options.has_credentials);
    }
}
