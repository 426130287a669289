//! Who holds the memory: every block that is alive, by the place that asked for it. Slow, and off unless asked for.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static ON: AtomicBool = AtomicBool::new(false);
static BLOCKS: Mutex<Option<HashMap<usize, Block>>> = Mutex::new(None);
/// Frames of the stack that are kept of each block.
const DEPTH: usize = 32;

struct Block {
    size: usize,
    frames: Vec<usize>,
}

thread_local! {
    /// The census's own allocations are not counted.
    static COUNTING: Cell<bool> = const { Cell::new(false) };
}

/// From now on blocks are noted.
pub fn begin() {
    without_counting(|| {
        if let Ok(mut blocks) = BLOCKS.lock() {
            *blocks = Some(HashMap::new());
        }
    });
    ON.store(true, Relaxed);
}

pub(crate) fn on_taken(pointer: *mut u8, size: usize) {
    if ON.load(Relaxed) {
        without_counting(|| {
            let mut frames = Vec::with_capacity(DEPTH);
            backtrace::trace(|frame| {
                frames.push(frame.ip() as usize);
                frames.len() < DEPTH
            });
            if let Ok(mut blocks) = BLOCKS.lock() {
                blocks.as_mut().map(|blocks| blocks.insert(pointer as usize, Block { size, frames }));
            }
        });
    }
}

pub(crate) fn on_given_back(pointer: *mut u8) {
    if ON.load(Relaxed) {
        without_counting(|| {
            if let Ok(mut blocks) = BLOCKS.lock() {
                blocks.as_mut().map(|blocks| blocks.remove(&(pointer as usize)));
            }
        });
    }
}

fn without_counting(work: impl FnOnce()) {
    let entered = COUNTING.try_with(|counting| !counting.replace(true)).unwrap_or(false);
    if entered {
        work();
        let _ = COUNTING.try_with(|counting| counting.set(false));
    }
}

/// What is alive, most bytes first: bytes, blocks, the size of one, and the innermost frames that are not the library's
/// own of collections and the allocator.
pub fn report(most: usize) -> String {
    let mut text = String::new();
    without_counting(|| {
        let Some(blocks) = BLOCKS.lock().ok().and_then(|mut blocks| blocks.take()) else { return };
        let mut sites: HashMap<Vec<usize>, (usize, usize)> = HashMap::new();
        for block in blocks.into_values() {
            let site = sites.entry(block.frames).or_default();
            site.0 += block.size;
            site.1 += 1;
        }
        // Stacks that differ only in frames that are not shown are one place.
        let mut places: HashMap<String, (usize, usize)> = HashMap::new();
        for (frames, (bytes, count)) in sites {
            let place = places.entry(name(&frames)).or_default();
            place.0 += bytes;
            place.1 += count;
        }
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_by_key(|(_, (bytes, _))| std::cmp::Reverse(*bytes));
        let total: usize = places.iter().map(|(_, (bytes, _))| bytes).sum();
        let _ = writeln!(text, "{total} bytes alive in all");
        for (place, (bytes, count)) in places.into_iter().take(most) {
            let _ = writeln!(text, "{bytes} bytes in {count} blocks of {}: {place}", bytes / count.max(1));
        }
    });
    text
}

/// The innermost frames of a stack, by name.
fn name(frames: &[usize]) -> String {
    let mut names: Vec<String> = Vec::new();
    for frame in frames {
        backtrace::resolve(*frame as *mut _, |symbol| {
            let name = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
            let foreign = ["alloc::", "core::", "std::", "hashbrown::", "backtrace::", "harness::", "<alloc::", "__r"];
            if !name.is_empty() && !foreign.iter().any(|prefix| name.starts_with(prefix)) {
                let line = symbol.lineno().map(|line| format!(":{line}")).unwrap_or_default();
                names.push(format!("{name}{line}"));
            }
        });
        if names.len() >= 3 {
            break;
        }
    }
    names.truncate(3);
    names.join(" < ")
}
