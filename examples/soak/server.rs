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
    is_replaced: bool,
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
        Ok(Server { child, address: ([127, 0, 0, 1], port).into(), said, told_to_end: None, is_replaced: false })
    }

    /// `killed`: how many clients were, of whom the server may say that they were too slow.
    pub fn check(&mut self, memory: &mut Memory, killed: u64) -> Result<(), Failure> {
        let said = text(&self.said);
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("the server ended with {status}: {said}").into());
        }
        let (slow, others): (Vec<_>, Vec<_>) = said.lines().partition(|line| is_of_a_killed_client(line));
        if !others.is_empty() || slow.len() as u64 > 2 * killed {
            return Err(format!("the server says: {said}").into());
        }
        if memory.sample(self.child.id()) { Ok(()) } else { Err("the server's memory cannot be read".into()) }
    }

    fn tell_to_end(&mut self) -> Result<(), Failure> {
        self.told_to_end = Some(Instant::now());
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        Ok(())
    }

    /// Tells it to end, because another takes over.
    pub fn make_way(&mut self) -> Result<(), Failure> {
        self.is_replaced = true;
        self.tell_to_end()
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

    /// Requests of a client that moved after the successor came are cut short: it is the successor who hears of the move.
    fn judge(&self, status: ExitStatus) -> Result<(), Failure> {
        let said = text(&self.said);
        let is_replaced = self.is_replaced && said.contains("cut short");
        if status.success() || is_replaced {
            Ok(())
        } else {
            Err(format!("a server ended with {status}: {said}").into())
        }
    }
}

/// Whoever is killed in the middle of an upload sends no more of it: the server says so, and its handler once more.
fn is_of_a_killed_client(line: &str) -> bool {
    line.contains(" was too slow: ") || line.contains(" did not send its request at the least rate ")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
