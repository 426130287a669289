//! The file with a development certificate, for clients that are to trust it: each server has one of its own, for as long as it
//! runs.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How often a name is drawn that somebody has already. Each has 64 random bits.
const TRIES: usize = 4;

/// A file that is gone when this is dropped.
#[derive(Debug)]
pub struct CertificateFile {
    path: PathBuf,
}

impl CertificateFile {
    /// A new file in `folder` with this text, which everybody may read and its owner alone may write. What is there under
    /// any name is left alone, and no link is followed.
    ///
    /// # Errors
    /// The folder is not there, cannot be written to, or is full.
    pub fn create(folder: &Path, pem: &str) -> io::Result<CertificateFile> {
        let folder = std::path::absolute(folder)?;
        let mut options = OpenOptions::new();
        // To create a new file is refused where there is anything, even a link that leads nowhere.
        options.write(true).create_new(true).mode(0o644);
        let mut tries = 0;
        loop {
            let path = folder.join(name());
            match options.open(&path) {
                Ok(mut file) => {
                    // From here on it is ours to remove.
                    let made = CertificateFile { path };
                    return file.write_all(pem.as_bytes()).map(|()| made);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Its whole name.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for CertificateFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Nobody can have put anything there before.
fn name() -> String {
    let number = u64::from_le_bytes(base::random::array(&mut crypto_ring::SystemRandom::new()));
    format!("posthaste-dev-{number:016x}.pem")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn each_has_a_file_that_is_gone_with_it() {
        let folder = std::env::temp_dir();
        let [one, other] = ["one", "other"].map(|pem| CertificateFile::create(&folder, pem).unwrap());
        assert_ne!(one.path(), other.path());
        assert!(one.path().is_absolute());
        assert_eq!(fs::metadata(one.path()).unwrap().mode() & 0o133, 0, "others may not write to it");
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
        assert_eq!(fs::read(other.path()).unwrap(), b"other");
    }

    #[test]
    fn what_cannot_be_made_or_written_is_told_and_leaves_nothing() {
        assert!(CertificateFile::create(Path::new("/nowhere/at/all"), "").is_err());
        assert!(CertificateFile::create(Path::new("/proc"), "").is_err());
    }
}
