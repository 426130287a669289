//! What a server knows of the version that it has (RFC 9110 section 8.8).

use super::entity_tag::EntityTag;
use crate::date::HttpDate;

/// The current version of a representation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validators<'a> {
    /// What is sent as ETag.
    pub entity_tag: Option<EntityTag<'a>>,
    /// What is sent as Last-Modified.
    pub last_modified: Option<HttpDate>,
}

impl Validators<'_> {
    /// Whether the date stands for one version only. Another may have been written within the second that it names, and a
    /// client that asked within that second cannot know which one it has.
    /// RFC 9110 section 8.8.2.2: a date is strong from one second later on.
    pub(super) fn is_date_strong(&self, now: HttpDate) -> bool {
        self.last_modified.is_some_and(|date| date.unix_seconds() < now.unix_seconds())
    }
}
