//! Path building and validation (RFC 5280 section 6, with the demands of the Web PKI; RFC 9525 for the name).
//!
//! A depth-first search from the peer's certificate to an anchor, with a stack of its own instead of recursion. It goes where
//! an anchor is closest first ([`crate::graph`]). Signatures and steps have a budget, so that a graph of look-alike authorities
//! ends in an error and not in hours.
//! The certificates after the first may come in any order, and those that are not needed are not looked at closely.

use crate::budget::{Allowance, Budget};
use crate::certificate::Certificate;
use crate::constraints;
use crate::dns;
use crate::error::{Error, Rule};
use crate::general_name::{GeneralName, ip_address};
use crate::graph::{Candidate, Graph, LEAF};
use crate::profile;
use crate::purpose::Purpose;
use crate::root_store::RootStore;
use crate::server_name::ServerName;
use crate::text;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use crypto::Provider;
use rustls_pki_types::CertificateDer;

/// What a caller may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Intermediate authorities between server and anchor at most; self-issued ones are not counted, as in RFC 5280
    /// s4.2.1.9.
    pub max_chain_depth: usize,
}

impl Default for Policy {
    fn default() -> Policy {
        // Chains of the web have one to three intermediates.
        Policy { max_chain_depth: 8 }
    }
}

/// Certificates in a path, self-issued ones included.
const MAX_PATH: usize = 32;
/// Names of a certificate that an error lists.
const MAX_LISTED_NAMES: usize = 5;

/// Whether `chain`, leaf first, proves that the peer is `name`, at `now_unix_seconds`. Which key the peer then has to
/// prove to hold: [`Certificate::subject_public_key`] of the leaf.
pub fn verify_server(
    provider: &Provider,
    roots: &RootStore,
    chain: &[CertificateDer<'_>],
    name: &ServerName,
    now_unix_seconds: u64,
) -> Result<(), Error> {
    verify_server_with(&Policy::default(), provider, roots, chain, name, now_unix_seconds)
}

/// As [`verify_server`], with a policy.
pub fn verify_server_with(
    policy: &Policy,
    provider: &Provider,
    roots: &RootStore,
    chain: &[CertificateDer<'_>],
    name: &ServerName,
    now_unix_seconds: u64,
) -> Result<(), Error> {
    let (leaf, others) = chain.split_first().ok_or(Error::NoCertificate)?;
    Allowance::of(Purpose::Server).check_chain(chain)?;
    let leaf = Certificate::parse(leaf)?;
    // A clock that is beyond all dates is after all of them.
    let now = i64::try_from(now_unix_seconds).unwrap_or(i64::MAX);
    profile::check_time(&leaf, now)?;
    check_name(&leaf, name)?;
    profile::check_usage(&leaf, Purpose::Server)?;
    // Who trusts exactly this certificate asks no authority about it, nor whether it could be one.
    if is_trusted(roots, &leaf) {
        return leaf.subject_public_key().map(|_| ());
    }
    profile::check_server(&leaf)?;
    search(policy, provider, roots, (Purpose::Server, now), leaf, others, |_, _, _| ())
}

/// Whether `chain`, leaf first, proves that the peer is a client that these authorities vouch for, at `now_unix_seconds`. Who it
/// is stands in the leaf. Gives the path that was found, from the leaf to the anchor: the rest of what the peer sent is proved
/// by nothing.
pub fn verify_client(
    provider: &Provider,
    roots: &RootStore,
    chain: &[CertificateDer<'_>],
    now_unix_seconds: u64,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    verify_client_with(&Policy::default(), provider, roots, chain, now_unix_seconds)
}

/// As [`verify_client`], with a policy.
pub fn verify_client_with(
    policy: &Policy,
    provider: &Provider,
    roots: &RootStore,
    chain: &[CertificateDer<'_>],
    now_unix_seconds: u64,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let (first, others) = chain.split_first().ok_or(Error::NoCertificate)?;
    Allowance::of(Purpose::Client).check_chain(chain)?;
    let leaf = Certificate::parse(first)?;
    let now = i64::try_from(now_unix_seconds).unwrap_or(i64::MAX);
    profile::check_time(&leaf, now)?;
    profile::check_usage(&leaf, Purpose::Client)?;
    if is_trusted(roots, &leaf) {
        leaf.subject_public_key()?;
        return Ok(alloc::vec![first.clone().into_owned()]);
    }
    profile::check_client(&leaf)?;
    search(policy, provider, roots, (Purpose::Client, now), leaf, others, |search, path, place| {
        search.found(path, place)
    })
}

/// Whether exactly this certificate is an anchor.
fn is_trusted(roots: &RootStore, leaf: &Certificate<'_>) -> bool {
    roots.of_subject(&leaf.subject().canonical()).iter().any(|anchor| anchor.as_ref() == leaf.der())
}

/// Looks for a path from the leaf to an anchor, and gives what `keep` makes of it: of the search, the numbers above the leaf, and
/// the anchor's place.
/// RFC 9846 section 4.5.1-12.
fn search<T>(
    policy: &Policy,
    provider: &Provider,
    roots: &RootStore,
    (purpose, now): (Purpose, i64),
    leaf: Certificate<'_>,
    others: &[CertificateDer<'_>],
    keep: impl FnOnce(&Search<'_>, &[usize], usize) -> T,
) -> Result<T, Error> {
    // A certificate that cannot be read is of no use to any path; the path decides whether it was needed.
    let read: Vec<_> = others.iter().map(|der| Certificate::parse(der)).collect();
    let unreadable = read.iter().zip(1..).find_map(|(outcome, number)| match outcome {
        Err(Error::Malformed(what)) => Some((number, *what)),
        _ => None,
    });
    let graph = &Graph::new(leaf, read.into_iter().flatten(), roots, purpose, now);
    let (budget, signatures) = (Budget::new(Allowance::of(purpose)), BTreeMap::new());
    Search { policy, provider, roots, graph, now, unreadable, budget, signatures, reason: None }.run(keep)
}

/// RFC 9110 section 4.3.4-1, 4.3.4-3, 4.3.4-4, 4.3.4-5.
/// RFC 9525 s6: an address is compared with addresses, a name with names, and the common name with nothing.
fn check_name(leaf: &Certificate<'_>, wanted: &ServerName) -> Result<(), Error> {
    let Some(alternative) = &leaf.extensions().subject_alternative_name else {
        return Err(Error::Rule { subject: leaf.label(), rule: Rule::NoSubjectAlternativeName });
    };
    let matches = |name| match (name, wanted) {
        (GeneralName::Dns(presented), ServerName::Dns(wanted)) => dns::matches(presented, wanted.as_bytes()),
        (GeneralName::IpAddress(presented), ServerName::Ip(wanted)) => ip_address(presented) == Some(*wanted),
        _ => false,
    };
    if alternative.names.iter().any(matches) {
        return Ok(());
    }
    let text = |name| match name {
        GeneralName::Dns(name) => Some(text::escaped_bytes(name)),
        GeneralName::IpAddress(address) => ip_address(address).map(|address| address.to_string()),
        _ => None,
    };
    let presented: Vec<_> = alternative.names.iter().filter_map(text).take(MAX_LISTED_NAMES).collect();
    let all =
        alternative.names.iter().filter(|name| matches!(name, GeneralName::Dns(_) | GeneralName::IpAddress(_))).count();
    Err(Error::NameMismatch { expected: wanted.to_string(), more: all.saturating_sub(presented.len()), presented })
}

struct Search<'r> {
    policy: &'r Policy,
    provider: &'r Provider,
    roots: &'r RootStore,
    graph: &'r Graph<'r>,
    now: i64,
    /// The first certificate that could not be read, for the error.
    unreadable: Option<(usize, &'static str)>,
    budget: Budget,
    /// What came of each signature that was checked, by the number of the certificate and who may have signed it: many paths
    /// share a step, and only the first pays for it.
    signatures: BTreeMap<(usize, Signer), Result<(), Error>>,
    /// The most telling reason for which a candidate was refused.
    reason: Option<Error>,
}

/// Whose key may have signed a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Signer {
    /// That of an anchor, by its place among those of its name.
    Anchor(usize),
    /// That of an authority, by its number: all its certificates have the same key.
    Authority(usize),
}

impl<'r> Search<'r> {
    /// What `keep` makes of the path that was found.
    fn run<T>(mut self, keep: impl FnOnce(&Search<'_>, &[usize], usize) -> T) -> Result<T, Error> {
        // The numbers of the certificates above the leaf, and what is left to try at each step of the path.
        let mut path: Vec<usize> = Vec::new();
        let mut open = alloc::vec![self.candidates(&path)?];
        while let Some(candidates) = open.last_mut() {
            let outcome = match candidates.pop() {
                None => {
                    open.pop();
                    path.pop();
                    continue;
                }
                Some(Candidate::Anchor(place)) => match self.try_anchor(&path, place) {
                    Ok(()) => return Ok(keep(&self, &path, place)),
                    Err(error) => Err(error),
                },
                Some(Candidate::Intermediate(number)) => self.try_intermediate(&path, number).map(|()| number),
            };
            match outcome {
                Ok(number) => {
                    path.push(number);
                    open.push(self.candidates(&path)?);
                }
                Err(Error::TooMuchWork) => return Err(Error::TooMuchWork),
                Err(error) => self.note(error),
            }
        }
        let reason = self.reason.take();
        Err(reason.unwrap_or_else(|| self.unknown_issuer(&self.graph.node(LEAF).certificate)))
    }

    /// The certificates of a path that ends at this anchor.
    fn found(&self, path: &[usize], place: usize) -> Vec<CertificateDer<'static>> {
        let anchor = &self.graph.anchors(last(path))[place].certificate;
        let certificates = self.certificates(path, anchor).into_iter();
        certificates.map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect()
    }

    /// The leaf, the path and an anchor.
    fn certificates<'a>(&self, path: &[usize], anchor: &'a Certificate<'a>) -> Vec<&'a Certificate<'a>>
    where
        'r: 'a,
    {
        let graph = self.graph;
        let sent = core::iter::once(LEAF).chain(path.iter().copied());
        sent.map(|number| &graph.node(number).certificate).chain([anchor]).collect()
    }

    /// What may have issued the last certificate of the path and is not in it, best last.
    /// RFC 5280 section 6.1-8.
    fn candidates(&mut self, path: &[usize]) -> Result<Vec<Candidate>, Error> {
        let (graph, child) = (self.graph, last(path));
        self.budget.spend_steps(graph.count_of_candidates(child))?;
        let is_passed = |number: usize| {
            let authority = graph.node(number).authority;
            path.iter().any(|passed| graph.node(*passed).authority == authority)
        };
        let mut candidates = graph.candidates(child);
        if candidates.is_empty() {
            let certificate = &graph.node(child).certificate;
            let refused = self.roots.refusal(&certificate.issuer().canonical()).cloned();
            self.note(refused.unwrap_or_else(|| self.unknown_issuer(certificate)));
        }
        candidates.retain(|candidate| !matches!(candidate, Candidate::Intermediate(number) if is_passed(*number)));
        candidates.reverse();
        Ok(candidates)
    }

    fn try_intermediate(&mut self, path: &[usize], number: usize) -> Result<(), Error> {
        let node = self.graph.node(number);
        node.fitness.clone()?;
        let below = self.counted(path);
        let depth = below + usize::from(!node.is_self_issued());
        let limit = self.policy.max_chain_depth;
        // Leaf, path, this one and an anchor.
        if path.len() + 3 > MAX_PATH || depth > limit {
            return Err(Error::ChainTooLong { subject: node.certificate.label(), limit: limit.min(MAX_PATH - 2) });
        }
        check_path_length(&node.certificate, below)?;
        self.check_signature(last(path), Signer::Authority(node.authority), &node.certificate)
    }

    /// RFC 5280 section 6.1.3-1.
    fn try_anchor(&mut self, path: &[usize], place: usize) -> Result<(), Error> {
        let anchor = &self.graph.anchors(last(path))[place];
        anchor.fitness.clone()?;
        check_path_length(&anchor.certificate, self.counted(path))?;
        self.check_signature(last(path), Signer::Anchor(place), &anchor.certificate)?;
        self.check_constraints(path, &anchor.certificate)?;
        self.check_revocation(path, &anchor.certificate)
    }

    /// RFC 5280 s6.1.3 (a) (3).
    fn check_revocation(&mut self, path: &[usize], anchor: &Certificate<'_>) -> Result<(), Error> {
        let Some(revocation) = self.roots.revocation() else { return Ok(()) };
        let certificates = self.certificates(path, anchor);
        revocation.check(self.provider, &certificates, self.now, &mut self.budget)
    }

    /// RFC 5280 s6.1.3 (b) and (c): the constraints of each authority bind all certificates below it, except those
    /// authorities that issued themselves.
    /// RFC 5280 section 6.1.2-1.
    fn check_constraints(&mut self, path: &[usize], anchor: &Certificate<'_>) -> Result<(), Error> {
        let graph = self.graph;
        let above = path.iter().map(|number| &graph.node(*number).certificate).chain(core::iter::once(anchor));
        for (depth, authority) in above.enumerate() {
            let Some(_) = &authority.extensions().name_constraints else { continue };
            constraints::check(authority, &graph.node(LEAF).certificate, &mut self.budget)?;
            let below = path.iter().take(depth).map(|number| graph.node(*number));
            for node in below.filter(|node| !node.is_self_issued()) {
                constraints::check(authority, &node.certificate, &mut self.budget)?;
            }
        }
        Ok(())
    }

    fn check_signature(&mut self, child: usize, signer: Signer, issuer: &Certificate<'_>) -> Result<(), Error> {
        if let Some(outcome) = self.signatures.get(&(child, signer)) {
            return outcome.clone();
        }
        let outcome = check_signature(self.provider, &self.graph.node(child).certificate, issuer, &mut self.budget);
        self.signatures.insert((child, signer), outcome.clone());
        outcome
    }

    fn unknown_issuer(&self, certificate: &Certificate<'_>) -> Error {
        Error::UnknownIssuer { issuer: certificate.issuer().written(), unreadable: self.unreadable }
    }

    /// Authorities in the path that count for its length (RFC 5280 s6.1.4 (l): self-issued ones do not).
    fn counted(&self, path: &[usize]) -> usize {
        path.iter().filter(|number| !self.graph.node(**number).is_self_issued()).count()
    }

    /// Keeps the reason that says most: that a look-alike did not sign says least.
    fn note(&mut self, error: Error) {
        let weight = |error: &Error| match error {
            Error::BadSignature { .. } => 0,
            Error::UnknownIssuer { .. } => 1,
            _ => 2,
        };
        if self.reason.as_ref().is_none_or(|reason| weight(reason) < weight(&error)) {
            self.reason = Some(error);
        }
    }
}

/// The number of the last certificate of the path.
fn last(path: &[usize]) -> usize {
    path.last().copied().unwrap_or(LEAF)
}

/// RFC 5280 s4.2.1.9: `below` authorities that count come after this one.
fn check_path_length(certificate: &Certificate<'_>, below: usize) -> Result<(), Error> {
    let limit = certificate.extensions().basic_constraints.and_then(|basic| basic.path_length);
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    profile::demand(certificate, below <= limit, Rule::PathLength { authorities: below, limit })
}

fn check_signature(
    provider: &Provider,
    child: &Certificate<'_>,
    issuer: &Certificate<'_>,
    budget: &mut Budget,
) -> Result<(), Error> {
    let (key_algorithm, key) = issuer.subject_public_key()?;
    let algorithm = child.signature_algorithm();
    let Some(verifier) = algorithm.and_then(|algorithm| provider.verifier(key_algorithm, algorithm)) else {
        // That a key of another kind did not sign says nothing about the signature.
        let is_known = provider.verifiers.iter().any(|verifier| Some(verifier.signature_algorithm()) == algorithm);
        let other_kind = Error::BadSignature { subject: child.label() };
        return Err(if is_known { other_kind } else { child.unusable_signature() });
    };
    budget.spend_signature(key.len())?;
    let outcome = verifier.verify(key, child.to_be_signed(), child.signature());
    outcome.map_err(|_| Error::BadSignature { subject: child.label() })
}

#[cfg(test)]
mod tests;
