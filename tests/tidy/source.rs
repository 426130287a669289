//! Reads the project's own sources: files, their crates and modules, and what of each is code of tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every crate, each after those it may depend on.
pub(crate) const CRATES: [&str; 24] = [
    "base",
    "ml-kem",
    "crypto",
    "crypto-ring",
    "x509",
    "tls",
    "quic",
    "http",
    "qpack",
    "hpack",
    "json",
    "events",
    "journal",
    "acme",
    "h1",
    "h2",
    "h3",
    "webtransport",
    "websocket",
    "runtime",
    "sim",
    "adversary",
    "relay",
    "posthaste",
];

/// Those that know neither an operating system nor an allocator's name.
pub(crate) const PROTOCOL_CRATES: [&str; 17] = [
    "base",
    "ml-kem",
    "crypto",
    "x509",
    "tls",
    "quic",
    "qpack",
    "hpack",
    "http",
    "json",
    "events",
    "acme",
    "h1",
    "h2",
    "h3",
    "webtransport",
    "websocket",
];

/// One source file.
#[derive(Clone)]
pub(crate) struct SourceFile {
    /// From the workspace's root, with slashes.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// The root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the workspace's own crates and tests, sorted by path.
pub(crate) fn rust_files() -> Vec<SourceFile> {
    let mut paths = Vec::new();
    for name in CRATES {
        let root = if name == "posthaste" { workspace().to_path_buf() } else { workspace().join(name) };
        for folder in ["src", "tests", "examples"] {
            collect(&root.join(folder), &mut paths);
        }
    }
    paths.sort();
    let excluded = ["tests/peers", "tests/judges", "tests/shim"].map(|folder| workspace().join(folder));
    let files: Vec<SourceFile> = paths
        .into_iter()
        .filter(|path| !excluded.iter().any(|folder| path.starts_with(folder)))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a source file can be read");
            let path =
                path.strip_prefix(workspace()).expect("below the root").to_str().expect("UTF-8").replace('\\', "/");
            SourceFile { path, text }
        })
        .collect();
    assert!(files.len() > 50, "the sources were found");
    files
}

/// Rust files beside the workspace that are built on its crates: foreign peers and judges, a shim, benchmarks, fuzzing, the program without `std`.
pub(crate) fn files_beside() -> Vec<SourceFile> {
    let mut paths = Vec::new();
    for folder in ["tests/peers", "tests/judges", "tests/shim", "tests/bare", "bench", "fuzz"] {
        collect(&workspace().join(folder), &mut paths);
    }
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source file can be read");
        SourceFile { path: path.to_str().expect("UTF-8").to_owned(), text }
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            // What builds and the search for mutants leave behind is no source.
            if !["target", "state"].iter().any(|name| path.ends_with(name)) {
                collect(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

impl SourceFile {
    /// The crate it belongs to.
    pub(crate) fn crate_name(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or("");
        CRATES.into_iter().find(|name| *name == first).unwrap_or("posthaste")
    }

    /// Whether it is part of the product rather than of its tests.
    pub(crate) fn is_product(&self) -> bool {
        let in_src = self.path.starts_with("src/") || self.path.split('/').nth(1) == Some("src");
        let of_tests = ["/tests.rs", "/tests/", "/testing.rs", "/testing/"];
        in_src && !of_tests.iter().any(|part| self.path.contains(part))
    }

    /// The first sentence of its `//!`.
    pub(crate) fn first_sentence(&self) -> String {
        let doc: Vec<&str> = self
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .map(|line| line.trim_start_matches("//!").trim())
            .take_while(|line| !line.is_empty())
            .collect();
        let doc = doc.join(" ");
        doc.split_once(". ").map_or(doc.as_str(), |(first, _)| first).trim_end_matches(['.', ':']).to_owned()
    }

    /// The code that ships: without comments, strings' contents untouched, and without what stands under `cfg(test)`.
    pub(crate) fn code_without_tests(&self) -> String {
        if !self.is_product() {
            return String::new();
        }
        let text = without_comments(&self.text);
        match text.find("#[cfg(test)]\nmod tests {") {
            Some(at) => text[..at].to_owned(),
            None => text,
        }
    }

    /// The code of tests.
    pub(crate) fn test_code(&self) -> String {
        if !self.is_product() {
            return without_comments(&self.text);
        }
        let text = without_comments(&self.text);
        text.find("#[cfg(test)]\nmod tests {").map_or_else(String::new, |at| text[at..].to_owned())
    }

    /// The variants of a table of violations: of the `enum Violation`, or of the macro's rows.
    pub(crate) fn violation_variants(&self) -> Vec<String> {
        let code = without_comments(&self.text);
        let mut variants = BTreeSet::new();
        for start in ["violations! {", "enum Violation {"] {
            let Some(at) = code.rfind(start) else { continue };
            // A macro's rows end at a brace of their own line, and so does an enum inside a macro.
            for line in code[at + start.len()..].lines().take_while(|line| line.trim() != "}") {
                let word: String = line.trim().chars().take_while(|c| c.is_alphanumeric()).collect();
                if word.starts_with(|c: char| c.is_uppercase()) {
                    variants.insert(word);
                }
            }
        }
        variants.into_iter().collect()
    }

    /// Its module path within its crate: `src/a/b.rs` is `["a", "b"]`.
    pub(crate) fn module(&self) -> Vec<String> {
        let (_, inside) = self.path.split_once("src/").unwrap_or(("", &self.path));
        let inside = inside.trim_end_matches(".rs");
        if inside == "lib" || inside == "main" { Vec::new() } else { inside.split('/').map(str::to_owned).collect() }
    }
}

fn without_comments(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if !trimmed.starts_with("//") {
            code += line;
        }
        code.push('\n');
    }
    code
}
