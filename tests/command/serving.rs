//! Temporary folders, and `posthaste serve` as a child process on a port of the system's choice.

use posthaste::{Client, Error, Roots};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The command, without arguments.
pub(crate) fn posthaste() -> Command {
    Command::new(env!("CARGO_BIN_EXE_posthaste"))
}

/// A folder that is gone at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let path = loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("posthaste-test-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => break path,
                // What a process that was killed has left, which had the same number.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        };
        Folder(path.canonicalize().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, with its folders, and gives its whole name.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }

    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join(name)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that is running; it is killed if nothing else ends it.
pub(crate) struct Serving {
    child: Child,
    base: String,
    folder: PathBuf,
    said: Vec<String>,
    hint: String,
}

impl Serving {
    /// `posthaste serve` with these arguments, in `folder`, once it is ready.
    pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Serving {
        Serving::start_at(folder, "127.0.0.1:0", arguments)
    }

    /// The same at an address that is given.
    #[allow(dead_code)] // some tests do not ask
    pub(crate) fn start_at(folder: &Folder, address: &str, arguments: &[&str]) -> Serving {
        Serving::run(posthaste(), folder, address, arguments)
    }

    /// The same by a command that runs `posthaste` with what follows.
    #[allow(dead_code)] // some tests do not ask
    pub(crate) fn start_by(command: Command, folder: &Folder, arguments: &[&str]) -> Serving {
        Serving::run(command, folder, "127.0.0.1:0", arguments)
    }

    fn run(mut command: Command, folder: &Folder, address: &str, arguments: &[&str]) -> Serving {
        let mut child = command
            .args(["serve", "--listen", address])
            .args(arguments)
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some(first) = lines.next() else {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it does not say where it listens: {said}");
        };
        let first = first.unwrap();
        let base =
            first.strip_prefix("listening on ").expect("where").trim_end_matches(" for IPv6 and IPv4").to_owned();
        let (mut said, mut hint) = (Vec::new(), String::new());
        for line in lines.by_ref().map(Result::unwrap) {
            match line.split_once("try: ") {
                Some((_, command)) => hint = command.to_owned(),
                None => said.push(line.clone()),
            }
            if line.contains("try: ") || line.contains("names no host") {
                break;
            }
        }
        assert!(said.iter().any(|line| line.starts_with("certificate SHA-256: ") && line.len() == 21 + 64), "{said:?}");
        assert!(said.iter().any(|line| line.starts_with("public key SHA-256: ") && line.len() == 20 + 44), "{said:?}");
        Serving { child, base, folder: folder.path().to_owned(), said, hint }
    }

    /// What it printed between its addresses and its hints.
    #[allow(dead_code)] // some tests do not ask
    pub(crate) fn said(&self) -> &[String] {
        &self.said
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The command that it suggests.
    #[allow(dead_code)] // some tests do not ask
    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }

    /// Where it wrote the certificate it made: what a reader of the hint takes it from.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.hint.split_once(" --ca ").expect("a hint with a file").1.into()
    }

    /// `posthaste get` with these arguments, trusting the server.
    pub(crate) fn get(&self, arguments: &[&str]) -> Output {
        let mut command = posthaste();
        command.arg("get").args(arguments).arg("--ca").arg(self.certificate()).current_dir(&self.folder);
        command.output().unwrap()
    }

    /// Runs `test` with a client of the library that trusts the server.
    pub(crate) fn with_client(&self, test: impl AsyncFnOnce(Client, &str) -> Result<(), Error>) -> Result<(), Error> {
        let roots = Roots::from_pem_file(self.certificate())?;
        posthaste::run(|handle| async move { test(Client::builder(roots).build(&handle), &self.base).await })?
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// The number of its process.
    #[allow(dead_code)] // some tests do not ask
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    #[allow(dead_code)] // some tests do not ask
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end, and gives its status.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// The next line that it writes to standard error.
    #[allow(dead_code)] // some tests do not ask
    pub(crate) fn hear(&mut self) -> String {
        let stderr = self.child.stderr.as_mut().unwrap();
        let (mut line, mut byte) = (Vec::new(), [0]);
        // One after the other: what follows is for whoever asks next.
        while stderr.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.extend(byte);
        }
        String::from_utf8(line).unwrap()
    }

    /// What it wrote to standard error until its end.
    #[allow(dead_code)]
    pub(crate) fn told(&mut self) -> String {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }

    /// Ends it, and gives what it wrote to standard error.
    pub(crate) fn end(mut self) -> String {
        self.signal("-TERM");
        let said = self.told();
        assert_eq!(self.wait(), Some(0));
        said
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
