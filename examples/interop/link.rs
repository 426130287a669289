//! A QUIC endpoint on its sockets, with one part of the application for each connection.

use super::Failure;
use posthaste::Handle;
use posthaste::trace::{Qlog, TraceConsumer};
use quic::{Connection, Endpoint, EndpointConfig, EndpointEvent, Event};
use runtime::{Driver, DriverHandle, UdpSocket};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// What an end does on one connection.
pub trait Application: Default {
    /// Something happened.
    fn on_event(&mut self, connection: &mut Connection, event: Event);
}

/// The endpoint, lent to whoever has something to do.
pub struct Link<A> {
    pub endpoint: Rc<RefCell<Endpoint<A>>>,
    pub driver: DriverHandle,
    /// Where the sockets are bound.
    pub addresses: Vec<SocketAddr>,
    news: Rc<Cell<Option<Waker>>>,
}

impl<A: Application + 'static> Link<A> {
    /// Runs an endpoint on `sockets` until the process ends.
    pub fn start(
        handle: &Handle,
        sockets: Vec<UdpSocket>,
        config: EndpointConfig,
        mut qlog: Option<Qlog>,
    ) -> Result<Link<A>, Failure> {
        let addresses = sockets.iter().map(UdpSocket::local_address).collect();
        let random = Box::new(crypto_ring::SystemRandom::new());
        let endpoint = Rc::new(RefCell::new(Endpoint::<A>::new(handle.now(), config, random)));
        let news = Rc::new(Cell::new(None::<Waker>));
        let told = news.clone();
        let (driver, driver_handle) = Driver::new(handle, sockets, endpoint.clone(), move |endpoint, _| {
            tell(endpoint);
            if let Some(qlog) = &mut qlog {
                endpoint.poll_traces(&mut |record| qlog.record(record));
                if let Some(error) = qlog.take_error() {
                    eprintln!("interop: {error}");
                }
            }
            told.take().inspect(Waker::wake_by_ref);
        })?;
        handle.spawn_detached(async move {
            if let Err(error) = driver.await {
                eprintln!("interop: the sockets cannot be used any more: {error}");
            }
        });
        Ok(Link { endpoint, driver: driver_handle, addresses, news })
    }

    /// Waits for something that an application gives.
    pub async fn until<T>(&self, mut take: impl FnMut() -> Option<T>) -> T {
        poll_fn(|context| {
            self.news.set(Some(context.waker().clone()));
            take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Brings each event to the application of its connection.
pub fn tell<A: Application>(endpoint: &mut Endpoint<A>) {
    while let Some(event) = endpoint.poll_event() {
        let EndpointEvent::Ready(handle) = event else { continue };
        let Some((connection, application)) = endpoint.parts_mut(handle) else { continue };
        while let Some(event) = connection.poll_event() {
            application.on_event(connection, event);
        }
    }
}
