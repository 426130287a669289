use super::*;
use crate::clock;
use crate::executor::{Executor, yield_now};
use base::{Datagram, Ecn};
use std::cell::Cell;
use std::collections::VecDeque;
use std::task::Waker;

const SEGMENT: usize = 1200;
const SEGMENTS: usize = 20;

/// Sends back what it receives, joining equal segments of one peer again.
#[derive(Default)]
struct Echo {
    waiting: VecDeque<(FourTuple, Ecn, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
    received: usize,
    transmits: usize,
    /// On the other end of a deadline: how often it came, and what to set it to then.
    deadline: Option<Instant>,
    period: Option<Duration>,
    timeouts: Vec<Instant>,
    /// There is no deadline any more once something has come.
    is_calmed: bool,
    /// How many datagrams had come before the last timeout.
    received_before: Option<usize>,
    /// How many turns there were, and how many before the first datagram: each asks once more than there is to send.
    turns: usize,
    turns_before: Option<usize>,
    has_news: bool,
}

impl Machine for Echo {
    fn receive(&mut self, _now: Instant, datagram: Datagram<'_>) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(datagram.payload);
        self.received += 1;
        self.deadline = self.deadline.filter(|_| !self.is_calmed);
        self.turns_before.get_or_insert(self.turns);
        self.waiting.push_back((datagram.four_tuple, datagram.ecn, bytes));
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.turns += usize::from(self.waiting.is_empty());
        let (four_tuple, ecn, bytes) = self.waiting.front()?;
        let (four_tuple, ecn, segment_size) = (*four_tuple, *ecn, bytes.len());
        let mut len = 0;
        while let Some(next) = self.waiting.front() {
            let same = (next.0, next.1, next.2.len()) == (four_tuple, ecn, segment_size);
            if !same || len + segment_size > buffer.len() {
                break;
            }
            buffer[len..len + segment_size].copy_from_slice(&next.2);
            len += segment_size;
            self.spare.extend(self.waiting.pop_front().map(|(_, _, bytes)| bytes));
        }
        self.transmits += 1;
        Some(Transmit { four_tuple, ecn, len, segment_size })
    }

    fn has_news(&self) -> bool {
        self.has_news
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn on_timeout(&mut self, now: Instant) {
        assert!(self.deadline.is_some_and(|deadline| deadline <= now));
        self.timeouts.push(now);
        self.received_before = Some(self.received);
        self.deadline = self.period.map(|period| now + period);
    }
}

/// Sends numbered segments, one send at a time: the next when the last came back.
struct Source {
    four_tuple: FourTuple,
    total: u64,
    sent: u64,
    came_back: u64,
}

impl Machine for Source {
    fn receive(&mut self, _now: Instant, datagram: Datagram<'_>) {
        assert_eq!((datagram.payload.len(), datagram.ecn), (SEGMENT, Ecn::Ect0));
        assert_eq!(datagram.payload[..8], self.came_back.to_be_bytes(), "in order, none missing");
        self.came_back += 1;
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if self.sent > self.came_back || self.sent == self.total {
            return None;
        }
        let mut len = 0;
        for place in buffer.chunks_exact_mut(SEGMENT).take(SEGMENTS) {
            place[..8].copy_from_slice(&self.sent.to_be_bytes());
            place[8..].fill(self.sent as u8);
            self.sent += 1;
            len += SEGMENT;
        }
        Some(Transmit { four_tuple: self.four_tuple, ecn: Ecn::Ect0, len, segment_size: SEGMENT })
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}
}

fn loopback() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

fn echo(handle: &Handle, sockets: Vec<UdpSocket>) -> (Rc<RefCell<Echo>>, DriverHandle, Rc<Cell<usize>>) {
    let machine = Rc::new(RefCell::new(Echo::default()));
    let progress = Rc::new(Cell::new(0));
    let counted = progress.clone();
    let (driver, notify) =
        Driver::new(handle, sockets, machine.clone(), move |_, _| counted.set(counted.get() + 1)).unwrap();
    handle.spawn(driver);
    (machine, notify, progress)
}

/// Waits until `done`, giving the drivers their turns.
async fn until(mut done: impl FnMut() -> bool) {
    let give_up = clock::now() + Duration::from_secs(60);
    while !done() {
        assert!(clock::now() < give_up, "it never came");
        yield_now().await;
    }
}

#[test]
fn ten_megabytes_there_and_back() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let (server, client) = (loopback(), loopback());
    let four_tuple = FourTuple { local: client.local_address(), remote: server.local_address() };
    echo(handle, vec![server]);
    let total = (10_000_000 / (SEGMENT * SEGMENTS) * SEGMENTS) as u64;
    let source = Rc::new(RefCell::new(Source { four_tuple, total, sent: 0, came_back: 0 }));
    let (driver, _) = Driver::new(handle, vec![client], source.clone(), |_, _| {}).unwrap();
    handle.spawn(driver);
    executor.block_on(until(|| source.borrow().came_back == total));
}

#[test]
fn a_change_from_outside_is_sent_after_one_notification() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let (ours, peer) = (loopback(), std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let four_tuple = FourTuple { local: ours.local_address(), remote: peer.local_addr().unwrap() };
    let (machine, notify, progress) = echo(handle, vec![ours]);
    executor.block_on(async {
        yield_now().await;
        yield_now().await;
        let before = handle.stats().polls;
        for byte in 0..3 {
            machine.borrow_mut().waiting.push_back((four_tuple, Ecn::NotEct, vec![byte]));
            notify.notify();
        }
        yield_now().await;
        yield_now().await;
        // Two of ours, one of the driver's.
        assert_eq!(handle.stats().polls - before, 3);
        assert_eq!(progress.get(), 0);
    });
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for byte in 0..3 {
        let mut buffer = [9; 4];
        assert_eq!(peer.recv(&mut buffer).unwrap(), 1);
        assert_eq!(buffer[0], byte);
    }
}

/// What sending has brought about is told though nothing comes; once where nobody asks for it.
#[test]
fn news_of_what_was_sent_is_told_without_an_input() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let (ours, peer) = (loopback(), std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let four_tuple = FourTuple { local: ours.local_address(), remote: peer.local_addr().unwrap() };
    let (machine, notify, progress) = echo(handle, vec![ours]);
    executor.block_on(async {
        for round in 1..4 {
            machine.borrow_mut().waiting.push_back((four_tuple, Ecn::NotEct, vec![7]));
            machine.borrow_mut().has_news = true;
            notify.notify();
            until(|| progress.get() == round).await;
            // It was asked for.
            machine.borrow_mut().has_news = false;
            notify.notify();
            for _ in 0..10 {
                yield_now().await;
            }
        }
        machine.borrow_mut().waiting.push_back((four_tuple, Ecn::NotEct, vec![7]));
        machine.borrow_mut().has_news = true;
        notify.notify();
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(progress.get(), 4, "nobody has asked for it, and it is not offered at each turn");
    });
}

#[test]
fn a_deadline_comes_while_datagrams_never_stop() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let (server, client) = (loopback(), loopback());
    let four_tuple = FourTuple { local: client.local_address(), remote: server.local_address() };
    let (machine, notify, progress) = echo(handle, vec![server]);
    // A source without end, which keeps both drivers ready in every turn.
    let source = Rc::new(RefCell::new(Source { four_tuple, total: u64::MAX, sent: 0, came_back: 0 }));
    let (driver, _) = Driver::new(handle, vec![client], source.clone(), |_, _| {}).unwrap();
    handle.spawn(driver);
    executor.block_on(async {
        until(|| progress.get() > 3).await;
        {
            let mut machine = machine.borrow_mut();
            machine.deadline = Some(clock::now());
            machine.period = Some(Duration::from_micros(700));
        }
        notify.notify();
        until(|| machine.borrow().timeouts.len() >= 20).await;
    });
    assert!(source.borrow().came_back > 0);
    assert!(machine.borrow().timeouts.is_sorted());
}

#[test]
fn a_deadline_that_stays_overdue_does_not_take_the_whole_processor() {
    struct Stuck(u32);
    impl Machine for Stuck {
        fn receive(&mut self, _now: Instant, _datagram: Datagram<'_>) {}
        fn transmit(&mut self, _now: Instant, _buffer: &mut [u8]) -> Option<Transmit> {
            None
        }
        fn deadline(&self) -> Option<Instant> {
            Some(Instant::ZERO)
        }
        fn on_timeout(&mut self, _now: Instant) {
            self.0 += 1;
        }
    }
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let machine = Rc::new(RefCell::new(Stuck(0)));
    let (driver, _) = Driver::new(handle, vec![loopback()], machine.clone(), |_, _| {}).unwrap();
    handle.spawn(driver);
    executor.block_on(handle.sleep(Duration::from_millis(20)));
    assert!((1..200).contains(&machine.borrow().0));
}

/// As that of an endpoint with very many connections.
#[test]
fn a_deadline_that_comes_with_every_turn_is_not_taken_for_one_that_stays_overdue() {
    let executor = Executor::new().unwrap();
    let machine = Rc::new(RefCell::new(Echo::default()));
    let (mut driver, _) = Driver::new(executor.handle(), vec![loopback()], machine.clone(), |_, _| {}).unwrap();
    machine.borrow_mut().deadline = Some(clock::now());
    machine.borrow_mut().period = Some(Duration::from_nanos(1));
    let mut context = Context::from_waker(Waker::noop());
    for turn in 1..100 {
        let told = machine.borrow().timeouts.last().copied();
        while told.is_some_and(|told| clock::now() <= told) {}
        assert!(driver.turn(&mut context).is_ok_and(|left| left == Left::Something));
        assert_eq!(machine.borrow().timeouts.len(), turn);
    }
}

#[test]
fn a_deadline_waits_for_no_more_datagrams_than_a_turn_takes_in() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let server = loopback();
    let address = server.local_address();
    let (machine, _, _) = echo(handle, vec![server]);
    let flood = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    executor.block_on(async {
        for _ in 0..320 {
            flood.send_to(b"x", address).unwrap();
        }
        machine.borrow_mut().deadline = Some(clock::now());
        until(|| machine.borrow().received == 320).await;
    });
    assert!(machine.borrow().received_before.is_some_and(|count| count <= RECEIVE_DATAGRAMS));
}

/// As an acknowledgment that has come while the whole process had no processor.
#[test]
fn what_waits_is_heard_before_a_deadline_that_it_moves() {
    let executor = Executor::new().unwrap();
    let server = loopback();
    let address = server.local_address();
    let (machine, _, _) = echo(executor.handle(), vec![server]);
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    executor.block_on(async {
        yield_now().await;
        peer.send_to(b"x", address).unwrap();
        machine.borrow_mut().deadline = Some(clock::now());
        machine.borrow_mut().is_calmed = true;
        until(|| machine.borrow().received == 1).await;
    });
    assert_eq!(machine.borrow().timeouts, []);
}

#[test]
fn empty_datagrams_starve_nobody() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let server = loopback();
    let address = server.local_address();
    let (machine, _, progress) = echo(handle, vec![server]);
    let flood = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    executor.block_on(async {
        for _ in 0..320 {
            flood.send_to(&[], address).unwrap();
        }
        flood.send_to(b"x", address).unwrap();
        // However many wait, a turn takes in no more than so many calls hold, and others have theirs.
        let before = handle.stats().polls;
        yield_now().await;
        assert!(handle.stats().polls - before <= 3);
        until(|| machine.borrow().received == 1).await;
    });
    assert_eq!(progress.get(), 1);
    assert!(machine.borrow().turns_before >= Some(5), "{:?}", machine.borrow().turns_before);
}

#[test]
fn each_answer_leaves_from_the_socket_it_was_asked_at() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let sockets = vec![loopback(), UdpSocket::bind("[::1]:0".parse().unwrap()).unwrap(), loopback()];
    let addresses: Vec<SocketAddr> = sockets.iter().map(UdpSocket::local_address).collect();
    echo(handle, sockets);
    executor.block_on(async {
        for address in addresses {
            let any = if address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
            let peer = std::net::UdpSocket::bind(any).unwrap();
            peer.set_nonblocking(true).unwrap();
            peer.send_to(b"?", address).unwrap();
            let peer = handle.watch(peer).unwrap();
            let mut buffer = [0; 4];
            let answer = peer.read_with(|peer| peer.recv_from(&mut buffer));
            let (_, from) = handle.timeout(Duration::from_secs(20), answer).await.unwrap().unwrap();
            assert_eq!(from, address);
        }
    });
}

#[test]
fn what_meets_a_full_socket_is_kept_and_sent_later() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let peer = loopback();
    let ours = loopback();
    let four_tuple = FourTuple { local: ours.local_address(), remote: peer.local_address() };
    let machine = Rc::new(RefCell::new(Echo::default()));
    let (mut driver, _) = Driver::new(handle, vec![ours], machine.clone(), |_, _| {}).unwrap();
    for byte in 0..3 {
        machine.borrow_mut().waiting.push_back((four_tuple, Ecn::NotEct, vec![byte; 3]));
    }
    executor.block_on(std::future::poll_fn(|context| {
        // As after a send that was cut off behind the first byte's datagram.
        let transmit = machine.borrow_mut().transmit(clock::now(), &mut driver.buffer).unwrap();
        driver.held = Some(Held { transmit, done: 3, socket: 0 });
        driver.sockets[0].socket.clear_writable();
        machine.borrow_mut().waiting.push_back((four_tuple, Ecn::NotEct, vec![9; 3]));
        assert!(driver.transmit(clock::now(), context, &mut false).0 == Left::Nothing);
        assert!(driver.held.is_some());
        assert_eq!(machine.borrow().waiting.len(), 1, "nothing overtakes it");
        Poll::Ready(())
    }));
    handle.spawn(driver);
    executor.block_on(until(|| machine.borrow().waiting.is_empty()));
    let mut batch = ReceiveBatch::new();
    peer.receive(&mut batch).unwrap();
    let mut bytes = Vec::new();
    while let Some(message) = batch.next_message() {
        bytes.extend(message.datagrams().map(|datagram| datagram.payload[0]));
    }
    assert_eq!(bytes, [1, 2, 9]);
}

#[test]
fn flushed_comes_when_everything_is_sent_and_not_while_it_waits_for_room() {
    let executor = Executor::new().unwrap();
    let (ours, peer) = (loopback(), loopback());
    let four_tuple = FourTuple { local: ours.local_address(), remote: peer.local_address() };
    let machine = Rc::new(RefCell::new(Echo::default()));
    let (mut driver, notify) = Driver::new(executor.handle(), vec![ours], machine.clone(), |_, _| {}).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let is_ready = |flushed: &mut Flushed| Pin::new(flushed).poll(&mut Context::from_waker(Waker::noop())).is_ready();
    machine.borrow_mut().waiting.push_back((four_tuple, Ecn::NotEct, vec![7; 3]));
    // What was sent before it was asked for does not count, nor does what meets a full socket.
    assert!(driver.turn(&mut context).is_ok());
    let mut flushed = notify.flushed();
    assert!(!is_ready(&mut flushed));
    machine.borrow_mut().waiting.push_back((four_tuple, Ecn::NotEct, vec![8; 3]));
    driver.sockets[0].socket.clear_writable();
    assert!(driver.turn(&mut context).is_ok());
    assert!(driver.held.is_some() && !is_ready(&mut flushed));
    // The socket is closed: what waits for it is given up.
    notify.remove_socket(four_tuple.local);
    notify.add_socket(loopback()).unwrap();
    assert!(driver.turn(&mut context).is_ok());
    assert!(is_ready(&mut flushed));
    let mut late = notify.flushed();
    assert!(!is_ready(&mut late));
    drop(driver);
    assert!(is_ready(&mut late), "nothing will be sent any more");
}

/// What an application says when it closes has left when it lets go of the driver.
#[test]
fn flushed_is_in_time_for_who_stops_the_driver_afterwards() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let (ours, peer) = (loopback(), std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let four_tuple = FourTuple { local: ours.local_address(), remote: peer.local_addr().unwrap() };
    let machine = Rc::new(RefCell::new(Echo::default()));
    let (driver, notify) = Driver::new(handle, vec![ours], machine.clone(), |_, _| {}).unwrap();
    let task = handle.spawn_driver(driver);
    machine.borrow_mut().waiting.push_back((four_tuple, Ecn::NotEct, vec![7; 3]));
    handle.spawn_farewell(async move {
        notify.flushed().await;
        task.abort();
    });
    executor.block_on(handle.farewells_over());
    executor.block_on(handle.farewells_over());
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(peer.recv(&mut [0; 4]).unwrap(), 3);
}

#[test]
fn sockets_come_and_go_while_it_runs() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let first = loopback();
    let (old, second) = (first.local_address(), loopback());
    let added = second.local_address();
    let mut new = Some(second);
    let (machine, notify, _) = echo(handle, vec![first]);
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_nonblocking(true).unwrap();
    executor.block_on(async {
        for to in [old, added] {
            peer.send_to(b"?", to).unwrap();
            let mut buffer = [0; 4];
            until(|| peer.recv_from(&mut buffer).is_ok_and(|(_, from)| from == to)).await;
            // The next one has been bound all the time, and is run from now on.
            if let Some(socket) = new.take() {
                notify.add_socket(socket).unwrap();
                notify.remove_socket(old);
                yield_now().await;
                yield_now().await;
            }
        }
    });
    assert_eq!(machine.borrow().received, 2);
    assert!(UdpSocket::bind(old).is_ok(), "the first is closed");
}

#[test]
fn a_socket_that_is_added_during_a_turn_is_run_without_another_notice() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let (first, second) = (loopback(), loopback());
    let (old, added) = (first.local_address(), second.local_address());
    let machine = Rc::new(RefCell::new(Echo::default()));
    let notify = Rc::new(RefCell::new(None::<DriverHandle>));
    let (mut new, noted) = (Some(second), notify.clone());
    let (driver, driver_handle) = Driver::new(handle, vec![first], machine.clone(), move |_, _| {
        if let (Some(socket), Some(notify)) = (new.take(), &*noted.borrow()) {
            notify.add_socket(socket).unwrap();
        }
    })
    .unwrap();
    *notify.borrow_mut() = Some(driver_handle);
    handle.spawn(driver);
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for to in [added, old] {
        peer.send_to(b"?", to).unwrap();
    }
    executor.block_on(async { until(|| machine.borrow().received == 2).await });
}

#[test]
fn reports_about_earlier_datagrams_never_break_a_socket_and_lasting_errors_do() {
    use crate::sys::errno;
    use crate::sys::refusal::{Call, refuse};
    let executor = Executor::new().unwrap();
    let machine = Rc::new(RefCell::new(Echo::default()));
    let (mut driver, _notify) = Driver::new(executor.handle(), vec![loopback()], machine, |_, _| ()).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut receive = |seconds: u64| {
        let errors_since = driver.sockets[0].errors_since;
        driver.sockets = vec![Bound { errors_since, ..Bound::new(executor.handle().watch(loopback()).unwrap()) }];
        driver.receive(Instant::ZERO + Duration::from_secs(seconds), &mut context, &mut false)
    };
    for seconds in 1..100 {
        // A report, and then that there is nothing.
        refuse(Call::ReceiveMany, errno::ECONNREFUSED, 1);
        assert!(receive(10 * seconds).is_ok() && receive(10 * seconds).is_ok());
    }
    refuse(Call::ReceiveMany, errno::ECONNREFUSED, u32::MAX);
    assert!((2000..2005).all(|seconds| receive(seconds).is_ok()));
    assert_eq!(receive(2005).err().map(|error| error.kind()), Some(io::ErrorKind::ConnectionRefused));
}

#[test]
fn a_broken_socket_is_closed_and_does_not_break_the_others() {
    use crate::sys::errno;
    use crate::sys::refusal::{Call, refuse};
    let executor = Executor::new().unwrap();
    let (first, idle) = (loopback(), loopback());
    let stays = idle.local_address();
    let machine = Rc::new(RefCell::new(Echo::default()));
    let (mut driver, notify) = Driver::new(executor.handle(), vec![first, idle], machine, |_, _| ()).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    // Both have nothing; another takes the place of the first, and from then on it alone is asked.
    assert!(driver.receive(Instant::ZERO, &mut context, &mut false).is_ok());
    driver.sockets[0].socket = executor.handle().watch(loopback()).unwrap();
    let mut receive = |driver: &mut Driver<_, _>, seconds| {
        refuse(Call::ReceiveMany, errno::ECONNREFUSED, 1);
        assert!(driver.receive(Instant::ZERO + Duration::from_secs(seconds), &mut context, &mut false).is_ok());
    };
    for seconds in 1..=6 {
        assert_eq!(driver.sockets.len(), 2, "after {seconds} s");
        receive(&mut driver, seconds);
    }
    assert_eq!(driver.local_addresses().collect::<Vec<_>>(), [stays]);
    assert_eq!(notify.take_error().map(|error| error.kind), Some(io::ErrorKind::ConnectionRefused));
    assert_eq!(notify.take_error(), None, "told once");
    // The last one is given its own five seconds.
    driver.sockets[0].socket = executor.handle().watch(loopback()).unwrap();
    (7..12).for_each(|seconds| receive(&mut driver, seconds));
    refuse(Call::ReceiveMany, errno::ECONNREFUSED, 1);
    assert!(driver.receive(Instant::ZERO + Duration::from_secs(12), &mut context, &mut false).is_err());
}

/// A host may lose an address while something is to be sent from it: the layer above is told which path that concerns, once.
#[test]
fn a_path_on_which_the_system_does_not_send_is_told_of() {
    let executor = Executor::new().unwrap();
    let socket = UdpSocket::bind("0.0.0.0:0".parse().unwrap()).unwrap();
    let peer = loopback();
    let port = socket.local_address().port();
    let (remote, ours) = (peer.local_address(), SocketAddr::from(([127, 0, 0, 1], port)));
    // Of a range that is for documentation.
    let gone = FourTuple { local: ([198, 51, 100, 1], port).into(), remote };
    let machine = Rc::new(RefCell::new(Echo::default()));
    let told = Rc::new(Cell::new(0));
    let count = told.clone();
    let (mut driver, notify) =
        Driver::new(executor.handle(), vec![socket], machine.clone(), move |_, _| count.set(count.get() + 1)).unwrap();
    let mut turn = |paths: &[FourTuple]| {
        let datagrams = paths.iter().map(|path| (*path, Ecn::NotEct, vec![0; 10]));
        machine.borrow_mut().waiting.extend(datagrams);
        assert!(driver.turn(&mut Context::from_waker(Waker::noop())).is_ok());
    };
    turn(&[gone, FourTuple { local: ours, remote }, gone]);
    assert_eq!((notify.take_pathless(), notify.take_pathless(), told.get()), (Some(gone), None, 1));
    turn(&[FourTuple { local: ours, remote }]);
    assert_eq!((notify.take_pathless(), told.get()), (None, 1));
    // Where nobody takes them there are not ever more.
    for port in 1..200 {
        turn(&[FourTuple { remote: ([127, 0, 0, 1], port).into(), ..gone }]);
    }
    assert_eq!(std::iter::from_fn(|| notify.take_pathless()).count(), MAX_REPORTS);
}

#[test]
fn a_socket_that_cannot_be_watched_is_refused_and_the_others_go_on() {
    use crate::sys::errno;
    use crate::sys::refusal::{Call, refuse};
    let executor = Executor::new().unwrap();
    let first = loopback();
    let address = first.local_address();
    let (machine, notify, _) = echo(executor.handle(), vec![first]);
    refuse(Call::Watch, errno::ENOMEM, 1);
    let refused = notify.add_socket(loopback());
    assert_eq!(refused.map_err(|error| error.kind()), Err(io::ErrorKind::OutOfMemory));
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.send_to(b"?", address).unwrap();
    executor.block_on(async { until(|| machine.borrow().received == 1).await });
}

/// A machine is never told a time before one that it was told already, by whomever.
#[test]
fn the_time_of_tasks_is_not_before_that_of_the_machine() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let (machine, notify, _) = echo(handle, vec![loopback()]);
    executor.block_on(async {
        for _ in 0..10 {
            // Due at the driver's next turn.
            machine.borrow_mut().deadline = Some(Instant::ZERO);
            notify.notify();
            yield_now().await;
            assert!(machine.borrow().timeouts.last().is_none_or(|told| *told <= handle.now()));
        }
    });
    assert!(!machine.borrow().timeouts.is_empty());
}

/// An acknowledgment, say, and the answer that a task gives.
#[test]
fn what_follows_from_a_datagram_leaves_together_with_what_tasks_make_of_it() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle().clone();
    let (socket, peer) = (loopback(), std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = socket.local_address();
    let machine = Rc::new(RefCell::new(Echo::default()));
    let (spawner, shared) = (handle.clone(), machine.clone());
    let (driver, _notify) = Driver::new(&handle, vec![socket], machine.clone(), move |_, _| {
        let shared = shared.clone();
        spawner.spawn_detached(async move {
            let mut machine = shared.borrow_mut();
            assert_eq!(machine.transmits, 0, "not before the tasks had their turn");
            let (four_tuple, ecn, bytes) = machine.waiting[0].clone();
            machine.waiting.push_back((four_tuple, ecn, bytes));
        });
    })
    .unwrap();
    handle.spawn_driver(driver);
    peer.send_to(b"?", address).unwrap();
    executor.block_on(until(|| machine.borrow().transmits > 0));
    assert!(machine.borrow().waiting.is_empty());
    assert_eq!(machine.borrow().transmits, 1, "both in one");
}

/// Each datagram is as much work as one of a handshake.
#[derive(Default)]
struct Slow {
    log: Vec<String>,
    answers: VecDeque<FourTuple>,
}

impl Machine for Slow {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        while clock::now() - now < RECEIVE_TIME {}
        self.log.push(format!("in {}", datagram.payload[0]));
        self.answers.push_back(datagram.four_tuple);
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let four_tuple = self.answers.pop_front()?;
        self.log.push("out".into());
        buffer[0] = 0;
        Some(Transmit { four_tuple, ecn: Ecn::NotEct, len: 1, segment_size: 1 })
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}
}

/// Datagrams of each peer to one of two sockets, `count` to the first and one to the second, and what the machine did.
fn slow(count: u8) -> Vec<String> {
    let executor = Executor::new().unwrap();
    let (first, second) = (loopback(), loopback());
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..count {
        peer.send_to(&[number], first.local_address()).unwrap();
    }
    peer.send_to(&[count], second.local_address()).unwrap();
    let machine = Rc::new(RefCell::new(Slow::default()));
    let (driver, _notify) = Driver::new(executor.handle(), vec![first, second], machine.clone(), |_, _| {}).unwrap();
    executor.handle().spawn(driver);
    executor.block_on(until(|| machine.borrow().log.len() == 2 * (usize::from(count) + 1)));
    machine.take().log
}

#[test]
fn the_first_is_answered_before_the_next_is_taken_in_where_each_is_much_work() {
    let log = slow(3);
    assert!(log.iter().step_by(2).all(|entry| entry.starts_with("in")), "{log:?}");
    assert!(log.iter().skip(1).step_by(2).all(|entry| entry == "out"), "{log:?}");
}

#[test]
fn a_socket_with_much_work_does_not_keep_the_others_waiting() {
    // More than one call receives.
    let log = slow(50);
    let second = log.iter().position(|entry| entry == "in 50").unwrap();
    assert!(second < 50, "{log:?}");
    let first: Vec<_> = log.iter().filter(|entry| *entry != "out" && *entry != "in 50").cloned().collect();
    assert_eq!(first, (0..50).map(|number| format!("in {number}")).collect::<Vec<_>>(), "in order, each once");
}
