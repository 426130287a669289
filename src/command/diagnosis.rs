//! What a command records of its connections.

use crate::command::arguments::Diagnosis;
use crate::command::failure::Failure;
use crate::command::output;
use posthaste::KeyLogFile;
use posthaste::trace::{Both, Qlog, Trace, TraceConsumer, TraceLines};
use std::io::{Stderr, stderr};

/// The files of a command's records, opened before anything else happens, so that a wrong name is told at once.
pub struct Records {
    /// Of TLS secrets.
    pub key_log: Option<KeyLogFile>,
    /// Of everything else.
    pub trace: Option<Both<Option<TraceLines<Stderr>>, Option<ReportedQlog>>>,
}

impl Records {
    /// Opens what is asked for.
    pub fn open(diagnosis: &Diagnosis) -> Result<Records, Failure> {
        let key_log = diagnosis.key_log.as_ref().map(KeyLogFile::open).transpose()?;
        let lines = diagnosis.trace.then(|| TraceLines::new(stderr()));
        let qlog = diagnosis.qlog.as_ref().map(Qlog::open).transpose()?.map(ReportedQlog);
        let is_traced = lines.is_some() || qlog.is_some();
        Ok(Records { key_log, trace: is_traced.then_some(Both(lines, qlog)) })
    }
}

/// Qlog whose first trouble is told.
pub struct ReportedQlog(Qlog);

impl TraceConsumer for ReportedQlog {
    fn record(&mut self, trace: &Trace<'_>) {
        self.0.record(trace);
        if let Some(error) = self.0.take_error() {
            output::report(&format!("warning: {error}"));
        }
    }
}
