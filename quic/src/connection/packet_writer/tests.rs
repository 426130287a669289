//! The writer alone: keys, numbers and books, without TLS, streams or a peer.

use super::*;
use crate::protection::{OpenKeys, SealKeys, initial};
use crate::turn::Scratch;
use crate::wire::frame::Frame;
use crate::wire::header::Header;
use crate::wire::version::Version;
use crate::wire_identity::Beginning;
use alloc::boxed::Box;
use alloc::sync::Arc;
use base::{Duration, JournalLimits, Random, Side};

const NOW: Instant = Instant::from_nanos(1_000_000_000);

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Parts {
    wire: WireIdentity,
    levels: Levels,
    spaces: Spaces,
    recovery: Recovery,
    idle: Idle,
    counters: Counters,
    tracer: Tracer,
    scratch: Scratch,
}

fn id(byte: u8) -> ConnectionId {
    ConnectionId::new(&[byte; 8]).unwrap()
}

fn keys(side: Side) -> (SealKeys, OpenKeys) {
    initial::keys(crypto_ring::provider().initial, Version::V1, id(1), side)
}

impl Parts {
    /// Of a client with keys for these packets.
    fn new(kinds: &[PacketKind]) -> Parts {
        let (mut levels, mut spaces) = (Levels::default(), Spaces::default());
        for kind in kinds {
            let (seal, open) = keys(Side::Client);
            levels.install(*kind, Some(seal), Some(open));
            spaces.begin(kind.space());
        }
        let wire = WireIdentity {
            side: Side::Client,
            version: Version::V1,
            local_source: id(2),
            peer_source: None,
            greases_quic_bit: false,
            beginning: Some(Box::new(Beginning {
                retry_source: Some(id(3)),
                token: Box::from(&b"token"[..]),
                ..Beginning::new(Version::V1, id(1))
            })),
        };
        Parts {
            wire,
            levels,
            spaces,
            recovery: Recovery::new(Side::Client, Arc::default()),
            idle: Idle::new(Duration::from_secs(30), None),
            counters: Counters::default(),
            tracer: Tracer::new(Side::Client, id(1), JournalLimits::default()),
            scratch: Scratch::default(),
        }
    }

    /// A packet of one PING, padded to `size` bytes.
    fn ping(&mut self, space: PacketNumberSpace, size: usize, way: Way) -> Result<Vec<u8>, Unwritable> {
        let mut buffer = alloc::vec![0; 1200];
        let mut turn = Turn { now: NOW, random: &mut Zeros, scratch: &mut self.scratch };
        let mut writer = PacketWriter {
            wire: &self.wire,
            levels: &mut self.levels,
            spaces: &mut self.spaces,
            recovery: &mut self.recovery,
            idle: &mut self.idle,
            counters: &mut self.counters,
            tracer: Some(&mut self.tracer),
        };
        let begun = writer.begin(&mut buffer, space, id(3), None, (false, Way::InUse))?;
        let mut packet = begun.payload(&mut buffer, &mut turn.scratch.sent)?;
        Frame::Ping.encode(packet.writer()).unwrap();
        packet.record_unremembered();
        begun.pad(&mut packet, size.saturating_sub(begun.overhead()));
        let sent = begun.completed(NOW, &packet);
        let len = writer.finish(&mut turn, &mut buffer, &begun, sent, way)?;
        buffer.truncate(len);
        Ok(buffer)
    }

    /// The packets that were traced since the last time: number, size, and their first frame.
    fn traced(&mut self) -> Vec<(u64, usize, bool)> {
        let mut traced = Vec::new();
        while let Some(trace) = self.tracer.poll() {
            let Record::PacketSent(packet) = trace.record else { panic!("{trace:?}") };
            let number = packet.number.expect("a number").value();
            traced.push((number, packet.size, trace.frames().next() == Some(Frame::Ping)));
        }
        traced
    }
}

#[test]
fn a_packet_is_sealed_numbered_booked_counted_and_traced() {
    let mut parts = Parts::new(&[PacketKind::Initial]);
    parts.spaces.get_mut(PacketNumberSpace::Initial).unwrap().probes = 2;
    for number in 0..3 {
        let mut packet = parts.ping(PacketNumberSpace::Initial, 1000, Way::InUse).unwrap();
        assert_eq!(packet.len(), 1000);
        let Ok(Header::Initial(long)) = Header::decode(&packet, 8) else { panic!("an Initial packet") };
        assert_eq!((long.destination, long.source), (id(3), id(2)));
        assert_eq!(packet[long.token.clone()], *b"token", "every Initial carries the token");
        let (_, mut open) = keys(Side::Server);
        let opened = open.open(&mut packet, long.packet_number_offset, None).unwrap();
        assert_eq!((opened.packet_number.value(), packet[opened.payload.start]), (number, 0x01));
    }
    assert_eq!(parts.recovery.bytes_in_flight(), 3000);
    assert_eq!(parts.counters.packets_sent, 3);
    assert_eq!(
        parts.spaces.get(PacketNumberSpace::Initial).unwrap().probes,
        0,
        "the probes that were asked for are sent"
    );
    assert_eq!(parts.idle.deadline(Duration::ZERO, false), Some(NOW + Duration::from_secs(30)));
    assert_eq!(parts.traced(), [(0, 1000, true), (1, 1000, true), (2, 1000, true)]);
}

/// Numbers go on in the same space when other keys take the place of the first ones.
#[test]
fn keys_that_are_made_anew_leave_the_numbers_alone() {
    let mut parts = Parts::new(&[PacketKind::Initial]);
    parts.ping(PacketNumberSpace::Initial, 0, Way::InUse).unwrap();
    let suite = crypto_ring::provider().initial;
    let (seal, open) = initial::keys(suite, Version::V1, id(9), Side::Client);
    parts.levels.install(PacketKind::Initial, Some(seal), Some(open));
    let mut packet = parts.ping(PacketNumberSpace::Initial, 0, Way::InUse).unwrap();
    let Ok(Header::Initial(long)) = Header::decode(&packet, 8) else { panic!("an Initial packet") };
    let (_, mut open) = initial::keys(suite, Version::V1, id(9), Side::Server);
    let opened = open.open(&mut packet, long.packet_number_offset, None).unwrap();
    assert_eq!(opened.packet_number.value(), 1);
}

/// RFC 9000 section 12.3: 0-RTT and 1-RTT packets share their numbers.
/// RFC 9000 section 17.2.3-2.
#[test]
fn early_data_and_one_rtt_packets_share_their_numbers() {
    let mut parts = Parts::new(&[PacketKind::ZeroRtt]);
    let early = parts.ping(PacketNumberSpace::ApplicationData, 0, Way::InUse).unwrap();
    assert!(matches!(Header::decode(&early, 8), Ok(Header::ZeroRtt(_))));
    let (seal, open) = keys(Side::Client);
    parts.levels.install(PacketKind::OneRtt, Some(seal), Some(open));
    let mut packet = parts.ping(PacketNumberSpace::ApplicationData, 0, Way::InUse).unwrap();
    let Ok(Header::OneRtt(short)) = Header::decode(&packet, 8) else { panic!("a 1-RTT packet") };
    let (_, mut open) = keys(Side::Server);
    assert_eq!(open.open(&mut packet, short.packet_number_offset, None).unwrap().packet_number.value(), 1);
}

#[test]
fn a_packet_on_another_path_is_known_but_in_no_window() {
    let mut parts = Parts::new(&[PacketKind::OneRtt]);
    parts.spaces.get_mut(PacketNumberSpace::ApplicationData).unwrap().probes = 1;
    let packet = parts.ping(PacketNumberSpace::ApplicationData, 600, Way::Elsewhere).unwrap();
    assert_eq!(packet.len(), 600);
    assert_eq!(
        (parts.recovery.bytes_in_flight(), parts.recovery.open_packets(PacketNumberSpace::ApplicationData)),
        (0, 1)
    );
    assert!(!parts.recovery.has_ack_eliciting(PacketNumberSpace::ApplicationData));
    assert_eq!(parts.spaces.get(PacketNumberSpace::ApplicationData).unwrap().probes, 1, "it is no probe");
    assert_eq!(parts.traced(), [(0, 600, true)]);
}

/// RFC 9000 section 21.4: whatever way a packet goes, numbers are left out.
#[test]
fn numbers_are_left_out_on_every_path() {
    for way in [Way::InUse, Way::Elsewhere] {
        let mut parts = Parts::new(&[PacketKind::OneRtt]);
        for _ in 0..200 {
            parts.ping(PacketNumberSpace::ApplicationData, 0, way).unwrap();
        }
        let next = parts.spaces.get(PacketNumberSpace::ApplicationData).unwrap().next();
        assert!(next > 200, "{way:?}: {next}");
    }
}

/// RFC 9001 section 6.6-2, 6.6-4: whatever way a packet goes, it ends at the limit of the key, and nothing is booked.
#[test]
fn a14_every_packet_ends_at_the_limit_of_its_key() {
    for way in [Way::InUse, Way::Elsewhere] {
        let mut parts = Parts::new(&[PacketKind::OneRtt]);
        parts.levels.seal(PacketKind::OneRtt).unwrap().lower_confidentiality_limit(2);
        for _ in 0..2 {
            parts.ping(PacketNumberSpace::ApplicationData, 0, way).unwrap();
        }
        let before = parts.spaces.get(PacketNumberSpace::ApplicationData).unwrap().next();
        assert_eq!(parts.ping(PacketNumberSpace::ApplicationData, 0, way), Err(Unwritable::KeyExhausted));
        assert_eq!(parts.spaces.get(PacketNumberSpace::ApplicationData).unwrap().next(), before);
        assert_eq!(
            (parts.counters.packets_sent, parts.recovery.open_packets(PacketNumberSpace::ApplicationData)),
            (2, 2)
        );
        assert_eq!(parts.traced().len(), 2);
    }
}

#[test]
fn without_keys_or_room_there_is_no_packet() {
    let mut parts = Parts::new(&[PacketKind::OneRtt]);
    assert_eq!(parts.ping(PacketNumberSpace::Handshake, 0, Way::InUse), Err(Unwritable::NoKeys));
    let mut writer = PacketWriter {
        wire: &parts.wire,
        levels: &mut parts.levels,
        spaces: &mut parts.spaces,
        recovery: &mut parts.recovery,
        idle: &mut parts.idle,
        counters: &mut parts.counters,
        tracer: None,
    };
    for room in 0..10 {
        let begun =
            writer.begin(&mut [0; 10][..room], PacketNumberSpace::ApplicationData, id(3), None, (false, Way::InUse));
        assert_eq!(begun.err(), Some(Unwritable::NoRoom), "{room}");
    }
    for room in 10..26 {
        let buffer = &mut [0; 26][..room];
        let begun = writer.begin(buffer, PacketNumberSpace::ApplicationData, id(3), None, (false, Way::InUse)).unwrap();
        let mut sent = Vec::new();
        assert_eq!(begun.payload(buffer, &mut sent).err(), Some(Unwritable::NoRoom), "{room}");
    }
    assert_eq!(writer.counters.packets_sent, 0);
}
