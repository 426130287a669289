//! The parts of an executor, shared by it and by the futures that wait for something of it.
//!
//! No callback runs while a part is borrowed: wakers are called, and futures dropped, after the borrow has ended.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll, Waker};

use base::{Duration, Instant};

use crate::clock;
use crate::executor::crowd::Crowd;
use crate::executor::farewells::Farewells;
use crate::executor::locals::Locals;
use crate::executor::options::ExecutorOptions;
use crate::executor::patience::Patience;
use crate::executor::ready::{Kind, Ready, TaskId};
use crate::executor::sources::{Side, Sources};
use crate::executor::tasks::{BoxFuture, Runnable, Tasks};
use crate::executor::timers::{Armed, Timers};
use crate::poller::{Interest, Poller};
use crate::token::Token;

/// After its first look, and then after so many, a thread lets others have the processor. A peer on the same one goes on with the first of
/// these; for one on another processor each is a moment in which its datagram is not seen.
const LOOKS: u32 = 16;
/// Who waits longer than this for others has kept them waiting before, and gives them something to do sooner. A send more
/// costs both ends about as much together.
const STARVED: Duration = Duration::from_micros(6);

/// What an executor has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// System calls that asked for events, waiting or not.
    pub waits: u64,
    /// Those of them that could sleep.
    pub sleeps: u64,
    /// Times that a task was polled.
    pub polls: u64,
}

pub(crate) struct Core {
    pub(crate) ready: Ready,
    tasks: RefCell<Tasks>,
    timers: RefCell<Timers>,
    sources: RefCell<Sources>,
    poller: RefCell<Poller>,
    alarm: Token,
    patience: Cell<Patience>,
    crowd: RefCell<Crowd>,
    pub(crate) farewells: Farewells,
    pub(crate) locals: Locals,
    stats: Cell<Stats>,
    closed: Cell<bool>,
    /// When no task was ready the last time, no event came for [`STARVED`].
    starved: Cell<bool>,
    /// When the clock was read last: not before this turn began.
    now: Cell<Instant>,
}

impl Core {
    pub(crate) fn new(options: &ExecutorOptions) -> io::Result<Core> {
        let mut poller = Poller::new()?;
        let now = clock::now();
        let (thread, alarm) = poller.waker()?;
        Ok(Core {
            ready: Ready::new(thread),
            tasks: RefCell::default(),
            timers: RefCell::new(Timers::new(now)),
            sources: RefCell::default(),
            poller: RefCell::new(poller),
            alarm,
            patience: Cell::new(Patience::new(options.look)),
            crowd: RefCell::default(),
            farewells: Farewells::default(),
            locals: Locals::default(),
            stats: Cell::default(),
            closed: Cell::new(false),
            starved: Cell::new(true),
            now: Cell::new(now),
        })
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats.get()
    }

    pub(crate) fn task_count(&self) -> usize {
        self.tasks.borrow().len()
    }

    #[cfg(test)]
    pub(crate) fn arm_count(&self) -> usize {
        self.timers.borrow().len()
    }

    // Tasks.

    /// `None`, and the future dropped, if the executor is gone.
    pub(crate) fn spawn(&self, kind: Kind, future: impl Future<Output = ()> + 'static) -> Option<TaskId> {
        self.spawn_boxed(kind, Box::pin(future))
    }

    /// As [`Core::spawn`].
    pub(crate) fn spawn_boxed(&self, kind: Kind, future: BoxFuture) -> Option<TaskId> {
        if self.closed.get() {
            return None;
        }
        let task = self.tasks.borrow_mut().insert(future, kind, self.ready.shared());
        self.ready.push(task, kind);
        Some(task)
    }

    pub(crate) fn abort(&self, task: TaskId) {
        let future = self.tasks.borrow_mut().abort(task);
        drop(future);
    }

    /// Drops all tasks, and those that dropping them spawns, and what is kept for owners elsewhere.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let tasks = self.tasks.borrow_mut().take_all();
        drop(tasks);
        self.locals.clear();
    }

    pub(crate) fn poll_task(&self, task: TaskId) {
        let runnable = self.tasks.borrow_mut().begin(task);
        let Some(mut runnable) = runnable else { return };
        self.count(|stats| stats.polls += 1);
        let ended = runnable.future.as_mut().poll(&mut Context::from_waker(&runnable.waker)).is_ready();
        let over = if ended {
            let Runnable { future, waker } = runnable;
            self.tasks.borrow_mut().end(task, waker);
            Some(future)
        } else {
            self.tasks.borrow_mut().put_back(task, runnable)
        };
        drop(over);
    }

    /// Polls the drivers that are ready. `drivers` is room for their names.
    pub(crate) fn poll_drivers(&self, drivers: &mut VecDeque<TaskId>) {
        self.ready.take(Kind::Driver, drivers);
        while let Some(driver) = drivers.pop_front() {
            self.poll_task(driver);
        }
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Stats)) {
        let mut stats = self.stats.get();
        change(&mut stats);
        self.stats.set(stats);
    }

    // Timers.

    pub(crate) fn now(&self) -> Instant {
        self.now.get()
    }

    /// Reads the clock: from now on this is the time.
    pub(crate) fn read_clock(&self) -> Instant {
        let now = clock::now();
        self.now.set(now);
        now
    }

    pub(crate) fn arm(&self, deadline: Instant, waker: Waker) -> Armed {
        self.timers.borrow_mut().arm(self.now.get(), deadline, waker)
    }

    pub(crate) fn rearm(&self, armed: Armed, deadline: Instant, waker: &Waker) -> bool {
        self.timers.borrow_mut().rearm(self.now.get(), armed, deadline, waker)
    }

    pub(crate) fn wakes(&self, armed: Armed, waker: &Waker) -> bool {
        self.timers.borrow().wakes(armed, waker)
    }

    pub(crate) fn disarm(&self, armed: Armed) {
        let waker = self.timers.borrow_mut().disarm(armed);
        drop(waker);
    }

    /// Wakes all whose deadline has come, as of the last reading of the clock.
    pub(crate) fn fire_timers(&self) {
        let now = self.now.get();
        if self.timers.borrow().next_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        loop {
            let expired = self.timers.borrow_mut().pop_expired(now);
            match expired {
                Some(waker) => waker.wake(),
                None => break,
            }
        }
    }

    // Descriptors.

    pub(crate) fn watch(&self, fd: BorrowedFd<'_>) -> io::Result<Token> {
        let token = self.poller.borrow_mut().register(fd, Interest::READABLE_EDGES)?;
        self.sources.borrow_mut().start(token);
        Ok(token)
    }

    /// Whether events of writing are wanted, too.
    pub(crate) fn watch_writing(&self, token: Token, fd: BorrowedFd<'_>, wanted: bool) {
        let interest = if wanted { Interest::BOTH_EDGES } else { Interest::READABLE_EDGES };
        let changed = self.poller.borrow_mut().modify(token, fd, interest);
        assert!(changed.is_ok(), "a descriptor that is watched can be watched for more: {changed:?}");
    }

    pub(crate) fn unwatch(&self, token: Token, fd: BorrowedFd<'_>) {
        let _ = self.poller.borrow_mut().deregister(token, fd);
        // A waiter for the last owner of the place must not stay with it.
        self.sources.borrow_mut().start(token);
    }

    pub(crate) fn poll_side(&self, token: Token, side: Side, context: &Context<'_>) -> Poll<()> {
        self.sources.borrow_mut().poll(token, side, context)
    }

    pub(crate) fn clear_side(&self, token: Token, side: Side) {
        self.sources.borrow_mut().clear(token, side);
    }

    pub(crate) fn on_emptied(&self, token: Token) {
        self.sources.borrow_mut().on_emptied(token);
    }

    // Waiting.

    /// Takes in events; waits for one, or for a timer, or for another thread, if no task is ready. The clock is read behind that, for the
    /// whole turn that follows.
    pub(crate) fn wait_for_events(&self) -> io::Result<()> {
        self.starved.set(false);
        if !self.ready.is_empty() {
            let taken = self.take_events(Some(Duration::ZERO));
            self.read_clock();
            return taken.map(drop);
        }
        let start = self.read_clock();
        let looks = !self.budget().is_zero();
        if self.look_for_events(start)? {
            self.starved.set(self.now.get() - start >= STARVED);
            return Ok(());
        }
        self.starved.set(true);
        if !self.ready.try_sleep() {
            return Ok(());
        }
        self.count(|stats| stats.sleeps += 1);
        let any = self.take_events(self.until_timer());
        self.ready.awake();
        let woken = self.read_clock();
        // Who has looked has learnt from that already.
        if any? && !looks {
            self.learn(|patience| patience.on_woken(woken - start));
        }
        Ok(())
    }

    /// Whether this thread has just had to wait for others.
    pub(crate) fn was_starved(&self) -> bool {
        self.starved.get()
    }

    /// How long to look for events. Where many peers are under way they go on without this thread: what it finds after a sleep is more at
    /// once, for fewer system calls.
    fn budget(&self) -> Duration {
        if self.crowd.borrow().is_large() { Duration::ZERO } else { self.patience.get().budget() }
    }

    fn until_timer(&self) -> Option<Duration> {
        self.timers.borrow().next_deadline().map(|deadline| deadline - self.now.get())
    }

    /// Asks for events without sleeping, for as long as it seems to pay, and reads the clock each time; true if the turn is to go on.
    fn look_for_events(&self, start: Instant) -> io::Result<bool> {
        // A sleep this short would be several times too long.
        let to_timer = self.until_timer().filter(|left| *left <= self.patience.get().longest());
        let budget = to_timer.unwrap_or(self.budget());
        if budget.is_zero() && to_timer.is_none() {
            return Ok(false);
        }
        // Once at least, though a timer be due already: one that always is must not keep descriptors from being heard.
        for look in 1_u32.. {
            let any = self.take_events(Some(Duration::ZERO))?;
            let idle = self.read_clock() - start;
            if any {
                self.learn(|patience| patience.on_found(idle));
                return Ok(true);
            }
            if !self.ready.is_empty() {
                return Ok(true);
            }
            if idle >= budget {
                break;
            }
            if look % LOOKS == 1 {
                std::thread::yield_now();
            }
        }
        if to_timer.is_none() {
            self.learn(Patience::on_missed);
        }
        Ok(to_timer.is_some())
    }

    fn learn(&self, change: impl FnOnce(&mut Patience)) {
        let mut patience = self.patience.get();
        change(&mut patience);
        self.patience.set(patience);
    }

    /// Wakes who waits for a descriptor. The next time the same is most often waited for by the same task.
    fn wake_all(&self, token: Token, waiting: [(Side, Option<Waker>); 3]) {
        for (side, waker) in waiting {
            if let Some(waker) = waker {
                waker.wake_by_ref();
                let replaced = self.sources.borrow_mut().keep(token, side, waker);
                drop(replaced);
            }
        }
    }

    /// One wait; true if there was any event.
    fn take_events(&self, timeout: Option<Duration>) -> io::Result<bool> {
        self.count(|stats| stats.waits += 1);
        self.poller.borrow_mut().wait(timeout)?;
        let mut any = false;
        loop {
            let event = self.poller.borrow_mut().next_event();
            let Some(event) = event else { return Ok(any) };
            any = true;
            if event.token != self.alarm {
                let mut sources = self.sources.borrow_mut();
                self.crowd.borrow_mut().note(sources.is_stream(event.token).then_some(event.token));
                let waiting = sources.note(event);
                drop(sources);
                self.wake_all(event.token, waiting);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    /// A core that has learnt to look, after `events` events of so many `sockets` in turn.
    fn after(events: usize, sockets: usize, are_streams: bool) -> Core {
        let core = Core::new(&ExecutorOptions { look: Duration::from_micros(50) }).unwrap();
        let sockets: Vec<_> = (0..sockets).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        for socket in &sockets {
            let token = core.watch(socket.as_fd()).unwrap();
            if are_streams {
                core.on_emptied(token);
            }
        }
        for event in 0..events {
            let to = sockets[event % sockets.len()].local_addr().unwrap();
            sockets[0].send_to(&[0], to).unwrap();
            assert!(core.take_events(Some(Duration::ZERO)).unwrap());
            core.learn(|patience| match patience.budget() {
                Duration::ZERO => patience.on_woken(Duration::ZERO),
                _ => patience.on_found(Duration::ZERO),
            });
        }
        core
    }

    #[test]
    fn events_of_a_few_streams_are_looked_for_and_those_of_many_are_slept_for() {
        assert_eq!(after(100, 1, true).budget(), Duration::from_micros(50));
        assert_eq!(after(100, 4, true).budget(), Duration::from_micros(50));
        assert_eq!(after(100, 5, true).budget(), Duration::ZERO);
        assert_eq!(after(100, 40, true).budget(), Duration::ZERO);
    }

    /// A client may have a socket for each of its servers, and answers on all of them come that soon.
    #[test]
    fn datagrams_are_looked_for_on_however_many_sockets() {
        assert_eq!(after(100, 40, false).budget(), Duration::from_micros(50));
    }
}
