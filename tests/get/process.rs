//! `posthaste get` as a child that ends in time or is killed.

use crate::plain::PATIENCE;
use crate::serving::{Folder, posthaste};
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// `posthaste get` in `folder`, taking any certificate; its standard input is empty.
pub(crate) fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = posthaste();
    command.args(["get", "--insecure"]).args(arguments).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The same, until its end.
pub(crate) fn get(folder: &Folder, arguments: &[&str]) -> Output {
    Running::start(&mut command(folder, arguments)).output()
}

pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        Running(command.spawn().unwrap())
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Waits for its end, which has to come.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it wrote until its end, as far as nobody has taken that.
    pub(crate) fn output(mut self) -> Output {
        let (stdout, stderr) = (self.0.stdout.take(), self.0.stderr.take());
        let (stdout, stderr) = (std::thread::spawn(|| all(stdout)), std::thread::spawn(|| all(stderr)));
        let status = self.wait();
        Output { status, stdout: stdout.join().unwrap().unwrap(), stderr: stderr.join().unwrap().unwrap() }
    }
}

fn all(from: Option<impl Read>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    from.map_or(Ok(0), |mut from| from.read_to_end(&mut all))?;
    Ok(all)
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Its status, and that what it says holds all of `parts`.
#[track_caller]
pub(crate) fn expect(output: &Output, status: i32, parts: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
}
