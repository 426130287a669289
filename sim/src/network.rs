//! Carries datagrams between addresses: through translators, over links, into a queue of arrivals.
//!
//! Arrivals of the same moment come in the order in which they were sent, so a run depends on nothing but its seed.

use crate::link::{Link, LinkConfig};
use crate::loss_mask::LossMask;
use crate::nat::{Forger, Nat};
use crate::random::SeededRandom;
use base::{Ecn, FourTuple, Instant};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A datagram at its destination.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// As its receiver sees it.
    pub four_tuple: FourTuple,
    /// The mark it arrived with.
    pub ecn: Ecn,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

/// The links of all pairs of addresses.
#[derive(Debug)]
pub struct Network {
    random: SeededRandom,
    default_link: LinkConfig,
    /// By true addresses, not by those that a translator shows.
    links: BTreeMap<(SocketAddr, SocketAddr), Link>,
    nats: Vec<Nat>,
    forgers: Vec<Forger>,
    mask: LossMask,
    sent: u64,
    masked: u64,
    unroutable: u64,
    arrivals: BTreeMap<(Instant, u64), Arrival>,
    next_sequence: u64,
}

impl Network {
    /// Every link is a [`LinkConfig::default`] until told otherwise.
    pub fn new(random: SeededRandom) -> Network {
        Network {
            random,
            default_link: LinkConfig::default(),
            links: BTreeMap::new(),
            nats: Vec::new(),
            forgers: Vec::new(),
            mask: LossMask::NONE,
            sent: 0,
            masked: 0,
            unroutable: 0,
            arrivals: BTreeMap::new(),
            next_sequence: 0,
        }
    }

    /// For pairs that are not used yet.
    pub fn set_default_link(&mut self, config: LinkConfig) {
        self.default_link = config;
    }

    /// One direction.
    pub fn set_link(&mut self, from: SocketAddr, to: SocketAddr, config: LinkConfig) {
        self.link(from, to).set_config(config);
    }

    /// Both directions.
    pub fn set_both(&mut self, one: SocketAddr, other: SocketAddr, config: LinkConfig) {
        self.set_link(one, other, config);
        self.set_link(other, one, config);
    }

    /// The link of this direction.
    pub fn link(&mut self, from: SocketAddr, to: SocketAddr) -> &mut Link {
        let (random, config) = (&mut self.random, self.default_link);
        self.links.entry((from, to)).or_insert_with(|| Link::new(config, random.fork()))
    }

    /// Puts a translator before an address.
    pub fn add_nat(&mut self, nat: Nat) {
        self.nats.push(nat);
    }

    /// Adds an attacker on the path who copies datagrams.
    pub fn add_forger(&mut self, forger: Forger) {
        self.forgers.push(forger);
    }

    /// Loses datagrams by number, before any link sees them.
    pub fn set_loss_mask(&mut self, mask: LossMask) {
        self.mask = mask;
    }

    /// Datagrams given to the network so far.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Of these, lost by the mask.
    pub const fn masked(&self) -> u64 {
        self.masked
    }

    /// Of these, sent to an address that a translator no longer shows, or that no machine had at arrival.
    pub const fn unroutable(&self) -> u64 {
        self.unroutable
    }

    /// Takes one datagram in.
    pub fn send(&mut self, now: Instant, four_tuple: FourTuple, mut ecn: Ecn, mut payload: Vec<u8>) {
        let index = self.sent;
        self.sent += 1;
        if self.mask.loses(index) {
            self.masked += 1;
            return;
        }
        let Some(to) = self.inside(now, four_tuple.remote) else {
            self.unroutable += 1;
            return;
        };
        let seen = self.outside(now, four_tuple.local);
        for forger in &mut self.forgers {
            if let Some((pretended, at)) = forger.copies(now, four_tuple.local) {
                let four_tuple = FourTuple { local: four_tuple.remote, remote: pretended };
                let copy = Arrival { four_tuple, ecn, payload: payload.clone() };
                self.arrivals.insert((at, self.next_sequence), copy);
                self.next_sequence += 1;
            }
        }
        let moments = self.link(four_tuple.local, to).carry(now, &mut ecn, &mut payload);
        let four_tuple = FourTuple { local: four_tuple.remote, remote: seen };
        for moment in moments.into_iter().flatten() {
            let arrival = Arrival { four_tuple, ecn, payload: payload.clone() };
            self.arrivals.insert((moment, self.next_sequence), arrival);
            self.next_sequence += 1;
        }
    }

    /// When the next datagram arrives.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.arrivals.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next datagram that has arrived by `now`. One to an outside address that is no longer valid is dropped.
    pub(crate) fn poll_arrival(&mut self, now: Instant) -> Option<Arrival> {
        while self.next_arrival().is_some_and(|at| at <= now) {
            let (_, mut arrival) = self.arrivals.pop_first()?;
            match self.inside(now, arrival.four_tuple.local) {
                Some(inside) => {
                    arrival.four_tuple.local = inside;
                    return Some(arrival);
                }
                None => self.unroutable += 1,
            }
        }
        None
    }

    /// Counts an arrival for which there was no machine.
    pub(crate) fn on_unroutable(&mut self) {
        self.unroutable += 1;
    }

    fn outside(&self, now: Instant, inside: SocketAddr) -> SocketAddr {
        self.nats.iter().find(|nat| nat.inside() == inside).map_or(inside, |nat| nat.outside(now))
    }

    /// The host reached at `address`; `None` for an address behind a translator, which is reached only by the one it
    /// shows.
    fn inside(&self, now: Instant, address: SocketAddr) -> Option<SocketAddr> {
        if let Some(nat) = self.nats.iter().find(|nat| nat.outside(now) == address) {
            return Some(nat.inside());
        }
        (!self.nats.iter().any(|nat| nat.inside() == address)).then_some(address)
    }
}
