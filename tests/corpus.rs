//! Replays the fuzzers' corpora through the very same code, with the stable compiler and without a fuzzing engine: what was
//! found once stays fixed.

#[allow(dead_code, unreachable_pub, clippy::unwrap_used)]
#[path = "../fuzz/targets/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// Need what is not among our dependencies, foreign libraries and the shim, and are replayed by `fuzz/` alone.
const OUTSIDE: [&str; 4] = ["x509_webpki", "shim_flags", "http1_httparse", "json_serde"];

#[test]
fn every_file_of_the_corpus_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, run) in targets::TARGETS {
        let mut files: Vec<_> = fs::read_dir(corpus.join(name))
            .unwrap_or_else(|error| panic!("the corpus of {name}: {error}"))
            .map(|entry| entry.expect("a directory entry").path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has a corpus");
        run(&[]);
        for file in files {
            let data = fs::read(&file).expect("a file");
            // The name of the file that fails, above the message of what failed in it.
            let result = std::panic::catch_unwind(|| run(&data));
            assert!(result.is_ok(), "{} fails", file.display());
        }
    }
}

#[test]
fn every_corpus_belongs_to_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for entry in fs::read_dir(corpus).expect("the corpora") {
        let name = entry.expect("a directory entry").file_name().into_string().expect("a name");
        let known = targets::TARGETS.iter().any(|(target, _)| *target == name);
        assert!(known || OUTSIDE.contains(&name.as_str()), "{name} is no target");
    }
}
