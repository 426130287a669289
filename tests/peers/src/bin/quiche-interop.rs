//! quiche, as an endpoint of the interop runner: told by the same variables as `examples/interop` of this project, and driven by a
//! blocking socket.

use peers::interop::{Contract, NOT_SUPPORTED, Url, answer_path};
use quiche::h3::{self, Header, NameValue};
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

const CASES: &str = "handshake transfer longrtt multiplexing retry resumption multiconnect http3 blackhole amplificationlimit \
                     transferloss transfercorruption ipv6 rebind-port rebind-addr goodput";
/// After this long without an end, the case has failed.
const PATIENCE: Duration = Duration::from_secs(300);
/// The longest wait without a look at what else is to be done.
const LOOK: Duration = Duration::from_millis(500);
const ID_LEN: usize = 16;

fn main() -> ExitCode {
    let contract = Contract::read();
    // It takes chacha20 and new keys from its peer, and asks for neither.
    let is_supported = CASES.split_whitespace().any(|case| case == contract.case);
    if !is_supported && (contract.is_client || contract.case != "chacha20") {
        return ExitCode::from(NOT_SUPPORTED);
    }
    match if contract.is_client { fetch(&contract) } else { serve(&contract) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quiche: {error}");
            ExitCode::FAILURE
        }
    }
}

fn config(contract: &Contract) -> Result<quiche::Config, Failure> {
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION)?;
    config.set_application_protos(&[contract.protocol().as_bytes()])?;
    config.set_max_idle_timeout(180_000);
    config.set_max_recv_udp_payload_size(1500);
    config.set_max_send_udp_payload_size(1350);
    config.set_initial_max_data(4_000_000);
    config.set_initial_max_stream_data_bidi_local(1_000_000);
    config.set_initial_max_stream_data_bidi_remote(1_000_000);
    config.set_initial_max_stream_data_uni(1_000_000);
    config.set_initial_max_streams_bidi(100);
    config.set_initial_max_streams_uni(10);
    config.set_active_connection_id_limit(4);
    config.log_keys();
    Ok(config)
}

fn new_id() -> Result<[u8; ID_LEN], Failure> {
    let mut id = [0; ID_LEN];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut id).map_err(|_| "no random bytes")?;
    Ok(id)
}

/// Writes the secrets of a connection where the environment says.
fn log_keys(connection: &mut quiche::Connection) {
    if let Some(path) = std::env::var_os("SSLKEYLOGFILE")
        && let Ok(file) = OpenOptions::new().create(true).append(true).open(path)
    {
        connection.set_keylog(Box::new(file));
    }
}

fn send_all(connection: &mut quiche::Connection, socket: &UdpSocket, buffer: &mut [u8]) -> Result<(), Failure> {
    while let Ok((len, to)) = connection.send(buffer) {
        socket.send_to(&buffer[..len], to.to)?;
    }
    Ok(())
}

fn fetch(contract: &Contract) -> Result<(), Failure> {
    let urls = contract.urls()?;
    let local: SocketAddr = if urls[0].address.is_ipv4() { "127.0.0.1:0".parse()? } else { "[::1]:0".parse()? };
    let socket = UdpSocket::bind(local)?;
    let mut config = config(contract)?;
    config.load_verify_locations_from_file(contract.certs.join("ca.pem").to_str().ok_or("a path of text")?)?;
    config.verify_peer(true);
    let groups: Vec<&[Url]> = match contract.case.as_str() {
        "multiconnect" => urls.chunks(1).collect(),
        "resumption" => vec![&urls[..1], &urls[1..]],
        _ => vec![&urls],
    };
    let mut session: Option<Vec<u8>> = None;
    for group in groups {
        let id = new_id()?;
        let id = quiche::ConnectionId::from_ref(&id);
        // It verifies no address in a certificate, so that the name is given in any case.
        let mut connection =
            quiche::connect(Some("localhost"), &id, socket.local_addr()?, group[0].address, &mut config)?;
        log_keys(&mut connection);
        let is_second = session.is_some();
        if let Some(session) = session.take().filter(|_| contract.case == "resumption") {
            connection.set_session(&session)?;
        }
        fetch_group(contract, &socket, &mut connection, group)?;
        if contract.case == "resumption" && is_second && !connection.is_resumed() {
            return Err("the second connection is not resumed".into());
        }
        session = connection.session().map(<[u8]>::to_vec);
    }
    Ok(())
}

/// Some files on one connection.
fn fetch_group(
    contract: &Contract,
    socket: &UdpSocket,
    connection: &mut quiche::Connection,
    urls: &[Url],
) -> Result<(), Failure> {
    let (local, began) = (socket.local_addr()?, Instant::now());
    let mut http: Option<h3::Connection> = None;
    let mut waiting: Vec<&Url> = urls.iter().rev().collect();
    let mut under_way: HashMap<u64, (&Url, Vec<u8>, bool)> = HashMap::new();
    let mut buffer = vec![0; 65_536];
    let (mut next, mut unsent): (u64, Vec<(u64, Vec<u8>)>) = (0, Vec::new());
    while !waiting.is_empty() || under_way.values().any(|(.., done)| !done) {
        send_all(connection, socket, &mut buffer)?;
        if connection.is_closed() || began.elapsed() > PATIENCE {
            return Err(format!("closed: {:?} {:?}", connection.peer_error(), connection.local_error()).into());
        }
        wait(socket, connection, local, &mut buffer)?;
        if !connection.is_established() {
            continue;
        }
        if contract.protocol() == "h3" && http.is_none() {
            http = Some(h3::Connection::with_transport(connection, &h3::Config::new()?)?);
        }
        if let Some((id, mut rest)) = unsent.pop() {
            match connection.stream_send(id, &rest, true) {
                Ok(len) if len == rest.len() => {}
                Ok(len) => unsent.push((id, rest.split_off(len))),
                Err(quiche::Error::Done) => unsent.push((id, rest)),
                Err(error) => return Err(error.into()),
            }
        }
        while let Some(url) = waiting.last().copied() {
            let Some(id) = ask(http.as_mut(), connection, url, next, &mut unsent)? else { break };
            next = id + 4;
            waiting.pop();
            under_way.insert(id, (url, Vec::new(), false));
        }
        match &mut http {
            Some(http) => poll(http, connection, &mut under_way, &mut buffer)?,
            None => {
                for id in connection.readable() {
                    let Some((_, bytes, done)) = under_way.get_mut(&id) else { continue };
                    while let Ok((len, fin)) = connection.stream_recv(id, &mut buffer) {
                        bytes.extend_from_slice(&buffer[..len]);
                        *done |= fin;
                    }
                }
            }
        }
    }
    for (url, bytes, _) in under_way.values() {
        std::fs::write(contract.saved(&url.path), bytes)?;
    }
    connection.close(true, 0, b"")?;
    send_all(connection, socket, &mut buffer)
}

/// Waits for a datagram, or until something is due.
fn wait(
    socket: &UdpSocket,
    connection: &mut quiche::Connection,
    local: SocketAddr,
    buffer: &mut [u8],
) -> Result<(), Failure> {
    let due = connection.timeout().unwrap_or(LOOK);
    socket.set_read_timeout(Some(due.clamp(Duration::from_millis(1), LOOK)))?;
    match socket.recv_from(buffer) {
        Ok((len, from)) => drop(connection.recv(&mut buffer[..len], quiche::RecvInfo { from, to: local })),
        Err(_) if connection.timeout().is_some_and(|due| due.is_zero()) => connection.on_timeout(),
        Err(_) => {}
    }
    Ok(())
}

/// The stream of a request; `None` while the server allows no other.
fn ask(
    http: Option<&mut h3::Connection>,
    connection: &mut quiche::Connection,
    url: &Url,
    next: u64,
    unsent: &mut Vec<(u64, Vec<u8>)>,
) -> Result<Option<u64>, Failure> {
    let Some(http) = http else {
        let request = format!("GET {}\r\n", url.path);
        // The rest of the one before comes first.
        if !unsent.is_empty() {
            return Ok(None);
        }
        return match connection.stream_send(next, request.as_bytes(), true) {
            Ok(len) => {
                if len < request.len() {
                    unsent.push((next, request.into_bytes().split_off(len)));
                }
                Ok(Some(next))
            }
            Err(quiche::Error::StreamLimit | quiche::Error::Done) => Ok(None),
            Err(error) => Err(error.into()),
        };
    };
    let authority = format!("{}:{}", url.host, url.address.port());
    let fields = [
        Header::new(b":method", b"GET"),
        Header::new(b":scheme", b"https"),
        Header::new(b":authority", authority.as_bytes()),
        Header::new(b":path", url.path.as_bytes()),
    ];
    match http.send_request(connection, &fields, true) {
        Ok(id) => Ok(Some(id)),
        Err(h3::Error::StreamBlocked | h3::Error::TransportError(quiche::Error::StreamLimit)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn poll(
    http: &mut h3::Connection,
    connection: &mut quiche::Connection,
    under_way: &mut HashMap<u64, (&Url, Vec<u8>, bool)>,
    buffer: &mut [u8],
) -> Result<(), Failure> {
    loop {
        let (id, event) = match http.poll(connection) {
            Ok(event) => event,
            Err(h3::Error::Done) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some((url, bytes, done)) = under_way.get_mut(&id) else { continue };
        match event {
            h3::Event::Data => {
                while let Ok(len) = http.recv_body(connection, id, buffer) {
                    bytes.extend_from_slice(&buffer[..len]);
                }
            }
            h3::Event::Finished => *done = true,
            h3::Event::Reset(code) => return Err(format!("{}: reset with {code:#x}", url.path).into()),
            _ => {}
        }
    }
}

struct Client {
    connection: quiche::Connection,
    http: Option<h3::Connection>,
    requests: HashMap<u64, Vec<u8>>,
    /// What is left to send of each answer.
    answers: HashMap<u64, (Vec<u8>, usize)>,
}

fn serve(contract: &Contract) -> Result<(), Failure> {
    let socket = UdpSocket::bind(contract.listen.ok_or("SERVER_PARAMS says no address")?)?;
    let local = socket.local_addr()?;
    let mut config = config(contract)?;
    let path = |name: &str| contract.certs.join(name).to_string_lossy().into_owned();
    config.load_cert_chain_from_pem_file(&path("cert.pem"))?;
    config.load_priv_key_from_pem_file(&path("priv.key"))?;
    println!("listening on {local}");
    let mut clients: Vec<Client> = Vec::new();
    let mut routes: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let due = clients.iter().filter_map(|client| client.connection.timeout()).min();
        socket.set_read_timeout(Some(due.unwrap_or(LOOK).clamp(Duration::from_millis(1), LOOK)))?;
        if let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let (datagram, info) = (&mut buffer[..len], quiche::RecvInfo { from, to: local });
            if let Some(at) = route(contract, &socket, &mut config, &mut clients, &mut routes, datagram, info)? {
                let _ = clients[at].connection.recv(datagram, info);
            }
        }
        for client in &mut clients {
            if client.connection.timeout().is_some_and(|due| due.is_zero()) {
                client.connection.on_timeout();
            }
            if let Err(error) = client.answer(contract, &mut buffer) {
                eprintln!("{error}");
            }
            send_all(&mut client.connection, &socket, &mut buffer)?;
        }
    }
}

/// Which connection a datagram is for: one that there is, or a new one.
fn route(
    contract: &Contract,
    socket: &UdpSocket,
    config: &mut quiche::Config,
    clients: &mut Vec<Client>,
    routes: &mut HashMap<Vec<u8>, usize>,
    datagram: &mut [u8],
    info: quiche::RecvInfo,
) -> Result<Option<usize>, Failure> {
    for (at, client) in clients.iter().enumerate() {
        for id in client.connection.source_ids() {
            routes.entry(id.to_vec()).or_insert(at);
        }
    }
    let Ok(header) = quiche::Header::from_slice(datagram, ID_LEN) else { return Ok(None) };
    if let Some(at) = routes.get(&header.dcid.to_vec()) {
        return Ok(Some(*at));
    }
    if header.ty != quiche::Type::Initial || datagram.len() < 1200 {
        return Ok(None);
    }
    let token = header.token.clone().unwrap_or_default();
    let id = new_id()?;
    let mut ours = quiche::ConnectionId::from_ref(&id);
    if contract.case == "retry" && token.is_empty() {
        let mut packet = [0; 1500];
        // Nobody forges addresses here: the token is the ID that has to come back.
        let len = quiche::retry(&header.scid, &header.dcid, &ours, &header.dcid, header.version, &mut packet)?;
        socket.send_to(&packet[..len], info.from)?;
        return Ok(None);
    }
    let original = quiche::ConnectionId::from_ref(&token);
    let original = if contract.case == "retry" {
        ours = header.dcid.clone();
        Some(&original)
    } else {
        None
    };
    let mut connection = quiche::accept(&ours, original, info.to, info.from, config)?;
    log_keys(&mut connection);
    let destination = header.dcid.to_vec();
    // One whose first packet was changed on the way is of no use any more: the next packet begins another.
    if connection.recv(datagram, info).is_ok() {
        routes.insert(destination, clients.len());
        clients.push(Client { connection, http: None, requests: HashMap::new(), answers: HashMap::new() });
    }
    Ok(None)
}

impl Client {
    fn answer(&mut self, contract: &Contract, buffer: &mut [u8]) -> Result<(), Failure> {
        let connection = &mut self.connection;
        if !connection.is_established() || connection.is_closed() {
            return Ok(());
        }
        // Spare IDs, which a client that moves needs.
        while connection.scids_left() > 0 {
            let token = u128::from_be_bytes(new_id()?);
            connection.new_scid(&quiche::ConnectionId::from_ref(&new_id()?), token, false)?;
        }
        if contract.protocol() == "h3" {
            if self.http.is_none() {
                self.http = Some(h3::Connection::with_transport(connection, &h3::Config::new()?)?);
            }
            self.poll(&contract.www)?;
        } else {
            for id in connection.readable() {
                let request = self.requests.entry(id).or_default();
                while let Ok((len, fin)) = connection.stream_recv(id, buffer) {
                    request.extend_from_slice(&buffer[..len]);
                    if fin && !self.answers.contains_key(&id) {
                        match read(&contract.www, request) {
                            Some(bytes) => drop(self.answers.insert(id, (bytes, 0))),
                            None => connection.stream_shutdown(id, quiche::Shutdown::Write, 1)?,
                        }
                    }
                }
            }
        }
        self.write()
    }

    fn poll(&mut self, folder: &Path) -> Result<(), Failure> {
        let Some(http) = &mut self.http else { return Ok(()) };
        loop {
            match http.poll(&mut self.connection) {
                Ok((id, h3::Event::Headers { list, .. })) => {
                    let path = list.iter().find(|field| field.name() == b":path").map(|field| field.value().to_vec());
                    let path = String::from_utf8(path.unwrap_or_default())?;
                    let bytes = answer_path(folder, &path).and_then(|file| std::fs::read(file).ok());
                    let status: &[u8] = if bytes.is_some() { b"200" } else { b"404" };
                    http.send_response(&mut self.connection, id, &[Header::new(b":status", status)], false)?;
                    self.answers.insert(id, (bytes.unwrap_or_default(), 0));
                }
                Ok(_) => {}
                Err(h3::Error::Done) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn write(&mut self) -> Result<(), Failure> {
        let mut done = Vec::new();
        for (id, (bytes, sent)) in &mut self.answers {
            while *sent < bytes.len() {
                let rest = &bytes[*sent..];
                let written = match &mut self.http {
                    Some(http) => http.send_body(&mut self.connection, *id, rest, true).map_err(|error| match error {
                        h3::Error::Done => quiche::Error::Done,
                        _ => quiche::Error::InvalidState,
                    }),
                    None => self.connection.stream_send(*id, rest, true),
                };
                match written {
                    Ok(len) => *sent += len,
                    Err(quiche::Error::Done) => break,
                    Err(error) => return Err(error.into()),
                }
            }
            if *sent == bytes.len() {
                done.push(*id);
            }
        }
        done.iter().for_each(|id| drop(self.answers.remove(id)));
        Ok(())
    }
}

fn read(folder: &Path, request: &[u8]) -> Option<Vec<u8>> {
    let path = std::str::from_utf8(request).ok()?.strip_prefix("GET ")?.trim_end();
    std::fs::read(answer_path(folder, path)?).ok()
}
