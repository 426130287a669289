//! Reads the project's own sources: files, their modules, and what each imports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every crate, each after those it may depend on.
pub(crate) const CRATES: [&str; 13] = [
    "base",
    "crypto",
    "crypto-ring",
    "x509",
    "tls",
    "quic",
    "http",
    "qpack",
    "h3",
    "runtime",
    "sim",
    "adversary",
    "posthaste",
];

/// Those that know neither an operating system nor an allocator's name.
pub(crate) const PROTOCOL_CRATES: [&str; 8] = ["base", "crypto", "x509", "tls", "quic", "qpack", "http", "h3"];

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
    let excluded = workspace().join("tests/peers");
    let files: Vec<SourceFile> = paths
        .into_iter()
        .filter(|path| !path.starts_with(&excluded))
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
    fn module(&self) -> Vec<String> {
        let (_, inside) = self.path.split_once("src/").unwrap_or(("", &self.path));
        let inside = inside.trim_end_matches(".rs");
        if inside == "lib" || inside == "main" { Vec::new() } else { inside.split('/').map(str::to_owned).collect() }
    }

    /// Module paths it imports from its own crate.
    fn imports(&self) -> Vec<Vec<String>> {
        let code = self.code_without_tests();
        let module = self.module();
        let mut imports = Vec::new();
        for statement in use_statements(&code) {
            for path in expand(&statement) {
                imports.extend(resolve(&path, &module));
            }
        }
        // Paths that are written out in the code.
        for (at, _) in code.match_indices("crate::") {
            if !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                let path: String =
                    code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
                imports.extend(resolve(&path, &module));
            }
        }
        imports
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

/// The texts between `use` and `;`.
fn use_statements(code: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let starts_line = rest[..at].rsplit('\n').next().is_some_and(|before| {
            let before = before.trim();
            before.is_empty() || before.starts_with("pub")
        });
        rest = &rest[at + 4..];
        if starts_line {
            let Some(end) = rest.find(';') else { break };
            statements.push(rest[..end].split_whitespace().collect::<Vec<_>>().join(" "));
            rest = &rest[end..];
        }
    }
    statements
}

/// `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let Some((prefix, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or("");
        return vec![path.trim().to_owned()];
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(|part| expand(&format!("{}{part}", prefix.trim()))).collect()
}

/// The module path a written path means, if it is of this crate.
fn resolve(path: &str, module: &[String]) -> Option<Vec<String>> {
    let mut segments: Vec<&str> = path.split("::").filter(|segment| !segment.is_empty()).collect();
    let mut base: Vec<String> = Vec::new();
    match segments.first().copied()? {
        "crate" => {
            segments.remove(0);
        }
        "self" => {
            base = module.to_vec();
            segments.remove(0);
        }
        "super" => {
            base = module.to_vec();
            while segments.first() == Some(&"super") {
                base.pop();
                segments.remove(0);
            }
        }
        // A child named without `self::`, as in `pub use child::Type`.
        first if first.starts_with(|c: char| c.is_lowercase()) => base = module.to_vec(),
        _ => return None,
    }
    base.extend(segments.into_iter().map(str::to_owned));
    Some(base)
}

/// The product's files, each after those it imports; panics with the cycle if there is one.
pub(crate) fn reading_order(files: &[SourceFile]) -> Vec<SourceFile> {
    let mut order = Vec::new();
    for name in CRATES {
        let files: Vec<&SourceFile> =
            files.iter().filter(|file| file.is_product() && file.crate_name() == name).collect();
        let modules: BTreeMap<(Vec<String>, bool), usize> = files
            .iter()
            .enumerate()
            .map(|(index, file)| ((file.module(), file.path.ends_with("main.rs")), index))
            .collect();
        let edges: Vec<BTreeSet<usize>> = files
            .iter()
            .enumerate()
            .map(|(index, file)| {
                let targets = file.imports().into_iter().filter_map(|path| {
                    // The longest prefix that is a file; the rest of the path names an item in it.
                    (1..=path.len()).rev().find_map(|len| modules.get(&(path[..len].to_vec(), false)).copied())
                });
                targets.filter(|target| *target != index).collect()
            })
            .collect();
        let mut state = vec![Visit::New; files.len()];
        // Declared order would do as well; by path keeps a folder together.
        for index in 0..files.len() {
            visit(index, &files, &edges, &mut state, &mut Vec::new(), &mut order);
        }
    }
    order
}

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    New,
    Open,
    Done,
}

fn visit(
    index: usize,
    files: &[&SourceFile],
    edges: &[BTreeSet<usize>],
    state: &mut [Visit],
    trail: &mut Vec<usize>,
    order: &mut Vec<SourceFile>,
) {
    if state[index] == Visit::Done {
        return;
    }
    trail.push(index);
    if state[index] == Visit::Open {
        let cycle: Vec<&str> = trail.iter().map(|index| files[*index].path.as_str()).collect();
        panic!("an import cycle: {}", cycle.join(" -> "));
    }
    state[index] = Visit::Open;
    for target in &edges[index] {
        visit(*target, files, edges, state, trail, order);
    }
    state[index] = Visit::Done;
    trail.pop();
    order.push(files[index].clone());
}
