//! The numbers and structures as C assertions, which a compiler checks against the headers of the systems themselves.
//!
//! `tests/headers` holds what is written here: `POSTHASTE_WRITE_HEADERS=1 cargo test -p posthaste-runtime headers` writes it again.
//! It is compiled wherever Python has `ziglang` (`pip install ziglang`), a C compiler with the headers of both systems.

use super::control::ControlForm;
use super::{errno, freebsd, macos, types};
use crate::sys::{inherited, signals};
use core::mem::{offset_of, size_of};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names that C has as well, with the numbers that they have here.
macro_rules! numbers {
    ($module:ident: $($name:ident)*) => { &[$((stringify!($name), $module::$name as i64)),*] };
}

type Numbers = &'static [(&'static str, i64)];

const SHARED: [Numbers; 5] = [
    numbers!(types: AF_UNIX AF_INET SOCK_STREAM SOCK_DGRAM SOL_SOCKET SO_REUSEADDR SO_KEEPALIVE SO_LINGER SO_SNDBUF SO_RCVBUF SO_TYPE
        IPPROTO_IP IP_TOS IPPROTO_IPV6 IPV6_V6ONLY IPV6_PKTINFO IPV6_DONTFRAG IPPROTO_TCP TCP_NODELAY MSG_TRUNC
        MSG_DONTWAIT EVFILT_READ EVFILT_WRITE EV_ADD EV_DELETE EV_ENABLE EV_CLEAR EV_RECEIPT EV_ERROR EV_EOF
        NOTE_TRIGGER F_SETFL O_NONBLOCK O_NOFOLLOW RLIMIT_NOFILE),
    numbers!(errno: EPERM ENOENT EINTR EIO ENXIO ENOMEM EACCES EEXIST EXDEV ENODEV ENOTDIR EINVAL ENFILE EMFILE EMLINK
        EPIPE EAGAIN EINPROGRESS EMSGSIZE ENOPROTOOPT EADDRNOTAVAIL ENETDOWN ENETUNREACH ENOBUFS ECONNREFUSED ELOOP
        ENAMETOOLONG EHOSTDOWN EHOSTUNREACH ENOSYS),
    numbers!(inherited: F_SETFD FD_CLOEXEC),
    numbers!(inherited: F_GETFD),
    numbers!(signals: SIGHUP SIGINT SIGQUIT SIGTERM),
];

const MACOS: Numbers = numbers!(macos: AF_INET6 SO_NOSIGPIPE IP_RECVTOS IP_DONTFRAG IPV6_RECVPKTINFO IPV6_RECVTCLASS
    IPV6_TCLASS TCP_KEEPINTVL TCP_KEEPCNT EVFILT_USER O_CLOEXEC O_NOCTTY O_DIRECTORY EOPNOTSUPP);
const FREEBSD: Numbers = numbers!(freebsd: AF_INET6 SO_NOSIGPIPE IP_RECVTOS IP_DONTFRAG IPV6_RECVPKTINFO
    IPV6_RECVTCLASS IPV6_TCLASS TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT EVFILT_USER O_CLOEXEC O_NOCTTY O_DIRECTORY
    O_PATH EOPNOTSUPP);

/// What goes by other names here, or is put together of several.
fn of_macos() -> Vec<(&'static str, i64)> {
    let form: ControlForm = macos::CONTROL;
    let mut others = vec![
        ("SO_REUSEPORT", macos::SPREAD.into()),
        ("TCP_KEEPALIVE", macos::TCP_KEEPIDLE.into()),
        ("IP_RECVPKTINFO", macos::RECEIVE_DESTINATION.into()),
        ("O_NONBLOCK | O_NOCTTY", macos::O_PATH.into()),
        ("IP_PKTINFO", form.v4.into()),
        ("sizeof(struct in_pktinfo)", form.v4_len as i64),
        ("offsetof(struct in_pktinfo, ipi_spec_dst)", form.source_v4_at as i64),
        ("offsetof(struct in_pktinfo, ipi_addr)", form.destination_v4_at as i64),
        ("sizeof(int)", form.type_of_service_len as i64),
    ];
    others.extend(of_control(&form));
    others.extend(of_event(
        size_of::<macos::KernelEvent>(),
        [
            offset_of!(macos::KernelEvent, filter),
            offset_of!(macos::KernelEvent, flags),
            offset_of!(macos::KernelEvent, filter_flags),
            offset_of!(macos::KernelEvent, data),
            offset_of!(macos::KernelEvent, key),
        ],
    ));
    others.push(("offsetof(struct dirent, d_name)", macos::NAME_AT as i64));
    others
}

fn of_freebsd() -> Vec<(&'static str, i64)> {
    let form: ControlForm = freebsd::CONTROL;
    let mut others = vec![
        ("SOCK_CLOEXEC | SOCK_NONBLOCK", freebsd::SOCK_FLAGS.into()),
        ("SO_REUSEPORT_LB", freebsd::SPREAD.into()),
        ("IP_RECVDSTADDR", freebsd::RECEIVE_DESTINATION.into()),
        ("IP_SENDSRCADDR", form.v4.into()),
        ("sizeof(struct in_addr)", form.v4_len as i64),
        ("sizeof(unsigned char)", form.type_of_service_len as i64),
        ("offsetof(struct kevent, ext)", offset_of!(freebsd::KernelEvent, extensions) as i64),
    ];
    others.extend(of_control(&form));
    others.extend(of_event(
        size_of::<freebsd::KernelEvent>(),
        [
            offset_of!(freebsd::KernelEvent, filter),
            offset_of!(freebsd::KernelEvent, flags),
            offset_of!(freebsd::KernelEvent, filter_flags),
            offset_of!(freebsd::KernelEvent, data),
            offset_of!(freebsd::KernelEvent, key),
        ],
    ));
    others.push(("offsetof(struct dirent, d_name)", freebsd::NAME_AT as i64));
    others
}

fn of_control(form: &ControlForm) -> [(&'static str, i64); 6] {
    [
        ("CMSG_LEN(0)", form.header as i64),
        ("CMSG_SPACE(1) - CMSG_SPACE(0)", form.alignment as i64),
        ("offsetof(struct cmsghdr, cmsg_level)", 4),
        ("offsetof(struct cmsghdr, cmsg_type)", 8),
        ("IP_RECVTOS", form.received_type_of_service.into()),
        ("IPV6_TCLASS", form.traffic_class.into()),
    ]
}

fn of_event(size: usize, offsets: [usize; 5]) -> [(&'static str, i64); 6] {
    let [filter, flags, filter_flags, data, key] = offsets.map(|offset| offset as i64);
    [
        ("sizeof(struct kevent)", size as i64),
        ("offsetof(struct kevent, filter)", filter),
        ("offsetof(struct kevent, flags)", flags),
        ("offsetof(struct kevent, fflags)", filter_flags),
        ("offsetof(struct kevent, data)", data),
        ("offsetof(struct kevent, udata)", key),
    ]
}

/// The structures that both systems share, and those that are written byte by byte.
fn of_structures() -> Vec<(&'static str, i64)> {
    use types::{IoVector, Linger, MessageHeader, ResourceLimit, TimeSpec};
    let here = [
        ("sizeof(struct timespec)", size_of::<TimeSpec>()),
        ("offsetof(struct timespec, tv_nsec)", offset_of!(TimeSpec, nanoseconds)),
        ("sizeof(struct linger)", size_of::<Linger>()),
        ("offsetof(struct linger, l_linger)", offset_of!(Linger, seconds)),
        ("sizeof(struct rlimit)", size_of::<ResourceLimit>()),
        ("offsetof(struct rlimit, rlim_max)", offset_of!(ResourceLimit, maximum)),
        ("sizeof(struct iovec)", size_of::<IoVector>()),
        ("offsetof(struct iovec, iov_len)", offset_of!(IoVector, len)),
        ("sizeof(struct msghdr)", size_of::<MessageHeader>()),
        ("offsetof(struct msghdr, msg_namelen)", offset_of!(MessageHeader, name_len)),
        ("offsetof(struct msghdr, msg_iov)", offset_of!(MessageHeader, vectors)),
        ("offsetof(struct msghdr, msg_iovlen)", offset_of!(MessageHeader, vectors_len)),
        ("offsetof(struct msghdr, msg_control)", offset_of!(MessageHeader, control)),
        ("offsetof(struct msghdr, msg_controllen)", offset_of!(MessageHeader, control_len)),
        ("offsetof(struct msghdr, msg_flags)", offset_of!(MessageHeader, flags)),
        ("sizeof(((struct sockaddr_un *)0)->sun_path)", types::PATH_LEN),
        ("offsetof(struct sockaddr_un, sun_family)", 1),
        ("offsetof(struct sockaddr_un, sun_path)", 2),
        ("sizeof(socklen_t)", 4),
        ("sizeof(uid_t)", 4),
        ("sizeof(gid_t)", 4),
        ("sizeof(struct sockaddr_in)", 16),
        ("offsetof(struct sockaddr_in, sin_family)", 1),
        ("offsetof(struct sockaddr_in, sin_port)", 2),
        ("offsetof(struct sockaddr_in, sin_addr)", 4),
        ("sizeof(struct sockaddr_in6)", super::address::ADDRESS_LEN),
        ("offsetof(struct sockaddr_in6, sin6_family)", 1),
        ("offsetof(struct sockaddr_in6, sin6_port)", 2),
        ("offsetof(struct sockaddr_in6, sin6_flowinfo)", 4),
        ("offsetof(struct sockaddr_in6, sin6_addr)", 8),
        ("offsetof(struct sockaddr_in6, sin6_scope_id)", 24),
        ("sizeof(struct in6_pktinfo)", 20),
        ("offsetof(struct in6_pktinfo, ipi6_addr)", 0),
    ];
    here.into_iter().map(|(what, number)| (what, number as i64)).collect()
}

/// The declarations of `calls.rs`, `files.rs`, `names.rs`, `signals.rs` and `privileges.rs`, as pointers to functions.
const FUNCTIONS: &str = "
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
";

const INCLUDES: &str = "#define __APPLE_USE_RFC_3542
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
";

fn assertions(system: Numbers, others: Vec<(&'static str, i64)>, extra: &str) -> String {
    let mut text = format!("// Written by runtime/src/sys/bsd/tests.rs.\n{INCLUDES}{extra}\n");
    let numbers = SHARED.into_iter().flatten().chain(system).copied();
    for (what, number) in numbers.chain(of_structures()).chain(others) {
        writeln!(text, "_Static_assert(({what}) == {number}, \"{what}\");").unwrap();
    }
    text + FUNCTIONS
}

fn files() -> [(&'static str, String, &'static [&'static str]); 2] {
    let macos = "#include <malloc/malloc.h>
int (*f_accept)(int, struct sockaddr *, socklen_t *) = accept;
size_t (*f_relief)(malloc_zone_t *, size_t) = malloc_zone_pressure_relief;
";
    let freebsd = "int (*f_accept4)(int, struct sockaddr *, socklen_t *, int) = accept4;
_Static_assert(sizeof(((struct kevent *)0)->ext) == 32, \"ext\");
";
    [
        ("macos.c", assertions(MACOS, of_macos(), macos), &["aarch64-macos", "x86_64-macos"]),
        ("freebsd.c", assertions(FREEBSD, of_freebsd(), freebsd), &["aarch64-freebsd", "x86_64-freebsd"]),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/headers")
}

#[test]
fn the_headers_folder_says_what_is_said_here() {
    for (name, text, _) in files() {
        let path = folder().join(name);
        if std::env::var_os("POSTHASTE_WRITE_HEADERS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == text,
            "{name} is out of date: POSTHASTE_WRITE_HEADERS=1 cargo test -p posthaste-runtime headers"
        );
    }
}

/// Against the headers of the systems themselves, where there is a compiler that has them.
#[test]
fn the_headers_of_the_systems_say_the_same() {
    let zig = || {
        let mut command = Command::new("python3");
        command.args(["-m", "ziglang"]);
        command
    };
    if !zig().arg("version").output().is_ok_and(|version| version.status.success()) {
        eprintln!("not compiled: python3 has no ziglang");
        return;
    }
    let cache = std::env::temp_dir().join("posthaste-zig-cache");
    std::fs::create_dir_all(&cache).unwrap();
    for (name, _, targets) in files() {
        for target in targets {
            let mut compile = zig();
            compile.args(["cc", "-target", target, "-Werror", "-c"]).arg(folder().join(name));
            compile.arg("-o").arg(cache.join(target));
            compile.env("ZIG_GLOBAL_CACHE_DIR", &cache).env("ZIG_LOCAL_CACHE_DIR", &cache);
            let output = compile.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name} for {target}: {said}");
        }
    }
}
