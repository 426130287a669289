//! Which file a path of a request or a URL means.

use std::path::{Component, Path, PathBuf};

/// The file below `folder` that a server's path names; `None` if it names one elsewhere, or the folder itself.
pub fn served(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.strip_prefix('/')?);
    let is_below = relative.components().all(|part| matches!(part, Component::Normal(_)));
    (is_below && relative.file_name().is_some() && !path.contains('\0')).then(|| folder.join(relative))
}

/// The file in `folder` that what a URL names is saved as.
pub fn saved(folder: &Path, path: &str) -> Option<PathBuf> {
    Some(folder.join(Path::new(path.strip_prefix('/')?).file_name()?))
}

/// `GET /path`: the path.
pub fn requested(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?;
    let path = line.lines().next()?.strip_prefix("GET ")?.trim_end();
    path.starts_with('/').then_some(path)
}
