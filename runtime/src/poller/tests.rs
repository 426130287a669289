use super::*;
use std::net::UdpSocket;
use std::os::fd::AsFd;

const NOW: Option<Duration> = Some(Duration::ZERO);
/// A test that waits this long has failed.
const LONG: Option<Duration> = Some(Duration::from_secs(20));

fn pair() -> (UdpSocket, UdpSocket) {
    let a = UdpSocket::bind("127.0.0.1:0").unwrap();
    let b = UdpSocket::bind("127.0.0.1:0").unwrap();
    a.connect(b.local_addr().unwrap()).unwrap();
    b.connect(a.local_addr().unwrap()).unwrap();
    (a, b)
}

fn events(poller: &mut Poller, timeout: Option<Duration>) -> Vec<(Token, bool, bool)> {
    poller.wait(timeout).unwrap();
    core::iter::from_fn(|| poller.next_event()).map(|event| (event.token, event.readable, event.writable)).collect()
}

#[test]
fn a_level_lasts_and_an_edge_does_not() {
    let (a, b) = pair();
    let mut poller = Poller::new().unwrap();
    let token = poller.register(b.as_fd(), Interest::READABLE).unwrap();
    assert!(events(&mut poller, NOW).is_empty());
    a.send(b"x").unwrap();
    assert_eq!(events(&mut poller, LONG), [(token, true, false)]);
    assert_eq!(events(&mut poller, NOW), [(token, true, false)]);

    poller.modify(token, b.as_fd(), Interest { trigger: Trigger::Edge, ..Interest::READABLE }).unwrap();
    assert_eq!(events(&mut poller, LONG), [(token, true, false)]);
    assert!(events(&mut poller, NOW).is_empty());
    a.send(b"y").unwrap();
    assert_eq!(events(&mut poller, LONG), [(token, true, false)]);
}

#[test]
fn interest_decides_what_is_reported() {
    let (a, b) = pair();
    a.send(b"x").unwrap();
    for (readable, writable) in [(true, false), (false, true), (true, true), (false, false)] {
        for trigger in [Trigger::Level, Trigger::Edge] {
            let mut poller = Poller::new().unwrap();
            let token = poller.register(b.as_fd(), Interest { readable, writable, trigger }).unwrap();
            let expected: &[_] = if readable || writable { &[(token, readable, writable)] } else { &[] };
            assert_eq!(events(&mut poller, NOW), expected);
        }
    }
}

#[test]
fn a_registration_ends_once() {
    let (_a, b) = pair();
    let mut poller = Poller::new().unwrap();
    let token = poller.register(b.as_fd(), Interest::WRITABLE).unwrap();
    assert!(poller.register(b.as_fd(), Interest::WRITABLE).is_err());
    poller.deregister(token, b.as_fd()).unwrap();
    assert!(events(&mut poller, NOW).is_empty());
    assert!(poller.deregister(token, b.as_fd()).is_err());
    assert!(poller.modify(token, b.as_fd(), Interest::READABLE).is_err());
    let again = poller.register(b.as_fd(), Interest::WRITABLE).unwrap();
    assert_eq!(again.index(), token.index());
    assert_ne!(again, token);
}

#[test]
fn an_event_under_way_does_not_reach_the_next_owner_of_its_descriptor_or_place() {
    let mut poller = Poller::new().unwrap();
    let sockets = [pair(), pair()];
    let tokens = sockets.each_ref().map(|(_, b)| poller.register(b.as_fd(), Interest::WRITABLE).unwrap());
    poller.wait(LONG).unwrap();
    let first = poller.next_event().unwrap().token;
    let stale = usize::from(first == tokens[0]);
    // The owner of the other event goes away, and another socket takes its place (and most likely its number).
    poller.deregister(tokens[stale], sockets[stale].1.as_fd()).unwrap();
    drop(sockets);
    let (_c, d) = pair();
    let fresh = poller.register(d.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(fresh.index(), tokens[stale].index());
    assert_eq!(poller.next_event(), None);
    assert!(events(&mut poller, NOW).is_empty());
}

#[test]
fn a_closed_descriptor_is_no_longer_watched_and_its_token_can_be_given_back() {
    let mut poller = Poller::new().unwrap();
    let (a, b) = pair();
    let token = poller.register(b.as_fd(), Interest::WRITABLE).unwrap();
    drop(b);
    assert!(events(&mut poller, NOW).is_empty());
    assert!(poller.deregister(token, a.as_fd()).is_err());
    assert_eq!(poller.register(a.as_fd(), Interest::WRITABLE).unwrap().index(), token.index());
}

#[test]
fn another_thread_ends_the_wait() {
    let mut poller = Poller::new().unwrap();
    let (waker, token) = poller.waker().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| waker.wake()).join().unwrap();
            waker.wake();
            assert_eq!(events(&mut poller, LONG), [(token, true, false)]);
            assert!(events(&mut poller, NOW).is_empty(), "twice in between is told once");
        }
    });
    // It may outlive whom it wakes.
    drop(poller);
    waker.wake();
}

#[test]
fn a_wait_is_never_shorter_than_asked() {
    let mut poller = Poller::new().unwrap();
    for microseconds in [1, 70, 999, 1001] {
        let asked = Duration::from_micros(microseconds);
        let start = std::time::Instant::now();
        poller.wait(Some(asked)).unwrap();
        assert!(start.elapsed() >= asked);
    }
}

#[test]
fn a_signal_is_not_an_error() {
    extern "C" fn nothing(_: i32) {}
    // Another thread sends signals again and again, so that they must hit the wait.
    let mut poller = Poller::new().unwrap();
    let thread = crate::sys::testing::current_thread();
    crate::sys::testing::ignore_with(nothing);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                crate::sys::testing::interrupt(thread);
                std::thread::yield_now();
            }
        });
        for _ in 0..50 {
            assert!(poller.wait(LONG).is_ok());
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
