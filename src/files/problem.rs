//! Why a file is not served: what its client is told, and what the server's owner is.

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::files::source::Loss;
use http::{Fields, ResponseHead, Status};
use runtime::JobError;
use runtime::folder::Obstacle;
use std::io;
use std::path::Path;

/// When to ask again for what was short, in seconds.
const SOON: &str = "1";

/// An answer that is not the file.
#[derive(Debug)]
pub(super) struct Problem {
    status: Status,
    /// `None` where nothing is wrong: there is no such file.
    told: Option<Box<Error>>,
    /// The file has become another one: it may be served with another try.
    is_change: bool,
}

impl Problem {
    /// There is no such file.
    pub(super) fn nothing() -> Problem {
        Problem { status: Status::NOT_FOUND, told: None, is_change: false }
    }

    /// The file could not be opened.
    pub(super) fn of_opening(path: &Path, error: io::Error) -> Problem {
        let status = match Obstacle::of(&error) {
            Obstacle::Nothing => return Problem::nothing(),
            Obstacle::Denied => Status::FORBIDDEN,
            Obstacle::Shortage => Status::SERVICE_UNAVAILABLE,
            Obstacle::Fault => Status::INTERNAL_SERVER_ERROR,
        };
        Problem { status, told: Some(Box::new(Error::file(path, "opened", error))), is_change: false }
    }

    /// No thread opened it.
    pub(super) fn no_reader(path: &Path, error: JobError) -> Problem {
        let told = Error::file(path, "opened", io::Error::other(error));
        Problem { status: Status::SERVICE_UNAVAILABLE, told: Some(Box::new(told)), is_change: false }
    }

    /// It was opened, and its bytes could not be had.
    pub(super) fn of_reading(path: &Path, loss: Loss) -> Problem {
        let is_change = matches!(loss, Loss::Cut | Loss::Changed);
        let (status, action, error) = match loss {
            Loss::Cut => (503, "sent whole", io::Error::other("it was cut short meanwhile")),
            Loss::Changed => (503, "sent whole", io::Error::other("it was changed meanwhile")),
            Loss::NoReader(error) => (503, "read", io::Error::other(error)),
            Loss::Failed(error) => (500, "read", error),
        };
        let status = if status == 503 { Status::SERVICE_UNAVAILABLE } else { Status::INTERNAL_SERVER_ERROR };
        Problem { status, told: Some(Box::new(Error::file(path, action, error))), is_change }
    }

    /// Whether it may be served with another try.
    pub(super) fn is_change(&self) -> bool {
        self.is_change
    }

    /// What it comes to where the answer has begun already.
    pub(super) fn into_error(self) -> Error {
        self.told.map_or_else(|| Error::message("the file is gone"), |told| *told)
    }

    /// Whether there simply is no such file.
    pub(super) fn is_nothing(&self) -> bool {
        self.status == Status::NOT_FOUND
    }

    /// Answers, with `fields` beside its own. The client learns no more than it must; the server's owner learns the rest by the error.
    pub(super) async fn send(self, reply: Reply, fields: &Fields) -> Result<(), Error> {
        let text = match self.status {
            Status::NOT_FOUND => "not found\n",
            Status::FORBIDDEN => "this file is not for everybody\n",
            Status::SERVICE_UNAVAILABLE => "the server cannot read this file just now; ask again\n",
            _ => "the server cannot read this file\n",
        };
        let mut head = ResponseHead::new(self.status).with_field("content-type", "text/plain; charset=utf-8")?;
        if self.status == Status::SERVICE_UNAVAILABLE {
            head = head.with_field("retry-after", SOON)?;
        }
        fields.iter().try_for_each(|(name, value)| head.fields.push(name, value))?;
        reply.send(head, text).await?;
        self.told.map_or(Ok(()), |told| Err(*told))
    }
}

impl From<Error> for Problem {
    /// An answer that cannot be written.
    fn from(error: Error) -> Problem {
        Problem { status: Status::INTERNAL_SERVER_ERROR, told: Some(Box::new(error)), is_change: false }
    }
}

impl From<http::InvalidField> for Problem {
    fn from(error: http::InvalidField) -> Problem {
        Problem::from(Error::from(error))
    }
}
