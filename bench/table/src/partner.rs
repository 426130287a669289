//! A process that is measured, and the conversation with it.

use crate::stack::Stack;
use harness::measure::Usage;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Ended with us.
pub struct Partner {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    errors: PathBuf,
}

/// The most that is told of a reason.
const REASON: usize = 200;

impl Partner {
    /// The program of a stack, started by `wrapper` if that is not empty; what it complains of goes to a file of the folder.
    pub fn start(
        stack: &Stack,
        folder: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        wrapper: &[String],
    ) -> Result<Partner, String> {
        let path = stack.path()?;
        let errors = folder.join(format!("{}.errors", arguments[0]));
        let file = File::create(&errors).map_err(|error| error.to_string())?;
        let mut command = match wrapper.split_first() {
            Some((first, words)) => {
                let mut command = Command::new(first);
                command.args(words).arg(&path);
                command
            }
            None => Command::new(&path),
        };
        let command = command.env("RUST_BACKTRACE", "0").envs(environment.iter().copied()).args(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", path.display()))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.expect("pipes that were asked for");
        Ok(Partner { child, input: Some(input), output: BufReader::new(output), errors })
    }

    /// Lets it end by itself.
    pub fn finish(mut self) {
        self.input = None;
        let _ = self.child.wait();
    }

    /// A line to it.
    pub fn say(&mut self, line: &str) -> Result<(), String> {
        let said = self.input.as_mut().map(|input| writeln!(input, "{line}").and_then(|()| input.flush()));
        if matches!(said, Some(Ok(()))) { Ok(()) } else { Err(self.reason()) }
    }

    /// The rest of its next line, which begins with `word`.
    pub fn hear(&mut self, word: &str) -> Result<String, String> {
        let mut line = String::new();
        let _ = self.output.read_line(&mut line);
        line.trim().strip_prefix(word).map(|rest| rest.trim().to_owned()).ok_or_else(|| self.reason())
    }

    /// What it used so far.
    pub fn used(&mut self) -> Result<Usage, String> {
        self.say("used")?;
        let line = self.hear("used")?;
        Usage::decode(&line).ok_or_else(|| format!("not a line of numbers: {line}"))
    }

    /// What it complained of.
    pub fn complaints(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// Why it has ended.
    fn reason(&mut self) -> String {
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let complaints = self.complaints();
        let lines = complaints.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("note:"));
        let mut reason = lines.collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = reason.char_indices().nth(REASON) {
            reason.truncate(end);
        }
        if reason.is_empty() { status } else { reason }
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
