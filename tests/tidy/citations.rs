//! Which requirement of which RFC is kept where, and which test shows it.
//!
//! `docs/conformance/rfcNNNN.tsv` has one row for each MUST and MUST NOT of an RFC, and for each lesser requirement that the
//! sources name: its number, its level, the rule in a few words of our own, and perhaps a state that no mark can express. A
//! number is the section and the place of the requirement among all normative sentences of that section, as in `4.1-2`.
//!
//! A mark is a comment that says `RFC 9000 section 4.1-2`, or several numbers of one RFC behind each other with commas. In
//! the product it stands where the rule is kept, in a test at the function that fails when it is not. A reference without
//! such a number is prose and means nothing here. From tables and marks comes `docs/conformance.md`.

use crate::source::{SourceFile, rust_files, workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The RFCs that have a table.
const RFCS: [(u16, &str); 24] = [
    (5280, "Certificates and revocation lists"),
    (6455, "WebSocket"),
    (7541, "HPACK"),
    (8441, "HTTP: CONNECT for other protocols"),
    (8470, "HTTP: early data"),
    (9000, "QUIC: transport"),
    (9001, "QUIC: TLS and packet protection"),
    (9002, "QUIC: loss detection and congestion control"),
    (9110, "HTTP: semantics"),
    (9112, "HTTP/1.1"),
    (9113, "HTTP/2"),
    (9114, "HTTP/3"),
    (9204, "QPACK"),
    (9218, "HTTP: priorities"),
    (9221, "Datagrams"),
    (9287, "QUIC: greasing the QUIC bit"),
    (9297, "HTTP: datagrams and capsules"),
    (9298, "HTTP: proxying UDP"),
    (9368, "QUIC: version negotiation"),
    (9369, "QUIC version 2"),
    (9846, "TLS 1.3"),
    (ACK_FREQUENCY, "Acknowledgments as the sender asks for them"),
    (RELIABLE_RESET, "Resets of streams behind a part that is delivered"),
    (WEBTRANSPORT, "WebTransport over HTTP/3"),
];

/// Drafts that have a table stand under a number that no RFC has. A mark names them in full.
const ACK_FREQUENCY: u16 = 65_000;
const RELIABLE_RESET: u16 = 65_001;
const WEBTRANSPORT: u16 = 65_002;
const DRAFTS: [(&str, u16); 3] = [
    ("draft-ietf-quic-ack-frequency", ACK_FREQUENCY),
    ("draft-ietf-quic-reliable-stream-reset", RELIABLE_RESET),
    ("draft-ietf-webtrans-http3", WEBTRANSPORT),
];

/// What a document is called, where an RFC is called by `rfc` and its number.
fn document(rfc: u16, of_rfc: &str) -> String {
    let draft = DRAFTS.iter().find(|(_, number)| *number == rfc);
    draft.map_or_else(|| format!("{of_rfc}{rfc}"), |(name, _)| (*name).to_owned())
}

/// Tests that look at everything at once: a broken rule fails them, but their names do not say which.
const AGGREGATES: [&str; 6] = [
    "h3/tests/bytes.rs",
    "h3/tests/faults.rs",
    "h3/tests/rogues.rs",
    "quic/tests/faults.rs",
    "quic/tests/injection/mutations.rs",
    "quic/tests/rogues.rs",
];

/// What a requirement can be.
const LEVELS: [&str; 5] = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"];

/// One requirement, and what was found about it.
struct Row {
    number: String,
    level: String,
    rule: String,
    state: State,
    places: BTreeSet<String>,
    tests: BTreeSet<String>,
    has_own_test: bool,
}

/// What a table says of a row that marks cannot say.
enum State {
    /// Nothing: the marks decide.
    Marked,
    /// Kept because nothing in this stack does what the rule forbids, or could do what it is about. There is no line to mark.
    ByAbsence(String),
    /// A rule for somebody else, or about something that this stack does not have.
    NotApplicable(String),
    /// Broken, and how.
    Violated(String),
}

impl State {
    fn parse(text: &str) -> Option<State> {
        let Some((word, reason)) = text.split_once(": ") else { return text.is_empty().then_some(State::Marked) };
        match word {
            "absent" => Some(State::ByAbsence(reason.to_owned())),
            "not applicable" => Some(State::NotApplicable(reason.to_owned())),
            "VIOLATED" => Some(State::Violated(reason.to_owned())),
            _ => None,
        }
    }
}

/// The columns of the table of counts, in its order.
const STATUSES: [&str; 7] =
    ["tested", "tested among others", "no test", "by absence", "not applicable", "VIOLATED", "no evidence"];

impl Row {
    fn status(&self) -> &'static str {
        match &self.state {
            State::Violated(_) => "VIOLATED",
            State::NotApplicable(_) => "not applicable",
            _ if self.has_own_test => "tested",
            _ if !self.tests.is_empty() => "tested among others",
            State::ByAbsence(_) => "by absence",
            State::Marked if !self.places.is_empty() => "no test",
            State::Marked => "no evidence",
        }
    }

    fn line(&self) -> String {
        let list = |items: &BTreeSet<String>| items.iter().cloned().collect::<Vec<_>>().join("<br>");
        let remark = match &self.state {
            State::Marked => String::new(),
            State::ByAbsence(reason) | State::NotApplicable(reason) | State::Violated(reason) => format!(": {reason}"),
        };
        let Row { number, level, rule, .. } = self;
        let (places, tests) = (list(&self.places), list(&self.tests));
        format!("| {number} | {level} | {rule} | {}{remark} | {places} | {tests} |\n", self.status())
    }
}

/// The requirements of one RFC, in the order of its text.
fn table(rfc: u16) -> Vec<Row> {
    let path = format!("docs/conformance/{}.tsv", document(rfc, "rfc"));
    let text = std::fs::read_to_string(workspace().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or("").to_owned();
        let (number, level, rule, state) = (next(), next(), next(), next());
        assert!(is_number(&number) && (LEVELS.contains(&level.as_str())), "{path}: {line}");
        assert!(!rule.is_empty() && !line.contains('|') && columns.next().is_none(), "{path}: {line}");
        let state = State::parse(&state).unwrap_or_else(|| panic!("{path}: {number} is in no state: {state}"));
        let (places, tests) = (BTreeSet::new(), BTreeSet::new());
        Row { number, level, rule, state, places, tests, has_own_test: false }
    });
    let rows: Vec<Row> = rows.collect();
    let numbers: BTreeSet<&str> = rows.iter().map(|row| row.number.as_str()).collect();
    assert!(rows.len() > 5 && numbers.len() == rows.len(), "{path} has each number once");
    rows
}

/// `4.1-2`: a section and a place in it.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-').is_some_and(|(section, place)| section.split('.').all(digits) && digits(place))
}

/// What a mark says.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    rfc: u16,
    numbers: Vec<String>,
}

/// The marks in a line, or what is wrong with one.
fn marks(line: &str) -> Result<Vec<Mark>, &'static str> {
    let Some(at) = line.find("//") else { return Ok(Vec::new()) };
    let line = DRAFTS.iter().fold(line.to_owned(), |line, (name, number)| line.replace(name, &format!("RFC {number}")));
    let mut marks = Vec::new();
    let mut parts = line[at..].split("RFC ").skip(1).peekable();
    while let Some(part) = parts.next() {
        let Some((rfc, rest)) = part.split_once(' ') else { continue };
        let Ok(rfc) = rfc.parse::<u16>() else { continue };
        let Some(list) = rest.strip_prefix("section ") else {
            let word = rest.split_whitespace().next().unwrap_or("");
            let word =
                word.trim_start_matches("sections").trim_start_matches('s').trim_end_matches([':', ',', '.', ';', ')']);
            if is_number(word) {
                return Err("a mark is written `RFC 9000 section 4.1-2`");
            }
            continue;
        };
        let (numbers, goes_on) = numbers(list);
        if goes_on && !numbers.is_empty() && parts.peek().is_none() {
            return Err("a mark ends in its line: begin the next one with `RFC 9000 section` again");
        }
        if !numbers.is_empty() {
            marks.push(Mark { rfc, numbers });
        }
    }
    Ok(marks)
}

/// The numbers at the start of a text, and whether it stops after a comma.
fn numbers(text: &str) -> (Vec<String>, bool) {
    let mut numbers = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches('.');
        if !is_number(word) {
            return (numbers, rest.trim().is_empty() && text.trim_end().ends_with(','));
        }
        numbers.push(word.to_owned());
        let Some(next) = rest[end..].strip_prefix(',') else { return (numbers, false) };
        rest = next.trim_start();
    }
}

/// An item that a mark can belong to.
#[derive(Clone)]
struct Item {
    indent: usize,
    kind: &'static str,
    name: String,
}

impl Item {
    /// What is declared in a line.
    fn of(line: &str) -> Option<Item> {
        let indent = indent(line);
        let mut rest = line.trim_start();
        if let Some((name, "")) = rest.split_once("! {") {
            return Some(Item { indent, kind: "macro", name: format!("{name}!") });
        }
        if rest.starts_with("impl") {
            return Some(Item { indent, kind: "impl", name: implemented(rest) });
        }
        if rest.starts_with("pub") {
            rest = rest.split_once(' ')?.1;
        }
        for prefix in ["const fn ", "async fn "] {
            if let Some(name) = rest.strip_prefix(prefix) {
                return Some(Item { indent, kind: "fn", name: word(name) });
            }
        }
        let kinds = ["fn", "struct", "enum", "const", "static", "trait", "mod", "type", "macro_rules!"];
        kinds.into_iter().find_map(|kind| {
            let name = rest.strip_prefix(kind)?.strip_prefix(' ')?;
            Some(Item { indent, kind, name: word(name) })
        })
    }

    /// Whether a mark inside it, but in none of its items, is about what follows the mark.
    fn is_container(&self) -> bool {
        ["impl", "mod", "trait", "macro_rules!"].contains(&self.kind)
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The type of `impl<T> Trait for Type<T> {`.
fn implemented(line: &str) -> String {
    let name = line.split_once(" for ").map_or_else(
        || {
            let rest = line.trim_start_matches("impl");
            let is_generic = rest.starts_with('<');
            if is_generic { rest.split_once("> ").map_or("", |(_, rest)| rest) } else { rest.trim_start() }
        },
        |(_, name)| name,
    );
    word(name)
}

/// The item that the comment in a line is about: the one around it, or the one behind it. `None` is the file itself.
fn item(lines: &[&str], at: usize) -> Option<(String, usize)> {
    if lines[at].trim_start().starts_with("//!") {
        return None;
    }
    if let Some(item) = Item::of(lines[at])
        && !item.is_container()
    {
        return Some((item.name, at));
    }
    let is_comment = lines[at].trim_start().starts_with("//");
    let depth = if is_comment { indent(lines[at]) } else { indent(lines[at]) + 1 };
    let mut around: Vec<(Item, usize)> = Vec::new();
    for (number, line) in lines.iter().enumerate().take(at) {
        let closes = line.trim_start().starts_with('}') || ["];", ");"].contains(&line.trim_start());
        if closes {
            around.retain(|(item, _)| item.indent < indent(line));
        } else if let Some(item) = Item::of(line) {
            around.retain(|(other, _)| other.indent < item.indent);
            around.push((item, number));
        }
    }
    around.retain(|(item, _)| item.indent < depth);
    let owner = around.iter().rev().find(|(item, _)| item.kind == "impl").map(|(item, _)| item.name.clone());
    let (name, number) = match around.iter().find(|(item, _)| !item.is_container()) {
        Some((item, number)) => (item.name.clone(), *number),
        None => {
            let behind = lines.iter().enumerate().skip(at + 1);
            let mut behind = behind.filter(|(_, line)| indent(line) == depth && !line.trim().is_empty());
            let (number, item) = behind.find_map(|(number, line)| Some((number, Item::of(line)?)))?;
            (item.name, number)
        }
    };
    Some((owner.map_or_else(|| name.clone(), |owner| format!("{owner}::{name}")), number))
}

/// Whether the function declared in a line is a test.
fn is_test(lines: &[&str], at: usize) -> bool {
    let before = lines[..at].iter().rev().map(|line| line.trim_start());
    before.take_while(|line| line.starts_with("#[") || line.starts_with("//")).any(|line| line == "#[test]")
}

/// Puts each mark of a file on the rows that it names.
fn collect(file: &SourceFile, tables: &mut BTreeMap<u16, Vec<Row>>) {
    let lines: Vec<&str> = file.text.lines().collect();
    let of_tests = lines.iter().position(|line| *line == "mod tests {").unwrap_or(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let place = format!("{}:{}", file.path, at + 1);
        for mark in marks(line).unwrap_or_else(|error| panic!("{place}: {error}: {line}")) {
            let in_test = !file.is_product() || at > of_tests;
            let item = item(&lines, at);
            let is_at_test = item.as_ref().is_some_and(|(_, number)| is_test(&lines, *number));
            assert!(!in_test || is_at_test, "{place}: a mark in a test file stands at a test: {line}");
            let name = item.map_or_else(|| format!("`{}`", file.path), |(name, _)| format!("`{}` {name}", file.path));
            let rows = tables.get_mut(&mark.rfc).unwrap_or_else(|| panic!("{place}: no table of RFC {}", mark.rfc));
            for number in mark.numbers {
                let row = rows.iter_mut().find(|row| row.number == number);
                let row = row.unwrap_or_else(|| panic!("{place}: RFC {} has no requirement {number}", mark.rfc));
                if in_test {
                    row.tests.insert(name.clone());
                    row.has_own_test |= !AGGREGATES.contains(&file.path.as_str());
                } else {
                    row.places.insert(name.clone());
                }
            }
        }
    }
}

/// The page, from the tables and the marks.
fn page(tables: &BTreeMap<u16, Vec<Row>>) -> String {
    let mut page = String::from(HEAD);
    for (rfc, _) in RFCS {
        let rows = &tables[&rfc];
        let (name, anchor) = (document(rfc, ""), document(rfc, "rfc-"));
        write!(page, "| [{name}](#{anchor}) | {} |", rows.len()).expect("strings take all");
        for status in STATUSES {
            let count = rows.iter().filter(|row| row.status() == status).count();
            write!(page, " {count} |").expect("strings take all");
        }
        page.push('\n');
    }
    for (rfc, title) in RFCS {
        write!(page, "\n## {}\n\n{title}.\n\n{COLUMNS}", document(rfc, "RFC ")).expect("strings take all");
        page.extend(tables[&rfc].iter().map(Row::line));
    }
    page
}

const HEAD: &str = "\
# What the RFCs demand, and where it is kept

<!-- This page is written by tests/tidy/citations.rs from docs/conformance/*.tsv and the marks in the sources. -->

Each row is one requirement: all of level MUST and MUST NOT are here, and those of a lesser level that the sources name.
Its number is the section and the place of the sentence among all normative sentences of that section. The words are ours;
the RFC has the exact ones. The places come from marks in the sources (`RFC 9000 section 4.1-2` in a comment), so a search
for such a mark finds both code and test.

- *tested*: kept, and a test by that name fails when it is not.
- *tested among others*: kept, and tests of everything at once would fail: random faults, hostile peers, changed bytes.
- *no test*: kept at the place named, and no test is known that would notice.
- *by absence*: nothing here could break it; the reason is given.
- *not applicable*: a rule for others, or about something that this stack does not have.
- *VIOLATED*: not kept, and in what way.
- *no evidence*: nobody has looked, or nothing was found.

| RFC | all | tested | tested among others | no test | by absence | not applicable | VIOLATED | no evidence |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

const COLUMNS: &str =
    "| number | level | rule | status | kept in | shown by |\n| --- | --- | --- | --- | --- | --- |\n";

#[test]
fn every_requirement_says_where_it_is_kept_and_what_shows_it() {
    let mut tables: BTreeMap<u16, Vec<Row>> = RFCS.iter().map(|(rfc, _)| (*rfc, table(*rfc))).collect();
    // This check itself shows what marks look like.
    for file in rust_files().iter().filter(|file| !file.path.starts_with("tests/tidy/")) {
        collect(file, &mut tables);
    }
    for (rfc, row) in tables.iter().flat_map(|(rfc, rows)| rows.iter().map(move |row| (rfc, row))) {
        let is_out = matches!(row.state, State::NotApplicable(_));
        let is_marked = !row.places.is_empty() || !row.tests.is_empty();
        assert!(!is_out || !is_marked, "RFC {rfc} section {} is not applicable, but marked", row.number);
        let is_absent = matches!(row.state, State::ByAbsence(_));
        assert!(
            !is_absent || row.places.is_empty(),
            "RFC {rfc} section {} is kept by code, not by absence",
            row.number
        );
    }
    let (path, expected) = (workspace().join("docs/conformance.md"), page(&tables));
    if std::env::var_os("POSTHASTE_WRITE_CONFORMANCE").is_some() {
        std::fs::write(&path, &expected).expect("docs/conformance.md can be written");
    } else {
        let is_current = std::fs::read_to_string(&path).is_ok_and(|page| page == expected);
        assert!(
            is_current,
            "docs/conformance.md is not what the marks say; run: POSTHASTE_WRITE_CONFORMANCE=1 cargo test --test tidy"
        );
    }
}

#[test]
fn marks_are_told_from_prose() {
    let found = |line: &str| marks(line).map(|marks| marks.into_iter().map(|mark| (mark.rfc, mark.numbers)).collect());
    let is_mark = |line: &str, rfc: u16, numbers: &[&str]| {
        let numbers = numbers.iter().map(|number| (*number).to_owned()).collect();
        assert_eq!(found(line), Ok(vec![(rfc, numbers)]), "{line}");
    };
    is_mark("// RFC 9000 section 4.1-2: because", 9000, &["4.1-2"]);
    is_mark("    /// Why (RFC 9114 section 7.2.4-1, 10.8-1).", 9114, &["7.2.4-1", "10.8-1"]);
    is_mark("let a = 1; // RFC 9204 section 2.1-2", 9204, &["2.1-2"]);
    is_mark("// RFC 9000 section 4-1, as section 5 says", 9000, &["4-1"]);
    is_mark("// RFC 9001 section 8.1-6, RFC 7301 s3.2: none", 9001, &["8.1-6"]);
    is_mark("// draft-ietf-quic-reliable-stream-reset section 5.2-7: kept", RELIABLE_RESET, &["5.2-7"]);
    for prose in
        ["// RFC 9000 section 4.1", "// RFC 9000 s4.1: no", "// RFC 9000 sections 4 and 5", "RFC 9000 section 4-1"]
    {
        assert_eq!(found(prose), Ok(Vec::new()), "{prose}");
    }
    for wrong in
        ["// RFC 9000 s4.1-2: no", "// RFC 9000 4.1-2", "// RFC 9000 section 4.1-1,", "// RFC 9000 section 4-1, "]
    {
        assert!(marks(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn marks_belong_to_what_is_around_or_behind_them() {
    let text = "\
//! RFC 9000 section 1-1
const A: u8 = 1;

/// RFC 9000 section 1-2
#[derive(Debug)]
pub struct B {
    // RFC 9000 section 1-3
    a: u8,
}

impl<T> From<T> for B {
    /// RFC 9000 section 1-4
    pub(crate) const fn c(
        a: u8,
    ) -> u8 {
        // RFC 9000 section 1-5
        a
    }
    // RFC 9000 section 1-6

    fn d() {} // RFC 9000 section 1-7
}

rows! {
    // RFC 9000 section 1-8
    a;
}
";
    let lines: Vec<&str> = text.lines().collect();
    let names: Vec<Option<String>> = (0..lines.len())
        .filter(|at| lines[*at].contains("RFC"))
        .map(|at| item(&lines, at).map(|(name, _)| name))
        .collect();
    let expected = [None, Some("B"), Some("B"), Some("B::c"), Some("B::c"), Some("B::d"), Some("d"), Some("rows!")];
    assert_eq!(names, expected.map(|name| name.map(str::to_owned)));
}
