//! What was counted and measured, for the application.

use super::state::Connection;
use crate::path::path::Path;
use crate::recovery::PathCongestion;
use crate::stats::{Counters, PathStats, Stats};
use alloc::vec::Vec;

impl Connection {
    /// A snapshot of the counters.
    pub fn stats(&self) -> Stats {
        let Counters {
            datagrams_sent,
            datagrams_received,
            bytes_sent,
            bytes_received,
            packets_sent,
            packets_received,
            packets_dropped,
            packets_lost,
            packets_late,
            key_updates,
            migrations,
            probe_timeouts,
        } = self.stats;
        Stats {
            version: self.wire.version,
            datagrams_sent,
            datagrams_received,
            bytes_sent,
            bytes_received,
            packets_sent,
            packets_received,
            packets_dropped,
            packets_lost,
            packets_late,
            key_updates,
            migrations,
            probe_timeouts,
            smoothed_rtt: self.recovery.rtt().smoothed(),
            min_rtt: self.recovery.rtt().min(),
            rtt_variation: self.recovery.rtt().variation(),
            congestion_control: self.config.recovery.congestion_control,
            congestion_window: self.recovery.congestion_window(),
            bytes_in_flight: self.recovery.bytes_in_flight(),
            mtu: self.paths.in_use.mtu.current(),
            buffered: self.streams.buffered(),
            open_streams: self.streams.open_count(),
            is_resumed: self.is_resumed(),
            is_ecn_capable: self.recovery.is_ecn_capable(),
            congestion_marks: self.recovery.congestion_marks(),
        }
    }

    /// What is known of each path: of the one in use first, then of those that the connection came from or may go to.
    pub fn paths(&self) -> Vec<PathStats> {
        let in_use = self.path_stats(
            &self.paths.in_use,
            &self.counted_on_path_in_use(),
            Some(self.recovery.congestion()),
            self.recovery.bytes_in_flight(),
        );
        let others = self.paths.others.iter().map(|other| {
            let congestion = other.congestion.as_ref().map(|left| left.congestion());
            self.path_stats(&other.path, &other.counted, congestion, 0)
        });
        let active = PathStats { is_active: true, ..in_use };
        core::iter::once(active).chain(others).collect()
    }

    fn path_stats(
        &self,
        path: &Path,
        counted: &Counters,
        congestion: Option<&PathCongestion>,
        bytes_in_flight: u64,
    ) -> PathStats {
        let rtt = congestion.map(|congestion| &congestion.rtt);
        PathStats {
            local: path.four_tuple.local,
            remote: path.four_tuple.remote,
            is_active: false,
            is_validated: path.is_proven(),
            datagrams_sent: counted.datagrams_sent,
            datagrams_received: counted.datagrams_received,
            bytes_sent: counted.bytes_sent,
            bytes_received: counted.bytes_received,
            packets_sent: counted.packets_sent,
            packets_received: counted.packets_received,
            packets_lost: counted.packets_lost,
            packets_late: counted.packets_late,
            smoothed_rtt: rtt.map(|rtt| rtt.smoothed()).unwrap_or_default(),
            min_rtt: rtt.map(|rtt| rtt.min()).unwrap_or_default(),
            rtt_variation: rtt.map(|rtt| rtt.variation()).unwrap_or_default(),
            congestion_control: self.config.recovery.congestion_control,
            is_slow_start: congestion.is_some_and(|congestion| congestion.is_slow_start()),
            congestion_window: congestion.map_or(0, |congestion| congestion.window()),
            bytes_in_flight,
            mtu: path.mtu.current(),
            is_ecn_capable: congestion.is_some_and(|congestion| congestion.ecn.is_capable()),
        }
    }
}
