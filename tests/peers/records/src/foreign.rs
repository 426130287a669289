//! rustls on blocking sockets: one direction, and then the other.

use crate::identity::{Identity, NAME};
use crate::talk::Words;
use rustls::Connection;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Longer than any cell takes.
const LIMIT: Duration = Duration::from_secs(60);

/// What rustls is told.
#[derive(Clone)]
pub struct Options {
    pub protocol: &'static str,
    pub trusts_stranger: bool,
    /// It asks for new keys each time it has said so many bytes.
    pub update_each: Option<u64>,
    /// The longest records it makes, with their headers.
    pub max_fragment_size: Option<usize>,
}

impl Default for Options {
    fn default() -> Options {
        Options { protocol: "test", trusts_stranger: false, update_each: None, max_fragment_size: None }
    }
}

/// Both ends, with the suite that ours has first.
pub fn pair(identity: &Identity) -> Result<(Connection, Connection), Failure> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
    let provider = Arc::new(provider);
    let client = client_config(identity, &Options::default(), provider.clone())?;
    let server = server_config(identity, &Options::default(), provider)?;
    let client = rustls::ClientConnection::new(Arc::new(client), NAME.try_into()?)?;
    Ok((client.into(), rustls::ServerConnection::new(Arc::new(server))?.into()))
}

fn client_config(
    identity: &Identity,
    options: &Options,
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ClientConfig, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(if options.trusts_stranger { identity.stranger.clone() } else { identity.authority.clone() }.into())?;
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![options.protocol.as_bytes().to_vec()];
    config.max_fragment_size = options.max_fragment_size;
    Ok(config)
}

fn server_config(
    identity: &Identity,
    options: &Options,
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ServerConfig, Failure> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone()));
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone().into()], key)?;
    config.alpn_protocols = vec![options.protocol.as_bytes().to_vec()];
    config.max_fragment_size = options.max_fragment_size;
    Ok(config)
}

/// Says its words, ends its side, and hears the others until the end.
pub fn client(
    identity: &Identity,
    options: &Options,
    to: SocketAddr,
    says: &Words,
    hears: &Words,
) -> Result<(), Failure> {
    let config = client_config(identity, options, provider())?;
    let mut connection = Connection::from(rustls::ClientConnection::new(Arc::new(config), NAME.try_into()?)?);
    let mut tcp = TcpStream::connect(to)?;
    tcp.set_read_timeout(Some(LIMIT))?;
    say(&mut connection, &mut tcp, options, says)?;
    hear(&mut connection, &mut tcp, hears)
}

/// Where it listens; and what it does then: it hears words until their end, and says its own.
pub fn server(
    identity: &Identity,
    options: &Options,
    says: Words,
    hears: Words,
) -> Result<(SocketAddr, impl FnOnce() -> Result<(), Failure> + Send + 'static), Failure> {
    let config = server_config(identity, options, provider())?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, options) = (listener.local_addr()?, options.clone());
    Ok((address, move || {
        let (mut tcp, _) = listener.accept()?;
        tcp.set_read_timeout(Some(LIMIT))?;
        let mut connection = Connection::from(rustls::ServerConnection::new(Arc::new(config))?);
        hear(&mut connection, &mut tcp, &hears)?;
        say(&mut connection, &mut tcp, &options, &says)
    }))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn say(connection: &mut Connection, tcp: &mut TcpStream, options: &Options, words: &Words) -> Result<(), Failure> {
    while connection.is_handshaking() {
        connection.complete_io(tcp)?;
    }
    let (mut at, mut room) = (0, vec![0; 1 << 14]);
    let mut next = options.update_each;
    while at < words.len() {
        let len = words.copy(at, &mut room);
        connection.writer().write_all(&room[..len])?;
        flush(connection, tcp)?;
        at += len as u64;
        if let (Some(place), Some(each)) = (next, options.update_each)
            && at >= place
        {
            connection.refresh_traffic_keys()?;
            next = Some(place + each);
        }
    }
    connection.send_close_notify();
    flush(connection, tcp)
}

fn flush(connection: &mut Connection, tcp: &mut TcpStream) -> Result<(), Failure> {
    while connection.wants_write() {
        connection.write_tls(tcp)?;
    }
    Ok(())
}

fn hear(connection: &mut Connection, tcp: &mut TcpStream, words: &Words) -> Result<(), Failure> {
    let (mut at, mut room) = (0, vec![0; 1 << 16]);
    loop {
        let read = connection.reader().read(&mut room);
        match read {
            Ok(0) if at == words.len() => return Ok(()),
            Ok(0) => return Err(format!("rustls heard {at} bytes").into()),
            Ok(len) if words.is_at(at, &room[..len]) => at += len as u64,
            Ok(_) => return Err(format!("rustls heard something else at {at}").into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                connection.read_tls(tcp)?;
                let result = connection.process_new_packets();
                flush(connection, tcp)?;
                result?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
