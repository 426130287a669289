//! A client whose address goes away: an interface is down, or has another address. Its connections go on from the address that
//! leads to their servers now, without being asked (RFC 9000 section 9).
//!
//! While something is under way, and only then, a task looks at each connection that has heard nothing since the last look, and
//! at once at one whose datagrams the system would not send. If the system would send to the server from another address than the
//! one in use, the connection moves there: it tries the way first, so that one that still works stays what it is. While the system
//! knows no way at all, it is asked again and again, until the connection is over.

use crate::client::event::ClientEvent;
use crate::http3::known::Known;
use crate::http3::link::Link;
use base::{FourTuple, Instant};
use quic::{ConnectionHandle, PathStats};
use runtime::Handle;
use runtime::udp::source_address;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

/// Who is told what becomes of a client's connections.
pub(crate) type OnClientEvent = Rc<dyn Fn(&ClientEvent)>;

/// Connections that are on their way.
type Following = Rc<RefCell<BTreeSet<ConnectionHandle>>>;

/// The time between two looks: several round trips of most paths, and short beside any timeout.
const LOOK: Duration = Duration::from_millis(500);
/// The time after a look because of a datagram that was not sent: who sends much is refused as much.
const REST: Duration = Duration::from_millis(50);

/// Looks after the connections of `link` as long as something is under way. To be called whenever something begins.
pub(crate) fn watch(link: &Rc<Link>, on_event: &Option<OnClientEvent>) {
    if !link.begin_watch() {
        return;
    }
    let (executor, link, on_event) = (link.executor().clone(), Rc::downgrade(link), on_event.clone());
    executor.clone().spawn_detached(async move {
        // What each connection had received at the last look.
        let mut heard = BTreeMap::new();
        let following = Following::default();
        let mut next = executor.read_clock() + LOOK;
        loop {
            let pathless = refused_until(&executor, next, &link).await;
            let Some(link) = link.upgrade() else { return };
            let busy = link.busy();
            if busy.is_empty() {
                return link.end_watch();
            }
            let is_due = pathless.is_empty();
            let before = if is_due { std::mem::take(&mut heard) } else { BTreeMap::new() };
            for (handle, known, path) in busy {
                let is_silent = before.get(&handle) == Some(&path.bytes_received);
                if is_due {
                    heard.insert(handle, path.bytes_received);
                }
                if is_silent || pathless.contains(&FourTuple { local: path.local, remote: path.remote }) {
                    follow(&link, &following, (handle, known, path), &on_event);
                }
            }
            if is_due {
                next = executor.read_clock() + LOOK;
                continue;
            }
            drop(link);
            executor.sleep(REST).await;
        }
    });
}

/// Paths on which the system would not send; none if it has sent on all of them until then, or if the link is gone.
async fn refused_until(executor: &Handle, until: Instant, link: &Weak<Link>) -> Vec<FourTuple> {
    let refused = poll_fn(|context| match link.upgrade() {
        Some(link) => link.poll_pathless(context),
        None => Poll::Ready(Vec::new()),
    });
    executor.timeout_at(until, refused).await.unwrap_or_default()
}

/// Moves a connection to the address that leads to its server now, if that is another one. One move at a time.
fn follow(
    link: &Rc<Link>,
    following: &Following,
    (handle, known, path): (ConnectionHandle, Rc<Known>, PathStats),
    on_event: &Option<OnClientEvent>,
) {
    let before = path.local.ip();
    let server = path.remote;
    // No way at all: later, perhaps.
    let Ok(local) = source_address(server) else { return };
    if local == before || !following.borrow_mut().insert(handle) {
        return;
    }
    let (link, following, on_event) = (link.clone(), following.clone(), on_event.clone());
    let executor = link.executor().clone();
    executor.spawn_detached(async move {
        // What failed is tried again at the next look.
        let moved = link.migrate(handle, &known, server).await;
        following.borrow_mut().remove(&handle);
        if let (Ok(()), Some(on_event)) = (moved, on_event) {
            tell(&on_event, server, before, &link.paths_of(handle));
        }
    });
}

fn tell(on_event: &OnClientEvent, server: SocketAddr, before: IpAddr, paths: &[PathStats]) {
    if let Some(path) = paths.first() {
        on_event(&ClientEvent::AddressChanged { server, before, local: path.local });
    }
}
