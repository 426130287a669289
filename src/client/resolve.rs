//! Resolves a host name to its addresses on a thread of its own, because the system's resolver blocks.

use crate::error::Error;
use runtime::Handle;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Addresses of hosts that the system is not asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    known: Vec<(Box<str>, u16, Vec<SocketAddr>)>,
}

impl Overrides {
    /// `host` (lower-case, `*` for all) at `port` is at these addresses. What was said later counts.
    pub(crate) fn set(&mut self, host: &str, port: u16, addresses: Vec<IpAddr>) {
        let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        self.known.insert(0, (host.to_ascii_lowercase().into(), port, addresses));
    }

    /// The same, at another port.
    pub(crate) fn set_at(&mut self, host: &str, port: u16, address: SocketAddr) {
        self.known.insert(0, (host.to_ascii_lowercase().into(), port, vec![address]));
    }

    /// Where a host is, if it was said.
    pub(crate) fn addresses(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let is_it =
            |(name, at, _): &&(Box<str>, u16, Vec<SocketAddr>)| (**name == *host || **name == *"*") && *at == port;
        let (_, _, addresses) = self.known.iter().find(is_it)?;
        Some(addresses.clone())
    }
}

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

#[derive(Default)]
struct Answer {
    result: Option<io::Result<Vec<SocketAddr>>>,
    waker: Option<Waker>,
}

/// The addresses of `host`, in the order the system prefers.
///
/// # Errors
/// It has none, or the system does not know within `patience`.
pub(crate) async fn resolve(
    handle: &Handle,
    host: &str,
    port: u16,
    patience: Duration,
) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = host.to_owned();
    let ask = move || Ok((name.as_str(), port).to_socket_addrs()?.take(MAX_ADDRESSES).collect());
    let result = match handle.timeout(patience, look_up(ask)?).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {patience:?}"))),
    };
    let failed = |error| Error::Resolve { host: host.to_owned(), error: Arc::new(error) };
    let mut addresses = result.map_err(failed)?;
    addresses.dedup();
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "the name exists, but has no address record")));
    }
    Ok(addresses)
}

/// Has a thread ask. Nobody waits for the thread, but only for what it finds.
fn look_up(
    ask: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> Result<impl Future<Output = io::Result<Vec<SocketAddr>>>, Error> {
    let answer = Arc::new(Mutex::new(Answer::default()));
    let shared = answer.clone();
    let ask = move || {
        let result = ask();
        let mut answer = shared.lock().unwrap_or_else(PoisonError::into_inner);
        answer.result = Some(result);
        if let Some(waker) = answer.waker.take() {
            waker.wake();
        }
    };
    std::thread::Builder::new().name("posthaste-resolve".into()).spawn(ask).map_err(Error::system)?;
    Ok(poll_fn(move |context| {
        let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.waker = Some(context.waker().clone());
        answer.result.take().map_or(Poll::Pending, Poll::Ready)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn what_was_said_of_a_host_counts_and_later_words_more() {
        let mut overrides = Overrides::default();
        overrides.set("A.example", 443, vec!["192.0.2.1".parse().unwrap()]);
        overrides.set("*", 444, vec!["::1".parse().unwrap()]);
        overrides.set("a.example", 443, vec!["192.0.2.2".parse().unwrap(), "::2".parse().unwrap()]);
        let found = overrides.addresses("a.example", 443).unwrap();
        assert_eq!(found, ["192.0.2.2:443".parse().unwrap(), "[::2]:443".parse().unwrap()]);
        assert_eq!(overrides.addresses("b.example", 444).unwrap(), ["[::1]:444".parse().unwrap()]);
        assert_eq!(overrides.addresses("b.example", 443), None);
    }

    #[test]
    fn addresses_need_no_resolver_and_names_get_one() {
        let executor = runtime::Executor::new().unwrap();
        let handle = executor.handle();
        executor.block_on(async {
            assert_eq!(resolve(handle, "::1", 7, Duration::ZERO).await.unwrap(), ["[::1]:7".parse().unwrap()]);
            let local = resolve(handle, "localhost", 7, PATIENCE).await.unwrap();
            assert!(local.iter().all(|address| address.ip().is_loopback() && address.port() == 7));
            let error = resolve(handle, "no.such.host.invalid", 7, PATIENCE).await.unwrap_err();
            assert!(error.to_string().contains("no.such.host.invalid has no address"), "{error}");
            let error = resolve(handle, "no.such.host.invalid", 7, Duration::ZERO).await.unwrap_err();
            assert!(error.to_string().contains("could not be looked up: no answer within 0ns"), "{error}");
        });
    }
}
