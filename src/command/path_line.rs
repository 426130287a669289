//! What was counted and measured on one path, in a line.

use posthaste::PathStats;
use std::time::Duration;

/// One line.
pub fn path_line(path: &PathStats) -> String {
    let use_of = match (path.is_active, path.is_validated) {
        (true, true) => "in use",
        (true, false) => "in use, not validated",
        (false, true) => "validated",
        (false, false) => "not validated",
    };
    let phase = if path.is_slow_start { ", slow start" } else { "" };
    format!(
        "path {} to {} ({use_of}): sent {} packets, {} bytes; received {} packets, {} bytes; lost {}, {} of them late; round \
         trip {} ms, least {} ms, variation {} ms; {:?}{phase}, window {} bytes, in flight {}; datagrams of {} bytes, ECN {}",
        path.local,
        path.remote,
        path.packets_sent,
        path.bytes_sent,
        path.packets_received,
        path.bytes_received,
        path.packets_lost,
        path.packets_late,
        millis(path.smoothed_rtt),
        millis(path.min_rtt),
        millis(path.rtt_variation),
        path.congestion_control,
        path.congestion_window,
        path.bytes_in_flight,
        path.mtu,
        if path.is_ecn_capable { "works" } else { "is not known to work" },
    )
}

fn millis(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1000.0)
}
