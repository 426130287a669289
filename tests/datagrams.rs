//! Datagrams of the application over real sockets, with a bad network between them: the example, at work.
#![allow(dead_code, clippy::unwrap_used)] // `main`; and a test may

#[path = "../examples/datagrams.rs"]
mod example;

const COUNT: u64 = 2000;

#[test]
fn each_fate_is_told_over_a_path_that_loses_and_reorders() {
    // The first path has a rate: without one, sockets overflow where a machine is busy.
    for (settings, least, loses) in
        [("rate=50000 queue=1000", COUNT, false), ("delay=5 loss=50 reordering=100", COUNT / 2, true)]
    {
        let report = example::exchange(COUNT, settings).unwrap();
        assert_eq!(report.acknowledged + report.lost + report.dropped, COUNT, "{settings}: {report:?}");
        assert!(report.acknowledged >= least * 9 / 10 && report.dropped == 0, "{settings}: {report:?}");
        assert!(report.returned > COUNT / 4 && report.returned <= COUNT, "{settings}: {report:?}");
        assert!(report.largest > 1100, "{report:?}");
        assert!(!loses || report.lost > COUNT / 100, "{report:?}");
    }
}

/// What can be sent gets less in the middle, and that is told: nothing stands still for a datagram that fits no packet.
#[test]
fn a_path_that_narrows_and_a_client_whose_port_changes() {
    for settings in ["delay=5 rate=20000 narrow-after=200 narrow-size=1300", "delay=5 rate=20000 rebinding=300"] {
        let Ok(report) = example::exchange(COUNT, settings) else { panic!("{settings}") };
        assert_eq!(report.acknowledged + report.lost + report.dropped, COUNT, "{settings}: {report:?}");
        assert!(report.acknowledged > COUNT / 2, "{settings}: {report:?}");
    }
}
