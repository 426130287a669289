//! What is measured, and how: the words of the command line.

use crate::stack::{self, Stack};

/// How it is measured.
pub struct Settings {
    /// Rounds; the table shows medians.
    pub rounds: usize,
    /// Bytes of a bulk transfer.
    pub bytes: u64,
    /// Requests at one in flight; eight times as many where there are more.
    pub requests: u64,
    /// Full handshakes.
    pub handshakes: u64,
    /// The larger number of idle connections.
    pub idle: u64,
    /// Cores of client and server.
    pub cores: (usize, usize),
    /// Whether our client also meets each other server, and each other client ours.
    pub crossed: bool,
    /// Rows whose name contains one of these; all if there is none.
    pub only: Vec<String>,
    /// Lines.
    pub stacks: Vec<Stack>,
    /// Whether the lines are two builds of ours, before and after a change, and what counts is how they differ.
    pub is_pair: bool,
    /// Whether our server also tells who holds the memory of idle connections.
    pub census: bool,
    /// Whether instructions are counted instead of all this.
    pub instructions: bool,
    /// Whether sessions are measured instead.
    pub sessions: bool,
    /// Datagrams of one measurement.
    pub datagrams: u64,
    /// Whether only the names of what can be measured are told.
    pub lists: bool,
}

impl Settings {
    /// Panics with what is wrong.
    pub fn parse(words: &[&str]) -> Settings {
        let short = words.contains(&"short");
        for word in words.iter().filter(|word| !FLAGS.contains(word)) {
            let key = word.split_once('=').map(|(key, _)| key);
            assert!(
                key.is_some_and(|key| KEYS.contains(&key)),
                "{word}: not one of {FLAGS:?}, nor KEY=VALUE of {KEYS:?}"
            );
        }
        let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let number = |key: &str, (full, quick): (u64, u64)| {
            value(key).map_or(if short { quick } else { full }, |word| word.parse().expect("a number"))
        };
        let list = |key: &str| value(key).map(|names| names.split(',').map(str::to_owned).collect::<Vec<_>>());
        let builds = value("before").zip(value("after"));
        let is_pair = value("before").is_some() || value("after").is_some();
        assert!(builds.is_some() == is_pair, "before= and after= belong together");
        let stacks = match (builds, list("stacks")) {
            (Some((before, after)), _) => vec![Stack::build("before", before), Stack::build("after", after)],
            (None, None) => stack::ALL.to_vec(),
            (None, Some(names)) => {
                let of = |name: &String| stack::by_name(name).unwrap_or_else(|| panic!("no stack {name}"));
                names.iter().map(of).cloned().collect()
            }
        };
        Settings {
            rounds: number("rounds", (if is_pair && !words.contains(&"instructions") { 7 } else { 5 }, 3)) as usize,
            bytes: number("megabytes", (1000, 300)) * 1_000_000,
            requests: number("requests", (20_000, 4_000)),
            handshakes: number("handshakes", (2_000, 500)),
            idle: number("idle", (10_000, 1_000)),
            cores: (number("client-core", (0, 0)) as usize, number("server-core", (1, 1)) as usize),
            crossed: words.contains(&"crossed") || value("crossed") == Some("1"),
            only: list("only").unwrap_or_default(),
            stacks,
            is_pair,
            census: words.contains(&"census"),
            instructions: words.contains(&"instructions"),
            sessions: words.contains(&"sessions"),
            datagrams: number("datagrams", (500_000, 100_000)),
            lists: words.contains(&"list"),
        }
    }
}

impl Settings {
    /// Whether this row is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word))
    }

    /// Ends the program if a word of `only=` is in no name, and tells the names: the rest alone would look like all that was asked
    /// for. Prints them and ends if that is all that is wanted.
    pub fn check_only<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let names: Vec<&str> = names.collect();
        let list = || names.iter().map(|name| format!("\n  {name}")).collect::<String>();
        if self.lists {
            println!("only= takes words out of these names, with commas between them:{}", list());
            std::process::exit(0);
        }
        if let Some(word) = unknown(&self.only, &names) {
            eprintln!("only={word}: in none of these names:{}", list());
            std::process::exit(2);
        }
    }
}

/// The first word that is in no name.
fn unknown<'a>(only: &'a [String], names: &[&str]) -> Option<&'a str> {
    only.iter().map(String::as_str).find(|word| !names.iter().any(|name| name.contains(word)))
}

const FLAGS: [&str; 6] = ["short", "crossed", "census", "instructions", "sessions", "list"];
const KEYS: [&str; 13] = [
    "before",
    "after",
    "rounds",
    "megabytes",
    "requests",
    "datagrams",
    "handshakes",
    "idle",
    "client-core",
    "server-core",
    "crossed",
    "only",
    "stacks",
];

#[cfg(test)]
mod tests {
    use super::{Settings, unknown};
    use crate::rows::rows;

    #[test]
    fn a_word_that_is_in_no_name_is_found() {
        let settings = Settings::parse(&["only=download,handshakes,idle", "idle=5"]);
        let rows = rows(&settings);
        let names: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
        assert_eq!(unknown(&settings.only, &names), None);
        assert!(settings.wants("resumed handshakes, 8 in flight") && !settings.wants("upload, HTTP/3"));
        for (only, word) in
            [("only=bulk", "bulk"), ("only=download,Upload", "Upload"), ("only=requests,download,h3", "h3")]
        {
            assert_eq!(unknown(&Settings::parse(&[only]).only, &names), Some(word));
        }
    }
}
