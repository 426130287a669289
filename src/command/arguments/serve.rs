//! The options of `posthaste serve`.

use super::acme::Acme;
use super::config::{self, Entry, Place, Wrong};
use super::operation::Operation;
use super::parser::{Argument, Arguments, Usage, switch, unknown};
use super::passing::Passing;
use super::shared::{Diagnosis, KeyPair, Pairs, congestion_control, qpack_table, versions};
use super::site::Site;
use quic::{AddressValidation, CongestionControl, LoadBalancing, LoadBalancingError, Versions};
use std::time::Duration;

/// Serve files.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Serve {
    /// The folder; the current one if none is named.
    pub folder: Option<String>,
    /// Where to listen; `[::1]` and `127.0.0.1` on port 4433 if nowhere.
    pub listen: Vec<String>,
    /// Whether nothing is served by TCP.
    pub no_tcp: bool,
    /// Where whoever comes without TLS is sent on to https.
    pub http: Vec<String>,
    /// The port that clients reach it at, if that is another than where it listens.
    pub public_port: Option<u16>,
    /// For how long browsers are to ask by https alone, if that is said, and whether that is for the hosts below as well.
    pub hsts: Option<(Duration, bool)>,
    /// Whether the records to publish are only printed.
    pub https_record: bool,
    /// Where clients are asked to go on: one address of each family at the most.
    pub preferred: Vec<String>,
    /// Certificate chains, each with its private key.
    pub identities: Vec<KeyPair>,
    /// The files of OCSP responses about these certificates.
    pub ocsp_responses: Vec<String>,
    /// Whether clients are asked for certificates, and who vouches for them.
    pub clients: Option<Clients>,
    /// Certificates that it gets by itself.
    pub acme: Acme,
    /// Hosts that requests may be for, beside those of the certificate.
    pub names: Vec<String>,
    /// Whether `/bytes/N` and `/echo` are answered.
    pub bodies: bool,
    /// Which files are served, and how.
    pub site: Site,
    /// What whoever runs the server wants of it.
    pub operation: Operation,
    /// The file that has more of this.
    pub config: Option<ConfigFile>,
    /// Whether everything is only looked at.
    pub check: bool,
    /// How many threads serve; one for each processor if it is not said.
    pub workers: Option<usize>,
    /// The socket over which one server takes over from another.
    pub takeover: Option<String>,
    /// The most connections of a network, if it is said.
    pub max_of_network: Option<usize>,
    /// MiB of content that all connections may hold.
    pub memory: Option<u64>,
    /// The most requests under way.
    pub max_requests: Option<usize>,
    /// What it may reach as a proxy: nothing if there is none.
    pub proxy: Vec<String>,
    /// Which requests are passed on to servers behind it.
    pub passing: Passing,
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
    /// How many bytes of dynamic table there are in each direction.
    pub qpack_table: u32,
    /// The versions of QUIC, best first.
    pub versions: Versions,
    /// Whether each request is told on standard error.
    pub log: bool,
    /// What is recorded.
    pub diagnosis: Diagnosis,
}

/// A configuration file, and the arguments beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigFile {
    /// Where it is.
    pub name: String,
    /// All arguments of `serve`.
    pub words: Vec<String>,
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

/// Bytes of a nonce, if nothing is said: enough that none ever comes twice.
const NONCE_LEN: usize = 8;

/// The longest server ID that a connection ID has room for.
const MAX_SERVER_LEN: usize = 14;

/// What `posthaste serve --help` prints.
pub const SERVE_HELP: &str = "\
posthaste serve [DIR]: serves the files below DIR (the current folder) over HTTP/3, HTTP/2 and HTTP/1.1

  --listen ADDR    address and port to listen on; may be given more than once. 0.0.0.0:443 is for IPv4, [::]:443 for both IPv6
                   and IPv4; port 0 is one that is free
                   (default: 127.0.0.1:4433 and [::1]:4433)
  --no-tcp         serve HTTP/3 alone; without this HTTP/2 and HTTP/1.1 are served by TCP at the same addresses and ports, and
                   each answer there says that there is HTTP/3
  --http ADDR      listen for plain HTTP at this address and port too, such as 0.0.0.0:80, and send whoever comes there on to
                   https by 308, or answer 421 if it is for no host of this server; may be given more than once
  --public-port N  the port at which clients reach the server by https, if something on the way leads from there to the port of
                   --listen: redirections, Alt-Svc and the records of --https-record name it
  --hsts 'SECONDS[; includeSubDomains]'    have browsers ask for the host by https alone for so long (HSTS), or for all hosts
                   below it as well: begin with some hundred seconds, because it cannot be taken back
  --cert PEM       the certificate chain, leaf first; needs --key. Pairs may be given more than once: clients get the one for
                   the name that they ask for, or else the first, and of several for one name the first that they can verify
  --key PEM        the private key of the certificate
                   (default: a new development certificate for localhost, valid for 13 days)
  --acme NAME      get a certificate for NAME by ACME and renew it before its end; may be given more than once, for one certificate
                   with several names. The authority looks by TLS at port 443. Needs --acme-state
  --acme-directory URL   the authority, to whose terms you agree with this (default: that of Let's Encrypt)
  --acme-contact MAIL    where the authority may write to; may be given more than once
  --acme-state DIR     keep the account and the certificate in DIR, with their keys
  --acme-ca PEM    trust the authority's own server by these certificates (default: the system's)
  --ocsp FILE      an OCSP response in DER about one of the certificates, for clients that ask for it; may be given more than
                   once. One that is of no use, or no longer, is told and not sent
  --client-ca PEM  ask clients for a certificate, and believe those that are vouched for by the certificates in this file
  --client-auth WHEN   optional: clients may show none; required: those are refused (default: required)
  --client-crl FILE    a revocation list, or several, in PEM or DER; may be given more than once. With one, a client is refused
                   unless a current list of each authority on the way to one in --client-ca says that it is not revoked
  --name HOST      answer for HOST too, beside the names in the certificate; * answers for all, for a server behind a gateway
                   that has looked; may be given more than once. Requests for other hosts get 421
  --bodies         also answer /bytes/N with N generated bytes, and POST /echo with the request body

Files:
  --site HOST=DIR  serve the files below DIR to requests for HOST; may be given more than once. Others get those below the DIR
                   without a host, or 421 if there is none. With --cert, one of the certificates should be for HOST
  --list           list folders that have no index.html
  --fallback FILE  where there is nothing, answer with this file below DIR: for applications of one page
  --not-found FILE     where there is nothing, answer with this file below DIR and 404
  --precompressed  send NAME.br, NAME.zst or NAME.gz instead of NAME to clients that take it, unless it is older
  --cache-control VALUE    what caches are told of files, such as max-age=3600
  --header 'NAME: VALUE'   add this field to every answer; may be given more than once
  --redirect FROM=TO[,CODE]    send clients from the path FROM to the path or URL TO, by 301, 302, 303, 307 or 308 (default: 302);
                   /old/*=/new/* is for all paths below; may be given more than once. The first that fits counts
  --dotfiles       also serve files and folders whose names begin with a dot
                   (default: only /.well-known/)

Servers behind this one:
  --proxy /PATH=BACKEND    pass requests for PATH and what is below it on to BACKEND, an HTTP/1.1 server in clear text: http://HOST:PORT or
                   unix:/SOCKET. Several, with commas between or by giving the path again, take turns. May be given more than once;
                   the longest path counts, and files are served for the rest. Without a slash at its front the value is a target, see
                   below
  --proxy-strip    take PATH off before a request is passed on, and say so in X-Forwarded-Prefix (default: it stays)
  --proxy-host WHO     client: backends are asked by the host that the client asked for; backend: by their own (default: client)
  --proxy-forwarded HOW    replace: what clients say of whom they speak for, in Forwarded and X-Forwarded-For and their like, is not
                   believed; append: it is kept, which is right behind another proxy only (default: replace)
  --proxy-timeout SECONDS  how long a backend may take until its answer begins, and between two parts of it (default: 60)

Operation:
  --config FILE    read more options from FILE: NAME = VALUE on each line, as docs/configuration.md has it. SIGHUP reads it again
  --check          look at everything, say what is wrong, and end
  --https-record   print the HTTPS records (RFC 9460) to publish for the server's names, as lines of a zone file, and end
  --metrics ADDR   answer /metrics and /healthz at this address, over TCP and HTTP/1.1, for Prometheus and its like
  --access-log FILE    a line for each request in FILE; - is standard output. SIGHUP opens FILE again
  --access-log-format FORM   common, combined or json (default: combined)
  --log-level LEVEL    how much is said on standard error: error, warning, info or debug (default: info)
  --log-format FORM    text, or json with one object on each line (default: text)
  --user NAME[:GROUP]  once everything is open, be this user, who may do less

Protocol:
  --workers N      serve on N threads, which share the addresses (default: one for each processor, at most 256)
  --max-connections-per-network N  connections at a time of one network, the first 24 bits of an IPv4 address or 56 of an IPv6 address,
                   by UDP and TCP together (default: 25,000 for each thread). More are refused
  --memory MIB     content that all connections hold, by every version of HTTP: a fifth to send, the rest to be read (default: 1,280
                   for each thread). Beyond it each connection gets less
  --max-requests N     requests under way at a time, by every version of HTTP (default: 100,000). More are answered with 503
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
  --qpack-table BYTES    keep a table of fields that come again, of at most so many bytes in each direction of a connection: smaller
                   requests and responses for some memory (default: 0, none)
  --quic-version N[,N]   the versions of QUIC to speak, 1 and 2, the better one first: a client that has both is taken to that
                   one within the handshake (default: 1,2)
  --preferred-address ADDR   ask clients to go on at this address and port once they are connected, and listen there too; may
                   be given once for IPv4 and once for IPv6. Who cannot reach it stays
  --log            print a line for each request to standard error: time, client, method, target, status, bytes, duration
  --key-log FILE   append the TLS secrets to FILE, for Wireshark; who has them can read everything
  --trace          print a line for each packet, stream and message, and for what follows from them, to standard error
  --qlog DIR       write a file of qlog for each connection to DIR, at most 1 GiB in all

SIGHUP has the files of --config, --cert, --key, --ocsp, --client-ca and --client-crl read again: new connections see what is in them, those
under way keep what they have. If one of them is of no use, nothing is changed; an OCSP response of no use is not sent. A
warning comes on standard error when a revocation list or an OCSP response has a day left, and when it has run out. SIGINT, SIGQUIT
or SIGTERM lets requests under way finish, while another server can take over the addresses; so does SIGHUP where there are no such
files, no --config and no --access-log. A second signal ends at once. The status is 0 if no request was cut short.
";

/// Takes the arguments of `serve` apart; nothing if they ask for help.
pub(super) fn parse(arguments: &[String]) -> Result<Option<Serve>, Usage> {
    let Some(reading) = Reading::default().arguments(arguments)? else { return Ok(None) };
    // What is missing here may be in the file.
    if reading.serve.config.is_some() {
        return Ok(Some(reading.serve));
    }
    reading.finish().map(Some)
}

/// The same with what a configuration file says: `text`, of the file `name`. What stands in `arguments` comes later, and counts
/// more where there can be only one.
pub fn parse_with_file(name: &str, text: &str, arguments: &[String]) -> Result<Serve, Usage> {
    let mut reading = Reading::default();
    for Entry { key, words, place } in
        config::parse(text).map_err(|Wrong { place, what }| wrong_in(name, place, &what))?
    {
        let at = |Usage(what): Usage| wrong_in(name, place, &what.replace("--", ""));
        if key == "folder" {
            reading.serve.folder = words.into_iter().next();
        } else if let Some(taken) = reading.setting(&format!("--{key}"), &words).map_err(at)? {
            if !taken {
                let what = format!("{key} is a switch: write {key} = true or false");
                return Err(wrong_in(name, place, &what));
            }
        } else {
            let what = format!(
                "there is no option {key}; posthaste serve --help has them all, to be written without the dashes"
            );
            return Err(wrong_in(name, place, &what));
        }
    }
    let reading = reading.arguments(arguments)?.unwrap_or_default();
    reading.finish()
}

fn wrong_in(file: &str, place: Place, what: &str) -> Usage {
    Usage(format!("{file}:{}:{}: {what}", place.line, place.column))
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    serve: Serve,
    pairs: Pairs,
    balancing: Given,
    authorities: Option<String>,
    when: Option<String>,
    lists: Vec<String>,
}

impl Reading {
    /// Reads a command line; nothing if it asks for help.
    fn arguments(mut self, words: &[String]) -> Result<Option<Reading>, Usage> {
        let mut arguments = Arguments::new(words);
        let mut has_folder = false;
        while let Some(argument) = arguments.next() {
            match argument {
                Argument::Operand(folder) if !has_folder => {
                    has_folder = true;
                    self.serve.folder = Some(folder.to_owned());
                }
                Argument::Operand(extra) => {
                    return Err(Usage(format!("serve takes one folder; {extra:?} is a second")));
                }
                Argument::Flag("--help" | "-h", _) => return Ok(None),
                Argument::Flag(flag @ "--config", inline) => {
                    let file = arguments.value(flag, inline)?;
                    self.serve.config = Some(ConfigFile { name: file, words: words.to_vec() });
                }
                Argument::Flag(flag @ "--check", inline) => self.serve.check = switch(flag, inline)?,
                Argument::Flag(flag @ "--https-record", inline) => self.serve.https_record = switch(flag, inline)?,
                Argument::Flag(flag, inline) => {
                    if !self.option(flag, inline, &mut arguments)? {
                        return Err(unknown(flag, "serve"));
                    }
                }
            }
        }
        Ok(Some(self))
    }

    /// Reads one setting of a file. Nothing if there is none of this name; false if it takes no value, and there is one.
    fn setting(&mut self, flag: &str, values: &[String]) -> Result<Option<bool>, Usage> {
        let mut arguments = Arguments::new(values);
        let mut is_known = self.option(flag, None, &mut arguments)?;
        // Of several values each is the flag once more, and a switch takes none.
        while is_known && !arguments.is_over() {
            let left = arguments.left();
            is_known = self.option(flag, None, &mut arguments)?;
            if arguments.left() == left {
                return Ok(Some(false));
            }
        }
        Ok(is_known.then_some(true))
    }

    /// Takes one option and its value; false if there is none of this name.
    fn option(&mut self, flag: &str, inline: Option<&str>, arguments: &mut Arguments<'_>) -> Result<bool, Usage> {
        let serve = &mut self.serve;
        match flag {
            "--cert" => self.pairs.certificates.push(arguments.value(flag, inline)?),
            "--key" => self.pairs.keys.push(arguments.value(flag, inline)?),
            "--client-ca" => self.authorities = Some(arguments.value(flag, inline)?),
            "--client-crl" => self.lists.push(arguments.value(flag, inline)?),
            "--client-auth" => self.when = Some(arguments.value(flag, inline)?),
            "--server-id" => self.balancing.server = Some(arguments.value(flag, inline)?),
            "--lb-config" => self.balancing.configuration = Some(arguments.value(flag, inline)?),
            "--lb-key" => self.balancing.key = Some(arguments.value(flag, inline)?),
            "--lb-nonce" => self.balancing.nonce_len = Some(arguments.number(flag, inline)?),
            _ => {
                return Ok(serve.option(flag, inline, arguments)?
                    || serve.acme.option(flag, inline, arguments)?
                    || serve.site.option(flag, inline, arguments)?
                    || serve.passing.option(flag, inline, arguments)?
                    || serve.operation.option(flag, inline, arguments)?);
            }
        }
        Ok(true)
    }

    /// What only makes sense together.
    fn finish(self) -> Result<Serve, Usage> {
        let mut serve = self.serve;
        serve.identities = self.pairs.together("give both, or neither for a development certificate")?;
        if serve.identities.is_empty() && !serve.ocsp_responses.is_empty() {
            return Err(Usage("--ocsp needs --cert FILE and --key FILE, the certificate that it is about".into()));
        }
        serve.balancing = self.balancing.together().map_err(Usage)?;
        serve.passing.check()?;
        serve.clients = clients(self.authorities, self.when.as_deref(), self.lists)?;
        serve.acme.check(!serve.identities.is_empty(), serve.clients.is_some())?;
        Ok(serve)
    }
}

impl Serve {
    /// Takes one option and its value; false if there is none of this name here.
    fn option(&mut self, flag: &str, inline: Option<&str>, arguments: &mut Arguments<'_>) -> Result<bool, Usage> {
        match flag {
            "--listen" => self.listen.push(arguments.value(flag, inline)?),
            "--preferred-address" => self.preferred.push(arguments.value(flag, inline)?),
            "--ocsp" => self.ocsp_responses.push(arguments.value(flag, inline)?),
            "--name" => self.names.push(arguments.value(flag, inline)?),
            "--no-tcp" => self.no_tcp = switch(flag, inline)?,
            "--http" => self.http.push(arguments.value(flag, inline)?),
            "--public-port" => self.public_port = Some(public_port(&arguments.value(flag, inline)?)?),
            "--hsts" => self.hsts = Some(hsts(&arguments.value(flag, inline)?)?),
            "--bodies" => self.bodies = switch(flag, inline)?,
            "--log" => self.log = switch(flag, inline)?,
            "--key-log" => self.diagnosis.key_log = Some(arguments.value(flag, inline)?),
            "--trace" => self.diagnosis.trace = switch(flag, inline)?,
            "--qlog" => self.diagnosis.qlog = Some(arguments.value(flag, inline)?),
            "--workers" => {
                let number = arguments.number(flag, inline)?;
                self.workers = Some(usize::try_from(number).unwrap_or(usize::MAX));
            }
            "--max-connections-per-network" => {
                let number = arguments.number(flag, inline)?;
                self.max_of_network = Some(usize::try_from(number).unwrap_or(usize::MAX));
            }
            "--memory" => self.memory = Some(arguments.number(flag, inline)?),
            "--max-requests" => {
                let number = arguments.number(flag, inline)?;
                self.max_requests = Some(usize::try_from(number).unwrap_or(usize::MAX));
            }
            "--takeover" => self.takeover = Some(arguments.value(flag, inline)?),
            "--proxy" => match arguments.value(flag, inline)? {
                value if Passing::is_route(&value) => self.passing.add(&value)?,
                value => self.proxy.push(value),
            },
            "--drain" => self.drain = Some(arguments.seconds(flag, inline)?),
            "--state" => self.state = Some(arguments.value(flag, inline)?),
            "--early-data" => self.early_data = switch(flag, inline)?,
            "--retry" => self.retry = retry(&arguments.value(flag, inline)?)?,
            "--congestion-control" => self.congestion_control = congestion_control(&arguments.value(flag, inline)?)?,
            "--qpack-table" => self.qpack_table = qpack_table(&arguments.value(flag, inline)?)?,
            "--quic-version" => self.versions = versions(&arguments.value(flag, inline)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
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

fn public_port(text: &str) -> Result<u16, Usage> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| Usage(format!("--public-port needs a port from 1 to 65535, not {text:?}")))
}

/// RFC 6797 section 6.1: the name of a directive has no case.
fn hsts(text: &str) -> Result<(Duration, bool), Usage> {
    let wrong = || {
        Usage(format!(
            "--hsts needs a number of seconds, such as 31536000, or '31536000; includeSubDomains', not {text:?}; other \
             directives can be said by --header 'strict-transport-security: ...'"
        ))
    };
    let (seconds, below) = text.split_once(';').map_or((text, None), |(seconds, below)| (seconds, Some(below.trim())));
    if below.is_some_and(|below| !below.eq_ignore_ascii_case("includeSubDomains")) {
        return Err(wrong());
    }
    Ok((Duration::from_secs(seconds.trim().parse().map_err(|_| wrong())?), below.is_some()))
}

fn retry(when: &str) -> Result<AddressValidation, Usage> {
    match when {
        "always" => Ok(AddressValidation::Always),
        "under-load" => Ok(AddressValidation::UnderLoad),
        "never" => Ok(AddressValidation::Never),
        other => Err(Usage(format!("--retry is always, under-load or never, not {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::passing::Route;
    use super::*;
    use quic::Version;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn pair(certificate: &str, key: &str) -> KeyPair {
        KeyPair { certificate: certificate.into(), key: key.into() }
    }

    #[test]
    fn serve_in_full() {
        let line = "--listen 0.0.0.0:1 site --listen=[::]:2 --no-tcp --http h:80 --http=i:81 --public-port 8443 --hsts=300;INCLUDEsubDomains --cert c --key k --bodies --dotfiles --key-log l \
                    --cert=c2 --key k2 --client-ca ca --client-auth optional --client-crl l1 --client-crl=l2 --ocsp o --trace --qlog q --workers=4 --max-connections-per-network 99 --max-requests 98 --memory 97 --drain 2.5 --state s --retry always --congestion-control bbr --qpack-table 4096 --quic-version 2,1 --log --early-data --name a.example --name=* --server-id 0aff --lb-config=3 --lb-key kf --lb-nonce 14 --takeover t.sock --proxy a.example:443 --proxy=/api=http://b:1 --proxy=10.0.0.0/8:* --proxy-strip --proxy-host backend --proxy-forwarded append --proxy-timeout 1.5 --preferred-address p --preferred-address=q";
        let expected = Serve {
            folder: Some("site".into()),
            listen: vec!["0.0.0.0:1".into(), "[::]:2".into()],
            no_tcp: true,
            http: vec!["h:80".into(), "i:81".into()],
            public_port: Some(8443),
            hsts: Some((Duration::from_secs(300), true)),
            https_record: false,
            preferred: vec!["p".into(), "q".into()],
            identities: vec![pair("c", "k"), pair("c2", "k2")],
            ocsp_responses: vec!["o".into()],
            clients: Some(Clients {
                authorities: "ca".into(),
                revocation_lists: vec!["l1".into(), "l2".into()],
                are_required: false,
            }),
            acme: Acme::default(),
            names: vec!["a.example".into(), "*".into()],
            bodies: true,
            site: Site { dotfiles: true, ..Site::default() },
            operation: Operation::default(),
            config: None,
            check: false,
            diagnosis: Diagnosis { key_log: Some("l".into()), trace: true, qlog: Some("q".into()) },
            workers: Some(4),
            max_of_network: Some(99),
            max_requests: Some(98),
            memory: Some(97),
            takeover: Some("t.sock".into()),
            proxy: vec!["a.example:443".into(), "10.0.0.0/8:*".into()],
            passing: Passing {
                routes: vec![Route { path: "/api".into(), backends: vec!["http://b:1".into()] }],
                strip: true,
                append_forwarded: true,
                backend_host: true,
                timeout: Some(Duration::from_millis(1500)),
            },
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
            qpack_table: 4096,
            versions: Versions::new(&[Version::V2, Version::V1]).unwrap(),
            log: true,
        };
        assert_eq!(parse(&words(line)), Ok(Some(expected)));
        assert_eq!(parse(&words("")), Ok(Some(Serve::default())));
        let clients = Some(Clients { authorities: "ca".into(), revocation_lists: Vec::new(), are_required: true });
        let expected = Serve { clients, ..Serve::default() };
        assert_eq!(parse(&words("--client-ca ca")), Ok(Some(expected)));
    }

    #[test]
    fn how_long_https_alone_is_asked_for_is_seconds_and_maybe_one_word() {
        assert_eq!(hsts("0"), Ok((Duration::ZERO, false)));
        assert_eq!(hsts(" 31536000 ; includesubdomains "), Ok((Duration::from_secs(31_536_000), true)));
        for text in ["", "x", "-1", "1.5", "1;", "1; preload", "1; includeSubDomains; preload", "max-age=1"] {
            assert!(hsts(text).unwrap_err().0.contains(&format!("not {text:?}")), "{text}");
        }
        for text in ["0", "65536", "https", ""] {
            assert!(public_port(text).unwrap_err().0.contains("1 to 65535"), "{text}");
        }
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
}
