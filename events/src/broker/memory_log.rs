//! Logs in memory: nothing outlives the process.

use crate::broker::log::{Log, Record, Records, kind};
use crate::delivery::Refusal;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

/// Logs in memory. Events are kept until the broker drops them; what else is appended is not needed, as there is no replay.
#[derive(Debug, Default)]
pub struct MemoryLog {
    logs: BTreeMap<String, VecDeque<Event>>,
}

#[derive(Debug)]
struct Event {
    sequence: u64,
    time: u64,
    content: Vec<u8>,
}

impl MemoryLog {
    /// Without a log.
    pub const fn new() -> MemoryLog {
        MemoryLog { logs: BTreeMap::new() }
    }
}

impl Log for MemoryLog {
    fn namespaces(&mut self) -> Result<Vec<String>, Refusal> {
        Ok(self.logs.keys().cloned().collect())
    }

    fn create(&mut self, namespace: &str) -> Result<(), Refusal> {
        self.logs.entry(namespace.to_string()).or_default();
        Ok(())
    }

    fn replay(&mut self, _: &str, _: &mut dyn FnMut(Record<'_>)) -> Result<(), Refusal> {
        Err(Refusal::Failed { reason: "a log in memory cannot be opened anew".to_string() })
    }

    fn append(&mut self, namespace: &str, records: &Records) -> Result<(), Refusal> {
        let log = self.logs.entry(namespace.to_string()).or_default();
        for record in records.iter().filter(|record| record.kind == kind::EVENT) {
            log.push_back(Event { sequence: record.sequence, time: record.time, content: record.content.to_vec() });
        }
        Ok(())
    }

    fn commit(&mut self, _: &BTreeSet<Arc<str>>) -> Vec<(Arc<str>, Refusal)> {
        Vec::new()
    }

    fn read(
        &mut self,
        namespace: &str,
        from: u64,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), Refusal> {
        let Some(log) = self.logs.get(namespace) else { return Ok(()) };
        let place = log.partition_point(|event| event.sequence < from);
        for event in log.range(place..) {
            let Event { sequence, time, content } = event;
            if visit(Record { kind: kind::EVENT, sequence: *sequence, time: *time, content }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn wants_snapshot(&self, _: &str) -> bool {
        false
    }

    fn keep_snapshot(&mut self, _: &str, _: &Records) -> Result<(), Refusal> {
        Ok(())
    }

    fn drop_before(&mut self, namespace: &str, sequence: u64) {
        let Some(log) = self.logs.get_mut(namespace) else { return };
        while log.front().is_some_and(|event| event.sequence < sequence) {
            log.pop_front();
        }
    }
}
