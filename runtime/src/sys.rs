//! The operating system, behind safe functions. The only module of Posthaste with `unsafe` in it.
//!
//! Everything above sees what is re-exported here: a selector, a few constructors, and the calls that move datagrams; bytes
//! of streams are moved by the standard library. Another system takes part by offering the same names.

#[cfg(any(test, not(target_os = "linux")))]
#[cfg_attr(target_os = "linux", allow(dead_code, reason = "tests look at what only other systems use"))]
mod bsd;
mod datagram;
mod happening;
mod inherited;
#[cfg(target_os = "linux")]
mod linux;
mod lock;
mod meaning;
mod options;
mod privileges;
#[cfg(test)]
pub(crate) mod refusal;
mod signals;
#[cfg(test)]
pub(crate) mod testing;

#[cfg(not(target_os = "linux"))]
use bsd as system;
pub(crate) use datagram::{Arrival, Outgoing};
pub(crate) use happening::Happening;
pub(crate) use inherited::take_descriptors;
#[cfg(target_os = "linux")]
use linux as system;
pub(crate) use lock::lock_file;
pub(crate) use meaning::{Receiving, Sending};
pub(crate) use options::{ListenOptions, Resolve, SocketOptions};
pub(crate) use privileges::{become_user, identity};
pub(crate) use signals::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, on_signal_number};
pub(crate) use system::alarm::Alarm;
pub(crate) use system::clock::monotonic;
pub(crate) use system::errno;
pub(crate) use system::files::{
    O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH, file_system, open_at, open_beneath, raise_descriptor_limit,
    read_cached, read_link_at,
};
pub(crate) use system::memory::release_unused;
pub(crate) use system::message::{receive_each, receive_one, send, send_each, take_report};
pub(crate) use system::names::Names;
pub(crate) use system::policy::{is_shortage, may_be_pathless, of_receive, of_send};
pub(crate) use system::selector::{Bell, Selector};
pub(crate) use system::socket::{
    HANDS_PORTS_OVER, SPREADS, abstract_address, adopt_udp, keep, mark_all, open_udp, pass_over_newcomers, prefer,
    receive_only_from, share, spread, steer, supports_segmentation,
};
pub(crate) use system::stream::{accept, begin_connect, keep_alive, listen, reset_on_close};
pub(crate) use system::unix_stream::{connect_abstract, connect_unix};

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "freebsd")))]
compile_error!("posthaste-runtime knows Linux, macOS and FreeBSD; the protocol crates below it run anywhere");
