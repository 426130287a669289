//! A transfer that was broken off and is to be gone on with: what was there by then, and which version of the file that is of.
//!
//! A part is never put together with another version of its file: the server is asked for the rest only if it still has the same one
//! (RFC 9110 section 13.1.5), and what it sends then has to begin where the part ends.

use crate::command::failure::{Failure, plain};
use crate::command::get::problem::{Problem, RANGE};
use crate::command::naming::beginning;
use posthaste::{Fields, Status};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The longest name, with what is added, that file systems allow.
const LONGEST: usize = 240;

/// Where the part of a file is kept, and what is known of it.
pub struct Kept {
    part: PathBuf,
    version: PathBuf,
}

impl Kept {
    /// Of the file `name` in `folder`.
    pub fn new(folder: &Path, name: &str) -> Kept {
        let stem = beginning(name, LONGEST);
        Kept { part: folder.join(format!("{stem}.part")), version: folder.join(format!("{stem}.part-of")) }
    }

    /// Where the part is.
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// How much there is, and of which version of what is at `url`; `None` if there is nothing to go on with.
    pub fn there(&self, url: &str) -> Option<(u64, String)> {
        let text = fs::read_to_string(&self.version).ok()?;
        let (of, version) = text.trim_end().split_once('\n')?;
        let metadata = self.part.symlink_metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() > 0)?;
        (of == url && !version.is_empty()).then(|| (metadata.len(), version.to_owned()))
    }

    /// What is received from now on is of this version of what is at `url`; false if the response does not name one, so that it could
    /// not be gone on with.
    pub fn begin(&self, url: &str, fields: &Fields) -> Result<bool, Failure> {
        let Some(version) = version(fields) else {
            self.forget();
            return Ok(false);
        };
        let written = fs::write(&self.version, format!("{url}\n{version}\n"));
        let failed = |error: io::Error| {
            Failure::Coded(23, format!("{} could not be written: {}", self.version.display(), plain(&error)))
        };
        written.map(|()| true).map_err(failed)
    }

    /// The file is complete: nothing is kept any more.
    pub fn forget(&self) {
        let _ = fs::remove_file(&self.version);
        let _ = fs::remove_file(&self.part);
    }
}

/// What tells a version from all others (RFC 9110 section 13.1.5): a tag that is strong, or else a date.
fn version(fields: &Fields) -> Option<&str> {
    let tag = fields.first_text("etag").filter(|tag| tag.starts_with('"'));
    tag.or_else(|| fields.first_text("last-modified")).filter(|version| !version.contains(['\r', '\n']))
}

/// What a response is to the request for what follows the first `have` bytes.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The rest.
    Rest,
    /// All of it, from the beginning.
    Whole,
    /// There is no more.
    Complete,
}

/// What it is, or why it is of no use.
pub fn answer(have: u64, status: Status, fields: &Fields) -> Result<Answer, Problem> {
    let range = fields.first_text("content-range").and_then(content_range);
    match status {
        Status::PARTIAL_CONTENT if range.is_some_and(|(first, _)| first == Some(have)) => Ok(Answer::Rest),
        Status::PARTIAL_CONTENT => {
            let said = fields.first_text("content-range").unwrap_or("nothing");
            Err(Problem::new(
                RANGE,
                format!("what comes after {have} bytes was asked for, and the server sends {said}"),
            ))
        }
        Status::RANGE_NOT_SATISFIABLE if range == Some((None, Some(have))) => Ok(Answer::Complete),
        Status::RANGE_NOT_SATISFIABLE => {
            let words = format!(
                "the file has {have} bytes, and the server has no more: it is not the same file; remove it to begin anew"
            );
            Err(Problem::new(RANGE, words))
        }
        _ => Ok(Answer::Whole),
    }
}

/// First byte and length of `bytes 5-9/10`, or only the length of `bytes */10`.
fn content_range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (range, length) = text.strip_prefix("bytes ")?.split_once('/')?;
    let length = if length == "*" { None } else { Some(length.parse().ok()?) };
    let first = if range == "*" { None } else { Some(range.split_once('-')?.0.parse().ok()?) };
    Some((first, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Fields {
        let mut made = Fields::new();
        fields.iter().for_each(|(name, value)| made.push(name, value).unwrap());
        made
    }

    #[test]
    fn only_what_continues_is_put_behind_what_is_there() {
        let answered = |status: Status, range: &str| {
            answer(5, status, &fields(&[("content-range", range)])).map_err(|problem| problem.status)
        };
        assert_eq!(answered(Status::PARTIAL_CONTENT, "bytes 5-9/10"), Ok(Answer::Rest));
        assert_eq!(answered(Status::PARTIAL_CONTENT, "bytes 5-9/*"), Ok(Answer::Rest));
        for range in ["bytes 4-9/10", "bytes 6-9/10", "bytes */10", "lines 5-9/10", "", "bytes 5"] {
            assert_eq!(answered(Status::PARTIAL_CONTENT, range), Err(RANGE), "{range}");
        }
        assert_eq!(answered(Status::RANGE_NOT_SATISFIABLE, "bytes */5"), Ok(Answer::Complete));
        assert_eq!(answered(Status::RANGE_NOT_SATISFIABLE, "bytes */4"), Err(RANGE));
        assert_eq!(answered(Status::RANGE_NOT_SATISFIABLE, ""), Err(RANGE));
        assert_eq!(answered(Status::OK, ""), Ok(Answer::Whole));
        assert_eq!(answered(Status::NOT_FOUND, ""), Ok(Answer::Whole));
    }

    #[test]
    fn a_weak_tag_names_no_version() {
        assert_eq!(version(&fields(&[("etag", "\"a\""), ("last-modified", "d")])), Some("\"a\""));
        assert_eq!(version(&fields(&[("etag", "W/\"a\""), ("last-modified", "d")])), Some("d"));
        assert_eq!(version(&fields(&[("etag", "W/\"a\"")])), None);
    }
}
