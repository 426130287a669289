//! What a machine sends over TLS, whatever room the carrier has.

use super::ends::{Ends, complete_with, records};
use crate::record::header::MAX_RECORD_LEN;
use crate::record::{Settings, TlsStream};
use crate::records::KeyUpdate;
use crate::testing::Counting;
use alloc::vec;
use alloc::vec::Vec;
use base::{Demand, Instant, Outgoing, STREAM_UNIT, StreamMachine};

/// Sends its text, as much of it with each call as there is room for, and ends.
struct Speaker {
    text: Vec<u8>,
    sent: usize,
    /// At most so much with one call.
    most: usize,
    /// It does not end, and says when it has nothing to send.
    is_quiet: bool,
}

impl StreamMachine for Speaker {
    fn demand(&self) -> Demand {
        Demand::More
    }

    fn receive(&mut self, _: Instant, bytes: &mut [u8]) -> usize {
        bytes.len()
    }

    fn on_end(&mut self, _: Instant, _: &[u8]) {}

    fn has_output(&self) -> bool {
        !self.is_quiet || self.sent < self.text.len()
    }

    fn transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Outgoing {
        assert!(buffer.len() >= STREAM_UNIT);
        let left = &self.text[self.sent..];
        let len = left.len().min(buffer.len()).min(self.most);
        if len == 0 {
            return if self.is_quiet { Outgoing::Nothing } else { Outgoing::End };
        }
        buffer[..len].copy_from_slice(&left[..len]);
        self.sent += len;
        Outgoing::Bytes(len)
    }

    fn on_reset(&mut self, _: Instant) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _: Instant) {}
}

/// What a stream sends into buffers of `room` bytes.
fn sent(stream: &mut TlsStream<Speaker, Counting>, room: usize) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0xee; room]);
    loop {
        match stream.transmit(Instant::ZERO, &mut buffer) {
            Outgoing::Bytes(len) => all.extend_from_slice(&buffer[..len]),
            Outgoing::Nothing => panic!("it has not ended, and says nothing"),
            Outgoing::End => return all,
        }
    }
}

/// RFC 9846 section 5.1-15, 5.4-6, 5.5-1.
#[test]
fn all_that_a_machine_says_arrives_in_full_records_whatever_room_there_is() {
    let text: Vec<u8> = (0..150_001_u32).map(|place| (place % 251) as u8).collect();
    let usual = Settings::default();
    let cases = [
        ("usual", usual.clone()),
        ("padded", Settings { padding_multiple: 512, ..usual.clone() }),
        ("padded as far as it goes", Settings { padding_multiple: 16_384, ..usual.clone() }),
        ("short records", Settings { record_size_limit: 100, ..usual.clone() }),
        ("keys for few records", Settings { records_per_key: 5, ..usual.clone() }),
    ];
    for (what, settings) in cases {
        for room in [STREAM_UNIT, STREAM_UNIT + 60, 20_000, 35_000, 1 << 16] {
            for most in [1000, 16_384, 16_385, usize::MAX] {
                let Ends { mut client, server } = complete_with(&settings);
                let speaker = Speaker { text: text.clone(), sent: 0, most, is_quiet: false };
                let mut stream = TlsStream::new(server.connection, speaker, &settings, Counting(50));
                let all = sent(&mut stream, room);
                assert!(records(&all).iter().all(|(_, _, len)| *len <= MAX_RECORD_LEN));
                if what == "usual" && most == usize::MAX && room == 1 << 16 {
                    assert!(records(&all).len() <= 13, "{:?}", records(&all));
                }
                client.feed(&all);
                assert!(client.error.is_none() && client.ended, "{what}, {room}, {most}: {:?}", client.error);
                assert!(client.data == text, "{what}, {room}, {most}");
            }
        }
    }
}

/// What a stream sends as long as it says that it has something to send, and that it has nothing after that.
fn said(stream: &mut TlsStream<Speaker, Counting>) -> (usize, Outgoing) {
    let (mut all, mut buffer) = (0, vec![0; 1 << 16]);
    while stream.has_output() {
        match stream.transmit(Instant::ZERO, &mut buffer) {
            Outgoing::Bytes(len) => all += len,
            last => return (all, last),
        }
    }
    (all, stream.transmit(Instant::ZERO, &mut buffer))
}

#[test]
fn a_stream_has_output_while_its_machine_or_the_layer_itself_has() {
    let settings = Settings::default();
    let Ends { mut client, server } = complete_with(&settings);
    let speaker = Speaker { text: vec![7; 40_000], sent: 0, most: usize::MAX, is_quiet: true };
    let mut stream = TlsStream::new(server.connection, speaker, &settings, Counting(50));
    assert!(matches!(said(&mut stream), (40_001.., Outgoing::Nothing)));
    assert!(!stream.has_output());
    stream.connection_mut().update_keys(KeyUpdate::NotRequested).unwrap();
    assert!(stream.has_output());
    assert!(matches!(said(&mut stream), (1.., Outgoing::Nothing)));
    // What breaks the connection is answered with an alert, and then the stream ends.
    let mut broken = client.seal(b"x");
    *broken.last_mut().unwrap() ^= 1;
    assert_eq!(stream.receive(Instant::ZERO, &mut broken), broken.len());
    assert!(matches!(said(&mut stream), (1.., Outgoing::End)));
}
