//! A file that is written under another name until it is complete, and is gone if it never is.
//!
//! The file of the other name is always a new one: nothing that lies there is opened, written to or followed. When the file is
//! complete it takes its own name. It replaces a file or a symbolic link there; what the link points to stays as it is. A
//! folder, a pipe, a socket or a device is not replaced.

use crate::command::failure::{Failure, plain};
use crate::command::naming::beginning;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much of the name the other one shows. With what is added it stays below what file systems allow.
const SHOWN: usize = 200;

/// How many names are tried where something lies already.
const TRIES: usize = 16;

/// The status of what could not be written.
const WRITE: u8 = 23;

/// All that are not complete, for an end that cannot wait until they are dropped.
static UNFINISHED: Mutex<Vec<Unfinished>> = Mutex::new(Vec::new());

struct Unfinished {
    part: PathBuf,
    /// Where it stays, to be gone on with; it is removed if there is no such place.
    kept: Option<PathBuf>,
}

impl Unfinished {
    fn end(&self) {
        let kept = self.kept.as_ref().is_some_and(|kept| std::fs::rename(&self.part, kept).is_ok());
        if !kept {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

/// The file. Dropping it before it is complete removes it.
pub struct PartFile {
    file: File,
    part: PathBuf,
    whole: PathBuf,
}

impl PartFile {
    /// Whether `name` can be given to a file in `folder`: to be known before anything is fetched.
    pub fn check(folder: &Path, name: &str) -> Result<(), Failure> {
        let whole = folder.join(name);
        match whole.symlink_metadata() {
            Ok(metadata) if metadata.is_file() || metadata.is_symlink() => Ok(()),
            Ok(metadata) => {
                let what = if metadata.is_dir() { "a folder" } else { "no regular file" };
                let whole = whole.display();
                Err(Failure::Coded(
                    WRITE,
                    format!("{whole} is {what} and is not replaced: choose another place for it"),
                ))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(not_written(&whole, &error)),
        }
    }

    /// A new file in `folder` that will be called `name`.
    pub fn create(folder: &Path, name: &str) -> Result<PartFile, Failure> {
        let stem = format!(".{}.part-{}", beginning(name, SHOWN), std::process::id());
        for number in 0..TRIES {
            let part = folder.join(if number == 0 { stem.clone() } else { format!("{stem}-{number}") });
            match OpenOptions::new().write(true).create_new(true).open(&part) {
                Ok(file) => {
                    unfinished().push(Unfinished { part: part.clone(), kept: None });
                    return Ok(PartFile { file, part, whole: folder.join(name) });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(not_written(&part, &error)),
            }
        }
        let stem = folder.join(stem);
        Err(Failure::Coded(WRITE, format!("something lies at {}* already: remove it", stem.display())))
    }

    /// The same that begins with what is in the file `name` already. Gives how much that is; nothing if there is no such file.
    pub fn create_from(folder: &Path, name: &str, most: u64) -> Result<(PartFile, u64), Failure> {
        let mut part = PartFile::create(folder, name)?;
        let failed = |error: io::Error| not_written(&folder.join(name), &error);
        let copied = match File::open(folder.join(name)) {
            Ok(from) => io::copy(&mut from.take(most), &mut part.file).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(failed(error)),
        };
        Ok((part, copied))
    }

    /// Has it begin with what an earlier one left at `kept`, which is gone then.
    pub fn go_on_from(&mut self, kept: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| not_written(&self.whole, &error);
        std::fs::rename(kept, &self.part).map_err(failed)?;
        self.file = OpenOptions::new().append(true).open(&self.part).map_err(failed)?;
        Ok(())
    }

    /// Has it begin anew.
    pub fn empty(&mut self) -> Result<(), Failure> {
        let emptied = File::set_len(&self.file, 0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| not_written(&self.whole, &error))
    }

    /// Where it stays if it is never complete.
    pub fn keep_at(&mut self, kept: PathBuf) {
        if let Some(own) = unfinished().iter_mut().find(|one| one.part == self.part) {
            own.kept = Some(kept);
        }
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| not_written(&self.whole, &error))
    }

    /// Gives it its own name.
    pub fn complete(self) -> Result<(), Failure> {
        if let (Some(folder), Some(name)) = (self.whole.parent(), self.whole.file_name()) {
            PartFile::check(folder, &name.to_string_lossy())?;
        }
        std::fs::rename(&self.part, &self.whole).map_err(|error| not_written(&self.whole, &error))?;
        unfinished().retain(|one| one.part != self.part);
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        let mut unfinished = unfinished();
        if let Some(at) = unfinished.iter().position(|one| one.part == self.part) {
            unfinished.swap_remove(at).end();
        }
    }
}

/// Removes all that are not complete, but for those that are kept to be gone on with.
pub fn remove_unfinished() {
    unfinished().drain(..).for_each(|one| one.end());
}

fn unfinished() -> MutexGuard<'static, Vec<Unfinished>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::Coded(WRITE, format!("{} could not be written: {}", path.display(), plain(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("posthaste-part-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(&self.0).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn said(failure: Result<(), Failure>) -> String {
        match failure {
            Err(Failure::Coded(WRITE, text)) => text,
            other => panic!("{other:?}"),
        }
    }

    /// A link, a file and a folder lie where the file would be written first: none of them is opened or removed.
    #[test]
    fn nothing_that_lies_there_is_written_to_or_removed() {
        let folder = Folder::new("planted");
        let stem = format!(".x.part-{}", std::process::id());
        let place = |number: usize| match number {
            0 => folder.0.join(&stem),
            number => folder.0.join(format!("{stem}-{number}")),
        };
        std::fs::write(folder.0.join("victim"), "precious").unwrap();
        symlink(folder.0.join("victim"), place(0)).unwrap();
        std::fs::write(place(1), "left over").unwrap();
        std::fs::create_dir(place(2)).unwrap();
        symlink(folder.0.join("nowhere"), place(3)).unwrap();
        let before = folder.names();
        let mut file = PartFile::create(&folder.0, "x").unwrap();
        file.write(b"new").unwrap();
        assert_eq!(file.part, place(4));
        drop(file);
        assert_eq!(folder.names(), before);
        let mut file = PartFile::create(&folder.0, "x").unwrap();
        file.write(b"new").unwrap();
        file.complete().unwrap();
        assert_eq!(std::fs::read(folder.0.join("x")).unwrap(), b"new");
        assert_eq!(std::fs::read(folder.0.join("victim")).unwrap(), b"precious");
        assert_eq!(std::fs::read(place(1)).unwrap(), b"left over");
        for number in 4..TRIES {
            std::fs::write(place(number), "").unwrap();
        }
        let text = said(PartFile::create(&folder.0, "x").map(drop));
        assert!(text.contains(&stem) && text.contains("remove it"), "{text}");
    }

    #[test]
    fn a_file_or_link_is_replaced_and_anything_else_is_not() {
        let folder = Folder::new("replaced");
        std::fs::write(folder.0.join("victim"), "precious").unwrap();
        std::fs::write(folder.0.join("file"), "old and longer").unwrap();
        symlink("victim", folder.0.join("link")).unwrap();
        symlink("nowhere", folder.0.join("dangling")).unwrap();
        for name in ["file", "link", "dangling", "none"] {
            PartFile::check(&folder.0, name).unwrap();
            let mut file = PartFile::create(&folder.0, name).unwrap();
            file.write(b"new").unwrap();
            file.complete().unwrap();
            let path = folder.0.join(name);
            assert!(path.symlink_metadata().unwrap().is_file(), "{name}");
            assert_eq!(std::fs::read(path).unwrap(), b"new", "{name}");
        }
        assert_eq!(std::fs::read(folder.0.join("victim")).unwrap(), b"precious");
        std::fs::create_dir(folder.0.join("folder")).unwrap();
        std::os::unix::net::UnixListener::bind(folder.0.join("socket")).unwrap();
        for (name, what) in [("folder", "a folder"), ("socket", "no regular file")] {
            let text = said(PartFile::check(&folder.0, name));
            assert!(text.contains(name) && text.contains(what) && text.contains("another place"), "{text}");
            let file = PartFile::create(&folder.0, name).unwrap();
            assert!(said(file.complete()).contains(what), "it came meanwhile");
        }
        assert_eq!(folder.names(), ["dangling", "file", "folder", "link", "none", "socket", "victim"]);
    }
}
