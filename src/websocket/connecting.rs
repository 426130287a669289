//! WebSockets over HTTP/1.1 are opened one by one: of those that go to one server, by its name or by its address, each waits until those
//! before it were answered (RFC 6455 section 4.1). It keeps a client from being made to open hundreds of connections to whoever somebody
//! names.

use crate::client::line::Line;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::rc::Rc;

/// What is being opened by one client.
#[derive(Default)]
pub(crate) struct Connecting {
    hosts: Lines<Rc<str>>,
    addresses: Lines<IpAddr>,
}

/// Who waits, by what they go to.
type Lines<K> = RefCell<BTreeMap<K, Rc<Line>>>;

impl Connecting {
    /// Does `work` when no other work for this name is under way.
    pub(crate) async fn for_host<T>(&self, host: &Rc<str>, work: impl Future<Output = T>) -> T {
        in_turn(&self.hosts, host.clone(), work).await
    }

    /// The same of an address.
    pub(crate) async fn for_address<T>(&self, address: IpAddr, work: impl Future<Output = T>) -> T {
        in_turn(&self.addresses, address, work).await
    }
}

async fn in_turn<K: Ord + Clone, T>(lines: &Lines<K>, key: K, work: impl Future<Output = T>) -> T {
    let line = lines.borrow_mut().entry(key.clone()).or_default().clone();
    // What is declared first is dropped last: the line is looked at when the turn is over.
    let _leaving = Leaving { lines, key, line: line.clone() };
    let turn = line.join();
    turn.first().await;
    work.await
}

/// Of a line in which nobody waits nothing is kept.
struct Leaving<'a, K: Ord> {
    lines: &'a Lines<K>,
    key: K,
    line: Rc<Line>,
}

impl<K: Ord> Drop for Leaving<'_, K> {
    fn drop(&mut self) {
        if self.line.is_empty() {
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

    /// RFC 6455 section 4.1-5, 4.1-6.
    #[test]
    fn work_for_one_address_is_done_in_order_and_for_others_beside_it() {
        let executor = Executor::new().unwrap();
        let connecting = Rc::new(Connecting::default());
        let done = Rc::new(RefCell::new(Vec::new()));
        let busy = Rc::new(Cell::new(0));
        let tasks: Vec<_> = [1, 1, 2, 1]
            .into_iter()
            .enumerate()
            .map(|(number, last)| {
                let (connecting, done, busy) = (connecting.clone(), done.clone(), busy.clone());
                executor.handle().spawn(async move {
                    let work = async {
                        busy.set(busy.get() + 1);
                        for _ in 0..10 {
                            yield_now().await;
                            assert!(busy.get() <= 2, "one for each address");
                        }
                        busy.set(busy.get() - 1);
                        done.borrow_mut().push(number);
                    };
                    connecting.for_address(IpAddr::from([192, 0, 2, last]), work).await;
                })
            })
            .collect();
        executor.block_on(async {
            // One that gives up lets the next have its turn.
            tasks[1].abort();
            for (number, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.is_err(), number == 1);
            }
        });
        assert_eq!(*done.borrow(), [0, 2, 3]);
        assert!(connecting.addresses.borrow().is_empty(), "nothing is kept of those who have left");
    }
}
