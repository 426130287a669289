//! Path validation against outside cases: the x509-limbo suite (the half named "core" here, all of it) and the BetterTLS
//! suites. `limbo/core.json` holds the former and `limbo/bettertls.json` a selection of the latter: every path-building
//! case, and every sixteenth of the name-constraint cases in the order of their ids. Both suites are under the Apache
//! License 2.0; the certificates were generated anew with the suites' own generators.
//!
//! `POSTHASTE_LIMBO` may name a directory: then all `.json` files there, of the same form, are run instead, with a line for
//! each case and the sums at the end (`-- --nocapture` shows them).
//!
//! `limbo-exceptions.txt` lists what is answered differently on purpose: an id, then what rustls-webpki says, then the reason. An
//! id listed there that is answered as expected is an error too.

extern crate posthaste_x509 as x509;

#[path = "limbo/suite.rs"]
mod suite;

use std::fmt;
use std::path::{Path, PathBuf};
use suite::{Case, Exceptions};

/// How many cases were answered how.
#[derive(Default)]
struct Sums {
    cases: usize,
    agree: usize,
    false_accepts: usize,
    false_rejects: usize,
    /// Answered differently on purpose: accepted, and rejected.
    explained: [usize; 2],
    exceptions: Vec<String>,
    wrong: Vec<String>,
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sums { cases, agree, false_accepts, false_rejects, explained: [accepted, rejected], .. } = self;
        write!(f, "{cases} cases, {agree} agree, {false_accepts} false accepts, {false_rejects} false rejects ")?;
        write!(f, "({} explained: {accepted} accepted, {rejected} rejected on purpose)", accepted + rejected)
    }
}

impl Sums {
    fn count(&mut self, case: &Case, exceptions: &Exceptions) -> String {
        let verdict = case.verdict();
        let word = |accepted: bool| if accepted { "accept" } else { "reject" };
        let got = verdict.is_ok();
        let line = format!("case {}: expected {}, got {}", case.id, word(case.expected), word(got));
        self.cases += 1;
        match exceptions.of(case) {
            None if got == case.expected => self.agree += 1,
            Some(_) if got == case.expected => {
                self.agree += 1;
                self.wrong.push(format!("{} is listed as an exception and passes", case.id));
            }
            Some(exception) => {
                self.explained[usize::from(!got)] += 1;
                let (webpki, reason) = (&exception.webpki, &exception.reason);
                self.exceptions.push(format!("on purpose {}: {}, webpki: {webpki}. {reason}", case.id, word(got)));
            }
            None => {
                *if got { &mut self.false_accepts } else { &mut self.false_rejects } += 1;
                self.wrong.push(format!("{line}: {verdict:?}"));
            }
        }
        line
    }
}

/// The cases with revocation lists are refused because of the lists, each for its reason: without them all are accepted.
/// RFC 5280 section 4.2.1.3, 5.2.3, 6.3.3.
#[test]
fn cases_with_lists_are_refused_by_their_lists() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/limbo/core.json");
    let cases: Vec<_> = suite::read(&core).into_iter().filter(|case| !case.lists.is_empty()).collect();
    assert_eq!(cases.len(), 3);
    for mut case in cases {
        let refusal = case.verdict().expect_err("a refusal");
        let fits = match case.id.as_str() {
            "crl::revoked-certificate-with-crl" => matches!(refusal, x509::Error::Revoked { .. }),
            "crl::issuer-missing-crlsign" => {
                matches!(&refusal, x509::Error::RevocationUnknown { why, .. } if why.contains("cRLSign"))
            }
            "crl::crlnumber-critical" => matches!(&refusal, x509::Error::UnsupportedList(_)),
            other => panic!("{other}: {refusal}"),
        };
        assert!(fits, "{}: {refusal}", case.id);
        case.lists.clear();
        assert_eq!(case.verdict(), Ok(()), "{}", case.id);
    }
}

#[test]
fn outside_cases() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let exceptions = Exceptions::read(&tests);
    let folder = std::env::var_os("POSTHASTE_LIMBO").map(PathBuf::from);
    let mut sums = Sums::default();
    for file in suite::files(&folder.clone().unwrap_or_else(|| tests.join("limbo"))) {
        for case in suite::read(&file) {
            println!("{}", sums.count(&case, &exceptions));
        }
    }
    sums.exceptions.iter().for_each(|exception| println!("{exception}"));
    println!("{sums}");
    assert!(sums.wrong.is_empty(), "{sums}:\n{}", sums.wrong.join("\n"));
    // Without a folder of somebody's own there is everything that stands beside this file.
    assert!(folder.is_some() || sums.cases == 433, "{sums}");
    assert_eq!(sums.agree + sums.explained.iter().sum::<usize>(), sums.cases);
}
