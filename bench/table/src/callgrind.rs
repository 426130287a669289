//! What valgrind's callgrind has counted: instructions by the part of the program whose source they come from.

use std::collections::{BTreeMap, HashMap};

/// Instructions of each component.
pub type Counts = BTreeMap<String, i64>;

/// Reads a file of callgrind's. An inlined line counts for the file it was written in, unless that is the standard
/// library: then for the function it was inlined into.
pub fn read(text: &str) -> Counts {
    let mut reader = Reader::default();
    text.lines().for_each(|line| reader.line(line));
    reader.counts
}

#[derive(Default)]
struct Reader {
    counts: Counts,
    /// Names are given once, and then by number: of objects, of files, of functions.
    names: [HashMap<String, String>; 3],
    object: String,
    function_file: String,
    file: String,
    function: String,
    /// The next line is what a call cost, which the called function tells itself.
    is_call: bool,
}

impl Reader {
    fn line(&mut self, line: &str) {
        match line.split_once('=') {
            Some(("ob", name)) => self.object = self.name(0, name),
            Some(("fl", name)) => {
                self.function_file = self.name(1, name);
                self.file = self.function_file.clone();
            }
            Some(("fi" | "fe", name)) => self.file = self.name(1, name),
            Some(("fn", name)) => {
                self.function = self.name(2, name);
                self.file = self.function_file.clone();
            }
            Some(("cob", name)) => drop(self.name(0, name)),
            Some(("cfi" | "cfl", name)) => drop(self.name(1, name)),
            Some(("cfn", name)) => drop(self.name(2, name)),
            Some(("calls", _)) => self.is_call = true,
            _ if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) => {
                let cost = line.split(' ').nth(1).and_then(|word| word.parse::<i64>().ok());
                if !std::mem::take(&mut self.is_call) {
                    *self.counts.entry(self.component()).or_default() += cost.unwrap_or(0);
                }
            }
            _ => {}
        }
    }

    fn name(&mut self, kind: usize, word: &str) -> String {
        let (number, name) = word.split_once(')').unwrap_or((word, ""));
        let names = &mut self.names[kind];
        if name.trim().is_empty() {
            names.get(number).cloned().unwrap_or_default()
        } else {
            names.insert(number.to_owned(), name.trim().to_owned());
            name.trim().to_owned()
        }
    }

    fn component(&self) -> String {
        of_file(&self.file).or_else(|| of_file(&self.function_file)).unwrap_or_else(|| self.of_function())
    }

    /// Where there is no source of ours: by the object and the function's name.
    fn of_function(&self) -> String {
        let name = &self.function;
        let own = ["alloc::", "core::", "std::", "<alloc::", "<core::", "<std::", "hashbrown::"];
        if self.object.contains("/libc")
            || ["mem", "malloc", "free", "realloc"].iter().any(|word| name.starts_with(word))
        {
            return "C library (memory, copies)".into();
        }
        if self.object.contains("/ld-") || self.object.contains("vdso") {
            return "system".into();
        }
        if own.iter().any(|prefix| name.starts_with(prefix)) {
            return "standard library".into();
        }
        let is_cipher =
            ["aes", "gcm", "ring_core", "gf", "vpaes", "AES", "CRYPTO"].iter().any(|word| name.contains(word));
        if is_cipher { "ring".into() } else { format!("other: {}", name.chars().take(60).collect::<String>()) }
    }
}

/// A foreign crate by its name; ours by crate and module.
fn of_file(path: &str) -> Option<String> {
    if path.contains("/rustc/") || path.starts_with("???") || path.is_empty() {
        return None;
    }
    if let Some((_, rest)) = path.split_once("/registry/src/") {
        let package = rest.split('/').nth(1)?;
        let name = package.rsplit_once('-').map_or(package, |(name, _)| name);
        return Some(if name == "libc" { "system".into() } else { name.to_owned() });
    }
    let (before, after) =
        path.rsplit_once("/src/").or_else(|| path.strip_prefix("src/").map(|after| ("posthaste", after)))?;
    let package = before.rsplit('/').next()?;
    let module = after.split('/').next()?.trim_end_matches(".rs");
    let known = ["base", "crypto", "crypto-ring", "h3", "http", "qpack", "quic", "runtime", "tls", "x509"];
    if known.contains(&package) {
        return Some(format!("{package}/{module}"));
    }
    match package {
        "harness" | "ours" | "quinn" | "s2n" | "quiche" | "limit" => Some("the bench's own".into()),
        // Built from sources that are not on this machine: the standard library.
        "core" | "alloc" | "std" | "hashbrown" => None,
        _ => Some(format!("posthaste/{module}")),
    }
}
