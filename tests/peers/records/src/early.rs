//! Early data over TCP, with openssl and rustls: a first connection for a ticket, and a second that begins with data.

use crate::blocking::{Clock, Failure, LIMIT, Ours, Store, same};
use crate::identity::{Identity, NAME};
use crate::openssl::{Openssl, wait_for_ticket};
use base::Instant;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use tls::record::{Connection, Settings};
use tls::{CertifiedKey, ClientConfig, EarlyData, FixedTicketKeys, ReplayFilter, ServerConfig, ServerVerification};
use tls::{Single, TicketKeys, TicketPolicy, WallClock};

/// What is sent early: digits, which openssl takes for no command.
const EARLY: &[u8] = b"20251123\n";
const LATE: &[u8] = b"4711\n";

fn client_config(identity: &Identity, store: Arc<Store>) -> Arc<ClientConfig> {
    let mut roots = x509::RootStore::new();
    roots.add_der(&identity.authority).expect("an authority");
    let verification = ServerVerification::Roots(Arc::new(roots));
    let mut config = ClientConfig::new(crypto_ring::provider(), verification, vec![b"test".to_vec()], Arc::new(Clock));
    config.tickets = Some(store);
    config.dangerous_offer_early_data_that_may_be_replayed = true;
    Arc::new(config)
}

fn server_config(identity: &Identity) -> Arc<ServerConfig> {
    let provider = crypto_ring::provider();
    let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &identity.key).expect("a key");
    let certified = CertifiedKey { chain: vec![identity.certificate.clone().into()], key };
    let resolver = Arc::new(Single(Arc::new(certified)));
    let mut config = ServerConfig::new(provider, resolver, vec![b"test".to_vec()], Arc::new(Clock));
    let keys = TicketKeys::new(&provider, &[[3; 32]]).expect("a key");
    let mut policy = TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys))));
    let filter = ReplayFilter::new(100, 10_000, Clock.unix_millis() - 1_000_000);
    policy.dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
    config.tickets = Some(policy);
    Arc::new(config)
}

fn client_end(identity: &Identity, store: &Arc<Store>, to: SocketAddr) -> Result<Ours, Failure> {
    let (config, name) = (client_config(identity, store.clone()), x509::ServerName::parse(NAME)?);
    let random = &mut crypto_ring::SystemRandom::new();
    let connection = Connection::client_with_early_data(config, name, &Settings::default(), Instant::ZERO, random)?;
    Ours::new(connection, TcpStream::connect(to)?)
}

fn server_end(config: &Arc<ServerConfig>, context: Option<&[u8]>, tcp: TcpStream) -> Result<Ours, Failure> {
    let (config, settings) = (config.clone(), Settings::default());
    let connection = match context {
        Some(context) => Connection::server_with_early_data(config, &settings, context, Instant::ZERO),
        None => Connection::server(config, &settings, Instant::ZERO),
    };
    Ours::new(connection, tcp)
}

fn became(ours: &Ours) -> EarlyData {
    ours.connection.session().early_data()
}

/// Two connections to our server; the second takes early data, or refuses it.
fn our_server(
    identity: &Identity,
    takes: bool,
    mut peer: impl FnMut(SocketAddr, bool) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let config = server_config(identity);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::scope(|scope| {
        let peer = scope.spawn(move || {
            peer(address, false)?;
            peer(address, true)
        });
        let mut first = server_end(&config, Some(b"context"), listener.accept()?.0)?;
        first.until(|_| false)?;
        first.close()?;
        drop(first);
        let mut second = server_end(&config, takes.then_some(&b"context"[..]), listener.accept()?.0)?;
        second.until(|ours| ours.data.ends_with(LATE))?;
        second.close()?;
        let early = if takes { EARLY } else { b"" };
        same("early data", &second.early[..], early)?;
        same("what became of it", became(&second), if takes { EarlyData::Accepted } else { EarlyData::Refused })?;
        same("data", second.data.ends_with(LATE), true)?;
        peer.join().map_err(|_| "a panic")?
    })
}

pub fn openssl_client(identity: &Identity, takes: bool) -> Result<String, String> {
    let (session, file) = (identity.path("session.pem"), identity.path("early"));
    std::fs::write(&file, EARLY).map_err(|error| error.to_string())?;
    // Of another cell.
    let _ = std::fs::remove_file(&session);
    let done = our_server(identity, takes, |address, again| {
        let more: &[&str] = match again {
            false => &["-sess_out", &session],
            true => &["-sess_in", &session, "-early_data", &file],
        };
        let all = [&["-alpn", "test", "-tls1_3"], more].concat();
        let mut child = Openssl::client(identity, address, "authority.pem", &all);
        match again {
            false => wait_for_ticket(&session)?,
            true => {
                child.line_with(if takes { "Early data was accepted" } else { "Early data was rejected" })?;
                child.type_line(std::str::from_utf8(LATE)?.trim_end());
            }
        }
        // The end of its input is the end of its side.
        child.wait();
        Ok(())
    });
    done.map(|()| String::new()).map_err(|error| error.to_string())
}

pub fn openssl_server(identity: &Identity, takes: bool) -> Result<String, String> {
    let talk = || {
        let store = Arc::new(Store::new());
        let all = ["-alpn", "test", "-early_data", "-max_early_data", "16384"];
        let (mut child, address) = Openssl::server_of(identity, 2, &all)?;
        let visit = |address| {
            let mut ours = client_end(identity, &store, address)?;
            let room = ours.connection.early_data_room();
            if room > 0 {
                ours.send(EARLY, true)?;
            }
            ours.until(|ours| ours.connection.is_complete())?;
            ours.send(LATE, false)?;
            Ok::<(Ours, usize), Failure>((ours, room))
        };
        let (mut first, room) = visit(address)?;
        same("room without a ticket", room, 0)?;
        first.until(|_| !store.is_empty())?;
        first.close()?;
        drop(first);
        if !takes {
            // Another one, which does not know the ticket.
            let (_other, address) = Openssl::server_of(identity, 1, &["-alpn", "test"])?;
            let (mut second, _) = visit(address)?;
            same("what became of it", became(&second), EarlyData::Refused)?;
            return Ok(second.close()?);
        }
        let (mut second, room) = visit(address)?;
        same("room", room, 16_384)?;
        same("what became of it", became(&second), EarlyData::Accepted)?;
        child.line_with(std::str::from_utf8(EARLY)?.trim_end())?;
        second.close()?;
        Ok::<(), Failure>(())
    };
    talk().map(|()| String::new()).map_err(|error| error.to_string())
}

fn their_provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub fn rustls_client(identity: &Identity, takes: bool) -> Result<String, String> {
    let talk = || {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(identity.authority.clone()))?;
        let mut config = rustls::ClientConfig::builder_with_provider(their_provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"test".to_vec()];
        config.enable_early_data = true;
        let config = Arc::new(config);
        our_server(identity, takes, |address, again| {
            let mut connection = rustls::ClientConnection::new(config.clone(), NAME.try_into()?)?;
            let mut tcp = TcpStream::connect(address)?;
            tcp.set_read_timeout(Some(LIMIT))?;
            match (again, connection.early_data()) {
                (true, Some(mut early)) => early.write_all(EARLY)?,
                (true, None) => return Err("there is no early data to send".into()),
                (false, _) => {}
            }
            connection.complete_io(&mut tcp)?;
            if again {
                same("rustls heard", connection.is_early_data_accepted(), takes)?;
            }
            connection.writer().write_all(LATE)?;
            connection.send_close_notify();
            // Until the other has closed: its tickets come behind.
            while connection.wants_write() {
                connection.write_tls(&mut tcp)?;
            }
            while connection.read_tls(&mut tcp)? > 0 {
                connection.process_new_packets()?;
            }
            Ok(())
        })
    };
    talk().map(|()| String::new()).map_err(|error: Failure| error.to_string())
}

pub fn rustls_server(identity: &Identity, takes: bool) -> Result<String, String> {
    let talk = || {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone()));
        let mut config = rustls::ServerConfig::builder_with_provider(their_provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate.clone().into()], key)?;
        config.alpn_protocols = vec![b"test".to_vec()];
        config.max_early_data_size = 10_000;
        let mut refusing = config.clone();
        refusing.max_early_data_size = 0;
        let configs = [Arc::new(config.clone()), Arc::new(if takes { config } else { refusing })];
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let store = Arc::new(Store::new());
        std::thread::scope(|scope| {
            let peer = scope.spawn(move || {
                let mut early = Vec::new();
                for config in configs {
                    let (mut tcp, _) = listener.accept()?;
                    tcp.set_read_timeout(Some(LIMIT))?;
                    let mut connection = rustls::ServerConnection::new(config)?;
                    early.clear();
                    while connection.is_handshaking() {
                        connection.complete_io(&mut tcp)?;
                        if let Some(mut reader) = connection.early_data() {
                            reader.read_to_end(&mut early)?;
                        }
                    }
                    while connection.wants_write() {
                        connection.write_tls(&mut tcp)?;
                    }
                    while connection.read_tls(&mut tcp)? > 0 {
                        connection.process_new_packets()?;
                    }
                }
                Ok::<Vec<u8>, Failure>(early)
            });
            for again in [false, true] {
                let mut ours = client_end(identity, &store, address)?;
                same("room", ours.connection.early_data_room(), if again { 10_000 } else { 0 })?;
                if again {
                    ours.send(EARLY, true)?;
                }
                ours.until(|ours| ours.connection.is_complete())?;
                ours.send(LATE, false)?;
                if again {
                    let expected = if takes { EarlyData::Accepted } else { EarlyData::Refused };
                    same("what became of it", became(&ours), expected)?;
                } else {
                    ours.until(|_| !store.is_empty())?;
                }
                ours.close()?;
                // What is unread when a socket is closed resets the other end. It has no more to say than its tickets.
                let _ = ours.until(|_| false);
            }
            let early = peer.join().map_err(|_| "a panic")??;
            same("rustls heard", &early[..], if takes { EARLY } else { b"" })
        })
    };
    talk().map(|()| String::new()).map_err(|error: Failure| error.to_string())
}
