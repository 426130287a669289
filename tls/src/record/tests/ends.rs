//! Two ends whose bytes are carried between them by hand.

use crate::config::{ClientConfig, ServerConfig};
use crate::record::{Connection, Error, Received, Settings};
use crate::testing::{Counting, client_config, name, server_config};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use base::Instant;

/// One end, and what it was given.
pub(crate) struct End {
    pub(crate) connection: Connection,
    /// Bytes that have come and were not taken.
    inbox: Vec<u8>,
    /// Application data.
    pub(crate) data: Vec<u8>,
    /// What came of it before the handshake was complete.
    pub(crate) early_data: Vec<u8>,
    /// Whether close_notify has come.
    pub(crate) ended: bool,
    pub(crate) error: Option<Error>,
}

impl End {
    pub(crate) fn of(connection: Connection) -> End {
        End { connection, inbox: Vec::new(), data: Vec::new(), early_data: Vec::new(), ended: false, error: None }
    }

    /// Takes bytes as they come from the stream.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        while self.error.is_none() && !self.inbox.is_empty() {
            match self.connection.receive(&mut self.inbox, &mut Counting(50)) {
                Ok(Received::Incomplete) => break,
                Ok(Received::Taken(len)) => drop(self.inbox.drain(..len)),
                Ok(Received::Data { content, taken }) => {
                    self.data.extend_from_slice(&self.inbox[content]);
                    self.inbox.drain(..taken);
                }
                Ok(Received::EarlyData { content, taken }) => {
                    self.early_data.extend_from_slice(&self.inbox[content]);
                    self.inbox.drain(..taken);
                }
                Ok(Received::End(len)) => {
                    self.ended = true;
                    self.inbox.drain(..len);
                }
                Err(error) => self.error = Some(error),
            }
        }
    }

    /// All that this layer has to say.
    pub(crate) fn say(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        loop {
            let mut out = [0; 1000];
            match self.connection.transmit(&mut out) {
                0 => return said,
                len => said.extend_from_slice(&out[..len]),
            }
        }
    }

    /// The records of `data`.
    pub(crate) fn seal(&mut self, data: &[u8]) -> Vec<u8> {
        let (mut said, mut rest) = (Vec::new(), data);
        let mut out = vec![0; 40_000];
        while !rest.is_empty() {
            let done = self.connection.write(rest, &mut out).unwrap();
            assert!(done.taken > 0 && done.written > done.taken);
            said.extend_from_slice(&out[..done.written]);
            rest = &rest[done.taken..];
        }
        said
    }
}

impl End {
    /// The records of as much of `data` as may be sent early.
    pub(crate) fn seal_early(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 100_000];
        let done = self.connection.write_early_data(data, &mut out).unwrap();
        out.truncate(done.written);
        out
    }
}

pub(crate) struct Ends {
    pub(crate) client: End,
    pub(crate) server: End,
}

pub(crate) fn start(client: ClientConfig, server: ServerConfig, settings: &Settings) -> Ends {
    let (now, name) = (Instant::ZERO, name("server.example"));
    let client = Connection::client(Arc::new(client), name, settings, now, &mut Counting(7)).unwrap();
    let server = Connection::server(Arc::new(server), settings, now);
    Ends { client: End::of(client), server: End::of(server) }
}

pub(crate) fn fresh() -> Ends {
    start(client_config(), server_config(), &Settings::default())
}

pub(crate) fn complete() -> Ends {
    complete_with(&Settings::default())
}

pub(crate) fn complete_with(settings: &Settings) -> Ends {
    let mut ends = start(client_config(), server_config(), settings);
    ends.run();
    ends.assert_complete();
    ends
}

impl Ends {
    /// Carries what this layer has to say, until neither has anything.
    pub(crate) fn run(&mut self) {
        self.run_in_pieces(usize::MAX);
    }

    pub(crate) fn run_in_pieces(&mut self, len: usize) {
        loop {
            let (ours, theirs) = (self.client.say(), self.server.say());
            if ours.is_empty() && theirs.is_empty() {
                return;
            }
            ours.chunks(len).for_each(|piece| self.server.feed(piece));
            theirs.chunks(len).for_each(|piece| self.client.feed(piece));
        }
    }

    pub(crate) fn assert_complete(&self) {
        assert_eq!((&self.client.error, &self.server.error), (&None, &None));
        assert!(self.client.connection.is_complete() && self.server.connection.is_complete());
        assert_eq!(self.client.connection.session().alpn(), Some(&b"h3"[..]));
        assert_eq!(self.server.connection.session().alpn(), Some(&b"h3"[..]));
    }

    /// Data of either side arrives at the other.
    pub(crate) fn exchange(&mut self) {
        for (text, from_client) in [(&b"question"[..], true), (&b"answer"[..], false)] {
            let (from, to) =
                if from_client { (&mut self.client, &mut self.server) } else { (&mut self.server, &mut self.client) };
            let before = to.data.len();
            to.feed(&from.seal(text));
            assert_eq!((&to.data[before..], &to.error), (text, &None));
        }
    }
}

/// The records in bytes: outer type, version and length of each.
pub(crate) fn records(mut bytes: &[u8]) -> Vec<(u8, u16, usize)> {
    let mut found = Vec::new();
    while let [kind, major, minor, high, low, rest @ ..] = bytes {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        found.push((*kind, u16::from_be_bytes([*major, *minor]), len));
        bytes = &rest[len..];
    }
    assert!(bytes.is_empty(), "records are whole");
    found
}

/// A record without protection.
pub(crate) fn plain(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    [&[kind, 3, 3, high, low], content].concat()
}
