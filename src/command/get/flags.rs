//! The options of `posthaste get` that other programs of its kind have too, under their names and with their meaning: short ones, several
//! in one word, and long ones by either name.

use std::net::IpAddr; // and nothing of this program: the fuzzer takes this file alone
use std::time::Duration;

/// What these options ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Flags {
    /// Where the bodies go, the first for the first URL and so on; standard output for the rest.
    pub outputs: Vec<Output>,
    /// Each body goes to a file named after its URL.
    pub all_named: bool,
    /// The folder of these files.
    pub output_folder: Option<String>,
    /// Folders are made where they are missing.
    pub create_folders: bool,
    /// Where the heads of responses go beside.
    pub heads: Option<String>,
    /// How often in a row a redirect is followed.
    pub redirects: u32,
    /// The request's body, part by part.
    pub data: Vec<Part>,
    /// What it is, unless a field says so.
    pub content_type: Option<&'static str>,
    /// The data goes into the URL's query.
    pub data_in_query: bool,
    /// The answer is wanted as JSON.
    pub wants_json: bool,
    /// A file that is to be put at the URL.
    pub upload: Option<String>,
    /// Only the head is asked for, and printed.
    pub head: bool,
    /// What is asked and answered is told.
    pub verbose: bool,
    /// Nothing is told.
    pub silent: bool,
    /// Whether servers that QUIC does not reach are not asked by TCP.
    pub http3_only: bool,
    /// Whether keys are updated while the first body comes.
    pub key_update: bool,
    /// Whether it is told at the end what connections have counted.
    pub stats: bool,
    /// Errors are told all the same.
    pub show_error: bool,
    /// The body of an error is not written.
    pub fail: bool,
    /// Any complete response is a success.
    pub any_status: bool,
    /// Where to go on.
    pub resume: Option<Resume>,
    /// The part that is asked for.
    pub range: Option<String>,
    /// When a request is made again.
    pub retry: Retry,
    /// Hosts whose addresses are known.
    pub resolve: Vec<(String, u16, Vec<IpAddr>)>,
    /// What is written after each transfer.
    pub write_out: Option<String>,
    /// How progress is shown.
    pub meter: Meter,
    /// How many transfers there may be at a time.
    pub parallel: Option<usize>,
    /// Where the report for programs goes.
    pub report: Option<String>,
    /// Name and password.
    pub user: Option<String>,
    /// The field User-Agent.
    pub user_agent: Option<String>,
    /// The field Referer.
    pub referer: Option<String>,
    /// The file of alternative services.
    pub alt_svc: Option<String>,
    /// The first failure ends all.
    pub fail_early: bool,
    /// The proxy that all goes through.
    pub proxy: Option<String>,
    /// Who vouches for it, if not who vouches for servers.
    pub proxy_roots: Option<String>,
    /// Whether it is believed whatever it shows.
    pub proxy_insecure: bool,
}

/// Where a body goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To this file; `-` is standard output.
    File(String),
    /// To a file named after its URL.
    Named,
}

/// A part of a request's body.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As it is.
    Text(String),
    /// What is in a file; `-` is standard input.
    File {
        /// Which.
        name: String,
        /// Line ends are left out.
        strips: bool,
    },
}

/// Where a transfer goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resume {
    /// Where the file ends that is there.
    WhereItEnds,
    /// Behind so many bytes.
    At(u64),
}

/// When a request is made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// How often at most.
    pub times: u32,
    /// How long is waited each time; if it is not said, a second, and each time twice as long.
    pub delay: Option<Duration>,
    /// No more after this time.
    pub within: Duration,
    /// After any error, whatever the method.
    pub all_errors: bool,
}

/// How progress is shown, on a terminal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meter {
    /// For files that take long.
    WhereItHelps,
    /// Always, as a bar.
    Bar,
    /// Never.
    None,
}

impl Default for Flags {
    fn default() -> Flags {
        Flags {
            outputs: Vec::new(),
            all_named: false,
            output_folder: None,
            create_folders: false,
            heads: None,
            redirects: 0,
            data: Vec::new(),
            content_type: None,
            data_in_query: false,
            wants_json: false,
            upload: None,
            head: false,
            verbose: false,
            silent: false,
            http3_only: false,
            key_update: false,
            stats: false,
            show_error: false,
            fail: false,
            any_status: false,
            resume: None,
            range: None,
            retry: Retry { times: 0, delay: None, within: Duration::MAX, all_errors: false },
            resolve: Vec::new(),
            write_out: None,
            meter: Meter::WhereItHelps,
            parallel: None,
            report: None,
            user: None,
            user_agent: None,
            referer: None,
            alt_svc: None,
            fail_early: false,
            proxy: None,
            proxy_roots: None,
            proxy_insecure: false,
        }
    }
}

/// How many redirects are followed in a row, if nothing is said of that.
const REDIRECTS: u32 = 50;
/// How many transfers there are at a time with `--parallel`, and at most.
const PARALLEL: usize = 50;
const MOST_PARALLEL: usize = 300;

/// Short options, and the long ones that they stand for.
const SHORT: &[(char, &str)] = &[
    ('o', "--output"),
    ('O', "--remote-name"),
    ('L', "--location"),
    ('H', "--header"),
    ('d', "--data"),
    ('X', "--method"),
    ('I', "--head"),
    ('i', "--include"),
    ('v', "--verbose"),
    ('s', "--silent"),
    ('S', "--show-error"),
    ('f', "--fail"),
    ('k', "--insecure"),
    ('T', "--upload-file"),
    ('C', "--continue-at"),
    ('r', "--range"),
    ('m', "--max-time"),
    ('w', "--write-out"),
    ('#', "--progress-bar"),
    ('Z', "--parallel"),
    ('A', "--user-agent"),
    ('e', "--referer"),
    ('u', "--user"),
    ('G', "--get"),
    ('D', "--dump-header"),
    ('E', "--cert"),
    ('h', "--help"),
    ('N', "--no-buffer"),
    ('g', "--globoff"),
    ('q', "--disable"),
    // Those that are not there are refused by their names.
    ('b', "--cookie"),
    ('c', "--cookie-jar"),
    ('F', "--form"),
    ('x', "--proxy"),
    ('U', "--proxy-user"),
    ('K', "--config"),
    ('n', "--netrc"),
    ('J', "--remote-header-name"),
    ('R', "--remote-time"),
    ('z', "--time-cond"),
    ('4', "--ipv4"),
    ('6', "--ipv6"),
    ('V', "--version"),
];

/// Long options by two names: what others call them, and what they are called here.
const ALIASES: &[(&str, &str)] = &[
    ("--request", "--method"),
    ("--cacert", "--ca"),
    ("--show-headers", "--include"),
    ("--data-ascii", "--data"),
    ("--url", "--url"),
];

/// Long options of `get` with a value, so that the value is not taken for an option.
const VALUED: &[&str] = &[
    "--ca",
    "--crl",
    "--pin",
    "--cert",
    "--key",
    "--out",
    "--header",
    "--method",
    "--quic-version",
    "--ticket-file",
    "--connect-timeout",
    "--first-byte-timeout",
    "--idle-timeout",
    "--max-time",
    "--key-log",
    "--qlog",
    "--congestion-control",
    "--qpack-table",
    "--output",
    "--output-dir",
    "--dump-header",
    "--max-redirs",
    "--data",
    "--data-raw",
    "--data-binary",
    "--data-urlencode",
    "--json",
    "--upload-file",
    "--continue-at",
    "--range",
    "--retry",
    "--retry-delay",
    "--retry-max-time",
    "--resolve",
    "--write-out",
    "--parallel-max",
    "--json-report",
    "--user",
    "--user-agent",
    "--referer",
    "--alt-svc",
    "--proxy",
    "--proxy-cacert",
    "--url",
];

/// Options that others have and this program has not, and what to do instead.
const ABSENT: &[(&str, &str)] = &[
    (
        "--cookie",
        "cookies are left out on purpose: nothing is kept between requests; send one with -H 'cookie: name=value'",
    ),
    ("--cookie-jar", "cookies are left out on purpose: nothing is kept between requests"),
    (
        "--form",
        "forms of several parts are not made here: make the body with another program, and send it with --data-binary @FILE",
    ),
    ("--proxy-user", "proxies are asked without a password"),
    ("--config", "there are no files of options: write them into a script"),
    ("--netrc", "passwords are not looked up: give one with -u NAME:PASSWORD"),
    ("--remote-header-name", "a server does not choose the name of a file: -O takes it from the URL, -o FILE gives it"),
    ("--remote-time", "files have the time at which they were written"),
    ("--time-cond", "send a condition yourself, with -H 'if-modified-since: DATE'"),
    ("--ipv4", "give the address with --resolve HOST:PORT:ADDRESS"),
    ("--ipv6", "give the address with --resolve HOST:PORT:ADDRESS"),
    ("--compressed", "content codings are not taken apart: what the server sends is written as it is"),
    ("--limit-rate", "there is no limit of the rate"),
    ("--http1.0", "HTTP/1.1 is the oldest that is spoken here, with servers that QUIC does not reach"),
    ("--http1.1", "HTTP/3 comes first; HTTP/1.1 is spoken with servers that QUIC does not reach"),
    ("--http2", "HTTP/3 comes first; HTTP/2 is spoken with servers that QUIC does not reach"),
    ("--version", "ask for it with: posthaste --version"),
];

/// Options that mean what happens anyway.
const IDLE: &[&str] = &["--no-buffer", "--globoff", "--disable", "--http3", "--compressed-ssh", "--tlsv1.3"];

/// Each option as a long one, by the name that it has here, in one word with its value.
///
/// # Errors
/// A short option is not known, or has no value and needs one.
pub fn expand(arguments: &[String]) -> Result<Vec<String>, String> {
    let mut expanded = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            expanded.push(argument.clone());
            expanded.extend(rest.cloned());
            break;
        }
        if let Some(cluster) =
            argument.strip_prefix('-').filter(|cluster| !cluster.is_empty() && !cluster.starts_with('-'))
        {
            expand_short(cluster, &mut rest, &mut expanded)?;
        } else if argument.starts_with("--") {
            let (flag, value) =
                argument.split_once('=').map_or((argument.as_str(), None), |(flag, value)| (flag, Some(value)));
            let flag = ALIASES.iter().find(|(other, _)| *other == flag).map_or(flag, |(_, own)| *own);
            let value = value.map(str::to_owned).or_else(|| VALUED.contains(&flag).then(|| rest.next().cloned())?);
            push(flag, value, &mut expanded);
        } else {
            expanded.push(argument.clone());
        }
    }
    Ok(expanded)
}

fn push(flag: &str, value: Option<String>, expanded: &mut Vec<String>) {
    match value {
        Some(url) if flag == "--url" => expanded.push(url),
        Some(value) => expanded.push(format!("{flag}={value}")),
        None => expanded.push(flag.to_owned()),
    }
}

fn expand_short<'a>(
    cluster: &str,
    rest: &mut impl Iterator<Item = &'a String>,
    expanded: &mut Vec<String>,
) -> Result<(), String> {
    let mut letters = cluster.chars();
    while let Some(letter) = letters.next() {
        let Some((_, flag)) = SHORT.iter().find(|(short, _)| *short == letter) else {
            return Err(format!("unknown option -{letter} for get; see posthaste get --help"));
        };
        if !VALUED.contains(flag) {
            push(flag, None, expanded);
            continue;
        }
        let attached = letters.as_str();
        let value = if attached.is_empty() { rest.next().cloned() } else { Some(attached.to_owned()) };
        let value = value.ok_or_else(|| format!("-{letter} ({flag}) needs a value"))?;
        push(flag, Some(value), expanded);
        return Ok(());
    }
    Ok(())
}

impl Flags {
    /// Takes an option and its value; false if it is none of these.
    ///
    /// # Errors
    /// Its value makes no sense, or the option is one that others have.
    pub fn take(&mut self, flag: &str, value: Option<&str>) -> Result<bool, String> {
        if let Some((_, instead)) = ABSENT.iter().find(|(absent, _)| *absent == flag) {
            return Err(format!("{flag} is not there: {instead}"));
        }
        if IDLE.contains(&flag) {
            return Ok(true);
        }
        let taken = match value {
            None => self.take_switch(flag),
            Some(value) => {
                self.take_data(flag, value)? || self.take_value(flag, value)? || self.take_text(flag, value)?
            }
        };
        if !taken && VALUED.contains(&flag) && value.is_none() {
            return Err(format!("{flag} needs a value"));
        }
        if !taken && value.is_some() && self.clone().take_switch(flag) {
            return Err(format!("{flag} takes no value"));
        }
        Ok(taken)
    }

    fn take_switch(&mut self, flag: &str) -> bool {
        match flag {
            "--remote-name" => self.outputs.push(Output::Named),
            "--remote-name-all" => self.all_named = true,
            "--create-dirs" => self.create_folders = true,
            "--location" => self.redirects = self.redirects.max(REDIRECTS),
            "--get" => self.data_in_query = true,
            "--head" => self.head = true,
            "--verbose" => self.verbose = true,
            "--silent" => (self.silent, self.meter) = (true, Meter::None),
            "--http3-only" => self.http3_only = true,
            "--proxy-insecure" => self.proxy_insecure = true,
            "--key-update" => self.key_update = true,
            "--stats" => self.stats = true,
            "--show-error" => self.show_error = true,
            "--fail" => self.fail = true,
            // It is so anyway.
            "--fail-with-body" => {}
            "--any-status" => self.any_status = true,
            "--fail-early" => self.fail_early = true,
            "--retry-all-errors" => self.retry.all_errors = true,
            // It is a failure to connect as any other.
            "--retry-connrefused" => {}
            "--progress-bar" => self.meter = Meter::Bar,
            "--no-progress-meter" => self.meter = Meter::None,
            "--parallel" => self.parallel = self.parallel.or(Some(PARALLEL)),
            _ => return false,
        }
        true
    }

    fn take_data(&mut self, flag: &str, value: &str) -> Result<bool, String> {
        const FORM: &str = "application/x-www-form-urlencoded";
        let file = value.strip_prefix('@');
        if file == Some("") && ["--data", "--data-binary", "--json"].contains(&flag) {
            return Err(format!("{flag} @ needs the name of a file, or - for standard input"));
        }
        let is_json = flag == "--json";
        let part = match (flag, file) {
            ("--data" | "--data-binary" | "--json", Some(name)) => {
                Part::File { name: name.to_owned(), strips: flag == "--data" }
            }
            // As it has always been here.
            ("--data" | "--data-binary", None) if value == "-" => {
                Part::File { name: value.to_owned(), strips: flag == "--data" }
            }
            ("--data" | "--data-binary" | "--data-raw" | "--json", _) => Part::Text(value.to_owned()),
            ("--data-urlencode", _) => Part::Text(urlencode(value)?),
            _ => return Ok(false),
        };
        if !self.data.is_empty() && !is_json {
            self.data.push(Part::Text("&".to_owned()));
        }
        self.data.push(part);
        self.content_type = Some(if is_json { "application/json" } else { FORM });
        self.wants_json |= is_json;
        Ok(true)
    }

    fn take_value(&mut self, flag: &str, value: &str) -> Result<bool, String> {
        let seconds = || {
            let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            seconds.ok_or_else(|| format!("{flag} needs a number of seconds, such as 0 or 2.5, not {value:?}"))
        };
        let number = || value.parse::<u32>().map_err(|_| format!("{flag} needs a number, not {value:?}"));
        match flag {
            "--max-redirs" => self.redirects = number()?,
            "--retry" => self.retry.times = number()?,
            "--retry-delay" => self.retry.delay = Some(seconds()?).filter(|delay| !delay.is_zero()),
            "--retry-max-time" => {
                self.retry.within = Some(seconds()?).filter(|time| !time.is_zero()).unwrap_or(Duration::MAX);
            }
            "--parallel-max" => {
                let many = usize::try_from(number()?).unwrap_or(usize::MAX);
                if !(1..=MOST_PARALLEL).contains(&many) {
                    return Err(format!("--parallel-max is a number from 1 to {MOST_PARALLEL}, not {value:?}"));
                }
                self.parallel = Some(many);
            }
            "--continue-at" if value == "-" => self.resume = Some(Resume::WhereItEnds),
            "--continue-at" => {
                let at = value.parse().map_err(|_| {
                    format!("--continue-at needs a number of bytes, or - for where the file ends, not {value:?}")
                })?;
                self.resume = Some(Resume::At(at));
            }
            "--range" => self.range = Some(range(value)?),
            "--resolve" => self.resolve.push(resolve(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_text(&mut self, flag: &str, value: &str) -> Result<bool, String> {
        let place = match flag {
            "--output-dir" => &mut self.output_folder,
            "--dump-header" => &mut self.heads,
            "--upload-file" => &mut self.upload,
            "--write-out" => &mut self.write_out,
            "--json-report" => &mut self.report,
            "--user" => &mut self.user,
            "--user-agent" => &mut self.user_agent,
            "--referer" => &mut self.referer,
            "--alt-svc" => &mut self.alt_svc,
            "--proxy" => &mut self.proxy,
            "--proxy-cacert" => &mut self.proxy_roots,
            "--output" => &mut None,
            _ => return Ok(false),
        };
        let may_be_empty = ["--write-out", "--user-agent", "--referer"].contains(&flag);
        if value.is_empty() && !may_be_empty {
            return Err(format!("{flag} needs a value"));
        }
        *place = Some(value.to_owned());
        if flag == "--output" {
            self.outputs.push(Output::File(value.to_owned()));
        }
        Ok(true)
    }

    /// Whether the options belong together, of which `others` are given besides.
    ///
    /// # Errors
    /// They contradict each other.
    pub fn check(&self, others: &Others, urls: usize) -> Result<(), String> {
        let is_body = !self.data.is_empty() && !self.data_in_query;
        let contradictions = [
            (
                others.has_folder && (!self.outputs.is_empty() || self.all_named),
                "--out DIR names all files after their URLs: leave out -o and -O",
            ),
            (self.outputs.len() > urls, "there are more -o and -O than URLs"),
            (
                self.head && (is_body || self.upload.is_some()),
                "-I asks for a head, and a request for that has no body: leave out one of them",
            ),
            (is_body && self.upload.is_some(), "-d and -T are both a body: give one of them"),
            (
                self.data_in_query && self.data.iter().any(|part| matches!(part, Part::File { .. })),
                "-G takes its data from the command line: a file does not go into a URL",
            ),
            (
                self.resume.is_some() && self.range.is_some(),
                "-C and -r both say which part is wanted: give one of them",
            ),
            (
                self.resume == Some(Resume::WhereItEnds) && !self.writes_files(others, urls),
                "-C - goes on where a file ends: name one with -o FILE, -O or --out DIR",
            ),
            (
                self.resume.is_some() && (is_body || self.upload.is_some()),
                "-C goes on with a download: leave out -d and -T",
            ),
            (self.fail && self.any_status, "--fail and --any-status contradict each other: give one of them"),
            (
                self.retry.times == 0 && (self.retry.delay.is_some() || self.retry.all_errors),
                "--retry-delay and --retry-all-errors need --retry N",
            ),
        ];
        match contradictions.iter().find(|(is_so, _)| *is_so) {
            Some((_, words)) => Err((*words).to_owned()),
            None => Ok(()),
        }
    }

    fn writes_files(&self, others: &Others, urls: usize) -> bool {
        let named = self.outputs.iter().filter(|output| **output != Output::File("-".into())).count();
        others.has_folder || self.all_named || named == urls
    }
}

/// What is given besides.
pub struct Others {
    /// `--out`.
    pub has_folder: bool,
}

/// `0-99`, `100-`, `-100`, or several of them with commas.
fn range(value: &str) -> Result<String, String> {
    let is_number = |text: &str| text.is_empty() || text.parse::<u64>().is_ok() && !text.starts_with('+');
    let is_one = |text: &str| match text.trim().split_once('-') {
        Some((from, to)) => is_number(from) && is_number(to) && !(from.is_empty() && to.is_empty()),
        None => false,
    };
    if value.split(',').all(is_one) {
        Ok(format!("bytes={value}"))
    } else {
        Err(format!("-r needs a range of bytes such as 0-99, 100- or -100 (the last 100), not {value:?}"))
    }
}

/// `HOST:PORT:ADDRESS[,ADDRESS]`.
fn resolve(value: &str) -> Result<(String, u16, Vec<IpAddr>), String> {
    let wrong = || format!("--resolve needs HOST:PORT:ADDRESS, as in example.org:443:192.0.2.1, not {value:?}");
    let mut parts = value.strip_prefix('+').unwrap_or(value).splitn(3, ':');
    let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    let bare = |text: &str| text.trim().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let addresses = addresses.split(',').map(bare).collect::<Result<Vec<IpAddr>, _>>().map_err(|_| wrong())?;
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_ascii_lowercase(), port, addresses)) }
}

/// `content`, `=content` or `name=content`, of which the content is percent-encoded.
fn urlencode(value: &str) -> Result<String, String> {
    let (name, content) = match value.find(['=', '@']) {
        Some(at) if value[at..].starts_with('@') => {
            return Err(
                "--data-urlencode takes its text from the command line: a file can be sent with --data-binary @FILE"
                    .into(),
            );
        }
        Some(at) => (&value[..at], &value[at + 1..]),
        None => ("", value),
    };
    let mut text = if name.is_empty() { String::new() } else { format!("{name}=") };
    for byte in content.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn expanded(line: &str) -> String {
        expand(&words(line)).unwrap().join(" ")
    }

    #[test]
    fn short_options_are_long_ones() {
        for (line, expected) in [
            ("-sSL u", "--silent --show-error --location u"),
            ("-o x u -O", "--output=x u --remote-name"),
            ("-ox -XPUT", "--output=x --method=PUT"),
            ("-sda=b", "--silent --data=a=b"),
            ("-d -x", "--data=-x"),
            ("-d @-", "--data=@-"),
            ("--header -X u", "--header=-X u"),
            ("--request PUT --cacert=c", "--method=PUT --ca=c"),
            ("--url u -", "u -"),
            ("-s -- -o", "--silent -- -o"),
            ("-C - -r 0-1", "--continue-at=- --range=0-1"),
            ("-w %{http_code}\\n", "--write-out=%{http_code}\\n"),
            ("--unknown x", "--unknown x"),
        ] {
            assert_eq!(expanded(line), expected, "{line}");
        }
        assert_eq!(expand(&words("-o")).unwrap_err(), "-o (--output) needs a value");
        assert!(expand(&words("-sY")).unwrap_err().contains("unknown option -Y"));
    }

    fn flags(line: &str) -> Result<Flags, String> {
        let mut flags = Flags::default();
        for argument in expand(&words(line))? {
            let (flag, value) =
                argument.split_once('=').map_or((argument.as_str(), None), |(flag, value)| (flag, Some(value)));
            if !flags.take(flag, value)? {
                return Err(format!("unknown {flag}"));
            }
        }
        flags.check(&Others { has_folder: false }, 1).map(|()| flags)
    }

    #[test]
    fn all_together() {
        let found = flags("-o x --output-dir d --create-dirs -D h --location --max-redirs 3 -d a=b --data-binary @f -d@- -v -sS -f -r 0-9,20- --retry 4 --retry-delay 2.5 --retry-max-time 60 --retry-all-errors --resolve +A.example:443:192.0.2.1,[::1] -w x -Z --parallel-max 9 --json-report r -u n:p -A agent -e from --alt-svc s --fail-early --http3 -N").unwrap();
        let expected = Flags {
            outputs: vec![Output::File("x".into())],
            output_folder: Some("d".into()),
            create_folders: true,
            heads: Some("h".into()),
            redirects: 3,
            data: vec![
                Part::Text("a=b".into()),
                Part::Text("&".into()),
                Part::File { name: "f".into(), strips: false },
                Part::Text("&".into()),
                Part::File { name: "-".into(), strips: true },
            ],
            content_type: Some("application/x-www-form-urlencoded"),
            verbose: true,
            silent: true,
            show_error: true,
            fail: true,
            range: Some("bytes=0-9,20-".into()),
            retry: Retry {
                times: 4,
                delay: Some(Duration::from_millis(2500)),
                within: Duration::from_secs(60),
                all_errors: true,
            },
            resolve: vec![("a.example".into(), 443, vec!["192.0.2.1".parse().unwrap(), "::1".parse().unwrap()])],
            write_out: Some("x".into()),
            meter: Meter::None,
            parallel: Some(9),
            report: Some("r".into()),
            user: Some("n:p".into()),
            user_agent: Some("agent".into()),
            referer: Some("from".into()),
            alt_svc: Some("s".into()),
            fail_early: true,
            ..Flags::default()
        };
        assert_eq!(found, expected);
        assert_eq!(flags("-L").unwrap().redirects, REDIRECTS);
        assert_eq!(flags("--json {}").unwrap().content_type, Some("application/json"));
        assert_eq!(flags("--data-urlencode n=a&ä").unwrap().data, [Part::Text("n=a%26%C3%A4".into())]);
        assert_eq!(flags("-d ").unwrap().data, [Part::Text(String::new())], "an empty body is a body");
    }

    #[test]
    fn every_mistake_says_what_to_do() {
        for (line, words) in [
            ("-b x", "cookies are left out on purpose"),
            ("-F a=b", "--data-binary @FILE"),
            ("--compressed", "as it is"),
            ("--http1.1", "HTTP/3 comes first"),
            ("-r x", "0-99, 100- or -100"),
            ("-r -", "0-99"),
            ("--resolve a:443", "HOST:PORT:ADDRESS"),
            ("--resolve a:0:::1", "HOST:PORT:ADDRESS"),
            ("-C x", "or - for where the file ends"),
            ("-C -", "name one with -o FILE"),
            ("-C 1 -r 1-", "give one of them"),
            ("--retry x", "needs a number"),
            ("--retry-delay 1", "need --retry N"),
            ("--parallel-max 0", "from 1 to 300"),
            ("-o x -O", "more -o and -O than URLs"),
            ("-I -d x", "has no body"),
            ("-T f -d x", "both a body"),
            ("-G -d @f", "does not go into a URL"),
            ("-f --any-status", "contradict"),
            ("-d @", "name of a file"),
            ("--output=", "needs a value"),
            ("--silent=x", "takes no value"),
            ("--data-urlencode a@b", "--data-binary @FILE"),
        ] {
            match flags(line) {
                Err(text) => assert!(text.contains(words), "{line}: {text}"),
                Ok(flags) => panic!("{line}: {flags:?}"),
            }
        }
    }
}
