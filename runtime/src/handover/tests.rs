use super::*;
use crate::executor::yield_now;
use crate::worker::{Shutdown, spawn_workers};
use crate::{Driver, Executor, Offer, UdpSocket, clock};
use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Transmit};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn datagram(number: u32, len: usize) -> OwnedDatagram {
    let four_tuple = FourTuple { local: ([127, 0, 0, 1], 1).into(), remote: ([127, 0, 0, 1], 2).into() };
    let mut payload = vec![0; len.max(4)];
    payload[..4].copy_from_slice(&number.to_be_bytes());
    OwnedDatagram { four_tuple, ecn: Ecn::Ce, payload }
}

fn take(handover: &Handover) -> VecDeque<OwnedDatagram> {
    let mut taken = VecDeque::new();
    handover.poll_receive(&Context::from_waker(Waker::noop()), &mut taken);
    taken
}

#[test]
fn a_mailbox_has_an_end_in_number_and_in_bytes() {
    let workers = Handover::among(2, Predecessors::default());
    for number in 0..1100 {
        workers[0].send(1, datagram(number, 4));
    }
    let taken = take(&workers[1]);
    assert_eq!((taken.len(), taken[0].payload[..4].to_vec()), (MAX_WAITING, vec![0; 4]), "the oldest stay");
    assert_eq!(workers[1].stats(), HandoverStats { received: 1024, dropped: 76, unknown: 0 });
    for number in 0..40 {
        workers[0].send(1, datagram(number, 60_000));
    }
    assert_eq!(take(&workers[1]).len(), MAX_WAITING_BYTES / 60_000);
    // What was taken counts no more.
    workers[0].send(1, datagram(0, 60_000));
    assert_eq!(take(&workers[1]).len(), 1);
    // Nobody is there.
    workers[0].send(2, datagram(0, 4));
    assert_eq!(workers[0].stats(), HandoverStats { unknown: 1, ..HandoverStats::default() });
}

/// Keeps nothing: gives every datagram from its socket to the other worker, and counts what that one gives.
struct Passer {
    to: u32,
    from_socket: usize,
    waiting: VecDeque<(u32, OwnedDatagram)>,
    received: Vec<u32>,
}

impl Machine for Passer {
    fn receive(&mut self, _now: Instant, datagram: Datagram<'_>) {
        if datagram.ecn == Ecn::Ce {
            self.received.push(u32::from_be_bytes(*datagram.payload.first_chunk().unwrap()));
            return;
        }
        self.from_socket += 1;
        let mut owned = OwnedDatagram::from(&datagram);
        owned.ecn = Ecn::Ce;
        self.waiting.push_back((self.to, owned));
    }

    fn transmit(&mut self, _now: Instant, _buffer: &mut [u8]) -> Option<Transmit> {
        None
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}

    fn poll_handover(&mut self) -> Option<(u32, OwnedDatagram)> {
        self.waiting.pop_front()
    }
}

/// Two threads with a driver each: what comes to the socket of one is taken in by the machine of the other, in order, though
/// that one sleeps in its poller and nothing ever comes to its own socket.
#[test]
fn a_driver_takes_in_what_another_thread_hands_over() {
    const COUNT: u32 = 200;
    let handovers = Handover::among(2, Predecessors::default());
    let (done, seen) = (Shutdown::new(), Arc::new(AtomicUsize::new(0)));
    let workers = {
        let (done, seen) = (done.clone(), seen.clone());
        spawn_workers(2, move |number, executor| {
            let handle = executor.handle().clone();
            let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
            let address = socket.local_address();
            let to = 1 - number as u32;
            let passer = Passer { to, from_socket: 0, waiting: VecDeque::new(), received: Vec::new() };
            let machine = Rc::new(RefCell::new(passer));
            let (counted, shutdown) = (seen.clone(), done.clone());
            let on_progress = move |passer: &mut Passer, _: Instant| {
                counted.fetch_max(passer.received.len(), Ordering::SeqCst);
                if passer.received.len() == COUNT as usize {
                    shutdown.trigger();
                }
            };
            let (mut driver, _) = Driver::new(&handle, vec![socket], machine.clone(), on_progress)?;
            driver.set_handover(handovers[number].clone())?;
            handle.spawn(driver);
            if number == 0 {
                let client = std::net::UdpSocket::bind("127.0.0.1:0")?;
                for number in 0..COUNT {
                    client.send_to(&number.to_be_bytes(), address)?;
                }
            }
            let patience = clock::now() + Duration::from_secs(60);
            let ended = executor.block_on(async { handle.timeout_at(patience, done.wait()).await.is_ok() });
            assert!(ended, "worker {number}: {:?}", machine.borrow().received.len());
            let passer = machine.borrow();
            let expected: Vec<u32> = (0..COUNT).collect();
            match number {
                0 => assert_eq!((passer.from_socket, passer.received.len()), (COUNT as usize, 0)),
                _ => assert_eq!(passer.received, expected),
            }
            Ok(())
        })
        .unwrap()
    };
    workers.join().unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), COUNT as usize);
}

/// What a predecessor has no room for is the last that comes: it is sent when there is room, though nothing else has the driver try again.
#[test]
fn what_waits_for_a_predecessor_goes_when_it_has_room() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_address();
    let offer = Offer::announce(address.port()).unwrap();
    let handover = Handover::among(1, Predecessors::of([address.port()].into_iter())).remove(0);
    let passer = Passer { to: PREDECESSOR, from_socket: 0, waiting: VecDeque::new(), received: Vec::new() };
    let machine = Rc::new(RefCell::new(passer));
    let (mut driver, _) = Driver::new(handle, vec![socket], machine.clone(), |_, _| {}).unwrap();
    driver.set_handover(handover.clone()).unwrap();
    handle.spawn(driver);
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = Rc::new(RefCell::new(Vec::new()));
    let takes = taken.clone();
    executor.block_on(async {
        // One in each turn, and so in each message, until one waits.
        let mut count = 0_u32;
        while !handover.predecessors().are_waited_for() {
            client.send_to(&datagram(count, 1200).payload, address).unwrap();
            count += 1;
            while machine.borrow().from_socket < count as usize {
                yield_now().await;
            }
            yield_now().await;
        }
        let take = move |datagram: OwnedDatagram| {
            takes.borrow_mut().push(u32::from_be_bytes(*datagram.payload.first_chunk().unwrap()));
        };
        handle.spawn_detached(offer.given_back(handle, take).unwrap());
        let all = async {
            while taken.borrow().len() < count as usize {
                handle.sleep(Duration::from_millis(1)).await;
            }
        };
        let came = handle.timeout(Duration::from_secs(20), all).await;
        assert!(came.is_ok(), "{} of {count}", taken.borrow().len());
        assert!(taken.borrow().iter().copied().eq(0..count), "in their order");
    });
}
