//! Every variant of `Violation`, provoked through an endpoint: the connection closes for it, and the peer is told its code
//! and the frame type that is to blame.

use adversary::{Options, PLAIN, Peer, Stage, Tweak, encode, push};
use base::Side::{self, Client, Server};
use base::{StreamId, VarInt};
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::PacketKind::{Handshake, Initial, OneRtt};
use quic::wire::frame::{Frame, PacketKind, StreamFrame};
use quic::wire::transport_parameters::{PreferredAddress, TransportParameters, VersionInformation};
use quic::{Config, Version, Violation};
use std::rc::Rc;
use tls::Level;

/// How many bidirectional streams the target allows by default; the unidirectional ones are 100.
const BIDI: u64 = 256;
const V0: VarInt = VarInt::ZERO;
const MAX: u64 = (1 << 62) - 1;

fn id(value: u64) -> StreamId {
    StreamId::from_varint(VarInt::new(value).unwrap())
}

/// A packet in an established connection to a server.
fn at_server(payload: &[u8]) -> Peer {
    let mut peer = Peer::against(Server, Stage::Established);
    peer.send(OneRtt, payload);
    peer
}

/// The same, where the server takes datagrams of 100 bytes, and resets behind a part that is delivered.
fn at_extended_server(payloads: &[&[u8]]) -> Peer {
    let mut config = Config { reset_stream_at: true, ..Config::default() };
    config.datagrams.max_frame_size = 100;
    let mut peer = Peer::with(Server, Stage::Established, Options { config, ..Options::default() });
    payloads.iter().for_each(|payload| peer.send(OneRtt, payload));
    peer
}

fn frames_at(target: Side, frames: &[Frame<'_>]) -> Peer {
    let mut peer = Peer::against(target, Stage::Established);
    for frame in frames {
        peer.send_frame(OneRtt, frame);
    }
    peer
}

/// A type and integers.
fn raw(frame_type: u64, values: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, frame_type);
    values.iter().for_each(|value| push(&mut bytes, *value));
    bytes
}

fn stream(value: u64, offset: u64, data: &[u8], fin: bool) -> Frame<'_> {
    Frame::Stream(StreamFrame { id: id(value), offset, data, fin })
}

fn new_id(number: u64, retire_prior_to: u64, byte: u8) -> Frame<'static> {
    Frame::NewConnectionId {
        sequence_number: number,
        retire_prior_to,
        connection_id: ConnectionId::new(&[byte; 8]).unwrap(),
        reset_token: ResetToken([byte; 16]),
    }
}

/// What a peer says that speaks version 1 and claims to have chosen version 2.
fn of_versions(mut parameters: TransportParameters, side: Side) -> Vec<u8> {
    let available = vec![Version::V1, Version::V2];
    parameters.version_information = Some(VersionInformation { chosen: Version::V2, available });
    parameters.encode(side, 0)
}

fn with_parameters(target: Side, parameters: fn(TransportParameters, Side) -> Vec<u8>) -> Peer {
    let mut peer = Peer::with(target, Stage::Begun, Options { parameters: Rc::new(parameters), ..Options::default() });
    peer.send_crypto(Level::Initial);
    if peer.has_keys(Handshake) && target == Client {
        peer.send_crypto(Level::Handshake);
    }
    peer
}

/// Until the server leaves out a packet number, it is made to send.
fn skipped_number() -> Peer {
    let mut peer = Peer::against(Server, Stage::Established);
    for _ in 0..400 {
        peer.send(OneRtt, &[0x01]);
        peer.send(OneRtt, &[0x01]);
        let numbers = peer.numbers(OneRtt);
        let gap = numbers.windows(2).find(|pair| pair[1] != pair[0] + 1);
        if gap.is_some() {
            peer.acknowledge(OneRtt, 0, *numbers.last().unwrap());
            return peer;
        }
    }
    panic!("no number was skipped");
}

/// A server that takes few pieces and many bytes.
fn pieces() -> Peer {
    let mut config = Config::default();
    config.streams.max_segments = 16;
    let mut peer = Peer::with(Server, Stage::Established, Options { config, ..Options::default() });
    let mut number = 0;
    while peer.is_open() && number < 2000 {
        number += 1;
        peer.send_frame(OneRtt, &stream(0, number * 5000 % 500_000 + number, b"x", false));
    }
    peer
}

fn forgeries() -> Peer {
    let config = Config { max_forged_packets: 10, ..Config::default() };
    let mut peer = Peer::with(Server, Stage::Established, Options { config, ..Options::default() });
    for number in 0..10 {
        assert!(peer.is_open(), "closed after {number}");
        let mut packet = peer.packet(OneRtt, &[0x01; 30], PLAIN);
        let last = packet.len() - 1;
        packet[last] ^= 1;
        peer.deliver(packet);
    }
    peer
}

fn tickets() -> Peer {
    let mut peer = Peer::against(Client, Stage::Established);
    // The same bytes again and again are no news to TLS, and a flood all the same.
    for _ in 0..300 {
        peer.send_frame(OneRtt, &Frame::Crypto { offset: 1, data: &[0; 1000] });
    }
    peer
}

fn empty_id(target: Side, stage: Stage) -> Peer {
    Peer::with(target, stage, Options { source: ConnectionId::EMPTY, ..Options::default() })
}

type Row = (Violation, u64, fn() -> Peer);

/// What is sent, what it breaks, and which frame type is to blame (0 for none).
const ROWS: &[Row] = &[
    (Violation::DatagramNotSupported, 0x30, || at_server(&[0x30, 1])),
    (Violation::DatagramNotSupported, 0x31, || at_server(&[0x31, 0])),
    (Violation::DatagramTooLarge, 0x30, || at_extended_server(&[&[0x30; 100], &[0x30; 101]])),
    (Violation::DatagramTooLarge, 0x31, || at_extended_server(&[&[&[0x31, 0x40, 98][..], &[0; 98]].concat()])),
    (Violation::FrameInWrongPacket, 0x31, || {
        let mut peer = Peer::against(Client, Stage::Keys);
        peer.send(Handshake, &[0x31, 0]);
        peer
    }),
    (Violation::FrameInWrongPacket, 0x24, || {
        let mut peer = Peer::against(Client, Stage::Keys);
        peer.send(Handshake, &[0x24, 3, 0, 0, 0]);
        peer
    }),
    // What was not asked for is a frame of unknown type.
    (Violation::UnknownFrameType, 0x24, || at_server(&[0x24, 2, 0, 5, 5])),
    (Violation::ReliableSizeTooLarge, 0x24, || at_extended_server(&[&[0x24, 2, 0, 5, 6]])),
    (Violation::ResetCodeChanged, 0x24, || at_extended_server(&[&[0x24, 2, 7, 9, 5], &[0x24, 2, 8, 9, 4]])),
    (Violation::ResetCodeChanged, 0x04, || at_extended_server(&[&[0x24, 2, 7, 9, 5], &[0x04, 2, 8, 9]])),
    (Violation::FinalSizeChanged, 0x24, || at_extended_server(&[&[0x24, 2, 7, 9, 5], &[0x24, 2, 7, 8, 4]])),
    (Violation::StreamFlowControl, 0x24, || at_extended_server(&[&raw(0x24, &[2, 7, 1 << 20, 5])])),
    (Violation::StreamNotSendable, 0x24, || at_extended_server(&[&[0x24, 3, 7, 9, 5]])),
    (Violation::FrameTruncated, 0x10, || at_server(&[0x10])),
    (Violation::FrameTruncated, 0, || at_server(&[0x01, 0x40])),
    (Violation::FrameTruncated, 0, || at_server(&[0x01, 0xc0])),
    (Violation::UnknownFrameType, 0x20, || at_server(&[0x20, 0, 0, 0])),
    (Violation::RequestedAckDelay, 0xaf, || at_server(&raw(0xaf, &[0, 1, 1, 1]))),
    (Violation::UnknownFrameType, 0x21, || at_server(&[0x40, 0x21])),
    (Violation::UnknownFrameType, MAX, || at_server(&[0xff; 8])),
    (Violation::FrameTypeNotShortest, 0x01, || at_server(&[0x40, 0x01])),
    (Violation::EmptyPacket, 0, || at_server(&[])),
    (Violation::FrameInWrongPacket, 0x08, || {
        let mut peer = Peer::against(Server, Stage::Keys);
        peer.send(Handshake, &[0x08, 0, 1]);
        peer
    }),
    (Violation::FrameInWrongPacket, 0x1e, || {
        let mut peer = Peer::against(Client, Stage::Keys);
        peer.send(Handshake, &[0x1e, 0, 0, 0]);
        peer
    }),
    (Violation::AckRangeBelowZero, 0x02, || at_server(&raw(0x02, &[0, 0, 0, 1]))),
    (Violation::AckRangeBelowZero, 0x02, || at_server(&raw(0x02, &[1, 0, 1, 0, 0, 0]))),
    (Violation::StreamOffsetTooLarge, 0x0e, || at_server(&raw(0x0e, &[0, MAX, 1, 0]))),
    (Violation::CryptoOffsetTooLarge, 0x06, || at_server(&raw(0x06, &[MAX, 1, 0]))),
    (Violation::EmptyToken, 0x07, || frames_raw_at_client(&raw(0x07, &[0]))),
    (Violation::MaxStreamsTooLarge, 0x12, || at_server(&raw(0x12, &[(1 << 60) + 1]))),
    (Violation::MaxStreamsTooLarge, 0x13, || at_server(&raw(0x13, &[MAX]))),
    (Violation::StreamsBlockedTooLarge, 0x16, || at_server(&raw(0x16, &[(1 << 60) + 1]))),
    (Violation::StreamsBlockedTooLarge, 0x17, || at_server(&raw(0x17, &[MAX]))),
    (Violation::ConnectionIdLength, 0x18, || at_server(&[raw(0x18, &[1, 0]), vec![0; 30]].concat())),
    (Violation::ConnectionIdLength, 0x18, || at_server(&[raw(0x18, &[1, 0]), vec![21; 40]].concat())),
    (Violation::RetirePriorToTooLarge, 0x18, || at_server(&[raw(0x18, &[1, 2]), vec![8; 30]].concat())),
    (Violation::ReservedBits, 0, || {
        let mut peer = Peer::against(Server, Stage::Established);
        let packet = peer.packet(OneRtt, &[1; 10], Tweak { first_byte: 0x10, ..PLAIN });
        peer.deliver(packet);
        peer
    }),
    (Violation::ReservedBits, 0, || {
        let mut peer = Peer::against(Client, Stage::Keys);
        let packet = peer.packet(Handshake, &[1; 10], Tweak { first_byte: 0x04, ..PLAIN });
        peer.deliver(packet);
        peer
    }),
    (Violation::TransportParameters, 0x06, || with_parameters(Server, |_, _| vec![0x03, 1, 5])),
    (Violation::TransportParameters, 0x06, || with_parameters(Client, |_, _| vec![0x40])),
    (Violation::TransportParameters, 0x06, || {
        with_parameters(Server, |parameters, side| {
            let mut bytes = parameters.encode(side, 0);
            bytes.extend([0x04, 1, 0]);
            bytes
        })
    }),
    (Violation::TransportParameters, 0x06, || {
        // A server without connection IDs has none for a preferred address either (RFC 9000 section 18.2).
        let parameters = |mut parameters: TransportParameters, side| {
            parameters.preferred_address = Some(PreferredAddress {
                ipv4: None,
                ipv6: None,
                connection_id: ConnectionId::new(&[1; 8]).unwrap(),
                stateless_reset_token: ResetToken([1; 16]),
            });
            parameters.encode(side, 0)
        };
        let options = Options { source: ConnectionId::EMPTY, parameters: Rc::new(parameters), ..Options::default() };
        let mut peer = Peer::with(Client, Stage::Keys, options);
        peer.send_crypto(Level::Handshake);
        peer
    }),
    (Violation::EarlyLimitsReduced, 0x06, crate::early_data::server_that_reduces_a_limit),
    (Violation::TransportParameters, 0x06, || with_parameters(Server, |_, _| vec![0x11, 4, 0, 0, 0, 1])),
    (Violation::TransportParameters, 0x06, || {
        with_parameters(Client, |parameters, side| [parameters.encode(side, 0), vec![0x11, 2, 0, 1]].concat())
    }),
    (Violation::TransportParameters, 0x06, || {
        with_parameters(Client, |parameters, side| [parameters.encode(side, 0), vec![0x6a, 0xb2, 1, 0]].concat())
    }),
    (Violation::VersionNegotiation, 0x06, || with_parameters(Server, of_versions)),
    (Violation::VersionNegotiation, 0x06, || with_parameters(Client, of_versions)),
    (Violation::TransportParameterOfServer, 0x06, || with_parameters(Server, |_, _| vec![0x00, 1, 5])),
    (Violation::TransportParameterOfServer, 0x06, || {
        with_parameters(Server, |parameters, _| {
            let mut bytes = parameters.encode(Client, 0);
            bytes.extend([0x02, 16]);
            bytes.extend([1; 16]);
            bytes
        })
    }),
    (Violation::TransportParameterConnectionId, 0x06, || with_parameters(Server, |_, _| vec![])),
    (Violation::TransportParameterConnectionId, 0x06, || with_parameters(Server, |_, _| vec![0x0f, 1, 5])),
    (Violation::TransportParameterConnectionId, 0x06, || {
        with_parameters(Client, |mut parameters, side| {
            parameters.original_destination_connection_id = None;
            parameters.encode(side, 0)
        })
    }),
    (Violation::TransportParameterConnectionId, 0x06, || {
        with_parameters(Client, |mut parameters, side| {
            parameters.original_destination_connection_id = ConnectionId::new(&[9; 8]);
            parameters.encode(side, 0)
        })
    }),
    (Violation::TransportParameterConnectionId, 0x06, || {
        with_parameters(Client, |mut parameters, side| {
            parameters.initial_source_connection_id = None;
            parameters.encode(side, 0)
        })
    }),
    (Violation::TransportParameterConnectionId, 0x06, || {
        with_parameters(Client, |mut parameters, side| {
            parameters.retry_source_connection_id = ConnectionId::new(&[9; 8]);
            parameters.encode(side, 0)
        })
    }),
    (Violation::AckOfUnsentPacket, 0x02, || at_server(&raw(0x02, &[1000, 0, 0, 0]))),
    (Violation::AckOfUnsentPacket, 0x03, || at_server(&raw(0x03, &[MAX, 0, 0, MAX, 0, 0, 0]))),
    (Violation::AckOfUnsentPacket, 0x02, || {
        let mut peer = Peer::against(Server, Stage::Keys);
        peer.send(Initial, &raw(0x02, &[77, 0, 0, 0]));
        peer
    }),
    (Violation::AckOfSkippedPacket, 0x02, skipped_number),
    (Violation::StreamNotSendable, 0x0a, || frames_at(Server, &[stream(3, 0, b"x", false)])),
    (Violation::StreamNotSendable, 0x04, || {
        frames_at(Server, &[Frame::ResetStream { id: id(3), error_code: V0, final_size: 0 }])
    }),
    (Violation::StreamNotSendable, 0x15, || frames_at(Server, &[Frame::StreamDataBlocked { id: id(3), limit: 0 }])),
    (Violation::StreamNotReceivable, 0x05, || frames_at(Server, &[Frame::StopSending { id: id(2), error_code: V0 }])),
    (Violation::StreamNotReceivable, 0x11, || frames_at(Server, &[Frame::MaxStreamData { id: id(2), maximum: 9 }])),
    (Violation::StreamNotOpened, 0x0a, || frames_at(Server, &[stream(1, 0, b"x", false)])),
    (Violation::StreamNotOpened, 0x11, || frames_at(Server, &[Frame::MaxStreamData { id: id(3), maximum: 9 }])),
    (Violation::StreamNotOpened, 0x05, || frames_at(Server, &[Frame::StopSending { id: id(1), error_code: V0 }])),
    (Violation::StreamLimit, 0x0a, || frames_at(Server, &[stream(4 * BIDI, 0, b"x", false)])),
    (Violation::StreamLimit, 0x0a, || frames_at(Server, &[stream(402, 0, b"x", false)])),
    (Violation::StreamLimit, 0x04, || {
        frames_at(Server, &[Frame::ResetStream { id: id(MAX - 1), error_code: V0, final_size: 0 }])
    }),
    (Violation::StreamLimit, 0x05, || frames_at(Server, &[Frame::StopSending { id: id(4 * BIDI), error_code: V0 }])),
    (Violation::StreamLimit, 0x11, || frames_at(Server, &[Frame::MaxStreamData { id: id(4 * BIDI), maximum: 1 }])),
    (Violation::StreamFlowControl, 0x0e, || frames_at(Server, &[stream(0, 512 << 10, b"x", false)])),
    (Violation::StreamFlowControl, 0x04, || {
        frames_at(Server, &[Frame::ResetStream { id: id(0), error_code: V0, final_size: (512 << 10) + 1 }])
    }),
    (Violation::ConnectionFlowControl, 0x0e, || {
        frames_at(Server, &[stream(0, 500 << 10, b"x", false), stream(4, 500 << 10, b"x", false)])
    }),
    (Violation::ConnectionFlowControl, 0x04, || {
        // What is reset is consumed; what waits on the other stream is not.
        let reset = Frame::ResetStream { id: id(4), error_code: V0, final_size: 500 << 10 };
        frames_at(Server, &[stream(0, 500 << 10, b"x", false), reset])
    }),
    (Violation::FinalSizeChanged, 0x0b, || frames_at(Server, &[stream(0, 0, b"abc", true), stream(0, 0, b"ab", true)])),
    (Violation::FinalSizeChanged, 0x04, || {
        let reset = Frame::ResetStream { id: id(0), error_code: V0, final_size: 4 };
        frames_at(Server, &[stream(0, 1, b"bc", true), reset])
    }),
    (Violation::DataPastFinalSize, 0x0e, || frames_at(Server, &[stream(0, 1, b"bc", true), stream(0, 3, b"d", false)])),
    (Violation::FinalSizeBelowData, 0x0b, || {
        frames_at(Server, &[stream(0, 1, b"bc", false), stream(0, 0, b"a", true)])
    }),
    (Violation::FinalSizeBelowData, 0x04, || {
        let reset = Frame::ResetStream { id: id(0), error_code: V0, final_size: 2 };
        frames_at(Server, &[stream(0, 1, b"bc", false), reset])
    }),
    (Violation::StreamTooFragmented, 0x0e, pieces),
    (Violation::CryptoBufferExceeded, 0x06, || {
        let mut peer = Peer::against(Server, Stage::Keys);
        peer.send_frame(Handshake, &Frame::Crypto { offset: 1 << 20, data: b"x" });
        peer
    }),
    (Violation::CryptoBufferExceeded, 0x06, || {
        let mut peer = Peer::against(Server, Stage::Begun);
        peer.send_frame(Initial, &Frame::Crypto { offset: MAX - 1, data: b"x" });
        peer
    }),
    (Violation::ConnectionIdLimit, 0x18, || {
        frames_at(Server, &[new_id(1, 0, 1), new_id(2, 0, 2), new_id(3, 0, 3), new_id(4, 0, 4)])
    }),
    (Violation::ConnectionIdReused, 0x18, || frames_at(Server, &[new_id(1, 0, 1), new_id(1, 0, 2)])),
    (Violation::ConnectionIdReused, 0x18, || frames_at(Server, &[new_id(1, 0, 1), new_id(2, 0, 1)])),
    (Violation::ConnectionIdNotUsed, 0x18, || {
        let mut peer = empty_id(Server, Stage::Established);
        peer.send_frame(OneRtt, &new_id(1, 0, 1));
        peer
    }),
    (Violation::RetiredUnknown, 0x19, || frames_at(Server, &[Frame::RetireConnectionId { sequence_number: 99 }])),
    (Violation::RetiredInUse, 0x19, || frames_at(Server, &[Frame::RetireConnectionId { sequence_number: 0 }])),
    (Violation::TooManyRetired, 0x18, || {
        // M1: what is to be retired is announced, and its announcement is never acknowledged.
        let mut peer = Peer::against(Server, Stage::Established);
        let mut sent = 0;
        while peer.is_open() && sent < 100 {
            sent += 1;
            peer.send_frame(OneRtt, &new_id(sent, sent, sent as u8));
        }
        assert!(sent <= 2 * 4 + 1, "closed only after {sent}");
        peer
    }),
    (Violation::HandshakeDoneByClient, 0x1e, || at_server(&[0x1e])),
    (Violation::NewTokenByClient, 0x07, || at_server(&[0x07, 1, 1])),
    (Violation::AeadLimit, 0, forgeries),
    // C7: a second update before anything was acknowledged under the first.
    (Violation::KeyUpdate, 0, || {
        let mut peer = Peer::against(Server, Stage::Established);
        for _ in 0..2 {
            peer.update_keys();
            peer.send_frame(OneRtt, &Frame::Ping);
        }
        peer
    }),
    (Violation::CryptoAtOldLevel, 0x06, || {
        // Bytes behind a gap of the Initial level, which TLS leaves with the ClientHello.
        let mut peer = Peer::against(Server, Stage::Begun);
        let hello = peer.take_crypto(Level::Initial);
        let mut payload = encode(&Frame::Crypto { offset: hello.len() as u64 + 10, data: b"later" });
        payload.extend(encode(&Frame::Crypto { offset: 0, data: &hello }));
        peer.send(Initial, &payload);
        peer
    }),
    (Violation::CryptoAtOldLevel, 0x06, || {
        let mut peer = Peer::against(Server, Stage::Keys);
        let offset = peer.crypto_offset(Initial, 0);
        peer.send_frame(Initial, &Frame::Crypto { offset, data: &[1, 0, 0, 0] });
        peer
    }),
    (Violation::CryptoAtOldLevel, 0x06, || {
        let mut peer = Peer::against(Client, Stage::Established);
        let offset = peer.crypto_offset(Handshake, 0);
        peer.send_frame(Handshake, &Frame::Crypto { offset, data: &[20, 0, 0, 0] });
        peer
    }),
    // ServerHello and what should follow under other keys, in one.
    (Violation::CryptoAtOldLevel, 0x06, || {
        let mut peer = Peer::against(Client, Stage::Begun);
        let hello = [peer.take_crypto(Level::Initial), vec![8, 0, 0, 2, 0, 0]].concat();
        peer.send_frame(Initial, &Frame::Crypto { offset: 0, data: &hello });
        peer
    }),
    (Violation::CryptoAfterHandshakeFlood, 0x06, tickets),
];

type TlsRow = (u64, fn() -> Peer);

/// What TLS refuses, and the code: 0x0100 and the alert (RFC 9001 section 4.8), but for what has a code of its own.
const TLS_ROWS: &[TlsRow] = &[
    // RFC 9001 section 4.4: a CertificateRequest after the handshake.
    (0x0a, || frames_at(Client, &[Frame::Crypto { offset: 0, data: &[13, 0, 0, 3, 0, 0, 0] }])),
    // RFC 9001 section 4.6.1: a ticket for early data of any other size than 2^32 - 1.
    (0x0a, || {
        let body = [&[0, 0, 0, 9][..], &[1, 2, 3, 4], &[1, 7], &[0, 1, 5], &[0, 8, 0, 42, 0, 4, 0, 0, 0, 9]].concat();
        let message = [&[4, 0, 0, body.len() as u8][..], &body].concat();
        frames_at(Client, &[Frame::Crypto { offset: 0, data: &message }])
    }),
    (0x10a, || {
        let mut peer = Peer::against(Server, Stage::Begun);
        // A Finished instead of a ClientHello.
        peer.send_frame(Initial, &Frame::Crypto { offset: 0, data: &[20, 0, 0, 1, 1] });
        peer
    }),
    // C7: TLS's own KeyUpdate does not exist in QUIC (RFC 9001 section 6).
    (0x10a, || frames_at(Client, &[Frame::Crypto { offset: 0, data: &[24, 0, 0, 1, 0] }])),
];

/// RFC 9001 section 4.4-5, 4.6.1-2, 4.8-1, 6-3.
#[test]
fn what_tls_refuses_closes_with_its_alert() {
    for (row, (code, provoke)) in TLS_ROWS.iter().enumerate() {
        assert_eq!(provoke().tls_code(), Some(*code), "row {row}");
    }
}

fn frames_raw_at_client(payload: &[u8]) -> Peer {
    let mut peer = Peer::against(Client, Stage::Established);
    peer.send(OneRtt, payload);
    peer
}

/// RFC 9000 section 4.1-2, 4.6-1, 4.6-3, 5.1.1-6, 5.2-2, 7.3-3, 7.3-4, 7.3-6, 7.3-7, 7.4-1, 7.5-3, 10.3-2, 11.1-1.
/// RFC 9000 section 12.4-2, 12.4-3, 12.4-4, 17.2-9, 17.2.4-2, 17.3.1-3, 18.2-7, 18.2-11, 19.3.1-1, 19.4-1, 19.5-1.
/// RFC 9000 section 19.5-2, 19.6-1, 19.7-2, 19.7-4, 19.8-1, 19.8-2, 19.9-2, 19.10-1, 19.10-2, 19.10-4, 19.11-1.
/// RFC 9000 section 19.11-4, 19.13-2, 19.14-2, 19.15-1, 19.15-3, 19.15-7, 19.16-1, 19.20-2.
/// RFC 9001 section 4.1.3-1, 4.1.3-2, 4.1.3-3.
/// RFC 9221 section 3-3, 3-4, 5-3, 6-1.
/// draft-ietf-quic-reliable-stream-reset section 4-1, 4-3, 4-4, 5.2-8.
#[test]
fn every_violation_closes_with_its_code_and_frame_type() {
    let mut failures = Vec::new();
    for (row, (expected, frame_type, provoke)) in ROWS.iter().enumerate() {
        let peer = provoke();
        let got = peer.violation();
        if got != Some((*expected, *frame_type)) {
            failures.push(format!("row {row}: expected {expected:?} of frame {frame_type:#x}, got {got:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn no_violation_is_forgotten() {
    for violation in Violation::ROWS {
        assert!(ROWS.iter().any(|row| row.0 == *violation), "{violation:?} is not provoked");
    }
}

/// A close goes out under every key the peer may have.
#[test]
fn a_violation_in_the_handshake_is_told_at_every_level() {
    let mut peer = Peer::against(Client, Stage::Keys);
    peer.send(Handshake, &[0x21]);
    assert_eq!(peer.violation(), Some((Violation::UnknownFrameType, 0x21)));
    let kinds: Vec<PacketKind> = peer.closes().iter().map(|close| close.0).collect();
    assert!(kinds.contains(&Handshake), "{kinds:?}");
}
