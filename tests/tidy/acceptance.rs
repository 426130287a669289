//! `docs/acceptance.md`: each row names tests that are there, or says that it is open.

use crate::source::workspace;
use std::fs;

/// The rows that have to stand there, whatever they say.
const ROWS: [&str; 19] = [
    "A-1", "A-2", "A-3", "A-4", "A-5", "A-6", "A-7", "A-8", "A-9", "A-10", "A-11", "A-12", "A-13", "A-14", "A-15",
    "A-16", "A-17", "Z-17", "Z-30",
];

/// What is wrong with a name of a test or a file; nothing if it is there.
fn wrong(name: &str) -> Option<String> {
    let (path, test) = name.split_once("::").map_or((name, None), |(path, test)| (path, Some(test)));
    let Ok(text) = fs::read_to_string(workspace().join(path)) else { return Some(format!("there is no {path}")) };
    let test = test?;
    // A function, or a case of a table of which a macro makes functions.
    let is_there = [format!("fn {test}()"), format!("    {test}: ||"), format!("    {test}, ")];
    let is_there = is_there.iter().any(|form| text.contains(form));
    (!is_there).then(|| format!("{path} has no test {test}"))
}

#[test]
fn each_row_of_acceptance_names_tests_that_are_there_or_says_that_it_is_open() {
    let text = fs::read_to_string(workspace().join("docs/acceptance.md")).expect("the page");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('-'))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    for row in ROWS {
        assert!(rows.iter().any(|cells| cells[0] == row), "there is no row {row}");
    }
    let mut names = 0;
    for cells in rows {
        let [row, _, shown] = cells[..] else { panic!("three cells: {cells:?}") };
        let quoted: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        let says_why = shown.contains("**open**") || shown.contains("on purpose");
        assert!(says_why || !quoted.is_empty(), "{row} is shown by nothing, and does not say so");
        for name in quoted {
            assert_eq!(wrong(name), None, "{row}");
            names += 1;
        }
    }
    assert!(names > 60, "{names} names were looked at");
    assert!(wrong("tests/tidy/acceptance.rs::no_such_test").is_some() && wrong("tests/none.rs").is_some());
}
