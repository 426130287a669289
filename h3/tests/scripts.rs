//! The scripts of `examples/script` say what follows each of their inputs, and nothing else is taken for it.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

#[path = "../examples/script/bytes.rs"]
mod bytes;
#[path = "../examples/script/play.rs"]
mod play;
#[path = "../examples/script/recorder.rs"]
mod recorder;
#[path = "../examples/script/step.rs"]
mod step;

use std::path::Path;

/// Name and text of each.
fn scripts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/script/scripts");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<(String, String)> =
        files.map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect();
    all.sort();
    all
}

/// The text with its line `at`, counted from 0, replaced.
fn with_line(text: &str, at: usize, line: &str) -> String {
    let lines = text.lines().enumerate().map(|(index, old)| if index == at { line } else { old });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_follows_is_what_the_scripts_say() {
    let all = scripts();
    assert!(all.len() >= 4, "{}", all.len());
    for (name, text) in all {
        let inputs = play::play(&text).unwrap_or_else(|words| panic!("{name}: {words}"));
        assert!(inputs >= 10, "{name}: {inputs}");
        assert_eq!(play::play(&play_again(&text)), Ok(inputs), "{name}: as it is shown");
    }
}

/// The script that a script's inputs make, with its first line.
fn play_again(text: &str) -> String {
    let side = text.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap();
    format!("{side}\n{}", play::show(text).unwrap())
}

/// Row I-2: what differs is told with its line, what was expected and what came.
#[test]
fn a_line_that_differs_is_told() {
    for (name, text) in scripts() {
        let expected = text.lines().enumerate().filter(|(_, line)| line.starts_with('>'));
        for (at, line) in expected {
            // One more byte or letter; what a frame says of its length is another byte as well.
            let other =
                if let Some(bytes) = line.strip_suffix(']') { format!("{bytes} 00]") } else { format!("{line}00") };
            let words = play::play(&with_line(&text, at, &other)).expect_err(&name);
            assert!(words.starts_with(&format!("line {}:", at + 1)), "{name}: {words}");
            assert!(
                words.contains("expected: ") && words.contains("came: ") || words.contains("no text"),
                "{name}: {words}"
            );
            // Without the line something is left over, or the next one is not it.
            let words = play::play(&with_line(&text, at, "")).expect_err(&name);
            assert!(words.contains("came"), "{name}: {words}");
            // Once more than it comes.
            let words = play::play(&with_line(&text, at, &format!("{line}\n{line}"))).expect_err(&name);
            assert!(words.starts_with(&format!("line {}:", at + 2)), "{name}: {words}");
        }
    }
}

#[test]
fn each_byte_that_is_written_counts() {
    let shown = play_again("server\nconnected");
    let at = shown.lines().position(|line| line.starts_with("> write 3 ")).unwrap();
    let line = shown.lines().nth(at).unwrap();
    let (head, digits) = line.split_at("> write 3 ".len());
    assert!(digits.len() > 20, "{shown}");
    for place in 0..digits.len() {
        let mut other: Vec<char> = digits.chars().collect();
        other[place] = if other[place] == '0' { '1' } else { '0' };
        let other = format!("{head}{}", other.iter().collect::<String>());
        let words = play::play(&with_line(&shown, at, &other)).unwrap_err();
        assert!(words.contains("they differ"), "{words}");
    }
}

#[test]
fn a_script_that_says_nothing_that_can_be_done_is_told_its_line() {
    for (text, words) in [
        ("", "nothing in it: a script begins with client or server"),
        ("# only words", "nothing in it: a script begins with client or server"),
        ("proxy", "line 1: proxy: a script begins with client or server"),
        ("server\nhello", "line 2: hello: no input; there are connected, peer, app, room and wait"),
        (
            "server\npeer writes 0 00",
            "line 2: writes: a peer sends, ends, resets, stops, acknowledges, datagram or closes",
        ),
        ("server\npeer sends zero 00", "line 2: zero: no number"),
        ("server\npeer sends 0x4000000000000000 00", "line 2: 0x4000000000000000: larger than 2^62 - 1"),
        ("server\npeer sends 0 0", "line 2: 0: neither bytes, nor text, nor a frame"),
        ("server\npeer sends 0 \"a", "line 2: \"a: no quotation mark at the end"),
        ("server\npeer sends 0 04[06", "line 2: 04[06: a bracket is not closed"),
        ("server\npeer sends 0 headers[a]", "line 2: a: a field is NAME=VALUE"),
        ("server\napp sing 0", "line 2: sing: no call of an application"),
        ("server\napp response 0 20", "line 2: 20: no status"),
        ("client\napp request GET /", "line 2: /: the URI must be absolute and well-formed, without user information"),
        ("client\napp request GET https://a.example/ [A b=c]", "line 2: A b=c: "),
        ("server\nwait long", "line 2: long: no number"),
        (
            "server\nwait 18446744073709551615",
            "line 2: 18446744073709551615: a script waits for 86400000 milliseconds at most",
        ),
        ("> open 3", "line 1: > open 3: a script begins with client or server"),
    ] {
        let said = play::play(text).unwrap_err();
        assert!(said.starts_with(words), "{text:?}: {said}");
    }
}
