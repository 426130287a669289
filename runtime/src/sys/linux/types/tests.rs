//! The libc crate as the other witness.
use super::*;
use crate::sys::inherited::{F_GETFD, F_SETFD, FD_CLOEXEC};
use crate::sys::signals::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use core::mem::align_of;

macro_rules! same_layout {
    ($ours:ty, $theirs:ty; $($our_field:ident = $their_field:ident),*) => {
        assert_eq!(size_of::<$ours>(), size_of::<$theirs>());
        assert_eq!(align_of::<$ours>(), align_of::<$theirs>());
        $(assert_eq!(offset_of!($ours, $our_field), offset_of!($theirs, $their_field));)*
    };
}

#[test]
fn structures_are_laid_out_as_libc_says() {
    same_layout!(EpollEvent, libc::epoll_event; events = events, data = u64);
    same_layout!(TimeSpec, libc::timespec; seconds = tv_sec, nanoseconds = tv_nsec);
    same_layout!(Linger, libc::linger; on = l_onoff, seconds = l_linger);
    same_layout!(IoVector, libc::iovec; base = iov_base, len = iov_len);
    same_layout!(OpenHow, libc::open_how; flags = flags, mode = mode, resolve = resolve);
    same_layout!(StatFs, libc::statfs; kind = f_type);
    same_layout!(ResourceLimit, libc::rlimit; current = rlim_cur, maximum = rlim_max);
    same_layout!(MessageHeader, libc::msghdr; name = msg_name, name_len = msg_namelen, vectors = msg_iov,
        vectors_len = msg_iovlen, control = msg_control, control_len = msg_controllen, flags = msg_flags);
    same_layout!(MultiMessageHeader, libc::mmsghdr; header = msg_hdr, len = msg_len);
}

#[test]
fn numbers_are_those_of_libc() {
    let pairs: &[(i32, i32)] = &[
        (AF_UNIX.into(), libc::AF_UNIX),
        (AF_INET.into(), libc::AF_INET),
        (AF_INET6.into(), libc::AF_INET6),
        (SOCK_STREAM, libc::SOCK_STREAM),
        (SOCK_DGRAM, libc::SOCK_DGRAM),
        (SOCK_CLOEXEC, libc::SOCK_CLOEXEC),
        (SOCK_NONBLOCK, libc::SOCK_NONBLOCK),
        (SOL_SOCKET, libc::SOL_SOCKET),
        (SO_REUSEADDR, libc::SO_REUSEADDR),
        (SO_LINGER, libc::SO_LINGER),
        (SO_SNDBUF, libc::SO_SNDBUF),
        (SO_RCVBUF, libc::SO_RCVBUF),
        (SO_REUSEPORT, libc::SO_REUSEPORT),
        (SOL_IP, libc::SOL_IP),
        (IP_TOS, libc::IP_TOS),
        (IP_PKTINFO, libc::IP_PKTINFO),
        (IP_MTU_DISCOVER, libc::IP_MTU_DISCOVER),
        (IP_RECVERR, libc::IP_RECVERR),
        (IP_RECVTOS, libc::IP_RECVTOS),
        (IP_PMTUDISC_PROBE, libc::IP_PMTUDISC_PROBE),
        (SOL_IPV6, libc::SOL_IPV6),
        (IPV6_MTU_DISCOVER, libc::IPV6_MTU_DISCOVER),
        (IPV6_RECVERR, libc::IPV6_RECVERR),
        (IPV6_V6ONLY, libc::IPV6_V6ONLY),
        (IPV6_RECVPKTINFO, libc::IPV6_RECVPKTINFO),
        (IPV6_PKTINFO, libc::IPV6_PKTINFO),
        (IPV6_RECVTCLASS, libc::IPV6_RECVTCLASS),
        (IPV6_TCLASS, libc::IPV6_TCLASS),
        (IPV6_PMTUDISC_PROBE, libc::IPV6_PMTUDISC_PROBE),
        (SOL_UDP, libc::SOL_UDP),
        (UDP_SEGMENT, libc::UDP_SEGMENT),
        (UDP_GRO, libc::UDP_GRO),
        (IPPROTO_TCP, libc::IPPROTO_TCP),
        (SO_KEEPALIVE, libc::SO_KEEPALIVE),
        (TCP_NODELAY, libc::TCP_NODELAY),
        (TCP_KEEPIDLE, libc::TCP_KEEPIDLE),
        (TCP_KEEPINTVL, libc::TCP_KEEPINTVL),
        (TCP_KEEPCNT, libc::TCP_KEEPCNT),
        (MSG_TRUNC, libc::MSG_TRUNC),
        (MSG_DONTWAIT, libc::MSG_DONTWAIT),
        (MSG_ERRQUEUE, libc::MSG_ERRQUEUE),
        (MSG_NOSIGNAL, libc::MSG_NOSIGNAL),
        (EPOLL_CLOEXEC, libc::EPOLL_CLOEXEC),
        (EPOLL_CTL_ADD, libc::EPOLL_CTL_ADD),
        (EPOLL_CTL_DEL, libc::EPOLL_CTL_DEL),
        (EPOLL_CTL_MOD, libc::EPOLL_CTL_MOD),
        (EPOLLIN as i32, libc::EPOLLIN),
        (EPOLLOUT as i32, libc::EPOLLOUT),
        (EPOLLERR as i32, libc::EPOLLERR),
        (EPOLLHUP as i32, libc::EPOLLHUP),
        (EPOLLRDHUP as i32, libc::EPOLLRDHUP),
        (EPOLLET as i32, libc::EPOLLET),
        (SYS_EPOLL_PWAIT2 as i32, libc::SYS_epoll_pwait2 as i32),
        (EFD_CLOEXEC, libc::EFD_CLOEXEC),
        (EFD_NONBLOCK, libc::EFD_NONBLOCK),
        (O_CLOEXEC, libc::O_CLOEXEC),
        (O_NOCTTY, libc::O_NOCTTY),
        (O_NONBLOCK, libc::O_NONBLOCK),
        (O_PATH, libc::O_PATH),
        (O_DIRECTORY, libc::O_DIRECTORY),
        (O_NOFOLLOW, libc::O_NOFOLLOW),
        (SYS_OPENAT2 as i32, libc::SYS_openat2 as i32),
        (RESOLVE_NO_XDEV as i32, libc::RESOLVE_NO_XDEV as i32),
        (RESOLVE_NO_MAGICLINKS as i32, libc::RESOLVE_NO_MAGICLINKS as i32),
        (RESOLVE_BENEATH as i32, libc::RESOLVE_BENEATH as i32),
        (RESOLVE_CACHED as i32, libc::RESOLVE_CACHED as i32),
        (SYS_PREADV2 as i32, libc::SYS_preadv2 as i32),
        (RWF_NOWAIT, libc::RWF_NOWAIT),
        (RLIMIT_NOFILE, libc::RLIMIT_NOFILE as i32),
        (F_GETFD, libc::F_GETFD),
        (F_SETFD, libc::F_SETFD),
        (FD_CLOEXEC, libc::FD_CLOEXEC),
        (SIGHUP, libc::SIGHUP),
        (SIGINT, libc::SIGINT),
        (SIGQUIT, libc::SIGQUIT),
        (SIGTERM, libc::SIGTERM),
    ];
    for (place, (ours, theirs)) in pairs.iter().enumerate() {
        assert_eq!(ours, theirs, "pair {place}");
    }
}

#[test]
fn error_numbers_are_those_of_libc() {
    use crate::sys::errno;
    for (ours, theirs) in [
        (errno::EPERM, libc::EPERM),
        (errno::ENOENT, libc::ENOENT),
        (errno::EINTR, libc::EINTR),
        (errno::EIO, libc::EIO),
        (errno::EAGAIN, libc::EAGAIN),
        (errno::EACCES, libc::EACCES),
        (errno::EXDEV, libc::EXDEV),
        (errno::ENXIO, libc::ENXIO),
        (errno::ENODEV, libc::ENODEV),
        (errno::ENFILE, libc::ENFILE),
        (errno::EMFILE, libc::EMFILE),
        (errno::ENOTDIR, libc::ENOTDIR),
        (errno::EINVAL, libc::EINVAL),
        (errno::ENAMETOOLONG, libc::ENAMETOOLONG),
        (errno::ENOSYS, libc::ENOSYS),
        (errno::ELOOP, libc::ELOOP),
        (errno::ENOPROTOOPT, libc::ENOPROTOOPT),
        (errno::EOPNOTSUPP, libc::EOPNOTSUPP),
        (errno::EADDRNOTAVAIL, libc::EADDRNOTAVAIL),
        (errno::ENETDOWN, libc::ENETDOWN),
        (errno::ENETUNREACH, libc::ENETUNREACH),
        (errno::EINPROGRESS, libc::EINPROGRESS),
        (errno::ECONNREFUSED, libc::ECONNREFUSED),
        (errno::EHOSTUNREACH, libc::EHOSTUNREACH),
        (errno::EMSGSIZE, libc::EMSGSIZE),
        (errno::ENOBUFS, libc::ENOBUFS),
    ] {
        assert_eq!(ours, theirs);
    }
}
