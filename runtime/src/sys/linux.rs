//! Linux, on 64-bit little-endian processors.

pub(crate) mod address;
pub(crate) mod alarm;
pub(crate) mod calls;
pub(crate) mod clock;
pub(crate) mod control;
pub(crate) mod errno;
pub(crate) mod files;
pub(crate) mod filter;
pub(crate) mod memory;
pub(crate) mod message;
pub(crate) mod names;
pub(crate) mod policy;
pub(crate) mod selector;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod types;
pub(crate) mod unix_stream;

// Where the C library declares a 32-bit length inside a 64-bit field of the kernel's (musl does), the bytes are the same
// only if the low half comes first.
#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
compile_error!("the structures of sys/linux/types.rs are those of 64-bit little-endian Linux");
