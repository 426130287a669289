//! Refusals of the system that tests ask for, before the system sees the call.

/// A system call, or a use of one, that a test can have refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `sendmsg` with a segment size (GSO).
    SendSegmented,
    /// `sendmmsg`.
    SendMany,
    /// `sendmsg` of one datagram.
    SendOne,
    /// Any send with an ECN mark.
    SendMarked,
    /// `recvmmsg`.
    ReceiveMany,
    /// `recvmsg`.
    ReceiveOne,
    /// `setsockopt` of what only makes things better: buffers, GRO, marks, destination addresses, don't-fragment.
    Option,
    /// `epoll_ctl` of a descriptor more.
    Watch,
    /// `openat2`.
    OpenBeneath,
}

/// What is refused, how, and how often yet.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    call: Call,
    error: i32,
    times: u32,
}

std::thread_local! {
    static REFUSAL: std::cell::Cell<Option<Refusal>> = const { std::cell::Cell::new(None) };
}

/// From now on the next `times` uses of `call` in this thread fail with `error`, before the system sees them.
pub(crate) fn refuse(call: Call, error: i32, times: u32) {
    REFUSAL.set(Some(Refusal { call, error, times }));
}

/// How many refusals are left.
pub(crate) fn refusals_left() -> u32 {
    REFUSAL.get().map_or(0, |refusal| refusal.times)
}

/// Whether this use is refused.
pub(crate) fn check(call: Call) -> std::io::Result<()> {
    match REFUSAL.get() {
        Some(refusal) if refusal.call == call && refusal.times > 0 => {
            REFUSAL.set(Some(Refusal { times: refusal.times - 1, ..refusal }));
            Err(std::io::Error::from_raw_os_error(refusal.error))
        }
        _ => Ok(()),
    }
}
