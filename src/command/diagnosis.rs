//! What a command records of its connections.

use crate::command::arguments::Diagnosis;
use crate::command::failure::Failure;
use crate::command::output;
use posthaste::KeyLogFile;
use posthaste::trace::{Both, Qlog, Trace, TraceConsumer, TraceLines};
use std::io::{Write, stderr};

/// Lines, to whatever takes them.
type Lines = TraceLines<Box<dyn Write + Send>>;

/// Says what went wrong.
type Report = Box<dyn Fn(&str) + Send>;

/// The files of a command's records, opened before anything else happens, so that a wrong name is told at once.
pub struct Records {
    /// Of TLS secrets.
    pub key_log: Option<KeyLogFile>,
    /// Of everything else.
    pub trace: Option<Both<Option<Lines>, Option<ReportedQlog>>>,
}

impl Records {
    /// Opens what is asked for; lines go to standard error.
    pub fn open(diagnosis: &Diagnosis) -> Result<Records, Failure> {
        Records::open_beside(diagnosis, Box::new(stderr()), Box::new(output::report))
    }

    /// Opens what is asked for; lines go to `lines`, and what goes wrong later to `report`.
    pub fn open_beside(
        diagnosis: &Diagnosis,
        lines: Box<dyn Write + Send>,
        report: Report,
    ) -> Result<Records, Failure> {
        let key_log = diagnosis.key_log.as_ref().map(KeyLogFile::open).transpose()?;
        let lines = diagnosis.trace.then(|| TraceLines::new(lines));
        let qlog = diagnosis.qlog.as_ref().map(Qlog::open).transpose()?.map(|qlog| ReportedQlog(qlog, report));
        let is_traced = lines.is_some() || qlog.is_some();
        Ok(Records { key_log, trace: is_traced.then_some(Both(lines, qlog)) })
    }
}

/// Qlog whose first trouble is told.
pub struct ReportedQlog(Qlog, Report);

impl TraceConsumer for ReportedQlog {
    fn record(&mut self, trace: &Trace<'_>) {
        self.0.record(trace);
        if let Some(error) = self.0.take_error() {
            (self.1)(&format!("warning: {error}"));
        }
    }
}
