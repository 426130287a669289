//! quiche, as a client: its own HTTP/3, driven by a blocking socket.

use peers::{Exchange, check, exchanges, protocol};
use quiche::h3::{self, Header, NameValue};
use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

/// After this long without an end, the case has failed.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, ca, case] = &arguments[..] else { panic!("quiche-client BASE_URL CA_PEM CASE") };
    match run(url, ca, case) {
        Ok(()) => println!("ok"),
        Err(error) => {
            println!("{error}");
            std::process::exit(1);
        }
    }
}

#[derive(Default)]
struct Received {
    status: u16,
    body: Vec<u8>,
    trailers: usize,
    finished: bool,
}

struct Pending {
    exchange: Exchange,
    sent: usize,
    fin_sent: bool,
    received: Received,
}

fn run(url: &str, ca: &str, case: &str) -> Result<(), Failure> {
    let authority = url.trim_start_matches("https://").trim_end_matches('/').to_owned();
    let remote: SocketAddr = authority.to_socket_addrs()?.find(SocketAddr::is_ipv4).ok_or("no address")?;
    let name = authority.rsplit_once(':').map_or(authority.as_str(), |(name, _)| name).trim_matches(['[', ']']);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let local = socket.local_addr()?;
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION)?;
    config.load_verify_locations_from_file(ca)?;
    config.verify_peer(true);
    config.set_application_protos(&[protocol(case)])?;
    config.set_max_idle_timeout(10_000);
    config.set_max_recv_udp_payload_size(1500);
    config.set_max_send_udp_payload_size(1350);
    config.set_initial_max_data(10_000_000);
    config.set_initial_max_stream_data_bidi_local(1_000_000);
    config.set_initial_max_stream_data_bidi_remote(1_000_000);
    config.set_initial_max_stream_data_uni(1_000_000);
    config.set_initial_max_streams_bidi(100);
    config.set_initial_max_streams_uni(100);
    let mut id = [0; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut id).map_err(|_| "no random bytes")?;
    let id = quiche::ConnectionId::from_ref(&id);
    let mut connection = quiche::connect(Some(name), &id, local, remote, &mut config)?;
    let mut http: Option<h3::Connection> = None;
    let mut waiting = exchanges(case).ok_or("unknown case")?;
    let mut pending: HashMap<u64, Pending> = HashMap::new();
    let began = Instant::now();
    let mut buffer = vec![0; 65_536];
    loop {
        loop {
            match connection.send(&mut buffer) {
                Ok((len, to)) => {
                    socket.send_to(&buffer[..len], to.to)?;
                }
                Err(quiche::Error::Done) => break,
                Err(error) => return Err(error.into()),
            }
        }
        if connection.is_closed() {
            return Err(format!("closed: {:?} {:?}", connection.peer_error(), connection.local_error()).into());
        }
        if began.elapsed() > PATIENCE {
            return Err("no end in sight".into());
        }
        let wait = connection.timeout().unwrap_or(PATIENCE).clamp(Duration::from_millis(1), PATIENCE);
        socket.set_read_timeout(Some(wait))?;
        match socket.recv_from(&mut buffer) {
            Ok((len, from)) => {
                let _ = connection.recv(&mut buffer[..len], quiche::RecvInfo { from, to: local });
            }
            Err(_) => connection.on_timeout(),
        }
        if connection.is_established() && http.is_none() {
            http = Some(h3::Connection::with_transport(&mut connection, &h3::Config::new()?)?);
        }
        let Some(http) = &mut http else { continue };
        while let Some(exchange) = waiting.last() {
            match request(http, &mut connection, &authority, exchange) {
                Ok(id) => {
                    let exchange = waiting.pop().ok_or("there was one")?;
                    let fin_sent = exchange.body.is_empty();
                    pending.insert(id, Pending { exchange, sent: 0, fin_sent, received: Received::default() });
                }
                Err(h3::Error::StreamBlocked | h3::Error::TransportError(quiche::Error::StreamLimit)) => break,
                Err(error) => return Err(error.into()),
            }
        }
        for (id, pending) in &mut pending {
            send_body(http, &mut connection, *id, pending)?;
        }
        poll(http, &mut connection, &mut pending, &mut buffer)?;
        if waiting.is_empty() && pending.values().all(|pending| pending.received.finished) {
            break;
        }
    }
    connection.close(true, 0x100, b"")?;
    while let Ok((len, to)) = connection.send(&mut buffer) {
        socket.send_to(&buffer[..len], to.to)?;
    }
    for pending in pending.values() {
        let received = &pending.received;
        check(&pending.exchange, received.status, &received.body, received.trailers)?;
    }
    Ok(())
}

fn request(
    http: &mut h3::Connection,
    connection: &mut quiche::Connection,
    authority: &str,
    exchange: &Exchange,
) -> Result<u64, h3::Error> {
    let fields = [
        Header::new(b":method", exchange.method.as_bytes()),
        Header::new(b":scheme", b"https"),
        Header::new(b":authority", authority.as_bytes()),
        Header::new(b":path", exchange.path.as_bytes()),
        Header::new(b"user-agent", b"quiche"),
    ];
    http.send_request(connection, &fields, exchange.body.is_empty())
}

fn send_body(
    http: &mut h3::Connection,
    connection: &mut quiche::Connection,
    id: u64,
    pending: &mut Pending,
) -> Result<(), Failure> {
    while !pending.fin_sent {
        match http.send_body(connection, id, &pending.exchange.body[pending.sent..], !pending.exchange.trailers) {
            Ok(len) => {
                pending.sent += len;
                pending.fin_sent = pending.sent == pending.exchange.body.len();
                if pending.fin_sent && pending.exchange.trailers {
                    http.send_additional_headers(connection, id, &[Header::new(b"x-checksum", b"1")], true, true)?;
                }
            }
            Err(h3::Error::Done) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn poll(
    http: &mut h3::Connection,
    connection: &mut quiche::Connection,
    pending: &mut HashMap<u64, Pending>,
    buffer: &mut [u8],
) -> Result<(), Failure> {
    loop {
        let (id, event) = match http.poll(connection) {
            Ok(event) => event,
            Err(h3::Error::Done) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(pending) = pending.get_mut(&id) else { continue };
        let received = &mut pending.received;
        match event {
            h3::Event::Headers { list, .. } => match list.iter().find(|field| field.name() == b":status") {
                Some(status) => received.status = std::str::from_utf8(status.value())?.parse()?,
                None => received.trailers += list.len(),
            },
            h3::Event::Data => {
                while let Ok(len) = http.recv_body(connection, id, buffer) {
                    received.body.extend_from_slice(&buffer[..len]);
                }
            }
            h3::Event::Finished => received.finished = true,
            h3::Event::Reset(code) => return Err(format!("stream {id} was reset with {code:#x}").into()),
            _ => {}
        }
    }
}
