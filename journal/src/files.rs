//! What a journal asks of a file system.

use std::io;

/// The files of one folder.
pub trait Files {
    /// An open file.
    type File: JournalFile;

    /// The names of all files.
    ///
    /// # Errors
    /// The folder cannot be read.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// Makes a file that is not there, readable to its owner only. It may be gone after a crash, until [`sync`](Files::sync).
    ///
    /// # Errors
    /// It is there, or cannot be made.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// It is not there, or may not be opened.
    fn open(&mut self, name: &str) -> io::Result<Self::File>;

    /// Removes a file. It may be there again after a crash, until [`sync`](Files::sync).
    ///
    /// # Errors
    /// It is not there, or may not be removed.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Makes durable which files there are.
    ///
    /// # Errors
    /// They are not.
    fn sync(&mut self) -> io::Result<()>;
}

/// An open file of a journal.
pub trait JournalFile {
    /// Reads at a place; 0 at the end.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at a place, perhaps not all of it.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts it off.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// How long it is.
    ///
    /// # Errors
    /// The system's.
    fn size(&self) -> io::Result<u64>;

    /// Makes durable what was written.
    ///
    /// # Errors
    /// It may not be, and what was written since the last time may be lost.
    fn sync(&mut self) -> io::Result<()>;
}

/// Writes all of `bytes`.
pub(crate) fn write_all(file: &mut impl JournalFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                offset += count as u64;
                bytes = bytes.get(count..).unwrap_or(&[]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until `buffer` is full or the file ends. How much.
pub(crate) fn read_full(file: &impl JournalFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
