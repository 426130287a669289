//! What a machine sends over TLS, whatever room the carrier has.

use super::ends::{Ends, complete_with, records};
use crate::record::header::MAX_RECORD_LEN;
use crate::record::{Settings, TlsStream};
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
}

impl StreamMachine for Speaker {
    fn demand(&self) -> Demand {
        Demand::More
    }

    fn receive(&mut self, _: Instant, bytes: &mut [u8]) -> usize {
        bytes.len()
    }

    fn on_end(&mut self, _: Instant, _: &[u8]) {}

    fn transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Outgoing {
        assert!(buffer.len() >= STREAM_UNIT);
        let left = &self.text[self.sent..];
        let len = left.len().min(buffer.len()).min(self.most);
        if len == 0 {
            return Outgoing::End;
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
                let speaker = Speaker { text: text.clone(), sent: 0, most };
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
