//! What is kept from one start of a server to the next: the account, its key, and the certificate with its key. Each is a file that its
//! owner alone may read, and that is there whole or not at all.

use crate::error::Error;
use crate::server::base64;
use crate::server::identity::{self, Identity};
use crypto::{KeyKind, PrivateKeyFormat, SecretBytes};
use crypto_ring::PROVIDER;
use json::Value;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The key of the account, as PEM.
const ACCOUNT_KEY: &str = "account.pem";
/// The URL of the account, and the directory of the authority that it is with, as JSON.
const ACCOUNT: &str = "account.json";
/// The key of the certificate, and the certificate with those above it, as PEM: one file, so that they always belong together.
const CERTIFICATE: &str = "certificate.pem";
/// Everybody but the owner.
const OTHERS: u32 = 0o077;

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct State(PathBuf);

impl State {
    pub(crate) fn new(folder: PathBuf) -> State {
        State(folder)
    }

    /// Makes the folder if it is not there.
    pub(crate) fn make_folder(&self) -> Result<(), Error> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.map_err(|error| Error::file(&self.0, "made", error))
    }

    /// PKCS #8 of the account's key; a new one if there is none.
    pub(crate) fn account_key(&self) -> Result<SecretBytes, Error> {
        let path = self.0.join(ACCOUNT_KEY);
        if let Some(text) = read(&path)? {
            let wrong = |error: &dyn std::fmt::Display| {
                Error::Identity(format!(
                    "{path} cannot be used: {error}; remove it for a new account",
                    path = path.display()
                ))
            };
            let (format, key) = x509::load_private_key_pem(&text).map_err(|error| wrong(&error))?;
            let is_right = format == PrivateKeyFormat::Pkcs8;
            return if is_right { Ok(key) } else { Err(wrong(&"it is no PKCS #8")) };
        }
        let key = (PROVIDER.generate_key)(KeyKind::EcP256);
        let key = key.map_err(|error| Error::Identity(format!("no key could be made: {error}")))?;
        self.write(ACCOUNT_KEY, base64::pem("PRIVATE KEY", &key).as_bytes())?;
        Ok(key)
    }

    /// The URL of the account with the authority of this directory.
    pub(crate) fn account(&self, directory: &str) -> Result<Option<String>, Error> {
        let path = self.0.join(ACCOUNT);
        let Some(text) = read(&path)? else { return Ok(None) };
        let value = json::parse(&text).map_err(|error| {
            let path = path.display();
            Error::Message(format!("{path} cannot be used: {error}; remove it, and the account is looked up again"))
        })?;
        let text = |name| value.get(name).and_then(Value::as_str);
        Ok(text("account").filter(|_| text("directory") == Some(directory)).map(str::to_owned))
    }

    pub(crate) fn keep_account(&self, directory: &str, account: &str) -> Result<(), Error> {
        let value = Value::object([("directory", directory.into()), ("account", account.into())]);
        self.write(ACCOUNT, format!("{value}\n").as_bytes())
    }

    /// The certificate that was got last.
    pub(crate) fn certificate(&self) -> Result<Option<Identity>, Error> {
        let path = self.0.join(CERTIFICATE);
        let Some(text) = read(&path)? else { return Ok(None) };
        drop(text);
        Identity::from_pem_files(&path, &path).map(Some)
    }

    pub(crate) fn keep_certificate(&self, key_pkcs8: &[u8], chain_pem: &[u8]) -> Result<(), Error> {
        let key = SecretBytes::from(base64::pem("PRIVATE KEY", key_pkcs8).into_bytes());
        self.write(CERTIFICATE, &SecretBytes::from([&key[..], chain_pem].concat()))
    }

    /// Writes a file beside, and puts it in the place of what was there.
    fn write(&self, name: &str, text: &[u8]) -> Result<(), Error> {
        let (path, beside) = (self.0.join(name), self.0.join(format!(".{name}.new")));
        let written = || -> io::Result<()> {
            // What a process left behind that ended in the middle.
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(&self.0)?.sync_all()
        };
        written().map_err(|error| Error::file(&path, "written", error))
    }
}

/// A file that its owner alone may read; `None` if there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(|error| Error::file(path, "read", error))?,
    };
    let mode = metadata.mode();
    if mode & OTHERS != 0 {
        return Err(Error::Message(format!(
            "{path} may be read or written by others (mode {:03o}), who could then have certificates in this server's name: \
             chmod 600 {path}, or remove it if others have had it",
            mode & 0o777,
            path = path.display()
        )));
    }
    identity::read(path).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A folder that is gone at the end.
    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn state(name: &str) -> (State, Folder) {
        let folder = std::env::temp_dir().join(format!("posthaste-acme-state-{name}-{}", std::process::id()));
        let state = State::new(folder.join("below"));
        state.make_folder().unwrap();
        (state, Folder(folder))
    }

    #[test]
    fn what_is_kept_is_found_again_and_for_its_owner_alone() {
        let (state, _folder) = state("kept");
        let key = state.account_key().unwrap();
        assert_eq!(state.account_key().unwrap()[..], key[..], "drawn once");
        assert_eq!(state.account("https://a/dir").unwrap(), None);
        state.keep_account("https://a/dir", "https://a/1").unwrap();
        assert_eq!(state.account("https://a/dir").unwrap().as_deref(), Some("https://a/1"));
        assert_eq!(state.account("https://b/dir").unwrap(), None, "of another authority");
        assert!(state.certificate().unwrap().is_none());
        let made = x509::issue::development(&PROVIDER, &[], 1, &mut crypto_ring::SystemRandom::new()).unwrap();
        let pem = base64::pem("CERTIFICATE", &made.certificate);
        for _ in 0..2 {
            state.keep_certificate(&made.key_pkcs8, pem.as_bytes()).unwrap();
            let identity = state.certificate().unwrap().unwrap();
            assert_eq!(identity.chain()[0], made.certificate);
        }
        for entry in fs::read_dir(&state.0).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(&state.0).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_others_may_read_or_is_none_is_refused_with_what_to_do() {
        let (state, _folder) = state("refused");
        state.account_key().unwrap();
        let path = state.0.join(ACCOUNT_KEY);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let text = state.account_key().unwrap_err().to_string();
        assert!(text.contains("mode 640") && text.contains("chmod 600"), "{text}");
        state.write(ACCOUNT_KEY, b"nothing").unwrap();
        let text = state.account_key().unwrap_err().to_string();
        assert!(text.contains("no private key") && text.contains("remove it for a new account"), "{text}");
        state.write(ACCOUNT, b"{").unwrap();
        let text = state.account("x").unwrap_err().to_string();
        assert!(text.contains("line 1, column 2") && text.contains("remove it"), "{text}");
        state.write(CERTIFICATE, b"nothing").unwrap();
        assert!(state.certificate().is_err());
        // A process that ended in the middle leaves a file beside, which is in nobody's way.
        fs::write(state.0.join(".account.pem.new"), b"half").unwrap();
        fs::remove_file(&path).unwrap();
        assert!(state.account_key().is_ok());
    }
}
