//! openssl's s_client and s_server as children, which are told what to say on standard input and say on standard output what
//! they heard.

use crate::identity::{Identity, NAME};
use crate::talk::{Progress, Words};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than it takes openssl to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// Before it nothing that a child prints is data.
pub const MARK: &str = "-=begin=-";

/// A child that is killed when it is dropped.
pub struct Openssl {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    complaints: mpsc::Receiver<String>,
}

impl Openssl {
    pub fn client(identity: &Identity, to: SocketAddr, authority: &str, more: &[&str]) -> Openssl {
        let (to, authority) = (to.to_string(), identity.path(authority));
        let all = ["s_client", "-connect", &to, "-servername", NAME, "-CAfile", &authority, "-verify_return_error"];
        Openssl::spawn(&[&all[..], more].concat())
    }

    /// A server of one connection, and where it listens.
    pub fn server(identity: &Identity, more: &[&str]) -> Result<(Openssl, SocketAddr), String> {
        Openssl::server_of(identity, 1, more)
    }

    /// A server of so many connections, one after the other, and where it listens.
    pub fn server_of(identity: &Identity, count: u8, more: &[&str]) -> Result<(Openssl, SocketAddr), String> {
        let count = count.to_string();
        let (certificate, key) = (identity.path("certificate.pem"), identity.path("key.pem"));
        let all = ["s_server", "-accept", "127.0.0.1:0", "-naccept", &count, "-cert", &certificate, "-key", &key];
        let mut server = Openssl::spawn(&[&all[..], more].concat());
        let line = server.line_with("ACCEPT")?;
        let address = line.split_whitespace().last().and_then(|address| address.parse().ok());
        Ok((server, address.ok_or(format!("no address in {line}"))?))
    }

    fn spawn(arguments: &[&str]) -> Openssl {
        let mut command = Command::new("openssl");
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("openssl is installed");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, complaints) = mpsc::channel();
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Openssl { child, stdin, stdout, complaints }
    }

    /// The next line that holds this.
    pub fn line_with(&mut self, text: &str) -> Result<String, String> {
        let stdout = self.stdout.as_mut().ok_or("its output is read elsewhere")?;
        loop {
            let mut line = Vec::new();
            match stdout.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return Err(format!("openssl ended without {text:?}")),
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(text) {
                return Ok(line);
            }
        }
    }

    /// Gives it a line to send, or a command.
    pub fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its input is ours");
        let _ = stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush());
    }

    /// Types lines and commands for key updates. Each is one read of it, so what comes of one is waited for.
    pub fn type_lines(&mut self, lines: &[&str], progress: &Progress) -> Result<(), String> {
        let (mut heard, mut updates) = (0, 0);
        for line in lines {
            if line.len() == 1 {
                updates += 1;
            } else {
                heard += line.len() as u64 + 1;
            }
            self.type_line(line);
            let begin = Instant::now();
            while progress.heard.load(Ordering::Acquire) < heard || progress.updates.load(Ordering::Acquire) < updates {
                if begin.elapsed() > LIMIT {
                    return Err(format!("nothing came of {line}"));
                }
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    /// Has it say this while it goes on.
    pub fn say(&mut self, words: Words) {
        let mut stdin = self.stdin.take().expect("its input is ours");
        std::thread::spawn(move || {
            let (mut at, mut room) = (0, vec![0; 1 << 16]);
            while at < words.len() {
                let len = words.copy(at, &mut room);
                if stdin.write_all(&room[..len]).is_err() {
                    return;
                }
                at += len as u64;
            }
            // An end of its input would end its connection, so that is kept open until the child is gone.
            std::thread::park();
        });
    }

    /// What it hears, which has to be these words, of digits. What it says of itself between them is passed over.
    pub fn hear(&mut self, words: Words) -> JoinHandle<Result<(), String>> {
        let mut stdout = self.stdout.take().expect("its output is ours");
        std::thread::spawn(move || {
            let (mut at, mut room) = (0, vec![0; 1 << 16]);
            while at < words.len() {
                let most = (words.len() - at).min(room.len() as u64) as usize;
                let len = stdout.read(&mut room[..most]).unwrap_or(0);
                if len == 0 {
                    return Err(format!("openssl ended after {at} bytes"));
                }
                let digits: Vec<u8> = room[..len].iter().copied().filter(u8::is_ascii_digit).collect();
                if !words.is_at(at, &digits) {
                    return Err(format!("openssl heard something else at {at}"));
                }
                at += digits.len() as u64;
            }
            Ok(())
        })
    }

    /// Waits for its end, and gives what it complained of.
    pub fn wait(mut self) -> String {
        drop((self.stdin.take(), self.stdout.take()));
        let _ = self.child.wait();
        self.complaints.iter().collect::<Vec<String>>().join(" / ")
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a client has written its session to this file. It does so when the ticket comes, and says it only at its end.
pub fn wait_for_ticket(session: &str) -> Result<(), String> {
    let begin = Instant::now();
    while std::fs::metadata(session).map_or(0, |file| file.len()) == 0 {
        if begin.elapsed() > LIMIT {
            return Err("openssl got no ticket".to_owned());
        }
        std::thread::yield_now();
    }
    Ok(())
}
