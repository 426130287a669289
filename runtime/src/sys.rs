//! The operating system, behind safe functions. The only module of Posthaste with `unsafe` in it.
//!
//! Everything above sees what is re-exported here: a selector, a few constructors, and the calls that move datagrams; bytes
//! of streams are moved by the standard library. Another system takes part by offering the same names.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(crate) use linux::calls::{alarm_fd, on_signal_number, raise_alarm};
#[cfg(target_os = "linux")]
pub(crate) use linux::errno;
#[cfg(target_os = "linux")]
pub(crate) use linux::files::{
    Resolve, file_system, open_at, open_beneath, raise_descriptor_limit, read_cached, read_entries, read_link_at,
};
#[cfg(target_os = "linux")]
pub(crate) use linux::filter::{prefer, steer};
#[cfg(target_os = "linux")]
pub(crate) use linux::inherited::take_descriptors;
#[cfg(target_os = "linux")]
pub(crate) use linux::memory::release_unused;
#[cfg(target_os = "linux")]
pub(crate) use linux::message::{Arrival, Outgoing, receive_each, receive_one, send, send_each, take_report};
#[cfg(target_os = "linux")]
pub(crate) use linux::privileges::{become_user, identity};
#[cfg(test)]
pub(crate) use linux::refusal;
#[cfg(target_os = "linux")]
pub(crate) use linux::selector::{Happening, Selector};
#[cfg(target_os = "linux")]
pub(crate) use linux::socket::{
    SocketOptions, adopt_udp, keep, mark_all, open_udp, receive_only_from, share, spread, supports_segmentation,
};
#[cfg(target_os = "linux")]
pub(crate) use linux::stream::{ListenOptions, accept, begin_connect, listen, reset_on_close};

#[cfg(target_os = "linux")]
pub(crate) use linux::types::{
    O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH, SIGHUP, SIGINT, SIGQUIT, SIGTERM,
};

#[cfg(not(target_os = "linux"))]
compile_error!("posthaste-runtime knows Linux only; the protocol crates below it run anywhere");

#[cfg(test)]
pub(crate) mod testing;
