//! Which mutant a program runs as: linked into the mutated crates only.

// What is put in the place of a function's value names these, which a crate without the standard library may not have.
pub use std;
pub use std::boxed::Box;
pub use std::string::String;
pub use std::sync::Arc;
pub use std::vec;
pub use std::vec::Vec;

use std::fs::File;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

const MOST: usize = 1 << 14;

struct Settings {
    active: Vec<usize>,
    trace: Option<File>,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();
static REACHED: [AtomicU8; MOST] = [const { AtomicU8::new(0) }; MOST];

/// Whether the program runs as this mutant: one of the numbers in `MUTANT`, with commas between them. With `MUTANT_TRACE`, the number of every mutant whose
/// place is reached is appended to that file, once.
pub fn is(number: usize) -> bool {
    let settings = SETTINGS.get_or_init(|| Settings {
        active: std::env::var("MUTANT")
            .map(|text| text.split(',').filter_map(|number| number.parse().ok()).collect())
            .unwrap_or_default(),
        trace: std::env::var("MUTANT_TRACE")
            .ok()
            .map(|path| File::options().create(true).append(true).open(path).expect("a trace can be written")),
    });
    if let Some(mut trace) = settings.trace.as_ref() {
        if REACHED[number].swap(1, Ordering::Relaxed) == 0 {
            trace.write_all(&(number as u32).to_le_bytes()).expect("a trace can be written");
        }
    }
    settings.active.contains(&number)
}
