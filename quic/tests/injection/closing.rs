//! Closing during the handshake, closing rates, and resets received.

use adversary::{PLAIN, Peer, Stage};
use base::Side::{Client, Server};
use base::{Duration, VarInt};
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, Initial, OneRtt};
use quic::{CloseReason, Event};
use tls::Level;

/// RFC 9000 section 10.2.3-6, 10.2.3-7, 14.1-1: what an application says is not for packets that anybody can read.
#[test]
fn an_application_that_closes_in_the_handshake_does_not_tell_why() {
    for target in [Client, Server] {
        for stage in [Stage::Begun, Stage::Keys] {
            let mut peer = Peer::against(target, stage);
            if peer.handle.is_none() {
                // A server's application has no event, and so no handle, before it can send.
                assert!(target == Server && peer.target.poll_event().is_none());
                continue;
            }
            let now = peer.now;
            peer.connection().close(now, VarInt::from_u32(99), b"secret");
            peer.pump();
            let closes = peer.closes();
            assert!(!closes.is_empty(), "{target:?} {stage:?}");
            for (kind, code, frame_type, reason) in closes {
                // Only who knows the application's keys may know why.
                if kind == OneRtt {
                    assert!(target == Server && stage == Stage::Keys);
                    assert_eq!((code, frame_type, &reason[..]), (99, None, &b"secret"[..]));
                    continue;
                }
                assert_eq!((code, frame_type, &reason[..]), (0x0c, Some(0), &b""[..]), "{target:?} {stage:?}");
            }
            assert_eq!(peer.events.last(), Some(&Event::Closed(CloseReason::Local { code: VarInt::from_u32(99) })));
            if target == Client && stage == Stage::Begun {
                assert_eq!(peer.datagrams.last().unwrap().1.len(), 1200, "an Initial fills its datagram");
            }
        }
    }
}

/// RFC 9000 section 10.2.3-1.
#[test]
fn an_established_connection_tells_the_reason_in_one_rtt_only() {
    for target in [Client, Server] {
        let mut peer = Peer::against(target, Stage::Established);
        let now = peer.now;
        peer.connection().close(now, VarInt::from_u32(99), b"enough");
        peer.pump();
        let told: Vec<_> = peer.closes().into_iter().filter(|close| close.0 == OneRtt).collect();
        assert_eq!(told, [(OneRtt, 99, None, b"enough".to_vec())]);
        // A client that does not know yet that the server is done closes under Handshake keys, too, and says nothing there.
        for (kind, code, frame_type, reason) in peer.closes() {
            assert!(kind == OneRtt || (code, frame_type, reason.len()) == (0x0c, Some(0), 0));
        }
    }
}

/// Both close at once: the second close ends the exchange.
/// RFC 9000 section 10.2.2-3.
#[test]
fn a_close_in_answer_to_a_close_drains() {
    let mut peer = Peer::against(Client, Stage::Established);
    let now = peer.now;
    peer.connection().close(now, VarInt::from_u32(1), b"");
    peer.pump();
    let sent = peer.datagrams.len();
    peer.send_frame(OneRtt, &Frame::ApplicationClose { error_code: VarInt::ZERO, reason: b"too" });
    for _ in 0..10 {
        peer.send(OneRtt, &[1]);
    }
    assert_eq!(peer.datagrams.len(), sent);
    assert_eq!(peer.reason(), Some(&CloseReason::Local { code: VarInt::from_u32(1) }));
}

/// RFC 9000 section 8.1: also a close keeps to three times what came.
/// RFC 9000 section 8-1, 10.2.1-7.
#[test]
fn a_close_keeps_to_the_amplification_limit() {
    let mut peer = Peer::against(Server, Stage::Begun);
    let hello = peer.take_crypto(Level::Initial);
    let crypto = adversary::encode(&Frame::Crypto { offset: 0, data: &hello });
    peer.send(Initial, &crypto);
    let sent = |peer: &Peer| peer.datagrams.iter().map(|(_, datagram)| datagram.len()).sum::<usize>();
    let mut received = 1200.max(peer.packet_len(Initial, &crypto));
    assert!(sent(&peer) <= 3 * received);
    for _ in 0..5 {
        peer.wait(Duration::from_secs(1));
        assert!(sent(&peer) <= 3 * received, "{} of {received}", sent(&peer));
    }
    // Small datagrams of Handshake packets that cannot be opened buy three times themselves, and no more.
    let mut forged = peer.packet(Handshake, &[1; 20], PLAIN);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    for _ in 0..20 {
        received += forged.len();
        peer.deliver(forged.clone());
        assert!(sent(&peer) <= 3 * received);
    }
}

/// Client and server each give up a handshake that does not go on, and forget it.
#[test]
fn a_handshake_that_stops_is_given_up() {
    for stage in [Stage::Begun, Stage::Keys] {
        for target in [Client, Server] {
            let mut peer = Peer::against(target, stage);
            peer.wait(Duration::from_secs(11));
            if target == Client || stage == Stage::Keys {
                let timed_out = |event: &Event| matches!(event, Event::Closed(CloseReason::HandshakeTimeout(_)));
                assert!(peer.events.iter().any(timed_out), "{:?}", peer.events);
            }
            assert!(peer.target.is_empty());
        }
    }
}
