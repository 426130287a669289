//! The cases of h3spec by their numbers: a client breaks one rule, and the server has to close with an error that names it. Here
//! only the code that fits best is taken, where h3spec takes a generic one as well.
//!
//! T1 to T34 break rules of QUIC and TLS, H1 to H15 rules of HTTP/3 and QPACK; what begins with `s` is of a second list, of H3Spec,
//! that H1 to H15 do not have.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

use adversary::http::{self, Command, GET, Line, Script, headers};
use adversary::identity::Pair;
use adversary::{Options, PLAIN, Peer, Stage, Tweak, push};
use base::{Duration, Reader, Side};
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::PacketKind::{self, Handshake, Initial, OneRtt, ZeroRtt};
use quic::wire::transport_parameters::{PreferredAddress, TransportParameters};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use tls::{
    EarlyData, FixedTicketKeys, Level, ReplayFilter, Ticket, TicketCache, TicketKeys, TicketOrigin, TicketPolicy,
    TicketStore,
};

const FLOW_CONTROL_ERROR: u64 = 0x03;
const STREAM_LIMIT_ERROR: u64 = 0x04;
const STREAM_STATE_ERROR: u64 = 0x05;
const FRAME_ENCODING_ERROR: u64 = 0x07;
const TRANSPORT_PARAMETER_ERROR: u64 = 0x08;
const PROTOCOL_VIOLATION: u64 = 0x0a;
const UNEXPECTED_MESSAGE: u64 = 0x010a;
const MISSING_EXTENSION: u64 = 0x016d;
const NO_APPLICATION_PROTOCOL: u64 = 0x0178;

/// Each case is a test of its own: what the server closes with, and what provokes it.
macro_rules! transport {
    ($($name:ident, $code:expr, $run:expr;)*) => {$(
        #[test]
        fn $name() {
            expect($code, &$run);
        }
    )*};
}

/// The server has closed with this code, in every packet in which it says so.
#[track_caller]
fn expect(code: u64, peer: &Peer) {
    let codes: Vec<u64> = peer.closes().iter().map(|close| close.1).collect();
    assert!(!codes.is_empty() && codes.iter().all(|told| *told == code), "{codes:x?} instead of {code:#x}");
}

/// A frame type and integers.
fn raw(frame_type: u8, values: &[u64]) -> Vec<u8> {
    let mut bytes = vec![frame_type];
    values.iter().for_each(|value| push(&mut bytes, *value));
    bytes
}

/// In a 1-RTT packet, in front of another frame.
fn in_one_rtt(frames: &[u8]) -> Peer {
    let mut peer = Peer::against(Side::Server, Stage::Established);
    peer.send(OneRtt, &[frames, &[0x01]].concat());
    peer
}

/// A handshake with other transport parameters.
fn with_bytes(parameters: impl Fn(TransportParameters) -> Vec<u8> + 'static) -> Peer {
    let parameters = Rc::new(move |honest, _| parameters(honest));
    let mut peer = Peer::with(Side::Server, Stage::Begun, Options { parameters, ..Options::default() });
    peer.send_crypto(Level::Initial);
    peer
}

/// The same with changed values; `sender` says which values there can be.
fn with_parameters(sender: Side, change: fn(&mut TransportParameters)) -> Peer {
    with_bytes(move |mut parameters| {
        change(&mut parameters);
        parameters.encode(sender, 0)
    })
}

fn some_id() -> Option<ConnectionId> {
    ConnectionId::new(&[0x42; 8])
}

/// A preferred address, and nothing else of what only servers have.
fn preferred_address() -> Peer {
    with_bytes(|honest| {
        let without = honest.encode(Side::Server, 0);
        let preferred_address = Some(PreferredAddress {
            ipv4: Some("192.0.2.7:443".parse().unwrap()),
            ipv6: None,
            connection_id: some_id().unwrap(),
            stateless_reset_token: ResetToken([7; 16]),
        });
        let with = TransportParameters { preferred_address, ..honest }.encode(Side::Server, 0);
        assert!(with.len() > without.len());
        with
    })
}

/// A token of five bytes instead of sixteen.
fn short_reset_token() -> Peer {
    with_bytes(|honest| [&honest.encode(Side::Client, 0)[..], &[0x02, 5, 1, 2, 3, 4, 5]].concat())
}

/// A packet with bits set in its first byte, the second of its space.
fn reserved_bit(kind: PacketKind, bit: u8) -> Peer {
    let stage = if kind == Handshake { Stage::Keys } else { Stage::Established };
    let mut peer = Peer::against(Side::Server, stage);
    peer.send(kind, &[0x01, 0, 0, 0]);
    assert!(peer.is_open() && peer.next_number(kind) >= 1);
    let packet = peer.packet(kind, &[0x01, 0, 0, 0], Tweak { first_byte: bit, ..PLAIN });
    peer.deliver(packet);
    peer
}

fn path_challenge_in_handshake() -> Peer {
    let mut peer = Peer::against(Side::Server, Stage::Keys);
    peer.send(Handshake, &[0x1a, 1, 2, 3, 4, 5, 6, 7, 8]);
    peer
}

/// A NEW_CONNECTION_ID frame.
fn new_connection_id(sequence_number: u64, retire_prior_to: u64, id: &[u8]) -> Peer {
    let mut frame = raw(0x18, &[sequence_number, retire_prior_to]);
    frame.push(id.len() as u8);
    frame.extend(id);
    frame.extend([0x5a; 16]);
    in_one_rtt(&frame)
}

const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];
const END_OF_EARLY_DATA: [u8; 4] = [5, 0, 0, 0];

/// A CRYPTO frame.
fn crypto(offset: u64, data: &[u8]) -> Vec<u8> {
    [&raw(0x06, &[offset, data.len() as u64])[..], data].concat()
}

fn key_update_after_finished() -> Peer {
    let mut peer = Peer::against(Side::Server, Stage::Keys);
    let finished = peer.take_crypto(Level::Handshake);
    peer.send(Handshake, &crypto(0, &[&finished[..], &KEY_UPDATE].concat()));
    peer
}

fn end_of_early_data_before_finished() -> Peer {
    let mut peer = Peer::against(Side::Server, Stage::Keys);
    let finished = peer.take_crypto(Level::Handshake);
    peer.send(Handshake, &crypto(0, &[&END_OF_EARLY_DATA, &finished[..]].concat()));
    peer
}

/// Tickets of one client.
struct Tickets(Mutex<TicketCache>);

impl TicketStore for Tickets {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().unwrap().take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().unwrap().put(origin, ticket);
    }
}

/// A client and a server that both allow early data.
fn with_early_data() -> Pair {
    let (mut client, mut server) = adversary::identity::pair_of(b"hq-interop");
    let (of_client, of_server) = (Arc::make_mut(&mut client), Arc::make_mut(&mut server));
    of_client.tickets = Some(Arc::new(Tickets(Mutex::new(TicketCache::new(8, 8)))));
    of_client.dangerous_offer_early_data_that_may_be_replayed = true;
    let keys = TicketKeys::new(&sim::seeded_provider(), &[[3; 32]]).unwrap();
    let mut policy = TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys))));
    let filter = ReplayFilter::new(1000, 10_000, 0).named([1; 32]);
    policy.dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
    of_server.tickets = Some(policy);
    (client, server)
}

/// In a 0-RTT packet of a second connection, whose early data the server has accepted.
fn in_early_data(frames: &[u8]) -> Peer {
    let identity = Box::leak(Box::new(with_early_data()));
    Peer::with(Side::Server, Stage::Established, Options { identity, ..Options::default() });
    let mut peer = Peer::with(Side::Server, Stage::Keys, Options { identity, seed: 2, ..Options::default() });
    assert_eq!(peer.connection().early_data(), EarlyData::Accepted);
    peer.send(ZeroRtt, frames);
    peer
}

/// Extensions by their numbers.
type Extensions = Vec<(u16, Vec<u8>)>;
const ALPN: u16 = 16;
const TRANSPORT_PARAMETERS: u16 = 0x39;
/// The number of the drafts.
const OLD_TRANSPORT_PARAMETERS: u16 = 0xffa5;

/// A ClientHello with other extensions.
fn with_extensions(change: fn(&mut Extensions)) -> Peer {
    let mut peer = Peer::against(Side::Server, Stage::Begun);
    let hello = peer.take_crypto(Level::Initial);
    let mut reader = Reader::new(&hello[4..]);
    reader.bytes(2 + 32).unwrap();
    reader.u8_prefixed().unwrap();
    reader.u16_prefixed().unwrap();
    reader.u8_prefixed().unwrap();
    let before = hello.len() - reader.remaining();
    let mut list = Reader::new(reader.u16_prefixed().unwrap());
    let mut extensions = Extensions::new();
    while !list.is_empty() {
        extensions.push((list.u16().unwrap(), list.u16_prefixed().unwrap().to_vec()));
    }
    change(&mut extensions);
    let mut bytes = Vec::new();
    for (number, content) in &extensions {
        bytes.extend(number.to_be_bytes());
        bytes.extend((content.len() as u16).to_be_bytes());
        bytes.extend(content);
    }
    let body = [&hello[4..before], &(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
    let hello = [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat();
    for (number, piece) in hello.chunks(1000).enumerate() {
        peer.send(Initial, &crypto(1000 * number as u64, piece));
    }
    peer
}

fn set(extensions: &mut Extensions, number: u16, content: &[u8]) {
    let (_, old) = extensions.iter_mut().find(|(of, _)| *of == number).unwrap();
    *old = content.to_vec();
}

fn renumber(extensions: &mut Extensions, from: u16, to: u16) {
    extensions.iter_mut().find(|(of, _)| *of == from).unwrap().0 = to;
}

/// The helper itself: a ClientHello with nothing changed is taken.
#[test]
fn a_hello_that_is_put_together_again_is_a_good_one() {
    let peer = with_extensions(|_| {});
    assert!(peer.closes().is_empty() && peer.has_keys(Handshake));
}

transport! {
    t1_flow_control, FLOW_CONTROL_ERROR, in_one_rtt(&[&raw(0x0f, &[0, 100_000_000, 3])[..], b"abc"].concat());
    t2_stream_limit, STREAM_LIMIT_ERROR, in_one_rtt(&[&raw(0x0a, &[1_000_000_000, 3])[..], b"abc"].concat());
    t3_no_initial_source_connection_id, TRANSPORT_PARAMETER_ERROR,
        with_parameters(Side::Client, |parameters| parameters.initial_source_connection_id = None);
    t4_original_destination_connection_id, TRANSPORT_PARAMETER_ERROR,
        with_parameters(Side::Server, |parameters| parameters.original_destination_connection_id = some_id());
    t5_preferred_address, TRANSPORT_PARAMETER_ERROR, preferred_address();
    t6_retry_source_connection_id, TRANSPORT_PARAMETER_ERROR,
        with_parameters(Side::Server, |parameters| parameters.retry_source_connection_id = some_id());
    t7_stateless_reset_token, TRANSPORT_PARAMETER_ERROR, short_reset_token();
    t8_max_udp_payload_size, TRANSPORT_PARAMETER_ERROR,
        with_parameters(Side::Client, |parameters| parameters.max_udp_payload_size = 1090);
    t9_ack_delay_exponent, TRANSPORT_PARAMETER_ERROR,
        with_parameters(Side::Client, |parameters| parameters.ack_delay_exponent = 30);
    t10_max_ack_delay, TRANSPORT_PARAMETER_ERROR,
        with_parameters(Side::Client, |parameters| parameters.max_ack_delay = Duration::from_millis(1 << 15));
    t11_unknown_frame, FRAME_ENCODING_ERROR, in_one_rtt(&[0x20]);
    t12_packet_without_frames, PROTOCOL_VIOLATION, {
        let mut peer = Peer::against(Side::Server, Stage::Established);
        peer.send(OneRtt, &[]);
        peer
    };
    t13_reserved_bits_of_a_long_header, PROTOCOL_VIOLATION, reserved_bit(Handshake, 0x04);
    t14_path_challenge_in_handshake, PROTOCOL_VIOLATION, path_challenge_in_handshake();
    t15_reserved_bits_of_a_short_header, PROTOCOL_VIOLATION, reserved_bit(OneRtt, 0x08);
    t16_reset_of_a_stream_of_the_server, STREAM_STATE_ERROR, in_one_rtt(&raw(0x04, &[3, 0, 0]));
    t17_stop_sending_of_a_stream_that_is_not_there, STREAM_STATE_ERROR, in_one_rtt(&raw(0x05, &[101, 0]));
    t18_new_token_from_a_client, PROTOCOL_VIOLATION, in_one_rtt(&[&raw(0x07, &[3])[..], b"abc"].concat());
    t19_stream_that_only_the_server_opens, STREAM_STATE_ERROR, in_one_rtt(&[&raw(0x0a, &[1, 3])[..], b"abc"].concat());
    t20_stream_on_which_only_the_server_sends, STREAM_STATE_ERROR,
        in_one_rtt(&[&raw(0x0a, &[3, 3])[..], b"abc"].concat());
    t21_credit_for_a_stream_that_is_not_there, STREAM_STATE_ERROR, in_one_rtt(&raw(0x11, &[101, 1000]));
    t22_credit_for_a_stream_on_which_only_the_client_sends, STREAM_STATE_ERROR, in_one_rtt(&raw(0x11, &[2, 1000]));
    t23_too_large_a_limit_of_streams, FRAME_ENCODING_ERROR, in_one_rtt(&raw(0x12, &[(1 << 60) + 1]));
    t24_blocked_at_too_large_a_limit, FRAME_ENCODING_ERROR, in_one_rtt(&raw(0x16, &[(1 << 60) + 1]));
    t25_retires_more_ids_than_there_are, FRAME_ENCODING_ERROR, new_connection_id(1, 11, &[0x42; 8]);
    t26_connection_id_without_bytes, FRAME_ENCODING_ERROR, new_connection_id(1, 0, &[]);
    t27_handshake_done_from_a_client, PROTOCOL_VIOLATION, in_one_rtt(&[0x1e]);
    t28_key_update_of_tls_in_the_handshake, UNEXPECTED_MESSAGE, key_update_after_finished();
    t29_key_update_of_tls_in_one_rtt, UNEXPECTED_MESSAGE, in_one_rtt(&crypto(0, &KEY_UPDATE));
    t30_no_protocol_in_common, NO_APPLICATION_PROTOCOL,
        with_extensions(|extensions| set(extensions, ALPN, b"\0\x06\x05dummy"));
    t31_no_transport_parameters, MISSING_EXTENSION,
        with_extensions(|extensions| extensions.retain(|(number, _)| *number != TRANSPORT_PARAMETERS));
    t32_transport_parameters_of_a_draft, MISSING_EXTENSION,
        with_extensions(|extensions| renumber(extensions, TRANSPORT_PARAMETERS, OLD_TRANSPORT_PARAMETERS));
    t33_end_of_early_data, UNEXPECTED_MESSAGE, end_of_early_data_before_finished();
    t34_crypto_in_early_data, PROTOCOL_VIOLATION, in_early_data(&crypto(0, &[1]));
}

const H3_CLOSED_CRITICAL_STREAM: u64 = 0x104;
const H3_FRAME_UNEXPECTED: u64 = 0x105;
const H3_SETTINGS_ERROR: u64 = 0x109;
const H3_MISSING_SETTINGS: u64 = 0x10a;
const H3_MESSAGE_ERROR: u64 = 0x10e;
const QPACK_DECOMPRESSION_FAILED: u64 = 0x200;
const QPACK_ENCODER_STREAM_ERROR: u64 = 0x201;
const QPACK_DECODER_STREAM_ERROR: u64 = 0x202;

/// As [`transport`], for HTTP/3.
macro_rules! http3 {
    ($($name:ident, $code:expr, $run:expr;)*) => {$(
        #[test]
        fn $name() {
            expect_closed($code, $run);
        }
    )*};
}

/// The server closes its connection with this code.
#[track_caller]
fn expect_closed(code: u64, send: fn(&mut Script)) {
    let mut script = Script::started(Side::Server);
    send(&mut script);
    assert_eq!(script.transport.commands.last(), Some(&Command::Close(code)), "{:?}", script.transport.commands);
}

/// The server resets the stream of a malformed request with this code, and tells no application of it.
#[track_caller]
fn expect_malformed(lines: &[Line<'_>]) {
    let mut script = Script::started(Side::Server);
    script.feed_and_end(0, &headers(lines.iter().copied()));
    let is_reset = script.transport.commands.contains(&Command::Reset(0, H3_MESSAGE_ERROR));
    assert!(is_reset, "{lines:?}: {:?}", script.transport.commands);
    assert!(!script.events().iter().any(|event| matches!(event, h3::Event::Exchange(..))));
}

/// An insert count increment, a capacity: integers with a prefix of so many bits (RFC 7541 section 5.1).
fn prefixed(pattern: u8, bits: u32, value: u64) -> Vec<u8> {
    let most = (1 << bits) - 1;
    if value < most {
        return vec![pattern | value as u8];
    }
    let (mut bytes, mut rest) = (vec![pattern | most as u8], value - most);
    while rest >= 128 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

const H3_STREAM_CREATION_ERROR: u64 = 0x103;
const H3_FRAME_ERROR: u64 = 0x106;

http3! {
    s_push_stream_of_a_client, H3_STREAM_CREATION_ERROR, |script| script.feed(6, &[0x01, 0x00]);
    s_bytes_after_the_last_field, H3_FRAME_ERROR, |script| script.feed(2, &http::frame(7, &[0x00, 0x00]));
    s_frame_of_http_2, H3_FRAME_UNEXPECTED, |script| script.feed(0, &http::frame(6, &[0; 8]));
    s_frame_of_http_2_on_the_control_stream, H3_FRAME_UNEXPECTED, |script| script.feed(2, &http::frame(8, &[0; 4]));
    s_settings_on_a_request_stream, H3_FRAME_UNEXPECTED, |script| script.feed(0, &http::frame(4, &[]));
    s_two_heads_around_content, H3_FRAME_UNEXPECTED,
        |script| script.feed(0, &[headers(GET), headers([("a", "b")]), http::frame(0, b"late")].concat());
    h1_data_before_headers, H3_FRAME_UNEXPECTED, |script| script.feed(0, &http::frame(0, b"data"));
    h7_data_on_the_control_stream, H3_FRAME_UNEXPECTED, |script| script.feed(2, &http::frame(0, b"data"));
    h8_headers_on_the_control_stream, H3_FRAME_UNEXPECTED, |script| script.feed(2, &headers(GET));
    h9_second_settings, H3_FRAME_UNEXPECTED, |script| script.feed(2, &http::frame(4, &[]));
    h11_cancel_push_on_a_request_stream, H3_FRAME_UNEXPECTED, |script| script.feed(0, &http::frame(3, &[0]));
    h12_static_entry_that_is_not_there, QPACK_DECOMPRESSION_FAILED,
        |script| script.feed(0, &http::frame(1, &[&[0, 0][..], &prefixed(0xc0, 6, 99)].concat()));
    h13_capacity_beyond_the_limit, QPACK_ENCODER_STREAM_ERROR,
        |script| script.feed(6, &[&[0x02][..], &prefixed(0x20, 5, 10_000_000_000)].concat());
    h14_control_stream_that_ends, H3_CLOSED_CRITICAL_STREAM, |script| script.end(2);
    h15_increment_of_nothing, QPACK_DECODER_STREAM_ERROR, |script| script.feed(6, &[0x03, 0x00]);
}

#[test]
fn h2_method_twice() {
    expect_malformed(&[&GET[..], &[(":method", "GET")]].concat());
}

#[test]
fn h3_no_authority() {
    expect_malformed(&[(":method", "GET"), (":scheme", "https"), (":path", "/")]);
}

#[test]
fn h4_unknown_pseudo_header() {
    expect_malformed(&[&GET[..], &[(":foo", "bar")]].concat());
    expect_malformed(&[(":method", "GET"), (":scheme", "https"), (":autority", "a.example"), (":path", "/")]);
}

#[test]
fn h5_pseudo_header_after_a_field() {
    expect_malformed(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "a.example"),
        ("a", "b"),
        (":path", "/"),
    ]);
}

#[test]
fn h6_max_push_id_before_settings() {
    let mut script = Script::connected(Side::Server, h3::Config::default());
    script.feed(2, &[&[0x00][..], &http::frame(13, &[0]), &http::frame(4, &[])].concat());
    assert_eq!(script.transport.commands.last(), Some(&Command::Close(H3_MISSING_SETTINGS)));
}

#[test]
fn h10_setting_of_http_2() {
    let mut script = Script::connected(Side::Server, h3::Config::default());
    script.feed(2, &[&[0x00][..], &http::frame(4, &[0x02, 0x00])].concat());
    assert_eq!(script.transport.commands.last(), Some(&Command::Close(H3_SETTINGS_ERROR)));
}

#[test]
fn s_user_information_in_the_authority() {
    expect_malformed(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "me:secret@a.example"),
        (":path", "/"),
    ]);
}

#[test]
fn s_empty_path() {
    expect_malformed(&[(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "")]);
}

#[test]
fn s_unidirectional_stream_of_an_unknown_type() {
    let mut script = Script::started(Side::Server);
    script.feed(6, &[0x21, 1, 2, 3]);
    let is_closed = script.transport.commands.iter().any(|command| matches!(command, Command::Close(_)));
    assert!(!is_closed, "{:?}", script.transport.commands);
}

/// A plain CONNECT reaches the application, which is the one to answer it.
#[test]
fn s_connect() {
    let mut script = Script::started(Side::Server);
    script.feed(0, &headers([(":method", "CONNECT"), (":authority", "a.example:443")]));
    let is_request = |event: &h3::Event| matches!(event, h3::Event::Exchange(_, ::http::exchange::Event::Request(head)) if head.path.is_none());
    assert!(script.events().iter().any(is_request));
}
