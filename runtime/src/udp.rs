//! UDP sockets as QUIC wants them: non-blocking, never fragmenting, with marks and destination addresses in both
//! directions, and many datagrams to a system call.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use base::{Datagram, Ecn, FourTuple, Steering, Transmit};

use crate::intake::{Inlet, Intake};
use crate::offload::{Offload, Outlet};
#[cfg(test)]
use crate::sys::refusal::Call;
use crate::sys::{self, Arrival, Outgoing, SocketOptions};

/// How a socket is opened.
#[derive(Clone, Copy, Debug)]
pub struct UdpOptions {
    /// An IPv6 socket takes part in IPv6 only. False: one bound to `[::]` serves IPv4 hosts as well.
    pub only_ipv6: bool,
    /// Several sockets share the address, and the kernel spreads the peers over them: one for each worker thread.
    pub reuse_port: bool,
    /// Binds also where the sockets of a server are that ends ([`DriverHandle::share_ports`]), and receives in their place what
    /// is not for one of their connections. Nobody can do the same to this socket.
    ///
    /// [`DriverHandle::share_ports`]: crate::DriverHandle::share_ports
    pub take_over: bool,
    /// Bytes that may wait in the kernel to be received. It grants what its own limit allows.
    pub receive_buffer: usize,
    /// Bytes that may wait in the kernel to be sent.
    pub send_buffer: usize,
    /// Datagrams that follow each other are joined by the kernel and received as one.
    pub coalesce: bool,
    /// The system tells what became of datagrams that could not be delivered, and where they were sent: for clients, who
    /// want to know at once that nobody listens. A server would be told of every client that is gone.
    pub reports: bool,
    /// Most datagrams are to be marked ECT(0) ([`Transmit::ecn`]), and the socket does so by itself: that costs nothing, while a mark
    /// beside a datagram costs a look at the route. The mark that each is to have, it has in either case.
    pub marks: bool,
}

impl Default for UdpOptions {
    fn default() -> UdpOptions {
        UdpOptions {
            only_ipv6: false,
            reuse_port: false,
            take_over: false,
            // The kernel's 208 KiB hold four full sends: a burst that meets a busy receiver would be lost.
            receive_buffer: 4 << 20,
            send_buffer: 4 << 20,
            coalesce: true,
            reports: false,
            marks: true,
        }
    }
}

/// A bound UDP socket.
pub struct UdpSocket {
    socket: StdUdpSocket,
    local: SocketAddr,
    offload: Cell<Offload>,
    intake: Cell<Intake>,
    /// A call has failed by a report about an earlier datagram, and the reports themselves have not been taken.
    has_reports: Cell<bool>,
    /// The mark of what nothing is said of.
    usual: Cell<Ecn>,
}

fn in_words_of_the_system(address: SocketAddr, options: &UdpOptions) -> SocketOptions {
    SocketOptions {
        address,
        only_ipv6: options.only_ipv6,
        reuse_port: options.reuse_port,
        take_over: options.take_over,
        receive_buffer: options.receive_buffer,
        send_buffer: options.send_buffer,
        coalesce: options.coalesce,
        reports: options.reports,
    }
}

impl UdpSocket {
    /// Whether the system spreads peers over sockets that share an address ([`UdpOptions::reuse_port`]). Where it does not, one of
    /// them receives all, and more than one worker is of no use.
    pub const SPREADS: bool = sys::SPREADS;

    /// Opens a socket with [`UdpOptions::default`].
    ///
    /// # Errors
    /// The address is taken, not ours, or of a family that the system does not have.
    pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::bind_with(address, &UdpOptions::default())
    }

    /// Opens a socket.
    ///
    /// # Errors
    /// As for [`UdpSocket::bind`].
    pub fn bind_with(address: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
        let socket = UdpSocket::open(address, options)?;
        if options.take_over {
            sys::keep(socket.as_fd())?;
        }
        Ok(socket)
    }

    /// Opens a socket that receives what comes from `remote` to `local`, where another socket of this process is bound that may
    /// be bound beside, and goes on to receive it when another process takes over the port. Until it is connected to `remote`, for
    /// a moment, it may receive what is for others.
    ///
    /// # Errors
    /// As for [`UdpSocket::bind`].
    pub fn bind_beside(local: SocketAddr, remote: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
        let options = UdpOptions { take_over: true, reuse_port: false, ..*options };
        let socket = UdpSocket::open(local, &options)?;
        sys::receive_only_from(socket.as_fd(), remote, local.is_ipv6())?;
        Ok(socket)
    }

    /// Takes a socket that is bound already, by whoever started this process. How it shares its address is left as it is.
    ///
    /// # Errors
    /// It is no socket of UDP over IP.
    pub fn adopt(socket: StdUdpSocket, options: &UdpOptions) -> io::Result<UdpSocket> {
        let address = socket.local_addr()?;
        socket.set_nonblocking(true)?;
        sys::adopt_udp(socket.as_fd(), &in_words_of_the_system(address, options))?;
        UdpSocket::of(socket, options)
    }

    fn open(address: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
        let opened = sys::open_udp(&in_words_of_the_system(address, options))?;
        UdpSocket::of(StdUdpSocket::from(opened), options)
    }

    fn of(socket: StdUdpSocket, options: &UdpOptions) -> io::Result<UdpSocket> {
        let local = socket.local_addr()?;
        let offload = Cell::new(Offload::new(sys::supports_segmentation(socket.as_fd())));
        let (intake, has_reports) = (Cell::new(Intake::new()), Cell::new(false));
        let usual = if options.marks { sys::mark_all(socket.as_fd(), local.is_ipv6(), Ecn::Ect0) } else { Ecn::NotEct };
        Ok(UdpSocket { socket, local, offload, intake, has_reports, usual: Cell::new(usual) })
    }

    /// Shares the address with sockets that are bound later with [`UdpOptions::reuse_port`], although it was bound without: so
    /// an address that is taken is noticed.
    ///
    /// # Errors
    /// The system does not know of this.
    pub fn spread(&self) -> io::Result<()> {
        sys::spread(self.socket.as_fd())
    }

    /// Has the kernel give packets to the socket of the worker that their connection IDs name, wherever they come from, among
    /// those that share this address. To be called on one of them, once all are bound, in the order of their workers; and
    /// again for each address. Without it, or where the kernel refuses it, packets come by their addresses, and the workers
    /// hand them over ([`Handover`](crate::Handover)).
    ///
    /// # Errors
    /// The kernel is older than 4.6, or forbids it.
    pub fn steer(&self, steering: &Steering) -> io::Result<()> {
        sys::steer(self.socket.as_fd(), steering)
    }

    /// Has kernels before 6.13 prefer connected sockets to those that share this address. They look no further once they have
    /// found a socket that shares, unless one of its group was ever connected; what is for the last clients of a server that ends
    /// ([`UdpSocket::bind_beside`]) would come out here. For a server that has taken over, once its address is shared.
    ///
    /// # Errors
    /// The system gives no socket.
    pub fn mind_connected(&self) -> io::Result<()> {
        let options = UdpOptions { reuse_port: true, ..UdpOptions::default() };
        let member = UdpSocket::open(self.local, &options)?;
        sys::receive_only_from(member.as_fd(), self.local, self.local.is_ipv6())
    }

    /// Lets a later server take over the port ([`UdpOptions::take_over`]).
    pub(crate) fn share(&self) -> io::Result<()> {
        sys::share(self.socket.as_fd())
    }

    /// Where it is bound, with the port that the system chose if it was asked to.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// What the system has been found to do for us.
    pub fn offload(&self) -> Offload {
        self.offload.get()
    }

    /// Sends what `Machine::transmit` wrote: `payload` is the first `transmit.len` bytes of its buffer. Gives how many
    /// bytes are done with. Fewer than all means that the socket's buffer is full: what is left, whole segments, is to
    /// be sent when the socket is writable again. Zero bytes are never sent.
    ///
    /// # Panics
    /// If there are fewer bytes than `transmit.len` says.
    pub fn send(&self, transmit: &Transmit, payload: &[u8]) -> usize {
        let outgoing = self.outgoing(transmit);
        let mut offload = self.offload.get();
        let payload = &payload[..transmit.len];
        let done = offload.send(&mut self.system(), &outgoing, payload, transmit.segment_size);
        self.offload.set(offload);
        if !offload.marks && self.usual.get() != Ecn::NotEct {
            self.usual.set(sys::mark_all(self.socket.as_fd(), self.local.is_ipv6(), Ecn::NotEct));
        }
        done
    }

    fn outgoing(&self, transmit: &Transmit) -> Outgoing {
        let FourTuple { local, remote } = transmit.four_tuple;
        // Where the socket is bound to one address, the kernel needs no telling.
        let source = Some(local.ip()).filter(|source| self.local.ip().is_unspecified() && !source.is_unspecified());
        Outgoing { ipv6_socket: self.local.is_ipv6(), remote, source, ecn: transmit.ecn, usual: self.usual.get() }
    }

    /// Receives a batch of datagrams without waiting; [`ReceiveBatch::next_message`] gives them out. What was in the
    /// batch before is gone.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing. Others are reports about earlier datagrams and do not end the socket.
    pub fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<()> {
        batch.arrivals.clear();
        batch.next = 0;
        batch.local = self.local;
        batch.last = false;
        let mut intake = self.intake.get();
        let result = intake.receive(&mut self.system(), &mut batch.buffers, BUFFER_LEN, &mut batch.arrivals);
        self.intake.set(intake);
        batch.last = result?;
        Ok(())
    }
}

impl UdpSocket {
    /// The next report about an earlier datagram: what went wrong, and where it was sent. There are none without
    /// [`UdpOptions::reports`].
    pub fn take_report(&self) -> Option<(io::ErrorKind, Option<SocketAddr>)> {
        if !self.has_reports.get() {
            return None;
        }
        let report = sys::take_report(self.socket.as_fd()).ok();
        self.has_reports.set(report.is_some());
        report
    }

    fn system(&self) -> System<'_> {
        System { fd: self.socket.as_fd(), has_reports: &self.has_reports }
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket").field("local", &self.local).field("offload", &self.offload.get()).finish()
    }
}

/// The address of ours that the system would send from to reach `remote`. Nothing is sent. A client that binds to it,
/// or names it in its first path, has the same local address in the datagrams it receives.
///
/// # Errors
/// There is no route.
pub fn source_address(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if remote.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let probe = StdUdpSocket::bind(any)?;
    probe.connect(remote)?;
    Ok(probe.local_addr()?.ip())
}

/// What a test has decided to refuse.
#[cfg(test)]
fn refused(outgoing: &Outgoing, call: Call) -> io::Result<()> {
    sys::refusal::check(call)?;
    if outgoing.ecn == outgoing.usual { Ok(()) } else { sys::refusal::check(Call::SendMarked) }
}

/// The calls themselves.
struct System<'a> {
    fd: BorrowedFd<'a>,
    has_reports: &'a Cell<bool>,
}

impl System<'_> {
    /// The system gives the error of a report to whichever call comes next, of either kind.
    fn look_for_report<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            self.has_reports.set(true);
        }
        result
    }
}

impl Outlet for System<'_> {
    fn send(&mut self, outgoing: &Outgoing, payload: &[u8], segment_size: Option<u16>) -> io::Result<usize> {
        #[cfg(test)]
        refused(outgoing, if segment_size.is_some() { Call::SendSegmented } else { Call::SendOne })?;
        self.look_for_report(sys::send(self.fd, outgoing, payload, segment_size))
    }

    fn send_each(&mut self, outgoing: &Outgoing, payload: &[u8], segment_size: usize) -> io::Result<usize> {
        #[cfg(test)]
        refused(outgoing, Call::SendMany)?;
        self.look_for_report(sys::send_each(self.fd, outgoing, payload, segment_size))
    }
}

impl Inlet for System<'_> {
    fn receive_each(
        &mut self,
        buffers: &mut [u8],
        buffer_len: usize,
        arrivals: &mut Vec<Option<Arrival>>,
    ) -> io::Result<()> {
        #[cfg(test)]
        sys::refusal::check(Call::ReceiveMany)?;
        self.look_for_report(sys::receive_each(self.fd, buffers, buffer_len, arrivals))
    }

    fn receive_one(&mut self, buffer: &mut [u8], arrivals: &mut Vec<Option<Arrival>>) -> io::Result<()> {
        #[cfg(test)]
        sys::refusal::check(Call::ReceiveOne)?;
        self.look_for_report(sys::receive_one(self.fd, buffer, arrivals))
    }
}

/// All that one UDP message can hold, joined or not.
const BUFFER_LEN: usize = 1 << 16;
/// Messages of a batch. Each may be dozens of datagrams joined; more would only push each other out of the cache.
const MESSAGES: usize = 8;

/// Room to receive into, used again and again.
pub struct ReceiveBatch {
    buffers: Vec<u8>,
    arrivals: Vec<Option<Arrival>>,
    /// The first message that was not given out.
    next: usize,
    local: SocketAddr,
    last: bool,
}

impl ReceiveBatch {
    /// Allocates the room: half a mebibyte of addresses, of which the system provides only what is ever written to.
    pub fn new() -> ReceiveBatch {
        ReceiveBatch {
            buffers: vec![0; MESSAGES * BUFFER_LEN],
            arrivals: Vec::with_capacity(MESSAGES),
            next: 0,
            local: SocketAddr::from(([0; 4], 0)),
            last: false,
        }
    }

    /// Whether the socket is known to have had nothing more: the next thing that comes is a new edge for a poller.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// The next of the messages received last, in the order in which they came.
    pub fn next_message(&mut self) -> Option<Received<'_>> {
        let local = self.local;
        let mut left = self.arrivals.iter().zip(self.buffers.chunks_exact_mut(BUFFER_LEN)).skip(self.next);
        let (arrival, buffer) = left.find_map(|(arrival, buffer)| {
            self.next += 1;
            Some(((*arrival)?, buffer))
        })?;
        let ip = arrival.destination.unwrap_or(local.ip());
        // The scope of a link-local address is in what we are bound to, and else of no use to tell paths apart.
        let ours = if ip == local.ip() { local } else { SocketAddr::new(ip, local.port()) };
        Some(Received {
            four_tuple: FourTuple { local: ours, remote: arrival.remote },
            ecn: arrival.ecn,
            segment_size: arrival.segment_size,
            payload: &mut buffer[..arrival.len],
        })
    }
}

impl fmt::Debug for ReceiveBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBatch").field("messages", &self.arrivals.len()).finish_non_exhaustive()
    }
}

/// One received message: one datagram, or several of equal size that the kernel joined (GRO).
#[derive(Debug)]
pub struct Received<'a> {
    /// Where it came from and where it arrived.
    pub four_tuple: FourTuple,
    /// The mark of all its datagrams.
    pub ecn: Ecn,
    /// Bytes of each datagram, never zero; the last may be shorter.
    pub segment_size: usize,
    /// All datagrams, one after the other.
    pub payload: &'a mut [u8],
}

impl<'a> Received<'a> {
    /// Taken apart again. Empty ones are left out: no QUIC packet is empty.
    pub fn datagrams(self) -> impl Iterator<Item = Datagram<'a>> {
        let Received { four_tuple, ecn, segment_size, payload } = self;
        payload.chunks_mut(segment_size).map(move |payload| Datagram { four_tuple, ecn, payload })
    }
}

#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;
