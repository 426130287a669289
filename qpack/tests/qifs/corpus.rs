//! The files of the corpus: lists of lines, what encoders made of them, and what must fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// Where the corpus is: in the directory that `QIFS_DIR` names, or unpacked from the archive beside this file.
pub(crate) fn directory() -> PathBuf {
    if let Some(named) = std::env::var_os("QIFS_DIR") {
        return named.into();
    }
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/qifs/qifs.tar.xz");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "qifs-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::create_dir_all(&folder).expect("a folder of the build can be made");
    let result = Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(&folder).status();
    let is_unpacked = result.is_ok_and(|status| status.success());
    assert!(is_unpacked, "{} could not be unpacked: `tar` and `xz` (package xz-utils) are needed", archive.display());
    folder
}

/// Deletes what was unpacked.
pub(crate) fn clean(folder: &Path) {
    if folder.starts_with(env!("CARGO_TARGET_TMPDIR")) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// All files below a folder, by name.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The lists of a `.qif` file: a line for each field, name and value with a tab between; an empty line ends a list.
pub(crate) fn lists(path: &Path) -> Vec<Lines> {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut lists, mut list) = (Vec::new(), Lines::new());
    for line in text.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            if !list.is_empty() {
                lists.push(core::mem::take(&mut list));
            }
        } else if line[0] != b'#' {
            let tab = line.iter().position(|byte| *byte == b'\t').expect("a tab between name and value");
            list.push((line[..tab].to_vec(), line[tab + 1..].to_vec()));
        }
    }
    if !list.is_empty() {
        lists.push(list);
    }
    lists
}

/// What an encoder made: the encoder stream as stream 0, and sections on others.
pub(crate) fn records(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut records, mut rest) = (Vec::new(), &bytes[..]);
    while let Some((header, body)) = rest.split_first_chunk::<12>() {
        let stream = u64::from_be_bytes(header[..8].try_into().expect("eight bytes"));
        let length = u32::from_be_bytes(header[8..].try_into().expect("four bytes")) as usize;
        let (record, after) = body.split_at(length);
        records.push((stream, record.to_vec()));
        rest = after;
    }
    records
}

/// Records as a file.
pub(crate) fn bytes(records: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (stream, record) in records {
        out.extend(stream.to_be_bytes());
        out.extend((record.len() as u32).to_be_bytes());
        out.extend(record);
    }
    out
}

/// The settings that an output was made for: the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Settings {
    pub(crate) table: u32,
    pub(crate) blocked: u16,
    /// Whether each section was taken to be acknowledged at once.
    pub(crate) is_acknowledged: bool,
}

/// The name of the list, and the settings.
pub(crate) fn parse_name(path: &Path) -> Option<(String, Settings)> {
    let name = path.file_name()?.to_str()?;
    let (list, settings) = name.split_once(".out.")?;
    let mut numbers = settings.split('.').map(|number| number.parse::<u32>().ok());
    let table = numbers.next()??;
    let blocked = u16::try_from(numbers.next()??).ok()?;
    let is_acknowledged = numbers.next()?? == 1;
    Some((list.to_owned(), Settings { table, blocked, is_acknowledged }))
}
