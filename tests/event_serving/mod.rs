//! `posthaste events serve` as a process, and the other commands against it.
#![allow(dead_code)] // each test program uses a part of it

use crate::serving::{Folder, posthaste};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A server as a process, killed if nothing else ends it.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) certificate: String,
}

impl Serving {
    /// With a certificate of its own, or with `--cert` and `--key` among the arguments.
    pub(crate) fn start(folder: &Folder, listen: &str, arguments: &[&str]) -> Serving {
        let mut child = posthaste()
            .args(["events", "serve", "--listen", listen, "--registry", "registry"])
            .args(arguments)
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let given = arguments.iter().position(|word| *word == "--cert").map(|at| folder.path().join(arguments[at + 1]));
        let (mut url, mut certificate) = (String::new(), String::new());
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
            if let Some(at) = line.strip_prefix("listening on ") {
                at.clone_into(&mut url);
            }
            if let Some(file) = line.strip_prefix("clients trust it with --ca ") {
                // The last line.
                file.clone_into(&mut certificate);
                break;
            }
            if let Some(file) = given.as_ref().filter(|_| line.starts_with("events are kept in ")) {
                // The last line where a certificate is given.
                file.to_str().unwrap().clone_into(&mut certificate);
                break;
            }
        }
        if url.is_empty() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it does not say where it listens: {said}");
        }
        Serving { child, url, certificate }
    }

    /// The command with these arguments, the client's name and its token.
    pub(crate) fn client(&self, client: &str, arguments: &[&str]) -> Command {
        let mut command = posthaste();
        command.arg("events").args(arguments).args(["--ca", &self.certificate, "--client", client]);
        command.env("POSTHASTE_EVENTS_TOKEN", format!("{client}-secret"));
        command
    }

    pub(crate) fn run(&self, client: &str, arguments: &[&str]) -> Output {
        self.client(client, arguments).output().unwrap()
    }

    pub(crate) fn address(&self) -> String {
        self.url.trim_start_matches("https://").trim_end_matches("/events").to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("registry", b"both * publish,fetch plain:both-secret\nroot * all plain:root-secret\n");
    folder
}

#[track_caller]
pub(crate) fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn inject(serving: &Serving, namespace: &str, lines: &str) -> Output {
    let mut child = serving
        .client("both", &["inject", &serving.url, namespace])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn ids(lines: &str) -> Vec<String> {
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    lines.lines().map(id).collect()
}

/// The lines of a stream, each as soon as it comes.
pub(crate) fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

/// How a process has ended, if it ends within this time.
pub(crate) fn ended(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

/// A process that is killed if nothing else ends it.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
