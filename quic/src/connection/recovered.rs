//! What became of sent packets -> the components whose frames they carried.

use super::state::Connection;
use crate::packet::SentFrame;
use crate::trace::{Metrics, Record};
use crate::turn::Turn;
use crate::wire::packet_number::PacketNumberSpace;

impl Connection {
    /// Tells every owner of what `turn.scratch.outcome` holds, which is all of `space`.
    pub(super) fn recovered(&mut self, turn: &mut Turn<'_>, space: PacketNumberSpace) {
        self.streams.follow_congestion_window(self.recovery.congestion_window());
        let outcome = &mut turn.scratch.outcome;
        for frame in &outcome.acked {
            self.on_frame(space, frame, Fate::Acked);
        }
        for frame in &outcome.lost {
            self.on_frame_lost(space, frame);
        }
        if let Some(size) = outcome.acked_mtu_probe {
            self.paths.in_use.mtu.on_probe_acked(turn.now, size);
            self.on_mtu_changed(turn);
        }
        let outcome = &turn.scratch.outcome;
        if let Some(size) = outcome.lost_mtu_probe {
            self.paths.in_use.mtu.on_probe_lost(turn.now, size);
        }
        if outcome.largest_acked_size > 0 {
            self.paths.in_use.mtu.on_packet_acked(outcome.largest_acked_size);
        }
        if outcome.largest_lost_size > 0 && self.paths.in_use.mtu.on_unanswered(turn.now, outcome.largest_lost_size) {
            self.on_mtu_changed(turn);
        }
        let outcome = &turn.scratch.outcome;
        if outcome.lost_packets > 0 {
            self.stats.packets_lost += outcome.lost_packets;
        }
        self.stats.packets_late += outcome.late_packets;
        self.review_ack_requests(turn.now);
        if self.tracer.is_some() {
            self.trace_recovery(turn, space);
        }
    }

    /// What became of packets, and the numbers that follow from it.
    #[cold]
    fn trace_recovery(&mut self, turn: &Turn<'_>, space: PacketNumberSpace) {
        let rtt = self.recovery.rtt();
        let metrics = Metrics {
            smoothed_rtt: rtt.smoothed(),
            min_rtt: rtt.min(),
            latest_rtt: rtt.latest(),
            rttvar: rtt.variation(),
            pto_count: self.recovery.pto_count(),
            congestion_window: self.recovery.congestion_window(),
            bytes_in_flight: self.recovery.bytes_in_flight(),
            pacing_rate: self.recovery.pacing_rate(),
        };
        let (is_slow_start, recovery_start) = (self.recovery.is_slow_start(), self.recovery.recovery_start());
        let tracer = self.tracer.as_mut().expect("only a connection that is traced comes here");
        for number in &turn.scratch.outcome.lost_numbers {
            tracer.record(turn.now, Record::PacketLost { space, number: *number }, &[]);
        }
        tracer.record(turn.now, Record::Metrics(metrics), &[]);
        tracer.note_congestion(turn.now, metrics.congestion_window, is_slow_start, recovery_start);
    }

    /// The path in use carries datagrams of another size.
    pub(super) fn on_mtu_changed(&mut self, turn: &Turn<'_>) {
        let to = self.paths.in_use.mtu.current();
        let from = self.recovery.max_datagram_size();
        self.recovery.set_max_datagram_size(to);
        self.trace(turn.now, Record::MtuChanged { from, to });
    }

    /// What became of one frame. RFC 9000 section 13.3: what is lost is not sent again as it was; its owner decides what is
    /// still worth saying.
    #[inline(always)]
    fn on_frame(&mut self, space: PacketNumberSpace, frame: &SentFrame, fate: Fate) {
        match (*frame, fate) {
            (
                SentFrame::Stream { .. }
                | SentFrame::ResetStream(_)
                | SentFrame::ResetStreamAt(..)
                | SentFrame::StopSending(_)
                | SentFrame::MaxData(_)
                | SentFrame::MaxStreamData(..)
                | SentFrame::MaxStreams(..)
                | SentFrame::DataBlocked(_)
                | SentFrame::StreamDataBlocked(..)
                | SentFrame::StreamsBlocked(..),
                fate,
            ) => match fate {
                Fate::Acked => self.streams.on_acked(frame),
                Fate::Lost => self.streams.on_lost(frame),
            },
            (SentFrame::Ack { largest }, Fate::Acked) => {
                let space = self.spaces.get_mut(space).expect("only a space that is there is acknowledged");
                space.received.on_ack_acked(largest);
            }
            // The newest ACK is sent anyway.
            (SentFrame::Ack { .. }, Fate::Lost) => {}
            (SentFrame::Crypto { offset, len }, Fate::Acked) => self.handshake.on_acked(space, offset, len),
            (SentFrame::Crypto { offset, len }, Fate::Lost) => self.handshake.on_lost(space, offset, len),
            (SentFrame::NewConnectionId(number), Fate::Acked) => self.local_ids.on_acked(number),
            (SentFrame::NewConnectionId(number), Fate::Lost) => self.local_ids.on_lost(number),
            (SentFrame::RetireConnectionId(number), Fate::Acked) => self.peer_ids.on_acked(number),
            (SentFrame::RetireConnectionId(number), Fate::Lost) => self.peer_ids.on_lost(number),
            (SentFrame::AckFrequency(_), Fate::Acked) => self.on_ack_request_read(frame),
            (SentFrame::HandshakeDone | SentFrame::NewToken(_), Fate::Acked) => {
                self.handshake.announcements.on_acked(frame);
            }
            // RFC 9000 section 13.3-3.
            (SentFrame::HandshakeDone | SentFrame::NewToken(_) | SentFrame::AckFrequency(_), Fate::Lost) => {
                self.handshake.announcements.on_lost(frame);
            }
            // It is not sent again, but its fate is told.
            (SentFrame::Datagram(id), fate) => {
                if let Some(datagrams) = &mut self.datagrams {
                    datagrams.on_fate(id, matches!(fate, Fate::Acked));
                }
            }
        }
    }

    /// A frame is given up, or is to be said again by a probe.
    pub(super) fn on_frame_lost(&mut self, space: PacketNumberSpace, frame: &SentFrame) {
        self.on_frame(space, frame, Fate::Lost);
    }
}

/// What became of a packet.
#[derive(Clone, Copy)]
enum Fate {
    /// The peer has it.
    Acked,
    /// It is given up.
    Lost,
}
