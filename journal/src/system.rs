//! The files of the system.

use crate::files::{Files, JournalFile};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder of the system.
#[derive(Debug)]
pub struct SystemFiles {
    path: PathBuf,
    folder: File,
}

impl SystemFiles {
    /// Opens a folder, and makes it if it is not there: for its owner only, durably.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub fn create(path: impl AsRef<Path>) -> io::Result<SystemFiles> {
        let path = path.as_ref().to_path_buf();
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {
                if let Some(parent) = path.parent() {
                    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
                    File::open(parent)?.sync_all()?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let folder = File::open(&path)?;
        Ok(SystemFiles { path, folder })
    }
}

impl Files for SystemFiles {
    type File = SystemFile;

    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            // What is not UTF-8 is not ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create(&mut self, name: &str) -> io::Result<SystemFile> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(SystemFile { file: options.open(self.path.join(name))? })
    }

    fn open(&mut self, name: &str) -> io::Result<SystemFile> {
        Ok(SystemFile { file: OpenOptions::new().read(true).write(true).open(self.path.join(name))? })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.folder.sync_all()
    }
}

/// A file of the system.
#[derive(Debug)]
pub struct SystemFile {
    file: File,
}

impl JournalFile for SystemFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}
