//! What a script has seen of its target: frames, closes, the end of the connection; and acknowledgments of it.

use crate::frames::push;
use crate::peer::Peer;
use base::{Reader, Writer};
use quic::wire::frame::{Frame, PacketKind, encode_ack};
use quic::wire::packet_number::PacketNumber;
use quic::{CloseReason, Event, Violation};

/// What the target closed with: the packet type, the code, the frame type (`None` for type 0x1d), the reason.
pub type Close = (PacketKind, u64, Option<u64>, Vec<u8>);

impl Peer {
    /// Every frame received so far, as `each` likes them.
    pub fn frames<T>(&self, mut each: impl FnMut(PacketKind, &Frame<'_>) -> Option<T>) -> Vec<T> {
        let mut out = Vec::new();
        for packet in &self.received {
            let mut reader = Reader::new(&packet.payload);
            while !reader.is_empty() {
                out.extend(each(packet.kind, &Frame::decode(&mut reader).unwrap()));
            }
        }
        out
    }

    /// All closes received.
    pub fn closes(&self) -> Vec<Close> {
        self.frames(|kind, frame| match frame {
            Frame::ConnectionClose { error_code, frame_type, reason } => {
                Some((kind, error_code.value(), Some(*frame_type), reason.to_vec()))
            }
            Frame::ApplicationClose { error_code, reason } => Some((kind, error_code.value(), None, reason.to_vec())),
            _ => None,
        })
    }

    /// How the target's connection ended, if it did.
    pub fn reason(&self) -> Option<&CloseReason> {
        self.events.iter().find_map(|event| match event {
            Event::Closed(reason) => Some(reason),
            _ => None,
        })
    }

    /// The violation the target closed for, after checking that the peer was told the same.
    #[track_caller]
    pub fn violation(&self) -> Option<(Violation, u64)> {
        match self.reason()? {
            CloseReason::Violation { violation, frame_type } => {
                let closes = self.closes();
                let told = (violation.code().0, Some(*frame_type));
                assert!(!closes.is_empty(), "{violation:?} without a close");
                assert!(closes.iter().all(|close| (close.1, close.2) == told), "{violation:?} but told {closes:?}");
                Some((*violation, *frame_type))
            }
            other => panic!("closed for another reason: {other:?}"),
        }
    }

    /// The code the target closed with because TLS failed, after checking that the peer was told the same.
    #[track_caller]
    pub fn tls_code(&self) -> Option<u64> {
        let Some(CloseReason::Tls(error)) = self.reason() else { return None };
        let closes = self.closes();
        assert!(!closes.is_empty(), "{error:?} without a close");
        assert!(
            closes.iter().all(|close| (close.1, close.2) == (tls::quic::error_code(error), Some(0x06))),
            "{closes:?}"
        );
        Some(tls::quic::error_code(error))
    }

    /// The numbers the target sent in a space.
    pub fn numbers(&self, kind: PacketKind) -> Vec<u64> {
        self.received.iter().filter(|packet| packet.kind == kind).map(|packet| packet.number).collect()
    }

    /// Bytes the target sent.
    pub fn sent_bytes(&self) -> usize {
        self.datagrams.iter().map(|(_, datagram)| datagram.len()).sum()
    }

    /// Forgets what was received, so that the next look sees what is new.
    pub fn forget(&mut self) {
        self.received.clear();
        self.datagrams.clear();
    }

    /// Acknowledges everything up to `largest` in one range.
    pub fn acknowledge(&mut self, kind: PacketKind, first: u64, largest: u64) {
        let mut payload = vec![0x02];
        push(&mut payload, largest);
        payload.extend([0, 0]);
        push(&mut payload, largest - first);
        self.send(kind, &payload);
    }

    /// Acknowledges all that was received, as an honest peer does.
    pub fn acknowledge_all(&mut self, kind: PacketKind) {
        let mut numbers = self.numbers(kind);
        numbers.sort_unstable();
        numbers.dedup();
        let Some(largest) = numbers.last().copied() else { return };
        let ranges = numbers.chunk_by(|one, next| next - one == 1).rev().map(|run| run[0]..=run[run.len() - 1]);
        let ranges: Vec<_> = ranges.take(64).collect();
        let mut payload = vec![0; 1000];
        let mut writer = Writer::new(&mut payload);
        encode_ack(&mut writer, PacketNumber::new(largest).unwrap(), 0, ranges.into_iter(), None, 0).unwrap();
        let len = writer.position();
        self.send(kind, &payload[..len]);
    }
}
