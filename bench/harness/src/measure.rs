//! What a process used: processor time, memory, allocations, system calls; and the core it runs on.

use crate::{allocator, calls};

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
    /// Calls that send, and the datagrams they sent.
    pub sends: u64,
    pub sent: u64,
    /// Calls that receive, those that found nothing as well, and the datagrams they brought.
    pub receives: u64,
    pub received: u64,
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
        let [sends, sent, receives, received] = calls::counts();
        Usage {
            cpu: microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
            system: microseconds(usage.ru_stime),
            allocations: allocator::allocations(),
            sleeps: usage.ru_nvcsw as u64,
            resident: resident(),
            sends,
            sent,
            receives,
            received,
        }
    }

    /// What was used from `before` until this one; memory is the growth.
    pub fn since(self, before: Usage) -> Usage {
        let mut numbers = self.numbers();
        for (number, before) in numbers.iter_mut().zip(before.numbers()) {
            *number = number.saturating_sub(before);
        }
        Usage::from_numbers(numbers)
    }

    /// As a line for the parent.
    pub fn encode(self) -> String {
        self.numbers().map(|number| number.to_string()).join(" ")
    }

    /// Back from the line.
    pub fn decode(line: &str) -> Option<Usage> {
        let numbers: Option<Vec<u64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        Some(Usage::from_numbers(numbers?.try_into().ok()?))
    }

    fn numbers(self) -> [u64; 9] {
        let Usage { cpu, system, allocations, sleeps, resident, sends, sent, receives, received } = self;
        [cpu, system, allocations, sleeps, resident, sends, sent, receives, received]
    }

    fn from_numbers(numbers: [u64; 9]) -> Usage {
        let [cpu, system, allocations, sleeps, resident, sends, sent, receives, received] = numbers;
        Usage { cpu, system, allocations, sleeps, resident, sends, sent, receives, received }
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

/// Seconds of processor time of this thread.
pub fn thread_cpu() -> f64 {
    // SAFETY: a plain struct of numbers, filled by the call.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time);
        time
    };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
