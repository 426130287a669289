//! Clients of openssl's that come back with a ticket, and clients that show a certificate, in both roles: each visit says what became
//! of it on both sides.

use crate::blocking::{Clock, Failure, Ours, Store, same};
use crate::identity::{ClientIdentity, Identity, NAME};
use crate::openssl::{Openssl, wait_for_ticket};
use base::Instant;
use crypto::PrivateKeyFormat;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use tls::record::{Connection, Error, Settings};
use tls::{CertifiedKey, ClientAuthentication, ClientConfig, ClientIdentities, ClientRoots, FixedTicketKeys};
use tls::{ServerConfig, ServerVerification, Single, TicketKeys, TicketPolicy};

/// What is said in each visit, by the client first: digits, which openssl takes for no command.
const QUESTION: &[u8] = b"20251123\n";
const ANSWER: &[u8] = b"4711\n";
/// Of the command line of either program of openssl.
const ARGUMENTS: [&str; 3] = ["-alpn", "test", "-tls1_3"];
/// The alerts that refuse a client: by RFC 9846 section 6 unknown_ca and certificate_required.
const UNKNOWN_CA: &str = "alert 48";
const CERTIFICATE_REQUIRED: &str = "alert 116";

/// What a client shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shows {
    Good,
    Strangers,
    Nothing,
}

fn certified(certificate: &[u8], key: &[u8]) -> Arc<CertifiedKey> {
    let key = (crypto_ring::provider().load_key)(PrivateKeyFormat::Pkcs8, key).expect("a key");
    Arc::new(CertifiedKey { chain: vec![certificate.to_vec().into()], key })
}

fn roots(identity: &Identity) -> x509::RootStore {
    let mut roots = x509::RootStore::new();
    roots.add_der(&identity.authority).expect("an authority");
    roots
}

/// A server that gives tickets under this secret, and asks its clients for certificates or not.
fn server_config(identity: &Identity, secret: u8, asks: bool) -> Arc<ServerConfig> {
    let provider = crypto_ring::provider();
    let resolver = Arc::new(Single(certified(&identity.certificate, &identity.key)));
    let mut config = ServerConfig::new(provider, resolver, vec![b"test".to_vec()], Arc::new(Clock));
    let keys = TicketKeys::new(&provider, &[[secret; 32]]).expect("a key");
    config.tickets = Some(TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys)))));
    if asks {
        let authorities = ClientRoots::new(provider, roots(identity));
        config.client_authentication = ClientAuthentication::Required(Arc::new(authorities));
    }
    Arc::new(config)
}

fn client_config(identity: &Identity, store: Arc<Store>, shows: Option<&ClientIdentity>) -> Arc<ClientConfig> {
    let verification = ServerVerification::Roots(Arc::new(roots(identity)));
    let mut config = ClientConfig::new(crypto_ring::provider(), verification, vec![b"test".to_vec()], Arc::new(Clock));
    config.tickets = Some(store);
    config.identities = shows.map(|of| Arc::new(ClientIdentities(vec![certified(&of.certificate, &of.key)])) as Arc<_>);
    Arc::new(config)
}

fn of<'a>(identity: &'a Identity, shows: Shows) -> Option<&'a ClientIdentity> {
    match shows {
        Shows::Good => Some(&identity.client),
        Shows::Strangers => Some(&identity.stranger_client),
        Shows::Nothing => None,
    }
}

/// One visit of openssl's at a server with this configuration: our end, and what openssl printed and complained of. `until`: what
/// it has to have printed before its side ends, if anything.
fn openssl_visits(
    identity: &Identity,
    config: &Arc<ServerConfig>,
    more: &[&str],
    until: Option<&str>,
) -> Result<(Ours, Result<(), Failure>, String), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::scope(|scope| {
        let peer = scope.spawn(move || {
            let all = [&ARGUMENTS[..], more].concat();
            let mut child = Openssl::client(identity, address, "authority.pem", &all);
            child.type_line(std::str::from_utf8(QUESTION).expect("digits").trim_end());
            let printed = until.map_or(Ok(String::new()), |text| child.line_with(text));
            let heard = printed.and_then(|_| child.line_with(std::str::from_utf8(ANSWER).expect("digits").trim_end()));
            if heard.is_ok()
                && let Some(session) = more.iter().skip_while(|word| **word != "-sess_out").nth(1)
            {
                wait_for_ticket(session)?;
            }
            Ok::<String, String>(format!("{heard:?} {}", child.wait()))
        });
        let connection = Connection::server(config.clone(), &Settings::default(), Instant::ZERO);
        let mut ours = Ours::new(connection, listener.accept()?.0)?;
        let talk = |ours: &mut Ours| {
            ours.until(|ours| ours.data.ends_with(QUESTION))?;
            ours.send(ANSWER, false)?;
            ours.until(|_| false)?;
            ours.close()
        };
        let done = talk(&mut ours);
        drop(ours.tcp.shutdown(std::net::Shutdown::Write));
        let complaint = peer.join().map_err(|_| "a panic")??;
        Ok((ours, done, complaint))
    })
}

/// A ticket is taken by the server that gave it, and by one with other keys the client shows nothing it could use.
pub fn openssl_client_resumes(identity: &Identity) -> Result<String, String> {
    let session = identity.path("resumption.pem");
    let talk = || {
        let configs = [3, 3, 4].map(|secret| server_config(identity, secret, false));
        let _ = std::fs::remove_file(&session);
        let visits: [(&[&str], &str, bool); 3] = [
            (&["-sess_out", &session], "New, TLSv1.3", false),
            (&["-sess_in", &session], "Reused, TLSv1.3", true),
            (&["-sess_in", &session], "New, TLSv1.3", false),
        ];
        for (config, (more, printed, is_resumed)) in configs.iter().zip(visits) {
            let (ours, done, complaint) = openssl_visits(identity, config, more, Some(printed))?;
            done.map_err(|error| format!("{error}; openssl: {complaint}"))?;
            same("heard", &ours.data[..], QUESTION)?;
            same("openssl heard", complaint.starts_with("Ok("), true)?;
            same("resumed", ours.connection.session().is_resumed(), is_resumed)?;
        }
        Ok::<(), Failure>(())
    };
    talk().map(|()| String::new()).map_err(|error| error.to_string())
}

/// A client that is asked for a certificate shows a good one, one of a stranger, or none. The good one is still known when its client
/// comes back with a ticket.
pub fn openssl_client_shows(identity: &Identity, shows: Shows) -> Result<String, String> {
    let name = if shows == Shows::Strangers { "stranger-client" } else { "client" };
    let (certificate, key) = (identity.path(&format!("{name}.pem")), identity.path(&format!("{name}-key.pem")));
    let session = identity.path("client-session.pem");
    let talk = || {
        let config = server_config(identity, 5, true);
        let shown = ["-cert", certificate.as_str(), "-key", key.as_str()];
        let _ = std::fs::remove_file(&session);
        if shows != Shows::Good {
            let more = if shows == Shows::Nothing { &[][..] } else { &shown };
            let (ours, done, complaint) = openssl_visits(identity, &config, more, None)?;
            let alert = if shows == Shows::Nothing { CERTIFICATE_REQUIRED } else { UNKNOWN_CA };
            same("refused", (done.is_err(), ours.data.is_empty(), ours.connection.is_complete()), (true, true, false))?;
            let told = complaint.contains(&alert.replace("alert ", "alert number "));
            return if told { Ok(()) } else { Err(format!("not {alert}: {complaint}").into()) };
        }
        for (more, is_resumed) in [(["-sess_out", &session], false), (["-sess_in", &session], true)] {
            let more = if is_resumed { more.to_vec() } else { [&shown[..], &more].concat() };
            let (ours, done, complaint) = openssl_visits(identity, &config, &more, None)?;
            done.map_err(|error| format!("{error}; openssl: {complaint}"))?;
            let session = ours.connection.session();
            same("resumed", session.is_resumed(), is_resumed)?;
            let known = session.peer_identity().map(|peer| peer.certificate().to_vec());
            same("known by", known.as_ref(), Some(&identity.client.certificate))?;
        }
        Ok::<(), Failure>(())
    };
    talk().map(|()| String::new()).map_err(|error| error.to_string())
}

/// Our end of a visit at openssl's server.
fn client_end(config: Arc<ClientConfig>, to: SocketAddr) -> Result<Ours, Failure> {
    let (name, random) = (x509::ServerName::parse(NAME)?, &mut crypto_ring::SystemRandom::new());
    let connection = Connection::client(config, name, &Settings::default(), Instant::ZERO, random)?;
    Ours::new(connection, TcpStream::connect(to)?)
}

/// One visit that has a question, an answer, and a ticket to be used once.
fn we_visit(
    config: Arc<ClientConfig>,
    store: &Store,
    child: &mut Openssl,
    to: SocketAddr,
    is_resumed: bool,
) -> Result<(), Failure> {
    let mut ours = client_end(config, to)?;
    ours.until(|ours| ours.connection.is_complete())?;
    ours.send(QUESTION, false)?;
    child.line_with(std::str::from_utf8(QUESTION)?.trim_end())?;
    child.type_line(std::str::from_utf8(ANSWER)?.trim_end());
    ours.until(|ours| ours.data.ends_with(ANSWER) && !store.is_empty())?;
    same("heard", &ours.data[..], ANSWER)?;
    same("resumed", ours.connection.session().is_resumed(), is_resumed)?;
    ours.close()
}

/// The same as [`openssl_client_resumes`], the other way round.
pub fn openssl_server_resumes(identity: &Identity) -> Result<String, String> {
    let talk = || {
        let store = Arc::new(Store::new());
        let config = client_config(identity, store.clone(), None);
        let (mut child, address) = Openssl::server_of(identity, 2, &ARGUMENTS)?;
        let (mut other, of_other) = Openssl::server_of(identity, 1, &ARGUMENTS)?;
        for (visit, is_resumed) in [false, true, false].into_iter().enumerate() {
            let (child, to) = if visit < 2 { (&mut child, address) } else { (&mut other, of_other) };
            we_visit(config.clone(), &store, child, to, is_resumed)?;
        }
        Ok::<(), Failure>(())
    };
    talk().map(|()| String::new()).map_err(|error| error.to_string())
}

/// The same as [`openssl_client_shows`], the other way round.
pub fn openssl_server_is_shown(identity: &Identity, shows: Shows) -> Result<String, String> {
    let authority = identity.path("authority.pem");
    let talk = || {
        // By -CAfile it names its authorities, and a client that has nothing from them shows nothing.
        let file = if shows == Shows::Strangers { "-verifyCAfile" } else { "-CAfile" };
        let more = ["-Verify", "1", "-verify_return_error", file, &authority];
        let (mut child, address) = Openssl::server_of(identity, 2, &[&ARGUMENTS[..], &more].concat())?;
        let store = Arc::new(Store::new());
        let config = client_config(identity, store.clone(), of(identity, shows));
        if shows != Shows::Good {
            // A client's handshake is complete before the server has judged what it showed.
            let mut ours = client_end(config, address)?;
            let done = ours.until(|_| false);
            let alert = if shows == Shows::Nothing { CERTIFICATE_REQUIRED } else { UNKNOWN_CA };
            let told = matches!(ours.connection.error(), Some(error @ Error::PeerAlert(_)) if error.to_string().ends_with(alert));
            return if told { Ok(()) } else { Err(format!("not {alert}: {done:?}").into()) };
        }
        for is_resumed in [false, true] {
            we_visit(config.clone(), &store, &mut child, address, is_resumed)?;
        }
        Ok::<(), Failure>(())
    };
    talk().map(|()| String::new()).map_err(|error| error.to_string())
}
