//! A file that one process at a time has.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::sys;

/// A file that is locked for as long as this value lives. The system lets it go with the process, however that ends, so that
/// nothing is left behind which somebody would have to remove.
#[derive(Debug)]
pub struct LockFile {
    _file: File,
}

impl LockFile {
    /// Locks a file, which is made if it is not there, for its owner only. Nothing, if somebody else has it: another process, or another
    /// value of this one.
    ///
    /// # Errors
    /// It cannot be made or opened, or its file system has no locks.
    pub fn take(path: impl AsRef<Path>) -> io::Result<Option<LockFile>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        Ok(sys::lock_file(&file)?.then_some(LockFile { _file: file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_it() {
        let path = std::env::temp_dir().join(format!("posthaste-lock-{}", std::process::id()));
        let first = LockFile::take(&path).unwrap();
        assert!(first.is_some());
        assert!(LockFile::take(&path).unwrap().is_none());
        drop(first);
        assert!(LockFile::take(&path).unwrap().is_some());
        std::fs::remove_file(&path).unwrap();
        assert!(LockFile::take(path.join("below a file")).is_err());
    }
}
