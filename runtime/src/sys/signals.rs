//! Signals of the process: a handler that counts them and raises alarms.

use core::ffi::c_void;
use std::io;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use crate::sys::Alarm;

// The same numbers on every system that this is built for.
pub(crate) const SIGHUP: i32 = 1;
pub(crate) const SIGINT: i32 = 2;
pub(crate) const SIGQUIT: i32 = 3;
pub(crate) const SIGTERM: i32 = 15;

mod foreign {
    use super::c_void;

    unsafe extern "C" {
        pub(super) fn write(fd: i32, bytes: *const c_void, len: usize) -> isize;
        pub(super) fn signal(number: i32, action: usize) -> usize;
        #[cfg_attr(target_os = "linux", link_name = "__errno_location")]
        #[cfg_attr(not(target_os = "linux"), link_name = "__error")]
        pub(super) fn errno_location() -> *mut i32;
    }
}

/// Where the signal handler finds what to do; only ever set to alarms that stay open for the rest of the process.
static ALARMS: [AtomicI32; 64] = [const { AtomicI32::new(-1) }; 64];
/// How often each of [`HEARD`] has come.
static COUNTS: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];
/// The signals that can be counted.
const HEARD: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
/// What the C library has for a handler where a signal is ignored.
const IGNORED: usize = 1;

/// Has the process's signal `number`, one of four, counted and raise the alarm in place `place` instead of ending the process, from
/// now on. Gives the counter; `None` if the process was started with the signal ignored and that is `respected`: it stays so.
pub(crate) fn on_signal_number(
    place: usize,
    alarm: &'static Alarm,
    number: i32,
    respected: bool,
) -> io::Result<Option<&'static AtomicU32>> {
    let entry = ALARMS.get(place).ok_or(io::ErrorKind::QuotaExceeded)?;
    let counter = counter(number).ok_or(io::ErrorKind::InvalidInput)?;
    entry.store(alarm.raw_inlet(), Ordering::Release);
    // SAFETY: the handler only does what is allowed in one: atomics, and write(2) with the error number put back.
    let before = unsafe { foreign::signal(number, on_signal as *const () as usize) };
    match before {
        usize::MAX => Err(io::Error::last_os_error()),
        IGNORED if respected => {
            // SAFETY: what was there before needs nothing of us.
            unsafe { foreign::signal(number, IGNORED) };
            Ok(None)
        }
        _ => Ok(Some(counter)),
    }
}

fn counter(number: i32) -> Option<&'static AtomicU32> {
    COUNTS.get(HEARD.iter().position(|heard| *heard == number)?)
}

extern "C" fn on_signal(number: i32) {
    if let Some(counter) = counter(number) {
        counter.fetch_add(1, Ordering::Release);
    }
    // SAFETY: the C library gives a valid pointer to this thread's error number.
    let errno = unsafe { foreign::errno_location() };
    // SAFETY: as above; the interrupted code must find the number it left there.
    let before = unsafe { errno.read() };
    for entry in &ALARMS {
        let alarm = entry.load(Ordering::Acquire);
        if alarm >= 0 {
            raise(alarm);
        }
    }
    // SAFETY: as above.
    unsafe { errno.write(before) };
}

/// Raises an alarm in the handler. One that is full was raised before, and has not been quieted since.
fn raise(alarm: i32) {
    let one = 1u64.to_ne_bytes();
    // SAFETY: `one` is readable for the eight bytes given. A descriptor that is not open gives an error.
    let _ = unsafe { foreign::write(alarm, one.as_ptr().cast(), one.len()) };
}
