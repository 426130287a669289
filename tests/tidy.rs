//! Promises to users that a machine can check: what the project depends on, where unsafe code is, that each file can be
//! read after the files it imports, that every breach of the protocol we know of can happen and is tested, and where each
//! requirement of an RFC is kept.

#[path = "tidy/acceptance.rs"]
mod acceptance;
#[path = "tidy/chapters.rs"]
mod chapters;
#[path = "tidy/citations.rs"]
mod citations;
#[path = "tidy/measures.rs"]
mod measures;
#[path = "tidy/order.rs"]
mod order;
#[path = "tidy/parse.rs"]
mod parse;
#[path = "tidy/public.rs"]
mod public;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tokens.rs"]
mod tokens;

use order::{Reading, reading_order};
use source::{CRATES, PROTOCOL_CRATES, SourceFile, rust_files, workspace};
use std::collections::BTreeSet;
use std::process::Command;

/// Everything that `cargo tree -e normal` may show beside our own crates: the two dependencies, and what they bring.
const OUTSIDE: [&str; 7] = ["ring", "rustls-pki-types", "zeroize", "cfg-if", "getrandom", "libc", "untrusted"];

#[test]
fn the_dependency_set_is_ours_ring_and_pki_types() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-e", "normal", "-p", "posthaste", "--prefix", "none", "--offline", "--locked"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    let names: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("ring") && names.contains("posthaste-quic"), "the tree was read: {names:?}");
    for name in names {
        let ours = name == "posthaste" || name.starts_with("posthaste-");
        assert!(ours || OUTSIDE.contains(&name), "{name} is neither ours nor one of {OUTSIDE:?}");
    }
}

/// What tests need and the product is not built with: an allocator that counts what a test holds on the heap, one that looks
/// for secrets there, and a program without the standard library, which has an allocator and an entry of its own.
const UNSAFE_IN_TESTS: [&str; 3] = ["adversary/src/heap.rs", "adversary/src/remains.rs", "tests/bare/src/"];

#[test]
fn unsafe_code_is_only_under_runtime_src_sys_and_each_block_says_why() {
    let mut blocks = 0;
    // This check itself names what it looks for.
    for file in rust_files().into_iter().filter(|file| !file.path.starts_with("tests/tidy")) {
        let in_sys = file.path.starts_with("runtime/src/sys")
            || UNSAFE_IN_TESTS.iter().any(|place| file.path.starts_with(place));
        let lines: Vec<&str> = file.text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            if !words.into_iter().any(|word| word == "unsafe") {
                continue;
            }
            assert!(in_sys, "{}:{}: unsafe outside runtime/src/sys", file.path, number + 1);
            if code.contains("unsafe {") {
                blocks += 1;
                let before = lines.iter().take(number).rev().take_while(|line| {
                    let line = line.trim();
                    line.starts_with("//") || !line.ends_with([';', '}'])
                });
                let reasoned = before.take(12).any(|line| line.contains("SAFETY:"));
                assert!(reasoned, "{}:{}: an unsafe block without its SAFETY line", file.path, number + 1);
            }
        }
    }
    assert!(blocks > 0, "the check found the system calls");
}

/// P22: how `SocketAddr` lies in memory is nobody's business, so addresses for the system are written field by field.
#[test]
fn p22_addresses_are_never_cast() {
    let mut with_addresses = 0;
    for file in rust_files().into_iter().filter(SourceFile::is_product) {
        for (number, line) in file.code_without_tests().lines().enumerate() {
            let place = format!("{}:{}: {line}", file.path, number + 1);
            assert!(!line.contains("transmute"), "{place}");
            if line.contains("SocketAddr") {
                with_addresses += 1;
                let casts =
                    ["*const", "*mut", "as_ptr", "as_mut_ptr", "&raw", "from_ref", "from_mut", "size_of", ".cast"];
                assert!(!casts.iter().any(|cast| line.contains(cast)), "{place}");
            }
        }
    }
    assert!(with_addresses > 20);
}

/// P23: sums and products of sizes are checked, also in the build that ships, but for counters that mean to wrap.
#[test]
fn p23_arithmetic_is_checked_in_every_build() {
    let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).expect("a manifest");
    let (_, release) = manifest.split_once("[profile.release]").expect("a release profile");
    let release = release.split("[profile").next().unwrap_or(release);
    assert!(release.contains("overflow-checks = true"));
    let unchecked = ["wrapping_", "unchecked_", "overflowing_", "get_unchecked", ".set_len("];
    // What tells an object from an earlier one in its place, and how often something was signalled.
    let counters = ["generation", "path_count", "self.seen"];
    // How much of what was reserved the kernel has filled, which is asserted on the line before.
    let filled = ["into.set_len(into.len() + count)"];
    // How long a file is: the system checks that.
    let of_file = ["self.file.set_len(len)"];
    for file in rust_files().into_iter().filter(ships) {
        for (number, line) in file.code_without_tests().lines().enumerate() {
            let wraps = unchecked.iter().any(|word| line.contains(word));
            let counts = counters.iter().chain(&filled).chain(&of_file).any(|word| line.contains(word));
            assert!(!wraps || counts, "{}:{}: {line}", file.path, number + 1);
        }
    }
}

/// Whether a file is part of what users run.
fn ships(file: &SourceFile) -> bool {
    file.is_product() && !["sim", "adversary", "relay"].contains(&file.crate_name())
}

/// C2: nothing that a peer can choose is looked up by a hash that it could predict. Tables of the protocols are ordered, or
/// go by our own index; elsewhere there is the standard library's hash, whose key is drawn.
#[test]
fn c2_no_table_hashes_what_a_peer_chose() {
    for file in rust_files().into_iter().filter(ships) {
        let of_protocol = PROTOCOL_CRATES.contains(&file.crate_name());
        for (number, line) in file.code_without_tests().lines().enumerate() {
            let own_hash = ["BuildHasher", "impl Hasher", "with_hasher"].iter().any(|word| line.contains(word));
            let table = of_protocol && (line.contains("HashMap") || line.contains("HashSet"));
            assert!(!own_hash && !table, "{}:{}: {line}", file.path, number + 1);
        }
    }
}

/// T16: what tells whether a guess at a secret was close is never compared byte by byte.
/// RFC 9000 section 10.3.1-4.
#[test]
fn t16_secrets_are_compared_in_constant_time() {
    let text = |path: &str| std::fs::read_to_string(workspace().join(path)).expect(path);
    for path in ["tls/src/proof.rs", "quic/src/protection/retry_integrity.rs", "quic/src/wire/connection_id.rs"] {
        assert!(text(path).contains("constant_time::equal("), "{path} compares in constant time");
    }
    // Types that hold secrets have no comparison that could be used by mistake.
    for (path, name) in
        [("crypto/src/secret.rs", "pub struct Secret"), ("quic/src/wire/connection_id.rs", "pub struct ResetToken")]
    {
        let text = text(path);
        let at = text.find(name).expect(name);
        let derives = text[..at].rsplit("\n\n").next().unwrap_or("");
        let compares = derives.lines().any(|line| line.starts_with("#[derive") && line.contains("PartialEq"));
        assert!(!compares, "{name} derives a comparison");
    }
}

/// T17: a division takes a time that depends on what is divided, and a compiler may branch on what it knows to be one of two
/// values. Where ML-KEM handles secrets, only constants are divided, nothing branches, and single bits are hidden from it.
#[test]
fn t17_nothing_secret_is_divided_or_branched_on() {
    let text = |name: &str| std::fs::read_to_string(workspace().join("ml-kem/src").join(name)).expect(name);
    for name in ["field.rs", "transform.rs", "product.rs", "compression.rs", "encoding.rs"] {
        let file = SourceFile { path: format!("ml-kem/src/{name}"), text: text(name) };
        let code = file.code_without_tests();
        // What the compiler computes has no time.
        let code = code.split("const fn ").enumerate().map(|(number, part)| match part.split_once("\n}\n") {
            Some((_, rest)) if number > 0 => rest,
            _ => part,
        });
        for line in code.flat_map(str::lines).filter(|line| !line.contains("const ")) {
            let place = format!("{}: {line}", file.path);
            let divides = [" / ", " % "].iter().any(|sign| {
                line.match_indices(sign).any(|(at, _)| {
                    let last = line[..at].rsplit([' ', '(', '[', '.']).next().unwrap_or(line);
                    !last.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || c == '_')
                })
            });
            let branches = ["if ", "while ", "match ", "&& ", "|| "].iter().any(|word| line.trim().starts_with(word));
            assert!(!divides && !branches, "{place}");
        }
    }
    assert!(text("encoding.rs").contains("core::hint::black_box(u16::from(byte >> shift & 1))"));
    let mechanism = text("mechanism.rs");
    assert!(
        mechanism.contains("core::hint::black_box(difference)") && mechanism.contains("core::hint::black_box(is_equal")
    );
}

#[test]
fn protocol_crates_are_no_std_safe_and_without_features() {
    for name in PROTOCOL_CRATES {
        let root = std::fs::read_to_string(workspace().join(name).join("src/lib.rs")).expect("a crate has a lib.rs");
        assert!(root.contains("#![no_std]"), "{name} is no_std");
        assert!(root.contains("#![forbid(unsafe_code)]"), "{name} forbids unsafe code");
        let manifest =
            std::fs::read_to_string(workspace().join(name).join("Cargo.toml")).expect("a crate has a manifest");
        assert!(!manifest.contains("[features]"), "{name} has no features");
        for file in rust_files().iter().filter(|file| file.path.starts_with(&format!("{name}/src/"))) {
            let code = file.code_without_tests();
            let with_std = code.replace("#[cfg(test)]\nextern crate std;", "").contains("extern crate std");
            assert!(!with_std, "{} uses std", file.path);
        }
    }
}

/// What docs.rs shows first: what a crate is, one example that is compiled, and where to go on.
#[test]
fn every_crate_has_a_front_page_with_an_example() {
    let files = rust_files();
    let is_root = |path: &str| path == "src/lib.rs" || (path.ends_with("/src/lib.rs") && !path.starts_with("tests/"));
    let roots: Vec<&SourceFile> = files.iter().filter(|file| is_root(&file.path)).collect();
    assert_eq!(roots.len(), CRATES.len(), "every crate has a root");
    for root in roots {
        let page: Vec<&str> = root.text.lines().take_while(|line| line.starts_with("//!")).collect();
        let fences: Vec<&&str> = page.iter().filter(|line| line.starts_with("//! ```")).collect();
        assert!(fences.len() >= 2, "{} has no example", root.path);
        assert!(["//! ```", "//! ```no_run"].contains(fences[0]), "{}: an example that is not compiled", root.path);
        assert!(!page.last().is_some_and(|line| line.starts_with("//! ```")), "{} says not where to go on", root.path);
    }
}

#[test]
fn no_file_imports_itself_round_a_corner_and_the_tour_is_the_reading_order() {
    let files = rust_files();
    let Reading { order, circles, uses } = reading_order(&files);
    assert!(circles.is_empty(), "files that use each other, by imports or by methods:\n{}", circles.join("\n"));
    let text = std::fs::read_to_string(workspace().join("tests/tidy/chapters.txt")).expect("the list of chapters");
    let chapters = chapters::parse(&text);
    let chapter = |path: &str| {
        chapters::of(&chapters, path).unwrap_or_else(|| panic!("{path} is in no chapter of tests/tidy/chapters.txt"))
    };
    let early = uses.iter().filter(|one| chapter(&one.to) > chapter(&one.from));
    let early: Vec<String> = early.map(|one| format!("{} uses {} ({})", one.from, one.to, one.name)).collect();
    assert!(
        early.is_empty(),
        "files that use one of a later chapter of tests/tidy/chapters.txt:\n{}",
        early.join("\n")
    );
    let mut listing = String::new();
    for (number, of) in chapters.iter().enumerate() {
        listing += &of.head(number + 1);
        let files: Vec<&&SourceFile> = order.iter().filter(|file| chapter(&file.path) == number).collect();
        assert!(!files.is_empty(), "a chapter without files: {of:?}");
        for file in files {
            assert_eq!(file.crate_name(), of.crate_name, "{} is in a chapter of another crate", file.path);
            listing += &format!("- [`{}`](../{}): {}\n", file.path, file.path, file.first_sentence());
        }
    }
    let path = workspace().join("docs/tour.md");
    let tour = std::fs::read_to_string(&path).expect("docs/tour.md is there");
    let (head, _) = tour.split_once(MARK).expect("docs/tour.md has the mark of its listing");
    let expected = format!("{head}{MARK}\n{listing}");
    if std::env::var_os("POSTHASTE_WRITE_TOUR").is_some() {
        std::fs::write(&path, &expected).expect("docs/tour.md can be written");
    } else {
        assert!(
            tour == expected,
            "docs/tour.md is not the reading order; run: POSTHASTE_WRITE_TOUR=1 cargo test --test tidy"
        );
    }
}

/// What stands before the listing in docs/tour.md.
const MARK: &str = "<!-- The rest of this page is written by tests/tidy.rs. -->";

#[test]
fn every_violation_is_constructed_and_provoked() {
    for (name, enumeration) in [
        ("quic", "Violation"),
        ("tls", "Violation"),
        ("h1", "Violation"),
        ("h2", "Violation"),
        ("h3", "Violation"),
        ("webtransport", "Violation"),
        ("websocket", "Violation"),
    ] {
        let files = rust_files();
        let table: &SourceFile = files
            .iter()
            .find(|file| file.path == format!("{name}/src/violation.rs"))
            .expect("the crate has its table of violations");
        let variants = table.violation_variants();
        assert!(variants.len() > 10, "{name}: the table was read: {variants:?}");
        let mut missing = Vec::new();
        for variant in variants {
            let written = format!("{enumeration}::{variant}");
            let mentions = |text: &str| {
                text.match_indices(&written)
                    .any(|(at, _)| !text[at + written.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            };
            let product = files
                .iter()
                .filter(|file| file.path.starts_with(&format!("{name}/src/")) && file.path != table.path)
                .any(|file| mentions(&file.code_without_tests()));
            let tested = files.iter().any(|file| mentions(&file.test_code()));
            if !product || !tested {
                missing.push(format!("{written}: constructed {product}, provoked by a test {tested}"));
            }
        }
        assert!(missing.is_empty(), "{name}:\n{}", missing.join("\n"));
    }
}

/// A function fits on a screen.
#[test]
fn no_function_is_longer_than_70_lines() {
    let mut count = 0;
    let mut long = Vec::new();
    for file in rust_files().iter().filter(|file| file.is_product()) {
        for (name, line, lines) in measures::functions(file) {
            count += 1;
            if lines > 70 {
                long.push(format!("{}:{line}: {name} has {lines} lines", file.path));
            }
        }
    }
    assert!(count > 2000, "the functions were found: {count}");
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// A conductor is small: what a connection is made of are components, each with its own affairs.
#[test]
fn a_connection_has_few_fields() {
    let files = rust_files();
    let fields: Vec<Vec<String>> = files
        .iter()
        .filter(|file| file.path.starts_with("quic/src/connection") && file.is_product())
        .filter_map(|file| measures::fields(file, "Connection"))
        .collect();
    let [fields] = &fields[..] else { panic!("quic::Connection is defined once: {fields:?}") };
    println!("{}", fields.join(" "));
    assert!(fields.len() > 3 && fields.len() <= MOST_FIELDS, "{} fields: {fields:?}", fields.len());
}

const MOST_FIELDS: usize = 18;

/// What is public is for somebody: another crate, a test, an example, a benchmark names it, or tests/tidy/unnamed.txt says for
/// whom it is.
#[test]
fn what_is_public_is_named_or_has_a_reason() {
    let (files, beside) = (rust_files(), source::files_beside());
    let reasons = std::fs::read_to_string(workspace().join("tests/tidy/unnamed.txt")).expect("the list of reasons");
    let reasons: Vec<(&str, &str)> = reasons
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("an item and a reason"))
        .collect();
    let (mut missing, mut used) = (Vec::new(), BTreeSet::new());
    for name in CHECKED {
        let own: Vec<&SourceFile> =
            files.iter().filter(|file| file.is_product() && file.crate_name() == name && in_sources(file)).collect();
        let outside = files.iter().filter(|file| file.crate_name() != name || !in_sources(file));
        let users = public::Users::new(outside.chain(&beside), name);
        for item in public::unnamed(&own, &users) {
            let written = format!("{} {} {}", item.file, item.kind, item.name);
            // A reason can stand for a whole file.
            match reasons.iter().position(|(of, _)| *of == written || *of == item.file) {
                Some(place) => drop(used.insert(place)),
                None => missing.push(written),
            }
        }
    }
    assert!(missing.is_empty(), "nobody names these: make them private, or give a reason:\n{}", missing.join("\n"));
    let stale: Vec<&str> = (0..reasons.len()).filter(|at| !used.contains(at)).map(|at| reasons[at].0).collect();
    assert!(stale.is_empty(), "named or gone, so that they need no reason:\n{}", stale.join("\n"));
}

/// Whoever uses `posthaste` needs no other crate of ours to write down what its signatures show.
#[test]
fn what_signatures_of_the_library_show_can_be_named_through_it() {
    let files = rust_files();
    let own: Vec<&SourceFile> =
        files.iter().filter(|file| file.is_product() && file.crate_name() == "posthaste" && in_sources(file)).collect();
    let others = [
        "base",
        "crypto",
        "crypto_ring",
        "x509",
        "tls",
        "quic",
        "http",
        "qpack",
        "hpack",
        "json",
        "events",
        "acme",
        "h1",
        "h2",
        "h3",
        "webtransport",
        "websocket",
        "runtime",
        "rustls_pki_types",
    ];
    let missing = public::not_exported(&own, &others);
    assert!(missing.is_empty(), "signatures show these, and `posthaste` does not export them:\n{}", missing.join("\n"));
}

/// Those that are published and whose public items are all accounted for.
const CHECKED: [&str; 20] = [
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
    "acme",
    "h1",
    "h2",
    "h3",
    "webtransport",
    "websocket",
    "runtime",
    "sim",
    "posthaste",
];

/// Whether it is within a library's own sources: the command is a program that uses its library as others do.
fn in_sources(file: &SourceFile) -> bool {
    let is_command = file.path == "src/main.rs" || file.path.starts_with("src/command");
    if is_command {
        return false;
    }
    file.path.starts_with("src/") || file.path.split('/').nth(1) == Some("src")
}
