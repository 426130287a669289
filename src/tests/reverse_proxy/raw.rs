//! A client by TCP and TLS that sends bytes and reads bytes, whatever they mean.

use crate::wall_clock::SystemClock;
use crate::{Handle, Identity, Roots};
use base::{Demand, Instant, Outgoing, StreamMachine};
use crypto_ring::SystemRandom;
use runtime::{StreamDriver, StreamDriverHandle, TcpStream};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tls::record::{Settings, TlsStream};
use x509::ServerName;

/// What goes and what has come.
#[derive(Default)]
struct Bytes {
    out: Vec<u8>,
    received: Vec<u8>,
    has_ended: bool,
    ends: bool,
}

impl StreamMachine for Bytes {
    fn demand(&self) -> Demand {
        Demand::More
    }

    fn receive(&mut self, _now: Instant, bytes: &mut [u8]) -> usize {
        self.received.extend_from_slice(bytes);
        bytes.len()
    }

    fn on_end(&mut self, _now: Instant, _left: &[u8]) {
        self.has_ended = true;
        self.ends = true;
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Outgoing {
        let count = self.out.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.out[..count]);
        self.out.drain(..count);
        match count {
            0 if self.ends => Outgoing::End,
            0 => Outgoing::Nothing,
            count => Outgoing::Bytes(count),
        }
    }

    fn on_reset(&mut self, _now: Instant) {
        self.has_ended = true;
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}
}

/// A connection.
pub(in crate::tests) struct Raw {
    stream: Rc<RefCell<TlsStream<Bytes, SystemRandom>>>,
    driver: StreamDriverHandle,
    task: runtime::JoinHandle<()>,
    handle: Handle,
}

impl Raw {
    /// Connects, and agrees on this protocol.
    pub(in crate::tests) async fn connect(
        handle: &Handle,
        identity: &Identity,
        remote: SocketAddr,
        protocol: &[u8],
    ) -> Raw {
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        let config = tls::ClientConfig::new(
            crypto_ring::PROVIDER,
            roots.verification(),
            vec![protocol.to_vec()],
            Arc::new(SystemClock),
        );
        let name = ServerName::parse("127.0.0.1").unwrap();
        let (settings, mut random) = (Settings::default(), SystemRandom::new());
        let now = handle.read_clock();
        let tls = tls::record::Connection::client(Arc::new(config), name, &settings, now, &mut random).unwrap();
        let stream = Rc::new(RefCell::new(TlsStream::new(tls, Bytes::default(), &settings, random)));
        let tcp = TcpStream::connect(handle, remote).await.unwrap();
        let (driver, notice) = StreamDriver::new(handle, tcp, stream.clone(), Rc::default(), |_, _| {});
        let ended = stream.clone();
        let task = handle.spawn(async move {
            let _ = driver.await;
            ended.borrow_mut().machine_mut().has_ended = true;
        });
        Raw { stream, driver: notice, task, handle: handle.clone() }
    }

    /// Sends bytes.
    pub(in crate::tests) fn say(&self, bytes: impl AsRef<[u8]>) {
        self.stream.borrow_mut().machine_mut().out.extend_from_slice(bytes.as_ref());
        self.driver.notify();
    }

    /// What has come, once it is enough or nothing more will.
    pub(in crate::tests) async fn until(&self, is_enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        loop {
            let (received, has_ended) = {
                let stream = self.stream.borrow();
                (stream.machine().received.clone(), stream.machine().has_ended)
            };
            if has_ended || is_enough(&received) {
                return received;
            }
            self.handle.sleep(Duration::from_millis(1)).await;
        }
    }

    /// The same as text, until this stands in it.
    pub(in crate::tests) async fn until_text(&self, text: &str) -> String {
        let bytes = self.until(|bytes| String::from_utf8_lossy(bytes).contains(text)).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Ends its side.
    pub(in crate::tests) fn end(&self) {
        self.stream.borrow_mut().machine_mut().ends = true;
        self.driver.notify();
    }

    /// Cuts the connection.
    pub(in crate::tests) fn cut(self) {
        self.task.abort();
    }
}
