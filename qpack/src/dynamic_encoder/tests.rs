//! What is inserted and what is not, what a peer allows, and both ends against each other in any order.

use super::*;
use crate::decoder::{Decoder, DecoderLimits};
use crate::outstanding::MAX_SECTIONS;
use alloc::collections::{BTreeMap, VecDeque};
use core::convert::Infallible;
use std::format;

type Lines = Vec<(Vec<u8>, Vec<u8>)>;

fn encoder(capacity: u32, blocked: u64) -> Encoder {
    let mut encoder = Encoder::new();
    encoder.allow(EncoderLimits {
        max_table_capacity: capacity.into(),
        max_blocked_streams: blocked,
        table_capacity: capacity,
    });
    encoder
}

fn encode(encoder: &mut Encoder, stream: u64, lines: &[(&str, &str)]) -> Vec<u8> {
    let mut section = Vec::new();
    encoder.encode(Some(stream), lines.iter().copied(), 4096, &mut section);
    encoder.on_sent(stream);
    section
}

const LINE: [(&str, &str); 1] = [("user-agent", "an agent of some kind")];

#[test]
fn a_line_is_inserted_once_and_then_an_index() {
    let mut encoder = encoder(4096, 1);
    assert_eq!(encode(&mut encoder, 0, &LINE), [2, 0x80, 0x10]);
    let first = encoder.take_instructions();
    assert_eq!(first[..4], [0x3f, 0xe1, 0x1f, 0xc0 | 63], "the capacity, then the line with a static name");
    // Stream 0 may be blocked, so no other may.
    assert_eq!(encode(&mut encoder, 4, &LINE)[..2], [0, 0]);
    encoder.on_decoder_stream(&[0x80]).unwrap();
    assert_eq!(encode(&mut encoder, 8, &LINE), [2, 0, 0x80]);
    assert_eq!((encoder.take_instructions(), encoder.progress()), (Vec::new(), (1, 1)));
}

/// RFC 9204 section 3.2.3-1, 3.2.3-4, 4.3.1-1, 4.3.1-3.
#[test]
fn without_a_table_nothing_is_said() {
    for (allowed, wanted) in [(0, 4096), (31, 4096), (4096, 0)] {
        let mut encoder = Encoder::new();
        encoder.allow(EncoderLimits { max_table_capacity: allowed, max_blocked_streams: 100, table_capacity: wanted });
        for stream in 0..10 {
            assert_eq!(encode(&mut encoder, stream, &LINE)[..2], [0, 0]);
        }
        assert_eq!((encoder.take_instructions(), encoder.has_table()), (Vec::new(), false));
    }
}

/// RFC 9204 section 4.5.4-1.
#[test]
fn secrets_are_never_inserted() {
    let mut encoder = encoder(4096, 100);
    let secrets = [
        ("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("proxy-authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("set-cookie", "id=0123456789abcdef0123456789abcdef"),
        ("cookie", "pin=1234"),
    ];
    let mut plain = Vec::new();
    encoder::encode(secrets, &mut plain);
    for stream in 0..4 {
        assert_eq!(encode(&mut encoder, stream, &secrets), plain);
    }
    assert_eq!(encoder.progress(), (0, 0));
}

#[test]
fn changing_lines_are_inserted_when_they_come_again() {
    let mut encoder = encoder(4096, 100);
    let line = [(":path", "/some/resource/of/ours")];
    assert_eq!(encode(&mut encoder, 0, &line)[..2], [0, 0]);
    assert_eq!(encode(&mut encoder, 4, &line), [2, 0x80, 0x10]);
}

/// RFC 9204 section 2.1.2-1, 2.1.4.
#[test]
fn a_peer_that_never_acknowledges_costs_a_bounded_amount() {
    let mut encoder = encoder(4096, 1 << 20);
    for stream in 0..2 * MAX_SECTIONS as u64 {
        let section = encode(&mut encoder, stream, &LINE);
        assert_eq!(section[0] == 0, stream >= MAX_SECTIONS as u64, "{stream}");
    }
    assert_eq!(encoder.progress(), (1, MAX_SECTIONS));
    // Trailers and informational responses of one stream.
    let mut encoder = self::encoder(4096, 1 << 20);
    let referring = (0..100).filter(|_| encode(&mut encoder, 4, &LINE)[0] != 0).count();
    assert_eq!(referring, 8);
    // Without the right to block, one entry goes ahead, and nothing refers to it.
    let mut encoder = self::encoder(4096, 0);
    for number in 0..100 {
        let value = format!("value {}", number / 2);
        assert_eq!(encode(&mut encoder, number, &[("x-own", &value), ("x-other", &value)])[0], 0);
    }
    assert_eq!(encoder.progress(), (1, 0));
    let instructions = encoder.take_instructions();
    assert!(instructions.len() < 30, "{instructions:x?}");
}

/// RFC 9204 section 2.1.1-1, 3.2.2-1.
#[test]
fn what_is_referred_to_is_not_evicted() {
    let mut encoder = encoder(128, 100);
    let mut line = |stream: u64, text: &str| encode(&mut encoder, stream, &[("x-own", text)])[0];
    assert_eq!(line(0, "11111111111111111111111111"), 2);
    assert_eq!(line(4, "22222222222222222222222222"), 3);
    // There is no room for a third, although it comes again and again.
    for stream in [8, 12, 16] {
        assert!(line(stream, "33333333333333333333333333") <= 3);
    }
    encoder.on_decoder_stream(&[0x80]).unwrap();
    assert_eq!(encode(&mut encoder, 20, &[("x-own", "33333333333333333333333333")])[0], 4);
}

/// RFC 9204 section 4.4.1-1, 4.4.3-1.
#[test]
fn instructions_of_a_decoder_that_are_wrong() {
    use DecoderStreamError::{InsertCountIncrement, SectionAcknowledgment};
    let begun = || {
        let mut encoder = encoder(4096, 100);
        encode(&mut encoder, 4, &LINE);
        encoder
    };
    for (bytes, expected) in [
        (&[0x84, 0x84][..], Err(SectionAcknowledgment)),
        (&[0x80], Err(SectionAcknowledgment)),
        (&[0x84, 0xff], Err(SectionAcknowledgment)),
        (&[0x00], Err(InsertCountIncrement)),
        (&[0x02], Err(InsertCountIncrement)),
        (&[0x3f], Err(InsertCountIncrement)),
        (&[0x01, 0x01], Err(InsertCountIncrement)),
        (&[0x84, 0x01], Err(InsertCountIncrement)),
        (&[0x44, 0x84], Err(SectionAcknowledgment)),
        (&[0x01, 0x84], Ok(0)),
        (&[0x44, 0x01], Ok(0)),
        (&[0x44, 0x44, 0x48, 0x7f, 0x80, 0x01], Ok(3)),
    ] {
        let mut whole = begun();
        assert_eq!(whole.on_decoder_stream(bytes), expected, "{bytes:x?}");
        let mut dripped = begun();
        let sum = bytes.iter().try_fold(0, |sum, byte| Ok(sum + dripped.on_decoder_stream(&[*byte])?));
        assert_eq!(sum, expected, "{bytes:x?}");
    }
    for bytes in 0..=0xffffu16 {
        let _ = begun().on_decoder_stream(&bytes.to_be_bytes());
    }
}

/// Without a table the same stream is held to the same rules.
#[test]
fn without_a_table_only_cancellations_are_allowed() {
    for byte in 0..=255u8 {
        let expected = match byte >> 6 {
            0 => Err(DecoderStreamError::InsertCountIncrement),
            1 => Ok(0),
            _ => Err(DecoderStreamError::SectionAcknowledgment),
        };
        assert_eq!(Encoder::new().on_decoder_stream(&[byte]), expected, "{byte:#x}");
    }
}

/// A section that was encoded and not sent keeps nothing.
#[test]
fn what_is_not_sent_is_not_waited_for() {
    let mut encoder = encoder(4096, 100);
    let mut section = Vec::new();
    encoder.encode(None, LINE, 4096, &mut section);
    assert_eq!((section[0], encoder.progress()), (2, (1, 0)));
    encode(&mut encoder, 4, &[(":method", "GET")]);
    assert_eq!(encoder.progress(), (1, 0));
}

/// RFC 9204 s2.1.3.
#[test]
fn nothing_is_inserted_without_room_for_it() {
    let mut encoder = encoder(4096, 100);
    for room in [0, 10, 40] {
        let mut section = Vec::new();
        encoder.encode(None, LINE, room, &mut section);
        assert_eq!((section[0], encoder.progress().0), (0, 0), "{room}");
    }
}

/// Both ends, with streams that overtake each other as they may.
struct Pair {
    encoder: Encoder,
    decoder: Decoder,
    state: u64,
    instructions: VecDeque<u8>,
    answers: VecDeque<u8>,
    sections: Vec<(u64, Vec<u8>)>,
    expected: BTreeMap<u64, Lines>,
    most_blocked: usize,
}

impl Pair {
    fn next(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below.max(1)
    }

    fn send(&mut self, stream: u64) {
        let lines: Lines = (0..self.next(8))
            .map(|_| {
                let name = ["x-a", "x-long-name-of-its-own", ":path", "user-agent", "cookie"][self.next(5) as usize];
                let value = format!("{}-{}", self.next(12), "v".repeat(self.next(30) as usize / 10 * 10));
                (Vec::from(name), value.into_bytes())
            })
            .collect();
        let mut section = Vec::new();
        let room = [0, 50, 4096][self.next(3) as usize];
        self.encoder.encode(None, lines.iter().map(|(name, value)| (name, value)), room, &mut section);
        self.encoder.on_sent(stream);
        self.instructions.extend(self.encoder.take_instructions());
        self.sections.push((stream, section));
        self.expected.insert(stream, lines);
    }

    fn decode(&mut self, stream: u64, section: &[u8]) {
        let mut lines = Lines::new();
        let result = self.decoder.decode_from(stream, section, 1 << 20, |name, value| {
            lines.push((name.to_vec(), value.to_vec()));
            Ok::<(), Infallible>(())
        });
        assert_eq!((result, Some(lines)), (Ok(()), self.expected.remove(&stream)));
    }

    /// Something arrives: a section, or a piece of either stream of instructions.
    fn deliver(&mut self) {
        match self.next(4) {
            0 if !self.sections.is_empty() => {
                let place = self.next(self.sections.len() as u64) as usize;
                let (stream, section) = self.sections.swap_remove(place);
                if self.next(10) == 0 {
                    self.expected.remove(&stream);
                    self.decoder.cancel(stream);
                } else if self.decoder.admit(stream, &section).expect("no more wait than may") {
                    self.decode(stream, &section);
                }
                self.most_blocked = self.most_blocked.max(self.decoder.blocked_streams());
            }
            1 | 2 => {
                let count = self.next(self.instructions.len() as u64 + 1) as usize;
                let piece: Vec<u8> = self.instructions.drain(..count).collect();
                self.decoder.on_encoder_stream(&piece).expect("instructions of ours");
                while let Some(stream) = self.decoder.ready() {
                    let section = self.decoder.take(stream).expect("what is ready is there");
                    self.decode(stream, &section);
                }
            }
            _ => {
                if self.next(2) == 0 {
                    self.answers.extend(self.decoder.take_instructions());
                }
                let count = self.next(self.answers.len() as u64 + 1) as usize;
                let piece: Vec<u8> = self.answers.drain(..count).collect();
                self.encoder.on_decoder_stream(&piece).expect("instructions of ours");
            }
        }
    }
}

/// RFC 9204 section 2.1-2, 2.1.1-1, 2.1.2-1, 2.2-1, 2.2.2.1-1, 3.2.2-1.
#[test]
fn both_ends_agree_in_any_order() {
    for seed in 0..300u64 {
        let capacity = [0, 64, 128, 256, 512, 4096][seed as usize % 6];
        let blocked = [0, 1, 3, 100][seed as usize / 6 % 4];
        let limits = DecoderLimits { max_table_capacity: capacity, max_blocked_streams: blocked };
        let mut pair = Pair {
            encoder: encoder(capacity, blocked.into()),
            decoder: Decoder::with_limits(limits),
            state: seed,
            instructions: VecDeque::new(),
            answers: VecDeque::new(),
            sections: Vec::new(),
            expected: BTreeMap::new(),
            most_blocked: 0,
        };
        for stream in 0..200 {
            pair.send(stream);
            for _ in 0..pair.next(8) {
                pair.deliver();
            }
        }
        for _ in 0..20_000 {
            if pair.expected.is_empty() {
                break;
            }
            pair.deliver();
        }
        assert!(pair.expected.is_empty(), "{seed}: {} sections never came", pair.expected.len());
        assert!(pair.most_blocked <= usize::from(blocked));
        assert_eq!(pair.decoder.held(), 0);
        assert!(capacity < 128 || pair.encoder.progress().0 > 0, "{seed}: the table is used");
    }
}
