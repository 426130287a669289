//! Sums and files, for whoever asks.

use crate::endpoint::{Application, Endpoint, Quic, config_of};
use crate::socket::Socket;
use bytes::Bytes;
use quiche::h3::{self, Header, NameValue};
use std::collections::HashMap;
use std::path::PathBuf;

/// Serves until it is stopped.
pub fn serve(address: &str, certificate: &str, key: &str, folder: &str) {
    let socket = Socket::bind_to(address.parse().expect("an address with a port")).expect("an address that is free");
    let config = config_of(certificate, key).expect("an identity");
    let settings = h3::Config::new().expect("a configuration");
    let web = Web { settings, folder: PathBuf::from(folder), buffer: vec![0; 1 << 16] };
    let mut endpoint = Endpoint::on_socket(socket, config, true, web);
    loop {
        endpoint.turn(None);
    }
}

struct Web {
    settings: h3::Config,
    folder: PathBuf,
    buffer: Vec<u8>,
}

/// A connection's.
#[derive(Default)]
struct State(Option<Http>);

struct Http {
    connection: h3::Connection,
    /// The path that each request asks for, until the request is whole.
    asked: HashMap<u64, String>,
    answers: Vec<Answer>,
}

struct Answer {
    stream: u64,
    head: Option<Vec<Header>>,
    body: Bytes,
}

impl Application for Web {
    type State = State;

    fn on_progress(&mut self, quic: &mut Quic, state: &mut State) {
        if !quic.is_established() {
            return;
        }
        if state.0.is_none() {
            let Ok(connection) = h3::Connection::with_transport(quic, &self.settings) else { return };
            state.0 = Some(Http { connection, asked: HashMap::new(), answers: Vec::new() });
        }
        if let Some(http) = &mut state.0 {
            self.progress(quic, http);
        }
    }
}

impl Web {
    fn progress(&mut self, quic: &mut Quic, http: &mut Http) {
        while let Ok((id, event)) = http.connection.poll(quic) {
            match event {
                h3::Event::Headers { list, .. } => {
                    let path = list.iter().find(|field| field.name() == b":path").map(|field| field.value());
                    http.asked.insert(id, String::from_utf8_lossy(path.unwrap_or_default()).into_owned());
                }
                h3::Event::Data => while http.connection.recv_body(quic, id, &mut self.buffer).is_ok() {},
                h3::Event::Finished => {
                    let path = http.asked.remove(&id).unwrap_or_default();
                    http.answers.push(answer(id, self.body(&path)));
                }
                h3::Event::Reset(_) => {
                    http.asked.remove(&id);
                }
                _ => {}
            }
        }
        let Http { connection, answers, .. } = http;
        answers.retain_mut(|answer| !answer.progress(quic, connection));
    }

    fn body(&self, uri: &str) -> Option<Bytes> {
        match uri.split_once('?').unwrap_or((uri, "")) {
            ("/sum", query) => Some(sum(query).to_string().into()),
            (path, _) if path.contains("..") => None,
            (path, _) => std::fs::read(self.folder.join(path.trim_start_matches('/'))).ok().map(Bytes::from),
        }
    }
}

fn sum(query: &str) -> i64 {
    let number =
        |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    number("a").unwrap_or(0_i64) + number("b").unwrap_or(0)
}

fn answer(stream: u64, body: Option<Bytes>) -> Answer {
    let status: &[u8] = if body.is_some() { b"200" } else { b"404" };
    let body = body.unwrap_or_default();
    let head = vec![Header::new(b":status", status), Header::new(b"content-length", body.len().to_string().as_bytes())];
    Answer { stream, head: Some(head), body }
}

impl Answer {
    /// As much as can be sent now; whether that was all.
    fn progress(&mut self, quic: &mut Quic, http: &mut h3::Connection) -> bool {
        if let Some(head) = &self.head {
            match http.send_response(quic, self.stream, head, self.body.is_empty()) {
                Ok(()) => self.head = None,
                Err(h3::Error::Done | h3::Error::StreamBlocked) => return false,
                // The other side does not want it any more.
                Err(_) => return true,
            }
        }
        while !self.body.is_empty() {
            // What was taken is gone from the body afterwards.
            match http.send_body_zc(quic, self.stream, &mut self.body, true) {
                Ok(_) => {}
                Err(h3::Error::Done | h3::Error::StreamBlocked) => return false,
                Err(_) => return true,
            }
        }
        true
    }
}
