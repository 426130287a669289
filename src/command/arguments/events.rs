//! `posthaste events`: its commands and their options.

use super::parser::{Argument, Arguments, Usage, switch, unknown};
use super::shared::{KeyPair, Pairs, Trust, check_trust, pin};
use std::time::Duration;

/// What `posthaste events --help` prints.
pub const EVENTS_HELP: &str = "\
posthaste events: events that are stored, and delivered at least once, over QUIC and WebTransport

  posthaste events serve [--listen ADDR]... [--cert PEM --key PEM] [--name HOST]... [--registry FILE]
                         [--rate N[/BURST]] [--max-age SECONDS] [--max-events N] [--max-bytes N] [--when-full drop|refuse]
                         [--store DIR | --store nats://HOST:PORT [--replicas N] [--store-ca FILE] | --in-memory]
                         [--lost-with-the-machine]
                         [--metrics ADDR] [--client-ca PEM] [--workers N] [--drain SECONDS]
  posthaste events inject  URL NAMESPACE [FILE]...   publishes events, a JSON object in each line, or a line of text with --text TYPE
  posthaste events tail    URL NAMESPACE [-f] [--from PLACE] [-n N] [--subscription NAME [--max N]]
  posthaste events replay  URL NAMESPACE [--from PLACE] [-n N] [--to NAMESPACE]
  posthaste events queues  URL [NAMESPACE] [--json]
  posthaste events bench   URL NAMESPACE [-n N] [--size BYTES] [--publishers N] [--consumers N] [--in-flight N] [--json]
  posthaste events check   [URL] [--registry FILE]   looks at a registry, at a server, or at both
  posthaste events token   CLIENT NAMESPACE RIGHTS   draws a token, and prints it and its line for a registry

Of clients:
  URL             quic://HOST:PORT, or https://HOST[:PORT]/events by WebTransport
  --client NAME   who it is; default $POSTHASTE_EVENTS_CLIENT
  --token-file F  the file of its token; default $POSTHASTE_EVENTS_TOKEN, the token itself
  --ca FILE, --pin sha256:HEX, --insecure   how the server's certificate is judged, as for posthaste get
  --cert PEM --key PEM   a certificate to show, where the registry knows the client by it
  --timeout S     how long the end may take: what is under way is finished; default 30
  -s, --silent    nothing is told on standard error but what fails

Of the server:
  --listen ADDR   where; default 127.0.0.1:4433
  --store DIR     the folder that events are kept in; default events.store, made if it is not there
  --store nats://HOST:PORT   events are kept on NATS JetStream, on so many of its servers as --replicas says; any number of ours share them
  --store tls://HOST:PORT   the same under TLS: its certificate is judged by --store-ca FILE, or by whom the system trusts
  --in-memory     events are not kept beyond the end of the process
  --lost-with-the-machine   a publish is answered before the disk has it: faster, and what was answered can be lost when power fails
  --registry FILE who may do what, one grant in a line: CLIENT NAMESPACE RIGHTS sha256:HEX; read again at SIGHUP. Without it the
                  variable H3X_REGISTRY is read: CLIENT:{NAMESPACE}={TOKEN}, with commas between several
  --rate N[/B]    events a second that a client may publish in a namespace, and at once
  --max-age, --max-events, --max-bytes   what a namespace keeps; what is older or more goes, or is refused with --when-full refuse
  --metrics ADDR  /metrics and /health over HTTP/1.1, for Prometheus
  --client-ca PEM clients may show a certificate of these authorities instead of a token
  --workers N     so many threads for connections, which share the addresses; default 1. The store has one of its own in any case

PLACE is earliest, latest, a sequence, or @SECONDS since 1970. Events come out as JSON, one in a line.
";

/// Threads for connections, at most: as many as connection IDs can name.
const MAX_WORKERS: usize = 256;

/// A command about events.
#[derive(Clone, Debug, PartialEq)]
pub enum Events {
    /// `events serve`.
    Serve(EventsServe),
    /// One that is a client.
    Client(EventsClient, Task),
    /// `events check`.
    Check {
        /// The server to look at.
        client: Option<EventsClient>,
        /// The registry to look at.
        registry: Option<String>,
    },
    /// `events token`.
    Token {
        /// Whose.
        client: String,
        /// For which namespace.
        namespace: String,
        /// With which rights.
        rights: String,
    },
}

/// Serve.
#[derive(Clone, Debug, PartialEq)]
pub struct EventsServe {
    /// Where.
    pub listen: Vec<String>,
    /// The certificate.
    pub identity: Option<KeyPair>,
    /// Its names.
    pub names: Vec<String>,
    /// The file of who may do what.
    pub registry: Option<String>,
    /// The folder that events are kept in, or the URL of servers of NATS; in memory if there is none.
    pub store: Option<String>,
    /// On how many servers of NATS.
    pub replicas: u32,
    /// The file of the authorities that servers of NATS are believed by.
    pub store_authorities: Option<String>,
    /// A publish is answered before the disk has it.
    pub lost_with_the_machine: bool,
    /// Events in a second, and at once.
    pub rate: (u32, u32),
    /// How long an event is kept.
    pub max_age: Option<Duration>,
    /// How many.
    pub max_events: Option<u64>,
    /// How many bytes of them.
    pub max_bytes: Option<u64>,
    /// What is too much is refused.
    pub refuses: bool,
    /// Where figures are shown.
    pub metrics: Option<String>,
    /// The authorities of clients.
    pub client_authorities: Option<String>,
    /// Threads for connections.
    pub workers: usize,
    /// How long clients have at the end.
    pub drain: Duration,
}

/// What all clients have.
#[derive(Clone, Debug, PartialEq)]
pub struct EventsClient {
    /// The server.
    pub url: String,
    /// Its name.
    pub client: Option<String>,
    /// The file of its token.
    pub token_file: Option<String>,
    /// How the server's certificate is judged.
    pub trust: Trust,
    /// What is shown to the server.
    pub identity: Option<KeyPair>,
    /// How long the end may take.
    pub timeout: Duration,
    /// Nothing is told but what fails.
    pub silent: bool,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// With the oldest.
    Earliest,
    /// With what comes.
    Latest,
    /// With this sequence.
    Sequence(u64),
    /// With this time, in milliseconds since 1970.
    Time(u64),
}

/// What a client does.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Publishes.
    Inject {
        /// Where.
        namespace: String,
        /// From these files, or standard input.
        files: Vec<String>,
        /// Lines are text, and events are of this type.
        text: Option<String>,
    },
    /// Shows.
    Tail {
        /// What.
        namespace: String,
        /// And what comes.
        follow: bool,
        /// From here on.
        from: Option<Place>,
        /// So many at most.
        count: Option<u64>,
        /// As this subscription, and acknowledges.
        subscription: Option<String>,
    },
    /// Shows or publishes again.
    Replay {
        /// What.
        namespace: String,
        /// From here on.
        from: Place,
        /// So many at most.
        count: Option<u64>,
        /// There.
        to: Option<String>,
    },
    /// The figures of the queues.
    Queues {
        /// Of this one, or of all.
        namespace: Option<String>,
        /// For programs.
        json: bool,
    },
    /// Measures.
    Bench(Bench),
}

/// Measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Bench {
    /// Where.
    pub namespace: String,
    /// Events.
    pub events: u64,
    /// Bytes of data of each.
    pub size: u64,
    /// Who publishes, each on a connection of its own.
    pub publishers: u64,
    /// Who consumes, each on a connection of its own.
    pub consumers: u64,
    /// Events of each publisher that are not stored.
    pub in_flight: u64,
    /// For programs.
    pub json: bool,
}

/// All options, before it is known which belong to the command.
#[derive(Default)]
struct Given {
    operands: Vec<String>,
    flags: Vec<&'static str>,
    listen: Vec<String>,
    names: Vec<String>,
    pairs: Pairs,
    registry: Option<String>,
    store: Option<String>,
    replicas: Option<u64>,
    store_authorities: Option<String>,
    in_memory: bool,
    lost_with_the_machine: bool,
    rate: Option<(u32, u32)>,
    max_age: Option<Duration>,
    max_events: Option<u64>,
    max_bytes: Option<u64>,
    refuses: bool,
    metrics: Option<String>,
    client_authorities: Option<String>,
    workers: Option<u64>,
    drain: Option<Duration>,
    client: Option<String>,
    token_file: Option<String>,
    trust: Trust,
    timeout: Option<Duration>,
    silent: bool,
    text: Option<String>,
    follow: bool,
    from: Option<Place>,
    count: Option<u64>,
    subscription: Option<String>,
    to: Option<String>,
    json: bool,
    size: Option<u64>,
    publishers: Option<u64>,
    consumers: Option<u64>,
    in_flight: Option<u64>,
}

/// Which options each command has.
const CLIENT: &[&str] =
    &["--client", "--token-file", "--ca", "--pin", "--insecure", "--cert", "--key", "--timeout", "--silent"];
const COMMANDS: &[(&str, bool, &[&str])] = &[
    (
        "serve",
        false,
        &[
            "--listen",
            "--cert",
            "--key",
            "--name",
            "--registry",
            "--rate",
            "--max-age",
            "--max-events",
            "--max-bytes",
            "--when-full",
            "--metrics",
            "--client-ca",
            "--workers",
            "--drain",
            "--store",
            "--replicas",
            "--store-ca",
            "--in-memory",
            "--lost-with-the-machine",
        ],
    ),
    ("inject", true, &["--text"]),
    ("tail", true, &["--follow", "--from", "--count", "--subscription"]),
    ("replay", true, &["--from", "--count", "--to"]),
    ("queues", true, &["--json"]),
    ("bench", true, &["--count", "--size", "--publishers", "--consumers", "--in-flight", "--json"]),
    ("check", true, &["--registry"]),
    ("token", false, &[]),
];

/// The command and its options; nothing for help.
pub(super) fn parse(arguments: &[String]) -> Result<Option<Events>, Usage> {
    let Some((command, rest)) = arguments.split_first() else { return Ok(None) };
    if ["help", "--help", "-h"].contains(&command.as_str()) {
        return Ok(None);
    }
    let known = COMMANDS.iter().find(|(name, ..)| name == command).ok_or_else(|| {
        let names: Vec<&str> = COMMANDS.iter().map(|(name, ..)| *name).collect();
        Usage(format!("unknown command events {command}; those are {}", names.join(", ")))
    })?;
    let Some(given) = take(rest)? else { return Ok(None) };
    for flag in &given.flags {
        let is_of_client = known.1 && CLIENT.contains(flag);
        if !is_of_client && !known.2.contains(flag) {
            return Err(unknown(flag, &format!("events {command}")));
        }
    }
    check_trust(&given.trust)?;
    finish(known.0, given).map(Some)
}

/// The name of a flag among those that there are.
fn known(flag: &str) -> Option<&'static str> {
    let long = match flag {
        "-f" => "--follow",
        "-n" => "--count",
        "-s" => "--silent",
        "-j" => "--json",
        other => other,
    };
    let all = COMMANDS.iter().flat_map(|(_, _, flags)| flags.iter()).chain(CLIENT);
    all.copied().find(|name| *name == long)
}

fn take(arguments: &[String]) -> Result<Option<Given>, Usage> {
    let mut given = Given::default();
    let mut arguments = Arguments::new(arguments);
    while let Some(argument) = arguments.next() {
        let (flag, inline) = match argument {
            Argument::Operand(operand) => {
                given.operands.push(operand.to_owned());
                continue;
            }
            Argument::Flag("--help" | "-h", _) => return Ok(None),
            Argument::Flag(flag, inline) => (flag, inline),
        };
        let flag = known(flag).ok_or_else(|| unknown(flag, "events"))?;
        given.flags.push(flag);
        if !given.take_of_server(flag, inline, &mut arguments)? {
            given.take_of_client(flag, inline, &mut arguments)?;
        }
    }
    Ok(Some(given))
}

impl Given {
    fn take_of_server(
        &mut self,
        flag: &str,
        inline: Option<&str>,
        arguments: &mut Arguments<'_>,
    ) -> Result<bool, Usage> {
        match flag {
            "--listen" => self.listen.push(arguments.value(flag, inline)?),
            "--name" => self.names.push(arguments.value(flag, inline)?),
            "--registry" => self.registry = Some(arguments.value(flag, inline)?),
            "--store" => self.store = Some(arguments.value(flag, inline)?),
            "--replicas" => self.replicas = Some(arguments.number(flag, inline)?),
            "--store-ca" => self.store_authorities = Some(arguments.value(flag, inline)?),
            "--in-memory" => self.in_memory = switch(flag, inline)?,
            "--lost-with-the-machine" => self.lost_with_the_machine = switch(flag, inline)?,
            "--rate" => self.rate = Some(rate(&arguments.value(flag, inline)?)?),
            "--max-age" => self.max_age = Some(arguments.seconds(flag, inline)?),
            "--max-events" => self.max_events = Some(arguments.number(flag, inline)?),
            "--max-bytes" => self.max_bytes = Some(arguments.number(flag, inline)?),
            "--when-full" => self.refuses = when_full(&arguments.value(flag, inline)?)?,
            "--metrics" => self.metrics = Some(arguments.value(flag, inline)?),
            "--client-ca" => self.client_authorities = Some(arguments.value(flag, inline)?),
            "--workers" => self.workers = Some(arguments.number(flag, inline)?),
            "--drain" => self.drain = Some(arguments.seconds(flag, inline)?),
            "--cert" => self.pairs.certificates.push(arguments.value(flag, inline)?),
            "--key" => self.pairs.keys.push(arguments.value(flag, inline)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_of_client(
        &mut self,
        flag: &'static str,
        inline: Option<&str>,
        arguments: &mut Arguments<'_>,
    ) -> Result<(), Usage> {
        match flag {
            "--client" => self.client = Some(arguments.value(flag, inline)?),
            "--token-file" => self.token_file = Some(arguments.value(flag, inline)?),
            "--ca" => self.trust.roots = Some(arguments.value(flag, inline)?),
            "--pin" => self.trust.pins.push(pin(&arguments.value(flag, inline)?)?),
            "--insecure" => self.trust.insecure = switch(flag, inline)?,
            "--timeout" => self.timeout = Some(arguments.seconds(flag, inline)?),
            "--silent" => self.silent = switch(flag, inline)?,
            "--text" => self.text = Some(arguments.value(flag, inline)?),
            "--follow" => self.follow = switch(flag, inline)?,
            "--from" => self.from = Some(place(&arguments.value(flag, inline)?)?),
            "--count" => self.count = Some(arguments.number(flag, inline)?),
            "--subscription" => self.subscription = Some(arguments.value(flag, inline)?),
            "--to" => self.to = Some(arguments.value(flag, inline)?),
            "--json" => self.json = switch(flag, inline)?,
            "--size" => self.size = Some(arguments.number(flag, inline)?),
            "--publishers" => self.publishers = Some(arguments.number(flag, inline)?),
            "--consumers" => self.consumers = Some(arguments.number(flag, inline)?),
            "--in-flight" => self.in_flight = Some(arguments.number(flag, inline)?),
            other => return Err(unknown(other, "events")),
        }
        Ok(())
    }

    /// The operands: so many at least and at most.
    fn operands(&mut self, command: &str, least: usize, most: usize) -> Result<std::vec::IntoIter<String>, Usage> {
        let operands = std::mem::take(&mut self.operands);
        if (least..=most).contains(&operands.len()) {
            return Ok(operands.into_iter());
        }
        let what = match command {
            "token" => "CLIENT NAMESPACE RIGHTS",
            "serve" => "no operands",
            "queues" => "a URL, and a namespace if you like",
            "check" => "a URL, or --registry FILE, or both",
            _ => "a URL and a namespace",
        };
        Err(Usage(format!("events {command} needs {what}; see posthaste events --help")))
    }

    fn client(&mut self, url: String) -> Result<EventsClient, Usage> {
        let advice = "give both to show a certificate to a server that knows the client by it";
        let mut identities = std::mem::take(&mut self.pairs).together(advice)?;
        let identity = identities.pop();
        if !identities.is_empty() {
            return Err(Usage("a client shows one certificate: give --cert and --key once".into()));
        }
        Ok(EventsClient {
            url,
            client: self.client.take(),
            token_file: self.token_file.take(),
            trust: std::mem::take(&mut self.trust),
            identity,
            timeout: self.timeout.unwrap_or(Duration::from_secs(30)),
            silent: self.silent,
        })
    }
}

fn finish(command: &str, mut given: Given) -> Result<Events, Usage> {
    let (least, most) = match command {
        "serve" => (0, 0),
        "inject" => (2, usize::MAX),
        "queues" => (1, 2),
        "check" => (usize::from(given.registry.is_none()), 1),
        "token" => (3, 3),
        _ => (2, 2),
    };
    let mut operands = given.operands(command, least, most)?;
    let mut next = || operands.next().unwrap_or_default();
    match command {
        "serve" => return serve(given).map(Events::Serve),
        "token" => return Ok(Events::Token { client: next(), namespace: next(), rights: next() }),
        "check" => {
            let client = Some(next()).filter(|url| !url.is_empty()).map(|url| given.client(url)).transpose()?;
            return Ok(Events::Check { client, registry: given.registry });
        }
        _ => {}
    }
    let (client, namespace) = (given.client(next())?, next());
    let task = match command {
        "inject" => Task::Inject { namespace, files: operands.collect(), text: given.text },
        "tail" => {
            let (follow, from, count, subscription) = (given.follow, given.from, given.count, given.subscription);
            Task::Tail { namespace, follow, from, count, subscription }
        }
        "replay" => {
            let from = given.from.unwrap_or(Place::Earliest);
            Task::Replay { namespace, from, count: given.count, to: given.to }
        }
        "queues" => Task::Queues { namespace: Some(namespace).filter(|name| !name.is_empty()), json: given.json },
        _ => Task::Bench(bench(namespace, &given)?),
    };
    Ok(Events::Client(client, task))
}

/// Whether a store is servers of NATS, and no folder.
pub fn is_nats(store: &str) -> bool {
    ["nats://", "tls://"].iter().any(|scheme| store.starts_with(scheme))
}

fn serve(given: Given) -> Result<EventsServe, Usage> {
    let mut identities = given.pairs.together("give both, or neither for a development certificate")?;
    let identity = identities.pop();
    if !identities.is_empty() {
        return Err(Usage("events serve shows one certificate: give --cert and --key once".into()));
    }
    if given.in_memory && (given.store.is_some() || given.lost_with_the_machine) {
        return Err(Usage(
            "--in-memory keeps nothing: --store and --lost-with-the-machine have no place beside it".into(),
        ));
    }
    let is_nats = given.store.as_deref().is_some_and(is_nats);
    if given.store_authorities.is_some() && !given.store.as_deref().is_some_and(|store| store.starts_with("tls://")) {
        return Err(Usage("--store-ca judges servers of NATS: it goes with --store tls://HOST:PORT".into()));
    }
    if !is_nats && given.replicas.is_some() {
        return Err(Usage("--replicas are servers of NATS: it goes with --store nats://HOST:PORT".into()));
    }
    if is_nats && given.lost_with_the_machine {
        return Err(Usage(
            "--lost-with-the-machine is for a folder: when NATS syncs is a setting of its servers".into(),
        ));
    }
    let replicas = u32::try_from(given.replicas.unwrap_or(1)).ok().filter(|replicas| *replicas <= 5);
    let replicas = replicas.ok_or_else(|| Usage("--replicas is at most 5".into()))?;
    let workers =
        usize::try_from(given.workers.unwrap_or(1)).ok().filter(|workers| (1..=MAX_WORKERS).contains(workers));
    let workers = workers.ok_or_else(|| Usage(format!("--workers is a number from 1 to {MAX_WORKERS}")))?;
    let store = (!given.in_memory).then(|| given.store.unwrap_or_else(|| "events.store".into()));
    Ok(EventsServe {
        store,
        replicas,
        store_authorities: given.store_authorities,
        lost_with_the_machine: given.lost_with_the_machine,
        listen: if given.listen.is_empty() { vec!["127.0.0.1:4433".into()] } else { given.listen },
        identity,
        names: given.names,
        registry: given.registry,
        rate: given.rate.unwrap_or((0, 0)),
        max_age: given.max_age,
        max_events: given.max_events,
        max_bytes: given.max_bytes,
        refuses: given.refuses,
        metrics: given.metrics,
        client_authorities: given.client_authorities,
        workers,
        drain: given.drain.unwrap_or(Duration::from_secs(10)),
    })
}

fn bench(namespace: String, given: &Given) -> Result<Bench, Usage> {
    let at_most = |number: Option<u64>, default: u64, most: u64, flag: &str| match number.unwrap_or(default) {
        number if number <= most => Ok(number),
        _ => Err(Usage(format!("{flag} is at most {most}"))),
    };
    Ok(Bench {
        namespace,
        events: at_most(given.count, 10_000, 1_000_000_000, "-n")?,
        size: at_most(given.size, 200, 200_000, "--size")?,
        publishers: at_most(given.publishers, 1, 10_000, "--publishers")?,
        consumers: at_most(given.consumers, 1, 10_000, "--consumers")?,
        in_flight: at_most(given.in_flight, 256, 10_000, "--in-flight")?,
        json: given.json,
    })
}

fn place(text: &str) -> Result<Place, Usage> {
    let wrong = || {
        let text =
            format!("--from is earliest, latest, a sequence, or @SECONDS since 1970 such as @1700000000, not {text:?}");
        Usage(text)
    };
    match (text, text.strip_prefix('@')) {
        ("earliest", _) => Ok(Place::Earliest),
        ("latest", _) => Ok(Place::Latest),
        (_, Some(seconds)) => {
            let seconds: f64 = seconds.parse().map_err(|_| wrong())?;
            let time = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
            Ok(Place::Time(u64::try_from(time.as_millis()).map_err(|_| wrong())?))
        }
        (sequence, None) => sequence.parse().map(Place::Sequence).map_err(|_| wrong()),
    }
}

fn rate(text: &str) -> Result<(u32, u32), Usage> {
    let (rate, burst) = text.split_once('/').unwrap_or((text, text));
    match (rate.parse(), burst.parse()) {
        (Ok(rate), Ok(burst)) if rate > 0 && burst > 0 => Ok((rate, burst)),
        _ => Err(Usage(format!(
            "--rate is a number of events a second, and at once, such as 100 or 100/1000, not {text:?}"
        ))),
    }
}

fn when_full(text: &str) -> Result<bool, Usage> {
    match text {
        "drop" => Ok(false),
        "refuse" => Ok(true),
        other => Err(Usage(format!("--when-full is drop or refuse, not {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Events>, String> {
        let words: Vec<String> = line.split(' ').filter(|word| !word.is_empty()).map(String::from).collect();
        parse(&words).map_err(|usage| usage.0)
    }

    fn task(line: &str) -> Task {
        match parsed(line) {
            Ok(Some(Events::Client(_, task))) => task,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn each_command_has_its_options() {
        let Ok(Some(Events::Serve(serve))) = parsed("serve --rate 100/1000 --max-age 60 --when-full refuse") else {
            panic!()
        };
        assert_eq!((serve.rate, serve.max_age, serve.refuses), ((100, 1000), Some(Duration::from_secs(60)), true));
        assert_eq!((serve.store.as_deref(), serve.listen), (Some("events.store"), vec!["127.0.0.1:4433".to_owned()]));
        let Ok(Some(Events::Serve(serve))) = parsed("serve --in-memory --rate 5") else { panic!() };
        assert_eq!((serve.store, serve.rate, serve.workers), (None, (5, 5), 1));
        let Ok(Some(Events::Serve(serve))) = parsed("serve --workers 4 --store tls://a --store-ca f") else { panic!() };
        assert_eq!((serve.workers, serve.store_authorities.as_deref()), (4, Some("f")));
        assert_eq!(
            task("tail u n -f --from @1.5 -n 3"),
            Task::Tail {
                namespace: "n".into(),
                follow: true,
                from: Some(Place::Time(1500)),
                count: Some(3),
                subscription: None
            }
        );
        assert_eq!(
            task("replay u n --to m --from 7"),
            Task::Replay { namespace: "n".into(), from: Place::Sequence(7), count: None, to: Some("m".into()) }
        );
        assert_eq!(
            task("inject u n a b --text log"),
            Task::Inject { namespace: "n".into(), files: vec!["a".into(), "b".into()], text: Some("log".into()) }
        );
        assert_eq!(task("queues u --json"), Task::Queues { namespace: None, json: true });
        let Task::Bench(bench) = task("bench u n -n 5 --publishers 2 --consumers=3 --size 10 --in-flight 4") else {
            panic!()
        };
        assert_eq!((bench.events, bench.publishers, bench.consumers, bench.size, bench.in_flight), (5, 2, 3, 10, 4));
        assert_eq!(parsed("check --registry r"), Ok(Some(Events::Check { client: None, registry: Some("r".into()) })));
        for help in ["", "--help", "serve --help", "tail -h"] {
            assert_eq!(parsed(help), Ok(None), "{help}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (line, part) in [
            ("fly", "unknown command events fly"),
            ("serve x", "no operands"),
            ("serve --from 1", "unknown option --from for events serve"),
            ("serve --client a", "unknown option --client"),
            ("serve --in-memory --store d", "keeps nothing"),
            ("serve --cert c", "go together"),
            ("serve --replicas 3", "goes with --store nats://"),
            ("serve --store nats://a:1 --replicas 6", "at most 5"),
            ("serve --store nats://a:1 --lost-with-the-machine", "setting of its servers"),
            ("serve --rate 0", "such as 100"),
            ("serve --when-full wait", "drop or refuse"),
            ("tail u", "a URL and a namespace"),
            ("tail u n m", "a URL and a namespace"),
            ("tail u n --from soon", "--from is earliest"),
            ("tail u n --from @x", "--from is earliest"),
            ("inject u n --json", "unknown option --json for events inject"),
            ("bench u n --size 1000000", "at most 200000"),
            ("check", "--registry FILE"),
            ("token a b", "CLIENT NAMESPACE RIGHTS"),
            ("queues u --insecure --ca c", "contradict"),
            ("queues u --cert a --key b --cert c --key d", "once"),
        ] {
            match parsed(line) {
                Err(text) => assert!(text.contains(part), "{line}: {text}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}
