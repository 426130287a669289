//! The options of `posthaste serve` about running it.

use super::parser::{Arguments, Usage};

/// What whoever runs the server wants of it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Operation {
    /// Where its figures are to be had.
    pub metrics: Option<String>,
    /// Where requests are written to; `-` is standard output.
    pub access_log: Option<String>,
    /// How.
    pub access_log_format: AccessLogFormat,
    /// How much is said on standard error.
    pub log_level: Level,
    /// Whether that is one JSON object on each line.
    pub log_is_json: bool,
    /// Who the server is once everything is open, and of which group.
    pub user: Option<(String, Option<String>)>,
}

/// How a request is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AccessLogFormat {
    /// The Common Log Format of web servers.
    Common,
    /// The same, with Referer and User-Agent.
    #[default]
    Combined,
    /// One object on each line.
    Json,
}

/// How much a line matters: what matters less than the level is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something may not work, or not for long.
    Warning,
    /// What happens.
    #[default]
    Info,
    /// What happens all the time.
    Debug,
}

impl Level {
    /// As it stands in a log.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

impl Operation {
    /// Takes one option and its value; false if there is none of this name here.
    pub(super) fn option(
        &mut self,
        flag: &str,
        inline: Option<&str>,
        arguments: &mut Arguments<'_>,
    ) -> Result<bool, Usage> {
        match flag {
            "--metrics" => self.metrics = Some(arguments.value(flag, inline)?),
            "--access-log" => self.access_log = Some(arguments.value(flag, inline)?),
            "--access-log-format" => self.access_log_format = format_of(&arguments.value(flag, inline)?)?,
            "--log-level" => self.log_level = level(&arguments.value(flag, inline)?)?,
            "--log-format" => self.log_is_json = is_json(&arguments.value(flag, inline)?)?,
            "--user" => self.user = Some(user(&arguments.value(flag, inline)?)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn format_of(name: &str) -> Result<AccessLogFormat, Usage> {
    match name {
        "common" => Ok(AccessLogFormat::Common),
        "combined" => Ok(AccessLogFormat::Combined),
        "json" => Ok(AccessLogFormat::Json),
        other => Err(Usage(format!("--access-log-format is common, combined or json, not {other:?}"))),
    }
}

fn level(name: &str) -> Result<Level, Usage> {
    let all = [Level::Error, Level::Warning, Level::Info, Level::Debug];
    let level = all.into_iter().find(|level| level.name() == name);
    level.ok_or_else(|| Usage(format!("--log-level is error, warning, info or debug, not {name:?}")))
}

fn is_json(name: &str) -> Result<bool, Usage> {
    match name {
        "text" => Ok(false),
        "json" => Ok(true),
        other => Err(Usage(format!("--log-format is text or json, not {other:?}"))),
    }
}

fn user(text: &str) -> Result<(String, Option<String>), Usage> {
    let wrong = || {
        Usage(format!("--user needs the name of a user, and maybe of a group, such as www-data:www-data, not {text:?}"))
    };
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    if user.is_empty() || group.is_some_and(str::is_empty) {
        return Err(wrong());
    }
    Ok((user.to_owned(), group.map(str::to_owned)))
}
