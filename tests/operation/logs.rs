//! What a server writes down: requests in a file of their own, and what happens on standard error.

use super::serving::{Folder, Serving};
use posthaste::Error;
use std::fs;

/// The lines of a file once there are so many.
fn lines(folder: &Folder, name: &str, count: usize) -> Vec<String> {
    for _ in 0..1_000_000 {
        let text = fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        if text.lines().count() >= count && text.ends_with('\n') {
            return text.lines().map(str::to_owned).collect();
        }
        std::thread::yield_now();
    }
    panic!("{name} has less than {count} lines")
}

#[test]
fn requests_are_written_down_in_each_format_and_the_file_is_opened_again() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("site/a", b"0123456789");
    for (format, parts) in [
        ("common", &["127.0.0.1 - - [", "] \"GET /a?x=%22 HTTP/3.0\" 200 10"][..]),
        ("combined", &["\"GET /a?x=%22 HTTP/3.0\" 200 10 \"https://from.example/\" \"a \\\"b\\\" \\xc3\\xa9\""]),
        (
            "json",
            &[
                "{\"time\":\"20",
                "\"protocol\":\"HTTP/3.0\",\"method\":\"GET\",\"host\":\"127.0.0.1:",
                "\"target\":\"/a?x=%22\",\"status\":200,\"bytes\":10,\"seconds\":0.",
                "\"complete\":true,\"referer\":\"https://from.example/\",\"user_agent\":\"a \\\"b\\\" é\"}",
            ],
        ),
    ] {
        let serving = Serving::start(&folder, &["site", "--access-log", "log", "--access-log-format", format]);
        serving.with_client(async |client, base| {
            let ask = async || {
                let request = client.get(&format!("{base}/a?x=%22"));
                let request = request.field("referer", "https://from.example/").field("user-agent", "a \"b\" é");
                request.send().await?.body().read_to_end(100).await
            };
            ask().await?;
            let written = lines(&folder, "log", 1);
            assert!(parts.iter().all(|part| written[0].contains(part)), "{format}: {written:?}");
            fs::rename(folder.path().join("log"), folder.path().join("log.1")).unwrap();
            serving.signal("-HUP");
            // Lines go to the file before until the signal has come.
            while !folder.path().join("log").exists() {
                ask().await?;
            }
            lines(&folder, "log", 1);
            Ok(())
        })?;
        serving.end();
        fs::remove_file(folder.path().join("log")).unwrap();
    }
    Ok(())
}

#[test]
fn an_access_log_that_cannot_be_opened_is_said_at_once() {
    let folder = Folder::new();
    let output = super::serving::posthaste()
        .args(["serve", "--access-log", "none/log"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("the access log none/log could not be opened"), "{said}");
}

#[test]
fn the_level_decides_and_json_is_one_object_on_each_line() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("site/index.html", b"x");
    for (level, tells) in [("debug", true), ("info", true), ("error", false)] {
        let arguments = ["site", "--log-format", "json", "--log-level", level];
        let serving = Serving::start(&folder, &arguments);
        serving.with_client(async |client, base| {
            client.get(&format!("{base}/")).send().await?.body().read_to_end(10).await?;
            // With an expectation that nobody knows: that is told.
            let port = base.rsplit(':').next().unwrap();
            let refused = client.get(&format!("https://localhost:{port}/")).field("expect", "nonsense").send().await?;
            assert_eq!(refused.status().code(), 417);
            client.close().await;
            Ok(())
        })?;
        let said = serving.end();
        assert_eq!(said.contains("\"level\":\"info\",\"message\":\"a request of 127.0.0.1"), tells, "{said}");
        assert_eq!(said.contains("packets lost, round trip"), level == "debug", "each connection: {said}");
        assert!(said.lines().all(|line| line.starts_with("{\"time\":\"20") && line.ends_with("\"}")), "{said}");
    }
    Ok(())
}
