//! Two ends joined by a pipe that loses, repeats and reorders; and one end against a peer that misbehaves.

mod holes;
mod priorities;
mod reliable_resets;
mod signals;
mod stops;
mod writers;

use super::*;
use crate::stream::ReceiveMemory;
use crate::stream::StreamsConfig;
use crate::wire::packet_number::PacketNumberSpace;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use base::Reader;

const BIDI: Direction = Direction::Bidirectional;
const UNI: Direction = Direction::Unidirectional;
const ROUND_TRIP: Duration = Duration::from_millis(50);

fn parameters(config: &StreamsConfig) -> TransportParameters {
    let mut parameters = TransportParameters::default();
    config.advertise(&mut parameters, config.max_data);
    parameters
}

/// The configuration of a connection with these limits.
fn shared(streams: &StreamsConfig) -> Arc<Config> {
    Arc::new(Config { streams: streams.clone(), ..Config::default() })
}

fn pair(config: &StreamsConfig) -> (Streams, Streams) {
    let [mut client, mut server] = [Side::Client, Side::Server].map(|side| {
        Streams::new(
            side,
            shared(config),
            SendMemory::new(1 << 30),
            ReceiveMemory::new(u64::MAX / 2).begin(config.max_data),
        )
    });
    client.set_peer_limits(&parameters(config));
    server.set_peer_limits(&parameters(config));
    (client, server)
}

fn server() -> Streams {
    pair(&StreamsConfig::default()).1
}

fn id(value: u64) -> StreamId {
    StreamId::from_varint(VarInt::new(value).unwrap())
}

fn code(value: u32) -> VarInt {
    VarInt::from_u32(value)
}

fn frame(stream: u64, offset: u64, data: &[u8], fin: bool) -> StreamFrame<'_> {
    StreamFrame { id: id(stream), offset, data, fin }
}

fn receive(streams: &mut Streams, stream: u64, offset: u64, data: &[u8], fin: bool) -> Result<(), Violation> {
    streams.on_stream(Instant::ZERO, &frame(stream, offset, data, fin), ROUND_TRIP, &mut Chunks::default())
}

fn events(streams: &mut Streams) -> Vec<StreamEvent> {
    core::iter::from_fn(|| streams.poll_event()).map(|(event, _)| event).collect()
}

/// The next packet: its bytes and what it carries.
fn packet(streams: &mut Streams, room: usize) -> (Vec<u8>, Vec<SentFrame>) {
    let mut bytes = alloc::vec![0xff; room];
    let mut sent = Vec::new();
    let mut packet = OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut bytes, &mut sent);
    streams.fill(&mut packet);
    let len = packet.len();
    bytes.truncate(len);
    (bytes, sent)
}

/// Everything there is to send, which arrives.
fn flush(from: &mut Streams, to: &mut Streams) -> Vec<SentFrame> {
    let mut all = Vec::new();
    while from.wants_to_send() {
        let (bytes, sent) = packet(from, 1200);
        assert!(!sent.is_empty(), "what wants to send has something");
        deliver(&bytes, to, Instant::ZERO).unwrap();
        for frame in &sent {
            from.on_acked(frame);
        }
        all.extend(sent);
    }
    all
}

/// A stream stands in the queues that it wants to be in, is counted for what it is, and is forgotten when it is done.
fn assert_followed(streams: &mut Streams, id: StreamId) {
    let Some(Some(stream)) = streams.map.get_mut(id) else { return };
    assert_eq!((stream.wants(), stream.is_done()), (stream.membership, false));
    assert_eq!((stream.awaits_end(), stream.is_held_back()), (stream.is_ending, stream.is_blocked));
}

fn deliver(bytes: &[u8], to: &mut Streams, now: Instant) -> Result<(), Violation> {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        match Frame::decode(&mut reader)? {
            Frame::Stream(frame) => {
                to.on_stream(now, &frame, ROUND_TRIP, &mut Chunks::default())?;
                assert_followed(to, frame.id);
            }
            Frame::ResetStream { id, error_code, final_size } => to.on_reset_stream(id, error_code, final_size)?,
            Frame::ResetStreamAt { id, error_code, final_size, reliable_size } => {
                to.on_reset_stream_at(id, error_code, final_size, reliable_size)?;
                assert_followed(to, id);
            }
            Frame::StopSending { id, error_code } => to.on_stop_sending(id, error_code)?,
            Frame::MaxData { maximum } => to.on_max_data(maximum),
            Frame::MaxStreamData { id, maximum } => to.on_max_stream_data(id, maximum)?,
            Frame::MaxStreams { direction, maximum } => to.on_max_streams(direction, maximum),
            Frame::StreamDataBlocked { id, limit } => to.on_stream_data_blocked(id, limit)?,
            Frame::DataBlocked { .. } | Frame::StreamsBlocked { .. } | Frame::Padding { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}

struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below.max(1)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

fn byte_at(id: StreamId, from: Side, offset: u64) -> u8 {
    (id.value().wrapping_mul(31) ^ (from as u64) << 7 ^ offset.wrapping_mul(0x9e37_79b9) >> 9) as u8
}

/// What one end's application knows of a stream.
#[derive(Debug, Default)]
struct Known {
    written: u64,
    to_write: u64,
    write_ended: bool,
    read: u64,
    read_ended: bool,
    // What this end has reset and promised to deliver.
    reliable: Option<u64>,
    // It asked the peer to stop.
    stopped_reading: bool,
}

struct End {
    side: Side,
    streams: Streams,
    known: BTreeMap<StreamId, Known>,
    flying: Vec<(Vec<u8>, Vec<SentFrame>)>,
    finished: usize,
}

impl End {
    fn new(streams: Streams) -> End {
        End { side: streams.side, streams, known: BTreeMap::new(), flying: Vec::new(), finished: 0 }
    }

    fn learn(&mut self, id: StreamId, random: &mut Random) {
        let known = Known {
            to_write: random.below(20_000),
            write_ended: !id.is_sent_by(self.side),
            read_ended: !id.is_received_by(self.side),
            ..Known::default()
        };
        assert!(self.known.insert(id, known).is_none(), "a stream is opened once");
    }

    /// One turn of the application: events, then a little of everything on each stream.
    fn turn(&mut self, random: &mut Random, abort: bool) {
        while let Some((event, _)) = self.streams.poll_event() {
            match event {
                StreamEvent::Opened(id) => self.learn(id, random),
                StreamEvent::Finished(_) => self.finished += 1,
                StreamEvent::Reset { id, .. } => self.known.get_mut(&id).unwrap().read_ended = true,
                StreamEvent::Stopped { id, .. } => {
                    let known = self.known.get_mut(&id).unwrap();
                    (known.write_ended, known.reliable) = (true, None);
                }
                _ => {}
            }
        }
        for (id, known) in &mut self.known {
            if !known.write_ended {
                let count = random.below(3000).min(known.to_write - known.written);
                let data: Vec<u8> =
                    (known.written..known.written + count).map(|at| byte_at(*id, self.side, at)).collect();
                let taken = if random.one_in(2) {
                    self.streams.write_slice(*id, &data)
                } else {
                    self.streams.write(*id, &mut Bytes::from(data))
                };
                match taken {
                    Ok(taken) => known.written += taken as u64,
                    Err(WriteError::Stopped(_)) => known.write_ended = true,
                    Err(error) => panic!("{error:?}"),
                }
                if abort && random.one_in(60) {
                    abandon(&mut self.streams, *id, known, random);
                    known.write_ended = true;
                } else if known.written == known.to_write && !known.write_ended {
                    self.streams.finish(*id).unwrap();
                    known.write_ended = true;
                }
            }
            if !known.read_ended {
                if abort && random.one_in(60) {
                    self.streams.stop_sending(*id, code(2));
                    (known.read_ended, known.stopped_reading) = (true, true);
                    continue;
                }
                let bytes = match self.streams.read(*id, random.below(4000) as usize) {
                    Ok(Read::Data(bytes)) => bytes,
                    Ok(Read::Finished) | Err(ReadError::Reset(_)) => {
                        known.read_ended = true;
                        continue;
                    }
                    Ok(Read::Blocked) => continue,
                    Err(error) => panic!("{error:?} {id} {known:?}"),
                };
                for byte in bytes.as_slice() {
                    assert_eq!(*byte, byte_at(*id, self.side.peer(), known.read), "{id} at {}", known.read);
                    known.read += 1;
                }
            }
        }
    }

    fn transmit(&mut self, random: &mut Random) {
        for (id, known) in &mut self.known {
            // Less than was promised.
            if known.reliable.is_some_and(|size| size > 0) && random.one_in(20) {
                abandon(&mut self.streams, *id, known, random);
            }
        }
        for _ in 0..4 {
            if self.streams.wants_to_send() {
                let room = 40 + random.below(1200) as usize;
                let (bytes, sent) = packet(&mut self.streams, room);
                assert!(!sent.is_empty(), "what wants to send has something");
                self.flying.push((bytes, sent));
            }
        }
    }
}

/// Resets a stream whole, or behind a part of what was written.
fn abandon(streams: &mut Streams, id: StreamId, known: &mut Known, random: &mut Random) {
    if random.one_in(2) {
        let size = random.below(1 + known.written);
        streams.reset_at(id, code(1), size);
        known.reliable = Some(known.reliable.map_or(size, |before| before.min(size)));
    } else {
        streams.reset(id, code(1));
        known.reliable = None;
    }
}

/// One packet in flight meets its fate.
fn fate(from: &mut End, to: &mut End, random: &mut Random, now: Instant) {
    if from.flying.is_empty() {
        return;
    }
    let index = random.below(from.flying.len() as u64) as usize;
    let (bytes, sent) = from.flying.swap_remove(index);
    if random.one_in(5) {
        sent.iter().for_each(|frame| from.streams.on_lost(frame));
        if random.one_in(2) {
            return;
        }
    }
    // Sometimes twice, sometimes after it was given up for lost.
    for _ in 0..1 + random.below(2) {
        deliver(&bytes, &mut to.streams, now).unwrap();
    }
    sent.iter().for_each(|frame| from.streams.on_acked(frame));
}

fn run(seed: u64, abort: bool) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let config = StreamsConfig {
        max_data: 5000 + random.below(20_000),
        max_stream_data_bidi_local: 1 + random.below(5000),
        max_stream_data_bidi_remote: 1 + random.below(5000),
        max_stream_data_uni: 1 + random.below(5000),
        max_streams_bidi: 1 + random.below(5),
        max_streams_uni: 1 + random.below(5),
        max_stream_window: 20_000,
        max_connection_window: 40_000,
        stream_send_buffer: 1 + random.below(8000),
        connection_send_buffer: 4000 + random.below(8000),
        max_segments: 4096,
    };
    let (client, server) = pair(&config);
    let (mut client, mut server) = (End::new(client), End::new(server));
    let mut to_open = 24;
    let mut now = Instant::ZERO;
    for turn in 0.. {
        assert!(turn < 200_000, "no progress: {:#?} {:#?}", client.known, server.known);
        now += Duration::from_millis(5);
        for end in [&mut client, &mut server] {
            if to_open > 0
                && random.one_in(4)
                && let Some(id) = end.streams.open(if random.one_in(2) { BIDI } else { UNI })
            {
                to_open -= 1;
                end.learn(id, &mut random);
            }
            end.turn(&mut random, abort);
            end.transmit(&mut random);
            assert!(end.streams.receive_credit.received() <= end.streams.receive_credit.limit());
            assert!(end.streams.window.held() <= config.connection_send_buffer);
        }
        for _ in 0..5 {
            fate(&mut client, &mut server, &mut random, now);
            fate(&mut server, &mut client, &mut random, now);
        }
        if to_open == 0 && client.streams.open_count() == 0 && server.streams.open_count() == 0 {
            break;
        }
    }
    // Nothing is left of anything, and all credit came back.
    for (end, other) in [(&client, &server), (&server, &client)] {
        assert_eq!(end.known.len(), 24);
        assert_eq!((end.streams.buffered(), end.streams.segments), (0, 0));
        assert_eq!(end.streams.receive_credit.received(), end.streams.receive_credit.consumed());
        assert_eq!(end.streams.receive_credit.received(), other.streams.send_credit.used());
        assert!(Queue::ALL.iter().all(|queue| end.streams.schedule.is_empty(*queue)));
        for (id, known) in &end.known {
            let promised = other.known[id].reliable.filter(|_| id.is_received_by(end.side) && !known.stopped_reading);
            assert!(known.read >= promised.unwrap_or(0), "{id}: {known:?} {:?}", other.known[id]);
            if !abort && id.is_received_by(end.side) {
                assert_eq!(known.read, other.known[id].to_write);
            }
        }
        if !abort {
            assert_eq!(end.finished, end.known.keys().filter(|id| id.is_sent_by(end.side)).count());
        }
    }
}

/// RFC 9000 section 2.2-1, 2.2-3, 2.2-4, 4.1-1, 19.10-3.
#[test]
fn every_byte_arrives_once_and_in_order_over_a_bad_path() {
    (0..60).for_each(|seed| run(seed, false));
}

/// RFC 9000 section 4.4-1, 4.5-1.
#[test]
fn resets_and_stops_at_any_moment_leave_nothing_behind() {
    (100..200).for_each(|seed| run(seed, true));
}

#[test]
fn a_stream_from_opening_to_oblivion() {
    let (mut client, mut server) = pair(&StreamsConfig::default());
    let stream = client.open(BIDI).unwrap();
    assert_eq!(client.write_slice(stream, b"ping"), Ok(4));
    client.finish(stream).unwrap();
    assert_eq!(client.finish(stream), Err(WriteError::Finished));
    assert_eq!(flush(&mut client, &mut server), [SentFrame::Stream { id: stream, offset: 0, len: 4, fin: true }]);
    assert_eq!(events(&mut server), [StreamEvent::Opened(stream), StreamEvent::Readable(stream)]);
    assert_eq!(server.read(stream, 100), Ok(Read::Data(Bytes::from_static(b"ping"))));
    assert_eq!(server.read(stream, 100), Ok(Read::Finished));
    server.finish(stream).unwrap();
    assert_eq!(flush(&mut server, &mut client), [SentFrame::Stream { id: stream, offset: 0, len: 0, fin: true }]);
    assert_eq!(events(&mut server), [StreamEvent::Finished(stream)]);
    assert_eq!(server.open_count(), 0);
    assert_eq!(events(&mut client), [StreamEvent::Finished(stream), StreamEvent::Readable(stream)]);
    assert_eq!(client.read(stream, 9), Ok(Read::Finished));
    assert_eq!(client.open_count(), 0);
    assert_eq!(client.read(stream, 1), Err(ReadError::Unknown));
    assert_eq!(client.write_slice(stream, b"x"), Err(WriteError::Unknown));
    // Frames for what is gone are legal and mean nothing.
    assert_eq!(receive(&mut server, 0, 0, b"ping", true), Ok(()));
    assert_eq!(server.on_stop_sending(stream, code(1)), Ok(()));
    assert_eq!((events(&mut server), server.open_count()), (Vec::new(), 0));
}

/// S9: STOP_SENDING and STREAM in either order, and calls after it.
/// RFC 9000 section 3.5-2.
#[test]
fn stop_sending_is_answered_by_a_reset_with_its_code() {
    for stop_first in [true, false] {
        let mut server = server();
        if stop_first {
            server.on_stop_sending(id(0), code(7)).unwrap();
        }
        receive(&mut server, 0, 0, b"ab", true).unwrap();
        if !stop_first {
            server.on_stop_sending(id(0), code(7)).unwrap();
        }
        assert_eq!(server.write_slice(id(0), b"x"), Err(WriteError::Stopped(code(7))));
        assert_eq!(server.finish(id(0)), Err(WriteError::Stopped(code(7))));
        assert!(events(&mut server).contains(&StreamEvent::Stopped { id: id(0), code: code(7) }));
        let (bytes, sent) = packet(&mut server, 100);
        assert_eq!(sent, [SentFrame::ResetStream(id(0))]);
        let expected = Frame::ResetStream { id: id(0), error_code: code(7), final_size: 0 };
        assert_eq!(Frame::decode(&mut Reader::new(&bytes)), Ok(expected));
        // Lost, it goes again unchanged; the application's own reset changes nothing.
        server.reset(id(0), code(9));
        server.on_lost(&sent[0]);
        assert_eq!(packet(&mut server, 100).0, bytes);
        server.on_acked(&sent[0]);
        assert_eq!(server.read(id(0), 9), Ok(Read::Data(Bytes::from_static(b"ab"))));
        assert_eq!(server.read(id(0), 9), Ok(Read::Finished));
        assert_eq!(server.open_count(), 0);
    }
}

/// RFC 9000 section 3.3-1, 3.3-2.
#[test]
fn data_is_not_sent_again_after_a_reset() {
    let (mut client, _) = pair(&StreamsConfig::default());
    let stream = client.open(UNI).unwrap();
    client.write_slice(stream, &[1; 500]).unwrap();
    let (_, sent) = packet(&mut client, 300);
    client.reset(stream, code(4));
    client.on_lost(&sent[0]);
    let (bytes, reset) = packet(&mut client, 300);
    assert_eq!(reset, [SentFrame::ResetStream(stream)]);
    let SentFrame::Stream { len, .. } = sent[0] else { panic!() };
    let expected = Frame::ResetStream { id: stream, error_code: code(4), final_size: u64::from(len) };
    assert_eq!(Frame::decode(&mut Reader::new(&bytes)), Ok(expected));
    client.on_acked(&reset[0]);
    assert_eq!((client.open_count(), client.buffered()), (0, 0));
}

/// Sections 19.4, 19.5, 19.8, 19.10, 19.13: each frame, on each kind of stream it is not for.
/// RFC 9000 section 19.4-1, 19.5-1, 19.5-2, 19.8-1, 19.10-1, 19.10-2, 19.13-2.
#[test]
fn frames_for_the_wrong_kind_of_stream() {
    type Call = fn(&mut Streams, StreamId) -> Result<(), Violation>;
    let about_receiving: [Call; 3] = [
        |streams, id| receive(streams, id.value(), 0, b"", false),
        |streams, id| streams.on_reset_stream(id, VarInt::ZERO, 0),
        |streams, id| streams.on_stream_data_blocked(id, 0),
    ];
    let about_sending: [Call; 2] =
        [|streams, id| streams.on_stop_sending(id, VarInt::ZERO), |streams, id| streams.on_max_stream_data(id, 1)];
    for call in about_receiving {
        assert_eq!(call(&mut server(), id(3)), Err(Violation::StreamNotSendable));
        assert_eq!(call(&mut server(), id(1)), Err(Violation::StreamNotOpened));
    }
    for call in about_sending {
        assert_eq!(call(&mut server(), id(2)), Err(Violation::StreamNotReceivable));
        assert_eq!(call(&mut server(), id(1)), Err(Violation::StreamNotOpened));
        assert_eq!(call(&mut server(), id(3)), Err(Violation::StreamNotOpened));
    }
    // M15: at the limit, and over it at no cost.
    for call in about_receiving.into_iter().chain(about_sending) {
        let mut streams = server();
        let limit = streams.config.streams.max_streams_bidi;
        for over in [4 * limit, 4 * limit + 4, (1 << 62) - 4] {
            assert_eq!(call(&mut streams, id(over)), Err(Violation::StreamLimit));
        }
        assert_eq!(streams.open_count(), 0);
        assert_eq!(call(&mut streams, id(4 * limit - 4)), Ok(()));
        assert_eq!(streams.open_count(), limit as usize);
        let opened: Vec<_> = (0..limit).map(|index| StreamEvent::Opened(id(index * 4))).collect();
        assert!(events(&mut streams).starts_with(&opened));
    }
}

/// RFC 9000 section 4.5-2.
#[test]
fn final_sizes_are_consistent() {
    let mut streams = server();
    receive(&mut streams, 0, 0, b"abc", false).unwrap();
    assert_eq!(receive(&mut streams, 0, 0, b"ab", true), Err(Violation::FinalSizeBelowData));
    assert_eq!(streams.on_reset_stream(id(0), code(0), 2), Err(Violation::FinalSizeBelowData));
    receive(&mut streams, 0, 4, b"e", true).unwrap();
    assert_eq!(receive(&mut streams, 0, 4, b"ef", false), Err(Violation::DataPastFinalSize));
    assert_eq!(receive(&mut streams, 0, 3, b"d", true), Err(Violation::FinalSizeChanged));
    assert_eq!(streams.on_reset_stream(id(0), code(0), 6), Err(Violation::FinalSizeChanged));
    assert_eq!(receive(&mut streams, 0, (1 << 62) - 1, b"x", false), Err(Violation::StreamOffsetTooLarge));
    receive(&mut streams, 0, 3, b"d", false).unwrap();
    // Complete data is delivered although a reset follows.
    streams.on_reset_stream(id(0), code(0), 5).unwrap();
    let mut all = Vec::new();
    while let Ok(Read::Data(bytes)) = streams.read(id(0), 9) {
        all.extend_from_slice(&bytes);
    }
    assert_eq!(all, b"abcde");
    assert_eq!(streams.read(id(0), 9), Ok(Read::Finished));
}

/// An end is read with the last bytes by those who ask for it, if it is there and nothing is left before it.
#[test]
fn an_end_is_read_with_the_last_bytes() {
    let read = |streams: &mut Streams, max| {
        let (read, is_end) = streams.read_with_end(id(2), max)?;
        assert_followed(streams, id(2));
        Ok((matches!(&read, Read::Data(bytes) if bytes.len() == max), is_end))
    };
    let with_end = |is_early: bool| {
        let mut streams = pair(&StreamsConfig::default()).1;
        receive(&mut streams, 2, 0, b"abc", is_early).unwrap();
        events(&mut streams);
        streams
    };
    let mut streams = with_end(true);
    assert_eq!(read(&mut streams, 2), Ok((true, false)));
    assert_eq!((read(&mut streams, 1), streams.open_count()), (Ok((true, true)), 0));
    assert_eq!((read(&mut streams, 1), streams.read(id(2), 1)), (Err(ReadError::Unknown), Err(ReadError::Unknown)));
    let mut streams = with_end(false);
    assert_eq!(read(&mut streams, 3), Ok((true, false)));
    assert_eq!(streams.read_with_end(id(2), 1), Ok((Read::Blocked, false)));
    receive(&mut streams, 2, 3, b"", true).unwrap();
    assert_eq!(streams.read_with_end(id(2), 1), Ok((Read::Finished, true)));
    // A gap before it.
    let mut streams = with_end(false);
    receive(&mut streams, 2, 4, b"e", true).unwrap();
    assert_eq!(read(&mut streams, 3), Ok((true, false)));
    receive(&mut streams, 2, 3, b"d", false).unwrap();
    assert_eq!(read(&mut streams, 2), Ok((true, true)));
    // A reset is no end.
    let mut streams = with_end(false);
    streams.on_reset_stream(id(2), code(5), 60).unwrap();
    assert_eq!(read(&mut streams, 3), Err(ReadError::Reset(code(5))));
}

/// A reset discards what was not read, gives its credit back, and is told once.
#[test]
fn reading_after_a_reset() {
    let config = StreamsConfig { max_data: 100, ..StreamsConfig::default() };
    let mut streams = pair(&config).1;
    receive(&mut streams, 0, 0, &[1; 40], false).unwrap();
    assert_eq!(streams.read(id(0), 10).map(|_| ()), Ok(()));
    streams.on_reset_stream(id(0), code(5), 60).unwrap();
    assert_eq!(streams.receive_credit.consumed(), 60);
    assert_eq!(streams.read(id(0), 10), Err(ReadError::Reset(code(5))));
    assert_eq!(events(&mut streams), [StreamEvent::Opened(id(0))]);
    // Nor is anything held that nobody will read.
    receive(&mut streams, 0, 0, &[1; 60], true).unwrap();
    assert_eq!((streams.receive_credit.consumed(), streams.buffered()), (60, 0));
    let mut streams = pair(&config).1;
    streams.on_reset_stream(id(2), code(5), 1).unwrap();
    assert_eq!(
        events(&mut streams),
        [StreamEvent::Opened(id(2)), StreamEvent::Reset { id: id(2), code: code(5), size: 1 }]
    );
    assert_eq!((streams.open_count(), streams.read(id(2), 1)), (0, Err(ReadError::Unknown)));
}

/// M7, M8: no more is held than the connection allows, however many streams; a reset's size counts.
/// RFC 9000 section 4.1-2, 19.9-2.
#[test]
fn the_connection_limit_is_enforced() {
    let config = StreamsConfig { max_data: 1000, ..StreamsConfig::default() };
    let mut streams = pair(&config).1;
    for index in 0..10 {
        receive(&mut streams, index * 4, 0, &[0; 100], false).unwrap();
    }
    assert_eq!(streams.buffered(), 1000);
    assert!(!streams.wants_to_send(), "what was not read earns nothing");
    receive(&mut streams, 0, 0, &[0; 100], true).unwrap();
    assert_eq!(receive(&mut streams, 4, 100, &[0], false), Err(Violation::ConnectionFlowControl));
    assert_eq!(streams.on_reset_stream(id(4), code(0), 101), Err(Violation::ConnectionFlowControl));
    assert_eq!(streams.on_reset_stream(id(40), code(0), (1 << 62) - 1), Err(Violation::StreamFlowControl));
}

/// M6: a byte at the edge of the window, again and again.
#[test]
fn what_arrives_earns_no_credit() {
    let mut streams = server();
    let edge = streams.config.streams.max_stream_data_bidi_remote - 1;
    for _ in 0..100 {
        receive(&mut streams, 0, edge, &[1], false).unwrap();
        assert!(!streams.wants_to_send());
    }
    assert_eq!(receive(&mut streams, 0, edge + 1, &[1], false), Err(Violation::StreamFlowControl));
    assert_eq!(streams.buffered(), 1);
}

/// M4: pieces are counted per stream and over all of them.
#[test]
fn pieces_are_bounded_over_all_streams() {
    let mut streams = server();
    let mut count = 0;
    let failed = (0..100 * 900_u64).find_map(|index| {
        count += 1;
        receive(&mut streams, index % 100 * 4, index / 100 * 2 + 1, &[1], false).err()
    });
    assert_eq!(failed, Some(Violation::StreamTooFragmented));
    assert_eq!(count, streams.config.streams.max_segments + 1);
}

/// M21: empty frames leave nothing behind.
#[test]
fn empty_frames_cost_nothing() {
    let mut streams = server();
    for _ in 0..10_000 {
        receive(&mut streams, 0, 5, b"", false).unwrap();
    }
    assert_eq!(events(&mut streams), [StreamEvent::Opened(id(0))]);
    assert_eq!((streams.buffered(), streams.segments, streams.open_count()), (0, 0, 1));
}

/// C8: limits of 0, 1 and the most there is.
#[test]
fn limits_at_the_edge() {
    for limit in [0, 1, (1 << 62) - 1] {
        let config = StreamsConfig { max_data: limit, max_stream_data_uni: limit, ..StreamsConfig::default() };
        let (mut client, mut server) = pair(&config);
        let stream = client.open(UNI).unwrap();
        let mut unwritten = Bytes::from_static(&[1; 100]);
        client.write(stream, &mut unwritten).unwrap();
        assert_eq!(unwritten.len() as u64, 100 - limit.min(100), "what cannot be sent is not taken");
        let sent = flush(&mut client, &mut server);
        let data: u64 =
            sent.iter().map(|frame| if let SentFrame::Stream { len, .. } = frame { u64::from(*len) } else { 0 }).sum();
        assert_eq!(data, limit.min(100));
        let blocked = sent.iter().filter(|frame| matches!(frame, SentFrame::StreamDataBlocked(..))).count();
        assert_eq!(blocked, usize::from(limit < 100));
        for _ in 0..200 {
            let _ = server.read(stream, 200);
            flush(&mut server, &mut client);
            client.write(stream, &mut unwritten).unwrap();
            flush(&mut client, &mut server);
        }
        assert_eq!(server.receive_credit.consumed(), if limit == 0 { 0 } else { 100 });
    }
}

/// RFC 9000 section 2.1-1, 4.6-2, 19.11-3.
#[test]
fn opening_waits_for_the_peer_and_is_told_of_it() {
    let config = StreamsConfig { max_streams_bidi: 1, ..StreamsConfig::default() };
    let (mut client, mut server) = pair(&config);
    let first = client.open(BIDI).unwrap();
    assert_eq!((client.open(BIDI), client.open(BIDI)), (None, None));
    assert_eq!(flush(&mut client, &mut server), [SentFrame::StreamsBlocked(BIDI, 1)]);
    client.reset(first, code(0));
    client.stop_sending(first, code(0));
    flush(&mut client, &mut server);
    assert_eq!(events(&mut client), []);
    server.reset(first, code(0));
    while client.wants_to_send() || server.wants_to_send() || server.has_events() {
        events(&mut server);
        flush(&mut server, &mut client);
        flush(&mut client, &mut server);
    }
    assert_eq!(events(&mut client), [StreamEvent::StreamsAvailable(BIDI)]);
    assert_eq!(client.open(BIDI), Some(id(4)));
}

/// RFC 9000 section 4.1-3, 4.6-4, 13.3-5, 19.11-2.
#[test]
fn limits_that_do_not_increase_are_ignored() {
    let (mut client, _) = pair(&StreamsConfig::default());
    let before = (client.send_credit.limit(), client.bidirectional.local.limit());
    client.on_max_data(1);
    client.on_max_streams(BIDI, 1);
    assert_eq!((client.send_credit.limit(), client.bidirectional.local.limit()), before);
}

#[test]
fn streams_take_turns_and_lost_data_goes_first() {
    let (mut client, _) = pair(&StreamsConfig::default());
    let streams = [client.open(UNI).unwrap(), client.open(UNI).unwrap(), client.open(UNI).unwrap()];
    for stream in streams {
        client.write_slice(stream, &[0; 3000]).unwrap();
    }
    let mut first = None;
    for turn in 0..6 {
        let (bytes, sent) = packet(&mut client, 1000);
        assert_eq!(bytes.len(), 1000);
        let SentFrame::Stream { id, .. } = sent[0] else { panic!() };
        assert_eq!(id, streams[turn % 3]);
        first = first.or(Some(sent[0]));
    }
    client.on_lost(&first.unwrap());
    assert!(client.has_lost_data());
    let (_, sent) = packet(&mut client, 1000);
    assert_eq!(sent[0], first.unwrap());
    assert!(!client.has_lost_data());
}

/// Section 2.3: who waited longest is first, for new data and for what was lost; small frames share a packet.
#[test]
fn streams_are_served_in_the_order_in_which_they_came() {
    let (mut client, mut server) = pair(&StreamsConfig::default());
    let streams = [client.open(UNI).unwrap(), client.open(UNI).unwrap(), client.open(UNI).unwrap()];
    for stream in streams {
        client.write_slice(stream, &[7; 390]).unwrap();
    }
    let expected = streams.map(|id| SentFrame::Stream { id, offset: 0, len: 390, fin: false });
    assert_eq!(packet(&mut client, 1200).1, expected);
    expected.iter().for_each(|frame| client.on_lost(frame));
    let (bytes, sent) = packet(&mut client, 1200);
    assert_eq!((sent.as_slice(), bytes.iter().filter(|byte| **byte == 7).count()), (&expected[..], 3 * 390));
    deliver(&bytes, &mut server, Instant::ZERO).unwrap();
    assert_eq!(server.buffered(), 3 * 390);
}

/// Every size of packet: each is decoded to just what was written, and a frame without a length ends with its packet.
#[test]
fn frames_fit_every_room() {
    for len in [0, 1, 62, 63, 64, 65, 66, 200, 16_383, 16_384] {
        for room in (0..90).chain(len..len + 10) {
            let (mut client, mut server) = pair(&StreamsConfig::default());
            let stream = client.open(UNI).unwrap();
            client.write_slice(stream, &alloc::vec![7; len]).unwrap();
            client.finish(stream).unwrap();
            let (bytes, sent) = packet(&mut client, room);
            deliver(&bytes, &mut server, Instant::ZERO).unwrap();
            let Some(SentFrame::Stream { len: carried, fin, .. }) = sent.first().copied() else {
                assert!(bytes.is_empty() && room < 3);
                continue;
            };
            assert_eq!(fin, carried as usize == len);
            assert!(fin || bytes.len() == room);
            assert!(fin || carried > 0, "a frame that says nothing");
            // Whenever the length fits it is there, so that other frames can follow.
            let with_length = bytes.iter().find(|byte| **byte != 0).unwrap() & 2 != 0;
            assert_eq!(with_length, fin && room >= 2 + base::varint::encoded_len(len as u64) + len);
            assert!(with_length || bytes.len() == room, "what follows would be taken for data");
            assert_eq!(server.buffered(), u64::from(carried));
        }
    }
}

#[test]
fn writers_wait_for_room_and_are_woken() {
    let config = StreamsConfig { stream_send_buffer: 100, connection_send_buffer: 200, ..StreamsConfig::default() };
    let (mut client, mut server) = pair(&config);
    let (one, two) = (client.open(UNI).unwrap(), client.open(UNI).unwrap());
    let mut data = Bytes::from(alloc::vec![1; 120]);
    assert_eq!(client.write(one, &mut data), Ok(100));
    assert_eq!(data.len(), 20);
    assert_eq!(client.write_slice(two, &[1; 120]), Ok(50));
    assert_eq!(client.write_slice(two, &[1; 120]), Ok(0));
    let three = client.open(UNI).unwrap();
    assert_eq!(client.write_slice(three, &[1; 10]), Ok(10));
    assert_eq!(events(&mut client), []);
    flush(&mut client, &mut server);
    let mut woken = events(&mut client);
    woken.sort_by_key(|event| alloc::format!("{event:?}"));
    assert_eq!(woken, [StreamEvent::Writable(one), StreamEvent::Writable(two)]);
}

#[test]
fn a_stopped_stream_is_forgotten_once_the_peer_reset_it() {
    let (mut client, mut server) = pair(&StreamsConfig::default());
    let stream = client.open(UNI).unwrap();
    client.write_slice(stream, &[1; 5000]).unwrap();
    flush(&mut client, &mut server);
    events(&mut server);
    server.stop_sending(stream, code(3));
    assert_eq!(server.read(stream, 1), Err(ReadError::Unknown));
    assert_eq!((server.buffered(), server.receive_credit.consumed()), (0, 5000));
    assert_eq!(flush(&mut server, &mut client), [SentFrame::StopSending(stream)]);
    assert_eq!(server.open_count(), 1);
    assert_eq!(flush(&mut client, &mut server), [SentFrame::ResetStream(stream)]);
    assert_eq!((server.open_count(), events(&mut server)), (0, Vec::new()));
    assert_eq!(events(&mut client), [StreamEvent::Stopped { id: stream, code: code(3) }]);
    assert_eq!(client.open_count(), 0);
}

/// An endless life of short streams beside one long one keeps nothing.
#[test]
fn memory_follows_open_streams() {
    let (mut client, mut server) = pair(&StreamsConfig::default());
    let long = client.open(BIDI).unwrap();
    client.write_slice(long, b"x").unwrap();
    for _ in 0..2000 {
        let stream = client.open(UNI).unwrap();
        client.write_slice(stream, b"hello").unwrap();
        client.finish(stream).unwrap();
        flush(&mut client, &mut server);
        events(&mut server);
        assert_eq!(server.read(stream, 9).map(|_| ()), Ok(()));
        assert_eq!(server.read(stream, 9), Ok(Read::Finished));
        flush(&mut server, &mut client);
        events(&mut client);
        assert_eq!((client.open_count(), server.open_count()), (1, 1));
    }
}
