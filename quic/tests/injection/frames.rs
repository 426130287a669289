//! Every frame type, in every packet type, at every stage, against both sides: the outcome follows from the tables of
//! RFC 9000 sections 12.4 and 12.5 and nothing panics.

use adversary::{Peer, Stage, encode};
use base::Side::{self, Client, Server};
use base::{Direction, Duration, StreamId, VarInt};
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::PacketKind::{self, Handshake, Initial, OneRtt};
use quic::wire::frame::{Frame, StreamFrame};
use quic::{CloseReason, Event, Violation};

/// What a frame does to an open connection that may receive it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Fine,
    Closes(Violation),
    /// The peer's own close: draining.
    Drains,
    /// TLS refuses it.
    Alert,
}

fn stream_of(target: Side) -> StreamId {
    // The first bidirectional stream of the peer.
    StreamId::from_varint(VarInt::from_u32(if target == Server { 0 } else { 1 }))
}

/// Every type once, well formed, and its outcome in a 1-RTT packet of an established connection.
pub fn all(target: Side) -> Vec<(u8, Vec<u8>, Outcome)> {
    use Outcome::{Alert, Closes, Drains, Fine};
    let id = stream_of(target);
    let code = VarInt::from_u32(7);
    let mut all: Vec<(Frame<'_>, Outcome)> = vec![
        (Frame::Padding { bytes: 5 }, Fine),
        (Frame::Ping, Fine),
        (Frame::ResetStream { id, error_code: code, final_size: 3 }, Fine),
        (Frame::StopSending { id, error_code: code }, Fine),
        (Frame::Crypto { offset: 0, data: &[1, 0, 0, 0] }, Alert),
        (
            Frame::NewToken { token: b"token" },
            if target == Client { Fine } else { Closes(Violation::NewTokenByClient) },
        ),
        (Frame::MaxData { maximum: 5 }, Fine),
        (Frame::MaxStreamData { id, maximum: 5 }, Fine),
        (Frame::MaxStreams { direction: Direction::Bidirectional, maximum: 5 }, Fine),
        (Frame::MaxStreams { direction: Direction::Unidirectional, maximum: 5 }, Fine),
        (Frame::DataBlocked { limit: 5 }, Fine),
        (Frame::StreamDataBlocked { id, limit: 5 }, Fine),
        (Frame::StreamsBlocked { direction: Direction::Bidirectional, limit: 5 }, Fine),
        (Frame::StreamsBlocked { direction: Direction::Unidirectional, limit: 5 }, Fine),
        (
            Frame::NewConnectionId {
                sequence_number: 1,
                retire_prior_to: 0,
                connection_id: ConnectionId::new(&[3; 20]).unwrap(),
                reset_token: ResetToken([3; 16]),
            },
            Fine,
        ),
        (Frame::RetireConnectionId { sequence_number: 1 }, Fine),
        (Frame::PathChallenge { data: [1; 8] }, Fine),
        (Frame::PathResponse { data: [1; 8] }, Fine),
        (Frame::ConnectionClose { error_code: code, frame_type: 0, reason: b"why" }, Drains),
        (Frame::ApplicationClose { error_code: code, reason: b"why" }, Drains),
        (Frame::HandshakeDone, if target == Client { Fine } else { Closes(Violation::HandshakeDoneByClient) }),
    ];
    for fin in [false, true] {
        for offset in [0, 1] {
            all.push((Frame::Stream(StreamFrame { id, offset, data: b"data", fin }), Fine));
        }
    }
    let mut rows: Vec<(u8, Vec<u8>, Outcome)> =
        all.iter().map(|(frame, outcome)| (frame.frame_type() as u8, encode(frame), *outcome)).collect();
    // Stream frames without a length, and ACK with and without counts of packet 0.
    for (frame_type, fields) in [(0x08, &[0][..]), (0x09, &[0]), (0x0c, &[0, 1]), (0x0d, &[0, 1])] {
        let mut bytes = vec![frame_type];
        bytes.push(id.value() as u8);
        bytes.extend(&fields[1..]);
        bytes.extend(b"data");
        rows.push((frame_type, bytes, Fine));
    }
    rows.push((0x02, vec![0x02, 0, 0, 0, 0], Fine));
    rows.push((0x03, vec![0x03, 0, 0, 0, 0, 0, 0, 0], Fine));
    rows
}

/// RFC 9000 table 3: whether Initial and Handshake packets may hold it.
fn may_be_in_handshake(frame_type: u8) -> bool {
    matches!(frame_type, 0x00..=0x03 | 0x06 | 0x1c)
}

/// What is seen of a target after a packet.
fn seen(peer: &Peer) -> Option<Outcome> {
    match peer.reason() {
        None => Some(Outcome::Fine),
        Some(CloseReason::Violation { .. }) => Some(Outcome::Closes(peer.violation().unwrap().0)),
        Some(CloseReason::Tls(_)) => Some(Outcome::Alert),
        Some(CloseReason::PeerTransport { .. } | CloseReason::PeerApplication { .. }) => Some(Outcome::Drains),
        Some(_) => None,
    }
}

#[test]
fn the_table_has_every_type() {
    for target in [Client, Server] {
        let types: std::collections::BTreeSet<u8> = all(target).iter().map(|row| row.0).collect();
        assert_eq!(types.into_iter().collect::<Vec<_>>(), (0..=0x1e).collect::<Vec<u8>>());
    }
}

/// RFC 9000 section 12.4-3, 12.5-3, 17.2.4-2, 19.3-1, 19.7-4, 19.20-2.
/// RFC 9001 section 5.7-1, 5.7-2, 5.7-5.
#[test]
fn every_frame_in_every_packet_at_every_stage() {
    for target in [Client, Server] {
        for stage in [Stage::Begun, Stage::Keys, Stage::Established] {
            for kind in [Initial, Handshake, OneRtt] {
                for (frame_type, bytes, in_one_rtt) in all(target) {
                    check(target, stage, kind, frame_type, &bytes, in_one_rtt);
                }
            }
        }
    }
}

fn check(target: Side, stage: Stage, kind: PacketKind, frame_type: u8, bytes: &[u8], in_one_rtt: Outcome) {
    let context = format!("frame {frame_type:#x} in {kind:?} to {target:?} at {stage:?}");
    let mut peer = Peer::against(target, stage);
    if !peer.has_keys(kind) {
        return;
    }
    let received = |peer: &mut Peer| {
        let handle = peer.handle?;
        peer.target.connection(handle).map(|connection| connection.stats().packets_received)
    };
    let before = received(&mut peer);
    peer.send(kind, bytes);
    let after = received(&mut peer);
    let is_dropped = match (kind, target, stage) {
        // Keys of the handshake go when a client sends a Handshake packet, a server receives one.
        (Initial, _, Stage::Established) => true,
        (Initial, ..) => false,
        // A server confirms at once; a client waits for HANDSHAKE_DONE.
        (Handshake, Server, Stage::Established) => true,
        (Handshake, Client, Stage::Begun) | (Handshake, Server, Stage::Begun) => true,
        (Handshake, ..) => false,
        // RFC 9001 s5.7: not before the handshake is complete.
        (OneRtt, _, stage) => stage != Stage::Established,
        _ => unreachable!(),
    };
    if is_dropped {
        assert_eq!(before, after, "{context}: processed");
        assert_eq!(seen(&peer), Some(Outcome::Fine), "{context}");
        return;
    }
    let expected = match kind {
        OneRtt => in_one_rtt,
        _ if !may_be_in_handshake(frame_type) => Outcome::Closes(Violation::FrameInWrongPacket),
        // At this point nothing was sent that the ACK could be of, or it was.
        Initial | Handshake if matches!(frame_type, 0x02 | 0x03) => match seen(&peer) {
            Some(Outcome::Closes(Violation::AckOfUnsentPacket)) => Outcome::Closes(Violation::AckOfUnsentPacket),
            _ => Outcome::Fine,
        },
        // Repeated bytes at offset 0 are no news where some were read before; else they are not what TLS expects.
        _ if frame_type == 0x06 => match (target, kind, stage) {
            (Server, Initial, Stage::Begun) | (Client, Initial, Stage::Begun) => Outcome::Alert,
            (Server, Handshake, Stage::Keys) | (Client, Handshake, Stage::Keys) => Outcome::Alert,
            _ => Outcome::Fine,
        },
        _ => in_one_rtt,
    };
    // A message of type 1 and length 0 to a server is an empty ClientHello, or out of place: TLS refuses both.
    assert_eq!(seen(&peer), Some(expected), "{context}");
    // Whatever happened, time passes without harm.
    peer.wait(Duration::from_secs(40));
    assert!(peer.target.is_empty() || expected == Outcome::Fine, "{context}: not forgotten");
}

/// RFC 9000 section 10.2.2-1, 10.2.2-3.
#[test]
fn closing_and_draining_take_every_frame() {
    for target in [Client, Server] {
        for drains in [false, true] {
            for (frame_type, bytes, _) in all(target) {
                let mut peer = Peer::against(target, Stage::Established);
                if drains {
                    peer.send_frame(
                        OneRtt,
                        &Frame::ConnectionClose { error_code: VarInt::ZERO, frame_type: 0, reason: b"" },
                    );
                } else {
                    let now = peer.now;
                    peer.connection().close(now, VarInt::from_u32(5), b"bye");
                    peer.pump();
                }
                let (sent, events) = (peer.datagrams.len(), peer.events.clone());
                for _ in 0..20 {
                    peer.send(OneRtt, &bytes);
                }
                let more = peer.datagrams.len() - sent;
                let is_close = frame_type == 0x1c || frame_type == 0x1d;
                // RFC 9000 s10.2.2: who drains says nothing; s10.2.1: who closes repeats itself ever more rarely.
                assert_eq!(
                    more,
                    if drains || is_close { 0 } else { 3 },
                    "frame {frame_type:#x} to {target:?}, {drains}"
                );
                assert_eq!(peer.events, events, "frame {frame_type:#x}");
                assert!(matches!(peer.events.last(), Some(Event::Closed(_))));
                peer.wait(Duration::from_secs(10));
                assert!(peer.target.is_empty());
            }
        }
    }
}
