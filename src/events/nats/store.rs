//! The store as its users have it: a queue of operations, and the thread that makes a task of each.

use super::super::store::{Answer, Store};
use super::client::{Client, Servers};
use super::options::NatsOptions;
use super::worker::Worker;
use crate::client::roots::Roots;
use crate::error::Error;
use crate::wall_clock::SystemClock;
use base::Duration;
use events::delivery::{Operation, Outcome, Refusal};
use runtime::Executor;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;

/// The most operations that wait or are under way.
const MAX_OPERATIONS: usize = 16_384;
/// How long operations that are under way have to hear that the store ends.
const FAREWELL: Duration = Duration::from_secs(10);

/// A store on NATS JetStream, with a thread of its own. Dropping it ends it.
///
/// Any number of these, in any number of processes, share what is on the servers. What differs from the other stores:
/// events that are ordered by key are delivered one at a time; a subscription's backoff holds for what is refused, and what is late is
/// delivered again at once; an extension is as long as the deadline; and a delivery is known to the store only that made it, so
/// that after its end an acknowledgment counts as unknown and the event comes again.
#[derive(Debug)]
pub struct NatsStore {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    inbox: Mutex<Inbox>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

#[derive(Default)]
struct Inbox {
    waiting: VecDeque<(Operation, Answer)>,
    /// Those that are under way.
    under_way: usize,
    is_ending: bool,
    waker: Option<Waker>,
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NatsStore {
    /// Connects to one of the servers of `nats://[USER:PASSWORD@]HOST:PORT[,HOST:PORT ...]`, or of `tls://` and the same, where nothing
    /// but a server's greeting is said before it has shown a certificate of its host.
    ///
    /// # Errors
    /// The address is none, no server answers (each has five seconds) or is believed, or the system gives no thread.
    pub fn connect(url: &str, options: NatsOptions) -> Result<NatsStore, Refusal> {
        let servers = servers(url, options.roots.as_ref())?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let (sender, ready) = std::sync::mpsc::channel();
        let run = move || {
            let failed = |error: std::io::Error| Refusal::Failed { reason: format!("no executor: {error}") };
            match Executor::new().map_err(failed) {
                Ok(executor) => executor.block_on(main(&executor, &servers, options, &of_thread, &sender)),
                Err(refusal) => drop(sender.send(Err(refusal))),
            }
            end(&of_thread);
        };
        let started = std::thread::Builder::new().name("posthaste-nats".into()).spawn(run);
        let thread =
            started.map_err(|error| Refusal::Failed { reason: format!("no thread for the store: {error}") })?;
        let store = NatsStore { shared, thread: Mutex::new(Some(thread)) };
        ready.recv().unwrap_or(Err(Refusal::Ending))?;
        Ok(store)
    }

    /// Refuses what waits and what is under way, and ends. Dropping it does the same.
    pub fn end(&self) {
        let waker = {
            let mut inbox = self.shared.inbox();
            inbox.is_ending = true;
            inbox.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for NatsStore {
    fn drop(&mut self) {
        self.end();
    }
}

impl Store for NatsStore {
    fn submit(&self, operation: Operation, answer: Answer) {
        let mut inbox = self.shared.inbox();
        let refusal = match () {
            () if inbox.is_ending => Refusal::Ending,
            () if inbox.waiting.len() + inbox.under_way >= MAX_OPERATIONS => Refusal::Busy,
            () => {
                inbox.waiting.push_back((operation, answer));
                let waker = inbox.waker.take();
                drop(inbox);
                waker.into_iter().for_each(Waker::wake);
                return;
            }
        };
        drop(inbox);
        answer(Outcome::Refused(refusal));
    }
}

/// How servers of NATS are named, without TLS and with it.
const SCHEMES: [&str; 2] = ["nats://", "tls://"];

fn servers(url: &str, roots: Option<&Roots>) -> Result<Servers, Refusal> {
    let bad = || Refusal::BadSetting {
        what: "a NATS address has the form nats://[USER:PASSWORD@]HOST:PORT[,HOST:PORT ...], or tls:// and the same",
    };
    let scheme = SCHEMES.into_iter().find(|scheme| url.starts_with(scheme)).ok_or_else(bad)?;
    let rest = url.strip_prefix(scheme).ok_or_else(bad)?.trim_end_matches('/');
    let (user, places) = rest.rsplit_once('@').map_or((None, rest), |(user, places)| (Some(user), places));
    let user = match user {
        Some(text) => {
            let (user, password) = text.split_once(':').ok_or_else(bad)?;
            Some((user.to_owned(), password.to_owned()))
        }
        None => None,
    };
    let place = |text: &str| {
        let text = text.trim_start_matches(scheme);
        let (host, port) = text.rsplit_once(':').unwrap_or((text, "4222"));
        let is_good = !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
        is_good.then(|| format!("{host}:{port}")).ok_or_else(bad)
    };
    let places = places.split(',').map(place).collect::<Result<Vec<_>, _>>()?;
    let tls = if scheme == "tls://" { Some(config(roots)?) } else { None };
    Ok(Servers { places, user, tls })
}

fn config(roots: Option<&Roots>) -> Result<Arc<tls::ClientConfig>, Refusal> {
    let failed = |error: Error| Refusal::Failed { reason: error.to_string() };
    let verification = match roots {
        Some(roots) => roots.verification(),
        None => Roots::system().map_err(failed)?.verification(),
    };
    let clock = Arc::new(SystemClock);
    Ok(Arc::new(tls::ClientConfig::new(crypto_ring::PROVIDER, verification, Vec::new(), clock)))
}

fn end(shared: &Shared) {
    let waiting = {
        let mut inbox = shared.inbox();
        inbox.is_ending = true;
        std::mem::take(&mut inbox.waiting)
    };
    for (_, answer) in waiting {
        answer(Outcome::Refused(Refusal::Ending));
    }
}

/// What the thread does.
async fn main(
    executor: &Executor,
    servers: &Servers,
    options: NatsOptions,
    shared: &Arc<Shared>,
    ready: &std::sync::mpsc::Sender<Result<(), Refusal>>,
) {
    let handle = executor.handle().clone();
    let drawn: [u8; 16] = base::random::array(&mut crypto_ring::SystemRandom::new());
    let name: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
    let client = Client::new(handle.clone(), &name);
    let (of_task, servers) = (client.clone(), servers.clone());
    let moving = handle.spawn(async move { of_task.run(&servers).await });
    if client.tried().await.is_err() {
        let reason = format!("{}; start a server with `nats-server -js`", client.failure());
        let _ = ready.send(Err(Refusal::Unreachable { reason }));
        return;
    }
    let _ = ready.send(Ok(()));
    let worker = Rc::new(Worker::new(client, options));
    loop {
        let next = poll_fn(|context| {
            let mut inbox = shared.inbox();
            if inbox.is_ending {
                return Poll::Ready(None);
            }
            match inbox.waiting.pop_front() {
                Some(next) => {
                    inbox.under_way += 1;
                    Poll::Ready(Some(next))
                }
                None => {
                    inbox.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        let Some((operation, answer)) = next.await else { break };
        let (worker, shared) = (Rc::clone(&worker), Arc::clone(shared));
        handle.spawn_farewell(async move {
            let outcome = worker.work(operation).await.unwrap_or_else(Outcome::Refused);
            shared.inbox().under_way -= 1;
            answer(outcome);
        });
    }
    // Whatever waits for a server is told, and answers.
    worker.client.end();
    let _late = handle.timeout(FAREWELL, handle.farewells_over()).await;
    moving.abort();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn addresses_are_read_and_others_refused() {
        let read = |url: &str| servers(url, None).map(|servers| (servers.places.join(" "), servers.user));
        assert_eq!(read("nats://localhost:4222"), Ok(("localhost:4222".into(), None)));
        assert_eq!(read("nats://a,b:1,nats://c:2/"), Ok(("a:4222 b:1 c:2".into(), None)));
        let user = Some(("me".to_owned(), "se:cret@".to_owned()));
        assert_eq!(read("nats://me:se:cret@@a:1"), Ok(("a:1".into(), user)));
        for bad in [
            "",
            "localhost:4222",
            "http://a:1",
            "nats://",
            "nats://a:0",
            "nats://a:x",
            "nats://:1",
            "nats://me@a:1",
            "nats://a,,b",
        ] {
            assert!(matches!(read(bad), Err(Refusal::BadSetting { .. })), "{bad}");
        }
        let roots = Roots::from_pem(Identity::development(&[]).expect("a key").certificate_pem().as_bytes());
        let secure = servers("tls://me:secret@a,tls://b:1", Some(&roots.expect("a certificate"))).expect("it is one");
        assert_eq!((secure.places.join(" ").as_str(), secure.tls.is_some()), ("a:4222 b:1", true));
    }

    /// A password is for a server that has shown who it is, and for nobody before.
    #[test]
    fn a_server_without_the_tls_that_its_address_asks_for_is_told_nothing() {
        for (scheme, info, words) in [
            ("tls", "{\"tls_required\":false}", "it has no TLS, which its address asks for"),
            ("tls", "{\"tls_required\":true}\r\n+OK", "is not NATS' protocol"),
            ("nats", "{\"tls_required\":true}", "it demands TLS: its address is tls://HOST:PORT"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("a client");
                stream.write_all(format!("INFO {info}\r\n").as_bytes()).expect("it reads");
                let mut said = Vec::new();
                let _ = stream.read_to_end(&mut said);
                said
            });
            let roots = Roots::from_pem(Identity::development(&[]).expect("a key").certificate_pem().as_bytes()).ok();
            let options = NatsOptions { roots, ..NatsOptions::default() };
            let refused = NatsStore::connect(&format!("{scheme}://me:secret@{address}"), options);
            let Err(Refusal::Unreachable { reason }) = refused else { panic!("{refused:?}") };
            assert!(reason.contains(words), "{reason}");
            assert_eq!(server.join().expect("it has ended"), b"", "{words}");
        }
    }
}
