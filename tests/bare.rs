//! The protocol crates need no standard library: `tests/bare` is a program without it, in which a client and a server do a
//! handshake and exchange a request and its response. Here it is built as for a small device, run, and looked into.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

#[path = "bare/executable.rs"]
mod executable;

use executable::Executable;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// All that the program may ask of the C library, on all architectures: the memory functions, which compiled Rust calls
/// everywhere; what `ring` asks the processor's abilities with; what `getrandom` gets random bytes with, by a call, or by a
/// file and a lock; what the program itself writes and ends with; and what belongs to the C runtime, which calls `main`.
const ASKED: &str = "memcpy memmove memset memcmp bcmp strlen
    getauxval
    getrandom syscall __errno_location open open64 read close poll pthread_mutex_lock pthread_mutex_unlock
    write _exit
    __libc_start_main __cxa_finalize __gmon_start__ _ITM_deregisterTMCloneTable _ITM_registerTMCloneTable";

/// The figures of docs/embedding.md, each with a little room.
const MOST: [(&str, usize); 4] =
    [("handshake, at the peak", 50_000), ("idle", 33_000), ("exchange, at the peak", 310_000), ("loaded", 1_460_000)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program.
fn program() -> PathBuf {
    programs().join("bare")
}

/// Where the programs are, built once for all tests.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--release", "--offline", "--locked", "--manifest-path"])
            .arg(root().join("tests/bare/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            // Nothing else: what a measurement of coverage, say, adds to the tests needs the standard library.
            .env_remove("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", flags())
            .output()
            .expect("cargo runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tests/bare does not build:\n{said}");
        target.join("release")
    })
}

/// The compiler's flags. The program is loaded at one address, as on a device without a loader, and so has no relocations. And the names of
/// source files are shortened: a panic names its file, so that the program would grow with the path at which somebody checked the
/// project out.
fn flags() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).expect("Cargo has a folder");
    // A folder for each registry; none where the sources are kept elsewhere.
    let registries = std::fs::read_dir(cargo.join("registry/src")).into_iter().flatten();
    let places = registries.map(|one| one.expect("Cargo's folder can be read").path()).chain([root().to_owned()]);
    let shortened = places.map(|place| format!("--remap-path-prefix={}/=", place.display()));
    shortened.chain(["-Crelocation-model=static".to_owned()]).collect::<Vec<_>>().join("\x1f")
}

/// Its status, and its lines by what stands before the colon.
fn run(word: &str) -> (i32, BTreeMap<String, String>, String) {
    let Output { status, stdout, .. } = Command::new(program()).arg(word).output().expect("the program runs");
    let text = String::from_utf8(stdout).expect("it prints UTF-8");
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    let lines = pairs.map(|(what, words)| (what.to_owned(), words.to_owned())).collect();
    (status.code().expect("it ends by itself"), lines, text)
}

/// The number before `unit` in a line.
fn number(line: &str, unit: &str) -> usize {
    let before = line.split_once(unit).unwrap_or_else(|| panic!("{line}: no {unit}")).0;
    before.trim().rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_request_is_answered_on_a_heap_of_one_array() {
    let (status, lines, text) = run("exchange");
    println!("{text}");
    assert_eq!(status, 0, "{text}");
    assert_eq!(lines["response"], "200 with the 65536 bytes of the request");
    assert_eq!(lines["closed"], "closed by the peer with application code 0x100: \"done\"");
    assert_eq!(lines["left"], "0 bytes live", "all is given back");
    // A client's and a server's first flights, and what the server answers.
    assert!((3..10).contains(&number(&lines["handshake"], "datagrams")), "{text}");
    assert!(number(&lines["exchange"], "datagrams") > 2 * 65_536 / 1_452, "{text}");

    let loaded = Executable::new(std::fs::read(program()).unwrap()).loaded();
    println!("loaded: {loaded} bytes");
    let found = [
        number(&lines["handshake"], " at the peak"),
        number(&lines["idle"], " bytes live"),
        number(&lines["exchange"], " at the peak"),
        loaded,
    ];
    for ((what, most), found) in MOST.into_iter().zip(found) {
        assert!(found <= most, "{what}: {found} bytes, and docs/embedding.md promises at most {most}");
    }
}

/// Those that QUIC does not need: a program of its own, so that what one with QUIC takes is known.
#[test]
fn the_other_protocols_work_on_a_heap_of_one_array() {
    let Output { status, stdout, .. } = Command::new(programs().join("others")).output().expect("the program runs");
    let text = String::from_utf8(stdout).expect("it prints UTF-8");
    println!("{text}");
    assert_eq!(status.code(), Some(0), "{text}");
    let works = text.lines().filter(|line| line.contains(": works, ") && line.ends_with(" 0 left")).count();
    assert_eq!(works, 6, "{text}");
    let symbols = Executable::new(std::fs::read(programs().join("others")).unwrap()).symbols();
    assert!(symbols.iter().all(|one| !one.is_of_std()));
    for name in
        ["posthaste_h1", "posthaste_h2", "posthaste_hpack", "posthaste_websocket", "posthaste_acme", "posthaste_json"]
    {
        assert!(symbols.iter().any(|one| one.name.contains(name)), "nothing of {name} is linked");
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused() {
    let (status, lines, text) = run("wrong-root");
    assert_eq!(status, 0, "{text}");
    let found = "the TLS handshake failed: issuer not found: CN=Posthaste authority home is neither trusted nor was its \
                 certificate sent";
    assert_eq!(lines["client"], found);
    // RFC 9001 s4.8: an alert is an error code of the transport, 0x0100 and the alert: unknown_ca is 48.
    assert!(lines["server"].starts_with("closed by the peer with transport error 0x130"), "{text}");
}

#[test]
fn a_full_heap_ends_the_program_and_says_so() {
    let (status, _, text) = run("small-heap");
    assert_eq!(status, 101, "{text}");
    assert!(text.contains("memory allocation of") && text.contains("bytes failed"), "{text}");
    assert_eq!(run("something else").0, 64);
}

#[test]
fn nothing_of_the_standard_library_is_linked() {
    let symbols = Executable::new(std::fs::read(program()).unwrap()).symbols();
    let of_std: Vec<&str> = symbols.iter().filter(|one| one.is_of_std()).map(|one| one.name.as_str()).collect();
    assert_eq!(of_std, [""; 0]);
    // The check finds what it looks for: this test has the standard library, and the program has what is ours.
    let this = Executable::new(std::fs::read(std::env::current_exe().unwrap()).unwrap()).symbols();
    assert!(this.iter().filter(|one| one.is_of_std()).count() > 100);
    assert!(symbols.iter().filter(|one| one.name.contains("14posthaste_quic")).count() > 20);
}

#[test]
fn what_is_asked_of_the_system_is_a_short_list() {
    let symbols = Executable::new(std::fs::read(program()).unwrap()).symbols();
    let asked: BTreeSet<&str> = symbols.iter().filter(|one| one.is_outside).map(|one| one.name.as_str()).collect();
    assert!(asked.contains("memcpy") && asked.contains("write"), "the symbols were read: {asked:?}");
    let allowed: BTreeSet<&str> = ASKED.split_whitespace().collect();
    let more: Vec<&str> = asked.difference(&allowed).copied().collect();
    assert!(more.is_empty(), "the program asks the system for {more:?}");
}

/// So that whoever has fetched what the workspace needs can build the program without a network.
#[test]
fn the_lock_file_holds_no_other_versions_than_the_workspaces() {
    let packages = |path: &str| -> BTreeSet<String> {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let parts = text.split("[[package]]").skip(1);
        parts.map(|part| part.lines().skip(1).take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let (ours, workspaces) = (packages("tests/bare/Cargo.lock"), packages("Cargo.lock"));
    assert!(ours.len() > 10);
    let others: Vec<&String> = ours.difference(&workspaces).filter(|package| !package.contains("\"bare\"")).collect();
    assert!(
        others.is_empty(),
        "copy Cargo.lock to tests/bare, and have cargo check take out what is not used: {others:?}"
    );
}
