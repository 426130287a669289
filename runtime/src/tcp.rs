//! TCP sockets for stream machines: non-blocking, without Nagle's delay, and errors as values.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener as StdTcpListener, TcpStream as StdTcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use crate::executor::{Handle, Watched};
use crate::sys::{self, ListenOptions};

/// How a listener is opened.
#[derive(Clone, Copy, Debug)]
pub struct TcpOptions {
    /// An IPv6 listener takes part in IPv6 only. False: one bound to `[::]` serves IPv4 hosts as well.
    pub only_ipv6: bool,
    /// Several listeners share the address, and the kernel spreads connections over them: one for each worker thread.
    pub reuse_port: bool,
    /// Connections that may wait to be accepted. The kernel grants what its own limit allows, and lets the others try
    /// again.
    pub backlog: u16,
}

impl Default for TcpOptions {
    fn default() -> TcpOptions {
        // The kernel's own limit since Linux 5.4.
        TcpOptions { only_ipv6: false, reuse_port: false, backlog: 4096 }
    }
}

/// A socket at which connections arrive.
pub struct TcpListener {
    listener: StdTcpListener,
    local: SocketAddr,
}

impl TcpListener {
    /// Listens with [`TcpOptions::default`].
    ///
    /// # Errors
    /// The address is taken, not ours, or of a family that the system does not have.
    pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind_with(address, &TcpOptions::default())
    }

    /// Listens.
    ///
    /// # Errors
    /// As for [`TcpListener::bind`].
    pub fn bind_with(address: SocketAddr, options: &TcpOptions) -> io::Result<TcpListener> {
        let listener = StdTcpListener::from(sys::listen(&ListenOptions {
            address,
            only_ipv6: options.only_ipv6,
            reuse_port: options.reuse_port,
            backlog: i32::from(options.backlog),
        })?);
        let local = listener.local_addr()?;
        Ok(TcpListener { listener, local })
    }

    /// Takes a socket that listens already, perhaps of a service manager.
    ///
    /// # Errors
    /// It has no address of the Internet, is none of TCP, or cannot be asked not to block.
    pub fn adopt(listener: StdTcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        sys::keep_alive(listener.as_fd())?;
        let local = listener.local_addr()?;
        Ok(TcpListener { listener, local })
    }

    /// Of the listeners that share this address ([`TcpOptions::reuse_port`]), has the kernel give connections from now on to the
    /// one of this place, in the order in which they began; where there is none, and for `None`, it spreads them as before. So
    /// a process that ends leaves new connections to its successor, and goes on accepting those that were on their way.
    ///
    /// # Errors
    /// The system has no such choice.
    pub fn prefer(&self, place: Option<u32>) -> io::Result<()> {
        sys::prefer(self.as_fd(), place)
    }

    /// Has the kernel leave whoever would connect from now on without an answer: a client asks again a second later, and finds who listens
    /// at the address then. Connections that were on their way still come to be accepted. For a listener that is about to be closed,
    /// where a connection that came meanwhile would be reset.
    ///
    /// # Errors
    /// The system cannot.
    pub fn pass_over_newcomers(&self) -> io::Result<()> {
        sys::pass_over_newcomers(self.as_fd())
    }

    /// Where it is bound, with the port that the system chose if it was asked to.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// Takes a connection that waits. For a [`Watched`] listener: `listener.read_with(TcpListener::accept).await`.
    ///
    /// # Errors
    /// `WouldBlock` if there is none. Others concern the connection that was to be accepted, or say that the process or the
    /// system has no descriptor or memory left; the listener goes on.
    pub fn accept(&self) -> io::Result<TcpStream> {
        let (socket, remote) = sys::accept(self.listener.as_fd())?;
        Ok(TcpStream { stream: socket.into(), remote })
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener").field("local", &self.local).finish()
    }
}

/// Whether an error of [`TcpListener::accept`] says that the process or the system has no descriptor or memory left: the connection
/// waits, and can be accepted later.
pub fn is_shortage(error: &io::Error) -> bool {
    sys::is_shortage(error)
}

/// A connection that carries bytes both ways, as a [`StreamDriver`](crate::StreamDriver) needs it: of TCP, or a
/// [`UnixStream`](crate::UnixStream). None of the calls waits.
pub trait ByteStream: AsFd {
    /// Reads to the front of `room`, which is not empty; 0 is the end of input.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has come. Others mean that the connection is gone.
    fn receive(&self, room: &mut [u8]) -> io::Result<usize>;

    /// Writes bytes from the front of `bytes`, and says how many.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room. Others mean that the connection is gone, though bytes may wait that came before.
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Ends output: the peer reads the end behind all that was sent.
    ///
    /// # Errors
    /// The connection is gone.
    fn end(&self) -> io::Result<()>;

    /// Why the connection is gone, if it is, as far as nobody has been told yet.
    fn take_error(&self) -> Option<io::Error>;

    /// From now on closing means to drop what was not sent yet.
    fn reset_when_dropped(&self);
}

/// A connection. Dropping it closes it in order: what the system has taken is still sent.
pub struct TcpStream {
    stream: StdTcpStream,
    remote: SocketAddr,
}

impl TcpStream {
    /// Connects. How long the system tries is its own affair (minutes); who does not want to wait drops the future.
    ///
    /// # Errors
    /// There is no route, nobody listens there, or nobody answers.
    pub async fn connect(handle: &Handle, remote: SocketAddr) -> io::Result<Watched<TcpStream>> {
        let stream = StdTcpStream::from(sys::begin_connect(remote)?);
        let stream = handle.watch(TcpStream { stream, remote })?;
        loop {
            // What has been reported before it was watched is reported again.
            stream.clear_writable();
            poll_fn(|context| stream.poll_writable(context)).await;
            if let Some(error) = stream.inner().take_error() {
                return Err(error);
            }
            if stream.inner().stream.peer_addr().is_ok() {
                return Ok(stream);
            }
        }
    }

    /// The other end.
    pub fn remote_address(&self) -> SocketAddr {
        self.remote
    }

    /// This end.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Reads to the front of `room`, which is not empty; 0 is the end of input.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has come. Others mean that the connection is gone.
    pub fn receive(&self, room: &mut [u8]) -> io::Result<usize> {
        retry(|| (&self.stream).read(room))
    }

    /// Writes bytes from the front of `bytes`, and says how many.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room. Others mean that the connection is gone, though bytes may wait that came before.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        retry(|| (&self.stream).write(bytes))
    }

    /// Ends output: the peer reads the end behind all that was sent.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn end(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Closes the connection by a reset, which drops what was not sent yet.
    pub fn reset(self) {
        self.reset_when_dropped();
    }

    /// Why the connection is gone, if it is, as far as nobody has been told yet.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        self.stream.take_error().unwrap_or_else(Some)
    }

    /// From now on closing means to reset.
    pub(crate) fn reset_when_dropped(&self) {
        let asked = sys::reset_on_close(self.stream.as_fd());
        debug_assert!(asked.is_ok(), "the option exists for every TCP socket: {asked:?}");
    }
}

impl ByteStream for TcpStream {
    fn receive(&self, room: &mut [u8]) -> io::Result<usize> {
        TcpStream::receive(self, room)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        TcpStream::send(self, bytes)
    }

    fn end(&self) -> io::Result<()> {
        TcpStream::end(self)
    }

    fn take_error(&self) -> Option<io::Error> {
        TcpStream::take_error(self)
    }

    fn reset_when_dropped(&self) {
        TcpStream::reset_when_dropped(self);
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream").field("remote", &self.remote).finish()
    }
}

/// Repeats a call that a signal has interrupted, which a call that does not block hardly ever is.
pub(crate) fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
