//! The list of guards that `tests/mutants/guards` takes out, one after the other: that every test of the catalogue is in it,
//! and that it still fits the sources. What it looks like is said at its head.

use crate::table::{ROWS, WAITING, root, tests_of};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// One guard: its file, its text, and what is put in its place.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Clone)]
pub(crate) struct Edit {
    pub(crate) file: String,
    guard: Vec<String>,
    without: Vec<String>,
    is_text: bool,
}

/// What the list says of a row, or of some of its tests.
#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) row: String,
    pub(crate) edits: Vec<Edit>,
    tests: Vec<String>,
    /// Why nothing can be taken out.
    pub(crate) reason: Vec<String>,
}

/// The list.
pub(crate) fn entries() -> Vec<Entry> {
    let text = fs::read_to_string(root().join("tests/mutants/guards.txt")).unwrap();
    let mut entries: Vec<Entry> = Vec::new();
    for line in text.lines() {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.to_owned();
        match mark {
            "" | "#" => {}
            "==" => entries.push(Entry { row: rest, ..Entry::default() }),
            _ => {
                let entry = entries.last_mut().expect("an entry begins with its row");
                match mark {
                    "@" | "@@" => entry.edits.push(Edit { file: rest, is_text: mark == "@@", ..Edit::default() }),
                    "-" => entry.edits.last_mut().unwrap().guard.push(rest),
                    "+" => entry.edits.last_mut().unwrap().without.push(rest),
                    "!" => entry.tests.push(rest),
                    "~" => entry.reason.push(rest),
                    _ => panic!("{line}"),
                }
            }
        }
    }
    entries
}

#[test]
fn every_test_has_a_guard_that_can_be_taken_out_or_a_reason() {
    let entries = entries();
    for (id, _, guard, _) in ROWS {
        let of_row: Vec<&Entry> = entries.iter().filter(|entry| entry.row == *id).collect();
        if WAITING.iter().any(|(.., rows)| rows.contains(id)) {
            assert!(of_row.is_empty(), "{id} waits");
            continue;
        }
        let tests = tests_of(id);
        let mut seen = BTreeSet::new();
        for entry in &of_row {
            assert!(entry.edits.is_empty() != entry.reason.is_empty(), "{id} has a guard or a reason");
            assert!(entry.tests.iter().all(|test| tests.contains(test)), "{id} has no such test: {:?}", entry.tests);
            seen.extend(if entry.tests.is_empty() { tests.clone() } else { entry.tests.clone() });
            let takes_out = |edit: &Edit| edit.is_text || edit.without.iter().any(|line| line.contains("GONE"));
            assert!(entry.edits.is_empty() || entry.edits.iter().any(takes_out), "{id}: nothing is taken out");
        }
        let missing: Vec<&String> = tests.iter().filter(|test| !seen.contains(*test)).collect();
        assert!(missing.is_empty(), "{id} has no guard in tests/mutants/guards.txt: {missing:?}");
        let mut files = of_row.iter().flat_map(|entry| &entry.edits).map(|edit| edit.file.as_str()).peekable();
        assert!(files.peek().is_none() || files.any(|file| file == *guard), "{id}: {guard} has no guard in the list");
    }
    for entry in &entries {
        assert!(ROWS.iter().any(|row| row.0 == entry.row), "{} is no row", entry.row);
    }
}

#[test]
fn every_guard_is_where_the_list_says() {
    let mut files: BTreeMap<String, BTreeSet<Edit>> = BTreeMap::new();
    for edit in entries().into_iter().flat_map(|entry| entry.edits) {
        files.entry(edit.file.clone()).or_default().insert(edit);
    }
    for (file, edits) in files {
        let text = fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for edit in &edits {
            let guard = edit.guard.join("\n");
            assert_eq!(text.matches(&guard).count(), 1, "{file} has this not once; tests/mutants/guards.txt: {guard}");
            let begin = text.find(&guard).unwrap();
            let end = begin + guard.len();
            let is_alone = taken.iter().all(|(from, to)| end <= *from || *to <= begin);
            assert!(is_alone || edit.is_text, "{file}: two guards overlap: {guard}");
            taken.push((begin, end));
        }
    }
}
