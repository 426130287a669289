//! Cases of the x509-limbo and BetterTLS suites as they stand in their files, our verdict on each, and the list of those
//! that are answered differently on purpose.

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use x509::{Error, Policy, Revocation, RootStore, ServerName};

/// One chain, and what the suite wants to be said about it.
pub(crate) struct Case {
    pub(crate) id: String,
    /// Whether it is to be accepted.
    pub(crate) expected: bool,
    pub(crate) anchors: Vec<CertificateDer<'static>>,
    /// The server's certificate first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// Revocation lists. Where there are none, nobody asks for them.
    pub(crate) lists: Vec<CertificateRevocationListDer<'static>>,
    pub(crate) name: String,
    pub(crate) max_chain_depth: Option<usize>,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

/// The files of a folder that hold cases, in the order of their names.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// All cases of a file.
pub(crate) fn read(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let suite: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let certificates: Vec<_> = list(&suite["certs"]).iter().map(|text| decode(text.as_str().expect("text"))).collect();
    list(&suite["testcases"]).iter().map(|case| Case::new(case, &certificates)).collect()
}

impl Case {
    fn new(case: &Value, certificates: &[CertificateDer<'static>]) -> Case {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let at = |index: &Value| certificates[index.as_u64().expect("an index") as usize].clone();
        let mut chain = vec![at(&case["peer_certificate"])];
        chain.extend(list(&case["untrusted_intermediates"]).iter().map(at));
        Case {
            id: text(&case["id"]),
            expected: case["expected_result"] == "SUCCESS",
            anchors: list(&case["trusted_certs"]).iter().map(at).collect(),
            chain,
            lists: list(&case["crls"]).iter().map(|text| decode_list(text.as_str().expect("text"))).collect(),
            name: text(&case["expected_peer_name"]["value"]),
            max_chain_depth: case["max_chain_depth"].as_u64().map(|depth| depth as usize),
            // Where none is given any moment will do: those chains last centuries.
            now: case["validation_time"].as_str().map_or(1_795_000_000, unix),
        }
    }

    /// What is said here.
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        let mut roots = RootStore::new();
        for anchor in &self.anchors {
            // An anchor that cannot be read is one anchor fewer.
            let _ = roots.add_der(anchor);
        }
        if !self.lists.is_empty() {
            let mut revocation = Revocation::new();
            self.lists.iter().try_for_each(|list| revocation.add_der(list))?;
            roots.check_revocation(revocation);
        }
        let name = ServerName::parse(&self.name)?;
        let mut policy = Policy::default();
        policy.max_chain_depth = self.max_chain_depth.unwrap_or(policy.max_chain_depth);
        x509::verify_server_with(&policy, &crypto_ring::PROVIDER, &roots, &self.chain, &name, self.now)
    }
}

/// What is said on purpose, against the suite.
pub(crate) struct Exceptions {
    by_id: BTreeMap<String, Exception>,
}

/// One line of the list.
pub(crate) struct Exception {
    /// What rustls-webpki says: `accept` or `reject`.
    pub(crate) webpki: String,
    pub(crate) reason: String,
}

impl Exceptions {
    /// From the file beside this one's folder.
    pub(crate) fn read(tests: &Path) -> Exceptions {
        let text = std::fs::read_to_string(tests.join("limbo-exceptions.txt")).expect("the list of exceptions");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entry = |line: &str| match line.split(" | ").collect::<Vec<_>>()[..] {
            [id, webpki, reason] => (id.to_owned(), Exception { webpki: webpki.to_owned(), reason: reason.to_owned() }),
            _ => panic!("not an id, what webpki says, and a reason: {line}"),
        };
        Exceptions { by_id: lines.map(entry).collect() }
    }

    /// The line about a case.
    pub(crate) fn of(&self, case: &Case) -> Option<&Exception> {
        self.by_id.get(&case.id)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn decode(text: &str) -> CertificateDer<'static> {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("base64")
}

fn decode_list(text: &str) -> CertificateRevocationListDer<'static> {
    let pem = format!("-----BEGIN X509 CRL-----\n{text}\n-----END X509 CRL-----\n");
    CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).expect("base64")
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
