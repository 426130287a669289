use super::*;
use crate::executor::{Executor, yield_now};
use crate::tcp::TcpListener;
use base::{Demand, Duration, Outgoing};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream as StdTcpStream;

/// Sends what it is given, and keeps what it hears.
#[derive(Default)]
struct Talker {
    /// From which much is taken in small pieces.
    to_send: VecDeque<u8>,
    ends: bool,
    pauses: bool,
    heard: Vec<u8>,
    peer_ended: bool,
    resets: u32,
    deadline: Option<Instant>,
    /// There is no deadline any more once something has come.
    is_calmed: bool,
    timeouts: u32,
    /// How often it was asked for something to send.
    asked: u32,
    /// Whether it answers what it hears.
    answers: bool,
}

impl StreamMachine for Talker {
    fn demand(&self) -> Demand {
        if self.pauses { Demand::Pause } else { Demand::More }
    }

    fn receive(&mut self, _now: Instant, bytes: &mut [u8]) -> usize {
        self.heard.extend_from_slice(bytes);
        self.deadline = self.deadline.filter(|_| !self.is_calmed);
        if self.answers {
            self.to_send.extend(b"machine");
        }
        bytes.len()
    }

    fn on_end(&mut self, _now: Instant, _left: &[u8]) {
        self.peer_ended = true;
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.asked += 1;
        let next = self.to_send.as_slices().0;
        let len = buffer.len().min(next.len());
        if len == 0 {
            return if self.ends { Outgoing::End } else { Outgoing::Nothing };
        }
        buffer[..len].copy_from_slice(&next[..len]);
        self.to_send.drain(..len);
        Outgoing::Bytes(len)
    }

    fn on_reset(&mut self, _now: Instant) {
        self.resets += 1;
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn on_timeout(&mut self, _now: Instant) {
        self.timeouts += 1;
        self.deadline = None;
    }
}

type Ending = crate::JoinHandle<StreamEnding>;

struct Rig {
    executor: Executor,
    machine: Rc<RefCell<Talker>>,
    memory: Rc<RefCell<StreamMemory>>,
    notify: StreamDriverHandle,
    ending: Ending,
    peer: StdTcpStream,
    progress: Rc<std::cell::Cell<u32>>,
}

/// A machine on one end, and a socket that blocks on the other.
fn rig(machine: Talker) -> Rig {
    let executor = Executor::new().unwrap();
    let handle = executor.handle().clone();
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let peer = StdTcpStream::connect(listener.local_address()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let stream = handle.watch(listener.accept().unwrap()).unwrap();
    let machine = Rc::new(RefCell::new(machine));
    let memory = Rc::default();
    let progress = Rc::new(std::cell::Cell::new(0));
    let count = progress.clone();
    let (driver, notify) = StreamDriver::new(&handle, stream, machine.clone(), Rc::clone(&memory), move |_, _| {
        count.set(count.get() + 1);
    });
    let ending = handle.spawn_driver(driver);
    Rig { executor, machine, memory, notify, ending, peer, progress }
}

impl Rig {
    /// Waits until `done`, giving the driver its turns.
    fn until(&self, mut done: impl FnMut(&Talker) -> bool) {
        let handle = self.executor.handle();
        let done = async {
            while !done(&self.machine.borrow()) {
                yield_now().await;
            }
        };
        self.executor.block_on(handle.timeout(Duration::from_secs(20), done)).expect("it comes");
    }
}

#[test]
fn it_ends_by_itself_when_both_have_ended_and_everything_is_with_the_system() {
    let mut rig = rig(Talker { to_send: vec![7; 1 << 20].into(), ends: true, ..Talker::default() });
    let peer = rig.peer.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        (&peer).read_to_end(&mut all).unwrap();
        (&peer).write_all(b"thanks").unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        all
    });
    let machine = rig.machine.clone();
    assert!(matches!(rig.executor.block_on(&mut rig.ending), Ok(StreamEnding::Ended)));
    assert!(reader.join().unwrap() == vec![7; 1 << 20]);
    assert_eq!((machine.borrow().heard.as_slice(), machine.borrow().peer_ended), (&b"thanks"[..], true));
    assert_eq!(machine.borrow().resets, 0);
}

#[test]
fn what_the_peer_said_before_it_broke_off_is_read() {
    // It answers before it has read everything, and closes: the system makes a reset of that.
    let rig = rig(Talker { pauses: true, ..Talker::default() });
    let mut peer = rig.peer.try_clone().unwrap();
    rig.machine.borrow_mut().to_send = vec![7; 1000].into();
    rig.notify.notify();
    let mut first = [0; 10];
    std::thread::spawn(move || {
        peer.read_exact(&mut first).unwrap();
        peer.write_all(b"too large").unwrap();
    })
    .join_beside(&rig);
    let machine = rig.machine.clone();
    let Rig { executor, notify, ending, peer, .. } = rig;
    drop(peer);
    // The machine learns of it by what it sends next.
    machine.borrow_mut().to_send = vec![7; 1000].into();
    machine.borrow_mut().pauses = false;
    notify.notify();
    let ending = executor.block_on(executor.handle().timeout(Duration::from_secs(20), ending)).expect("it ends");
    assert!(matches!(ending, Ok(StreamEnding::Broken(_))), "{ending:?}");
    assert_eq!((machine.borrow().heard.as_slice(), machine.borrow().resets), (&b"too large"[..], 1));
}

trait JoinBeside {
    fn join_beside(self, rig: &Rig);
}

impl JoinBeside for std::thread::JoinHandle<()> {
    /// Gives the driver its turns until the thread has ended.
    fn join_beside(self, rig: &Rig) {
        rig.until(|_| self.is_finished());
        self.join().unwrap();
    }
}

#[test]
fn a_reset_is_told_to_a_machine_that_has_paused() {
    let rig = rig(Talker { pauses: true, ..Talker::default() });
    let machine = rig.machine.clone();
    (&rig.peer).write_all(b"unread").unwrap();
    rig.until(|_| rig.executor.handle().stats().waits > 10);
    let peer = rig.peer.try_clone().unwrap();
    crate::sys::reset_on_close(std::os::fd::AsFd::as_fd(&peer)).unwrap();
    drop(peer);
    let Rig { executor, ending, peer, .. } = rig;
    drop(peer);
    let ending = executor.block_on(executor.handle().timeout(Duration::from_secs(20), ending)).expect("it ends");
    assert!(matches!(&ending, Ok(StreamEnding::Broken(error)) if error.kind() == io::ErrorKind::ConnectionReset));
    assert_eq!((machine.borrow().resets, machine.borrow().heard.len()), (1, 0));
}

#[test]
fn flushed_comes_when_the_system_has_everything_and_not_before() {
    let rig = rig(Talker { to_send: vec![7; 64 << 20].into(), ..Talker::default() });
    let handle = rig.executor.handle().clone();
    // More than the system holds.
    let early = rig.executor.block_on(handle.timeout(Duration::from_millis(20), rig.notify.flushed()));
    assert!(early.is_err() && !rig.machine.borrow().to_send.is_empty());
    let mut peer = rig.peer.try_clone().unwrap();
    let reader = std::thread::spawn(move || peer.read_exact(&mut vec![0; 64 << 20]).unwrap());
    rig.executor.block_on(handle.timeout(Duration::from_secs(20), rig.notify.flushed())).expect("it comes");
    assert!(rig.machine.borrow().to_send.is_empty());
    reader.join().unwrap();
}

#[test]
fn flushed_comes_when_the_driver_is_gone() {
    let mut rig = rig(Talker { to_send: vec![7; 64 << 20].into(), ..Talker::default() });
    rig.until(|machine| machine.to_send.len() < 64 << 20);
    let flushed = rig.notify.flushed();
    rig.ending.abort();
    rig.executor.block_on(flushed);
    // And at once from then on.
    rig.executor.block_on(rig.notify.flushed());
    let mut first = [0];
    assert_eq!(rig.peer.read(&mut first).unwrap(), 1, "what the system had is still sent");
    assert_eq!(rig.machine.borrow().resets, 0, "the machine is not told");
}

#[test]
fn a_deadline_comes_and_an_idle_connection_is_left_alone() {
    let rig = rig(Talker::default());
    let handle = rig.executor.handle().clone();
    (&rig.peer).write_all(b"one").unwrap();
    rig.until(|machine| machine.heard == b"one");
    rig.machine.borrow_mut().deadline = Some(crate::clock::now() + Duration::from_millis(5));
    rig.notify.notify();
    rig.until(|machine| machine.timeouts == 1);
    rig.executor.block_on(yield_now());
    let (polls, progress) = (handle.stats().polls, rig.progress.get());
    rig.executor.block_on(handle.sleep(Duration::from_millis(20)));
    assert!(handle.stats().polls - polls <= 3, "ours, and the driver's last");
    assert!((2..=6).contains(&progress) && rig.progress.get() == progress, "{progress}");
    assert_eq!(rig.memory.borrow().spare_count(), 2, "it holds no buffer");
    let Rig { executor, ending, peer, machine, notify, .. } = rig;
    drop(peer);
    machine.borrow_mut().ends = true;
    notify.notify();
    assert!(matches!(executor.block_on(ending), Ok(StreamEnding::Ended)));
}

#[test]
fn a_deadline_that_has_moved_away_comes_when_it_is_due_then() {
    let rig = rig(Talker::default());
    let set = |deadline| {
        rig.machine.borrow_mut().deadline = Some(deadline);
        rig.notify.notify();
        rig.executor.block_on(rig.notify.flushed());
    };
    let millis = Duration::from_millis;
    // Again, until the second is set before the first comes.
    let begun = loop {
        let begun = crate::clock::now();
        set(begun + millis(250));
        set(begun + millis(400));
        if crate::clock::now() < begun + millis(250) {
            break begun;
        }
    };
    let before = rig.machine.borrow().timeouts;
    rig.until(|machine| machine.timeouts > before);
    assert!(crate::clock::now() >= begun + millis(400), "not when the first would have come");
    // One that comes nearer is not waited for longer.
    set(begun + millis(600_000));
    set(begun + millis(450));
    rig.until(|machine| machine.timeouts > before + 1);
}

/// As a request that has come while the whole process had no processor.
#[test]
fn what_waits_is_heard_before_a_deadline_that_it_moves() {
    let mut rig = rig(Talker { is_calmed: true, ..Talker::default() });
    let (machine, notify, peer) = (&rig.machine, &rig.notify, &mut rig.peer);
    rig.executor.block_on(async {
        // Again, until the driver waits for a deadline that is to come.
        let deadline = loop {
            let deadline = crate::clock::now() + Duration::from_millis(20);
            machine.borrow_mut().deadline = Some(deadline);
            notify.notify();
            notify.flushed().await;
            if crate::clock::now() < deadline {
                break deadline;
            }
        };
        let before = machine.borrow().timeouts;
        peer.write_all(b"in time").unwrap();
        while crate::clock::now() <= deadline {}
        while machine.borrow().heard.is_empty() {
            yield_now().await;
        }
        assert_eq!(machine.borrow().timeouts, before);
    });
}

/// A machine is asked for something to send after it was told something, once, and not because something happens.
#[test]
fn a_machine_is_asked_when_it_may_have_something_to_say() {
    let rig = rig(Talker::default());
    rig.until(|talker| talker.asked == 1);
    for round in 1..=10 {
        let before = rig.machine.borrow().asked;
        (&rig.peer).write_all(b"a").unwrap();
        rig.until(|talker| talker.heard.len() == round);
        rig.executor.block_on(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        assert_eq!(rig.machine.borrow().asked - before, 1, "what came was no answer, and nobody has made one");
        rig.machine.borrow_mut().to_send = vec![7; 10].into();
        rig.notify.notify();
        rig.until(|talker| talker.to_send.is_empty());
        (&rig.peer).read_exact(&mut [0; 10]).unwrap();
        assert_eq!(rig.machine.borrow().asked - before, 3, "it had something, and then no more");
    }
}

/// What a machine answers by itself leaves with what a task makes of the same input.
#[test]
fn what_a_machine_answers_leaves_with_what_tasks_make_of_it() {
    let rig = rig(Talker { answers: true, ..Talker::default() });
    let machine = rig.machine.clone();
    let (handle, notify) = (rig.executor.handle().clone(), rig.notify.clone());
    // It waits for what comes before the driver does, and so has its turn after that of the driver in each round.
    let task = async move {
        while machine.borrow().heard.is_empty() {
            yield_now().await;
        }
        machine.borrow_mut().to_send.extend(b" and a task");
        notify.notify();
    };
    let mut answered = handle.spawn(task);
    (&rig.peer).write_all(b"a").unwrap();
    rig.executor.block_on(&mut answered).unwrap();
    rig.until(|talker| talker.to_send.is_empty());
    let mut all = [0; 100];
    let len = (&rig.peer).read(&mut all).unwrap();
    assert_eq!(all[..len].escape_ascii().to_string(), "machine and a task");
}

/// Edges are told once. An end that came with the bytes before it is not told again by the system after those were read.
#[test]
fn what_comes_after_a_read_that_took_all_is_noticed() {
    // Two kinds of ends, and both ways that they can come: with the last bytes, and after these were read.
    for is_reset in [false, true] {
        for comes_along in [false, true] {
            let rig = rig(Talker::default());
            for piece in [&b"a"[..], b"bc", b"def"] {
                let before = rig.machine.borrow().heard.len();
                (&rig.peer).write_all(piece).unwrap();
                rig.until(|talker| talker.heard.len() == before + piece.len());
            }
            if comes_along {
                (&rig.peer).write_all(b"g").unwrap();
            }
            if is_reset {
                crate::sys::reset_on_close(std::os::fd::AsFd::as_fd(&rig.peer)).unwrap();
            }
            let Rig { executor, machine, peer, ending: _ending, .. } = rig;
            drop(peer);
            let ended = async {
                while !(if is_reset { machine.borrow().resets == 1 } else { machine.borrow().peer_ended }) {
                    yield_now().await;
                }
            };
            executor.block_on(executor.handle().timeout(Duration::from_secs(20), ended)).expect("it comes");
            let heard = machine.borrow().heard.clone();
            assert!(heard == b"abcdefg"[..6 + usize::from(comes_along)] || is_reset && heard == b"abcdef", "{heard:?}");
        }
    }
}

/// Connections that have something to do at the same time work one after the other, in the memory of one.
#[test]
fn many_connections_work_in_the_buffers_of_one() {
    const CONNECTIONS: usize = 40;
    let executor = Executor::new().unwrap();
    let (handle, memory) = (executor.handle().clone(), Rc::<RefCell<StreamMemory>>::default());
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut peer = StdTcpStream::connect(listener.local_address()).unwrap();
            // All are there before anybody has a turn.
            peer.write_all(b"hello").unwrap();
            let stream = handle.watch(listener.accept().unwrap()).unwrap();
            let machine = Rc::new(RefCell::new(Talker::default()));
            let (driver, _) = StreamDriver::new(&handle, stream, machine.clone(), memory.clone(), |_, _| ());
            (peer, machine, handle.spawn_driver(driver))
        })
        .collect();
    let all_heard = async {
        while connections.iter().any(|(_, machine, _)| machine.borrow().heard != b"hello") {
            yield_now().await;
        }
    };
    executor.block_on(handle.timeout(Duration::from_secs(20), all_heard)).expect("it comes");
    assert_eq!(memory.borrow().spare_count(), 2, "one for what comes, and one for what goes");
}
