//! The server under test.

use crate::process::{gather, text};
use crate::{Failure, Memory};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A server that was told to end has ended after so long: what `serve` lets requests take, and some time more.
const LONGEST_END: Duration = Duration::from_secs(45);

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    said: Arc<Mutex<String>>,
    told_to_end: Option<Instant>,
}

impl Server {
    /// Starts one that serves `folder`, with a secret that its successors know too.
    pub fn start(command: &Path, folder: &Path, address: SocketAddr) -> Result<Server, Failure> {
        let mut child = Command::new(command)
            .args(["serve", "--bodies", "--state", "state", "--listen", &address.to_string()])
            .current_dir(folder)
            .env("TMPDIR", folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = gather(&mut child);
        let mut lines = BufReader::new(child.stdout.take().ok_or("standard output")?).lines();
        let first = lines.next().ok_or_else(|| format!("no server: {}", text(&said)))??;
        let listening = first.trim_start_matches("listening on https://");
        let port = listening.rsplit_once(':').ok_or("a port")?.1.trim_end_matches('/').parse()?;
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Server { child, address: ([127, 0, 0, 1], port).into(), said, told_to_end: None })
    }

    pub fn check(&mut self, memory: &mut Memory) -> Result<(), Failure> {
        let said = text(&self.said);
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("the server ended with {status}: {said}").into());
        }
        if !said.is_empty() {
            return Err(format!("the server says: {said}").into());
        }
        if memory.sample(self.child.id()) { Ok(()) } else { Err("the server's memory cannot be read".into()) }
    }

    pub fn tell_to_end(&mut self) -> Result<(), Failure> {
        self.told_to_end = Some(Instant::now());
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        Ok(())
    }

    /// Whether one that was told to end has ended; fails if it takes too long.
    pub fn has_ended(&mut self) -> Result<bool, Failure> {
        if let Some(status) = self.child.try_wait()? {
            return self.judge(status).map(|()| true);
        }
        match self.told_to_end {
            Some(told) if told.elapsed() > LONGEST_END => {
                Err(format!("a server does not end: {}", text(&self.said)).into())
            }
            _ => Ok(false),
        }
    }

    /// Tells it to end, and waits.
    pub fn end(&mut self) -> Result<(), Failure> {
        self.tell_to_end()?;
        self.wait()
    }

    pub fn wait(&mut self) -> Result<(), Failure> {
        while !self.has_ended()? {
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn judge(&self, status: ExitStatus) -> Result<(), Failure> {
        if status.success() {
            Ok(())
        } else {
            Err(format!("a server ended with {status}: {}", text(&self.said)).into())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
