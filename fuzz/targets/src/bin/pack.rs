//! Keeps a corpus small: of the files of `FROM/TARGET` that a fuzzer found worth keeping (best minimised with
//! `-merge=1 -set_cover_merge=1` before), copies at most 120 into `corpus/TARGET`, small ones first and no large ones.
//! Files with names of their own (seeds, and inputs that once failed) stay. Run it from `fuzz/`:
//! `cargo run -p posthaste-fuzz-targets --bin pack FROM`.

use std::fs;
use std::path::Path;

const MAX_FILES: usize = 120;
const MAX_LEN: usize = 1000;
/// Bytes of one target.
const MAX_TOTAL: usize = 40_000;

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let entries = entries.map(|entry| entry.expect("an entry"));
    let read = |entry: fs::DirEntry| {
        (entry.file_name().into_string().expect("a name"), fs::read(entry.path()).expect("a file"))
    };
    entries.map(read).collect()
}

/// The name that libFuzzer gives: the hash of the content.
fn is_found(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn main() {
    let from = std::env::args().nth(1).expect("where the fuzzer's corpora are");
    let names = targets::TARGETS.iter().map(|(name, _)| *name).chain([
        "x509_webpki",
        "shim_flags",
        "http1_httparse",
        "json_serde",
    ]);
    for name in names {
        let to = Path::new("corpus").join(name);
        fs::create_dir_all(&to).expect("a directory");
        let mut found = files(&Path::new(&from).join(name));
        found.retain(|(name, bytes)| is_found(name) && bytes.len() <= MAX_LEN);
        found.sort_by_key(|(name, bytes)| (bytes.len(), name.clone()));
        if found.is_empty() {
            continue;
        }
        let kept: Vec<_> = files(&to).into_iter().filter(|(name, _)| !is_found(name)).collect();
        for (name, _) in files(&to).iter().filter(|(name, _)| is_found(name)) {
            fs::remove_file(to.join(name)).expect("an old file");
        }
        let mut total: usize = kept.iter().map(|(_, bytes)| bytes.len()).sum();
        // Evenly from the small to the large, so that deep inputs are among them.
        let places = MAX_FILES.saturating_sub(kept.len()).max(1);
        let step = found.len().div_ceil(places).max(1);
        for (name, bytes) in found.iter().step_by(step) {
            if total + bytes.len() <= MAX_TOTAL {
                total += bytes.len();
                fs::write(to.join(name), bytes).expect("a file");
            }
        }
    }
}
