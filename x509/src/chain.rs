//! Path building and validation (RFC 5280 section 6, with the demands of the Web PKI; RFC 9525 for the name).
//!
//! A depth-first search from the peer's certificate to an anchor, with a stack of its own instead of recursion. Every step
//! down costs one signature of a budget, so that a graph of look-alike authorities ends in an error and not in hours.
//! The certificates after the first may come in any order, and those that are not needed are not looked at closely.

use crate::anchor;
use crate::budget::Budget;
use crate::certificate::Certificate;
use crate::constraints;
use crate::dns;
use crate::error::{Error, Rule};
use crate::general_name::{GeneralName, ip_address};
use crate::name::CanonicalName;
use crate::profile;
use crate::purpose::Purpose;
use crate::root_store::RootStore;
use crate::server_name::ServerName;
use crate::text;
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

/// Certificates that a peer may send; each is compared with the issuer of every other.
const MAX_CERTIFICATES: usize = 256;
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
    if others.len() >= MAX_CERTIFICATES {
        return Err(Error::TooMuchWork);
    }
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
    search(policy, provider, roots, Purpose::Server, leaf, others, now).map(|_| ())
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
    if others.len() >= MAX_CERTIFICATES {
        return Err(Error::TooMuchWork);
    }
    let leaf = Certificate::parse(first)?;
    let now = i64::try_from(now_unix_seconds).unwrap_or(i64::MAX);
    profile::check_time(&leaf, now)?;
    profile::check_usage(&leaf, Purpose::Client)?;
    if is_trusted(roots, &leaf) {
        leaf.subject_public_key()?;
        return Ok(alloc::vec![first.clone().into_owned()]);
    }
    profile::check_client(&leaf)?;
    search(policy, provider, roots, Purpose::Client, leaf, others, now)
}

/// Whether exactly this certificate is an anchor.
fn is_trusted(roots: &RootStore, leaf: &Certificate<'_>) -> bool {
    roots.of_subject(&leaf.subject().canonical()).iter().any(|anchor| anchor.as_ref() == leaf.der())
}

/// A path from the leaf to an anchor.
fn search(
    policy: &Policy,
    provider: &Provider,
    roots: &RootStore,
    purpose: Purpose,
    leaf: Certificate<'_>,
    others: &[CertificateDer<'_>],
    now: i64,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    // A certificate that cannot be read is of no use to any path; the path decides whether it was needed.
    let leaf = &Node::new(leaf);
    let intermediates: Vec<_> = others.iter().filter_map(|der| Certificate::parse(der).ok()).map(Node::new).collect();
    let intermediates = intermediates.as_slice();
    Search { policy, provider, roots, purpose, leaf, intermediates, now, budget: Budget::new(), reason: None }.run()
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

/// A certificate with its names ready to be compared.
#[derive(Clone, Debug)]
struct Node<'a> {
    certificate: Certificate<'a>,
    subject: CanonicalName,
    issuer: CanonicalName,
}

impl<'a> Node<'a> {
    fn new(certificate: Certificate<'a>) -> Node<'a> {
        let (subject, issuer) = (certificate.subject().canonical(), certificate.issuer().canonical());
        Node { certificate, subject, issuer }
    }

    fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether both stand for one authority: a path does not pass one twice.
    fn is_same_authority(&self, other: &Node<'_>) -> bool {
        self.subject == other.subject && self.certificate.spki_der() == other.certificate.spki_der()
    }
}

/// Something that may have issued the last certificate of the path.
#[derive(Clone, Copy, Debug)]
enum Candidate<'r> {
    Anchor(&'r [u8]),
    Intermediate(&'r Node<'r>),
}

struct Search<'r> {
    policy: &'r Policy,
    provider: &'r Provider,
    roots: &'r RootStore,
    purpose: Purpose,
    leaf: &'r Node<'r>,
    intermediates: &'r [Node<'r>],
    now: i64,
    budget: Budget,
    /// The most telling reason for which a candidate was refused.
    reason: Option<Error>,
}

impl<'r> Search<'r> {
    /// The path that was found, from the leaf to the anchor.
    fn run(mut self) -> Result<Vec<CertificateDer<'static>>, Error> {
        // The path above the leaf, and what is left to try at each of its steps.
        let mut path: Vec<&'r Node<'r>> = Vec::new();
        let mut open = alloc::vec![self.candidates(&path)];
        while let Some(candidates) = open.last_mut() {
            let outcome = match candidates.pop() {
                None => {
                    open.pop();
                    path.pop();
                    continue;
                }
                Some(Candidate::Anchor(der)) => match self.try_anchor(&path, der) {
                    Ok(()) => return Ok(self.certificates(&path, der)),
                    Err(error) => Err(error),
                },
                Some(Candidate::Intermediate(node)) => self.try_intermediate(&path, node).map(|()| node),
            };
            match outcome {
                Ok(node) => {
                    path.push(node);
                    open.push(self.candidates(&path));
                }
                Err(Error::TooMuchWork) => return Err(Error::TooMuchWork),
                Err(error) => self.note(error),
            }
        }
        let unknown = Error::UnknownIssuer { issuer: self.leaf.certificate.issuer().label() };
        Err(self.reason.unwrap_or(unknown))
    }

    fn certificates(&self, path: &[&'r Node<'r>], anchor: &[u8]) -> Vec<CertificateDer<'static>> {
        let sent = core::iter::once(self.leaf).chain(path.iter().copied()).map(|node| node.certificate.der());
        sent.chain([anchor]).map(|der| CertificateDer::from(der.to_vec())).collect()
    }

    /// The last certificate of the path.
    fn last(&self, path: &[&'r Node<'r>]) -> &'r Node<'r> {
        path.last().copied().unwrap_or(self.leaf)
    }

    /// What may have issued the last certificate, best last: anchors, then those whose key identifier fits (RFC 4158
    /// s3.2: a key identifier orders the candidates and rules none out).
    fn candidates(&mut self, path: &[&'r Node<'r>]) -> Vec<Candidate<'r>> {
        let child = self.last(path);
        let wanted = child.certificate.extensions().authority_key_identifier.and_then(|key| key.key_identifier);
        let is_passed = |node: &Node<'_>| path.iter().any(|passed| passed.is_same_authority(node));
        let (mut fitting, mut others) = (Vec::new(), Vec::new());
        for node in self.intermediates.iter().filter(|node| node.subject == child.issuer && !is_passed(node)) {
            let fits = wanted.is_some() && node.certificate.extensions().subject_key_identifier == wanted;
            if fits { &mut fitting } else { &mut others }.push(Candidate::Intermediate(node));
        }
        let anchors = self.roots.of_subject(&child.issuer).iter().map(|der| Candidate::Anchor(der.as_ref()));
        let mut candidates: Vec<_> = anchors.chain(fitting).chain(others).collect();
        candidates.reverse();
        if candidates.is_empty() {
            let refused = self.roots.refusal(&child.issuer).cloned();
            self.note(refused.unwrap_or_else(|| Error::UnknownIssuer { issuer: child.certificate.issuer().label() }));
        }
        candidates
    }

    fn try_intermediate(&mut self, path: &[&'r Node<'r>], node: &Node<'_>) -> Result<(), Error> {
        let below = counted(path);
        let depth = below + usize::from(!node.is_self_issued());
        // Leaf, path, this one and an anchor.
        if path.len() + 3 > MAX_PATH || depth > self.policy.max_chain_depth {
            return Err(Error::Rule { subject: node.certificate.label(), rule: Rule::PathLength });
        }
        profile::check_time(&node.certificate, self.now)?;
        profile::check_intermediate(&node.certificate, self.purpose)?;
        check_path_length(&node.certificate, below)?;
        check_signature(self.provider, &self.last(path).certificate, &node.certificate, &mut self.budget)
    }

    fn try_anchor(&mut self, path: &[&'r Node<'r>], der: &[u8]) -> Result<(), Error> {
        let anchor = Certificate::parse(der)?;
        profile::check_time(&anchor, self.now)?;
        anchor::check(&anchor, self.purpose)?;
        check_path_length(&anchor, counted(path))?;
        check_signature(self.provider, &self.last(path).certificate, &anchor, &mut self.budget)?;
        self.check_constraints(path, &anchor)?;
        self.check_revocation(path, &anchor)
    }

    /// RFC 5280 s6.1.3 (a) (3).
    fn check_revocation(&mut self, path: &[&'r Node<'r>], anchor: &Certificate<'_>) -> Result<(), Error> {
        let Some(revocation) = self.roots.revocation() else { return Ok(()) };
        let below = core::iter::once(self.leaf).chain(path.iter().copied()).map(|node| &node.certificate);
        let certificates: Vec<&Certificate<'_>> = below.chain([anchor]).collect();
        revocation.check(self.provider, &certificates, self.now, &mut self.budget)
    }

    /// RFC 5280 s6.1.3 (b) and (c): the constraints of each authority bind all certificates below it, except those
    /// authorities that issued themselves.
    fn check_constraints(&mut self, path: &[&'r Node<'r>], anchor: &Certificate<'_>) -> Result<(), Error> {
        let above = path.iter().map(|node| &node.certificate).chain(core::iter::once(anchor));
        for (depth, authority) in above.enumerate() {
            let Some(name_constraints) = &authority.extensions().name_constraints else { continue };
            constraints::check(name_constraints, &self.leaf.certificate, &mut self.budget)?;
            for node in path.iter().take(depth).filter(|node| !node.is_self_issued()) {
                constraints::check(name_constraints, &node.certificate, &mut self.budget)?;
            }
        }
        Ok(())
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

/// Authorities in the path that count for its length (RFC 5280 s6.1.4 (l): self-issued ones do not).
fn counted(path: &[&Node<'_>]) -> usize {
    path.iter().filter(|node| !node.is_self_issued()).count()
}

/// RFC 5280 s4.2.1.9: `below` authorities that count come after this one.
fn check_path_length(certificate: &Certificate<'_>, below: usize) -> Result<(), Error> {
    let limit = certificate.extensions().basic_constraints.and_then(|basic| basic.path_length);
    let fits = limit.is_none_or(|limit| usize::try_from(limit).is_ok_and(|limit| below <= limit));
    profile::demand(certificate, fits, Rule::PathLength)
}

fn check_signature(
    provider: &Provider,
    child: &Certificate<'_>,
    issuer: &Certificate<'_>,
    budget: &mut Budget,
) -> Result<(), Error> {
    let (key_algorithm, key) = issuer.subject_public_key()?;
    let verifier = child.signature_algorithm().and_then(|signature| provider.verifier(key_algorithm, signature));
    let verifier = verifier.ok_or_else(|| child.unusable_signature())?;
    budget.spend_signature()?;
    let outcome = verifier.verify(key, child.to_be_signed(), child.signature());
    outcome.map_err(|_| Error::BadSignature { subject: child.label() })
}

#[cfg(test)]
mod tests;
