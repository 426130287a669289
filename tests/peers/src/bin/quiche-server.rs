//! quiche, as a server: its own HTTP/3, driven by a blocking socket.

use peers::{Answer, answer, body};
use quiche::h3::{self, Header, NameValue};
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

struct Client {
    connection: quiche::Connection,
    http: Option<h3::Connection>,
    requests: HashMap<u64, Request>,
}

#[derive(Default)]
struct Request {
    path: String,
    head: bool,
    body: Vec<u8>,
    trailers: Vec<Header>,
    /// What is left to send: the body, how much of it has gone, and whether a trailer follows.
    answer: Option<(Vec<u8>, usize, bool)>,
    head_sent: bool,
    done: bool,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, certificate, key] = &arguments[..3] else { panic!("quiche-server CERT_PEM KEY_PEM [ALPN]") };
    let protocol = arguments.get(3).map_or("h3", String::as_str);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let local = socket.local_addr()?;
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION)?;
    config.load_cert_chain_from_pem_file(certificate)?;
    config.load_priv_key_from_pem_file(key)?;
    config.set_application_protos(&[protocol.as_bytes()])?;
    config.set_max_idle_timeout(10_000);
    config.set_max_recv_udp_payload_size(1500);
    config.set_max_send_udp_payload_size(1350);
    config.set_initial_max_data(10_000_000);
    config.set_initial_max_stream_data_bidi_local(1_000_000);
    config.set_initial_max_stream_data_bidi_remote(1_000_000);
    config.set_initial_max_stream_data_uni(1_000_000);
    config.set_initial_max_streams_bidi(200);
    config.set_initial_max_streams_uni(10);
    println!("ready {}", local.port());
    let mut clients: HashMap<SocketAddr, Client> = HashMap::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let wait = clients.values().filter_map(|client| client.connection.timeout()).min();
        socket.set_read_timeout(Some(wait.unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(1))))?;
        match socket.recv_from(&mut buffer) {
            Ok((len, from)) => receive(&mut clients, &mut config, local, from, &mut buffer[..len])?,
            Err(_) => clients.values_mut().for_each(|client| client.connection.on_timeout()),
        }
        for client in clients.values_mut() {
            if let Err(error) = client.serve(&mut buffer) {
                eprintln!("{error}");
            }
            while let Ok((len, to)) = client.connection.send(&mut buffer) {
                socket.send_to(&buffer[..len], to.to)?;
            }
        }
        clients.retain(|_, client| !client.connection.is_closed());
    }
}

/// A client is known by its address, which is enough where none of them moves.
fn receive(
    clients: &mut HashMap<SocketAddr, Client>,
    config: &mut quiche::Config,
    local: SocketAddr,
    from: SocketAddr,
    datagram: &mut [u8],
) -> Result<(), Failure> {
    if !clients.contains_key(&from) {
        let header = match quiche::Header::from_slice(datagram, 16) {
            Ok(header) if header.ty == quiche::Type::Initial => header,
            _ => return Ok(()),
        };
        let mut id = [0; 16];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut id).map_err(|_| "no random bytes")?;
        drop(header);
        let connection = quiche::accept(&quiche::ConnectionId::from_ref(&id), None, local, from, config)?;
        println!("connection");
        clients.insert(from, Client { connection, http: None, requests: HashMap::new() });
    }
    if let Some(client) = clients.get_mut(&from) {
        let _ = client.connection.recv(datagram, quiche::RecvInfo { from, to: local });
    }
    Ok(())
}

impl Client {
    fn serve(&mut self, buffer: &mut [u8]) -> Result<(), Failure> {
        if self.connection.is_established() && self.http.is_none() {
            self.http = Some(h3::Connection::with_transport(&mut self.connection, &h3::Config::new()?)?);
        }
        let Some(http) = &mut self.http else { return Ok(()) };
        loop {
            let (id, event) = match http.poll(&mut self.connection) {
                Ok(event) => event,
                Err(h3::Error::Done) => break,
                Err(error) => return Err(error.into()),
            };
            let request = self.requests.entry(id).or_default();
            match event {
                h3::Event::Headers { list, .. } => {
                    if !request.path.is_empty() {
                        request.trailers = list;
                        continue;
                    }
                    for field in &list {
                        match field.name() {
                            b":path" => request.path = String::from_utf8_lossy(field.value()).into_owned(),
                            b":method" => request.head = field.value() == b"HEAD",
                            _ => {}
                        }
                    }
                }
                h3::Event::Data => {
                    while let Ok(len) = http.recv_body(&mut self.connection, id, buffer) {
                        request.body.extend_from_slice(&buffer[..len]);
                    }
                }
                h3::Event::Finished => request.answer = Some((Vec::new(), 0, false)),
                _ => {}
            }
        }
        for (id, request) in &mut self.requests {
            request.respond(*id, http, &mut self.connection)?;
        }
        self.requests.retain(|_, request| !request.done);
        Ok(())
    }
}

impl Request {
    fn respond(
        &mut self,
        id: u64,
        http: &mut h3::Connection,
        connection: &mut quiche::Connection,
    ) -> Result<(), Failure> {
        let Some(answered) = &mut self.answer else { return Ok(()) };
        if !self.head_sent {
            let (status, bytes, trailers) = match answer(&self.path) {
                Answer::Bytes(len) => ("200", body(len), false),
                Answer::Echo => ("200", std::mem::take(&mut self.body), !self.trailers.is_empty()),
                Answer::Trailers => {
                    self.trailers.push(Header::new(b"x-checksum", b"1"));
                    ("200", b"short".to_vec(), true)
                }
                Answer::NotFound => ("404", b"not found".to_vec(), false),
            };
            let len = bytes.len().to_string();
            let fields = [Header::new(b":status", status.as_bytes()), Header::new(b"content-length", len.as_bytes())];
            let end = self.head || (bytes.is_empty() && !trailers);
            match http.send_response(connection, id, &fields, end) {
                Ok(()) => {}
                Err(h3::Error::StreamBlocked) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            self.head_sent = true;
            self.done = end;
            *answered = (bytes, 0, trailers);
        }
        while !self.done && answered.1 < answered.0.len() {
            match http.send_body(connection, id, &answered.0[answered.1..], !answered.2) {
                Ok(len) => answered.1 += len,
                Err(h3::Error::Done) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        if !self.done && answered.2 {
            http.send_additional_headers(connection, id, &self.trailers, true, true)?;
        }
        self.done = true;
        Ok(())
    }
}
