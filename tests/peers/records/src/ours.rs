//! Our ends: a machine over TLS over TCP.

use crate::identity::{Identity, NAME, now};
use crate::talk::Talk;
use base::{Duration, Instant, StreamMemory};
use runtime::{Executor, Handle, StreamDriver, StreamEnding, TcpListener, TcpStream};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tls::record::{Connection, Settings, TlsStream};
use tls::records::KeyUpdate;
use tls::{CertifiedKey, ClientConfig, ServerConfig, ServerVerification, Single, WallClock};

/// Longer than any cell takes.
const LIMIT: Duration = Duration::from_secs(60);

/// What our end of a cell is told.
#[derive(Clone)]
pub struct Options {
    pub settings: Settings,
    pub protocol: &'static str,
    /// Whether a client trusts the stranger's authority instead.
    pub trusts_stranger: bool,
    /// It updates its keys, and asks for the same, each time so many more bytes have moved.
    pub update_each: Option<u64>,
}

impl Default for Options {
    fn default() -> Options {
        Options { settings: Settings::default(), protocol: "test", trusts_stranger: false, update_each: None }
    }
}

/// What became of it.
#[derive(Debug)]
pub struct Report {
    pub talk: Talk,
    pub error: Option<tls::record::Error>,
    pub ending: StreamEnding,
    pub key_updates: (u64, u64),
    pub is_retried: bool,
    pub protocol: Option<Vec<u8>>,
}

type Stream = TlsStream<Talk, crypto_ring::SystemRandom>;

struct Clock;

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        now()
    }
}

/// A client's configuration.
pub fn client_config(identity: &Identity, options: &Options) -> Result<Arc<ClientConfig>, String> {
    let mut roots = x509::RootStore::new();
    let trusted = if options.trusts_stranger { &identity.stranger } else { &identity.authority };
    let trusted = rustls::pki_types::CertificateDer::from(trusted.clone());
    roots.add_der(&trusted).map_err(|error| error.to_string())?;
    let protocols = vec![options.protocol.as_bytes().to_vec()];
    let verification = ServerVerification::Roots(Arc::new(roots));
    Ok(Arc::new(ClientConfig::new(crypto_ring::provider(), verification, protocols, Arc::new(Clock))))
}

/// A server's configuration.
pub fn server_config(identity: &Identity, options: &Options) -> Result<Arc<ServerConfig>, String> {
    let provider = crypto_ring::provider();
    let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &identity.key).map_err(|_| "no key")?;
    let chain = vec![identity.certificate.clone().into()];
    let resolver = Arc::new(Single(Arc::new(CertifiedKey { chain, key })));
    let protocols = vec![options.protocol.as_bytes().to_vec()];
    Ok(Arc::new(ServerConfig::new(provider, resolver, protocols, Arc::new(Clock))))
}

/// A client that talks to whoever listens at this address.
pub fn client(identity: &Identity, options: &Options, talk: Talk, to: SocketAddr) -> Result<Report, String> {
    let config = client_config(identity, options)?;
    run(options, async |handle| {
        let tcp = TcpStream::connect(handle, to).await.map_err(|error| error.to_string())?;
        let name = x509::ServerName::parse(NAME).map_err(|error| error.to_string())?;
        let (now, mut random) = (runtime::clock::now(), crypto_ring::SystemRandom::new());
        let connection = Connection::client(config, name, &options.settings, now, &mut random);
        let connection = connection.map_err(|error| error.to_string())?;
        Ok((tcp, TlsStream::new(connection, talk, &options.settings, random)))
    })
}

/// A server of one connection, which somebody makes who is told the address.
pub fn server(
    identity: &Identity,
    options: &Options,
    talk: Talk,
    on_listening: impl FnOnce(SocketAddr),
) -> Result<Report, String> {
    let config = server_config(identity, options)?;
    run(options, async |handle| {
        let address = "127.0.0.1:0".parse().expect("an address");
        let listener = TcpListener::bind(address).map_err(|error| error.to_string())?;
        on_listening(listener.local_address());
        let listener = handle.watch(listener).map_err(|error| error.to_string())?;
        let tcp = listener.read_with(TcpListener::accept).await.map_err(|error| error.to_string())?;
        let tcp = handle.watch(tcp).map_err(|error| error.to_string())?;
        let connection = Connection::server(config, &options.settings, runtime::clock::now());
        Ok((tcp, TlsStream::new(connection, talk, &options.settings, crypto_ring::SystemRandom::new())))
    })
}

fn run(
    options: &Options,
    begin: impl AsyncFnOnce(&Handle) -> Result<(runtime::executor::Watched<TcpStream>, Stream), String>,
) -> Result<Report, String> {
    let executor = Executor::new().map_err(|error| error.to_string())?;
    let handle = executor.handle().clone();
    let memory = Rc::new(RefCell::new(StreamMemory::default()));
    let result = executor.block_on(handle.timeout(LIMIT, async {
        let (tcp, stream) = begin(&handle).await?;
        let stream = Rc::new(RefCell::new(stream));
        let update_each = options.update_each;
        let mut next_update = update_each;
        let on_progress = move |stream: &mut Stream, _: Instant| {
            stream.machine().progress.updates.store(stream.connection().key_updates().1, Ordering::Release);
            let moved = stream.machine().said + stream.machine().heard;
            if let (Some(next), Some(each)) = (next_update, update_each)
                && moved >= next
            {
                // An end that has closed updates nothing any more.
                let _ = stream.connection_mut().update_keys(KeyUpdate::Requested);
                next_update = Some(next + each);
            }
        };
        let (driver, _) = StreamDriver::new(&handle, tcp, stream.clone(), memory.clone(), on_progress);
        let ending = driver.await;
        let stream = Rc::try_unwrap(stream).map_err(|_| "the driver has not let go")?.into_inner();
        let connection = stream.connection();
        let (error, session) = (connection.error().cloned(), connection.session());
        let (protocol, is_retried) = (session.alpn().map(<[u8]>::to_vec), session.is_retried());
        let key_updates = connection.key_updates();
        Ok(Report { error, ending, key_updates, is_retried, protocol, talk: stream.into_machine() })
    }));
    result.unwrap_or_else(|_| Err("our end was not done in time".to_owned()))
}
