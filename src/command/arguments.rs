//! The parser of the command line: flags before and after operands, `--flag value` and `--flag=value`.

use quic::{AddressValidation, CongestionControl, LoadBalancing, LoadBalancingError, Version, Versions}; // not by way of `posthaste`: the fuzzer takes this file alone
use std::fmt;
use std::time::Duration;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `posthaste serve`.
    Serve(Serve),
    /// `posthaste get`.
    Get(Get),
    /// `posthaste load`.
    Load(Load),
    /// `posthaste --help`, or that of one command.
    Help(&'static str),
    /// `posthaste --version`.
    Version,
}

/// Serve files.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Serve {
    /// The folder; the current one if none is named.
    pub folder: Option<String>,
    /// Where to listen; `[::1]` and `127.0.0.1` on port 4433 if nowhere.
    pub listen: Vec<String>,
    /// Where clients are asked to go on: one address of each family at the most.
    pub preferred: Vec<String>,
    /// Certificate chains, each with its private key.
    pub identities: Vec<KeyPair>,
    /// The files of OCSP responses about these certificates.
    pub ocsp_responses: Vec<String>,
    /// Whether clients are asked for certificates, and who vouches for them.
    pub clients: Option<Clients>,
    /// Hosts that requests may be for, beside those of the certificate.
    pub names: Vec<String>,
    /// Whether `/bytes/N` and `/echo` are answered.
    pub bodies: bool,
    /// Whether files whose names begin with a dot are served.
    pub dotfiles: bool,
    /// How many threads serve; one for each processor if it is not said.
    pub workers: Option<usize>,
    /// The socket over which one server takes over from another.
    pub takeover: Option<String>,
    /// What it may reach as a proxy: nothing if there is none.
    pub proxy: Vec<String>,
    /// What load balancers before this server know of it.
    pub balancing: Option<Balancing>,
    /// The longest that requests under way may take when it ends, if it is said.
    pub drain: Option<Duration>,
    /// Where what outlives it is kept.
    pub state: Option<String>,
    /// When clients are asked by a Retry packet to show their address.
    pub retry: AddressValidation,
    /// Whether early data is taken.
    pub early_data: bool,
    /// How the rate is found that a path carries.
    pub congestion_control: CongestionControl,
    /// The versions of QUIC, best first.
    pub versions: Versions,
    /// Whether each request is told on standard error.
    pub log: bool,
    /// What is recorded.
    pub diagnosis: Diagnosis,
}

/// What load balancers before this server know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Balancing {
    /// The ID of this server.
    pub server: Vec<u8>,
    /// The number of their configuration.
    pub configuration: u8,
    /// Bytes of a nonce.
    pub nonce_len: usize,
    /// The file of their key; without one IDs are not encrypted.
    pub key: Option<String>,
}

/// The files of a certificate chain and its private key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPair {
    /// The chain.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// How clients show who they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Clients {
    /// The file of the authorities that vouch for them.
    pub authorities: String,
    /// The files of what has been revoked; if there are none, nothing is looked up.
    pub revocation_lists: Vec<String>,
    /// They may not decline.
    pub are_required: bool,
}

/// What is recorded of connections, for whoever looks for a fault or studies the protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Diagnosis {
    /// Where TLS secrets are written to.
    pub key_log: Option<String>,
    /// Whether every record is printed.
    pub trace: bool,
    /// The folder of qlog files.
    pub qlog: Option<String>,
}

/// How a server's certificate is judged.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Trust {
    /// A file of roots instead of the system's.
    pub roots: Option<String>,
    /// The files of what has been revoked; if there are none, nothing is looked up.
    pub revocation_lists: Vec<String>,
    /// Take any certificate.
    pub insecure: bool,
    /// The SHA-256 of certificates that are taken, and no others.
    pub pins: Vec<[u8; 32]>,
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
    /// What to send.
    pub data: Option<Data>,
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

/// A request body.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// As it is on the command line.
    Text(String),
    /// From a file (`@FILE`); `-` is standard input.
    File(String),
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
    /// What is recorded, for whoever looks inside.
    pub diagnosis: Diagnosis,
    /// How the rate is found that a path carries.
    pub congestion_control: CongestionControl,
}

/// What is wrong with a command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Bytes of a nonce, if nothing is said: enough that none ever comes twice.
const NONCE_LEN: usize = 8;
/// The longest server ID that a connection ID has room for.
const MAX_SERVER_LEN: usize = 14;
/// What `posthaste --help` prints.
pub const HELP: &str = "\
posthaste: QUIC and HTTP/3

  posthaste serve [DIR] [--listen ADDR]... [--cert PEM --key PEM]... [--ocsp FILE]... [--name HOST]...
                        [--bodies] [--dotfiles]
                        [--client-ca PEM [--client-auth optional|required] [--client-crl FILE]...]
                        [--workers N] [--retry WHEN] [--quic-version N[,N]] [--congestion-control NAME]
                        [--drain SECONDS] [--state DIR] [--log] [--early-data] [--takeover SOCKET]
                        [--proxy TARGET]...
                        [--server-id HEX [--lb-config N] [--lb-key FILE] [--lb-nonce N]]
                        [--preferred-address ADDR]...
                        [--key-log FILE] [--trace] [--qlog DIR]
  posthaste get URL... [--ca PEM | --insecure | --pin sha256:HEX] [--crl FILE]... [--cert PEM --key PEM]
                       [--out DIR] [--include]
                       [--header 'name: value']... [--method M] [--data TEXT | --data @FILE]
                       [--ticket-file FILE [--early-data]] [--quic-version N[,N]]
                       [--connect-timeout S] [--first-byte-timeout S] [--idle-timeout S] [--max-time S]
                       [--congestion-control NAME] [--key-log FILE] [--trace] [--qlog DIR]
  posthaste load URL [--ca PEM | --insecure] [--crl FILE]... [--requests N] [--concurrency C]
                     [--connections K] [--migrate N] [--timeout SECONDS] [--congestion-control NAME]
                     [--qlog DIR]

For the options of a command: posthaste serve --help, posthaste get --help, posthaste load --help.
";

/// What `posthaste serve --help` prints.
pub const SERVE_HELP: &str = "\
posthaste serve [DIR]: serves the files below DIR (the current folder) over HTTP/3

  --listen ADDR    address and port to listen on; may be given more than once. 0.0.0.0:443 is for IPv4, [::]:443 for both IPv6
                   and IPv4; port 0 is one that is free
                   (default: 127.0.0.1:4433 and [::1]:4433)
  --cert PEM       the certificate chain, leaf first; needs --key. Pairs may be given more than once: clients get the one for
                   the name that they ask for, or else the first, and of several for one name the first that they can verify
  --key PEM        the private key of the certificate
                   (default: a new development certificate for localhost, valid for 13 days)
  --ocsp FILE      an OCSP response in DER about one of the certificates, for clients that ask for it; may be given more than
                   once. One that is of no use, or no longer, is told and not sent
  --client-ca PEM  ask clients for a certificate, and believe those that are vouched for by the certificates in this file
  --client-auth WHEN   optional: clients may show none; required: those are refused (default: required)
  --client-crl FILE    a revocation list, or several, in PEM or DER; may be given more than once. With one, a client is refused
                   unless a current list of each authority on the way to one in --client-ca says that it is not revoked
  --name HOST      answer for HOST too, beside the names in the certificate; * answers for all, for a server behind a gateway
                   that has looked; may be given more than once. Requests for other hosts get 421
  --bodies         also answer /bytes/N with N generated bytes, and POST /echo with the request body
  --dotfiles       also serve files and folders whose names begin with a dot
                   (default: only /.well-known/)
  --workers N      serve on N threads, which share the addresses (default: one for each processor, at most 256)
  --server-id HEX  load balancers know this server by this ID of 1 to 14 bytes, and read it from its connection IDs (QUIC-LB)
  --lb-config N    the number of their configuration, 0 to 6 (default: 0)
  --lb-key FILE    their key, 32 hexadecimal digits; without one everybody can tell which server a connection is at
  --lb-nonce N     bytes of a nonce, 4 or more, as in their configuration (default: 8). Server ID and nonce have at most 18 bytes;
                   one byte more that each connection ID has, for the thread, is none of theirs
  --proxy TARGET       be a proxy to these targets, by CONNECT for TCP and by connect-udp for UDP: host:port, *.host:port,
                       address:port, network/bits:port, * for any port; may be given more than once
  --takeover SOCKET    a server that is started with the same SOCKET takes over the addresses from the one before without
                   refusing a client, and that one ends when its requests have
  --drain SECONDS  the longest that requests under way may take when it is told to end (default: 30)
  --state DIR      keep a secret in DIR, so that clients of a server that was killed learn it at once from the next one
  --retry WHEN     when a client has to show first that it receives what is sent to its address, which costs it a round
                   trip: always, under-load or never (default: under-load, that is in a flood of new connections)
  --early-data     answer clients that come back a round trip earlier, by what they send before the handshake is complete. Who
                   records it can send it again, so that it has to be safe to answer twice, as files are
  --congestion-control NAME    how fast is sent: cubic, bbr or new-reno (default: cubic). bbr keeps its rate where packets are
                   lost by chance, as over radio
  --quic-version N[,N]   the versions of QUIC to speak, 1 and 2, the better one first: a client that has both is taken to that
                   one within the handshake (default: 1,2)
  --preferred-address ADDR   ask clients to go on at this address and port once they are connected, and listen there too; may
                   be given once for IPv4 and once for IPv6. Who cannot reach it stays
  --log            print a line for each request to standard error: time, client, method, target, status, bytes, duration
  --key-log FILE   append the TLS secrets to FILE, for Wireshark; who has them can read everything
  --trace          print a line for each packet, stream and message, and for what follows from them, to standard error
  --qlog DIR       write a file of qlog for each connection to DIR, at most 1 GiB in all

SIGHUP has the files of --cert, --key, --ocsp, --client-ca and --client-crl read again: new connections see what is in them, those
under way keep what they have. If one of them is of no use, nothing is changed; an OCSP response of no use is not sent. A
warning comes on standard error when a revocation list or an OCSP response has a day left, and when it has run out. SIGINT, SIGQUIT
or SIGTERM lets requests under way finish, while another server can take over the addresses; so does SIGHUP where there are no such
files. A second signal ends at once. The status is 0 if no request was cut short.
";

/// What `posthaste get --help` prints.
pub const GET_HELP: &str = "\
posthaste get URL...: fetches over HTTP/3, one URL after the other; with --out several at a time

  --ca PEM         trust the certificates in this file instead of the system's
  --crl FILE       a revocation list, or several, in PEM or DER; may be given more than once. With one, a server is refused
                   unless a current list of each authority that vouches for it says that it is not revoked
  --insecure       take any certificate: for tests only
  --pin sha256:HEX     take the certificate with this SHA-256, which serve prints, whatever its name and whoever issued it; may be
                   given more than once
  --cert PEM       show this certificate chain, leaf first, to a server that asks for one; needs --key
  --key PEM        the private key of the certificate
  --out DIR        write each body to DIR, named after the URL, instead of to standard output
  --include        print status and fields before each body
  --header 'name: value'   send this field; may be given more than once
  --method M       use this method (default: GET, or POST with --data)
  --data TEXT      send TEXT as the body; @FILE sends the file or pipe as it is read, @- or - standard input
  --ticket-file FILE   keep what servers give to go on from in FILE, for the next run: handshakes without a certificate, by which
                   servers can tell that it is the same client. Each is used once. Who reads FILE can pretend to be this client
  --early-data     with such a ticket, send a request without a body and by a safe method, such as GET, before the server has
                   answered. Who records it can send it again, and it is not known to whom it went
  --quic-version N[,N]   the versions of QUIC to speak, 1 and 2, the better one first; a connection begins with 1, if that is
                   one of them, and goes on with what the server likes better (default: 1,2)
  --connect-timeout SECONDS     the longest to look up a server's name, and then to connect (default: 10)
  --first-byte-timeout SECONDS  the longest to wait for a response when its request was sent (default: 60)
  --idle-timeout SECONDS        the longest that a server may neither send nor take anything of a body (default: 60); the
                   time that a pipe at standard input or output takes does not count
  --max-time SECONDS            the longest that everything may take (default: 0). For each of these 0 is no limit
  --congestion-control NAME    how fast is sent: cubic, bbr or new-reno (default: cubic). bbr keeps its rate where packets are
                   lost by chance, as over radio
  --key-log FILE   append the TLS secrets to FILE, for Wireshark; they decrypt all traffic
  --trace          print a line for each packet, stream and message, and for what follows from them, to standard error
  --qlog DIR       write a file of qlog for each connection to DIR, at most 1 GiB in all

The status is 0 only if every response was complete and 2xx, or 304 to a condition that was sent. Redirects are not followed.
A file in DIR is whole or not there. It replaces a file or a link of its name, but nothing else. SIGINT, SIGTERM, SIGQUIT or
SIGHUP removes what is not complete and closes the connections: status 130, 143, 131 or 129. A second signal ends at once.
";

/// What `posthaste load --help` prints.
pub const LOAD_HELP: &str = "\
posthaste load URL: requests URL repeatedly, and reports throughput and latency

  --requests N     requests in all (default: 10000)
  --concurrency C  requests in progress at a time, over all connections (default: 32)
  --connections K  connections (default: 1)
  --migrate N      move a connection to another port after every N requests of a worker (default: never)
  --timeout SECONDS  the longest that nothing may come of an answer; when no answer was complete for so long and another
                   request fails, the rest is given up (default: 30)
  --congestion-control NAME    how fast is sent: cubic, bbr or new-reno (default: cubic). bbr keeps its rate where packets are
                   lost by chance, as over radio
  --ca PEM         trust the certificates in this file instead of the system's
  --crl FILE       a revocation list, or several, in PEM or DER; may be given more than once. With one, a server is refused
                   unless a current list of each authority that vouches for it says that it is not revoked
  --insecure       take any certificate: for tests only
  --qlog DIR       write a file of qlog for each connection to DIR, at most 1 GiB in all; it costs some speed
";

/// Takes the arguments apart; `arguments` without the program's own name.
pub fn parse(arguments: &[String]) -> Result<Command, Usage> {
    let Some((command, rest)) = arguments.split_first() else { return Ok(Command::Help(HELP)) };
    match command.as_str() {
        "serve" => parse_serve(rest),
        "get" => parse_get(rest),
        "load" => parse_load(rest),
        "help" | "--help" | "-h" => Ok(Command::Help(HELP)),
        "--version" | "-V" | "version" => Ok(Command::Version),
        other => Err(Usage(format!("unknown command {other:?}: use serve, get or load"))),
    }
}

/// One argument after another.
struct Arguments<'a> {
    rest: core::slice::Iter<'a, String>,
    /// No flags any more, after `--`.
    operands_only: bool,
}

enum Argument<'a> {
    Operand(&'a str),
    /// A flag and the value written into the same argument, if any.
    Flag(&'a str, Option<&'a str>),
}

impl<'a> Arguments<'a> {
    fn new(arguments: &'a [String]) -> Arguments<'a> {
        Arguments { rest: arguments.iter(), operands_only: false }
    }

    fn next(&mut self) -> Option<Argument<'a>> {
        let argument = self.rest.next()?;
        if self.operands_only || !argument.starts_with('-') || argument == "-" {
            return Some(Argument::Operand(argument));
        }
        if argument == "--" {
            self.operands_only = true;
            return self.next();
        }
        Some(match argument.split_once('=') {
            Some((flag, value)) => Argument::Flag(flag, Some(value)),
            None => Argument::Flag(argument, None),
        })
    }

    /// The value of `flag`: in the same argument, or the next one.
    fn value(&mut self, flag: &str, inline: Option<&'a str>) -> Result<String, Usage> {
        match inline.or_else(|| self.rest.next().map(String::as_str)) {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            _ => Err(Usage(format!("{flag} needs a value"))),
        }
    }

    fn seconds(&mut self, flag: &str, inline: Option<&'a str>) -> Result<Duration, Usage> {
        let value = self.value(flag, inline)?;
        let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.ok_or_else(|| Usage(format!("{flag} needs a number of seconds, such as 0 or 2.5, not {value:?}")))
    }

    /// Seconds, of which 0 are for ever.
    fn limit(&mut self, flag: &str, inline: Option<&'a str>) -> Result<Duration, Usage> {
        let seconds = self.seconds(flag, inline)?;
        Ok(if seconds.is_zero() { Duration::MAX } else { seconds })
    }

    fn number(&mut self, flag: &str, inline: Option<&'a str>) -> Result<u64, Usage> {
        let value = self.value(flag, inline)?;
        match value.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Usage(format!("{flag} needs a number, at least 1, not {value:?}"))),
        }
    }
}

/// A flag without a value.
fn switch(flag: &str, inline: Option<&str>) -> Result<bool, Usage> {
    if inline.is_some() { Err(Usage(format!("{flag} takes no value"))) } else { Ok(true) }
}

fn unknown(flag: &str, command: &str) -> Usage {
    Usage(format!("unknown option {flag} for {command}; see posthaste {command} --help"))
}

fn parse_serve(arguments: &[String]) -> Result<Command, Usage> {
    let mut serve = Serve::default();
    let (mut pairs, mut balancing) = (Pairs::default(), Given::default());
    let (mut authorities, mut when, mut lists) = (None, None, Vec::new());
    let mut arguments = Arguments::new(arguments);
    while let Some(argument) = arguments.next() {
        match argument {
            Argument::Operand(folder) if serve.folder.is_none() => serve.folder = Some(folder.to_owned()),
            Argument::Operand(extra) => return Err(Usage(format!("serve takes one folder; {extra:?} is a second"))),
            Argument::Flag("--help" | "-h", _) => return Ok(Command::Help(SERVE_HELP)),
            Argument::Flag(flag @ "--listen", inline) => serve.listen.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--preferred-address", inline) => {
                serve.preferred.push(arguments.value(flag, inline)?);
            }
            Argument::Flag(flag @ "--cert", inline) => pairs.certificates.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--key", inline) => pairs.keys.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--ocsp", inline) => serve.ocsp_responses.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--client-ca", inline) => authorities = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--client-crl", inline) => lists.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--client-auth", inline) => when = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--name", inline) => serve.names.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--bodies", inline) => serve.bodies = switch(flag, inline)?,
            Argument::Flag(flag @ "--dotfiles", inline) => serve.dotfiles = switch(flag, inline)?,
            Argument::Flag(flag @ "--log", inline) => serve.log = switch(flag, inline)?,
            Argument::Flag(flag @ "--key-log", inline) => {
                serve.diagnosis.key_log = Some(arguments.value(flag, inline)?);
            }
            Argument::Flag(flag @ "--trace", inline) => serve.diagnosis.trace = switch(flag, inline)?,
            Argument::Flag(flag @ "--qlog", inline) => serve.diagnosis.qlog = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--workers", inline) => {
                let number = arguments.number(flag, inline)?;
                serve.workers = Some(usize::try_from(number).unwrap_or(usize::MAX));
            }
            Argument::Flag(flag @ "--server-id", inline) => balancing.server = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--lb-config", inline) => {
                balancing.configuration = Some(arguments.value(flag, inline)?);
            }
            Argument::Flag(flag @ "--lb-key", inline) => balancing.key = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--lb-nonce", inline) => balancing.nonce_len = Some(arguments.number(flag, inline)?),
            Argument::Flag(flag @ "--takeover", inline) => serve.takeover = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--proxy", inline) => serve.proxy.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--drain", inline) => serve.drain = Some(arguments.seconds(flag, inline)?),
            Argument::Flag(flag @ "--state", inline) => serve.state = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--early-data", inline) => serve.early_data = switch(flag, inline)?,
            Argument::Flag(flag @ "--retry", inline) => serve.retry = retry(&arguments.value(flag, inline)?)?,
            Argument::Flag(flag @ "--congestion-control", inline) => {
                serve.congestion_control = congestion_control(&arguments.value(flag, inline)?)?;
            }
            Argument::Flag(flag @ "--quic-version", inline) => {
                serve.versions = versions(&arguments.value(flag, inline)?)?;
            }
            Argument::Flag(flag, _) => return Err(unknown(flag, "serve")),
        }
    }
    if serve.workers == Some(0) {
        return Err(Usage("--workers needs a number of threads, 1 or more".into()));
    }
    serve.identities = pairs.together("give both, or neither for a development certificate")?;
    if serve.identities.is_empty() && !serve.ocsp_responses.is_empty() {
        return Err(Usage("--ocsp needs --cert FILE and --key FILE, the certificate that it is about".into()));
    }
    serve.balancing = balancing.together().map_err(Usage)?;
    serve.clients = clients(authorities, when.as_deref(), lists)?;
    Ok(Command::Serve(serve))
}

/// What is said of load balancers, as it was given.
#[derive(Default)]
struct Given {
    /// `--server-id`.
    server: Option<String>,
    /// `--lb-config`.
    configuration: Option<String>,
    /// `--lb-nonce`.
    nonce_len: Option<u64>,
    /// `--lb-key`.
    key: Option<String>,
}

impl Given {
    /// All of them together, if there are any.
    fn together(self) -> Result<Option<Balancing>, String> {
        let Some(server) = self.server else {
            let is_alone = self.configuration.is_some() || self.nonce_len.is_some() || self.key.is_some();
            let words =
                "--lb-config, --lb-nonce and --lb-key need --server-id, the ID that load balancers know this server by";
            return if is_alone { Err(words.into()) } else { Ok(None) };
        };
        let bytes = hex(&server).filter(|bytes| (1..=MAX_SERVER_LEN).contains(&bytes.len())).ok_or_else(|| {
            format!("--server-id needs 1 to {MAX_SERVER_LEN} bytes in hexadecimal, such as 00a7, not {server:?}")
        })?;
        let configuration = match self.configuration.as_deref().map(str::parse) {
            None => 0,
            Some(Ok(number)) => number,
            Some(Err(_)) => return Err("--lb-config needs a number from 0 to 6".into()),
        };
        let nonce_len = self.nonce_len.map_or(NONCE_LEN, |len| usize::try_from(len).unwrap_or(usize::MAX));
        let balancing = Balancing { server: bytes, configuration, nonce_len, key: self.key };
        match balancing.plain() {
            Ok(_) => Ok(Some(balancing)),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Balancing {
    /// As the library has it, without its key.
    pub fn plain(&self) -> Result<LoadBalancing, LoadBalancingError> {
        LoadBalancing::new(self.configuration, &self.server, self.nonce_len)
    }
}

/// The bytes that hexadecimal digits are.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// What `--cert` and `--key` named: the first of each belong together, and so on.
#[derive(Default)]
struct Pairs {
    certificates: Vec<String>,
    keys: Vec<String>,
}

impl Pairs {
    fn together(self, advice: &str) -> Result<Vec<KeyPair>, Usage> {
        if self.certificates.len() != self.keys.len() {
            return Err(Usage(format!("--cert and --key go together: {advice}")));
        }
        let pairs = self.certificates.into_iter().zip(self.keys);
        Ok(pairs.map(|(certificate, key)| KeyPair { certificate, key }).collect())
    }
}

fn clients(
    authorities: Option<String>,
    when: Option<&str>,
    revocation_lists: Vec<String>,
) -> Result<Option<Clients>, Usage> {
    let are_required = match when {
        None | Some("required") => true,
        Some("optional") => false,
        Some(other) => return Err(Usage(format!("--client-auth is optional or required, not {other:?}"))),
    };
    if authorities.is_none() && when.is_some() {
        return Err(Usage("--client-auth needs --client-ca FILE, the authorities that vouch for clients".into()));
    }
    if authorities.is_none() && !revocation_lists.is_empty() {
        return Err(Usage("--client-crl needs --client-ca FILE, the authorities that vouch for clients".into()));
    }
    Ok(authorities.map(|authorities| Clients { authorities, revocation_lists, are_required }))
}

fn retry(when: &str) -> Result<AddressValidation, Usage> {
    match when {
        "always" => Ok(AddressValidation::Always),
        "under-load" => Ok(AddressValidation::UnderLoad),
        "never" => Ok(AddressValidation::Never),
        other => Err(Usage(format!("--retry is always, under-load or never, not {other:?}"))),
    }
}

fn congestion_control(name: &str) -> Result<CongestionControl, Usage> {
    match name {
        "cubic" => Ok(CongestionControl::Cubic),
        "bbr" => Ok(CongestionControl::Bbr),
        "new-reno" => Ok(CongestionControl::NewReno),
        other => Err(Usage(format!("--congestion-control is cubic, bbr or new-reno, not {other:?}"))),
    }
}

/// Numbers of versions, best first.
fn versions(list: &str) -> Result<Versions, Usage> {
    let wrong =
        || Usage(format!("--quic-version is 1, 2, or both with the better one first, such as 2,1, not {list:?}"));
    let mut versions = Vec::new();
    for number in list.split(',') {
        versions.push(match number.trim() {
            "1" => Version::V1,
            "2" => Version::V2,
            _ => return Err(wrong()),
        });
    }
    Versions::new(&versions).ok_or_else(wrong)
}

fn parse_get(arguments: &[String]) -> Result<Command, Usage> {
    let mut get = Get::default();
    let mut pairs = Pairs::default();
    let mut arguments = Arguments::new(arguments);
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
            Argument::Flag(flag @ "--data", inline) => get.data = Some(data(arguments.value(flag, inline)?)?),
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
            Argument::Flag(flag, _) => return Err(unknown(flag, "get")),
        }
    }
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
    let mut control = CongestionControl::default();
    let mut arguments = Arguments::new(arguments);
    while let Some(argument) = arguments.next() {
        match argument {
            Argument::Operand(operand) if url.is_none() => url = Some(operand.to_owned()),
            Argument::Operand(extra) => return Err(Usage(format!("load takes one URL; {extra:?} is a second"))),
            Argument::Flag("--help" | "-h", _) => return Ok(Command::Help(LOAD_HELP)),
            Argument::Flag(flag @ "--ca", inline) => trust.roots = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--crl", inline) => trust.revocation_lists.push(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--insecure", inline) => trust.insecure = switch(flag, inline)?,
            Argument::Flag(flag @ "--requests", inline) => requests = arguments.number(flag, inline)?,
            Argument::Flag(flag @ "--concurrency", inline) => concurrency = arguments.number(flag, inline)?,
            Argument::Flag(flag @ "--connections", inline) => connections = arguments.number(flag, inline)?,
            Argument::Flag(flag @ "--migrate", inline) => migrate = arguments.number(flag, inline)?,
            Argument::Flag(flag @ "--timeout", inline) => patience = arguments.seconds(flag, inline)?,
            Argument::Flag(flag @ "--qlog", inline) => diagnosis.qlog = Some(arguments.value(flag, inline)?),
            Argument::Flag(flag @ "--congestion-control", inline) => {
                control = congestion_control(&arguments.value(flag, inline)?)?;
            }
            Argument::Flag(flag, _) => return Err(unknown(flag, "load")),
        }
    }
    let Some(url) = url else {
        return Err(Usage("load needs a URL, as in: posthaste load https://localhost:4433/".into()));
    };
    check_trust(&trust)?;
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
    // The time of each answer is kept until the end.
    at_most(100_000_000, requests, "--requests")?;
    Ok(Command::Load(Load {
        url,
        trust,
        requests,
        concurrency,
        connections,
        migrate,
        patience,
        congestion_control: control,
        diagnosis,
    }))
}

fn check_trust(trust: &Trust) -> Result<(), Usage> {
    let given = [trust.insecure, trust.roots.is_some(), !trust.pins.is_empty()];
    if given.into_iter().filter(|given| *given).count() > 1 {
        return Err(Usage("--ca, --pin and --insecure contradict each other: give one of them".into()));
    }
    if !trust.revocation_lists.is_empty() && (trust.insecure || !trust.pins.is_empty()) {
        return Err(Usage(
            "--crl says what authorities have revoked, and with --pin or --insecure no authority is asked: leave it out".into(),
        ));
    }
    Ok(())
}

fn pin(text: &str) -> Result<[u8; 32], Usage> {
    let wrong = || Usage(format!("--pin needs sha256: and 64 hexadecimal digits, not {text:?}"));
    let digits = text.strip_prefix("sha256:").ok_or_else(wrong)?.as_bytes();
    let mut hash = [0; 32];
    if digits.len() != 2 * hash.len() {
        return Err(wrong());
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).ok_or_else(wrong);
        *byte = pair.iter().try_fold(0u8, |sum, digit| value(*digit).map(|value| sum << 4 | value as u8))?;
    }
    Ok(hash)
}

fn header(text: &str) -> Result<(String, String), Usage> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(Usage(format!("--header needs 'name: value', not {text:?}"))),
    }
}

fn data(text: String) -> Result<Data, Usage> {
    match text.strip_prefix('@') {
        Some("") => Err(Usage("--data @ needs the name of a file, or - for standard input".into())),
        Some(file) => Ok(Data::File(file.to_owned())),
        None if text == "-" => Ok(Data::File(text)),
        None => Ok(Data::Text(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn pair(certificate: &str, key: &str) -> KeyPair {
        KeyPair { certificate: certificate.into(), key: key.into() }
    }

    #[test]
    fn serve_in_full() {
        let line = "serve --listen 0.0.0.0:1 site --listen=[::]:2 --cert c --key k --bodies --dotfiles --key-log l \
                    --cert=c2 --key k2 --client-ca ca --client-auth optional --client-crl l1 --client-crl=l2 --ocsp o --trace --qlog q --workers=4 --drain 2.5 --state s --retry always --congestion-control bbr --quic-version 2,1 --log --early-data --name a.example --name=* --server-id 0aff --lb-config=3 --lb-key kf --lb-nonce 14 --takeover t.sock --proxy a.example:443 --proxy=10.0.0.0/8:* --preferred-address p --preferred-address=q";
        let expected = Serve {
            folder: Some("site".into()),
            listen: vec!["0.0.0.0:1".into(), "[::]:2".into()],
            preferred: vec!["p".into(), "q".into()],
            identities: vec![pair("c", "k"), pair("c2", "k2")],
            ocsp_responses: vec!["o".into()],
            clients: Some(Clients {
                authorities: "ca".into(),
                revocation_lists: vec!["l1".into(), "l2".into()],
                are_required: false,
            }),
            names: vec!["a.example".into(), "*".into()],
            bodies: true,
            dotfiles: true,
            diagnosis: Diagnosis { key_log: Some("l".into()), trace: true, qlog: Some("q".into()) },
            workers: Some(4),
            takeover: Some("t.sock".into()),
            proxy: vec!["a.example:443".into(), "10.0.0.0/8:*".into()],
            balancing: Some(Balancing {
                server: vec![10, 255],
                configuration: 3,
                nonce_len: 14,
                key: Some("kf".into()),
            }),
            drain: Some(Duration::from_millis(2500)),
            state: Some("s".into()),
            retry: AddressValidation::Always,
            early_data: true,
            congestion_control: CongestionControl::Bbr,
            versions: Versions::new(&[Version::V2, Version::V1]).unwrap(),
            log: true,
        };
        assert_eq!(parse(&words(line)), Ok(Command::Serve(expected)));
        assert_eq!(parse(&words("serve")), Ok(Command::Serve(Serve::default())));
        let clients = Some(Clients { authorities: "ca".into(), revocation_lists: Vec::new(), are_required: true });
        let expected = Serve { clients, ..Serve::default() };
        assert_eq!(parse(&words("serve --client-ca ca")), Ok(Command::Serve(expected)));
    }

    fn balancing_options(server: Option<&str>, configuration: Option<&str>, nonce_len: Option<u64>) -> Given {
        Given { server: server.map(Into::into), configuration: configuration.map(Into::into), nonce_len, key: None }
    }

    fn layout_len(balancing: &Balancing) -> usize {
        quic::IdLayout::for_load_balancers(balancing.plain().unwrap()).len()
    }

    #[test]
    fn a_server_id_is_enough() {
        assert_eq!(Given::default().together().unwrap(), None);
        let balancing = balancing_options(Some("00a7"), None, None).together().unwrap().unwrap();
        assert_eq!(balancing, Balancing { server: vec![0, 0xa7], configuration: 0, nonce_len: 8, key: None });
        assert_eq!(layout_len(&balancing), 12);
        let balancing = balancing_options(Some("A7"), Some("6"), Some(4)).together().unwrap().unwrap();
        assert_eq!((balancing.configuration, layout_len(&balancing)), (6, 7));
    }

    #[test]
    fn what_makes_no_sense_says_what_to_do() {
        for (options, words) in [
            (balancing_options(None, Some("1"), None), "need --server-id"),
            (balancing_options(Some("a"), None, None), "in hexadecimal"),
            (balancing_options(Some(""), None, None), "1 to 14 bytes"),
            (balancing_options(Some("äb"), None, None), "in hexadecimal"),
            (balancing_options(Some("01"), Some("7"), None), "from 0 to 6"),
            (balancing_options(Some("01"), Some("x"), None), "from 0 to 6"),
            (balancing_options(Some("01"), Some("1"), Some(3)), "at least 4"),
            (balancing_options(Some("01"), Some("1"), Some(u64::MAX)), "at most 18"),
        ] {
            let text = options.together().unwrap_err();
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn get_in_full() {
        let line = "get https://a/ --ca c --crl l --cert own --key key --out d --include --method PUT --data @f https://b/ --connect-timeout 0.5 \
                    --first-byte-timeout=2 --idle-timeout 0 --max-time 90 --congestion-control new-reno --quic-version=2 --ticket-file t --early-data";
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
            data: Some(Data::File("f".into())),
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
            diagnosis: Diagnosis::default(),
        };
        assert_eq!(parse(&line), Ok(Command::Get(expected)));
        for (text, data) in [
            ("a@b", Data::Text("a@b".into())),
            ("-", Data::File("-".into())),
            ("@-", Data::File("-".into())),
            ("--", Data::Text("--".into())),
        ] {
            let expected = Get { urls: vec!["u".into()], data: Some(data), ..Get::default() };
            assert_eq!(parse(&words(&format!("get u --data {text}"))), Ok(Command::Get(expected)), "{text}");
        }
    }

    #[test]
    fn load_in_full_and_by_default() {
        let load = |requests, concurrency, connections, migrate, patience, congestion_control| {
            let trust = Trust { insecure: true, ..Trust::default() };
            let patience = Duration::from_millis(patience);
            let (url, diagnosis) = ("u".into(), Diagnosis::default());
            Load { url, trust, requests, concurrency, connections, migrate, patience, congestion_control, diagnosis }
        };
        let plain = || load(10_000, 32, 1, 0, 30_000, CongestionControl::Cubic);
        assert_eq!(parse(&words("load u --insecure")), Ok(Command::Load(plain())));
        let line = "load --requests 5 --concurrency=4 --connections 3 --migrate 2 --timeout 0.5 --congestion-control=bbr --insecure -- u";
        assert_eq!(parse(&words(line)), Ok(Command::Load(load(5, 4, 3, 2, 500, CongestionControl::Bbr))));
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
            ("serve --drain soon", "number of seconds"),
            ("serve --drain=-1", "number of seconds"),
            ("serve --drain nan", "number of seconds"),
            ("get u --early-data", "needs --ticket-file FILE"),
            ("serve --retry sometimes", "always, under-load or never"),
            ("serve --congestion-control vegas", "cubic, bbr or new-reno"),
            ("get u --congestion-control=BBR", "cubic, bbr or new-reno"),
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
