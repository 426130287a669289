//! What a server keeps from one life to the next: the secret that its keys are made of.
//!
//! With it a server that was killed and started again can tell the clients of its life before that their connections are gone
//! (RFC 9000 section 10.3), and knows the Retry tokens that it gave. It is one file, which its owner alone may read, and which
//! is there whole or not at all.

use crate::error::Error;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The name of the file.
const NAME: &str = "secret";
const SECRET_LEN: usize = 32;
/// In hexadecimal digits, and the end of the line.
const FILE_LEN: usize = 2 * SECRET_LEN + 1;
/// Everybody but the owner.
const OTHERS: u32 = 0o077;

/// The secret in `folder`; a new one is put there if there is none, and the folder made if it is not there.
pub(crate) fn secret(folder: &Path) -> Result<[u8; SECRET_LEN], Error> {
    let path = folder.join(NAME);
    if let Some(secret) = read(&path)? {
        return Ok(secret);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| Error::file(folder, "made", error))?;
    let drawn = base::random::array(&mut crypto_ring::SystemRandom::new());
    create(&path, &drawn)?;
    // Another server may have been faster: then both have its secret.
    match read(&path)? {
        Some(secret) => Ok(secret),
        None => Err(Error::file(&path, "read", io::ErrorKind::NotFound.into())),
    }
}

/// `None` if there is no file.
fn read(path: &Path) -> Result<Option<[u8; SECRET_LEN]>, Error> {
    let failed = |error| Error::file(path, "read", error);
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(failed)?,
    };
    if !metadata.is_file() {
        return Err(wrong(path, "it is not a file"));
    }
    let mode = metadata.mode();
    if mode & OTHERS != 0 {
        let shown = mode & 0o777;
        return Err(Error::Message(format!(
            "{path} may be read or written by others (mode {shown:03o}), who could then reset connections: \
             chmod 600 {path}, or remove it if others have had it",
            path = path.display()
        )));
    }
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    match file.take(FILE_LEN as u64 + 1).read_to_string(&mut text) {
        Err(error) if error.kind() != io::ErrorKind::InvalidData => Err(failed(error)),
        _ => parse(&text).map(Some).ok_or_else(|| wrong(path, "its content is something else")),
    }
}

fn wrong(path: &Path, what: &str) -> Error {
    Error::Message(format!(
        "{} is not a secret of this server, which is one line of {} hexadecimal digits: {what}; name another folder, or remove \
         it to have a new secret made",
        path.display(),
        2 * SECRET_LEN
    ))
}

fn parse(text: &str) -> Option<[u8; SECRET_LEN]> {
    let digits = text.strip_suffix('\n').unwrap_or(text).as_bytes();
    let mut secret = [0; SECRET_LEN];
    if digits.len() != 2 * SECRET_LEN || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(secret)
}

/// Puts a new file there, unless one is there already. Nobody ever sees a part of it.
fn create(path: &Path, secret: &[u8; SECRET_LEN]) -> Result<(), Error> {
    let mut text = String::with_capacity(FILE_LEN);
    for byte in secret {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    let draft = draft(path);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    // A link is refused where something is; to rename would replace it.
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let _ = fs::remove_file(&draft);
    linked.map_err(|error| Error::file(path, "written", error))
}

/// A name of this call alone.
fn draft(path: &Path) -> PathBuf {
    let number: u64 = u64::from_le_bytes(base::random::array(&mut crypto_ring::SystemRandom::new()));
    path.with_extension(format!("{number:016x}.new"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("posthaste-state-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Folder(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join(NAME)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_secret_is_made_once_for_its_owner_alone() {
        let folder = Folder::new("made");
        let nested = folder.0.join("a/b");
        let first = secret(&nested).unwrap();
        assert_eq!(secret(&nested).unwrap(), first);
        assert_eq!(fs::metadata(nested.join(NAME)).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&nested).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&nested).unwrap().count(), 1, "no draft is left");
        assert_ne!(secret(&folder.0).unwrap(), first);
    }

    #[test]
    fn servers_that_begin_together_have_one_secret() {
        let folder = Folder::new("together");
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let path = folder.0.clone();
                std::thread::spawn(move || secret(&path))
            })
            .collect();
        let kept = secret(&folder.0).unwrap();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap().unwrap() == kept));
    }

    #[test]
    fn what_is_no_secret_or_not_secret_is_refused_with_what_to_do() {
        let folder = Folder::new("wrong");
        secret(&folder.0).unwrap();
        let file = folder.file();
        let good = fs::read_to_string(&file).unwrap();
        for content in
            ["", "0011\n", &good.replace('\n', "00\n"), &format!("{good}\n"), &"g".repeat(64), &"é".repeat(32)]
        {
            fs::write(&file, content).unwrap();
            let text = secret(&folder.0).unwrap_err().to_string();
            assert!(text.contains("64 hexadecimal digits") && text.contains("remove it"), "{content:?}: {text}");
        }
        fs::write(&file, [0xff; 65]).unwrap();
        assert!(secret(&folder.0).unwrap_err().to_string().contains("64 hexadecimal digits"));
        fs::write(&file, good.trim_end()).unwrap();
        assert!(secret(&folder.0).is_ok(), "the end of the line may be missing");
        for mode in [0o644, 0o640, 0o602, 0o610] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let text = secret(&folder.0).unwrap_err().to_string();
            assert!(text.contains("chmod 600") && text.contains(&format!("{mode:o}")), "{text}");
        }
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(secret(&folder.0).unwrap_err().to_string().contains("it is not a file"));
        let below = Path::new("/proc/self/none");
        assert!(secret(below).unwrap_err().to_string().starts_with("/proc/self/none could not be made"));
    }
}
