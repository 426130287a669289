//! Every disagreement with rustls-webpki has a reason: on the cases of the x509-limbo and BetterTLS suites, and on chains that
//! were spoiled at random (`judges::spoiled`, `judges::scratched`).
//!
//! `POSTHASTE_LIMBO=FOLDER` judges the cases of another folder; `POSTHASTE_CHAINS=100000` and `POSTHASTE_SEED=7` more chains and
//! others. `-- --nocapture` shows the sums.

#[allow(dead_code)]
#[path = "../../../x509/tests/limbo/suite.rs"]
mod suite;

use judges::judges::Evidence;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use suite::{Case, Exceptions};

/// What we refuse and webpki accepts, by how our reason begins. docs/certificates.md says why each of these rules is one.
const STRICTER: &[(&str, &str)] = &[
    ("anchor ", "an anchor is read whole, and must be of use; webpki takes name, key and name constraints from it"),
    ("intermediate Malformed", "each extension once and in its one encoding; webpki skips those that it does not use"),
    ("Malformed", "each extension once and in its one encoding; webpki skips those that it does not use"),
    ("Encoding", "the one encoding that DER and RFC 5280 allow"),
    ("Expired", "the time of an anchor counts; webpki does not look at it"),
    ("NotYetValid", "the time of an anchor counts; webpki does not look at it"),
    ("PathLength", "the path length of an anchor counts; webpki does not look at it"),
    ("NotAnAuthority", "an anchor that is a server's certificate vouches for nobody; webpki does not look at it"),
    ("ChainTooLong", "the limit that the case gives; webpki takes none"),
    ("SerialNumber", "RFC 5280 section 4.1.2.2; webpki does not look at it"),
    ("KeyUsage", "RFC 5280 section 4.2.1.3; webpki does not look at it"),
    ("UnacceptableKey", "the server's key is looked at with its chain; webpki leaves it to the handshake"),
    ("UnsupportedKey", "the server's key is looked at with its chain; webpki leaves it to the handshake"),
    ("MustBeCritical", "subjectAltName beside an empty subject, RFC 5280 section 4.2.1.6"),
    ("MustNotBeCritical", "RFC 5280 sections 4.2.1.1, 4.2.1.2 and 4.2.2.1"),
    ("NoSubjectKeyIdentifier", "RFC 5280 section 4.2.1.2"),
    ("PolicyConstraints", "a demand for policies cannot be kept; webpki refuses it only if critical"),
    ("UnsupportedConstraint", "name constraints of a server, or malformed ones"),
    ("UncheckedName", "a name of a kind that is constrained and not compared"),
    ("NameConstraints", "a name outside, or one that is none of its kind"),
    ("CommonName", "a common name that misleads people"),
    ("EmptyName", "RFC 5280 section 4.1.2.4"),
    ("ExtendedKeyUsage", "a server's certificate for any purpose, Baseline Requirements section 7.1.2.7.10"),
    ("Version", "RFC 5280 section 4.1.2.1: without extensions nothing says what a certificate is for"),
];

/// What we accept and webpki refuses, by its reason, but for the first two.
const WIDER: &[(&str, &str)] = &[
    ("the leaf is an anchor", "who trusts this very certificate asks no authority; webpki has no such rule"),
    (SPELLED, "names are compared as RFC 5280 section 7.1 says, and by webpki byte by byte"),
    ("RequiredEkuNotFound", "an authority may be for any purpose; webpki wants serverAuth by name"),
    (DIRECTORY, "constraints on directory names are applied; webpki refuses whatever has a subject"),
    ("InvalidSignatureForPublicKey", "an authority that certified its next key: webpki does not find this way"),
];

const SPELLED: &str = "name spelled otherwise";
const DIRECTORY: &str = "directory names constrained";
const REFUSED: &str = "refused here alone";
const ACCEPTED: &str = "accepted here alone";

/// How often which verdicts came together, and the classes of those that differ.
#[derive(Default)]
struct Sums {
    both_accept: usize,
    both_refuse: usize,
    stricter: BTreeMap<String, usize>,
    wider: BTreeMap<String, usize>,
    unexplained: Vec<String>,
}

impl Sums {
    /// `plain`: what webpki would say if all names were spelled alike.
    fn judge(&mut self, evidence: &Evidence, plain: impl Fn() -> Result<(), String>, what: impl Fn() -> String) {
        let (side, class, classes, known) = match (evidence.ours(), evidence.webpki()) {
            (Ok(()), Ok(())) => return self.both_accept += 1,
            (Err(_), Err(_)) => return self.both_refuse += 1,
            (Err(ours), Ok(())) => (REFUSED, ours, &mut self.stricter, STRICTER),
            (Ok(()), Err(_)) if evidence.trusts_the_leaf() => {
                (ACCEPTED, String::from("the leaf is an anchor"), &mut self.wider, WIDER)
            }
            (Ok(()), Err(theirs)) => {
                let class = match plain() {
                    Ok(()) => String::from(SPELLED),
                    Err(_) if theirs == "UnknownIssuer" && evidence.has_names_in_other_bytes() => String::from(SPELLED),
                    Err(plain) if plain == "NameConstraintViolation" && evidence.constrains_directory_names() => {
                        String::from(DIRECTORY)
                    }
                    Err(plain) => plain,
                };
                (ACCEPTED, class, &mut self.wider, WIDER)
            }
        };
        if reason(known, &class).is_none() {
            self.unexplained.push(format!("{side}: {class}: {}", what()));
        }
        *classes.entry(class).or_default() += 1;
    }

    fn report(&self, title: &str) {
        let differ: usize = self.stricter.values().chain(self.wider.values()).sum();
        let all = self.both_accept + self.both_refuse + differ;
        println!(
            "{title}: {all} chains, both accept {}, both refuse {}, differ {differ}",
            self.both_accept, self.both_refuse
        );
        for (side, classes, known) in [(REFUSED, &self.stricter, STRICTER), (ACCEPTED, &self.wider, WIDER)] {
            for (begin, reason) in known {
                let of_it = |class: &str| known.iter().find(|(begin, _)| class.starts_with(begin));
                let count: usize = classes
                    .iter()
                    .filter(|(class, _)| of_it(class).is_some_and(|(other, _)| other == begin))
                    .map(|(_, count)| count)
                    .sum();
                if count > 0 {
                    println!("  {side}: {count} {begin}: {reason}");
                }
            }
        }
    }

    fn finish(&self, title: &str) {
        self.report(title);
        let count = self.unexplained.len();
        let some: Vec<_> = self.unexplained.iter().map(String::as_str).collect();
        assert!(some.is_empty(), "{count} without a reason:\n{}", some.join("\n"));
    }
}

fn reason(known: &'static [(&str, &str)], class: &str) -> Option<&'static str> {
    known.iter().find(|(begin, _)| class.starts_with(begin)).map(|(_, reason)| *reason)
}

fn tests_of_x509() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../x509/tests")
}

fn cases() -> Vec<Case> {
    let folder = std::env::var_os("POSTHASTE_LIMBO").map_or_else(|| tests_of_x509().join("limbo"), PathBuf::from);
    suite::files(&folder).iter().flat_map(|file| suite::read(file)).collect()
}

fn evidence(case: &Case) -> Evidence {
    let bytes = |list: &[rustls_pki_types::CertificateDer<'_>]| list.iter().map(|der| der.to_vec()).collect();
    Evidence {
        anchors: bytes(&case.anchors),
        chain: bytes(&case.chain),
        name: case.name.clone(),
        now: case.now,
        max_chain_depth: case.max_chain_depth,
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn on_cases_of_the_suites() {
    let mut sums = Sums::default();
    let exceptions = Exceptions::read(&tests_of_x509());
    let (mut theirs, mut wrong) = ([0, 0], Vec::new());
    for case in &cases() {
        let evidence = evidence(case);
        let webpki = evidence.webpki();
        if webpki.is_ok() != case.expected {
            theirs[usize::from(webpki.is_err())] += 1;
        }
        let word = if webpki.is_ok() { "accept" } else { "reject" };
        if let Some(exception) = exceptions.of(case) {
            println!("{}: webpki {word} {webpki:?}", case.id);
            if exception.webpki != word {
                wrong.push(format!("{}: webpki says {word}, and the list {}", case.id, exception.webpki));
            }
        }
        sums.judge(&evidence, || evidence.webpki(), || case.id.clone());
    }
    println!("webpki itself: {} false accepts, {} false rejects", theirs[0], theirs[1]);
    sums.finish("cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `POSTHASTE_NUMBER` and `POSTHASTE_SEED` show one spoiled chain, in hexadecimal: the anchors, then what the server sends.
#[test]
fn one_chain_is_shown() {
    let (Ok(_), seed) = (std::env::var("POSTHASTE_NUMBER"), number("POSTHASTE_SEED", 1)) else { return };
    let keys = judges::keys::keys();
    let (evidence, done) =
        judges::spoiled(&keys, &judges::chains::scenes(&keys), seed, number("POSTHASTE_NUMBER", 0), false);
    println!(
        "{} at {}, {done:?}: here {:?}, webpki {:?}",
        evidence.name,
        evidence.now,
        evidence.ours(),
        evidence.webpki()
    );
    for (what, list) in [("anchor", &evidence.anchors), ("sent", &evidence.chain)] {
        for der in list {
            println!("{what} {}", der.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        }
    }
}

#[test]
fn on_spoiled_chains() {
    let (count, seed) = (number("POSTHASTE_CHAINS", 3000), number("POSTHASTE_SEED", 1));
    let keys = judges::keys::keys();
    let scenes = judges::chains::scenes(&keys);
    let good: Vec<_> =
        cases().iter().filter(|case| case.expected).map(evidence).filter(|it| it.ours().is_ok()).collect();
    let (mut signed, mut scratched) = (Sums::default(), Sums::default());
    for number in 0..count {
        if number % 5 == 4 {
            let evidence = judges::scratched(&good, seed, number);
            scratched.judge(&evidence, || evidence.webpki(), || format!("scratched {seed} {number}"));
        } else {
            let (evidence, done) = judges::spoiled(&keys, &scenes, seed, number, false);
            let plain = || judges::spoiled(&keys, &scenes, seed, number, true).0.webpki();
            signed.judge(&evidence, plain, || format!("number {number} of seed {seed}: {}", done.join(", ")));
        }
    }
    // All of it is shown before any of it fails.
    signed.unexplained.append(&mut scratched.unexplained);
    scratched.finish("scratched");
    signed.finish("signed again");
}
