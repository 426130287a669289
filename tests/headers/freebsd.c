// Written by runtime/src/sys/bsd/tests.rs.
#define __APPLE_USE_RFC_3542
#include <sys/types.h>
#include <sys/event.h>
#include <sys/param.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>
int (*f_accept4)(int, struct sockaddr *, socklen_t *, int) = accept4;
_Static_assert(sizeof(((struct kevent *)0)->ext) == 32, "ext");

_Static_assert((AF_UNIX) == 1, "AF_UNIX");
_Static_assert((AF_INET) == 2, "AF_INET");
_Static_assert((SOCK_STREAM) == 1, "SOCK_STREAM");
_Static_assert((SOCK_DGRAM) == 2, "SOCK_DGRAM");
_Static_assert((SOL_SOCKET) == 65535, "SOL_SOCKET");
_Static_assert((SO_REUSEADDR) == 4, "SO_REUSEADDR");
_Static_assert((SO_KEEPALIVE) == 8, "SO_KEEPALIVE");
_Static_assert((SO_LINGER) == 128, "SO_LINGER");
_Static_assert((SO_SNDBUF) == 4097, "SO_SNDBUF");
_Static_assert((SO_RCVBUF) == 4098, "SO_RCVBUF");
_Static_assert((SO_TYPE) == 4104, "SO_TYPE");
_Static_assert((IPPROTO_IP) == 0, "IPPROTO_IP");
_Static_assert((IP_TOS) == 3, "IP_TOS");
_Static_assert((IPPROTO_IPV6) == 41, "IPPROTO_IPV6");
_Static_assert((IPV6_V6ONLY) == 27, "IPV6_V6ONLY");
_Static_assert((IPV6_PKTINFO) == 46, "IPV6_PKTINFO");
_Static_assert((IPV6_DONTFRAG) == 62, "IPV6_DONTFRAG");
_Static_assert((IPPROTO_TCP) == 6, "IPPROTO_TCP");
_Static_assert((TCP_NODELAY) == 1, "TCP_NODELAY");
_Static_assert((MSG_TRUNC) == 16, "MSG_TRUNC");
_Static_assert((MSG_DONTWAIT) == 128, "MSG_DONTWAIT");
_Static_assert((EVFILT_READ) == -1, "EVFILT_READ");
_Static_assert((EVFILT_WRITE) == -2, "EVFILT_WRITE");
_Static_assert((EV_ADD) == 1, "EV_ADD");
_Static_assert((EV_DELETE) == 2, "EV_DELETE");
_Static_assert((EV_ENABLE) == 4, "EV_ENABLE");
_Static_assert((EV_CLEAR) == 32, "EV_CLEAR");
_Static_assert((EV_RECEIPT) == 64, "EV_RECEIPT");
_Static_assert((EV_ERROR) == 16384, "EV_ERROR");
_Static_assert((EV_EOF) == 32768, "EV_EOF");
_Static_assert((NOTE_TRIGGER) == 16777216, "NOTE_TRIGGER");
_Static_assert((F_SETFL) == 4, "F_SETFL");
_Static_assert((O_NONBLOCK) == 4, "O_NONBLOCK");
_Static_assert((O_NOFOLLOW) == 256, "O_NOFOLLOW");
_Static_assert((RLIMIT_NOFILE) == 8, "RLIMIT_NOFILE");
_Static_assert((EPERM) == 1, "EPERM");
_Static_assert((ENOENT) == 2, "ENOENT");
_Static_assert((EINTR) == 4, "EINTR");
_Static_assert((EIO) == 5, "EIO");
_Static_assert((ENXIO) == 6, "ENXIO");
_Static_assert((ENOMEM) == 12, "ENOMEM");
_Static_assert((EACCES) == 13, "EACCES");
_Static_assert((EEXIST) == 17, "EEXIST");
_Static_assert((EXDEV) == 18, "EXDEV");
_Static_assert((ENODEV) == 19, "ENODEV");
_Static_assert((ENOTDIR) == 20, "ENOTDIR");
_Static_assert((EINVAL) == 22, "EINVAL");
_Static_assert((ENFILE) == 23, "ENFILE");
_Static_assert((EMFILE) == 24, "EMFILE");
_Static_assert((EMLINK) == 31, "EMLINK");
_Static_assert((EPIPE) == 32, "EPIPE");
_Static_assert((EAGAIN) == 35, "EAGAIN");
_Static_assert((EINPROGRESS) == 36, "EINPROGRESS");
_Static_assert((EMSGSIZE) == 40, "EMSGSIZE");
_Static_assert((ENOPROTOOPT) == 42, "ENOPROTOOPT");
_Static_assert((EADDRNOTAVAIL) == 49, "EADDRNOTAVAIL");
_Static_assert((ENETDOWN) == 50, "ENETDOWN");
_Static_assert((ENETUNREACH) == 51, "ENETUNREACH");
_Static_assert((ENOBUFS) == 55, "ENOBUFS");
_Static_assert((ECONNREFUSED) == 61, "ECONNREFUSED");
_Static_assert((ELOOP) == 62, "ELOOP");
_Static_assert((ENAMETOOLONG) == 63, "ENAMETOOLONG");
_Static_assert((EHOSTDOWN) == 64, "EHOSTDOWN");
_Static_assert((EHOSTUNREACH) == 65, "EHOSTUNREACH");
_Static_assert((ENOSYS) == 78, "ENOSYS");
_Static_assert((F_SETFD) == 2, "F_SETFD");
_Static_assert((FD_CLOEXEC) == 1, "FD_CLOEXEC");
_Static_assert((F_GETFD) == 1, "F_GETFD");
_Static_assert((SIGHUP) == 1, "SIGHUP");
_Static_assert((SIGINT) == 2, "SIGINT");
_Static_assert((SIGQUIT) == 3, "SIGQUIT");
_Static_assert((SIGTERM) == 15, "SIGTERM");
_Static_assert((AF_INET6) == 28, "AF_INET6");
_Static_assert((SO_NOSIGPIPE) == 2048, "SO_NOSIGPIPE");
_Static_assert((IP_RECVTOS) == 68, "IP_RECVTOS");
_Static_assert((IP_DONTFRAG) == 67, "IP_DONTFRAG");
_Static_assert((IPV6_RECVPKTINFO) == 36, "IPV6_RECVPKTINFO");
_Static_assert((IPV6_RECVTCLASS) == 57, "IPV6_RECVTCLASS");
_Static_assert((IPV6_TCLASS) == 61, "IPV6_TCLASS");
_Static_assert((TCP_KEEPIDLE) == 256, "TCP_KEEPIDLE");
_Static_assert((TCP_KEEPINTVL) == 512, "TCP_KEEPINTVL");
_Static_assert((TCP_KEEPCNT) == 1024, "TCP_KEEPCNT");
_Static_assert((EVFILT_USER) == -11, "EVFILT_USER");
_Static_assert((O_CLOEXEC) == 1048576, "O_CLOEXEC");
_Static_assert((O_NOCTTY) == 32768, "O_NOCTTY");
_Static_assert((O_DIRECTORY) == 131072, "O_DIRECTORY");
_Static_assert((O_PATH) == 4194304, "O_PATH");
_Static_assert((EOPNOTSUPP) == 45, "EOPNOTSUPP");
_Static_assert((sizeof(struct timespec)) == 16, "sizeof(struct timespec)");
_Static_assert((offsetof(struct timespec, tv_nsec)) == 8, "offsetof(struct timespec, tv_nsec)");
_Static_assert((sizeof(struct linger)) == 8, "sizeof(struct linger)");
_Static_assert((offsetof(struct linger, l_linger)) == 4, "offsetof(struct linger, l_linger)");
_Static_assert((sizeof(struct rlimit)) == 16, "sizeof(struct rlimit)");
_Static_assert((offsetof(struct rlimit, rlim_max)) == 8, "offsetof(struct rlimit, rlim_max)");
_Static_assert((sizeof(struct iovec)) == 16, "sizeof(struct iovec)");
_Static_assert((offsetof(struct iovec, iov_len)) == 8, "offsetof(struct iovec, iov_len)");
_Static_assert((sizeof(struct msghdr)) == 48, "sizeof(struct msghdr)");
_Static_assert((offsetof(struct msghdr, msg_namelen)) == 8, "offsetof(struct msghdr, msg_namelen)");
_Static_assert((offsetof(struct msghdr, msg_iov)) == 16, "offsetof(struct msghdr, msg_iov)");
_Static_assert((offsetof(struct msghdr, msg_iovlen)) == 24, "offsetof(struct msghdr, msg_iovlen)");
_Static_assert((offsetof(struct msghdr, msg_control)) == 32, "offsetof(struct msghdr, msg_control)");
_Static_assert((offsetof(struct msghdr, msg_controllen)) == 40, "offsetof(struct msghdr, msg_controllen)");
_Static_assert((offsetof(struct msghdr, msg_flags)) == 44, "offsetof(struct msghdr, msg_flags)");
_Static_assert((sizeof(((struct sockaddr_un *)0)->sun_path)) == 104, "sizeof(((struct sockaddr_un *)0)->sun_path)");
_Static_assert((offsetof(struct sockaddr_un, sun_family)) == 1, "offsetof(struct sockaddr_un, sun_family)");
_Static_assert((offsetof(struct sockaddr_un, sun_path)) == 2, "offsetof(struct sockaddr_un, sun_path)");
_Static_assert((sizeof(socklen_t)) == 4, "sizeof(socklen_t)");
_Static_assert((sizeof(uid_t)) == 4, "sizeof(uid_t)");
_Static_assert((sizeof(gid_t)) == 4, "sizeof(gid_t)");
_Static_assert((sizeof(struct sockaddr_in)) == 16, "sizeof(struct sockaddr_in)");
_Static_assert((offsetof(struct sockaddr_in, sin_family)) == 1, "offsetof(struct sockaddr_in, sin_family)");
_Static_assert((offsetof(struct sockaddr_in, sin_port)) == 2, "offsetof(struct sockaddr_in, sin_port)");
_Static_assert((offsetof(struct sockaddr_in, sin_addr)) == 4, "offsetof(struct sockaddr_in, sin_addr)");
_Static_assert((sizeof(struct sockaddr_in6)) == 28, "sizeof(struct sockaddr_in6)");
_Static_assert((offsetof(struct sockaddr_in6, sin6_family)) == 1, "offsetof(struct sockaddr_in6, sin6_family)");
_Static_assert((offsetof(struct sockaddr_in6, sin6_port)) == 2, "offsetof(struct sockaddr_in6, sin6_port)");
_Static_assert((offsetof(struct sockaddr_in6, sin6_flowinfo)) == 4, "offsetof(struct sockaddr_in6, sin6_flowinfo)");
_Static_assert((offsetof(struct sockaddr_in6, sin6_addr)) == 8, "offsetof(struct sockaddr_in6, sin6_addr)");
_Static_assert((offsetof(struct sockaddr_in6, sin6_scope_id)) == 24, "offsetof(struct sockaddr_in6, sin6_scope_id)");
_Static_assert((sizeof(struct in6_pktinfo)) == 20, "sizeof(struct in6_pktinfo)");
_Static_assert((offsetof(struct in6_pktinfo, ipi6_addr)) == 0, "offsetof(struct in6_pktinfo, ipi6_addr)");
_Static_assert((SOCK_CLOEXEC | SOCK_NONBLOCK) == 805306368, "SOCK_CLOEXEC | SOCK_NONBLOCK");
_Static_assert((SO_REUSEPORT_LB) == 65536, "SO_REUSEPORT_LB");
_Static_assert((IP_RECVDSTADDR) == 7, "IP_RECVDSTADDR");
_Static_assert((IP_SENDSRCADDR) == 7, "IP_SENDSRCADDR");
_Static_assert((sizeof(struct in_addr)) == 4, "sizeof(struct in_addr)");
_Static_assert((sizeof(unsigned char)) == 1, "sizeof(unsigned char)");
_Static_assert((offsetof(struct kevent, ext)) == 32, "offsetof(struct kevent, ext)");
_Static_assert((CMSG_LEN(0)) == 16, "CMSG_LEN(0)");
_Static_assert((CMSG_SPACE(1) - CMSG_SPACE(0)) == 8, "CMSG_SPACE(1) - CMSG_SPACE(0)");
_Static_assert((offsetof(struct cmsghdr, cmsg_level)) == 4, "offsetof(struct cmsghdr, cmsg_level)");
_Static_assert((offsetof(struct cmsghdr, cmsg_type)) == 8, "offsetof(struct cmsghdr, cmsg_type)");
_Static_assert((IP_RECVTOS) == 68, "IP_RECVTOS");
_Static_assert((IPV6_TCLASS) == 61, "IPV6_TCLASS");
_Static_assert((sizeof(struct kevent)) == 64, "sizeof(struct kevent)");
_Static_assert((offsetof(struct kevent, filter)) == 8, "offsetof(struct kevent, filter)");
_Static_assert((offsetof(struct kevent, flags)) == 10, "offsetof(struct kevent, flags)");
_Static_assert((offsetof(struct kevent, fflags)) == 12, "offsetof(struct kevent, fflags)");
_Static_assert((offsetof(struct kevent, data)) == 16, "offsetof(struct kevent, data)");
_Static_assert((offsetof(struct kevent, udata)) == 24, "offsetof(struct kevent, udata)");
_Static_assert((offsetof(struct dirent, d_name)) == 24, "offsetof(struct dirent, d_name)");

int (*f_kqueue)(void) = kqueue;
int (*f_kevent)(int, const struct kevent *, int, struct kevent *, int, const struct timespec *) = kevent;
int (*f_fcntl)(int, int, ...) = fcntl;
int (*f_socket)(int, int, int) = socket;
int (*f_bind)(int, const struct sockaddr *, socklen_t) = bind;
int (*f_listen)(int, int) = listen;
int (*f_connect)(int, const struct sockaddr *, socklen_t) = connect;
int (*f_setsockopt)(int, int, int, const void *, socklen_t) = setsockopt;
int (*f_getsockopt)(int, int, int, void *, socklen_t *) = getsockopt;
ssize_t (*f_sendmsg)(int, const struct msghdr *, int) = sendmsg;
ssize_t (*f_recvmsg)(int, struct msghdr *, int) = recvmsg;
int (*f_openat)(int, const char *, int, ...) = openat;
ssize_t (*f_readlinkat)(int, const char *, char *, size_t) = readlinkat;
int (*f_getrlimit)(int, struct rlimit *) = getrlimit;
int (*f_setrlimit)(int, const struct rlimit *) = setrlimit;
DIR *(*f_fdopendir)(int) = fdopendir;
struct dirent *(*f_readdir)(DIR *) = readdir;
int (*f_closedir)(DIR *) = closedir;
ssize_t (*f_write)(int, const void *, size_t) = write;
int *(*f_error)(void) = __error;
int (*f_setgroups)(int, const gid_t *) = setgroups;
int (*f_setgid)(gid_t) = setgid;
int (*f_setuid)(uid_t) = setuid;
