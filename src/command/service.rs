//! A word to the service manager that started the server, if one did: `sd_notify` and the watchdog of systemd.

use crate::command::failure::Failure;
use crate::command::log::Log;
use posthaste::Meter;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Where states of the service are told. Clones tell the same manager.
#[derive(Clone)]
pub struct Manager {
    socket: Option<Arc<(UnixDatagram, SocketAddr)>>,
    /// How often it wants to hear that all is well.
    watchdog: Option<Duration>,
}

impl Manager {
    /// The one that the environment names. Where there is none, or it cannot be reached, nothing is told.
    pub fn of_environment() -> Manager {
        let variable = |name| std::env::var(name).ok();
        let socket = variable("NOTIFY_SOCKET").and_then(|path| connect(&path).ok()).map(Arc::new);
        let is_meant = variable("WATCHDOG_PID").is_none_or(|id| id == std::process::id().to_string());
        let micros =
            variable("WATCHDOG_USEC").and_then(|micros| micros.parse().ok()).filter(|micros| is_meant && *micros > 0);
        let watchdog = micros.map(Duration::from_micros).filter(|_| socket.is_some());
        Manager { socket, watchdog }
    }

    /// Whether it wants to hear that all is well.
    pub fn watches(&self) -> bool {
        self.watchdog.is_some()
    }

    /// The server listens, as often as that begins anew.
    pub fn ready(&self) {
        self.tell("READY=1\nSTATUS=serving");
    }

    /// What the files say is being read again.
    pub fn reloading(&self) {
        let micros = boot_micros();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reading its files again"));
    }

    /// The server ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=lets requests under way finish");
    }

    /// From now on it hears twice in each period that all is well, as long as all workers answer.
    pub fn watch(&self, meter: &Arc<OnceLock<Meter>>, log: Log) -> Result<(), Failure> {
        let Some(period) = self.watchdog else { return Ok(()) };
        let (manager, meter) = (self.clone(), meter.clone());
        let watch = move || {
            loop {
                thread::sleep(period / 2);
                match meter.get().map(Meter::stats) {
                    None | Some(Ok(_)) => manager.tell("WATCHDOG=1"),
                    Some(Err(error)) => {
                        log.report(&format!("warning: the watchdog is not told that all is well: {error}"));
                    }
                }
            }
        };
        let started = thread::Builder::new().name("watchdog".into()).spawn(watch);
        started.map(drop).map_err(|error| Failure::Failed(format!("a thread could not be started: {error}")))
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket {
            // A manager that does not listen is none.
            let _ = socket.0.send_to_addr(state.as_bytes(), &socket.1);
        }
    }
}

fn connect(path: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match path.strip_prefix('@') {
        Some(name) => abstract_address(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// The address without a file that this name stands for: only Linux has those.
#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &str) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The monotonic clock of the system, as far as it can be read without a call of its own: it may be some hundredths of a second behind.
fn boot_micros() -> u64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = text.split(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
    // Not before it, or the manager takes the word for an old one.
    (seconds * 1e6) as u64 + 10_000
}
