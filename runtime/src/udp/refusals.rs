//! Every call that can be refused, with every error that has been seen of it, once, a few times and always: whatever the system
//! does, no datagram is lost, and nothing waits for ever.

use super::*;
use crate::clock;
use crate::driver::Driver;
use crate::executor::{Executor, yield_now};
use crate::sys::errno::{EAGAIN, EINVAL, EIO, EMSGSIZE, ENOBUFS};
use crate::sys::refusal::{Call, refusals_left, refuse};
use base::{Duration, Instant, Machine};
use std::cell::RefCell;
use std::rc::Rc;

const ERRORS: [i32; 5] = [EIO, EINVAL, EMSGSIZE, ENOBUFS, EAGAIN];
/// For as long as a test runs.
const ALWAYS: u32 = u32::MAX;
const SEGMENT: usize = 1000;
const SEGMENTS: usize = 20;
const BATCHES: u64 = 30;

/// Sends numbered datagrams in batches, each when the one before has come back.
struct Source {
    four_tuple: FourTuple,
    sent: u64,
    came_back: u64,
}

impl Machine for Source {
    fn receive(&mut self, _now: Instant, datagram: Datagram<'_>) {
        assert_eq!(datagram.payload.len(), SEGMENT);
        assert_eq!(datagram.payload[..8], self.came_back.to_be_bytes(), "in order, none missing, none twice");
        self.came_back += 1;
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if self.sent > self.came_back || self.sent == BATCHES * SEGMENTS as u64 {
            return None;
        }
        for place in buffer.chunks_exact_mut(SEGMENT).take(SEGMENTS) {
            place[..8].copy_from_slice(&self.sent.to_be_bytes());
            self.sent += 1;
        }
        let (len, segment_size) = (SEGMENT * SEGMENTS, SEGMENT);
        Some(Transmit { four_tuple: self.four_tuple, ecn: Ecn::Ect0, len, segment_size })
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}
}

/// Sends everything back, datagram by datagram.
#[derive(Default)]
struct Mirror {
    waiting: std::collections::VecDeque<(FourTuple, Vec<u8>)>,
}

impl Machine for Mirror {
    fn receive(&mut self, _now: Instant, datagram: Datagram<'_>) {
        self.waiting.push_back((datagram.four_tuple, datagram.payload.to_vec()));
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let (four_tuple, bytes) = self.waiting.pop_front()?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Some(Transmit { four_tuple, ecn: Ecn::Ect0, len: bytes.len(), segment_size: bytes.len() })
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}
}

fn bind() -> UdpSocket {
    bind_with(false)
}

/// One that marks by itself, perhaps.
fn bind_with(marks: bool) -> UdpSocket {
    let options = UdpOptions { marks, ..UdpOptions::default() };
    UdpSocket::bind_with("127.0.0.1:0".parse().unwrap(), &options).unwrap()
}

/// Both ends in one thread, over real sockets that go without some calls from the beginning, with refusals from the first
/// datagram on. How many there were.
fn run(call: Call, error: i32, times: u32, without: &[Call]) -> u32 {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let (server, client) = (bind(), bind());
    for socket in [&server, &client] {
        let mut offload = socket.offload.get();
        offload.segmentation &= !without.contains(&Call::SendSegmented);
        offload.many_messages &= !without.contains(&Call::SendMany);
        socket.offload.set(offload);
        let mut intake = socket.intake.get();
        intake.many_messages &= !without.contains(&Call::ReceiveMany);
        socket.intake.set(intake);
    }
    let four_tuple = FourTuple { local: client.local_address(), remote: server.local_address() };
    let source = Rc::new(RefCell::new(Source { four_tuple, sent: 0, came_back: 0 }));
    let (mirror, _) = Driver::new(handle, vec![server], Rc::new(RefCell::new(Mirror::default())), |_, _| {}).unwrap();
    let (driver, _) = Driver::new(handle, vec![client], source.clone(), |_, _| {}).unwrap();
    refuse(call, error, times);
    handle.spawn(mirror);
    handle.spawn(driver);
    executor.block_on(async {
        let give_up = clock::now() + Duration::from_secs(100);
        while source.borrow().came_back < BATCHES * SEGMENTS as u64 {
            assert!(clock::now() < give_up, "{call:?}, {error}, {times} times: {} came", source.borrow().came_back);
            yield_now().await;
        }
    });
    let used = times - refusals_left();
    refuse(call, error, 0);
    used
}

#[test]
fn a_send_that_is_refused_loses_nothing() {
    use Call::{SendMany, SendOne, SendSegmented};
    for error in ERRORS {
        for times in [1, 5, 100] {
            if bind().offload().segmentation {
                assert!(run(SendSegmented, error, times, &[]) > 0);
                run(SendSegmented, error, times, &[SendMany]);
            }
            assert!(run(SendMany, error, times, &[SendSegmented]) > 0);
        }
        // A datagram that is refused alone is tried once more, without its mark if that may be the reason. If it is refused
        // again there is no other way to send it: that is the next test.
        assert_eq!(run(SendOne, error, 1, &[SendSegmented, SendMany]), 1);
    }
}

#[test]
fn calls_that_are_always_refused_are_done_without() {
    for error in ERRORS.into_iter().filter(|error| *error != EAGAIN) {
        for call in [Call::SendSegmented, Call::SendMany, Call::ReceiveMany] {
            let without = if call == Call::SendMany { &[Call::SendSegmented][..] } else { &[] };
            let refused = run(call, error, ALWAYS, without);
            // A shortage of memory may pass, so the call is tried each time; any other is no longer asked for after a while.
            let batches = u32::try_from(BATCHES).unwrap();
            let is_short = error == ENOBUFS && call != Call::ReceiveMany;
            assert!(is_short || refused <= 16, "{call:?} with {error} was tried {refused} times for {batches} batches");
        }
    }
}

#[test]
fn marks_that_are_refused_are_done_without() {
    for error in ERRORS.into_iter().filter(|error| ![EAGAIN, ENOBUFS].contains(error)) {
        for without in [&[][..], &[Call::SendSegmented], &[Call::SendSegmented, Call::SendMany]] {
            let refused = run(Call::SendMarked, error, ALWAYS, without);
            assert!((1..=16).contains(&refused), "{refused}");
        }
    }
    // A full socket or a shortage is not the mark's fault: it stays.
    for error in [EAGAIN, ENOBUFS] {
        let (a, b) = (bind(), bind());
        let four_tuple = FourTuple { local: a.local_address(), remote: b.local_address() };
        let transmit = Transmit { four_tuple, ecn: Ecn::Ect0, len: 5, segment_size: 5 };
        refuse(Call::SendMarked, error, 1);
        while a.send(&transmit, b"hello") == 0 {}
        assert!(a.offload().marks && a.offload().dropped == 0 && refusals_left() == 0);
    }
}

/// A socket marks by itself, and the word is refused that one datagram is to have no mark: from then on none has one.
#[test]
fn a_socket_that_marks_stops_when_it_is_not_to_be_told_of_exceptions() {
    for error in ERRORS.into_iter().filter(|error| ![EAGAIN, ENOBUFS].contains(error)) {
        let (a, b) = (bind_with(true), bind());
        let four_tuple = FourTuple { local: a.local_address(), remote: b.local_address() };
        let transmit = |ecn| Transmit { four_tuple, ecn, len: 5, segment_size: 5 };
        a.send(&transmit(Ecn::Ect0), b"first");
        refuse(Call::SendMarked, error, ALWAYS);
        a.send(&transmit(Ecn::NotEct), b"other");
        assert!(!a.offload().marks);
        for ecn in [Ecn::Ect0, Ecn::NotEct] {
            a.send(&transmit(ecn), b"after");
        }
        refuse(Call::SendMarked, error, 0);
        assert_eq!(a.offload().dropped, 0);
        let mut batch = ReceiveBatch::new();
        let mut marks = Vec::new();
        while marks.len() < 4 {
            if b.receive(&mut batch).is_ok() {
                while let Some(message) = batch.next_message() {
                    marks.push(message.ecn);
                }
            }
        }
        // The second went as the socket marked it then.
        assert_eq!((marks[0], &marks[2..]), (Ecn::Ect0, &[Ecn::NotEct; 2][..]));
    }
}

#[test]
fn what_cannot_be_sent_at_all_is_counted_and_does_not_hold_up_the_rest() {
    for error in ERRORS.into_iter().filter(|error| *error != EAGAIN) {
        let (a, b) = (bind(), bind());
        let four_tuple = FourTuple { local: a.local_address(), remote: b.local_address() };
        let transmit = Transmit { four_tuple, ecn: Ecn::NotEct, len: 10, segment_size: 1 };
        let mut offload = Offload::new(false);
        offload.many_messages = false;
        a.offload.set(offload);
        // The first two datagrams, twice each.
        refuse(Call::SendOne, error, 4);
        assert_eq!(a.send(&transmit, b"0123456789"), 10);
        assert_eq!((a.offload().dropped, refusals_left()), (2, 0));
    }
}

#[test]
fn a_receive_that_is_refused_loses_nothing() {
    use Call::{ReceiveMany, ReceiveOne};
    for error in ERRORS {
        for times in [1, 5, 100] {
            // A system that says there is nothing is believed until the next datagram comes; here none would.
            if error != EAGAIN {
                assert!(run(ReceiveMany, error, times, &[]) > 0);
                assert_eq!(run(ReceiveOne, error, times, &[ReceiveMany]), times);
            }
        }
    }
}

#[test]
fn nothing_is_lost_by_a_system_that_says_too_soon_that_there_is_nothing() {
    for (call, many_messages) in [(Call::ReceiveMany, true), (Call::ReceiveOne, false)] {
        let (a, b) = (bind(), bind());
        let mut intake = Intake::new();
        intake.many_messages = many_messages;
        b.intake.set(intake);
        let four_tuple = FourTuple { local: a.local_address(), remote: b.local_address() };
        let transmit = Transmit { four_tuple, ecn: Ecn::NotEct, len: 1, segment_size: 1 };
        let mut batch = ReceiveBatch::new();
        a.send(&transmit, b"1");
        refuse(call, EAGAIN, 1);
        assert_eq!(b.receive(&mut batch).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        a.send(&transmit, b"2");
        let mut seen = Vec::new();
        while b.receive(&mut batch).is_ok() {
            while let Some(message) = batch.next_message() {
                seen.extend(message.datagrams().map(|datagram| datagram.payload.to_vec()));
            }
        }
        assert_eq!(seen, [b"1", b"2"]);
    }
}

/// GRO, marks, destination addresses, buffers, don't-fragment, GSO: each option is a wish.
#[test]
fn a_socket_without_any_of_its_options_carries_datagrams() {
    for error in ERRORS {
        refuse(Call::Option, error, ALWAYS);
        let (a, b) = (bind(), bind());
        refuse(Call::Option, error, 0);
        assert!(!a.offload().segmentation);
        let four_tuple = FourTuple { local: a.local_address(), remote: b.local_address() };
        let transmit = Transmit { four_tuple, ecn: Ecn::Ect0, len: 10, segment_size: 1 };
        assert_eq!(a.send(&transmit, b"0123456789"), 10);
        let mut batch = ReceiveBatch::new();
        let mut seen = Vec::new();
        while b.receive(&mut batch).is_ok() {
            while let Some(message) = batch.next_message() {
                let remote = message.four_tuple.remote;
                seen.extend(message.datagrams().map(|datagram| (remote, datagram.payload.to_vec())));
            }
        }
        assert_eq!(seen.iter().map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>().concat(), b"0123456789");
        assert!(seen.iter().all(|(from, _)| *from == a.local_address()));
    }
    // And one by one.
    for passed in 0..12 {
        refuse(Call::Option, EINVAL, passed);
        run(Call::Option, EINVAL, 0, &[]);
    }
}
