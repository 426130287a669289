//! Which of its states a file is in, and the tag that says so to clients (RFC 9110 section 8.8.3).

use std::collections::hash_map::DefaultHasher;
use std::fs::Metadata;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// After so long without a change the next one has another time on every file system: FAT counts by two seconds.
const SETTLED: Duration = Duration::from_secs(3);

/// What the system says of a file that is not the same after a change of its content.
///
/// The time of the last change (ctime) belongs to it, because nobody can set it: content that is replaced under the old length
/// and the old date of modification is another state all the same. What a program writes through a mapping shows only when
/// the system stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    inode: u64,
    len: u64,
    modified: Moment,
    changed: Moment,
}

/// Seconds and nanoseconds since 1970.
type Moment = (i64, i64);

impl State {
    pub(super) fn of(metadata: &Metadata) -> State {
        State {
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// In bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Seconds since 1970; what is older is of 1970.
    pub(super) fn modified_seconds(&self) -> u64 {
        u64::try_from(self.modified.0).unwrap_or(0)
    }

    /// Whether the content was written later than that of another file.
    pub(super) fn is_newer_than(&self, other: &State) -> bool {
        self.modified > other.modified
    }

    /// The tag. It is strong if no other content can have it: where each change shows in the times (`shows_each_change`), or
    /// where the last one is so long ago that the next has another time. Otherwise it is weak until then; its text is the same.
    ///
    /// The numbers of the system go into it as a hash, for they are nobody's business.
    pub(super) fn tag(&self, shows_each_change: bool, now: SystemTime) -> String {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let weak = if shows_each_change || self.is_settled(now) { "" } else { "W/" };
        format!("{weak}\"{:016x}-{:x}\"", hasher.finish(), self.len)
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        [self.modified, self.changed].into_iter().all(|(seconds, _)| match u64::try_from(seconds) {
            Ok(seconds) => Duration::from_secs(seconds) + SETTLED < now,
            Err(_) => true,
        })
    }

    /// Whether a file that was found in this state still has the content that it had. One that was renamed, or has lost or got a
    /// name, has: that is how files are replaced while they are read.
    pub(super) fn holds(&self, metadata: &Metadata, links: u64) -> bool {
        let now = State::of(metadata);
        now == *self || (now.len, now.modified) == (self.len, self.modified) && metadata.nlink() != links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 section 8.8.3-1.
    #[test]
    fn a_tag_is_strong_once_the_next_change_must_have_another_time() {
        let state = |modified, changed| State { inode: 1, len: 255, modified, changed };
        let at = |seconds: f64| UNIX_EPOCH + Duration::from_secs_f64(seconds);
        let settled = state((1000, 0), (2000, 0));
        for (now, strong) in [(1990.0, false), (2000.0, false), (2003.0, false), (2003.1, true)] {
            let tag = settled.tag(false, at(now));
            assert_eq!(!tag.starts_with("W/"), strong, "{now}: {tag}");
            assert!(tag.ends_with("-ff\""), "{tag}");
            assert_eq!(tag.trim_start_matches("W/"), settled.tag(true, at(now)), "the text is the same");
        }
        assert!(state((5000, 0), (10, 0)).tag(false, at(2100.0)).starts_with("W/"), "of the future");
        assert!(state((-5, 0), (-5, 0)).tag(false, at(2100.0)).starts_with('"'));
    }

    #[test]
    fn every_part_of_a_version_is_in_its_tag() {
        let state = State { inode: 1, len: 2, modified: (3, 4), changed: (5, 6) };
        let tags: std::collections::BTreeSet<String> = [
            state,
            State { inode: 9, ..state },
            State { len: 9, ..state },
            State { modified: (3, 9), ..state },
            State { modified: (9, 4), ..state },
            State { changed: (5, 9), ..state },
        ]
        .iter()
        .map(|state| state.tag(true, UNIX_EPOCH))
        .collect();
        assert_eq!(tags.len(), 6);
    }
}
