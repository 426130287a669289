//! The parser of the command line: flags before and after operands, `--flag value` and `--flag=value`.

// The paths are for the fuzzer, which takes these files alone; for the same reason `quic` is not used by way of `posthaste`.
#[path = "arguments/acme.rs"]
mod acme;
#[path = "arguments/config.rs"]
mod config;
#[path = "arguments/events.rs"]
mod events;
#[path = "arguments/operation.rs"]
mod operation;
#[path = "arguments/parser.rs"]
mod parser;
#[path = "arguments/passing.rs"]
mod passing;
#[path = "arguments/serve.rs"]
mod serve;
#[path = "arguments/shared.rs"]
mod shared;
#[path = "arguments/site.rs"]
mod site;

use super::get::flags::{self, Flags, Others}; // by its place beside this file
use super::get::help::HELP as GET_HELP;
use super::load::flags as load_flags;
use super::load::help::HELP as LOAD_HELP;
use parser::{Argument, Arguments, switch, unknown};
use quic::{CongestionControl, Versions};
use shared::{Pairs, check_trust, congestion_control, pin, qpack_table, versions};
use std::time::Duration;

pub use config::MAX_LEN as MAX_CONFIG_LEN;
pub use events::{Bench, EVENTS_HELP, Events, EventsClient, EventsServe, Place, Task, is_nats};
pub use operation::{AccessLogFormat, Level};
pub use parser::Usage;
pub use serve::{Balancing, Clients, ConfigFile, SERVE_HELP, Serve, hex, parse_with_file};
pub use shared::{Diagnosis, KeyPair, Trust};
pub use site::Site;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `posthaste serve`.
    Serve(Serve),
    /// `posthaste get`.
    Get(Get),
    /// `posthaste load`.
    Load(Load),
    /// `posthaste events`.
    Events(Box<Events>),
    /// `posthaste --help`, or that of one command.
    Help(&'static str),
    /// `posthaste --version`.
    Version,
}

/// Fetch.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Get {
    /// What.
    pub urls: Vec<String>,
    /// How the certificate is judged.
    pub trust: Trust,
    /// What is shown to a server that asks for a certificate.
    pub identity: Option<KeyPair>,
    /// The folder to write bodies to; standard output if none is named.
    pub folder: Option<String>,
    /// Whether status and fields are printed before the body.
    pub include: bool,
    /// Fields to send.
    pub headers: Vec<(String, String)>,
    /// The method; GET, or POST with data, if none is named.
    pub method: Option<String>,
    /// What other programs of its kind have too.
    pub flags: Flags,
    /// The file of tickets; none are kept beyond the end if none is named.
    pub ticket_file: Option<String>,
    /// Whether requests may go as early data.
    pub early_data: bool,
    /// The versions of QUIC, best first.
    pub versions: Versions,
    /// How long is waited.
    pub limits: Limits,
    /// How the rate is found that a path carries.
    pub congestion_control: CongestionControl,
    /// How many bytes of dynamic table there are in each direction.
    pub qpack_table: u32,
    /// What is recorded.
    pub diagnosis: Diagnosis,
}

/// How long is waited; `Duration::MAX` is for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// For a server's name to be looked up, and then for a connection.
    pub connect: Duration,
    /// For the head of a response, once its request was sent.
    pub first_byte: Duration,
    /// For more of a body in either direction.
    pub idle: Duration,
    /// For all of it.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        let minute = Duration::from_secs(60);
        Limits { connect: Duration::from_secs(10), first_byte: minute, idle: minute, whole: Duration::MAX }
    }
}

/// Measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// What.
    pub url: String,
    /// How the certificate is judged.
    pub trust: Trust,
    /// Requests in all.
    pub requests: u64,
    /// Requests under way at a time, over all connections.
    pub concurrency: usize,
    /// Connections.
    pub connections: usize,
    /// After how many requests of each worker its connection moves to another port; 0 for never.
    pub migrate: u64,
    /// The longest that nothing may come of an answer.
    pub patience: Duration,
    /// What other programs of its kind have too.
    pub flags: load_flags::Flags,
    /// What is recorded, for whoever looks inside.
    pub diagnosis: Diagnosis,
    /// How the rate is found that a path carries.
    pub congestion_control: CongestionControl,
    /// How many bytes of dynamic table there are in each direction.
    pub qpack_table: u32,
}

/// What `posthaste --help` prints.
pub const HELP: &str = "\
posthaste: HTTP/3 over QUIC, and HTTP/2 and HTTP/1.1 by TCP

  posthaste serve [DIR] [--listen ADDR]... [--no-tcp] [--http ADDR]... [--cert PEM --key PEM]...
                        [--ocsp FILE]... [--name HOST]... [--public-port N] [--hsts 'SECONDS[; includeSubDomains]']
                        [--site HOST=DIR]... [--list] [--fallback FILE] [--not-found FILE] [--precompressed]
                        [--cache-control VALUE] [--header 'name: value']... [--redirect FROM=TO[,CODE]]...
                        [--bodies] [--dotfiles] [--config FILE] [--check] [--https-record] [--metrics ADDR] [--user NAME[:GROUP]]
                        [--access-log FILE] [--access-log-format FORM] [--log-level LEVEL] [--log-format FORM]
                        [--client-ca PEM [--client-auth optional|required] [--client-crl FILE]...]
                        [--workers N] [--retry WHEN] [--quic-version N[,N]] [--congestion-control NAME]
                        [--qpack-table BYTES] [--max-connections-per-network N] [--max-requests N] [--memory MIB]
                        [--drain SECONDS] [--state DIR] [--log] [--early-data] [--takeover SOCKET]
                        [--proxy TARGET]... [--proxy /PATH=BACKEND]... [--proxy-strip] [--proxy-host WHO]
                        [--proxy-forwarded HOW] [--proxy-timeout SECONDS]
                        [--server-id HEX [--lb-config N] [--lb-key FILE] [--lb-nonce N]]
                        [--preferred-address ADDR]...
                        [--key-log FILE] [--trace] [--qlog DIR]
  posthaste get URL... [-o FILE | -O | --out DIR] [-LiIvsSf] [-H 'name: value']... [-X METHOD] [-d DATA | -T FILE]
                       [-C - | -r RANGE] [-w FORMAT] [-Z] [-m SECONDS] [--retry N] [...]
  posthaste load URL [-n N | -z TIME] [-q RATE] [-c C | -m STREAMS] [--connections K] [-X METHOD] [-H 'name: value']...
                     [-d DATA] [--replay FILE] [--warm-up TIME] [-j] [...]
  posthaste events serve | inject | tail | replay | queues | bench | check | token [...]

For the options of a command: posthaste serve --help, posthaste get --help, posthaste load --help, posthaste events --help.
";

/// Takes the arguments apart; `arguments` without the program's own name.
pub fn parse(arguments: &[String]) -> Result<Command, Usage> {
    let Some((command, rest)) = arguments.split_first() else { return Ok(Command::Help(HELP)) };
    match command.as_str() {
        "serve" => serve::parse(rest).map(|serve| serve.map_or(Command::Help(SERVE_HELP), Command::Serve)),
        "get" => parse_get(rest),
        "load" => parse_load(rest),
        "events" => events::parse(rest).map(|events| match events {
            Some(events) => Command::Events(Box::new(events)),
            None => Command::Help(EVENTS_HELP),
        }),
        "help" | "--help" | "-h" => Ok(Command::Help(HELP)),
        "--version" | "-V" | "version" => Ok(Command::Version),
        other => Err(Usage(format!("unknown command {other:?}: use serve, get, load or events"))),
    }
}

fn parse_get(arguments: &[String]) -> Result<Command, Usage> {
    let mut get = Get::default();
    let mut pairs = Pairs::default();
    let expanded = flags::expand(arguments).map_err(Usage)?;
    let mut arguments = Arguments::new(&expanded);
    while let Some(argument) = arguments.next() {
        match argument {
            Argument::Operand(url) => get.urls.push(url.to_owned()),
            Argument::Flag("--help" | "-h", _) => return Ok(Command::Help(GET_HELP)),
            Argument::Flag(flag @ "--ca", inline) => get.trust.roots = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--crl", inline) => get.trust.revocation_lists.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--insecure", inline) => get.trust.insecure = switch(flag, inline)?,
            Argument::Flag(flag @ "--pin", inline) => get.trust.pins.push(pin(&arguments.value(flag, inline)?)?),
            Argument::Flag(flag @ "--cert", inline) => pairs.certificates.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--key", inline) => pairs.keys.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--out", inline) => get.folder = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--include", inline) => get.include = switch(flag, inline)?,
            Argument::Flag(flag @ "--header", inline) => get.headers.push(header(&arguments.value(flag, inline)?)?),
            Argument::Flag(flag @ "--quic-version", inline) => {
                get.versions = versions(&arguments.value(flag, inline)?)?;
            }
            Argument::Flag(flag @ "--method", inline) => get.method = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--ticket-file", inline) => get.ticket_file = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--early-data", inline) => get.early_data = switch(flag, inline)?,
            Argument::Flag(flag @ "--connect-timeout", inline) => get.limits.connect = arguments.limit(flag, inline)?,
            Argument::Flag(flag @ "--first-byte-timeout", inline) => {
                get.limits.first_byte = arguments.limit(flag, inline)?;
            }
            Argument::Flag(flag @ "--idle-timeout", inline) => get.limits.idle = arguments.limit(flag, inline)?,
            Argument::Flag(flag @ "--max-time", inline) => get.limits.whole = arguments.limit(flag, inline)?,
            Argument::Flag(flag @ "--key-log", inline) => get.diagnosis.key_log = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--trace", inline) => get.diagnosis.trace = switch(flag, inline)?,
            Argument::Flag(flag @ "--qlog", inline) => get.diagnosis.qlog = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--congestion-control", inline) => {
                get.congestion_control = congestion_control(&arguments.value(flag, inline)?)?;
            }
            Argument::Flag(flag @ "--qpack-table", inline) => {
                get.qpack_table = qpack_table(&arguments.value(flag, inline)?)?;
            }
            Argument::Flag(flag, inline) => {
                if !get.flags.take(flag, inline).map_err(Usage)? {
                    return Err(unknown(flag, "get"));
                }
            }
        }
    }
    get.flags.check(&Others { has_folder: get.folder.is_some() }, get.urls.len()).map_err(Usage)?;
    if get.urls.is_empty() {
        return Err(Usage("get needs a URL, as in: posthaste get https://localhost:4433/".into()));
    }
    if get.early_data && get.ticket_file.is_none() {
        return Err(Usage("--early-data needs --ticket-file FILE, with the tickets of an earlier run".into()));
    }
    check_trust(&get.trust)?;
    let mut identities = pairs.together("give both to show a certificate to a server that asks for one")?;
    get.identity = identities.pop();
    if !identities.is_empty() {
        return Err(Usage("get shows one certificate: give --cert and --key once".into()));
    }
    Ok(Command::Get(get))
}

fn parse_load(arguments: &[String]) -> Result<Command, Usage> {
    let mut url = None;
    let mut trust = Trust::default();
    let (mut requests, mut concurrency, mut connections, mut migrate) = (10_000, 32, 1, 0);
    let (mut patience, mut diagnosis) = (Duration::from_secs(30), Diagnosis::default());
    let (mut control, mut table) = (CongestionControl::default(), 0);
    let mut flags = load_flags::Flags::default();
    let expanded = load_flags::expand(arguments).map_err(Usage)?;
    let mut arguments = Arguments::new(&expanded);
    while let Some(argument) = arguments.next() {
        match argument {
            Argument::Operand(operand) if url.is_none() => url = Some(operand.to_owned()),
            Argument::Operand(extra) => return Err(Usage(format!("load takes one URL; {extra:?} is a second"))),
            Argument::Flag("--help" | "-h", _) => return Ok(Command::Help(LOAD_HELP)),
            Argument::Flag(flag @ "--ca", inline) => trust.roots = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--crl", inline) => trust.revocation_lists.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--insecure", inline) => trust.insecure = switch(flag, inline)?,
            Argument::Flag(flag @ "--requests", inline) => {
                (requests, flags.has_number) = (arguments.number(flag, inline)?, true);
            }
            Argument::Flag(flag @ "--concurrency", inline) => {
                (concurrency, flags.has_concurrency) = (arguments.number(flag, inline)?, true);
            }
            Argument::Flag(flag @ "--connections", inline) => connections = arguments.number(flag, inline)?,
            Argument::Flag(flag @ "--migrate", inline) => migrate = arguments.number(flag, inline)?,
            Argument::Flag(flag @ "--timeout", inline) => patience = arguments.seconds(flag, inline)?,
            Argument::Flag(flag @ "--qlog", inline) => diagnosis.qlog = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--congestion-control", inline) => {
                control = congestion_control(&arguments.value(flag, inline)?)?;
            }
            Argument::Flag(flag @ "--qpack-table", inline) => table = qpack_table(&arguments.value(flag, inline)?)?,
            Argument::Flag(flag, inline) if flags.take(flag, inline).map_err(Usage)? => {}
            Argument::Flag(flag, _) => return Err(unknown(flag, "load")),
        }
    }
    let Some(url) = url else {
        return Err(Usage("load needs a URL, as in: posthaste load https://localhost:4433/".into()));
    };
    check_trust(&trust)?;
    flags.check().map_err(Usage)?;
    concurrency = flags.streams.map_or(concurrency, |streams| streams.saturating_mul(connections));
    if connections > concurrency {
        return Err(Usage(format!(
            "--connections {connections} is more than --concurrency {concurrency}: some connections would be idle"
        )));
    }
    if patience.is_zero() {
        return Err(Usage("--timeout needs more than 0 seconds".into()));
    }
    let at_most = |most: u64, number: u64, flag: &str| match usize::try_from(number) {
        Ok(small) if number <= most => Ok(small),
        _ => Err(Usage(format!("{flag} is at most {most}"))),
    };
    let concurrency = at_most(100_000, concurrency, "--concurrency")?;
    let connections = at_most(100_000, connections, "--connections")?;
    at_most(100_000_000, requests, "--requests")?;
    Ok(Command::Load(Load {
        url,
        trust,
        requests,
        concurrency,
        connections,
        migrate,
        patience,
        flags,
        congestion_control: control,
        qpack_table: table,
        diagnosis,
    }))
}

fn header(text: &str) -> Result<(String, String), Usage> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(Usage(format!("--header needs 'name: value', not {text:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quic::Version;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn pair(certificate: &str, key: &str) -> KeyPair {
        KeyPair { certificate: certificate.into(), key: key.into() }
    }

    #[test]
    fn get_in_full() {
        let line = "get https://a/ --ca c --crl l --cert own --key key --out d --include -sX PUT --data-binary @f https://b/ --connect-timeout 0.5 \
                    --first-byte-timeout=2 --idle-timeout 0 --max-time 90 --congestion-control new-reno --qpack-table=64 --quic-version=2 --ticket-file t --early-data --key-update --stats";
        let mut line = words(line);
        line.extend(["--header".into(), "x-y:  z: w ".into()]);
        let expected = Get {
            urls: vec!["https://a/".into(), "https://b/".into()],
            trust: Trust { roots: Some("c".into()), revocation_lists: vec!["l".into()], ..Trust::default() },
            identity: Some(pair("own", "key")),
            folder: Some("d".into()),
            include: true,
            headers: vec![("x-y".into(), "z: w".into())],
            method: Some("PUT".into()),
            flags: Flags {
                data: vec![flags::Part::File { name: "f".into(), strips: false }],
                content_type: Some("application/x-www-form-urlencoded"),
                silent: true,
                key_update: true,
                stats: true,
                meter: flags::Meter::None,
                ..Flags::default()
            },
            ticket_file: Some("t".into()),
            early_data: true,
            versions: Versions::new(&[Version::V2]).unwrap(),
            limits: Limits {
                connect: Duration::from_millis(500),
                first_byte: Duration::from_secs(2),
                idle: Duration::MAX,
                whole: Duration::from_secs(90),
            },
            congestion_control: CongestionControl::NewReno,
            qpack_table: 64,
            diagnosis: Diagnosis::default(),
        };
        assert_eq!(parse(&line), Ok(Command::Get(expected)));
    }

    #[test]
    fn load_in_full_and_by_default() {
        let load = |requests, concurrency, connections, migrate, patience, congestion_control| {
            let trust = Trust { insecure: true, ..Trust::default() };
            let patience = Duration::from_millis(patience);
            let (url, diagnosis, flags) = ("u".into(), Diagnosis::default(), load_flags::Flags::default());
            let qpack_table = 0;
            Load {
                url,
                trust,
                requests,
                concurrency,
                connections,
                migrate,
                patience,
                flags,
                congestion_control,
                qpack_table,
                diagnosis,
            }
        };
        let plain = || load(10_000, 32, 1, 0, 30_000, CongestionControl::Cubic);
        assert_eq!(parse(&words("load u --insecure")), Ok(Command::Load(plain())));
        let line = "load --requests 5 --concurrency=4 --connections 3 --migrate 2 --timeout 0.5 --congestion-control=bbr --insecure -- u";
        let mut full = load(5, 4, 3, 2, 500, CongestionControl::Bbr);
        (full.flags.has_number, full.flags.has_concurrency) = (true, true);
        assert_eq!(parse(&words(line)), Ok(Command::Load(full)));
        let Ok(Command::Load(by_streams)) = parse(&words("load u --insecure --connections 3 -m 4")) else { panic!() };
        assert_eq!(by_streams.concurrency, 12);
        let with_table = Load { qpack_table: 4096, ..plain() };
        assert_eq!(parse(&words("load u --insecure --qpack-table 4096")), Ok(Command::Load(with_table)));
        let diagnosis = Diagnosis { qlog: Some("q".into()), ..Diagnosis::default() };
        assert_eq!(parse(&words("load u --insecure --qlog q")), Ok(Command::Load(Load { diagnosis, ..plain() })));
    }

    #[test]
    fn every_mistake_says_what_to_do() {
        let table = [
            ("fly", "unknown command"),
            ("serve --quic-version 3", "1, 2, or both"),
            ("get u --quic-version 1,1", "not \"1,1\""),
            ("get u --quic-version 1,", "such as 2,1"),
            ("serve a b", "second"),
            ("serve --cert c", "go together"),
            ("serve --cert c --key k --key k2", "go together"),
            ("serve --client-auth optional", "needs --client-ca"),
            ("serve --client-crl l", "needs --client-ca"),
            ("serve --ocsp o", "needs --cert"),
            ("get u --crl l --insecure", "leave it out"),
            ("load u --crl l --insecure", "leave it out"),
            ("serve --client-ca c --client-auth maybe", "optional or required"),
            ("serve --listen", "needs a value"),
            ("serve --listen=", "needs a value"),
            ("serve --fast", "serve --help"),
            ("serve --bodies=yes", "takes no value"),
            ("serve --site a.example", "a.example=/srv/a"),
            ("serve --site =x", "a.example=/srv/a"),
            ("serve --header x", "name: value"),
            ("serve --redirect /old", "FROM=TO"),
            ("serve --redirect =/new", "FROM=TO"),
            ("serve --access-log-format xml", "common, combined or json"),
            ("serve --log-level loud", "error, warning, info or debug"),
            ("serve --log-format xml", "text or json"),
            ("serve --user :group", "name of a user"),
            ("serve --config", "needs a value"),
            ("serve --drain soon", "number of seconds"),
            ("serve --drain=-1", "number of seconds"),
            ("serve --drain nan", "number of seconds"),
            ("get u --early-data", "needs --ticket-file FILE"),
            ("serve --retry sometimes", "always, under-load or never"),
            ("serve --max-connections-per-network 0", "at least 1"),
            ("serve --max-requests 0", "at least 1"),
            ("serve --memory much", "a number"),
            ("serve --congestion-control vegas", "cubic, bbr or new-reno"),
            ("get u --congestion-control=BBR", "cubic, bbr or new-reno"),
            ("get u --qpack-table much", "such as 4096"),
            ("load u --qpack-table 1048577", "from 0 to 1048576"),
            ("get", "needs a URL"),
            ("get u --ca c --insecure", "contradict"),
            ("get u --header x", "name: value"),
            ("get u --pin 00", "sha256:"),
            ("get u --pin sha256:0", "64 hexadecimal digits"),
            (
                "get u --pin sha256:zz00000000000000000000000000000000000000000000000000000000000000",
                "64 hexadecimal digits",
            ),
            (
                "get u --ca c --pin sha256:0000000000000000000000000000000000000000000000000000000000000000",
                "contradict",
            ),
            ("get u --key k", "go together"),
            ("get u --cert c --key k --cert d --key l", "once"),
            ("get u --max-time soon", "number of seconds"),
            ("get u --data @", "name of a file"),
            ("load", "needs a URL"),
            ("load u --requests 0", "at least 1"),
            ("load u --requests x", "at least 1"),
            ("load u --requests 100000001", "at most 100000000"),
            ("load u --timeout 0", "more than 0"),
            ("load u --timeout soon", "number of seconds"),
            ("load u --concurrency 1 --connections 2", "idle"),
            ("load u --concurrency 100001", "at most"),
        ];
        for (line, part) in table {
            match parse(&words(line)) {
                Err(Usage(text)) => assert!(text.contains(part), "{line}: {text}"),
                Ok(command) => panic!("{line}: {command:?}"),
            }
        }
    }

    #[test]
    fn help_is_never_far() {
        for (line, text) in [
            ("", HELP),
            ("--help", HELP),
            ("serve --help", SERVE_HELP),
            ("get u --help", GET_HELP),
            ("load -h", LOAD_HELP),
        ] {
            assert_eq!(parse(&words(line)), Ok(Command::Help(text)));
        }
        assert_eq!(parse(&words("--version")), Ok(Command::Version));
    }
}
