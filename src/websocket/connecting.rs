//! WebSockets over HTTP/1.1 are opened one by one: of those that go to one server, by its name or by its address, each waits until those
//! before it were answered (RFC 6455 section 4.1). It keeps a client from being made to open hundreds of connections to whoever somebody
//! names.

use crate::client::line::{Line, Turn};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::rc::Rc;

/// What is being opened by one client.
pub(crate) struct Connecting {
    hosts: Rc<Lines<Rc<str>>>,
    addresses: Rc<Lines<IpAddr>>,
    /// Whether names are looked up here, and not by a proxy.
    knows_addresses: bool,
    /// Of each host that has its turn: the turns that it has at addresses.
    taken: RefCell<BTreeMap<Rc<str>, Vec<Place<IpAddr>>>>,
}

/// Who waits, by what they go to.
type Lines<K> = RefCell<BTreeMap<K, Rc<Line>>>;

impl Connecting {
    /// Nothing yet, of a client that knows the addresses of its servers or leaves that to a proxy.
    pub(crate) fn new(knows_addresses: bool) -> Connecting {
        Connecting { hosts: Rc::default(), addresses: Rc::default(), knows_addresses, taken: RefCell::default() }
    }

    /// Does `work` when no other work for this name is under way. What addresses it has [reached](Connecting::reach) are free again then.
    pub(crate) async fn for_host<T>(&self, host: &Rc<str>, work: impl Future<Output = T>) -> T {
        let place = Place::new(&self.hosts, host.clone());
        place.turn.first().await;
        self.taken.borrow_mut().insert(host.clone(), Vec::new());
        // What is declared last is dropped first.
        let _taken = Taken { connecting: self, host };
        work.await
    }

    /// Waits until nobody else's work is under way at this address, and has it until the work for this name is over. Where there is none,
    /// what goes to the address is no WebSocket's, and does not wait; nor does anything where the address is that of a way through a proxy,
    /// and says nothing of the server.
    /// RFC 6455 section 4.1-7, 4.1-8.
    pub(crate) async fn reach(&self, host: &str, address: IpAddr) {
        if !self.may_wait(host, address) {
            return;
        }
        let place = Place::new(&self.addresses, address);
        place.turn.first().await;
        // The work may have been given up meanwhile.
        if let Some(taken) = self.taken.borrow_mut().get_mut(host) {
            taken.push(place);
        }
    }

    /// An address that was reached is of no use.
    pub(crate) fn leave(&self, host: &str, address: IpAddr) {
        let mut all = self.taken.borrow_mut();
        let Some(taken) = all.get_mut(host) else { return };
        let at = taken.iter().position(|place| place.key == address);
        let left = at.map(|at| taken.swap_remove(at));
        drop(all);
        drop(left);
    }

    fn may_wait(&self, host: &str, address: IpAddr) -> bool {
        let taken = self.taken.borrow();
        self.knows_addresses && taken.get(host).is_some_and(|taken| taken.iter().all(|place| place.key != address))
    }
}

/// The addresses of a name whose work is over are free.
struct Taken<'a> {
    connecting: &'a Connecting,
    host: &'a Rc<str>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let taken = self.connecting.taken.borrow_mut().remove(self.host);
        drop(taken);
    }
}

/// A place in the line of those who go to `key`. Of a line in which nobody waits nothing is kept.
struct Place<K: Ord> {
    lines: Rc<Lines<K>>,
    key: K,
    turn: Turn<Rc<Line>>,
}

impl<K: Ord + Clone> Place<K> {
    fn new(lines: &Rc<Lines<K>>, key: K) -> Place<K> {
        let line = lines.borrow_mut().entry(key.clone()).or_default().clone();
        Place { lines: lines.clone(), key, turn: Turn::behind_others(line) }
    }
}

impl<K: Ord> Drop for Place<K> {
    fn drop(&mut self) {
        if self.turn.line().is_last() {
            self.lines.borrow_mut().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Executor;
    use runtime::executor::yield_now;
    use std::cell::Cell;

    /// RFC 6455 section 4.1-5, 4.1-6, 4.1-7.
    #[test]
    fn work_for_one_address_is_done_in_order_and_for_others_beside_it() {
        let executor = Executor::new().unwrap();
        let connecting = Rc::new(Connecting::new(true));
        let done = Rc::new(RefCell::new(Vec::new()));
        let busy = Rc::new(Cell::new(0));
        let tasks: Vec<_> = [("a", 1), ("b", 1), ("c", 2), ("a", 1), ("d", 1)]
            .into_iter()
            .enumerate()
            .map(|(number, (host, last))| {
                let (connecting, done, busy) = (connecting.clone(), done.clone(), busy.clone());
                executor.handle().spawn(async move {
                    let address = IpAddr::from([192, 0, 2, last]);
                    let work = async {
                        connecting.reach(host, address).await;
                        connecting.reach(host, address).await;
                        busy.set(busy.get() + 1);
                        for _ in 0..10 {
                            yield_now().await;
                            assert!(busy.get() <= 2, "one for each address");
                        }
                        busy.set(busy.get() - 1);
                        done.borrow_mut().push(number);
                    };
                    connecting.for_host(&host.into(), work).await;
                })
            })
            .collect();
        executor.block_on(async {
            // One that gives up lets the next have its turn.
            yield_now().await;
            tasks[1].abort();
            for (number, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.is_err(), number == 1);
            }
        });
        assert_eq!(*done.borrow(), [0, 2, 4, 3]);
        assert!(connecting.is_empty(), "nothing is kept of those who have left");
    }

    impl Connecting {
        fn is_empty(&self) -> bool {
            self.hosts.borrow().is_empty() && self.addresses.borrow().is_empty() && self.taken.borrow().is_empty()
        }
    }

    /// A name whose first address does not answer goes on to its second, and whoever waits for the first has it then.
    #[test]
    fn an_address_that_is_of_no_use_is_left_to_others() {
        let executor = Executor::new().unwrap();
        let connecting = Rc::new(Connecting::new(true));
        let (first, second) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        executor.block_on(async {
            let (others, reached) = (connecting.clone(), Rc::new(Cell::new(false)));
            let told = reached.clone();
            let work = async {
                connecting.reach("a", first).await;
                let other = executor.handle().spawn(async move {
                    let work = async { others.reach("b", first).await };
                    others.for_host(&"b".into(), work).await;
                    told.set(true);
                });
                for _ in 0..10 {
                    yield_now().await;
                }
                assert!(!reached.get());
                connecting.leave("a", first);
                connecting.leave("a", second);
                connecting.reach("a", second).await;
                other.await.unwrap();
                assert!(reached.get());
            };
            connecting.for_host(&"a".into(), work).await;
            // What is no WebSocket's waits for nobody.
            connecting
                .for_host(&"a".into(), async {
                    connecting.reach("a", first).await;
                    connecting.reach("c", first).await;
                })
                .await;
        });
        assert!(connecting.is_empty());
    }
    /// RFC 6455 section 4.1-8.
    #[test]
    fn behind_a_proxy_each_name_is_another_server() {
        let executor = Executor::new().unwrap();
        let connecting = Connecting::new(false);
        let address = IpAddr::from([127, 0, 0, 1]);
        executor.block_on(async {
            let other = async { connecting.reach("b", address).await };
            let work = async {
                connecting.reach("a", address).await;
                connecting.for_host(&"b".into(), other).await;
            };
            connecting.for_host(&"a".into(), work).await;
        });
        assert!(connecting.is_empty());
    }
}
