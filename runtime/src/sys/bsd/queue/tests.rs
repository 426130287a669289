//! A kernel that does what kqueue(2) of macOS and FreeBSD says, over descriptors whose state the tests set.

use super::*;
use crate::sys::bsd::errno::{EINTR, ENOMEM};
use crate::sys::bsd::types::EV_RECEIPT;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd;
use std::rc::Rc;

const ECONNRESET: u32 = 54;
const NOW: Option<Duration> = Some(Duration::ZERO);

/// The state of a socket.
#[derive(Clone, Copy, Default)]
struct Socket {
    waiting: u32,
    room: u32,
    input_ended: bool,
    output_ended: bool,
    error: u32,
}

/// A filter that was added.
#[derive(Clone, Copy)]
struct Note {
    flags: u16,
    key: u64,
    /// It is in the queue of those to be told.
    active: bool,
    /// Of a user's event: it was triggered.
    triggered: bool,
}

#[derive(Default)]
struct State {
    sockets: BTreeMap<usize, Socket>,
    notes: BTreeMap<(usize, i16), Note>,
    order: VecDeque<(usize, i16)>,
    /// Errors that the next changes meet, whatever they are.
    refusals: VecDeque<i32>,
    interrupted: bool,
    changes: usize,
}

#[derive(Clone, Default)]
struct Fake(Rc<RefCell<State>>);

impl State {
    /// What the filter says now: whether it holds, its data, and what it adds to the flags.
    fn holds(&self, (ident, filter): (usize, i16)) -> Option<(u16, u32, i64)> {
        if filter == EVFILT_USER {
            return self.notes.get(&(ident, filter)).filter(|note| note.triggered).map(|_| (0, 0, 0));
        }
        let socket = self.sockets.get(&ident)?;
        let (amount, has_ended) = match filter {
            EVFILT_READ => (socket.waiting, socket.input_ended),
            _ => (socket.room, socket.output_ended),
        };
        let ended = if has_ended { (EV_EOF, socket.error) } else { (0, 0) };
        (has_ended || amount > 0 || socket.error != 0).then_some((ended.0, ended.1, i64::from(amount)))
    }

    /// Something was added to the state of this filter.
    fn activate(&mut self, at: (usize, i16)) {
        let holds = self.holds(at).is_some();
        if let Some(note) = self.notes.get_mut(&at).filter(|note| holds && !note.active) {
            note.active = true;
            self.order.push_back(at);
        }
    }

    fn change_one(&mut self, change: &KernelEvent) -> i32 {
        assert!(change.flags & EV_RECEIPT != 0, "without it, events would be taken in the place of receipts");
        self.changes += 1;
        if let Some(error) = self.refusals.pop_front().filter(|error| *error != 0) {
            return error;
        }
        let at = (change.ident, change.filter);
        if change.filter != EVFILT_USER && !self.sockets.contains_key(&change.ident) {
            // The manual has EBADF here; a filter of a descriptor that was closed is gone, which is ENOENT.
            return if change.flags & EV_ADD != 0 { 9 } else { ENOENT };
        }
        if change.flags & EV_ADD != 0 {
            let new = Note { flags: change.flags, key: change.key, active: false, triggered: false };
            // Adding once more changes parameters, and neither its mode nor what was told.
            self.notes.entry(at).or_insert(new);
        }
        let Some(note) = self.notes.get_mut(&at) else { return ENOENT };
        if change.flags & EV_DELETE != 0 {
            self.notes.remove(&at);
            self.order.retain(|other| *other != at);
            return 0;
        }
        note.key = change.key;
        note.triggered |= change.filter == EVFILT_USER && change.filter_flags & NOTE_TRIGGER != 0;
        self.activate(at);
        0
    }
}

impl Kernel for Fake {
    fn change(&self, changes: &mut [KernelEvent]) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        for change in changes {
            let error = state.change_one(change);
            change.flags |= EV_ERROR;
            change.data = i64::from(error);
        }
        Ok(())
    }

    fn wait(&self, events: &mut [KernelEvent], _timeout: Option<Duration>) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        if std::mem::take(&mut state.interrupted) {
            return Err(io::Error::from_raw_os_error(EINTR));
        }
        let mut count = 0;
        for at in std::mem::take(&mut state.order) {
            let said = state.holds(at);
            let Some(note) = state.notes.get_mut(&at) else { continue };
            note.active = false;
            let Some((flags, filter_flags, data)) = said else { continue };
            if count == events.len() {
                note.active = true;
                state.order.push_back(at);
                continue;
            }
            let (key, is_edge) = (note.key, note.flags & EV_CLEAR != 0);
            note.triggered &= !is_edge;
            let flags = note.flags & EV_CLEAR | flags;
            events[count] = KernelEvent { flags, filter_flags, data, ..change(at.0, at.1, 0, key) };
            count += 1;
            if !is_edge {
                note.active = true;
                state.order.push_back(at);
            }
        }
        Ok(count)
    }

    fn second(&self) -> io::Result<Fake> {
        Ok(self.clone())
    }
}

/// Descriptors that are open as long as a test runs: only their numbers are used.
struct Open(Vec<std::net::UdpSocket>);

impl Open {
    fn fd(&self, place: usize) -> BorrowedFd<'_> {
        self.0[place].as_fd()
    }
}

fn set_up(count: usize) -> (Queue<Fake>, Fake, Open) {
    let kernel = Fake::default();
    let sockets = (0..count).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let open = Open(sockets.collect());
    for place in 0..count {
        kernel.open(open.fd(place));
    }
    (Queue::over(kernel.clone()), kernel, open)
}

impl Fake {
    fn open(&self, fd: BorrowedFd<'_>) {
        self.0.borrow_mut().sockets.insert(ident_of(fd), Socket::default());
    }

    /// Closing removes all filters.
    fn close(&self, fd: BorrowedFd<'_>) {
        let mut state = self.0.borrow_mut();
        state.sockets.remove(&ident_of(fd));
        state.notes.retain(|at, _| at.0 != ident_of(fd) || at.1 == EVFILT_USER);
        let State { order, notes, .. } = &mut *state;
        order.retain(|at| notes.contains_key(at));
    }

    /// Something happens to a socket: both filters hear of it, as whatever wakes one direction of a reset wakes the other.
    fn happens(&self, fd: BorrowedFd<'_>, change: impl FnOnce(&mut Socket)) {
        let mut state = self.0.borrow_mut();
        let before = state.sockets[&ident_of(fd)];
        let mut after = before;
        change(&mut after);
        state.sockets.insert(ident_of(fd), after);
        let has_broken = before.error != after.error;
        if after.waiting > before.waiting || before.input_ended != after.input_ended || has_broken {
            state.activate((ident_of(fd), EVFILT_READ));
        }
        if after.room > before.room || before.output_ended != after.output_ended || has_broken {
            state.activate((ident_of(fd), EVFILT_WRITE));
        }
    }

    fn filters(&self) -> usize {
        self.0.borrow().notes.len()
    }
}

/// Key, readable, writable, hung up.
fn told(queue: &mut Queue<Fake>) -> Vec<(u64, bool, bool, bool)> {
    let count = queue.wait(NOW).unwrap();
    let all = (0..count).map(|place| queue.happening(place).unwrap());
    let all = all.map(|told| (told.key, told.readable, told.writable, told.hung_up)).collect();
    assert!(queue.happening(count).is_none());
    all
}

#[test]
fn a_level_lasts_and_an_edge_does_not() {
    let (mut queue, kernel, open) = set_up(1);
    queue.add(open.fd(0), 7, true, false, false).unwrap();
    assert!(told(&mut queue).is_empty());
    kernel.happens(open.fd(0), |socket| socket.waiting = 5);
    for _ in 0..3 {
        assert_eq!(told(&mut queue), [(7, true, false, false)]);
    }
    kernel.happens(open.fd(0), |socket| socket.waiting = 0);
    assert!(told(&mut queue).is_empty(), "it was read");
    kernel.happens(open.fd(0), |socket| socket.waiting = 1);
    queue.change(open.fd(0), 7, true, false, true).unwrap();
    assert_eq!(told(&mut queue), [(7, true, false, false)], "what lasts is told anew");
    assert!(told(&mut queue).is_empty());
    kernel.happens(open.fd(0), |socket| socket.waiting = 2);
    assert_eq!(told(&mut queue), [(7, true, false, false)], "more has come, though nothing was read");
    queue.change(open.fd(0), 7, true, false, true).unwrap();
    assert_eq!(told(&mut queue), [(7, true, false, false)], "on edges too");
}

#[test]
fn interest_decides_what_is_told_and_both_directions_are_one_happening() {
    for edge in [false, true] {
        for (readable, writable) in [(true, false), (false, true), (true, true), (false, false)] {
            let (mut queue, kernel, open) = set_up(1);
            kernel.happens(open.fd(0), |socket| (socket.waiting, socket.room) = (1, 1));
            queue.add(open.fd(0), 7, readable, writable, edge).unwrap();
            let expected: &[_] = if readable || writable { &[(7, readable, writable, false)] } else { &[] };
            assert_eq!(told(&mut queue), expected);
            queue.remove(open.fd(0)).unwrap();
            assert!(told(&mut queue).is_empty());
            assert_eq!(kernel.filters(), 0);
        }
    }
}

#[test]
fn happenings_of_several_descriptors_are_kept_apart() {
    let (mut queue, kernel, open) = set_up(3);
    for place in 0..3 {
        queue.add(open.fd(place), place as u64, true, true, true).unwrap();
    }
    kernel.happens(open.fd(0), |socket| socket.waiting = 1);
    kernel.happens(open.fd(2), |socket| socket.room = 1);
    kernel.happens(open.fd(0), |socket| socket.room = 1);
    kernel.happens(open.fd(1), |socket| socket.room = 1);
    assert_eq!(told(&mut queue), [(0, true, true, false), (2, false, true, false), (1, false, true, false)]);
    kernel.happens(open.fd(1), |socket| socket.waiting = 1);
    assert_eq!(told(&mut queue), [(1, true, false, false)], "its place of the wait before means nothing");
}

/// What epoll tells as EPOLLHUP or EPOLLERR, and what it does not.
#[test]
fn an_end_is_a_hang_up_if_it_is_an_error_or_of_both_directions() {
    type Change = fn(&mut Socket);
    let cases: [(&str, Change, (bool, bool, bool)); 4] = [
        ("the peer ends", |socket| socket.input_ended = true, (true, false, false)),
        ("we end", |socket| socket.output_ended = true, (false, true, false)),
        ("both", |socket| (socket.input_ended, socket.output_ended) = (true, true), (true, true, true)),
        (
            "reset",
            |socket| (socket.input_ended, socket.output_ended, socket.error) = (true, true, ECONNRESET),
            (true, true, true),
        ),
    ];
    for (what, change, (readable, writable, hung_up)) in cases {
        let (mut queue, kernel, open) = set_up(1);
        queue.add(open.fd(0), 7, true, true, true).unwrap();
        kernel.happens(open.fd(0), change);
        assert_eq!(queue.wait(NOW).unwrap(), 1);
        let told = queue.happening(0).unwrap();
        assert_eq!((told.key, told.readable, told.writable, told.hung_up), (7, readable, writable, hung_up), "{what}");
        assert_eq!(told.ended, what != "we end", "{what}");
    }
    // One after the other, each told by its own wait.
    let (mut queue, kernel, open) = set_up(1);
    queue.add(open.fd(0), 7, true, true, true).unwrap();
    kernel.happens(open.fd(0), |socket| socket.input_ended = true);
    assert_eq!(told(&mut queue), [(7, true, false, false)]);
    kernel.happens(open.fd(0), |socket| socket.output_ended = true);
    assert_eq!(told(&mut queue), [(7, true, true, true)]);
    // Whoever waits for one direction only hears of a reset, and that it concerns the other as well; also behind an end.
    for (readable, writable) in [(true, false), (false, true)] {
        let (mut queue, kernel, open) = set_up(1);
        queue.add(open.fd(0), 7, readable, writable, true).unwrap();
        kernel.happens(open.fd(0), |socket| socket.input_ended = true);
        assert_eq!(told(&mut queue).len(), usize::from(readable));
        kernel.happens(open.fd(0), |socket| (socket.output_ended, socket.error) = (true, ECONNRESET));
        assert_eq!(told(&mut queue), [(7, true, true, true)]);
    }
}

#[test]
fn a_registration_ends_once_and_is_made_once() {
    let (mut queue, kernel, open) = set_up(2);
    for (readable, writable) in [(true, false), (false, true), (true, true)] {
        queue.add(open.fd(0), 7, readable, writable, true).unwrap();
        let twice = queue.add(open.fd(0), 8, true, true, true).unwrap_err();
        assert_eq!(twice.raw_os_error(), Some(EEXIST));
        assert_eq!(queue.change(open.fd(0), 8, true, true, true).unwrap_err().raw_os_error(), Some(ENOENT));
        assert_eq!(queue.change(open.fd(1), 7, true, true, true).unwrap_err().raw_os_error(), Some(ENOENT));
        assert_eq!(queue.remove(open.fd(1)).unwrap_err().raw_os_error(), Some(ENOENT));
        queue.remove(open.fd(0)).unwrap();
        assert_eq!(queue.remove(open.fd(0)).unwrap_err().raw_os_error(), Some(ENOENT));
    }
    assert_eq!(kernel.filters(), 0);
}

/// The kernel forgets what is closed, and gives its number to the next.
#[test]
fn a_descriptor_that_was_closed_while_it_was_watched_is_in_nobodys_way() {
    let (mut queue, kernel, open) = set_up(1);
    queue.add(open.fd(0), 7, true, true, true).unwrap();
    kernel.happens(open.fd(0), |socket| socket.waiting = 1);
    kernel.close(open.fd(0));
    assert!(told(&mut queue).is_empty());
    kernel.open(open.fd(0));
    queue.add(open.fd(0), 8, true, false, true).unwrap();
    kernel.happens(open.fd(0), |socket| (socket.waiting, socket.input_ended) = (1, true));
    assert_eq!(told(&mut queue), [(8, true, false, false)], "nothing of the one before is remembered");
    kernel.close(open.fd(0));
    queue.remove(open.fd(0)).unwrap();
    assert_eq!(kernel.filters(), 0);
}

#[test]
fn a_refusal_is_told_and_leaves_nothing_behind() {
    for place in 0..2 {
        let (mut queue, kernel, open) = set_up(1);
        let refusals: Vec<i32> = (0..2).map(|change| if change == place { ENOMEM } else { 0 }).collect();
        kernel.0.borrow_mut().refusals = refusals.into();
        let refused = queue.add(open.fd(0), 7, true, true, true).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(ENOMEM));
        assert_eq!(kernel.filters(), 0);
        queue.add(open.fd(0), 7, true, true, true).unwrap();
        // A change that is refused ends the registration: its owner is told, and removes it.
        kernel.0.borrow_mut().refusals = [0, 0, 0, ENOMEM].into();
        assert!(queue.change(open.fd(0), 7, true, true, false).is_err());
        assert_eq!(kernel.filters(), 0);
    }
    // A pipe without readers.
    let (mut queue, kernel, open) = set_up(1);
    kernel.0.borrow_mut().refusals = [EPIPE].into();
    queue.add(open.fd(0), 7, false, true, true).unwrap();
}

#[test]
fn a_bell_is_heard_once_however_often_it_was_rung_and_not_after_its_end() {
    let (mut queue, kernel, open) = set_up(1);
    // A key that is the number of a descriptor as well.
    let key = ident_of(open.fd(0)) as u64;
    queue.add(open.fd(0), key + 1, true, false, true).unwrap();
    let bell = queue.add_bell(key).unwrap();
    assert!(told(&mut queue).is_empty());
    for _ in 0..3 {
        bell.ring();
        bell.ring();
        assert_eq!(told(&mut queue), [(key, true, false, false)]);
        assert!(told(&mut queue).is_empty());
    }
    bell.ring();
    kernel.happens(open.fd(0), |socket| socket.waiting = 1);
    assert_eq!(told(&mut queue), [(key, true, false, false), (key + 1, true, false, false)]);
    bell.ring();
    drop(bell);
    assert!(told(&mut queue).is_empty());
    assert_eq!(kernel.filters(), 1);
}

#[test]
fn more_events_than_one_wait_takes_come_with_the_next() {
    let (mut queue, kernel, _open) = set_up(0);
    let bells: Vec<_> = (0..EVENTS as u64 + 10).map(|key| queue.add_bell(key).unwrap()).collect();
    bells.iter().for_each(Bell::ring);
    assert_eq!(told(&mut queue).len(), EVENTS);
    assert_eq!(told(&mut queue).len(), 10);
    assert!(told(&mut queue).is_empty());
    drop(bells);
    assert_eq!(kernel.filters(), 0);
}

#[test]
fn an_interrupted_wait_tells_nothing_and_loses_nothing() {
    let (mut queue, kernel, open) = set_up(1);
    queue.add(open.fd(0), 7, true, false, true).unwrap();
    kernel.happens(open.fd(0), |socket| socket.waiting = 1);
    kernel.0.borrow_mut().interrupted = true;
    assert_eq!(queue.wait(None).unwrap_err().raw_os_error(), Some(EINTR));
    assert!(queue.happening(0).is_none());
    assert_eq!(told(&mut queue), [(7, true, false, false)]);
}

/// A registration, a change and an end are one call each: an accepted connection costs no more.
#[test]
fn registering_costs_one_change_for_each_filter() {
    let (mut queue, kernel, open) = set_up(1);
    queue.add(open.fd(0), 7, true, false, true).unwrap();
    assert_eq!(kernel.0.borrow().changes, 1);
    queue.change(open.fd(0), 7, true, true, true).unwrap();
    assert_eq!(kernel.0.borrow().changes, 4);
    queue.remove(open.fd(0)).unwrap();
    assert_eq!(kernel.0.borrow().changes, 6);
}

/// What a task that waits relies on: an edge for whatever came since it looked last, in any order of things.
#[test]
fn no_edge_is_lost_in_any_order_of_what_may_happen() {
    const STEPS: usize = 6;
    for mut script in 0..5u32.pow(STEPS as u32) {
        let (mut queue, kernel, open) = set_up(1);
        queue.add(open.fd(0), 7, true, false, true).unwrap();
        let (mut unseen, mut watches_writing) = (false, false);
        for _ in 0..STEPS {
            let step = script % 5;
            script /= 5;
            match step {
                0 => {
                    kernel.happens(open.fd(0), |socket| socket.waiting += 1);
                    unseen = true;
                }
                // The reader takes all that there is.
                1 => kernel.happens(open.fd(0), |socket| socket.waiting = 0),
                2 => {
                    watches_writing = !watches_writing;
                    queue.change(open.fd(0), 7, true, watches_writing, true).unwrap();
                }
                3 => kernel.happens(open.fd(0), |socket| socket.room += 1),
                _ => {
                    let waiting = kernel.0.borrow().sockets[&ident_of(open.fd(0))].waiting;
                    let readable = told(&mut queue).iter().any(|(_, readable, ..)| *readable);
                    assert!(readable || !unseen || waiting == 0);
                    unseen = false;
                }
            }
        }
    }
}
