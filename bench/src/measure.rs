//! What a process used: processor time, memory, allocations; and the core it runs on.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The system's allocator, and a count of what is asked of it. Every stack pays for the count alike.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        ALLOCATED.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: as promised to us.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        ALLOCATED.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: as promised to us.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        ALLOCATED.fetch_add(size as u64, Relaxed);
        // SAFETY: as promised to us.
        unsafe { System.realloc(pointer, layout, size) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised to us.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// A process's use so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Microseconds of processor time, user's and system's.
    pub cpu: u64,
    /// Of them the system's.
    pub system: u64,
    /// Allocations and reallocations.
    pub allocations: u64,
    /// Times the process went to sleep.
    pub sleeps: u64,
    /// KiB of memory in use now.
    pub resident: u64,
}

impl Usage {
    /// Of this process, now.
    pub fn now() -> Usage {
        // SAFETY: a plain struct of numbers, filled by the call.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            usage
        };
        let microseconds = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
        Usage {
            cpu: microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
            system: microseconds(usage.ru_stime),
            allocations: ALLOCATIONS.load(Relaxed),
            sleeps: usage.ru_nvcsw as u64,
            resident: resident(),
        }
    }

    /// What was used from `before` until this one; memory is the growth.
    pub fn since(self, before: Usage) -> Usage {
        Usage {
            cpu: self.cpu - before.cpu,
            system: self.system - before.system,
            allocations: self.allocations - before.allocations,
            sleeps: self.sleeps - before.sleeps,
            resident: self.resident.saturating_sub(before.resident),
        }
    }

    /// As a line for the parent.
    pub fn encode(self) -> String {
        format!("{} {} {} {} {}", self.cpu, self.system, self.allocations, self.sleeps, self.resident)
    }

    /// Back from the line.
    pub fn decode(line: &str) -> Option<Usage> {
        let mut numbers = line.split_whitespace().map(|word| word.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Usage { cpu: next()?, system: next()?, allocations: next()?, sleeps: next()?, resident: next()? })
    }
}

fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    pages.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |pages| pages * 4)
}

/// Keeps this process on one core.
pub fn pin(core: usize) {
    // SAFETY: a set of bits, read by the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        if libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) != 0 {
            eprintln!("core {core} cannot be had: {}", std::io::Error::last_os_error());
        }
    }
}

/// Puts this process before all ordinary ones, where that is allowed: on a machine that others use as well, a turn of
/// theirs in the middle of a round would be measured as ours.
pub fn take_precedence() {
    let parameter = libc::sched_param { sched_priority: 1 };
    // SAFETY: the parameter is read by the call.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameter) } != 0 {
        eprintln!("no precedence: {}", std::io::Error::last_os_error());
    }
}

/// Raises the buffers of a socket.
pub fn socket_buffers(socket: &impl std::os::fd::AsRawFd, bytes: i32) {
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        // SAFETY: the option is an int, and lives through the call.
        unsafe {
            let value = std::ptr::from_ref(&bytes).cast();
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, size_of::<i32>() as u32);
        }
    }
}
