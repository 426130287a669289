//! A UDP socket over IPv4 with GSO and GRO.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// A socket that never blocks but in `wait`.
pub struct Socket {
    socket: UdpSocket,
    pub local: SocketAddr,
}

/// What one call brought: bytes in the buffer, of how many each datagram is, and from where.
pub struct Arrival {
    pub len: usize,
    pub segment: usize,
    pub from: SocketAddr,
}

impl Socket {
    /// On the loopback, any port.
    pub fn bind() -> std::io::Result<Socket> {
        Socket::bind_to(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// At this address.
    pub fn bind_to(address: SocketAddr) -> std::io::Result<Socket> {
        let socket = UdpSocket::bind(address)?;
        harness::measure::socket_buffers(&socket, harness::work::SOCKET_BUFFER);
        socket.set_nonblocking(true)?;
        let on: libc::c_int = 1;
        // SAFETY: the option is an int, and lives through the call.
        let result = unsafe {
            let value = std::ptr::from_ref(&on).cast();
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, value, size_of_val(&on) as u32)
        };
        if result != 0 {
            return Err(std::io::Error::last_os_error());
        }
        let local = socket.local_addr()?;
        Ok(Socket { socket, local })
    }

    /// Until something can be received, or sent, or the time is over.
    pub fn wait(&self, sending: bool, timeout: Option<Duration>) {
        let events = if sending { libc::POLLOUT } else { libc::POLLIN };
        let mut entry = libc::pollfd { fd: self.socket.as_raw_fd(), events, revents: 0 };
        let time = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: one entry, and a time that lives through the call or none.
        unsafe {
            libc::ppoll(&raw mut entry, 1, time, std::ptr::null());
        }
    }

    /// Datagrams of `segment` bytes each, the last one perhaps shorter.
    pub fn send(&self, bytes: &[u8], segment: usize, to: SocketAddr) {
        let SocketAddr::V4(to) = to else { panic!("IPv4 only") };
        let mut address = raw(to);
        let mut vector = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let mut control = [0_u64; 4];
        // SAFETY: a plain struct; all pointers are to what lives through the calls, and the control data is large enough
        // for one message of two bytes and aligned for it.
        unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_name = (&raw mut address).cast();
            message.msg_namelen = size_of_val(&address) as u32;
            message.msg_iov = &raw mut vector;
            message.msg_iovlen = 1;
            if bytes.len() > segment {
                message.msg_control = control.as_mut_ptr().cast();
                message.msg_controllen = libc::CMSG_SPACE(2) as usize;
                let first = libc::CMSG_FIRSTHDR(&raw const message);
                (*first).cmsg_level = libc::SOL_UDP;
                (*first).cmsg_type = libc::UDP_SEGMENT;
                (*first).cmsg_len = libc::CMSG_LEN(2) as usize;
                libc::CMSG_DATA(first).cast::<u16>().write_unaligned(segment as u16);
            }
            while libc::sendmsg(self.socket.as_raw_fd(), &raw const message, 0) < 0 {
                let error = std::io::Error::last_os_error();
                match error.kind() {
                    std::io::ErrorKind::WouldBlock => self.wait(true, None),
                    std::io::ErrorKind::Interrupted => {}
                    // The other side is gone.
                    std::io::ErrorKind::ConnectionRefused => return,
                    _ => panic!("send: {error}"),
                }
            }
        }
    }

    /// What is there, if anything.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<Arrival> {
        let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let mut control = [0_u64; 16];
        // SAFETY: as in `send`; the kernel writes no further than the lengths say.
        unsafe {
            let mut address: libc::sockaddr_in = std::mem::zeroed();
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_name = (&raw mut address).cast();
            message.msg_namelen = size_of_val(&address) as u32;
            message.msg_iov = &raw mut vector;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = size_of_val(&control);
            let len = usize::try_from(libc::recvmsg(self.socket.as_raw_fd(), &raw mut message, 0)).ok()?;
            let mut segment = len;
            let mut next = libc::CMSG_FIRSTHDR(&raw const message);
            while !next.is_null() {
                if (*next).cmsg_level == libc::SOL_UDP && (*next).cmsg_type == libc::UDP_GRO {
                    segment = usize::try_from(libc::CMSG_DATA(next).cast::<i32>().read_unaligned()).unwrap_or(len);
                }
                next = libc::CMSG_NXTHDR(&raw const message, next);
            }
            let host = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            let from = SocketAddrV4::new(host, u16::from_be(address.sin_port)).into();
            Some(Arrival { len, segment: segment.max(1), from })
        }
    }
}

fn raw(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}
