//! Answers.

use crate::bulk::Stream;
use crate::endpoint::{Application, Endpoint, Quic, config};
use crate::http::{self, Outgoing};
use quiche::h3;
use std::collections::HashMap;
use std::path::Path;

/// Serves until the parent is gone.
pub fn serve(identity: &Path, is_http: bool) {
    let config = config(identity, true, is_http).expect("a configuration");
    let answers = h3::Config::new().expect("a configuration");
    let server = Server { http: is_http.then_some(answers), buffer: vec![0; 1 << 16] };
    let mut endpoint = Endpoint::new(config, true, server);
    harness::server::announce(endpoint.local());
    loop {
        endpoint.turn(None);
    }
}

struct Server {
    /// How HTTP/3 is spoken; bare streams if it is not.
    http: Option<h3::Config>,
    buffer: Vec<u8>,
}

/// A connection's.
#[derive(Default)]
struct State {
    streams: HashMap<u64, Stream>,
    http: Option<Http>,
}

struct Http {
    connection: h3::Connection,
    /// What each request asks for.
    wanted: HashMap<u64, u64>,
    answers: Vec<Outgoing>,
}

impl Application for Server {
    type State = State;

    fn on_progress(&mut self, quic: &mut Quic, state: &mut State) {
        if !quic.is_established() {
            return;
        }
        match &self.http {
            None => self.streams(quic, state),
            Some(settings) => {
                if state.http.is_none() {
                    let Ok(connection) = h3::Connection::with_transport(quic, settings) else { return };
                    state.http = Some(Http { connection, wanted: HashMap::new(), answers: Vec::new() });
                }
                if let Some(http) = &mut state.http {
                    http.progress(quic, &mut self.buffer);
                }
            }
        }
    }
}

impl Server {
    fn streams(&mut self, quic: &mut Quic, state: &mut State) {
        while let Some(id) = quic.stream_readable_next() {
            state.streams.entry(id).or_insert_with(|| Stream::server(id)).progress(quic, &mut self.buffer);
        }
        state.streams.retain(|_, stream| {
            stream.progress(quic, &mut self.buffer);
            !stream.is_sent
        });
    }
}

impl Http {
    fn progress(&mut self, quic: &mut Quic, buffer: &mut [u8]) {
        while let Ok((id, event)) = self.connection.poll(quic) {
            match event {
                h3::Event::Headers { list, .. } => {
                    self.wanted.insert(id, http::wanted(&list));
                }
                h3::Event::Data => while self.connection.recv_body(quic, id, buffer).is_ok() {},
                h3::Event::Finished => {
                    let left = self.wanted.remove(&id).unwrap_or(0);
                    self.answers.push(Outgoing { stream: id, head: Some(http::response(left)), left });
                }
                _ => {}
            }
        }
        self.answers.retain_mut(|answer| !answer.progress(quic, &mut self.connection));
    }
}
