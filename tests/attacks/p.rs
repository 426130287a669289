//! Parsing: no byte string may panic, loop or recurse.

use crate::a::one_datagram;
use crate::support::{MAX, after, client_verdict, crypto, der, id, message, raw, with_parameters};
use adversary::heap::Meter;
use adversary::http::{GET, POST, Script, frame, headers};
use adversary::{Options, PLAIN, Peer, Stage, Tweak, push};
use base::Side::{self, Client, Server};
use base::{Direction, Reader, VarInt};
use crypto::HeaderProtectionKey;
use h3::{Body, Event};
use http::exchange;
use qpack::{DecoderStreamError, DecompressionError, EncoderStreamError};
use quic::TransportErrorCode;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, Initial, OneRtt};
use quic::wire::header::Header;
use quic::{CloseReason, Event as QuicEvent, Violation};
use std::rc::Rc;
use tls::Level;

/// `value` in `length` bytes, if it fits.
fn varint_of(value: u64, length: u32) -> Option<Vec<u8>> {
    let bits = 8 * length - 2;
    if value >> bits != 0 {
        return None;
    }
    let prefix = u64::from(length.trailing_zeros()) << bits;
    Some((value | prefix).to_be_bytes()[8 - length as usize..].to_vec())
}

/// RFC 9000 section 12.4-4.
#[test]
fn p1_unknown_frame_types_close_with_frame_encoding_error() {
    let step = (0x100u64..0x4000).step_by(101);
    // RESET_STREAM_AT, which nobody asked for, is unknown where it can be read; DATAGRAM is known and not asked for.
    let known = |value: &u64| [0x1f, 0x24, 0x30, 0x31, 0xaf].contains(value);
    let values = (0x1f..0x100).chain(step).chain([0x3fff, 0x4000, 0x3fff_ffff, 0x4000_0000, MAX]);
    for value in values.filter(|value| !known(value)) {
        for bytes in [1u32, 2, 4, 8].into_iter().filter_map(|length| varint_of(value, length)) {
            let peer = after(Server, &[&[0x01], &bytes[..], &[0; 3]].concat());
            assert_eq!(peer.violation(), Some((Violation::UnknownFrameType, value)), "{bytes:x?}");
            assert!(peer.closes().iter().all(|close| close.1 == TransportErrorCode::FRAME_ENCODING_ERROR.0));
        }
    }
}

/// A transport parameter as bytes.
fn parameter(id: u64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, id);
    push(&mut out, value.len() as u64);
    out.extend(value);
    out
}

/// The parameters of a peer as pairs of number and value.
fn pairs(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut reader = Reader::new(bytes);
    let mut out = Vec::new();
    while !reader.is_empty() {
        out.push((reader.varint().unwrap(), reader.varint_prefixed().unwrap().to_vec()));
    }
    out
}

/// RFC 9000 section 7.4-1.
#[test]
fn p2_every_transport_parameter_cut_lengthened_repeated_or_out_of_range() {
    // Each of RFC 9000 section 18.2, with a value that its kind does not allow.
    let long = [0x40, 0x00].repeat(30);
    let bad: &[(u64, &[&[u8]])] = &[
        (0x00, &[&[7; 21], &[7; 255]]),
        (0x01, &[&[], &[0x40], &[1, 1]]),
        (0x02, &[&[], &[1; 15], &[1; 17]]),
        (0x03, &[&[], &[0x44, 0xaf], &[0xc0], &[0x80, 0, 1]]),
        (0x04, &[&[], &[0xc0; 7], &long]),
        (0x05, &[&[], &[0xc0; 7], &long]),
        (0x06, &[&[], &[0xc0; 7], &long]),
        (0x07, &[&[], &[0xc0; 7], &long]),
        (0x08, &[&[], &[0xd0, 0, 0, 0, 0, 0, 0, 1], &[0xff; 8]]),
        (0x09, &[&[], &[0xd0, 0, 0, 0, 0, 0, 0, 1], &[0xff; 8]]),
        (0x0a, &[&[], &[21], &[0x40, 21]]),
        (0x0b, &[&[], &[0x80, 0, 0x40, 0], &[0xff; 8]]),
        (0x0c, &[&[0], &[1]]),
        (0x0d, &[&[], &[1; 40], &[0xff; 200]]),
        (0x0e, &[&[], &[0], &[1]]),
        (0x0f, &[&[7; 21], &[7; 255]]),
        (0x10, &[&[7; 21], &[7; 255]]),
    ];
    for target in [Client, Server] {
        for (number, values) in bad {
            for value in *values {
                let (number, value) = (*number, value.to_vec());
                refused(target, move |bytes| {
                    let others = pairs(bytes).into_iter().filter(|(id, _)| *id != number);
                    let mut out: Vec<u8> = others.flat_map(|(id, value)| parameter(id, &value)).collect();
                    out.extend(parameter(number, &value));
                    out
                });
            }
        }
        // Each that is there, twice; and with a length beyond the end, by its own bytes and by 2^62 - 1.
        let known = pairs(&honest(target)).len();
        for place in 0..known {
            refused(target, move |bytes| {
                let (id, value) = pairs(bytes)[place].clone();
                [bytes.to_vec(), parameter(id, &value)].concat()
            });
            for cut in [1, 2] {
                refused(target, move |bytes| {
                    let mut pairs = pairs(bytes);
                    let (id, value) = pairs.remove(place);
                    let mut out: Vec<u8> = pairs.iter().flat_map(|(id, value)| parameter(*id, value)).collect();
                    let whole = parameter(id, &[value, vec![1]].concat());
                    out.extend(&whole[..whole.len() - cut]);
                    out
                });
            }
            refused(target, move |bytes| {
                let mut out = bytes.to_vec();
                push(&mut out, pairs(bytes)[place].0 + 0x1000);
                push(&mut out, MAX);
                out
            });
        }
    }
}

/// What an honest peer of this target sends.
fn honest(target: Side) -> Vec<u8> {
    let seen = Rc::new(std::cell::RefCell::new(Vec::new()));
    let keep = seen.clone();
    with_parameters(target, move |parameters, side| {
        *keep.borrow_mut() = parameters.encode(side, 0);
        keep.borrow().clone()
    });
    seen.take()
}

#[track_caller]
fn refused(target: Side, change: impl Fn(&[u8]) -> Vec<u8> + 'static) {
    let seen = Rc::new(std::cell::RefCell::new(Vec::new()));
    let keep = seen.clone();
    let peer = with_parameters(target, move |parameters, side| {
        let bytes = change(&parameters.encode(side, 0));
        keep.borrow_mut().clone_from(&bytes);
        bytes
    });
    let code = TransportErrorCode::TRANSPORT_PARAMETER_ERROR.0;
    assert!(
        !peer.closes().is_empty() && peer.closes().iter().all(|close| close.1 == code),
        "{target:?} {:x?}: {:?}",
        seen.borrow(),
        peer.reason(),
    );
}

#[test]
fn p3_a_cut_frame_type_at_the_end_is_an_error() {
    for target in [Client, Server] {
        for last in [&[0x40][..], &[0x80], &[0x80, 0, 0], &[0xc0], &[0xc0, 0, 0, 0, 0, 0, 0]] {
            for before in [&[][..], &[0x01], &[0; 30]] {
                let peer = after(target, &[before, last].concat());
                let (violation, _) = peer.violation().unwrap();
                assert_eq!(violation.code(), TransportErrorCode::FRAME_ENCODING_ERROR, "{before:x?} {last:x?}");
                for kind in [Initial, Handshake] {
                    let mut peer = Peer::against(target, Stage::Keys);
                    // Padding of an Initial comes before, so that the type stays last.
                    let packet = peer.packet(kind, &[&vec![0; 1200][..], before, last].concat(), PLAIN);
                    peer.deliver(packet);
                    assert!(peer.closes().iter().all(|close| close.1 == 0x07) && !peer.closes().is_empty());
                }
            }
        }
    }
}

/// RFC 9000 section 8.1.3-14.
#[test]
fn p4_a_token_nobody_gave_is_none() {
    static TOKEN: [u8; 200] = [0x5e; 200];
    for len in 0..200 {
        let mut peer = one_datagram();
        let hello = peer.take_crypto(Level::Initial);
        let mut payload = crypto(0, &hello);
        assert!(payload.len() < 1000, "a whole ClientHello, so that the server has something to send");
        payload.resize(1000, 0);
        let mut packet = peer.packet(Initial, &payload, Tweak { token: &TOKEN[..len], ..PLAIN });
        packet.resize(1300, 0);
        peer.deliver(packet);
        assert_eq!(peer.target.len(), 1);
        // Long enough to send everything again, and again.
        peer.wait(base::Duration::from_secs(5));
        let sent = peer.sent_bytes();
        assert!((1200..=3900).contains(&sent), "a token nobody gave validates nothing: {sent} bytes");
    }
    // A length beyond the packet: dropped.
    for length in [&[0x7f, 0xff][..], &[0xbf, 0xff, 0xff, 0xff], &[0xff; 8]] {
        let mut peer = Peer::against(Server, Stage::Begun);
        let mut packet = vec![0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0];
        packet.extend(length);
        packet.resize(1300, 0x5e);
        peer.deliver(packet);
        assert!(peer.target.is_empty() && peer.datagrams.is_empty());
    }
}

/// Retry packets of every length; none is asked for, so none is believed.
/// RFC 9000 section 17.2.5.1-2, 17.2.5.2-2, 17.2.5.2-3, 17.2.5.2-4.
#[test]
fn p5_retry_packets_of_every_length_are_dropped() {
    for target in [Client, Server] {
        let mut peer = Peer::against(target, Stage::Keys);
        // Of both versions, and with the QUIC bit cleared.
        let heads = [[0xf0, 0, 0, 0, 1, 8], [0xb0, 0, 0, 0, 1, 8], [0xc0, 0x6b, 0x33, 0x43, 0xcf, 8]];
        for (len, head) in (0..60).flat_map(|len| heads.map(|head| (len, head))) {
            let mut packet = head.to_vec();
            packet.extend(peer.destination.as_slice());
            packet.push(8);
            packet.extend(peer.source.as_slice());
            packet.resize(packet.len() + len, 7);
            assert!(len < 17 || matches!(Header::decode_greased(&packet, 8), Ok(Header::Retry { .. })));
            for cut in 0..packet.len() {
                peer.deliver(packet[..cut].to_vec());
            }
            peer.deliver(packet);
        }
        assert!(peer.reason().is_none());
        peer.advance_from_keys();
    }
}

/// As many packets as a datagram can hold, on a stack on which recursion would not come far.
#[test]
fn p6_a_datagram_full_of_tiny_packets_takes_bounded_work() {
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(tiny_packets);
    thread.unwrap().join().unwrap();
}

fn tiny_packets() {
    let mut peer = Peer::against(Server, Stage::Begun);
    let mut tiny = vec![0xc0, 0, 0, 0, 1, 8];
    tiny.extend(peer.original.as_slice());
    tiny.extend([0, 0, 0]);
    peer.deliver(tiny.repeat(65_000 / tiny.len()));
    assert!(peer.target.is_empty());
    peer.advance_to(Stage::Established);
    tiny[6..14].copy_from_slice(peer.destination.as_slice());
    peer.deliver(tiny.repeat(65_000 / tiny.len()));
    assert!(peer.is_open());
    // Sealed and good, each with a new number: all are used, one after the other.
    let mut peer = Peer::against(Client, Stage::Keys);
    let before = peer.connection().stats().packets_received;
    let many: Vec<u8> = (0..1000).flat_map(|_| peer.packet(Handshake, &[0x01; 4], PLAIN)).collect();
    assert!(many.len() > 45_000);
    let meter = Meter::start();
    peer.deliver(many);
    let read = peer.connection().stats().packets_received - before;
    assert_eq!(read, 1000);
    assert!(meter.held() < 64 << 10);
    // Forged: no more than 64 are tried.
    let dropped = |peer: &mut Peer| peer.connection().stats().packets_dropped;
    let before = dropped(&mut peer);
    let mut forged = peer.packet(Handshake, &[0x01; 4], PLAIN);
    *forged.last_mut().unwrap() ^= 1;
    peer.deliver(forged.repeat(1000));
    assert_eq!(dropped(&mut peer) - before, 65, "and the rest as one");
}

/// RFC 9000 section 19.3.1-1.
#[test]
fn p7_acknowledgments_below_packet_number_0() {
    for payload in [
        raw(0x02, &[0, 0, 0, 1]),
        raw(0x02, &[3, 0, 0, 4]),
        raw(0x02, &[3, 0, 0, MAX]),
        raw(0x02, &[1, 0, 1, 0, 0, 0]),
        raw(0x02, &[5, 0, 1, 0, 4, 0]),
        raw(0x02, &[5, 0, 1, 0, MAX, 0]),
        raw(0x02, &[5, 0, 1, 0, 0, 4]),
        raw(0x02, &[5, 0, 1, 0, 0, MAX]),
        raw(0x03, &[5, 0, 1, 0, 0, MAX, 0, 0, 0]),
    ] {
        let peer = after(Server, &payload);
        assert_eq!(peer.violation().map(|found| found.0), Some(Violation::AckRangeBelowZero), "{payload:x?}");
        assert_eq!(Violation::AckRangeBelowZero.code(), TransportErrorCode::FRAME_ENCODING_ERROR);
    }
}

/// Empty datagrams, and a segment size of 0, which a socket never hands on (see the table for the socket's own tests).
#[test]
fn p8_empty_datagrams_are_nothing() {
    for target in [Client, Server] {
        for stage in [Stage::Begun, Stage::Keys, Stage::Established] {
            let mut peer = Peer::against(target, stage);
            peer.forget();
            for _ in 0..1000 {
                peer.deliver(Vec::new());
            }
            assert!(peer.reason().is_none());
            peer.wait(base::Duration::from_millis(1));
            assert!(peer.datagrams.len() < 10, "{}", peer.datagrams.len());
        }
    }
}

#[test]
fn p9_padding_is_counted_without_wrapping() {
    for len in [65_535, 65_536, 65_537, 1 << 20] {
        let zeros = vec![0; len];
        let mut reader = Reader::new(&zeros);
        let mut bytes = 0;
        while !reader.is_empty() {
            let Ok(Frame::Padding { bytes: some }) = Frame::decode(&mut reader) else { panic!("padding") };
            bytes += some;
        }
        assert_eq!(bytes, len);
    }
}

/// A peer that allows one byte of a stream, and codes as large as there are.
#[test]
fn p11_codes_are_62_bits_and_one_byte_of_credit_is_no_harm() {
    assert!(VarInt::new(1 << 62).is_none() && VarInt::new(u64::MAX).is_none());
    let largest = VarInt::new(MAX).unwrap();
    let mut peer = with_parameters(Server, |mut parameters, side| {
        parameters.initial_max_stream_data_bidi_remote = 1;
        parameters.initial_max_stream_data_uni = 1;
        parameters.encode(side, 0)
    });
    for direction in [Direction::Bidirectional, Direction::Unidirectional] {
        let id = peer.connection().open(direction).unwrap();
        peer.connection().write_slice(id, &[7; 5000]).unwrap();
        peer.pump();
        peer.connection().reset(id, largest);
        peer.pump();
    }
    peer.send(OneRtt, &[1]);
    let resets = peer.frames(|_, frame| match frame {
        Frame::ResetStream { error_code, final_size, .. } => Some((error_code.value(), *final_size)),
        _ => None,
    });
    assert_eq!(resets, [(MAX, 1), (MAX, 1)]);
    peer.send_frame(OneRtt, &Frame::ApplicationClose { error_code: largest, reason: b"" });
    assert_eq!(peer.reason(), Some(&CloseReason::PeerApplication { code: largest, reason: String::new() }));
}

/// Samples of ones, where a counter made of them is the largest there is.
#[test]
fn p12_header_protection_of_a_sample_of_ones() {
    let key128: Vec<u8> = (0..16).collect();
    let key256: Vec<u8> = (0..32).collect();
    let mask = |suite: usize, key: &[u8], sample: [u8; 16]| {
        let key: Box<dyn HeaderProtectionKey> =
            crypto_ring::PROVIDER.cipher_suites[suite].aead.header_protection_key(key);
        key.mask(&sample)
    };
    for (place, suite) in crypto_ring::PROVIDER.cipher_suites.iter().enumerate() {
        let key = if suite.aead.key_len() == 16 { &key128 } else { &key256 };
        // The published bug was in one step of a counter: neighbours differ, and none panics.
        let mut ones = [0xff; 16];
        let of_ones = mask(place, key, ones);
        assert_eq!(of_ones, mask(place, key, ones));
        for byte in 0..16 {
            ones[byte] = 0xfe;
            assert_ne!(of_ones, mask(place, key, ones), "{byte}");
            ones[byte] = 0xff;
        }
    }
    // On the wire: packets whose sample is all ones are forgeries like any other.
    let mut peer = Peer::against(Server, Stage::Established);
    for first in [0x40, 0x41, 0x42, 0x43, 0x7f] {
        let mut packet = vec![first];
        packet.extend(peer.destination.as_slice());
        packet.resize(100, 0xff);
        peer.deliver(packet);
    }
    assert!(peer.is_open());
}

/// A prefix integer of QPACK as long as it may be, and longer.
fn prefixed(first: u8, bits: u32, value: u128) -> Vec<u8> {
    let most = (1u128 << bits) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let mut out = vec![first | most as u8];
    let mut rest = value - most;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

#[test]
fn p13_huge_indices_and_lengths_of_qpack() {
    let huge = [u128::from(MAX), 1 << 62, (1 << 63) - 1, u128::from(u64::MAX), 1 << 64, (1 << 32) - 1, 1 << 32];
    let decode = |section: &[u8]| qpack::Decoder::new().decode(section, 65_536, |_, _| Ok::<(), ()>(()));
    for value in huge {
        // Required Insert Count and Delta Base.
        assert!(decode(&[prefixed(0, 8, value), vec![0]].concat()).is_err());
        assert!(decode(&[vec![0], prefixed(0, 7, value), vec![0xd1]].concat()).is_ok() || value > u128::from(MAX));
        assert!(decode(&[vec![0], prefixed(0x80, 7, value), vec![0xd1]].concat()).is_err());
        // Indexed, static and dynamic; post-base; name references; names and values.
        for (first, bits) in [(0xc0, 6), (0x80, 6), (0x10, 4), (0x50, 4), (0x40, 4), (0x00, 3), (0x20, 3), (0x28, 3)] {
            let section = [vec![0, 0], prefixed(first, bits, value), vec![0; 20]].concat();
            assert!(decode(&section).is_err(), "{first:#x} {value}");
        }
        for huffman in [0, 0x80] {
            let section = [vec![0, 0, 0x51], prefixed(huffman, 7, value), vec![0; 20]].concat();
            assert!(decode(&section).is_err());
        }
        for (first, bits) in [(0x80, 6), (0xc0, 6), (0x40, 5), (0x60, 5), (0x20, 5), (0x00, 5)] {
            assert!(qpack::Decoder::new().on_encoder_stream(&prefixed(first, bits, value)).is_err());
        }
        for (first, bits) in [(0x80, 7), (0x00, 6)] {
            assert!(qpack::Encoder::new().on_decoder_stream(&prefixed(first, bits, value)).is_err());
        }
    }
}

/// All inputs of up to three bytes give a value or an error.
#[test]
fn p14_every_short_input_to_the_parsers_of_qpack() {
    let mut decoder = qpack::Decoder::new();
    let mut results = [0u32; 3];
    let mut try_all = |input: &[u8]| {
        results[0] += u32::from(decoder.decode(input, 100, |_, _| Ok::<(), ()>(())).is_ok());
        results[1] += u32::from(qpack::Decoder::new().on_encoder_stream(input).is_ok());
        results[2] += u32::from(qpack::Encoder::new().on_decoder_stream(input).is_ok());
    };
    for first in 0..=255 {
        try_all(&[first]);
        for second in 0..=255 {
            try_all(&[first, second]);
            for third in 0..=255 {
                try_all(&[first, second, third]);
            }
        }
    }
    assert!(results.iter().all(|fine| *fine > 0), "{results:?}");
}

#[test]
fn p15_a_literal_longer_than_what_is_left() {
    let decode = |section: &[u8]| qpack::Decoder::new().decode(section, 65_536, |_, _| Ok::<(), ()>(()));
    let truncated = Err(qpack::DecodeError::Decompression(DecompressionError::Truncated));
    for huffman in [0x00, 0x80] {
        for declared in 1..=100u8 {
            for left in 0..declared {
                let section = [&[0, 0, 0x51, huffman | declared][..], &vec![0x1f; usize::from(left)]].concat();
                assert_eq!(decode(&section), truncated, "{declared} {left}");
            }
        }
    }
    // A name, Huffman-coded, with nothing behind it.
    assert_eq!(decode(&[0, 0, 0x2e]), truncated);
    let mut script = Script::started(Server);
    script.feed(0, &frame(1, &[0, 0, 0x51, 0x89, 1]));
    let expected = h3::Violation::Decompression(DecompressionError::Truncated);
    assert_eq!(script.violation(), Some(expected));
    assert_eq!(expected.code(), h3::error_code::QPACK_DECOMPRESSION_FAILED);
}

/// A header of a frame in two pieces, cut at every byte; the application works in between.
#[test]
fn p16_frame_headers_cut_at_every_byte() {
    // Types and lengths in longer forms than needed, between frames that the application acts upon.
    let mut message = headers(POST);
    message.extend([0x40, 0x00, 0x80, 0, 0, 3, b'a', b'b', b'c']);
    message.extend([0xc0, 0, 0, 0, 0, 0, 0, 0x21, 0x40, 2, 1, 1]);
    message.extend(frame(0, b"de"));
    message.extend(headers([("x-sum", "5")]));
    for cut in 0..=message.len() {
        let mut script = Script::started(Server);
        let mut body = Vec::new();
        let mut take = |script: &mut Script| {
            for event in script.events() {
                match event {
                    Event::Exchange(id, exchange::Event::Body) => body.extend(script.read_all(id.value()).0),
                    Event::Exchange(_, exchange::Event::Failed(violation)) => panic!("{cut}: {violation}"),
                    _ => {}
                }
            }
        };
        script.feed(0, &message[..cut]);
        take(&mut script);
        script.feed_and_end(0, &message[cut..]);
        take(&mut script);
        // Trailers follow once the content is read.
        let (_, end) = script.read_all(0);
        assert!(matches!(end, Body::End | Body::Gone), "{cut}: {end:?}");
        assert_eq!(body, b"abcde", "{cut}");
        assert!(script.violation().is_none());
    }
}

/// A ticket in pieces of one byte, and cut in two at every byte.
#[test]
fn p17_post_handshake_messages_in_pieces() {
    // A NewSessionTicket: lifetime, age_add, nonce, ticket, no extensions.
    let body = [&[0, 0, 0, 9][..], &[1, 2, 3, 4], &[1, 7], &[0, 3, 1, 2, 3], &[0, 0]].concat();
    let message = [&[4, 0, 0, body.len() as u8][..], &body].concat();
    let mut peer = Peer::against(Client, Stage::Established);
    for (offset, byte) in message.iter().enumerate() {
        peer.send_frame(OneRtt, &Frame::Crypto { offset: offset as u64, data: &[*byte] });
        assert!(peer.is_open(), "{:?}", peer.events);
    }
    for cut in 1..message.len() {
        let mut peer = Peer::against(Client, Stage::Established);
        peer.send(OneRtt, &crypto(cut as u64, &message[cut..]));
        peer.send(OneRtt, &crypto(0, &message[..cut]));
        // What follows is still understood: nothing was left over.
        peer.send(OneRtt, &crypto(message.len() as u64, &message));
        assert!(peer.is_open(), "{cut}: {:?}", peer.events);
    }
}

/// The ClientHello cut in two at every byte, and in three pieces in every order, with overlaps, in one packet or in three.
#[test]
fn p18_a_client_hello_in_pieces() {
    let hello_len = Peer::against(Server, Stage::Begun).take_crypto(Level::Initial).len();
    for cut in 1..hello_len {
        let mut peer = Peer::against(Server, Stage::Begun);
        let hello = peer.take_crypto(Level::Initial);
        peer.send(Initial, &crypto(cut as u64, &hello[cut..]));
        peer.send(Initial, &crypto(0, &hello[..cut]));
        peer.advance_from_keys();
    }
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for cut in [1, 4, 5, 40, 100] {
            for one_packet in [false, true] {
                let mut peer = Peer::with(Server, Stage::Begun, Options::default());
                let hello = peer.take_crypto(Level::Initial);
                let ends = [0..cut + 3, cut..hello.len() - 2, hello.len() - 10..hello.len()];
                let pieces = order.map(|index| {
                    let range = ends[index].clone();
                    crypto(range.start as u64, &hello[range])
                });
                if one_packet {
                    peer.send(Initial, &pieces.concat());
                } else {
                    pieces.iter().for_each(|piece| peer.send(Initial, piece));
                }
                peer.send_crypto(Level::Handshake);
                assert!(peer.events.contains(&QuicEvent::Established), "{order:?} {cut} {one_packet}");
            }
        }
    }
}

/// The parts of a ClientHello: what is before the extensions, and the extensions.
fn client_hello_parts(hello: &[u8]) -> (Vec<u8>, Vec<(u16, Vec<u8>)>) {
    let mut reader = Reader::new(&hello[4..]);
    reader.bytes(34).unwrap();
    reader.u8_prefixed().unwrap();
    reader.u16_prefixed().unwrap();
    reader.u8_prefixed().unwrap();
    let head = hello[4..4 + reader.position()].to_vec();
    reader.u16().unwrap();
    let mut extensions = Vec::new();
    while !reader.is_empty() {
        extensions.push((reader.u16().unwrap(), reader.u16_prefixed().unwrap().to_vec()));
    }
    (head, extensions)
}

fn list16(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

/// Lists as long as their lengths can say, in everything a peer sends: an alert or success, and never a panic.
#[test]
fn p19_handshake_messages_as_large_as_they_can_be() {
    // To a server: in the ClientHello, the list of protocols, of groups, of shares, a cookie, a name, a ticket, and what
    // nobody knows.
    let fill = |len: usize| vec![1u8; len];
    let many_protocols = [1u8, b'x'].repeat(30_000);
    let long: &[(u16, Vec<u8>)] = &[
        (16, list16(&many_protocols)),
        (10, list16(&fill(60_000))),
        (13, list16(&fill(60_000))),
        (43, [&[254][..], &fill(254)].concat()),
        (44, list16(&fill(60_000))),
        (0, list16(&[&[0][..], &list16(&fill(60_000))].concat())),
        (51, list16(&[&[0x1a, 0x1a][..], &list16(&fill(60_000))].concat())),
        (41, [list16(&[list16(&fill(30_000)), fill(4)].concat()), list16(&[&[255][..], &fill(255)].concat())].concat()),
        (0xfafa, fill(63_000)),
        (21, fill(63_000)),
    ];
    let mut answered = 0;
    for (kind, data) in long {
        let mut peer = Peer::against(Server, Stage::Begun);
        let (head, mut extensions) = client_hello_parts(&peer.take_crypto(Level::Initial));
        extensions.retain(|(other, _)| other != kind);
        extensions.push((*kind, data.clone()));
        let extensions: Vec<u8> =
            extensions.iter().flat_map(|(kind, data)| [&kind.to_be_bytes()[..], &list16(data)].concat()).collect();
        let hello = message(1, &[head, list16(&extensions[..extensions.len().min(65_535)])].concat());
        answered += usize::from(give(&mut peer, &hello));
    }
    assert!(answered > 0, "some of them are fine");
    // A session ID that says 255 bytes, and a message that says 2^24 - 1.
    let mut peer = Peer::against(Server, Stage::Begun);
    let mut hello = peer.take_crypto(Level::Initial);
    hello[38] = 255;
    assert!(!give(&mut peer, &hello));
    let mut peer = Peer::against(Server, Stage::Begun);
    assert!(!give(&mut peer, &[&[1, 0xff, 0xff, 0xff][..], &[3; 2000]].concat()));
    assert!(!peer.closes().is_empty(), "a message that is too long is not waited for");
    // To a client: a Certificate of many small ones and of one large one, EncryptedExtensions, a ticket.
    let small = [&[0, 0, 5][..], &[0x30, 3, 2, 1, 1], &[0, 0]].concat().repeat(6000);
    let large = [&[0, 0xea, 0x60][..], &fill(60_000), &[0, 0]].concat();
    for list in [small, large] {
        let list = [&[0][..], &(list.len() as u32).to_be_bytes()[1..], &list].concat();
        refused_by_client(|flight| {
            let certificate = flight.iter().position(|(kind, _)| *kind == 11).unwrap();
            flight[certificate].1.clone_from(&list);
        });
    }
    refused_by_client(|flight| flight[0].1 = list16(&[&[0xfa, 0xfa][..], &list16(&fill(60_000))].concat()));
    let ticket = message(4, &[&[0, 0, 0, 9, 1, 2, 3, 4, 1, 7][..], &list16(&fill(60_000)), &[0, 0]].concat());
    let mut peer = Peer::against(Client, Stage::Established);
    for (number, piece) in ticket.chunks(1000).enumerate() {
        peer.send(OneRtt, &crypto(1000 * number as u64, piece));
    }
    assert!(peer.is_open(), "{:?}", peer.reason());
}

/// Sends handshake bytes to a server; says whether it answered rather than closing.
fn give(peer: &mut Peer, hello: &[u8]) -> bool {
    for (number, piece) in hello.chunks(1100).enumerate() {
        peer.send(Initial, &crypto(1100 * number as u64, piece));
    }
    let closes = peer.closes();
    assert!(closes.iter().all(|close| close.1 >= 0x100 || [0x08, 0x0a, 0x0d].contains(&close.1)), "{closes:?}");
    peer.wait(base::Duration::from_millis(100));
    closes.is_empty() && peer.has_keys(Handshake)
}

#[track_caller]
fn refused_by_client(change: impl FnOnce(&mut Vec<(u8, Vec<u8>)>)) {
    assert!(client_verdict(change).is_some());
}

/// A tree of DER.
#[derive(Clone)]
struct Node {
    tag: u8,
    /// Its elements, if it is constructed; else its contents.
    inside: Result<Vec<Node>, Vec<u8>>,
}

impl Node {
    fn read(bytes: &[u8]) -> (Node, usize) {
        let (mut len, mut at) = (usize::from(bytes[1]), 2);
        if len >= 0x80 {
            let count = len & 0x7f;
            len = bytes[2..2 + count].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
            at += count;
        }
        let contents = &bytes[at..at + len];
        let inside = if bytes[0] & 0x20 != 0 {
            let (mut nodes, mut place) = (Vec::new(), 0);
            while place < contents.len() {
                let (node, used) = Node::read(&contents[place..]);
                nodes.push(node);
                place += used;
            }
            Ok(nodes)
        } else {
            Err(contents.to_vec())
        };
        (Node { tag: bytes[0], inside }, at + len)
    }

    fn write(&self) -> Vec<u8> {
        match &self.inside {
            Ok(nodes) => der(self.tag, &[&nodes.iter().flat_map(Node::write).collect::<Vec<u8>>()]),
            Err(contents) => der(self.tag, &[contents]),
        }
    }

    /// The node of this number in reading order.
    fn find(&mut self, number: &mut usize) -> Option<&mut Node> {
        if *number == 0 {
            return Some(self);
        }
        *number -= 1;
        let Ok(nodes) = &mut self.inside else { return None };
        nodes.iter_mut().find_map(|node| node.find(number))
    }

    fn count(&self) -> usize {
        1 + self.inside.as_ref().map_or(0, |nodes| nodes.iter().map(Node::count).sum())
    }
}

/// Every element of a certificate empty, absent, twice, of another type, and every algorithm unknown.
#[test]
fn p20_certificates_with_each_field_empty_absent_or_unknown() {
    let provider = crypto_ring::provider();
    let identity = |authority| x509::IssueRequest {
        names: vec!["localhost".into()],
        not_before_unix: 1_000_000,
        lifetime_seconds: 1_000_000,
        serial: [7; 16],
        is_authority: authority,
    };
    let key = (provider.generate_key)(crypto::KeyKind::EcP256).unwrap();
    let load = |key: &[u8]| (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, key).unwrap();
    let authority = x509::issue::self_signed(&provider, &key, &identity(true)).unwrap();
    let leaf_key = (provider.generate_key)(crypto::KeyKind::EcP256).unwrap();
    let leaf =
        x509::issue::issued_by(&provider, &authority.certificate, &*load(&key), &*load(&leaf_key), &identity(false))
            .unwrap();
    let mut roots = x509::RootStore::new();
    roots.add_der(&authority.certificate).unwrap();
    let name = x509::ServerName::parse("localhost").unwrap();
    let verify = |der: Vec<u8>| x509::verify_server(&provider, &roots, &[der.into()], &name, 1_500_000);
    assert_eq!(verify(leaf.to_vec()), Ok(()));
    let (tree, used) = Node::read(&leaf);
    assert!(used == leaf.len() && tree.write() == leaf.to_vec());
    let mut tried = 0;
    for number in 0..tree.count() {
        let change = |change: &dyn Fn(&mut Node)| {
            let mut tree = tree.clone();
            change(tree.find(&mut { number }).unwrap());
            tree.write()
        };
        let mut all = vec![
            change(&|node| node.inside = Err(Vec::new())),
            change(&|node| node.inside = Err(vec![0])),
            change(&|node| node.inside = Err(vec![0xff; 300])),
            change(&|node| node.inside = Err(vec![0x30, 0x82, 0xff, 0xff])),
            change(&|node| node.tag ^= 0x01),
            change(&|node| node.tag = 0x05),
            change(&|node| node.inside = node.inside.clone().map(|nodes| [nodes.clone(), nodes].concat())),
        ];
        if tree.clone().find(&mut { number }).unwrap().tag == 0x06 {
            // Of no registry, with the largest arc, and cut inside an arc.
            let unknown: [&[u8]; 3] = [&[0x2a, 3, 4, 5], &[0x2a, 0xff, 0xff, 0xff, 0xff, 0x7f], &[0x2a, 0x86]];
            all.extend(unknown.map(|oid| change(&|node| node.inside = Err(oid.to_vec()))));
        }
        // Without the children, one at a time.
        let children = tree.clone().find(&mut { number }).unwrap().inside.as_ref().map_or(0, Vec::len);
        all.extend(
            (0..children).map(|child| change(&|node| drop(node.inside.as_mut().map(|nodes| nodes.remove(child))))),
        );
        for changed in all.into_iter().filter(|changed| *changed != leaf.to_vec()) {
            tried += 1;
            assert!(verify(changed.clone()).is_err(), "element {number}: {changed:x?}");
        }
    }
    assert!(tried > 300, "{tried}");
}

/// Every type of frame, stream and setting that means nothing, and those of HTTP/2.
/// RFC 9114 section 6.2-6, 6.2.3-2, 7.2.4-7, 7.2.4.1-2, 7.2.4.1-3, 7.2.8-2, 7.2.8-3, 9-1, 9-2.
#[test]
fn p21_reserved_and_unknown_types_of_http3() {
    let unknown = || (0x0a..0x0d).chain(0x0e..0x40).chain([0x3fff, 0x4000, 0xf0702, 0x21 + 31 * 1000, MAX]);
    for value in unknown() {
        for server in [true, false] {
            let mut script = Script::started(if server { Server } else { Client });
            script.feed(script.control(), &frame(value, b"abc"));
            if server {
                script.feed(0, &[frame(value, b""), headers(GET), frame(value, &[7; 100])].concat());
                script.end(0);
                let events = script.events();
                assert!(
                    matches!(
                        events[..],
                        [
                            Event::Exchange(_, exchange::Event::Request(_)),
                            Event::Exchange(_, exchange::Event::Finished)
                        ]
                    ),
                    "{value}: {events:?}"
                );
            }
            assert!(script.violation().is_none(), "{value}");
        }
        // A stream of that type.
        let mut script = Script::started(Server);
        let mut bytes = Vec::new();
        push(&mut bytes, value);
        script.feed(6, &bytes);
        script.feed(6, &[1; 100]);
        script.end(6);
        assert!(script.violation().is_none());
        // A setting.
        let mut script = Script::connected(Server, h3::Config::default());
        let mut setting = Vec::new();
        push(&mut setting, value);
        push(&mut setting, MAX);
        script.feed(2, &[&[0][..], &frame(4, &setting)].concat());
        // SETTINGS_H3_DATAGRAM (RFC 9297) is a setting that we know, of 0 or 1.
        let expected = if value == 0x33 { Some(h3::Violation::SettingValue) } else { None };
        assert_eq!(script.violation(), expected, "{value:#x}");
    }
    for value in [0x02, 0x06, 0x08, 0x09] {
        for stream in [0, 2] {
            let mut script = Script::started(Server);
            script.feed(stream, &frame(value, b""));
            assert_eq!(script.violation(), Some(h3::Violation::ReservedFrame), "{value:#x}");
        }
    }
    for value in [0x02u8, 0x03, 0x04, 0x05] {
        let mut script = Script::connected(Server, h3::Config::default());
        script.feed(2, &[&[0][..], &frame(4, &[value, 0])].concat());
        assert_eq!(script.violation(), Some(h3::Violation::ReservedSetting), "{value:#x}");
    }
}

/// What is asked for beyond what there is: an error, and nothing wraps. The rules for the sources are in tests/tidy.rs.
#[test]
fn p23_sizes_near_the_largest_are_errors() {
    for count in [usize::MAX, usize::MAX - 1, usize::MAX / 2 + 1, isize::MAX as usize, 11] {
        let mut buffer = [0; 16];
        let mut writer = base::Writer::new(&mut buffer);
        writer.bytes(&[1; 6]).unwrap();
        assert!(writer.reserve(count).is_err());
        assert_eq!(writer.position(), 6);
        let mut reader = Reader::new(&[7; 10]);
        reader.bytes(6).unwrap();
        assert!(reader.bytes(count).is_err());
        assert_eq!(reader.rest().len(), 4);
        let mut bytes = base::Bytes::copy_from_slice(&[7; 10]);
        assert_eq!((bytes.split_to(count).len(), bytes.len()), (10, 0));
    }
}

/// Growth to sizes at which an integer of 31 or 32 bits would wrap.
#[test]
fn p24_offsets_about_2_to_the_31_and_2_to_the_32() {
    for offset in [(1u64 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 1] {
        let mut peer = Peer::against(Server, Stage::Keys);
        peer.send(Handshake, &crypto(offset, b"x"));
        assert_eq!(peer.violation(), Some((Violation::CryptoBufferExceeded, 0x06)));
        let peer = after(Server, &raw(0x0e, &[0, offset, 0]));
        assert_eq!(peer.violation(), Some((Violation::StreamFlowControl, 0x0e)));
        // Allowed by windows that large: a byte there is held, and nothing before it.
        let mut options = Options::default();
        options.config.streams.max_data = 1 << 34;
        options.config.streams.max_stream_data_bidi_remote = 1 << 34;
        options.endpoint = Rc::new(|config| config.receive_memory = 1 << 36);
        let mut peer = Peer::with(Server, Stage::Established, options);
        let meter = Meter::start();
        peer.send(OneRtt, &[raw(0x0f, &[0, offset, 1]), vec![7]].concat());
        assert!(peer.is_open(), "{:?}", peer.reason());
        assert!(meter.peak() < 300_000, "{}", meter.peak());
        assert_eq!(peer.connection().read(id(0), 10), Ok(quic::Read::Blocked));
    }
    // A frame of HTTP/3, and a message of TLS, that say so.
    let mut script = Script::started(Server);
    script.feed(0, &[1, 0xc0, 0, 0, 0, 0x80, 0, 0, 0]);
    let refused = Event::Refused { id: id(0), violation: h3::Violation::FieldSectionTooLarge };
    assert_eq!(script.events(), [refused]);
    assert_eq!(
        qpack::Decoder::new().on_encoder_stream(&prefixed(0x40, 5, 1 << 32)),
        Err(EncoderStreamError::EntryTooLarge)
    );
    assert_eq!(
        qpack::Encoder::new().on_decoder_stream(&prefixed(0x00, 6, 1 << 32)),
        Err(DecoderStreamError::InsertCountIncrement)
    );
}
