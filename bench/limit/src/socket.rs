//! A UDP socket with GSO and GRO, and a short adaptive poll before it sleeps.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// So often it is looked for a datagram before the thread sleeps: a wake from another core takes longer than that.
const POLLS: usize = 60;
/// Then nothing will come any more.
const PATIENCE: Duration = Duration::from_millis(200);

/// A socket.
pub struct Socket(UdpSocket);

impl Socket {
    /// On the loopback, any port.
    pub fn bind() -> Socket {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        harness::measure::socket_buffers(&socket, harness::work::SOCKET_BUFFER);
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
        let on: libc::c_int = 1;
        // SAFETY: the option is an int, and lives through the call.
        let result = unsafe {
            let value = std::ptr::from_ref(&on).cast();
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, value, size_of_val(&on) as u32)
        };
        assert_eq!(result, 0, "GRO: {}", std::io::Error::last_os_error());
        Socket(socket)
    }

    /// To the other.
    pub fn connect(&self, other: &Socket) {
        self.0.connect(other.0.local_addr().expect("an address")).expect("a connected socket");
    }

    /// Datagrams of `segment` bytes in one call; all of it is one datagram where `segment` is 0.
    pub fn send(&self, bytes: &[u8], segment: usize) {
        let mut vector = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let mut control = [0_u64; 4];
        // SAFETY: a plain struct; all pointers are to what lives through the call, and the control data is large enough
        // for one message of two bytes and aligned for it.
        let sent = unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut vector;
            message.msg_iovlen = 1;
            if segment > 0 {
                message.msg_control = control.as_mut_ptr().cast();
                message.msg_controllen = libc::CMSG_SPACE(2) as usize;
                let first = libc::CMSG_FIRSTHDR(&raw const message);
                (*first).cmsg_level = libc::SOL_UDP;
                (*first).cmsg_type = libc::UDP_SEGMENT;
                (*first).cmsg_len = libc::CMSG_LEN(2) as usize;
                libc::CMSG_DATA(first).cast::<u16>().write_unaligned(segment as u16);
            }
            libc::sendmsg(self.0.as_raw_fd(), &raw const message, 0)
        };
        assert_eq!(sent, bytes.len() as isize, "send: {}", std::io::Error::last_os_error());
    }

    /// Bytes, and of how many each datagram among them is. `None` if nothing came for a long time.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<(usize, usize)> {
        (0..POLLS).find_map(|_| self.receive_with(buffer, libc::MSG_DONTWAIT)).or_else(|| self.receive_with(buffer, 0))
    }

    fn receive_with(&self, buffer: &mut [u8], flags: i32) -> Option<(usize, usize)> {
        let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let mut control = [0_u64; 16];
        // SAFETY: as in `send`; the kernel writes no further than the lengths say.
        unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut vector;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = size_of_val(&control);
            let len = usize::try_from(libc::recvmsg(self.0.as_raw_fd(), &raw mut message, flags)).ok()?;
            let mut segment = len;
            let mut next = libc::CMSG_FIRSTHDR(&raw const message);
            while !next.is_null() {
                if (*next).cmsg_level == libc::SOL_UDP && (*next).cmsg_type == libc::UDP_GRO {
                    segment = usize::try_from(libc::CMSG_DATA(next).cast::<i32>().read_unaligned()).unwrap_or(len);
                }
                next = libc::CMSG_NXTHDR(&raw const message, next);
            }
            Some((len, segment.max(1)))
        }
    }
}
