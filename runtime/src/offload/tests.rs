use super::*;
use crate::sys::errno;
use std::collections::VecDeque;

/// A kernel that refuses as scripted, and records what went out.
#[derive(Default)]
struct Scripted {
    /// For each call: an error number, or 0 to let it through.
    script: VecDeque<i32>,
    datagrams: Vec<(Vec<u8>, Ecn)>,
    calls: Vec<&'static str>,
    /// Refuse every call of this name.
    always: Option<(&'static str, i32)>,
    refuse_marks: bool,
}

impl Scripted {
    fn call(&mut self, name: &'static str, outgoing: &Outgoing) -> io::Result<()> {
        self.calls.push(name);
        let always = self.always.filter(|(refused, _)| *refused == name).map(|(_, error)| error);
        let marked = self.refuse_marks && outgoing.ecn != Ecn::NotEct;
        match always.or(marked.then_some(errno::EINVAL)).or_else(|| self.script.pop_front()).unwrap_or(0) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

impl Outlet for Scripted {
    fn send(&mut self, outgoing: &Outgoing, payload: &[u8], segment_size: Option<u16>) -> io::Result<usize> {
        self.call(if segment_size.is_some() { "segmented" } else { "single" }, outgoing)?;
        let size = segment_size.map_or(payload.len(), usize::from);
        self.datagrams.extend(payload.chunks(size).map(|bytes| (bytes.to_vec(), outgoing.ecn)));
        Ok(payload.len())
    }

    fn send_each(&mut self, outgoing: &Outgoing, payload: &[u8], segment_size: usize) -> io::Result<usize> {
        self.call("many", outgoing)?;
        // Half of them, as a filling buffer may have it.
        let all = payload.len().div_ceil(segment_size);
        let sent = all.div_ceil(2);
        self.datagrams.extend(payload.chunks(segment_size).take(sent).map(|bytes| (bytes.to_vec(), outgoing.ecn)));
        Ok(sent)
    }
}

const OUTGOING: Outgoing = Outgoing {
    ipv6_socket: false,
    remote: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9),
    source: None,
    ecn: Ecn::Ect0,
    usual: Ecn::NotEct,
};

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|place| (place / 7) as u8).collect()
}

fn sent(outlet: &Scripted) -> Vec<u8> {
    outlet.datagrams.iter().flat_map(|(bytes, _)| bytes.clone()).collect()
}

#[test]
fn each_refusal_of_a_segmented_send_loses_nothing() {
    for error in [errno::EIO, errno::EINVAL, errno::EMSGSIZE, errno::ENOBUFS, errno::EOPNOTSUPP, errno::ENOPROTOOPT] {
        for singles_fail_too in [false, true] {
            let mut offload = Offload::new(true);
            let mut outlet = Scripted { always: Some(("segmented", error)), ..Scripted::default() };
            if singles_fail_too {
                outlet.script = VecDeque::from([errno::ENOSYS]);
            }
            let bytes = payload(10 * 1200 + 5);
            assert_eq!(offload.send(&mut outlet, &OUTGOING, &bytes, 1200), bytes.len());
            assert_eq!(sent(&outlet), bytes);
            assert_eq!(outlet.datagrams.len(), 11);
            assert!(outlet.datagrams.iter().all(|(_, ecn)| *ecn == Ecn::Ect0));
            assert_eq!((offload.refused, offload.dropped), (1, 0));
            assert_eq!(offload.many_messages, !singles_fail_too);
        }
    }
}

#[test]
fn segmentation_is_given_up_at_once_or_after_some_refusals() {
    for (error, expected) in [(errno::EIO, 1), (errno::EOPNOTSUPP, 1), (errno::EINVAL, 8), (errno::EMSGSIZE, 8)] {
        let mut offload = Offload::new(true);
        let mut outlet = Scripted { always: Some(("segmented", error)), ..Scripted::default() };
        for _ in 0..20 {
            offload.send(&mut outlet, &OUTGOING, &payload(3600), 1200);
        }
        assert!(!offload.segmentation);
        assert_eq!(outlet.calls.iter().filter(|name| **name == "segmented").count(), expected);
    }
    // A success in between shows that it works in general.
    let mut offload = Offload::new(true);
    let mut outlet = Scripted::default();
    for _ in 0..20 {
        outlet.script = VecDeque::from([errno::EMSGSIZE]);
        offload.send(&mut outlet, &OUTGOING, &payload(2400), 1200);
        offload.send(&mut outlet, &OUTGOING, &payload(2400), 1200);
    }
    assert!(offload.segmentation);
}

#[test]
fn a_full_socket_keeps_whole_segments() {
    // On each rung, and in the middle of one.
    for script in [vec![errno::EAGAIN], vec![errno::EIO, errno::EAGAIN], vec![errno::EIO, 0, errno::EAGAIN]] {
        let mut offload = Offload::new(true);
        let mut outlet = Scripted { script: script.clone().into(), ..Scripted::default() };
        let bytes = payload(7 * 1000 + 1);
        let done = offload.send(&mut outlet, &OUTGOING, &bytes, 1000);
        assert!(done < bytes.len() && done.is_multiple_of(1000), "{script:?}");
        let rest = offload.send(&mut outlet, &OUTGOING, &bytes[done..], 1000);
        assert_eq!(done + rest, bytes.len());
        assert_eq!(sent(&outlet), bytes);
        assert_eq!(offload.dropped, 0);
    }
}

#[test]
fn marks_are_given_up_when_they_are_what_is_refused() {
    for len in [500, 5000] {
        let mut offload = Offload::new(true);
        let mut outlet = Scripted { refuse_marks: true, ..Scripted::default() };
        let bytes = payload(len);
        assert_eq!(offload.send(&mut outlet, &OUTGOING, &bytes, 1000), len);
        assert_eq!(sent(&outlet), bytes);
        assert!(!offload.marks);
        let calls = outlet.calls.len();
        offload.send(&mut outlet, &OUTGOING, &payload(1000), 1000);
        assert_eq!(outlet.calls.len(), calls + 1);
    }
}

#[test]
fn a_datagram_that_cannot_be_sent_is_dropped_and_the_next_is_tried() {
    let mut offload = Offload::new(false);
    offload.many_messages = false;
    let mut outlet = Scripted { script: [errno::EMSGSIZE, errno::EMSGSIZE].into(), ..Scripted::default() };
    assert_eq!(offload.send(&mut outlet, &OUTGOING, &payload(3000), 1000), 3000);
    assert_eq!((outlet.datagrams.len(), offload.dropped, offload.pathless), (2, 1, 0));
    assert!(offload.marks);
}

/// Linux says of each call that it is invalid when the datagrams are to leave from an address that the host no longer has. What else
/// it may mean is tried first, and neither segmentation nor marks are given up for it.
#[test]
fn an_address_that_is_gone_is_told_and_costs_no_rung() {
    let mut offload = Offload::new(true);
    for round in 1..20 {
        let mut outlet = Scripted { script: [errno::EINVAL; 15].into(), ..Scripted::default() };
        assert_eq!(offload.send(&mut outlet, &OUTGOING, &payload(5000), 1000), 5000);
        assert!(outlet.datagrams.is_empty() && outlet.script.is_empty());
        assert_eq!((offload.dropped, offload.pathless), (5 * round, 5 * round));
        assert!(offload.segmentation && offload.many_messages && offload.marks);
    }
}

#[test]
fn an_unreachable_peer_costs_one_call() {
    let mut offload = Offload::new(true);
    let mut outlet = Scripted { script: [errno::ENETUNREACH].into(), ..Scripted::default() };
    assert_eq!(offload.send(&mut outlet, &OUTGOING, &payload(5000), 1000), 5000);
    assert_eq!((outlet.calls.len(), offload.dropped, offload.segmentation), (1, 5, true));
    assert_eq!(offload.pathless, 1);
}

#[test]
fn reports_about_earlier_datagrams_are_passed_over_but_not_for_ever() {
    let mut offload = Offload::new(true);
    let mut outlet = Scripted { script: [errno::ECONNREFUSED, 4].into(), ..Scripted::default() };
    assert_eq!(offload.send(&mut outlet, &OUTGOING, &payload(100), 100), 100);
    assert_eq!((outlet.datagrams.len(), offload.dropped), (1, 0));
    let mut outlet = Scripted { always: Some(("single", errno::ECONNREFUSED)), ..Scripted::default() };
    assert_eq!(offload.send(&mut outlet, &OUTGOING, &payload(100), 100), 100);
    assert_eq!(offload.dropped, 1);
}

#[test]
fn no_call_gets_more_than_the_receiver_can_join() {
    for segment_size in [1, 100, 1200, 1452, 16_373, 40_000, 65_000, 70_000, 0] {
        let mut offload = Offload::new(true);
        let mut outlet = Scripted::default();
        let bytes = payload(200_000.min(segment_size * 150).max(10));
        assert_eq!(offload.send(&mut outlet, &OUTGOING, &bytes, segment_size), bytes.len());
        assert_eq!(sent(&outlet), bytes);
        let size = segment_size.max(1);
        let most = (MAX_SEND / size).clamp(1, MAX_SEGMENTS);
        assert_eq!(outlet.calls.len(), bytes.len().div_ceil(size * most));
    }
}

/// A link that carries no more than so many bytes.
struct Narrow(usize);

impl Outlet for Narrow {
    fn send(&mut self, _: &Outgoing, payload: &[u8], segment_size: Option<u16>) -> io::Result<usize> {
        let size = segment_size.map_or(payload.len(), usize::from);
        if size <= self.0 { Ok(payload.len()) } else { Err(io::Error::from_raw_os_error(errno::EMSGSIZE)) }
    }

    fn send_each(&mut self, outgoing: &Outgoing, payload: &[u8], segment_size: usize) -> io::Result<usize> {
        self.send(outgoing, payload.get(..segment_size).unwrap_or(payload), None)?;
        Ok(payload.len().div_ceil(segment_size))
    }
}

/// A link that becomes narrower under a transfer loses what is too long, and takes nobody the fast calls.
#[test]
fn a_link_that_narrows_costs_datagrams_and_no_rung() {
    let (mut offload, mut link) = (Offload::new(true), Narrow(1300));
    for _ in 0..3 * REFUSALS_TOLERATED {
        assert_eq!(offload.send(&mut link, &OUTGOING, &[0; 20 * 1452], 1452), 20 * 1452);
    }
    assert_eq!(offload.dropped, u64::from(3 * REFUSALS_TOLERATED) * 20);
    assert!(offload.segmentation && offload.many_messages, "{offload:?}");
    let refused = offload.refused;
    assert_eq!(offload.send(&mut link, &OUTGOING, &[0; 20 * 1200], 1200), 20 * 1200);
    assert_eq!((offload.refused, offload.dropped), (refused, u64::from(3 * REFUSALS_TOLERATED) * 20));
}
