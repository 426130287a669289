//! Every kind of record, as a line and as qlog.

#[path = "../../tests/support/qlog.rs"]
mod reader;

use super::*;
use base::{Ecn, FourTuple, JournalLimits, Reader, StreamId, VarInt, Writer};
use quic::trace::Tracer;
use quic::wire::frame::{Frame, StreamFrame};
use quic::wire::packet_number::{PacketNumber, PacketNumberSpace};
use quic::wire::transport_parameters::TransportParameters;
use quic::wire::version::Version;
use quic::{Discard, TransportErrorCode};
use std::time::Duration;

fn group() -> ConnectionId {
    ConnectionId::new(&[0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08]).expect("short")
}

fn at(microseconds: u64) -> Instant {
    Instant::ZERO + Duration::from_micros(1_000_000 + microseconds)
}

fn path() -> FourTuple {
    FourTuple { local: "127.0.0.1:5000".parse().unwrap(), remote: "[2001:db8::1]:443".parse().unwrap() }
}

fn packet(packet_type: PacketType, number: u64) -> Packet {
    Packet {
        packet_type,
        number: PacketNumber::new(number),
        destination: group(),
        source: (packet_type != PacketType::OneRtt).then_some(ConnectionId::EMPTY),
        size: 1200,
        ecn: Ecn::NotEct,
        is_mtu_probe: false,
    }
}

fn payload(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut bytes = [0; 1500];
    let mut writer = Writer::new(&mut bytes);
    frames.iter().for_each(|frame| frame.encode(&mut writer).expect("room"));
    let len = writer.position();
    bytes[..len].to_vec()
}

fn every_record(tracer: &mut Tracer) {
    let stream = StreamId::from_varint(VarInt::from_u32(4));
    let space = PacketNumberSpace::ApplicationData;
    let key = Key { packet_type: PacketType::OneRtt, of: Side::Server, phase: 2 };
    let parameters = TransportParameters {
        initial_max_data: 1_000_000,
        initial_source_connection_id: Some(group()),
        ..TransportParameters::default()
    };
    let close = Frame::ApplicationClose { error_code: VarInt::from_u32(0x10c), reason: b"bye\n\"\xff" };
    let crypto = Frame::Crypto { offset: 0, data: &[7; 290] };
    let data = Frame::Stream(StreamFrame { id: stream, offset: 10, data: b"hello", fin: true });
    let records: Vec<(Record, Vec<u8>)> = vec![
        (Record::Started { four_tuple: path(), version: Version::V1 }, Vec::new()),
        (Record::ParametersSet { of: Side::Client }, parameters.encode(Side::Client, 0)),
        (Record::PacketSent(packet(PacketType::Initial, 0)), payload(&[crypto, Frame::Padding { bytes: 800 }])),
        (Record::PacketReceived(packet(PacketType::OneRtt, 17)), payload(&[close, data])),
        (Record::PacketDropped { size: 40, reason: Discard::Undecryptable }, Vec::new()),
        (Record::PacketLost { space, number: PacketNumber::new(3).unwrap() }, Vec::new()),
        (Record::Negotiated { cipher_suite: 0x1301 }, b"h3\n".to_vec()),
        (Record::Stage(Stage::HandshakeComplete), Vec::new()),
        (Record::Metrics(metrics()), Vec::new()),
        (Record::CongestionPhase(CongestionPhase::Recovery), Vec::new()),
        (Record::Timer { timer: Timer::Probe(space), change: TimerChange::Set(Duration::from_millis(75)) }, Vec::new()),
        (Record::KeyInstalled(key), Vec::new()),
        (Record::KeyDiscarded(key), Vec::new()),
        (Record::MtuChanged { from: 1200, to: 1452 }, Vec::new()),
        (Record::PathChanged(path()), Vec::new()),
        (Record::PathValidated(path()), Vec::new()),
        (Record::StreamOpened { id: stream }, Vec::new()),
        (Record::StreamDataMoved { id: stream, len: 5, received: true }, Vec::new()),
        (Record::StreamEnded { id: stream, received: false, code: Some(VarInt::from_u32(0x10c)) }, Vec::new()),
        (Record::Above { id: stream }, b"\x01\x00\x07:method\x03GET\x06cookie\x06sesame".to_vec()),
        (Record::Above { id: stream }, b"\x00\x01\x07".to_vec()),
        (
            Record::Closed(Cause::Transport { by: Side::Server, code: TransportErrorCode(0x12a) }),
            b"no \x1b[0m".to_vec(),
        ),
        (Record::Stage(Stage::Drained), Vec::new()),
        (Record::VersionChosen { version: Version::V2 }, Vec::new()),
    ];
    for (number, (record, content)) in records.iter().enumerate() {
        tracer.record(at(number as u64 * 100), *record, content);
    }
}

fn metrics() -> Metrics {
    Metrics {
        smoothed_rtt: Duration::from_micros(40_125),
        min_rtt: Duration::from_millis(40),
        latest_rtt: Duration::from_millis(41),
        rttvar: Duration::from_millis(2),
        pto_count: 1,
        congestion_window: 14_520,
        bytes_in_flight: 1200,
        pacing_rate: 1_000_000,
    }
}

fn tracer() -> Tracer {
    Tracer::new(Side::Client, group(), JournalLimits::default())
}

fn feed(tracer: &mut Tracer, consumer: &mut impl TraceConsumer) {
    while let Some(trace) = tracer.poll() {
        consumer.record(&trace);
    }
}

#[test]
fn each_record_is_one_line_and_what_a_peer_wrote_is_escaped() {
    let (mut tracer, mut lines) = (tracer(), TraceLines::new(Vec::new()));
    every_record(&mut tracer);
    feed(&mut tracer, &mut lines);
    let text = String::from_utf8(lines.writer).expect("UTF-8");
    let wanted = "     0.000  client 8394c8f0  started 127.0.0.1:5000 -> [2001:db8::1]:443, version 0x1
     0.100  client 8394c8f0  transport parameters of the client: data 1000000, streams 0 and 0, idle 0ns, payload 65527
     0.200  client 8394c8f0  sent Initial 0, 1200 bytes: CRYPTO 0..290, PADDING 800
     0.300  client 8394c8f0  received 1-RTT 17, 1200 bytes: CONNECTION_CLOSE of the application, code 0x10c \"bye\\n\\\"\\xff\", STREAM 4 10..15 FIN
     0.400  client 8394c8f0  dropped 40 bytes: authentication failed
     0.500  client 8394c8f0  lost ApplicationData 3
     0.600  client 8394c8f0  cipher suite 0x1301, protocol \"h3\\n\"
     0.700  client 8394c8f0  handshake complete
     0.800  client 8394c8f0  window 14520 bytes, 1200 in flight, RTT 40.125ms (least 40ms), 1 probe timeouts
     0.900  client 8394c8f0  recovery
     1.000  client 8394c8f0  probe timer of ApplicationData set to 75ms
     1.100  client 8394c8f0  1-RTT keys of phase 2 of the server installed
     1.200  client 8394c8f0  1-RTT keys of phase 2 of the server discarded
     1.300  client 8394c8f0  the path carries 1452 bytes instead of 1200
     1.400  client 8394c8f0  moved to 127.0.0.1:5000 -> [2001:db8::1]:443
     1.500  client 8394c8f0  validated 127.0.0.1:5000 -> [2001:db8::1]:443
     1.600  client 8394c8f0  stream 4 opened
     1.700  client 8394c8f0  stream 4: 5 bytes to the application
     1.800  client 8394c8f0  stream 4: sending ended with code 0x10c
     1.900  client 8394c8f0  HTTP/3 sent on stream 4: HEADERS :method: GET; cookie: (6 bytes);
     2.000  client 8394c8f0  HTTP/3 received on stream 4: DATA of 7 bytes
     2.100  client 8394c8f0  closed by the server's transport with code 0x12a \"no \\x1b[0m\"
     2.200  client 8394c8f0  drained
     2.300  client 8394c8f0  goes on with version 0x6b3343cf
";
    assert!(text.lines().eq(wanted.lines()), "{text}");
}

#[test]
fn records_that_found_no_room_are_told() {
    let limits = JournalLimits { entries: 1, content: 10 };
    let (mut tracer, mut lines) = (Tracer::new(Side::Server, group(), limits), TraceLines::new(Vec::new()));
    every_record(&mut tracer);
    feed(&mut tracer, &mut lines);
    tracer.record(at(5000), Record::Stage(Stage::Draining), &[]);
    feed(&mut tracer, &mut lines);
    let text = String::from_utf8(lines.writer).expect("UTF-8");
    assert!(text.ends_with("     5.000  server 8394c8f0  (23 records left out) draining\n"), "{text}");
}

/// P10: the largest parameters there can be, and reason phrases that fill a packet.
#[test]
fn p10_a_trace_of_the_largest_values_is_bounded_and_whole() {
    let reason = vec![0xff; 1400];
    let close = payload(&[Frame::ApplicationClose { error_code: VarInt::MAX, reason: &reason }]);
    let most = TransportParameters {
        initial_max_data: VarInt::MAX.value(),
        initial_max_stream_data_uni: VarInt::MAX.value(),
        initial_max_streams_bidi: 1 << 60,
        initial_source_connection_id: Some(ConnectionId::new(&[9; 20]).expect("20 bytes")),
        ..TransportParameters::default()
    };
    let (mut tracer, mut lines) = (tracer(), TraceLines::new(Vec::new()));
    tracer.record(at(0), Record::PacketReceived(packet(PacketType::OneRtt, (1 << 62) - 1)), &close);
    tracer.record(at(0), Record::ParametersSet { of: Side::Client }, &most.encode(Side::Client, u64::MAX));
    let mut qlog = String::new();
    while let Some(trace) = tracer.poll() {
        qlog += &qlog::event(&trace, at(0));
        lines.record(&trace);
    }
    assert!(lines.writer.is_ascii() && qlog.is_ascii());
    assert!(lines.writer.len() < 8 * 1024 && qlog.len() < 16 * 1024);
    assert!(qlog.contains("\"initial_max_data\":4611686018427387903"));
}

#[test]
fn qlog_is_a_sequence_of_json_texts_with_a_header() {
    let folder = std::env::temp_dir().join(format!("posthaste-qlog-{}", std::process::id()));
    let (mut tracer, mut qlog) = (tracer(), Qlog::open(&folder).expect("a folder"));
    every_record(&mut tracer);
    feed(&mut tracer, &mut qlog);
    assert!(qlog.take_error().is_none() && qlog.open.is_empty());
    let text = std::fs::read_to_string(folder.join(format!("{}_client.sqlog", group()))).expect("a file");
    std::fs::remove_dir_all(&folder).expect("removed");
    let names = reader::check(&text);
    assert_eq!(names.len(), 23);
    let texts = reader::texts(&text);
    assert_eq!(texts[0]["serialization_format"], "application/qlog+json-seq");
    assert_eq!(texts[0]["trace"]["common_fields"]["group_id"], group().to_string());
    assert_eq!(texts[0]["trace"]["vantage_point"]["type"], "client");
    let named = |name: &str| texts.iter().find(|text| text["name"] == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(named("quic:packet_sent")["data"]["header"]["packet_type"], "initial");
    assert_eq!(named("quic:packet_sent")["data"]["frames"][0]["raw"]["length"], 290);
    assert_eq!(named("quic:packet_received")["data"]["frames"][1]["fin"], true);
    assert_eq!(named("quic:packet_received")["data"]["frames"][0]["reason"], "bye\\n\\\"\\xff");
    assert_eq!(named("quic:connection_closed")["data"]["connection_error"], "crypto_error_0x12a");
    assert_eq!(named("quic:recovery_metrics_updated")["data"]["smoothed_rtt"], 40.125);
    assert_eq!(named("quic:packet_lost")["time"], 0.5);
    assert_eq!(named("http3:frame_created")["data"]["frame"]["headers"][0]["value"], "GET");
    assert_eq!(named("http3:frame_parsed")["data"]["frame"]["raw"]["payload_length"], 7);
    let no_secret = ["sesame", "hello", "0707070707"];
    assert!(no_secret.iter().all(|secret| !text.contains(secret)), "payloads stay out of the log");
}

/// Files are named after IDs that clients choose: what somebody has put there before is neither followed nor waited for.
#[test]
fn a_qlog_file_is_a_new_one_whatever_has_its_name() {
    let folder = std::env::temp_dir().join(format!("posthaste-qlog-taken-{}", std::process::id()));
    let mut qlog = Qlog::open(&folder).expect("a folder");
    let (path, other) = (folder.join(format!("{}_client.sqlog", group())), folder.join("other"));
    for taken in ["link", "pipe", "file"] {
        std::fs::write(&other, "of somebody else").expect("written");
        match taken {
            "link" => std::os::unix::fs::symlink(&other, &path).expect("linked"),
            "pipe" => assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("run").success()),
            _ => std::fs::write(&path, "of an earlier connection").expect("written"),
        }
        let mut tracer = tracer();
        every_record(&mut tracer);
        feed(&mut tracer, &mut qlog);
        assert!(qlog.take_error().is_none() && qlog.open.is_empty(), "{taken}");
        assert_eq!(std::fs::read_to_string(&other).expect("a file"), "of somebody else", "{taken}");
        let kind = std::fs::symlink_metadata(&path).expect("it is there").file_type();
        assert!(kind.is_file() && std::fs::read_to_string(&path).expect("a file").starts_with('\u{1e}'), "{taken}");
        std::fs::remove_file(&path).expect("removed");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// A server that is traced and forgotten: what is open ends well, later connections have no file, and both are told once.
#[test]
fn files_that_are_full_say_so_and_end() {
    let folder = std::env::temp_dir().join(format!("posthaste-qlog-full-{}", std::process::id()));
    let mut qlog = Qlog::open(&folder).expect("a folder").max_bytes(1500);
    for round in 0..3 {
        let mut tracer = tracer();
        every_record(&mut tracer);
        feed(&mut tracer, &mut qlog);
        assert_eq!(qlog.take_error().map(|error| error.to_string().contains("full")), (round == 0).then_some(true));
        assert_eq!((qlog.not_logged(), qlog.open.len()), (round, 0));
    }
    let text = std::fs::read_to_string(folder.join(format!("{}_client.sqlog", group()))).expect("a file");
    std::fs::remove_dir_all(&folder).expect("removed");
    assert_eq!(reader::check(&text).last().map(String::as_str), Some("loglevel:warning"));
    assert!((1000..2200).contains(&text.len()), "{}", text.len());
}

/// One consumer of several clients.
#[test]
fn a_consumer_is_shared_by_its_clones() {
    let lines = Arc::new(Mutex::new(TraceLines::new(Vec::new())));
    for mut clone in [lines.clone(), lines.clone()] {
        let mut tracer = tracer();
        tracer.record(at(0), Record::Stage(Stage::Draining), &[]);
        feed(&mut tracer, &mut clone);
    }
    assert_eq!(lines.lock().expect("not poisoned").writer.iter().filter(|byte| **byte == b'\n').count(), 2);
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    assert!(Qlog::open("/dev/null/qlog").is_err());
}

#[test]
fn frames_end_at_one_that_cannot_be_read() {
    let mut bytes = payload(&[Frame::Ping]);
    bytes.push(0x3f);
    let mut tracer = tracer();
    tracer.record(at(0), Record::PacketReceived(packet(PacketType::OneRtt, 1)), &bytes);
    let trace = tracer.poll().expect("a record");
    assert_eq!(trace.frames().collect::<Vec<_>>(), [Frame::Ping]);
    assert!(Frame::decode(&mut Reader::new(&bytes[1..])).is_err());
}
