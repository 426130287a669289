//! All that the program itself asks of what it runs on: bytes to standard output, and an end with a status.

use core::ffi::{c_int, c_void};
use core::fmt;

#[link(name = "c")]
unsafe extern "C" {
    fn write(descriptor: c_int, bytes: *const c_void, count: usize) -> isize;
    fn _exit(status: c_int) -> !;
}

/// Standard output, unbuffered.
pub struct Output;

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            // SAFETY: the pointer and the length are those of a slice.
            let written = unsafe { write(1, bytes.as_ptr().cast(), bytes.len()) };
            bytes = usize::try_from(written).ok().and_then(|written| bytes.get(written..)).ok_or(fmt::Error)?;
        }
        Ok(())
    }
}

/// A line to standard output. There is nobody to tell if that fails.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => {{
        use core::fmt::Write as _;
        let _ = writeln!($crate::platform::Output, $($words)*);
    }};
}

/// Ends the program.
pub fn exit(status: i32) -> ! {
    // SAFETY: a call that does not return and takes any number.
    unsafe { _exit(status) }
}

/// An assertion of ours, or an arena that is full.
#[panic_handler]
fn on_panic(info: &core::panic::PanicInfo<'_>) -> ! {
    say!("{info}");
    exit(101)
}

/// What the compiled `alloc` refers to for a panic that unwinds. Here a panic ends the program, so nothing calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> ! {
    exit(102)
}

/// As `rust_eh_personality`.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    exit(102)
}
