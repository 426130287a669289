//! Path validation against outside cases: the x509-limbo suite (the half named "core" here, all of it) and the BetterTLS
//! suites. `limbo/core.json` holds the former and `limbo/bettertls.json` a selection of the latter: every path-building
//! case, and every sixteenth of the name-constraint cases in the order of their ids. Both suites are under the Apache
//! License 2.0; the certificates were generated anew with the suites' own generators.
//!
//! `POSTHASTE_LIMBO` may name a directory: then all `.json` files there, of the same form, are run as well.
//!
//! `limbo-exceptions.txt` lists what is answered differently on purpose: an id or `feature:` and a feature, then the
//! reason. An id listed there that is answered as expected is an error too.

extern crate posthaste_x509 as x509;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use x509::{Error, Policy, RootStore, ServerName};

struct Outcomes {
    run: usize,
    excused: usize,
    wrong: Vec<String>,
}

#[test]
fn outside_cases() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let exceptions = exceptions(&directory.join("limbo-exceptions.txt"));
    let mut files = vec![directory.join("limbo/core.json"), directory.join("limbo/bettertls.json")];
    if let Some(more) = std::env::var_os("POSTHASTE_LIMBO") {
        let entries = std::fs::read_dir(more).expect("POSTHASTE_LIMBO is a directory");
        let found = entries.map(|entry| entry.expect("an entry").path());
        files.extend(found.filter(|path| path.extension().is_some_and(|extension| extension == "json")));
    }
    let mut wrong = Vec::new();
    for file in &files {
        let outcomes = run_file(file, &exceptions);
        println!(
            "{}: {} run, {} excused, {} wrong",
            file.display(),
            outcomes.run,
            outcomes.excused,
            outcomes.wrong.len()
        );
        wrong.extend(outcomes.wrong);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn exceptions(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).expect("the list of exceptions");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap_or_else(|| panic!("{line} has no reason")))
        .map(|(id, reason)| (id.to_string(), reason.to_string()))
        .collect()
}

fn run_file(path: &PathBuf, exceptions: &BTreeMap<String, String>) -> Outcomes {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let suite: Value = serde_json::from_str(&text).expect("JSON");
    let certificates: Vec<_> = list(&suite["certs"]).iter().map(|text| decode(text.as_str().expect("text"))).collect();
    let mut outcomes = Outcomes { run: 0, excused: 0, wrong: Vec::new() };
    for case in list(&suite["testcases"]) {
        let id = case["id"].as_str().expect("an id");
        let expected = case["expected_result"] == "SUCCESS";
        let result = run_case(case, &certificates);
        if std::env::var_os("POSTHASTE_LIMBO_VERBOSE").is_some() {
            println!("{id}: {expected} {result:?}");
        }
        let is_excused = list(&case["features"])
            .iter()
            .any(|feature| exceptions.contains_key(&format!("feature:{}", feature.as_str().expect("text"))));
        outcomes.run += 1;
        match (result.is_ok() == expected, exceptions.contains_key(id)) {
            (true, true) => outcomes.wrong.push(format!("{id} is listed as an exception and passes")),
            (false, false) if !is_excused => outcomes.wrong.push(format!("{id}: expected {expected}, got {result:?}")),
            (true, false) => {}
            (false, _) => outcomes.excused += 1,
        }
    }
    outcomes
}

fn run_case(case: &Value, certificates: &[CertificateDer<'static>]) -> Result<(), Error> {
    let at = |index: &Value| &certificates[index.as_u64().expect("an index") as usize];
    let mut roots = RootStore::new();
    for index in list(&case["trusted_certs"]) {
        // An anchor that cannot be read is one anchor fewer.
        let _ = roots.add_der(at(index));
    }
    let mut chain = vec![at(&case["peer_certificate"]).clone()];
    chain.extend(list(&case["untrusted_intermediates"]).iter().map(|index| at(index).clone()));
    let name = ServerName::parse(case["expected_peer_name"]["value"].as_str().expect("a name"))?;
    let mut policy = Policy::default();
    if let Some(depth) = case["max_chain_depth"].as_u64() {
        policy.max_chain_depth = depth as usize;
    }
    let now = match case["validation_time"].as_str() {
        Some(text) => unix(text),
        // Any moment will do: those chains last centuries.
        None => 1_795_000_000,
    };
    x509::verify_server_with(&policy, &crypto_ring::PROVIDER, &roots, &chain, &name, now)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn decode(text: &str) -> CertificateDer<'static> {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("base64")
}

/// Seconds since 1970 of `2024-04-01T00:00:00+00:00`, `...Z` or with a fraction, which is dropped.
fn unix(text: &str) -> u64 {
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().expect("digits");
    assert!(text.ends_with('Z') || text.ends_with("+00:00"), "{text}");
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let days = years + lengths[..month as usize - 1].iter().sum::<u64>() + day - 1;
    days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19)
}
