//! What is left of a peak goes back to the system. Alone in its process, because it looks at the memory of all of it.
#![cfg(target_env = "gnu")]
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_runtime as runtime;

/// Resident bytes of this process.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn r9_memory_below_what_is_still_used_goes_back() {
    let before = resident();
    let mut blocks: Vec<Vec<u8>> = (0..20_000).map(|_| vec![7; 16 << 10]).collect();
    assert!(resident() > before + (300 << 20));
    // What is left lies at the end of the heap, and keeps all before it.
    let last = blocks.pop();
    drop(blocks);
    runtime::memory::release_unused();
    let after = resident();
    assert!(after < before + (20 << 20), "{before} before and {after} after");
    drop(last);
}
