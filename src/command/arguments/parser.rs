//! What all commands share of parsing: one argument after another, flags with their values, and what is wrong with them.

use std::fmt;
use std::time::Duration;

/// What is wrong with a command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// One argument after another.
pub(super) struct Arguments<'a> {
    rest: core::slice::Iter<'a, String>,
    /// No flags any more, after `--`.
    operands_only: bool,
}

pub(super) enum Argument<'a> {
    Operand(&'a str),
    /// A flag and the value written into the same argument, if any.
    Flag(&'a str, Option<&'a str>),
}

impl<'a> Arguments<'a> {
    pub(super) fn new(arguments: &'a [String]) -> Arguments<'a> {
        Arguments { rest: arguments.iter(), operands_only: false }
    }

    pub(super) fn next(&mut self) -> Option<Argument<'a>> {
        let argument = self.rest.next()?;
        if self.operands_only || !argument.starts_with('-') || argument == "-" {
            return Some(Argument::Operand(argument));
        }
        if argument == "--" {
            self.operands_only = true;
            return self.next();
        }
        Some(match argument.split_once('=') {
            Some((flag, value)) => Argument::Flag(flag, Some(value)),
            None => Argument::Flag(argument, None),
        })
    }

    /// How many arguments are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn is_over(&self) -> bool {
        self.left() == 0
    }

    /// The value of `flag`: in the same argument, or the next one.
    pub(super) fn value(&mut self, flag: &str, inline: Option<&str>) -> Result<String, Usage> {
        match inline.or_else(|| self.rest.next().map(String::as_str)) {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            _ => Err(Usage(format!("{flag} needs a value"))),
        }
    }

    pub(super) fn seconds(&mut self, flag: &str, inline: Option<&str>) -> Result<Duration, Usage> {
        let value = self.value(flag, inline)?;
        let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.ok_or_else(|| Usage(format!("{flag} needs a number of seconds, such as 0 or 2.5, not {value:?}")))
    }

    /// Seconds, of which 0 are for ever.
    pub(super) fn limit(&mut self, flag: &str, inline: Option<&str>) -> Result<Duration, Usage> {
        let seconds = self.seconds(flag, inline)?;
        Ok(if seconds.is_zero() { Duration::MAX } else { seconds })
    }

    pub(super) fn number(&mut self, flag: &str, inline: Option<&str>) -> Result<u64, Usage> {
        let value = self.value(flag, inline)?;
        match value.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Usage(format!("{flag} needs a number, at least 1, not {value:?}"))),
        }
    }
}

/// A flag without a value.
pub(super) fn switch(flag: &str, inline: Option<&str>) -> Result<bool, Usage> {
    if inline.is_some() { Err(Usage(format!("{flag} takes no value"))) } else { Ok(true) }
}

pub(super) fn unknown(flag: &str, command: &str) -> Usage {
    Usage(format!("unknown option {flag} for {command}; see posthaste {command} --help"))
}
