//! What a server knows of its end once for all its workers: what it waits for, and that its ports are offered to a successor.

use crate::http3::link::Waits;
use runtime::{Handle, Handover, JoinHandle, Offer, Shutdown};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// Shared by the workers of a server.
pub(crate) struct Ending {
    workers: usize,
    state: Mutex<State>,
    /// Triggered when all workers share their ports.
    shared: Shutdown,
    /// Triggered when another server wants to take over.
    taken_over: Shutdown,
    /// Triggered when it can bind.
    offered: Shutdown,
    /// Triggered when it has, or is not waited for any more.
    succeeded: Shutdown,
}

#[derive(Default)]
struct State {
    sharing: usize,
    begun: usize,
    waits: Waits,
    /// Kept until the server is gone.
    offers: Vec<Offer>,
}

/// A task that hands a successor's datagrams to a worker, until this is dropped.
pub(crate) struct TakingBack(JoinHandle<()>);

impl Drop for TakingBack {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ending {
    /// Of a server of so many workers.
    pub(crate) fn new(workers: usize) -> Ending {
        Ending {
            workers,
            state: Mutex::default(),
            shared: Shutdown::new(),
            taken_over: Shutdown::new(),
            offered: Shutdown::new(),
            succeeded: Shutdown::new(),
        }
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.workers
    }

    /// Another server wants to take over: all workers end.
    pub(crate) fn take_over(&self) {
        self.taken_over.trigger();
    }

    /// Waits until one does.
    pub(crate) async fn taken_over(&self) {
        self.taken_over.wait().await;
    }

    /// Whether one does.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.taken_over.is_triggered()
    }

    /// Waits until a successor can bind.
    pub(crate) async fn offered(&self) {
        self.offered.wait().await;
    }

    /// What a successor gets of connections of this server is given to one of the workers, as long as what this returns is there.
    /// Nothing comes where the port could not be offered.
    pub(crate) fn take_back(self: &Arc<Ending>, handle: &Handle, handover: &Handover) -> TakingBack {
        let (ending, own, handover) = (self.clone(), handle.clone(), handover.clone());
        TakingBack(handle.spawn(async move {
            ending.offered().await;
            let taking = |offer: &Offer| offer.given_back(&own, |datagram| handover.take_back(datagram)).ok();
            let mut taking: Vec<_> = ending.lock().offers.iter().filter_map(taking).map(Box::pin).collect();
            poll_fn(|context| {
                taking.retain_mut(|one| one.as_mut().poll(context).is_pending());
                Poll::<()>::Pending
            })
            .await;
        }))
    }

    /// The successor has bound, or is not waited for any more.
    pub(crate) fn on_successor(&self) {
        self.succeeded.trigger();
    }

    /// Waits for that.
    pub(crate) async fn succeeded(&self) {
        self.succeeded.wait().await;
    }

    /// A worker shares its ports. Waits until all do: before, nobody can bind beside any of them.
    pub(crate) async fn all_share(&self) {
        if self.count_sharing() == self.workers {
            self.shared.trigger();
        }
        self.shared.wait().await;
    }

    fn count_sharing(&self) -> usize {
        let mut state = self.lock();
        state.sharing += 1;
        state.sharing
    }

    /// A worker has begun to end. The last of them offers the ports, because no successor can bind
    /// before, and gets what all of them wait for.
    pub(crate) fn begin(&self, waits: Waits, addresses: &[SocketAddr]) -> Option<Waits> {
        let mut state = self.lock();
        state.begun += 1;
        state.waits.connections += waits.connections;
        state.waits.requests += waits.requests;
        if state.begun != self.workers {
            return None;
        }
        let mut ports: Vec<u16> = addresses.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        // Where the system has no room for an offer, the port is free when the server is gone.
        state.offers = ports.into_iter().filter_map(|port| Offer::announce(port).ok()).collect();
        let waits = state.waits;
        drop(state);
        self.offered.trigger();
        Some(waits)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_worker_offers_the_ports_and_knows_the_sum() {
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let ending = Ending::new(2);
        assert_eq!(ending.begin(Waits { connections: 1, requests: 2 }, &[address]), None);
        assert!(!Offer::is_made(address.port()));
        let both = Waits { connections: 4, requests: 6 };
        assert_eq!(ending.begin(Waits { connections: 3, requests: 4 }, &[address, address]), Some(both));
        assert!(Offer::is_made(address.port()));
        drop(ending);
        assert!(!Offer::is_made(address.port()));
    }
}
