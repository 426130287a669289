//! An HTTP/3 endpoint made of the protocol crates alone, on a socket of its own: it does what a test says and nothing by itself,
//! and keeps what it was told.
#![allow(dead_code)] // each of the tests uses a part

use base::{FourTuple, VarInt};
use h3::{EndpointEvent, OverQuic};
use posthaste::Handle;
use quic::ConnectionHandle;
use runtime::{Driver, DriverHandle, UdpSocket};
use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// The longest that a test waits for what has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Plain {
    endpoint: Rc<RefCell<h3::Endpoint>>,
    driver: DriverHandle,
    told: Rc<RefCell<Told>>,
    handle: Handle,
    address: SocketAddr,
}

#[derive(Default)]
struct Told {
    events: Vec<EndpointEvent>,
    waiting: Option<Waker>,
}

struct Clock;

impl tls::WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        runtime::clock::unix_seconds()
    }
}

fn certified() -> tls::CertifiedKey {
    let key = (crypto_ring::PROVIDER.generate_key)(crypto::KeyKind::EcP256).unwrap();
    let names = vec!["127.0.0.1".into()];
    let request = x509::IssueRequest {
        names,
        not_before_unix: 0,
        lifetime_seconds: 1 << 33,
        serial: [7; 16],
        is_authority: false,
    };
    let identity = x509::issue::self_signed(&crypto_ring::PROVIDER, &key, &request).unwrap();
    let key = (crypto_ring::PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, &key).unwrap();
    tls::CertifiedKey { chain: vec![identity.certificate], key }
}

impl Plain {
    pub(crate) fn client(handle: &Handle) -> Plain {
        Plain::start(handle, "127.0.0.1:0", None)
    }

    /// A server for clients that take any certificate.
    pub(crate) fn server(handle: &Handle) -> Plain {
        let resolver = Arc::new(tls::Single(Arc::new(certified())));
        let tls = tls::ServerConfig::new(crypto_ring::PROVIDER, resolver, vec![b"h3".to_vec()], Arc::new(Clock));
        Plain::start(handle, "127.0.0.1:0", Some(Arc::new(tls)))
    }

    fn start(handle: &Handle, address: &str, tls: Option<Arc<tls::ServerConfig>>) -> Plain {
        let config = quic::EndpointConfig::new(crypto_ring::PROVIDER, Arc::default(), tls);
        let random = Box::new(crypto_ring::SystemRandom::new());
        let quic = quic::Endpoint::new(runtime::clock::now(), config, random);
        let endpoint = Rc::new(RefCell::new(h3::Endpoint::new(quic, h3::Config::default())));
        let told = Rc::new(RefCell::new(Told::default()));
        let socket = UdpSocket::bind(address.parse().unwrap()).unwrap();
        let address = socket.local_address();
        let hears = told.clone();
        let (driver, notice) = Driver::new(handle, vec![socket], endpoint.clone(), move |endpoint, now| {
            while let Some(event) = endpoint.poll_event(now) {
                hears.borrow_mut().hear(event);
            }
        })
        .unwrap();
        handle.spawn_detached(async move {
            driver.await.unwrap();
        });
        Plain { endpoint, driver: notice, told, handle: handle.clone(), address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins a connection, whoever answers.
    pub(crate) fn connect(&self, remote: SocketAddr) -> ConnectionHandle {
        let verification = tls::ServerVerification::DangerousAcceptAny;
        let tls = tls::ClientConfig::new(crypto_ring::PROVIDER, verification, vec![b"h3".to_vec()], Arc::new(Clock));
        let name = x509::ServerName::parse("localhost").unwrap();
        let four_tuple = FourTuple { local: self.address, remote };
        let connection = self.endpoint.borrow_mut().connect(runtime::clock::now(), Arc::new(tls), name, four_tuple);
        self.driver.notify();
        connection.unwrap()
    }

    /// A connection whose handshake is complete.
    pub(crate) async fn connected(&self, remote: SocketAddr) -> ConnectionHandle {
        let connection = self.connect(remote);
        self.until("the handshake", |event| matches!(event, EndpointEvent::Established(of) if *of == connection)).await;
        connection
    }

    /// Works with a connection; `None` if it is over.
    pub(crate) fn with<R>(
        &self,
        connection: ConnectionHandle,
        call: impl FnOnce(&mut h3::Connection, &mut OverQuic<'_>) -> R,
    ) -> Option<R> {
        let mut endpoint = self.endpoint.borrow_mut();
        let now = runtime::clock::now();
        let result = endpoint.with(now, connection, call);
        while let Some(event) = endpoint.poll_event(now) {
            self.told.borrow_mut().hear(event);
        }
        drop(endpoint);
        self.driver.notify();
        result
    }

    /// Closes a connection by the code of HTTP/3.
    pub(crate) fn close(&self, connection: ConnectionHandle, code: u32) {
        self.with(connection, |http, transport| http.close(transport, VarInt::from_u32(code), ""));
    }

    /// Waits until something was told.
    pub(crate) async fn until(&self, what: &str, is_it: impl Fn(&EndpointEvent) -> bool) {
        let told = poll_fn(|context| {
            let mut told = self.told.borrow_mut();
            if told.events.iter().any(&is_it) {
                return Poll::Ready(());
            }
            told.waiting = Some(context.waker().clone());
            Poll::Pending
        });
        let in_time = self.handle.timeout(PATIENCE, told).await;
        assert!(in_time.is_ok(), "{what} did not come; this did: {:?}", self.told.borrow().events);
    }

    /// Waits until something is so.
    pub(crate) async fn until_so(&self, what: &str, is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                self.handle.sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = self.handle.timeout(PATIENCE, waiting).await;
        assert!(in_time.is_ok(), "{what}: not so; this was told: {:?}", self.told.borrow().events);
    }

    /// What `pick` takes of all that was told.
    pub(crate) fn told<T>(&self, pick: impl Fn(&EndpointEvent) -> Option<T>) -> Vec<T> {
        self.told.borrow().events.iter().filter_map(pick).collect()
    }
}

impl Told {
    fn hear(&mut self, event: EndpointEvent) {
        self.events.push(event);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }
}
