//! Resolves a host name to its addresses on a thread of its own, because the system's resolver blocks.

use crate::error::Error;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

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
/// It has none.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let answer = Arc::new(Mutex::new(Answer::default()));
    let (shared, name) = (answer.clone(), host.to_owned());
    let ask = move || {
        let result = (name.as_str(), port).to_socket_addrs().map(|all| all.take(MAX_ADDRESSES).collect::<Vec<_>>());
        let mut answer = shared.lock().unwrap_or_else(PoisonError::into_inner);
        answer.result = Some(result);
        if let Some(waker) = answer.waker.take() {
            waker.wake();
        }
    };
    std::thread::Builder::new().name("posthaste-resolve".into()).spawn(ask).map_err(Error::system)?;
    let result = poll_fn(|context| {
        let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.waker = Some(context.waker().clone());
        answer.result.take().map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    let failed = |error| Error::Resolve { host: host.to_owned(), error: Arc::new(error) };
    let mut addresses = result.map_err(failed)?;
    addresses.dedup();
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "the name exists, but has no address record")));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_no_resolver_and_names_get_one() {
        let executor = runtime::Executor::new().unwrap();
        executor.block_on(async {
            assert_eq!(resolve("::1", 7).await.unwrap(), ["[::1]:7".parse().unwrap()]);
            let local = resolve("localhost", 7).await.unwrap();
            assert!(local.iter().all(|address| address.ip().is_loopback() && address.port() == 7));
            let error = resolve("no.such.host.invalid", 7).await.unwrap_err();
            assert!(error.to_string().contains("no.such.host.invalid has no address"), "{error}");
        });
    }
}
