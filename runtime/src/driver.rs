//! Runs a [`Machine`] over UDP sockets.
//!
//! One turn: first what the machine wants to send, up to a bound, then the deadline (so that no flood can starve a timer),
//! then datagrams, bounded in number and in time, and then the hook of the layer above. A turn that took something in or
//! left something undone is followed by another after the other tasks had theirs. So what follows from a datagram (an
//! acknowledgment, say) leaves together with what the tasks make of it, in one datagram and one system call. A turn that
//! did neither ends with the timer.
//!
//! The driver shares the machine with the application by `Rc<RefCell>`: both run on one thread and take turns. Code
//! that changes the machine from outside calls [`DriverHandle::notify`] afterwards.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use base::{Duration, FourTuple, Instant, Machine, OwnedDatagram, Transmit};

use crate::deadline::Deadline;
use crate::executor::{Handle, Watched};
use crate::handover::Handover;
use crate::notice::{Flushed, Notice};
use crate::offload::MAX_SEND;
use crate::succession::Ways;
use crate::udp::{ReceiveBatch, UdpSocket};

/// Calls that receive, per socket and turn. Empty datagrams count by this, too.
const RECEIVE_CALLS: usize = 8;
/// Datagrams after which a turn receives no more. Acknowledgments and timers have to get their say.
const RECEIVE_DATAGRAMS: usize = 64;
/// After this time, too, a turn takes in no more. Datagrams take a third of a microsecond each; but those of a
/// handshake, with its signatures, a hundred and more: the answer to the first leaves before the next is taken in, so
/// that its peer can go on, and no client waits for all that arrived together with it.
const RECEIVE_TIME: Duration = Duration::from_micros(50);
/// Sends of a turn.
const TRANSMIT_CALLS: usize = 64;
/// Bytes after which a turn sends no more.
const TRANSMIT_BYTES: usize = 256 << 10;
/// For so long a socket may report nothing but errors until it counts as broken and is closed. A report about an earlier
/// datagram comes once, and then that there is nothing; a system short of memory gets over it.
const ERRORS_TOLERATED: Duration = Duration::from_secs(5);
/// Reports of sockets that are kept until the layer above takes them; the oldest give way. Taken after each turn, and a turn
/// takes in no more.
const MAX_REPORTS: usize = 64;

/// A future that runs a machine; to be spawned. It only ends with an error of its last socket.
pub struct Driver<M, F> {
    handle: Handle,
    machine: Rc<RefCell<M>>,
    on_progress: F,
    sockets: Vec<Bound>,
    /// To and from the other workers, if there are any, and what has come from them and is not taken in.
    handover: Option<Handover>,
    /// To the servers before this one.
    ways: Ways,
    handed_over: VecDeque<OwnedDatagram>,
    notice: Rc<Notice>,
    shared: Rc<Shared>,
    deadline: Deadline,
    batch: ReceiveBatch,
    buffer: Box<[u8]>,
    held: Option<Held>,
    /// The socket that is the first to be asked.
    first: usize,
    /// What the machine had to tell was not asked for: there is no use in offering it at each turn.
    is_news_left: bool,
}

/// A socket in use.
#[derive(Debug)]
struct Bound {
    socket: Watched<UdpSocket>,
    /// It receives what is for one peer, and nothing is sent by it.
    is_inlet: bool,
    /// When its errors began that nothing has come between. Each has its own: one of several may be on an interface that is
    /// gone, and the others neither excuse it nor suffer for it.
    errors_since: Option<Instant>,
}

impl Bound {
    fn new(socket: Watched<UdpSocket>) -> Bound {
        Bound { socket, is_inlet: false, errors_since: None }
    }
}

/// What met a full socket: it stays in the buffer and is sent before anything else.
#[derive(Clone, Copy)]
struct Held {
    transmit: Transmit,
    /// Bytes that are sent.
    done: usize,
    socket: usize,
}

/// Whether a part of a turn is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// More could be done at once.
    Something,
}

/// Tells a driver that its machine was changed from outside.
#[derive(Clone)]
pub struct DriverHandle {
    handle: Handle,
    notice: Rc<Notice>,
    shared: Rc<Shared>,
}

/// What a driver and its handles tell each other about sockets.
#[derive(Default)]
struct Shared {
    errors: RefCell<VecDeque<SocketError>>,
    pathless: RefCell<VecDeque<FourTuple>>,
    changes: RefCell<Vec<Change>>,
    are_ports_shared: Cell<bool>,
    /// Who waits for that.
    sharing: RefCell<Option<Waker>>,
}

/// What is to happen to the sockets at the next turn.
enum Change {
    Add(Bound),
    Remove(SocketAddr),
    Share,
}

/// What a socket reported instead of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketError {
    /// Where the socket is bound.
    pub local: SocketAddr,
    /// What it reported: `ConnectionRefused`, say, when a host has nobody there.
    pub kind: io::ErrorKind,
    /// Where the datagram was sent that this is about, if the socket was opened with [`UdpOptions::reports`].
    ///
    /// [`UdpOptions::reports`]: crate::UdpOptions::reports
    pub remote: Option<SocketAddr>,
}

impl Shared {
    fn keep_error(&self, error: SocketError) {
        let mut errors = self.errors.borrow_mut();
        if errors.back() == Some(&error) {
            return;
        }
        if errors.len() == MAX_REPORTS {
            errors.pop_front();
        }
        errors.push_back(error);
    }

    fn keep_pathless(&self, path: FourTuple) {
        let mut pathless = self.pathless.borrow_mut();
        if !pathless.contains(&path) {
            // More paths than these are not in use at the same time by a client, and a server does not move.
            pathless.truncate(MAX_REPORTS - 1);
            pathless.push_back(path);
        }
    }
}

impl DriverHandle {
    /// Has the driver call `transmit` and read the deadline soon. Calling it often costs no more than once.
    pub fn notify(&self) {
        self.notice.notify();
    }

    /// Ready when all that the machine wants to send now has been handed to the system or been given up with its socket.
    /// The driver is notified.
    pub fn flushed(&self) -> Flushed {
        Flushed::new(&self.notice)
    }

    /// Runs the machine on one socket more: a connection is about to move there.
    ///
    /// # Errors
    /// The socket cannot be watched. The driver goes on with those it has.
    pub fn add_socket(&self, socket: UdpSocket) -> io::Result<()> {
        let bound = Bound::new(self.handle.watch(socket)?);
        self.shared.changes.borrow_mut().push(Change::Add(bound));
        self.notify();
        Ok(())
    }

    /// Receives by one socket more, which was bound beside another ([`UdpSocket::bind_beside`]). All is still sent by the others.
    ///
    /// # Errors
    /// As for [`DriverHandle::add_socket`].
    pub fn add_inlet(&self, socket: UdpSocket) -> io::Result<()> {
        let bound = Bound { is_inlet: true, ..Bound::new(self.handle.watch(socket)?) };
        self.shared.changes.borrow_mut().push(Change::Add(bound));
        self.notify();
        Ok(())
    }

    /// Lets another server take over the ports of all sockets there are now ([`UdpOptions::take_over`]). Until one does, they
    /// receive as before. Ready when one may, which takes a turn of the driver. One task at a time waits for this.
    ///
    /// [`UdpOptions::take_over`]: crate::UdpOptions::take_over
    pub fn share_ports(&self) -> impl Future<Output = ()> + use<> {
        let (shared, notice) = (self.shared.clone(), self.notice.clone());
        shared.changes.borrow_mut().push(Change::Share);
        notice.notify();
        std::future::poll_fn(move |context| {
            if shared.are_ports_shared.get() || notice.is_over() {
                return Poll::Ready(());
            }
            *shared.sharing.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
    }

    /// Closes the socket that is bound there. What was still to be sent or received by it is lost.
    pub fn remove_socket(&self, local: SocketAddr) {
        self.shared.changes.borrow_mut().push(Change::Remove(local));
        self.notify();
    }

    /// The next thing that a socket has reported instead of a datagram. Each report is given once, and the same in a row
    /// counts as one; they are there when the driver calls `on_progress`. Those that are not taken give way to the newest 64.
    pub fn take_error(&self) -> Option<SocketError> {
        self.shared.errors.borrow_mut().pop_front()
    }

    /// The next path on which the system would not send: no way leads from its local address to the other. As
    /// [`DriverHandle::take_error`], but each path once.
    pub fn take_pathless(&self) -> Option<FourTuple> {
        self.shared.pathless.borrow_mut().pop_front()
    }
}

impl fmt::Debug for DriverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverHandle").field("notice", &self.notice).finish_non_exhaustive()
    }
}

impl<M: Machine, F: FnMut(&mut M, Instant)> Driver<M, F> {
    /// A driver for `machine` on one socket or several. `on_progress` is called after each turn in which the machine took
    /// something in, or has news of what it sent ([`Machine::has_news`]), with the machine borrowed: it is the place to poll events and
    /// to wake the tasks that wait for them.
    ///
    /// # Errors
    /// A socket cannot be watched.
    pub fn new(
        handle: &Handle,
        sockets: Vec<UdpSocket>,
        machine: Rc<RefCell<M>>,
        on_progress: F,
    ) -> io::Result<(Driver<M, F>, DriverHandle)> {
        let watch = |socket| handle.watch(socket).map(Bound::new);
        let sockets = sockets.into_iter().map(watch).collect::<io::Result<Vec<_>>>()?;
        let (notice, shared) = (Rc::new(Notice::default()), Rc::new(Shared::default()));
        let driver = Driver {
            handle: handle.clone(),
            machine,
            on_progress,
            sockets,
            handover: None,
            ways: Ways::default(),
            handed_over: VecDeque::new(),
            notice: notice.clone(),
            shared: shared.clone(),
            deadline: Deadline::new(handle.sleep_until(Instant::MAX)),
            batch: ReceiveBatch::new(),
            buffer: vec![0; MAX_SEND].into(),
            held: None,
            first: 0,
            is_news_left: false,
        };
        Ok((driver, DriverHandle { handle: handle.clone(), notice, shared }))
    }

    /// Has the driver exchange datagrams with those of other workers, and give servers before this one what is theirs: to be called
    /// before it is spawned.
    ///
    /// # Errors
    /// The system does not let one of those servers be watched.
    pub fn set_handover(&mut self, handover: Handover) -> io::Result<()> {
        self.ways = handover.predecessors().ways(&self.handle)?;
        self.handover = Some(handover);
        Ok(())
    }

    /// Where its sockets are bound, in the order they were given.
    pub fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(|bound| bound.socket.inner().local_address())
    }

    /// One turn; says whether another should follow at once.
    fn turn(&mut self, context: &mut Context<'_>) -> io::Result<Left> {
        self.notice.on_turn();
        self.change_sockets();
        let mut progress = false;
        let begun = self.handle.read_clock();
        let (unsent, sent) = self.transmit(begun, context, &mut progress);
        let now = if sent > 0 { self.handle.read_clock() } else { begun };
        let left = self.receive(now, context, &mut progress)?;
        let brought = self.exchange(now, context, &mut progress);
        // What waits is heard first: on a machine that has stalled an acknowledgment may be in the socket since before the deadline. No
        // flood keeps the deadline waiting, since a turn takes in only so much.
        progress |= self.check_deadline(now);
        self.hand_over(context);
        if progress {
            (self.on_progress)(&mut self.machine.borrow_mut(), now);
        }
        self.is_news_left = self.machine.borrow().has_news();
        if progress || [left, unsent, brought].contains(&Left::Something) {
            return Ok(Left::Something);
        }
        self.notice.on_wait(context);
        Ok(self.set_timer(context))
    }

    fn change_sockets(&mut self) {
        if self.shared.changes.borrow().is_empty() {
            return;
        }
        for change in self.shared.changes.take() {
            match change {
                Change::Add(bound) => self.sockets.push(bound),
                Change::Share => self.share_ports(),
                Change::Remove(local) => {
                    let place = self.local_addresses().position(|bound| bound == local);
                    if let Some(place) = place {
                        self.close_socket(place);
                    }
                }
            }
        }
    }

    /// A system that does not let others bind beside keeps the port taken until the end, as it always was.
    fn share_ports(&self) {
        for bound in self.sockets.iter().filter(|bound| !bound.is_inlet) {
            let _ = bound.socket.inner().share();
        }
        self.shared.are_ports_shared.set(true);
        if let Some(waiting) = self.shared.sharing.take() {
            waiting.wake();
        }
    }

    /// What waits for it is lost with it.
    fn close_socket(&mut self, place: usize) {
        self.sockets.remove(place);
        self.held = self.held.filter(|held| held.socket != place).map(|held| {
            let socket = held.socket - usize::from(held.socket > place);
            Held { socket, ..held }
        });
    }

    fn check_deadline(&mut self, now: Instant) -> bool {
        let mut machine = self.machine.borrow_mut();
        let due = self.deadline.is_due(machine.deadline(), now);
        if due {
            machine.on_timeout(now);
        }
        due
    }

    /// Takes in what other workers have brought, as much as a turn may take.
    fn exchange(&mut self, now: Instant, context: &Context<'_>, progress: &mut bool) -> Left {
        let Some(handover) = &self.handover else { return Left::Nothing };
        if self.handed_over.is_empty() {
            handover.poll_receive(context, &mut self.handed_over);
        }
        for _ in 0..RECEIVE_DATAGRAMS {
            let Some(mut datagram) = self.handed_over.pop_front() else { return Left::Nothing };
            self.machine.borrow_mut().receive(now, datagram.borrow());
            *progress = true;
        }
        Left::Something
    }

    /// Brings other workers what is theirs.
    fn hand_over(&mut self, context: &mut Context<'_>) {
        let Some(handover) = &self.handover else { return };
        let mut machine = self.machine.borrow_mut();
        while let Some((worker, datagram)) = machine.poll_handover() {
            handover.send(worker, datagram);
        }
        handover.flush(&self.ways, context);
    }

    fn receive(&mut self, now: Instant, context: &mut Context<'_>, progress: &mut bool) -> io::Result<Left> {
        // What the turn before had no time for.
        let (datagrams, mut left) = self.take_in(now);
        *progress |= datagrams > 0;
        for _ in 0..self.sockets.len() {
            if left == Left::Something {
                break;
            }
            // Where one of them ends the turn, the next turn begins with the one after it.
            let place = self.first % self.sockets.len();
            self.first = place + 1;
            left = match self.receive_from(place, now, context, progress) {
                Ok(left) => left,
                Err(error) if self.sockets.len() == 1 => return Err(error),
                Err(_) => {
                    self.close_socket(place);
                    Left::Something
                }
            };
        }
        Ok(left)
    }

    /// Takes in what waits at one socket. Its error ends it.
    fn receive_from(
        &mut self,
        place: usize,
        now: Instant,
        context: &mut Context<'_>,
        progress: &mut bool,
    ) -> io::Result<Left> {
        let mut datagrams = 0;
        *progress |= self.take_reports(place);
        for _ in 0..RECEIVE_CALLS {
            let Bound { socket, errors_since, .. } = &mut self.sockets[place];
            if datagrams >= RECEIVE_DATAGRAMS || socket.poll_readable(context).is_pending() {
                break;
            }
            match socket.inner().receive(&mut self.batch) {
                Ok(()) => {
                    *errors_since = None;
                    if self.batch.is_last() {
                        socket.clear_readable();
                    }
                    let (taken, left) = self.take_in(now);
                    datagrams += taken;
                    *progress |= taken > 0;
                    if left == Left::Something {
                        return Ok(left);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    *errors_since = None;
                    socket.clear_readable();
                }
                Err(error) => {
                    let since = *errors_since.get_or_insert(now);
                    let local = socket.inner().local_address();
                    if !self.take_reports(place) {
                        self.shared.keep_error(SocketError { local, kind: error.kind(), remote: None });
                    }
                    *progress = true;
                    if now - since >= ERRORS_TOLERATED {
                        return Err(error);
                    }
                    break;
                }
            }
        }
        // Asked again even after the last batch: it also leaves the waker for what comes next.
        let readable = self.sockets[place].socket.poll_readable(context).is_ready();
        Ok(if readable { Left::Something } else { Left::Nothing })
    }

    /// What a socket has to report about earlier datagrams, as much as is kept: whether there was anything.
    fn take_reports(&self, place: usize) -> bool {
        let socket = self.sockets[place].socket.inner();
        let mut taken = 0;
        while taken < MAX_REPORTS
            && let Some((kind, remote)) = socket.take_report()
        {
            self.shared.keep_error(SocketError { local: socket.local_address(), kind, remote });
            taken += 1;
        }
        taken > 0
    }

    /// Takes in what was received, as long as there is time: how many datagrams, and whether the time was over.
    fn take_in(&mut self, now: Instant) -> (usize, Left) {
        let mut datagrams = 0;
        while let Some(message) = self.batch.next_message() {
            let mut machine = self.machine.borrow_mut();
            for datagram in message.datagrams() {
                machine.receive(now, datagram);
                datagrams += 1;
            }
            if self.handle.read_clock() - now >= RECEIVE_TIME {
                return (datagrams, Left::Something);
            }
        }
        (datagrams, Left::Nothing)
    }

    /// Sends what the machine has: whether something is left, and how many bytes the system took.
    fn transmit(&mut self, now: Instant, context: &mut Context<'_>, progress: &mut bool) -> (Left, usize) {
        let mut bytes = 0;
        for _ in 0..TRANSMIT_CALLS {
            if bytes >= TRANSMIT_BYTES {
                return (Left::Something, bytes);
            }
            let Some(held) = self.held.take().or_else(|| self.next_transmit(now)) else {
                self.notice.on_flushed();
                *progress |= !self.is_news_left && self.machine.borrow().has_news();
                return (Left::Nothing, bytes);
            };
            let Some(Bound { socket, .. }) = self.sockets.get(held.socket) else {
                assert!(self.sockets.is_empty(), "what waits for a socket that is closed is dropped with it");
                continue;
            };
            if socket.poll_writable(context).is_pending() {
                self.held = Some(held);
                return (Left::Nothing, bytes);
            }
            let rest = Transmit { len: held.transmit.len - held.done, ..held.transmit };
            let payload = &self.buffer[held.done..held.transmit.len];
            let pathless = socket.inner().offload().pathless;
            let sent = socket.inner().send(&rest, payload);
            bytes += sent;
            if socket.inner().offload().pathless != pathless {
                self.shared.keep_pathless(rest.four_tuple);
                *progress = true;
            }
            if sent < payload.len() {
                self.held = Some(Held { done: held.done + sent, ..held });
                socket.clear_writable();
            }
        }
        (Left::Something, bytes)
    }

    fn next_transmit(&mut self, now: Instant) -> Option<Held> {
        let transmit = self.machine.borrow_mut().transmit(now, &mut self.buffer)?;
        assert!(transmit.len <= self.buffer.len(), "the machine says that it wrote more than there is room for");
        Some(Held { transmit, done: 0, socket: self.socket_for(transmit.four_tuple) })
    }

    /// The socket that is bound to the local address; else one bound to any address with its port; else one that can
    /// reach the peer at all.
    fn socket_for(&self, four_tuple: FourTuple) -> usize {
        if self.sockets.len() <= 1 {
            return 0;
        }
        let local = four_tuple.local;
        let quality = |bound: &Bound| {
            if bound.is_inlet {
                return 0;
            }
            let bound = bound.socket.inner().local_address();
            let family = bound.is_ipv4() == four_tuple.remote.is_ipv4();
            let any = bound.ip().is_unspecified() && (family || bound.is_ipv6());
            match bound.port() == local.port() {
                true if bound.ip() == local.ip() => 4,
                true if any => 3,
                _ if family => 2,
                _ if any => 1,
                _ => 0,
            }
        };
        let mut best = (0, 0);
        for (place, bound) in self.sockets.iter().enumerate() {
            let quality = quality(bound);
            if quality > best.0 {
                best = (quality, place);
            }
        }
        best.1
    }

    fn set_timer(&mut self, context: &mut Context<'_>) -> Left {
        let deadline = self.machine.borrow().deadline();
        if self.deadline.poll(deadline, context).is_ready() { Left::Something } else { Left::Nothing }
    }
}

/// Nothing in it is ever pinned.
impl<M, F> Unpin for Driver<M, F> {}

impl<M: Machine, F: FnMut(&mut M, Instant)> Future for Driver<M, F> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.turn(context) {
            Ok(Left::Nothing) => Poll::Pending,
            Ok(Left::Something) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<M, F> Drop for Driver<M, F> {
    fn drop(&mut self) {
        self.notice.on_over();
    }
}

impl<M, F> fmt::Debug for Driver<M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
