//! Two connections over records whose applications say something, replace keys and close, and somebody between them who
//! changes, inserts and removes bytes, or cuts the stream.
//!
//! Whatever he does, what one application gets is the beginning of what the other has said; it gets an end only if the other
//! has ended; and without him both get everything.

use super::input::Input;
use adversary::identity;
use base::Instant;
use sim::SeededRandom;
use tls::record::{Connection, MAX_RECORD_LEN, Received, Settings};
use tls::records::KeyUpdate;

/// One end, its application, and the stream to the other end.
struct End {
    connection: Connection,
    inbox: Vec<u8>,
    said: Vec<u8>,
    heard: Vec<u8>,
    closes: bool,
    /// Bytes it has got close_notify behind.
    ended: bool,
    failed: bool,
    /// What it has sealed and the stream has not carried.
    outbox: Vec<u8>,
}

impl End {
    fn new(connection: Connection) -> End {
        let (inbox, said, heard, outbox) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        End { connection, inbox, said, heard, closes: false, ended: false, failed: false, outbox }
    }

    fn receive(&mut self, piece: &[u8], random: &mut SeededRandom) {
        self.inbox.extend_from_slice(piece);
        loop {
            match self.connection.receive(&mut self.inbox, random) {
                Ok(Received::Incomplete) => break,
                Ok(Received::Taken(len)) => drop(self.inbox.drain(..len)),
                Ok(Received::Data { content, taken }) => {
                    assert!(self.connection.is_complete() && !self.ended && !content.is_empty());
                    self.heard.extend_from_slice(&self.inbox[content]);
                    self.inbox.drain(..taken);
                }
                Ok(Received::EarlyData { .. }) => panic!("neither side offers or takes early data"),
                Ok(Received::End(len)) => {
                    assert!(!self.ended, "an end comes once");
                    self.ended = true;
                    self.inbox.drain(..len);
                }
                Err(error) => {
                    assert_eq!(self.connection.receive(&mut self.inbox, random).as_ref().err(), Some(&error));
                    self.failed = true;
                    self.inbox.clear();
                    break;
                }
            }
        }
        assert!(self.inbox.len() < MAX_RECORD_LEN, "no more than a record is waited for");
    }

    fn say(&mut self, words: &[u8]) {
        let (mut rest, mut out) = (words, vec![0; MAX_RECORD_LEN + 100]);
        while self.connection.may_write() && !rest.is_empty() {
            let Ok(done) = self.connection.write(rest, &mut out) else { break };
            assert!(done.written > 0, "there is room for a record");
            self.outbox.extend_from_slice(&out[..done.written]);
            self.said.extend_from_slice(&rest[..done.taken]);
            rest = &rest[done.taken..];
        }
    }

    fn transmit(&mut self) {
        let mut out = [0; 999];
        loop {
            match self.connection.transmit(&mut out) {
                0 => {
                    break assert!(
                        self.connection.may_write() || !self.closes || self.connection.has_finished_sending()
                    );
                }
                len => self.outbox.extend_from_slice(&out[..len]),
            }
        }
    }
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let piece = match input.u8() {
        0 => usize::MAX,
        len => usize::from(len),
    };
    let settings = |input: &mut Input<'_>| Settings {
        compatibility_mode: input.u8() & 1 == 0,
        record_size_limit: input.pick(&[16_385, 64, 65, 300, 5000]),
        padding_multiple: input.pick(&[1, 2, 64, 1000, 16_384]),
        records_per_key: input.pick(&[1 << 22, 2, 3, 10]),
        ..Settings::default()
    };
    let (of_client, of_server) = (settings(&mut input), settings(&mut input));
    let (client_config, server_config) = identity::pair().clone();
    let random = &mut SeededRandom::new(7);
    let (now, name) = (Instant::ZERO, identity::server_name());
    let client = Connection::client(client_config, name, &of_client, now, random).expect("a client");
    let server = Connection::server(server_config, &of_server, now);
    let mut ends = [End::new(client), End::new(server)];
    let mut tampered = false;
    if input.u8() & 1 == 0 {
        carry(&mut ends, piece, random);
        assert!(ends.iter().all(|end| end.connection.is_complete()));
    }
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        tampered |= act(&mut input, &mut ends, piece, random);
        check(&ends, tampered);
    }
    carry(&mut ends, piece, random);
    check(&ends, tampered);
    if !tampered {
        for (one, other) in [(0, 1), (1, 0)] {
            assert!(ends[one].heard == ends[other].said && ends[one].ended == ends[other].closes);
        }
    }
}

/// Something that an application does, or somebody on the way. True if it was the latter.
fn act(input: &mut Input<'_>, ends: &mut [End; 2], piece: usize, random: &mut SeededRandom) -> bool {
    let choice = input.u8();
    let end = &mut ends[usize::from(choice & 1)];
    match choice >> 1 & 15 {
        0..=2 => {
            let len = usize::from(input.u16()) % 40_000;
            let words: Vec<u8> = (end.said.len()..end.said.len() + len).map(|at| (at % 251) as u8).collect();
            end.say(&words);
        }
        3 | 4 if end.connection.may_write() => {
            let request = if choice & 2 == 0 { KeyUpdate::Requested } else { KeyUpdate::NotRequested };
            end.connection.update_keys(request).expect("it may write");
        }
        5 => {
            // A close in the handshake gives the connection up, as somebody on the way could have it fail.
            let gives_up = !end.connection.is_complete();
            end.closes |= end.connection.may_write();
            end.connection.close();
            return gives_up;
        }
        6 => {
            end.transmit();
            let offset = usize::from(input.u16()) % (end.outbox.len() + 1);
            let inserted = input.chunk();
            end.outbox.splice(offset..offset, inserted.iter().copied());
            return !inserted.is_empty();
        }
        7 => {
            end.transmit();
            let start = usize::from(input.u16()) % (end.outbox.len() + 1);
            let len = usize::from(input.u8()).min(end.outbox.len() - start);
            end.outbox.drain(start..start + len);
            return len > 0;
        }
        8 => {
            end.transmit();
            let at = usize::from(input.u16());
            let bit = 1 << (input.u8() & 7);
            let Some(byte) = end.outbox.get_mut(at) else { return false };
            *byte ^= bit;
            return true;
        }
        9 => {
            // The stream ends: that is right only behind close_notify.
            let result = end.connection.on_end();
            assert!(result.is_err() || end.ended);
            end.failed |= result.is_err();
            return true;
        }
        10 => {
            end.connection.on_reset();
            end.transmit();
            return true;
        }
        11 => {
            let now = Instant::ZERO + base::Duration::from_secs(u64::from(input.u8()));
            return end.connection.on_timeout(now).is_err();
        }
        _ => carry(ends, piece, random),
    }
    false
}

/// Carries everything both ways until there is nothing.
fn carry(ends: &mut [End; 2], piece: usize, random: &mut SeededRandom) {
    for number in 0.. {
        assert!(number < 64, "nobody talks without end");
        ends.iter_mut().for_each(End::transmit);
        let [ours, theirs] = ends.each_mut().map(|end| core::mem::take(&mut end.outbox));
        if ours.is_empty() && theirs.is_empty() {
            return;
        }
        ours.chunks(piece).for_each(|bytes| ends[1].receive(bytes, random));
        theirs.chunks(piece).for_each(|bytes| ends[0].receive(bytes, random));
    }
}

fn check(ends: &[End; 2], tampered: bool) {
    for (one, other) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
        assert!(other.said.starts_with(&one.heard), "what was not said was heard");
        assert!(!one.ended || other.closes, "an end that nobody has said");
        assert_eq!(one.ended, one.connection.peer_has_closed());
        assert!(!one.ended || one.heard == other.said, "an end before the end");
        assert!(tampered || !one.failed, "{:?}", one.connection.error());
    }
}
