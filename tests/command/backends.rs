//! `posthaste serve --proxy /PATH=BACKEND`: which requests are passed on, and what is wrong with values that are none.

use crate::serving::{Folder, Serving, posthaste};
use posthaste::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// A backend that answers with its name and the first line of each request.
fn backend(name: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                loop {
                    let mut lines = Vec::new();
                    while !lines.last().is_some_and(String::is_empty) {
                        let mut line = String::new();
                        if !reader.read_line(&mut line).is_ok_and(|count| count > 0) {
                            return;
                        }
                        lines.push(line.trim_end().to_owned());
                    }
                    let text = format!("{name}: {}", lines[0]);
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
                    let _ = reader.get_mut().write_all(answer.as_bytes());
                }
            });
        }
    });
    address
}

#[test]
fn the_longest_path_counts_and_files_are_served_for_the_rest() -> Result<(), Error> {
    let (api, deep) = (format!("/api={}", backend("api")), format!("/api/deep/={}", backend("deep")));
    for workers in ["1", "2"] {
        let folder = Folder::new();
        folder.write("index.html", b"files");
        let serving = Serving::start(&folder, &["--proxy", &api, "--proxy", &deep, "--workers", workers]);
        serving.with_client(async |client, url| {
            let url = url.trim_end_matches('/');
            for (path, expected) in [
                ("/", "files"),
                ("/api", "api: GET /api HTTP/1.1"),
                ("/api/x?y", "api: GET /api/x?y HTTP/1.1"),
                ("/api/deep/x", "deep: GET /api/deep/x HTTP/1.1"),
                ("/api/deeper", "api: GET /api/deeper HTTP/1.1"),
            ] {
                let mut response = client.get(&format!("{url}{path}")).send().await?;
                assert_eq!(response.body().read_to_end(100).await?, expected.as_bytes(), "{path}");
            }
            assert_eq!(client.get(&format!("{url}/apix")).send().await?.status().code(), 404);
            Ok(())
        })?;
    }
    let folder = Folder::new();
    let serving = Serving::start(&folder, &["--proxy", &api, "--proxy-strip"]);
    serving.with_client(async |client, url| {
        let mut response = client.get(&format!("{}/api/x", url.trim_end_matches('/'))).send().await?;
        assert_eq!(response.body().read_to_end(100).await?, b"api: GET /x HTTP/1.1");
        Ok(())
    })
}

#[test]
fn what_is_no_backend_is_told_with_what_to_write() {
    for (arguments, words) in [
        (&["--proxy", "/api"][..], "/api=http://127.0.0.1:8080"),
        (&["--proxy", "/api=https://a"], "without TLS"),
        (&["--proxy", "/api=127.0.0.1:1"], "http://HOST:PORT"),
        (&["--proxy-strip"], "need a --proxy /PATH=BACKEND"),
        (&["--proxy", "/=http://a", "--proxy-host", "x"], "client or backend"),
    ] {
        let output = posthaste().arg("serve").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(words), "{arguments:?}: {said}");
    }
}
