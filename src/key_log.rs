//! TLS secrets in the format that Wireshark reads (the NSS key log format).

use crate::error::Error;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Appends the secrets of each connection to a file. Who has the file can read everything.
#[derive(Debug)]
pub struct KeyLogFile {
    file: Mutex<File>,
}

impl KeyLogFile {
    /// Opens the file, or makes it; what is in it stays.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub fn open(path: impl AsRef<Path>) -> Result<KeyLogFile, Error> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // Secrets are nobody else's business.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(KeyLogFile { file: Mutex::new(file) }),
            Err(error) => Err(Error::file(path, "opened to write the TLS secrets", error)),
        }
    }
}

impl tls::KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        let mut line = String::with_capacity(200);
        line.push_str(label);
        for part in [&client_random[..], secret] {
            line.push(' ');
            for byte in part {
                let _ = write!(line, "{byte:02x}");
            }
        }
        line.push('\n');
        // One write, so that lines of several processes do not mix. A full disk must not end the connection.
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tls::KeyLog;

    #[test]
    fn one_line_for_each_secret_and_nothing_is_overwritten() {
        let path = std::env::temp_dir().join(format!("posthaste-key-log-{}", std::process::id()));
        for _ in 0..2 {
            KeyLogFile::open(&path).unwrap().log("CLIENT_TRAFFIC_SECRET_0", &[0xab; 32], &[1, 2]);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let line = format!("CLIENT_TRAFFIC_SECRET_0 {} 0102\n", "ab".repeat(32));
        assert_eq!(text, line.repeat(2));
        assert!(KeyLogFile::open("/nowhere/at/all").is_err());
    }
}
