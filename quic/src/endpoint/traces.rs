//! The records of all connections of an endpoint, pulled in one place. Nothing here costs an endpoint whose connections are not
//! traced more than one comparison for each turn of a connection.

use super::slots::ConnectionHandle;
use super::table::Endpoint;
use crate::trace::{Trace, Tracer};
use alloc::boxed::Box;

/// Connections that are gone and whose records are kept: each journal is bounded, and so is their number where nobody pulls.
const MOST_LEFT: usize = 64;

impl<T> Endpoint<T> {
    /// Gives every record that was not pulled yet to `consumer`: of one connection in order, and connections by turns. To be
    /// called when the work of a turn is done; without [`Config::trace`](crate::Config::trace) there is nothing to give.
    pub fn poll_traces(&mut self, consumer: &mut dyn FnMut(&Trace<'_>)) {
        for mut tracer in core::mem::take(&mut self.traces.left) {
            drain(&mut tracer, consumer);
        }
        for index in core::mem::take(&mut self.traces.touched) {
            let slot = self.slots.get_mut(index);
            slot.in_trace_queue = false;
            if let Some(tracer) = slot.connection.as_mut().and_then(|connection| connection.tracer()) {
                drain(tracer, consumer);
            }
        }
    }

    /// A connection did something that it may have recorded.
    #[inline]
    pub(super) fn queue_trace(&mut self, index: u32) {
        if self.config.connection.trace.is_some() {
            let slot = self.slots.get_mut(index);
            if !core::mem::replace(&mut slot.in_trace_queue, true) {
                self.traces.touched.push(index);
            }
        }
    }

    /// The same of a connection that may be gone.
    #[inline]
    pub(super) fn queue_trace_of(&mut self, handle: ConnectionHandle) {
        if self.config.connection.trace.is_some() && self.connection(handle).is_some() {
            self.queue_trace(handle.index() as u32);
        }
    }

    /// A connection is gone; its records are not, as far as they find room until somebody pulls them.
    pub(super) fn keep_records(&mut self, tracer: Option<Box<Tracer>>) {
        if self.traces.left.len() < MOST_LEFT {
            self.traces.left.extend(tracer.filter(|tracer| !tracer.is_empty()));
        }
    }
}

fn drain(tracer: &mut Tracer, consumer: &mut dyn FnMut(&Trace<'_>)) {
    while let Some(trace) = tracer.poll() {
        consumer(&trace);
    }
}
