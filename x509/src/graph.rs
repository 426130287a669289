//! The certificates of one validation, and who may have issued whom by name (RFC 4158 section 2). Names and authorities have
//! numbers, so that a search compares numbers; and what can be said of a certificate without its path is said once.

use crate::anchor;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::name::CanonicalName;
use crate::profile;
use crate::purpose::Purpose;
use crate::root_store::RootStore;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The leaf is the first of its nodes.
pub(crate) const LEAF: usize = 0;

/// A certificate that the peer sent.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) certificate: Certificate<'a>,
    /// The numbers of its names.
    pub(crate) subject: usize,
    pub(crate) issuer: usize,
    /// Subject and key: a path does not pass an authority twice, and a key signs as well by each of its certificates.
    pub(crate) authority: usize,
    /// Whether it may be an intermediate authority on some path.
    pub(crate) fitness: Result<(), Error>,
}

impl Node<'_> {
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

/// A trust anchor that has the name of somebody's issuer.
#[derive(Clone, Debug)]
pub(crate) struct Anchor<'a> {
    pub(crate) certificate: Certificate<'a>,
    /// Whether it may vouch for somebody on some path.
    pub(crate) fitness: Result<(), Error>,
}

/// Something that may have issued a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Candidate {
    /// Its place among the anchors of its name.
    Anchor(usize),
    /// The number of a node.
    Intermediate(usize),
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    names: Vec<OfName<'a>>,
}

/// What there is of one name.
#[derive(Debug, Default)]
struct OfName<'a> {
    anchors: Vec<Anchor<'a>>,
    /// Nodes that have it as their subject, as they were sent.
    subjects: Vec<usize>,
    /// Certificates between this name and an anchor at least, as far as names and fitness tell.
    distance: Option<usize>,
}

impl<'a> Graph<'a> {
    /// Of the peer's own certificate, the others that it sent, and the anchors, for what the peer is.
    pub(crate) fn new(
        leaf: Certificate<'a>,
        others: impl Iterator<Item = Certificate<'a>>,
        roots: &'a RootStore,
        purpose: Purpose,
        now: i64,
    ) -> Graph<'a> {
        let mut graph = Graph { nodes: Vec::new(), names: Vec::new() };
        let mut numbers = Numbers { roots, purpose, now, names: BTreeMap::new(), authorities: BTreeMap::new() };
        for certificate in core::iter::once(leaf).chain(others) {
            let number = graph.nodes.len();
            // The leaf is above nobody, so that nobody asks.
            let fitness = if number == LEAF { Ok(()) } else { fitness(&certificate, purpose, now) };
            let subject = graph.number_of(certificate.subject().canonical(), &mut numbers);
            let issuer = graph.number_of(certificate.issuer().canonical(), &mut numbers);
            let authority = numbers.authorities.len();
            let authority = *numbers.authorities.entry((subject, certificate.spki_der())).or_insert(authority);
            if number != LEAF {
                graph.names[subject].subjects.push(number);
            }
            graph.nodes.push(Node { certificate, subject, issuer, authority, fitness });
        }
        graph.measure();
        graph
    }

    fn number_of(&mut self, name: CanonicalName, numbers: &mut Numbers<'a>) -> usize {
        let Numbers { roots, purpose, now, .. } = *numbers;
        let next = self.names.len();
        let anchors = roots.of_subject(&name);
        let number = *numbers.names.entry(name).or_insert(next);
        if number == next {
            // What is an anchor could be read when it became one.
            let read = anchors.iter().filter_map(|der| Certificate::parse(der).ok());
            let anchors: Vec<_> = read
                .map(|certificate| {
                    let in_time = profile::check_time(&certificate, now);
                    let fitness = in_time.and_then(|()| anchor::check(&certificate, purpose));
                    Anchor { certificate, fitness }
                })
                .collect();
            let distance = anchors.iter().any(|anchor| anchor.fitness.is_ok()).then_some(0);
            self.names.push(OfName { anchors, subjects: Vec::new(), distance });
        }
        number
    }

    /// Counts from the anchors down: each round knows all names that are one certificate further away.
    fn measure(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for node in self.nodes.iter().skip(LEAF + 1).filter(|node| node.fitness.is_ok()) {
                let Some(above) = self.names[node.issuer].distance else { continue };
                let own = &mut self.names[node.subject].distance;
                // A distance never grows, and is never below 0: this ends.
                if own.is_none_or(|own| above + 1 < own) {
                    *own = Some(above + 1);
                    changed = true;
                }
            }
        }
    }

    pub(crate) fn node(&self, number: usize) -> &Node<'a> {
        &self.nodes[number]
    }

    /// The anchors that have the name of a node's issuer.
    pub(crate) fn anchors(&self, child: usize) -> &[Anchor<'a>] {
        &self.names[self.nodes[child].issuer].anchors
    }

    /// How many certificates have the name of a node's issuer.
    pub(crate) fn count_of_candidates(&self, child: usize) -> usize {
        let name = &self.names[self.nodes[child].issuer];
        name.anchors.len() + name.subjects.len()
    }

    /// What may have issued a node, best first: anchors, then who can lead to one, then whose key identifier fits (RFC 4158
    /// s3.2: it orders the candidates and rules none out), then who is closest to an anchor, then as they were sent.
    pub(crate) fn candidates(&self, child: usize) -> Vec<Candidate> {
        let name = &self.names[self.nodes[child].issuer];
        let wanted =
            self.nodes[child].certificate.extensions().authority_key_identifier.and_then(|key| key.key_identifier);
        let rank = |number: &usize| {
            let node = &self.nodes[*number];
            let fits = wanted.is_some() && node.certificate.extensions().subject_key_identifier == wanted;
            let distance = self.names[node.issuer].distance;
            (distance.is_none(), !fits, distance)
        };
        let mut intermediates = name.subjects.clone();
        intermediates.sort_by_key(rank);
        let anchors = (0..name.anchors.len()).map(Candidate::Anchor);
        anchors.chain(intermediates.into_iter().map(Candidate::Intermediate)).collect()
    }
}

/// Whether a certificate that was sent may be above another.
fn fitness(certificate: &Certificate<'_>, purpose: Purpose, now: i64) -> Result<(), Error> {
    profile::check_time(certificate, now)?;
    profile::check_intermediate(certificate, purpose)
}

/// What a graph is built for, and the numbers that were given out meanwhile.
struct Numbers<'a> {
    roots: &'a RootStore,
    purpose: Purpose,
    now: i64,
    names: BTreeMap<CanonicalName, usize>,
    authorities: BTreeMap<(usize, &'a [u8]), usize>,
}
