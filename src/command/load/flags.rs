//! The options of `posthaste load` that other programs of its kind have too, under their names and with their meaning.

use std::time::Duration; // and nothing of this program: the fuzzer takes this file alone

/// What these options ask for.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Flags {
    /// Until when requests are begun; without it their number counts.
    pub duration: Option<Duration>,
    /// Requests in a second, begun whether those before are answered or not.
    pub rate: Option<f64>,
    /// How long requests are sent before any is counted.
    pub warm_up: Duration,
    /// Requests on a connection at a time.
    pub streams: Option<u64>,
    /// The method.
    pub method: Option<String>,
    /// Fields to send.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Body>,
    /// A file of requests that are sent in turn.
    pub replay: Option<String>,
    /// The report is for programs.
    pub json: bool,
    /// Nothing is told meanwhile.
    pub silent: bool,
    /// The number of requests was said.
    pub has_number: bool,
    /// So was how many are under way.
    pub has_concurrency: bool,
}

/// A request body.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// As it is.
    Text(String),
    /// What is in a file.
    File(String),
}

/// Short options, and the long ones that they stand for.
const SHORT: &[(char, &str)] = &[
    ('n', "--requests"),
    ('c', "--concurrency"),
    ('z', "--duration"),
    ('D', "--duration"),
    ('q', "--rate"),
    ('r', "--rate"),
    ('m', "--streams"),
    ('X', "--method"),
    ('H', "--header"),
    ('d', "--data"),
    ('t', "--timeout"),
    ('k', "--insecure"),
    ('j', "--json"),
    ('s', "--silent"),
    ('h', "--help"),
];

/// What others call these options.
const ALIASES: &[(&str, &str)] = &[
    ("--request", "--method"),
    ("--cacert", "--ca"),
    ("--qps", "--rate"),
    ("--warm-up-time", "--warm-up"),
    ("--max-concurrent-streams", "--streams"),
    ("--clients", "--connections"),
    ("--input-file", "--replay"),
    ("--body", "--data"),
];

/// Options with a value, so that the value is not taken for an option.
const VALUED: &[&str] = &[
    "--requests",
    "--concurrency",
    "--connections",
    "--duration",
    "--rate",
    "--warm-up",
    "--streams",
    "--method",
    "--header",
    "--data",
    "--replay",
    "--timeout",
    "--migrate",
    "--ca",
    "--crl",
    "--qlog",
    "--congestion-control",
    "--qpack-table",
];

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
        let short = argument.strip_prefix('-').filter(|short| !short.is_empty() && !short.starts_with('-'));
        let (flag, attached) = match short.map(|short| (short, short.chars().next().unwrap_or_default())) {
            Some((short, letter)) => {
                let known = SHORT.iter().find(|(name, _)| *name == letter).map(|(_, flag)| *flag);
                let flag =
                    known.ok_or_else(|| format!("unknown option -{letter} for load; see posthaste load --help"))?;
                let attached = &short[letter.len_utf8()..];
                (flag, if attached.is_empty() { None } else { Some(attached) })
            }
            None if !argument.starts_with("--") => {
                expanded.push(argument.clone());
                continue;
            }
            None => argument.split_once('=').map_or((argument.as_str(), None), |(flag, value)| (flag, Some(value))),
        };
        let flag = ALIASES.iter().find(|(other, _)| *other == flag).map_or(flag, |(_, own)| *own);
        let value = attached.map(str::to_owned).or_else(|| VALUED.contains(&flag).then(|| rest.next().cloned())?);
        expanded.push(value.map_or_else(|| flag.to_owned(), |value| format!("{flag}={value}")));
    }
    Ok(expanded)
}

impl Flags {
    /// Takes an option and its value; false if it is none of these.
    ///
    /// # Errors
    /// Its value makes no sense.
    pub fn take(&mut self, flag: &str, value: Option<&str>) -> Result<bool, String> {
        match (flag, value) {
            ("--json", None) => self.json = true,
            ("--silent" | "--no-tui", None) => self.silent = true,
            ("--json" | "--silent" | "--no-tui", Some(_)) => return Err(format!("{flag} takes no value")),
            (_, None) if VALUED.contains(&flag) => return Err(format!("{flag} needs a value")),
            ("--duration", Some(value)) => self.duration = Some(duration(flag, value)?),
            ("--warm-up", Some(value)) => self.warm_up = duration(flag, value)?,
            ("--rate", Some(value)) => {
                let rate =
                    value.parse().ok().filter(|rate: &f64| rate.is_finite() && (0.001..=10_000_000.0).contains(rate));
                let wrong =
                    || format!("--rate needs a number of requests in a second, from 0.001 to 10000000, not {value:?}");
                self.rate = Some(rate.ok_or_else(wrong)?);
            }
            ("--streams", Some(value)) => {
                let streams = value.parse().ok().filter(|streams| *streams > 0);
                self.streams =
                    Some(streams.ok_or_else(|| format!("--streams needs a number, at least 1, not {value:?}"))?);
            }
            ("--method", Some(value)) => self.method = Some(value.to_owned()),
            ("--header", Some(value)) => self.headers.push(header(value)?),
            ("--data", Some(value)) => self.body = Some(body(value)?),
            ("--replay", Some(value)) if !value.is_empty() => self.replay = Some(value.to_owned()),
            ("--replay", Some(_)) => return Err("--replay needs the name of a file of requests".into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether the options belong together.
    ///
    /// # Errors
    /// They contradict each other.
    pub fn check(&self) -> Result<(), String> {
        let is_replay = self.replay.is_some();
        let has_request = self.method.is_some() || self.body.is_some();
        let contradictions = [
            (
                self.has_number && self.duration.is_some(),
                "--requests and --duration both say when to end: give one of them",
            ),
            (is_replay && has_request, "--replay takes method and body from its file: leave out -X and -d"),
            (
                self.streams.is_some() && self.has_concurrency,
                "--streams says how many requests each connection has at a time, and --concurrency how many there are in all: give one of them",
            ),
            (self.duration.is_some_and(|duration| duration.is_zero()), "--duration needs more than 0 seconds"),
        ];
        match contradictions.iter().find(|(is_so, _)| *is_so) {
            Some((_, words)) => Err((*words).to_owned()),
            None => Ok(()),
        }
    }
}

/// `10`, `10s`, `1.5m`, `200ms` or `2h`.
fn duration(flag: &str, value: &str) -> Result<Duration, String> {
    let (number, unit) = value.split_at(value.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(value.len()));
    let unit = match unit {
        "" | "s" => Some(1.0),
        "ms" => Some(0.001),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let seconds = number.parse::<f64>().ok().zip(unit).map(|(number, unit)| number * unit);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let duration = duration.filter(|duration| *duration <= Duration::from_secs(7 * 86_400));
    duration.ok_or_else(|| format!("{flag} needs a time such as 10s, 1.5m or 200ms, a week at most, not {value:?}"))
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("--header needs 'name: value', not {text:?}")),
    }
}

fn body(value: &str) -> Result<Body, String> {
    match value.strip_prefix('@') {
        Some("") => Err("--data @ needs the name of a file".into()),
        Some(file) => Ok(Body::File(file.to_owned())),
        None => Ok(Body::Text(value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> Result<Flags, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut flags = Flags::default();
        for argument in expand(&words)? {
            let (flag, value) =
                argument.split_once('=').map_or((argument.as_str(), None), |(flag, value)| (flag, Some(value)));
            if !flags.take(flag, value)? {
                return Err(format!("unknown {flag}"));
            }
        }
        flags.check().map(|()| flags)
    }

    #[test]
    fn all_together() {
        let found = flags("-z 1.5m -q1000.5 --warm-up=200ms -m 8 -XPUT -H a:b -d @f -j -s").unwrap();
        let expected = Flags {
            duration: Some(Duration::from_secs(90)),
            rate: Some(1000.5),
            warm_up: Duration::from_millis(200),
            streams: Some(8),
            method: Some("PUT".into()),
            headers: vec![("a".into(), "b".into())],
            body: Some(Body::File("f".into())),
            json: true,
            silent: true,
            ..Flags::default()
        };
        assert_eq!(found, expected);
        assert_eq!(
            expand(&["-n5".into(), "u".into(), "-k".into(), "--clients".into(), "2".into()]).unwrap(),
            ["--requests=5", "u", "--insecure", "--connections=2"]
        );
    }

    #[test]
    fn every_mistake_says_what_to_do() {
        for (line, words) in [
            ("-z soon", "such as 10s"),
            ("-z 0", "more than 0"),
            ("-z -1s", "such as 10s"),
            ("-z 9999h", "a week at most"),
            ("-q 0", "from 0.001"),
            ("-q nan", "from 0.001"),
            ("-m 0", "at least 1"),
            ("-H x", "name: value"),
            ("-d @", "name of a file"),
            ("--replay f -X PUT", "leave out -X"),
            ("--json=x", "takes no value"),
            ("-y", "unknown option -y"),
            ("-z", "needs a value"),
        ] {
            match flags(line) {
                Err(text) => assert!(text.contains(words), "{line}: {text}"),
                Ok(flags) => panic!("{line}: {flags:?}"),
            }
        }
        let number = Flags { has_number: true, duration: Some(Duration::from_secs(1)), ..Flags::default() };
        assert!(number.check().unwrap_err().contains("give one of them"));
    }
}
