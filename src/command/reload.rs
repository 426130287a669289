//! What SIGHUP changes beside certificates: what the configuration file says of files, and where the log of requests goes.

use crate::command::arguments::Serve;
use crate::command::config_file;
use crate::command::failure::Failure;
use crate::command::settings::Listeners;
use crate::command::sites::Sites;

/// What can be read again, and what was read last.
pub struct Reload {
    /// As the server was started: what takes a restart to change.
    started: Serve,
    sites: Sites,
    listeners: Listeners,
}

impl Reload {
    /// Whether SIGHUP has anything to do here.
    pub fn is_wanted(arguments: &Serve, listeners: &Listeners) -> bool {
        arguments.config.is_some() || listeners.access_log.is_some()
    }

    /// Of a server that was started with these arguments.
    pub fn new(started: Serve, sites: Sites, listeners: Listeners) -> Reload {
        Reload { started, sites, listeners }
    }

    /// Reads the file again and opens the log again. Gives what the file says, if there is one and it is of use.
    pub fn again(&mut self) -> Option<Serve> {
        if let Some(access_log) = &self.listeners.access_log {
            access_log.reopen();
        }
        let log = &self.listeners.log;
        let file = self.started.config.as_ref()?;
        let read = config_file::read(file).and_then(|read| self.sites.replace(&read).map(|()| read));
        match read {
            Ok(read) => {
                let kept = changed(&self.started, &read);
                log.report(&format!("SIGHUP: {}: the files that are served are those that it says", file.name));
                if !kept.is_empty() {
                    log.report(&format!(
                        "warning: {}: a restart is needed for what it says of {}",
                        file.name,
                        kept.join(", ")
                    ));
                }
                Some(read)
            }
            Err(Failure::Usage(text) | Failure::Failed(text)) => {
                log.report(&format!("warning: SIGHUP: nothing is changed: {text}"));
                None
            }
            Err(_) => None,
        }
    }
}

/// The options that differ, of those that only count at the start.
fn changed(started: &Serve, read: &Serve) -> Vec<&'static str> {
    let (before, now) = (&started.operation, &read.operation);
    let hosts = |serve: &Serve| serve.site.hosts.iter().map(|(host, _)| host.clone()).collect::<Vec<_>>();
    let differing = [
        ("listen", started.listen != read.listen),
        ("no-tcp", started.no_tcp != read.no_tcp),
        ("http", started.http != read.http),
        ("public-port", started.public_port != read.public_port),
        ("hsts", started.hsts != read.hsts),
        ("preferred-address", started.preferred != read.preferred),
        ("name", started.names != read.names),
        ("acme and its options", started.acme != read.acme),
        ("the hosts of site", hosts(started) != hosts(read)),
        ("bodies", started.bodies != read.bodies),
        ("workers", started.workers != read.workers),
        ("max-connections-per-network", started.max_of_network != read.max_of_network),
        ("memory", started.memory != read.memory),
        ("max-requests", started.max_requests != read.max_requests),
        ("takeover", started.takeover != read.takeover),
        ("proxy", started.proxy != read.proxy || started.passing != read.passing),
        ("qpack-table", started.qpack_table != read.qpack_table),
        ("server-id", started.balancing != read.balancing),
        ("drain", started.drain != read.drain),
        ("state", started.state != read.state),
        ("retry", started.retry != read.retry),
        ("early-data", started.early_data != read.early_data),
        ("congestion-control", started.congestion_control != read.congestion_control),
        ("quic-version", started.versions != read.versions),
        ("log", started.log != read.log),
        ("key-log, trace or qlog", started.diagnosis != read.diagnosis),
        ("metrics", before.metrics != now.metrics),
        ("access-log", before.access_log != now.access_log || before.access_log_format != now.access_log_format),
        ("log-level or log-format", before.log_level != now.log_level || before.log_is_json != now.log_is_json),
        ("user", before.user != now.user),
    ];
    differing.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
