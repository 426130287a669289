//! A store that forgets with the process: for tests, and for what is not worth a disk.

use super::service::Service;
use super::store::{Answer, Store};
use events::broker::{Broker, MemoryLog, Settings};
use events::delivery::{Operation, Refusal};

/// A store in memory. It delivers as the others do, and nothing outlives it.
#[derive(Debug)]
pub struct MemoryStore {
    service: Service,
}

impl MemoryStore {
    /// An empty one, on a thread of its own. Without a limit in [`Settings::queue`] it grows with what is published.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(settings: Settings) -> Result<MemoryStore, Refusal> {
        let (now, unix_ms) = (runtime::clock::now(), runtime::clock::unix_millis());
        let broker = Broker::new(settings, MemoryLog::new(), now, unix_ms)?;
        Ok(MemoryStore { service: Service::start(broker)? })
    }

    /// Refuses what waits, and ends. Dropping it does the same.
    pub fn end(&self) {
        self.service.end();
    }
}

impl Store for MemoryStore {
    fn submit(&self, operation: Operation, answer: Answer) {
        self.service.submit(operation, answer);
    }
}
