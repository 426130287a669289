//! The store of a server of its own: journals in a folder.

use super::journal_log::{Damages, Folders, JournalLog};
use super::service::Service;
use super::store::{Answer, Store};
use events::broker::{Broker, Settings};
use events::delivery::{Operation, Refusal, is_name};
use journal::{Durability, Options, SystemFiles};
use runtime::lock::LockFile;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The file that tells another process that the folder is taken. No namespace can have this name.
const LOCK: &str = ".lock";

/// How an [`EmbeddedStore`] keeps events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Limits, and what namespaces keep.
    pub settings: Settings,
    /// What a publisher's answer waits for. Default: the disk has it.
    pub durability: Durability,
    /// When a file has so many bytes, the next one is begun. Default 64 MiB: what is read at most when the store is opened, for each
    /// namespace, and the least that retention gives back.
    pub segment_size: u64,
}

impl Default for EmbeddedOptions {
    fn default() -> EmbeddedOptions {
        EmbeddedOptions {
            settings: Settings::default(),
            durability: Durability::Synced,
            segment_size: Options::default().segment_size,
        }
    }
}

/// A store in a folder of this machine, on a thread of its own. One process at a time can have it. Dropping it ends it.
#[derive(Debug)]
pub struct EmbeddedStore {
    service: Service,
    damages: Damages,
    // Let go last.
    _lock: LockFile,
}

impl EmbeddedStore {
    /// Opens the store in a folder, which is made if it is not there (its parent has to be). Reads of each namespace what was appended
    /// since its last snapshot.
    ///
    /// # Errors
    /// Another process has the folder, or it cannot be read or written.
    pub fn open(folder: impl AsRef<Path>, options: EmbeddedOptions) -> Result<EmbeddedStore, Refusal> {
        let folder = folder.as_ref();
        let failed = |error: io::Error| Refusal::Failed { reason: format!("{}: {error}", folder.display()) };
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let Some(lock) = LockFile::take(folder.join(LOCK)).map_err(failed)? else {
            let reason =
                format!("{}: another process has this store; end it, or choose another folder", folder.display());
            return Err(Refusal::Failed { reason });
        };
        let damages = Damages::default();
        let salt = u64::from_le_bytes(base::random::array(&mut crypto_ring::SystemRandom::new()));
        let EmbeddedOptions { settings, durability, segment_size } = options;
        let options = Options { durability, segment_size, salt, ..Options::default() };
        let log = JournalLog::new(SystemFolders { path: folder.to_path_buf() }, options, damages.clone());
        let broker = Broker::new(settings, log, runtime::clock::now(), runtime::clock::unix_millis())?;
        Ok(EmbeddedStore { service: Service::start(broker)?, damages, _lock: lock })
    }

    /// What was found to be damaged on the disk since the last call: file, place, and what became of it. What can still be read is
    /// there.
    pub fn take_damages(&self) -> Vec<String> {
        self.damages.take()
    }

    /// Does what waits already, commits it, refuses everything else, and ends. Dropping it does the same.
    pub fn end(&self) {
        self.service.end();
    }
}

impl Store for EmbeddedStore {
    fn submit(&self, operation: Operation, answer: Answer) {
        self.service.submit(operation, answer);
    }
}

/// A folder with a folder for each namespace.
struct SystemFolders {
    path: PathBuf,
}

impl Folders for SystemFolders {
    type Files = SystemFiles;

    fn names(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name().into_string().ok().filter(|name| is_name(name));
            if entry.file_type()?.is_dir() {
                names.extend(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn open(&mut self, name: &str) -> io::Result<SystemFiles> {
        SystemFiles::create(self.path.join(name))
    }
}
