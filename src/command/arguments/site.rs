//! The options of `posthaste serve` about files.

use super::parser::{Arguments, Usage, switch};

/// Which files are served, and how.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Site {
    /// Folders for the hosts that have one of their own.
    pub hosts: Vec<(String, String)>,
    /// Whether files whose names begin with a dot are served.
    pub dotfiles: bool,
    /// Whether folders without an index are listed.
    pub list: bool,
    /// Whether compressed forms are looked for.
    pub precompressed: bool,
    /// What is answered with where there is nothing.
    pub fallback: Option<String>,
    /// The same, with 404.
    pub not_found: Option<String>,
    /// What caches are told.
    pub cache_control: Option<String>,
    /// Fields of every answer.
    pub headers: Vec<(String, String)>,
    /// Where clients are sent, and by which status.
    pub redirects: Vec<(String, String, u16)>,
}

impl Site {
    /// Takes one option and its value; false if there is none of this name here.
    pub(super) fn option(
        &mut self,
        flag: &str,
        inline: Option<&str>,
        arguments: &mut Arguments<'_>,
    ) -> Result<bool, Usage> {
        match flag {
            "--site" => self.hosts.push(host(&arguments.value(flag, inline)?)?),
            "--dotfiles" => self.dotfiles = switch(flag, inline)?,
            "--list" => self.list = switch(flag, inline)?,
            "--precompressed" => self.precompressed = switch(flag, inline)?,
            "--fallback" => self.fallback = Some(arguments.value(flag, inline)?),
            "--not-found" => self.not_found = Some(arguments.value(flag, inline)?),
            "--cache-control" => self.cache_control = Some(arguments.value(flag, inline)?),
            "--header" => self.headers.push(header(&arguments.value(flag, inline)?)?),
            "--redirect" => self.redirects.push(redirect(&arguments.value(flag, inline)?)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn host(text: &str) -> Result<(String, String), Usage> {
    match text.split_once('=') {
        Some((host, folder)) if !host.is_empty() && !folder.is_empty() => Ok((host.to_owned(), folder.to_owned())),
        _ => Err(Usage(format!("--site needs a host and its folder, such as a.example=/srv/a, not {text:?}"))),
    }
}

fn header(text: &str) -> Result<(String, String), Usage> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(Usage(format!("--header needs 'name: value', not {text:?}"))),
    }
}

fn redirect(text: &str) -> Result<(String, String, u16), Usage> {
    let wrong = || Usage(format!("--redirect needs FROM=TO or FROM=TO,CODE, such as /old/*=/new/*,301, not {text:?}"));
    let (from, to) = text.split_once('=').ok_or_else(wrong)?;
    // A comma may be part of a URL.
    let (to, code) = match to.rsplit_once(',') {
        Some((to, code)) if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()) => {
            (to, code.parse().map_err(|_| wrong())?)
        }
        _ => (to, 302),
    };
    if from.is_empty() || to.is_empty() { Err(wrong()) } else { Ok((from.to_owned(), to.to_owned(), code)) }
}
