//! What the command line asks for.

use crate::Failure;
use relay::{Narrowing, Path};
use std::time::Duration;

pub struct Settings {
    pub span: Duration,
    pub clients: u64,
    pub kill_every: Duration,
    pub drain_every: Option<Duration>,
    pub rebind_every: Duration,
    pub requests: u64,
    loss: u64,
    reordering: u64,
    delay: Duration,
    narrow: u64,
}

impl Settings {
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Settings, Failure> {
        let mut settings = Settings {
            span: Duration::from_secs(30 * 60),
            clients: 10,
            kill_every: Duration::from_secs(5),
            drain_every: Some(Duration::from_secs(300)),
            rebind_every: Duration::from_secs(1),
            requests: 10_000,
            loss: 10,
            reordering: 20,
            delay: Duration::from_millis(5),
            narrow: 1280,
        };
        for argument in arguments {
            let (name, value) = argument.split_once('=').ok_or("settings are name=number")?;
            settings.set(name, value.parse()?)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: u64) -> Result<(), Failure> {
        match name {
            "minutes" => self.span = Duration::from_secs(60 * value),
            "seconds" => self.span = Duration::from_secs(value),
            "clients" => self.clients = value.max(1),
            "loss" => self.loss = value,
            "reordering" => self.reordering = value,
            "delay" => self.delay = Duration::from_millis(value),
            "rebinding" => self.rebind_every = Duration::from_millis(value.max(1)),
            "narrow" => self.narrow = value,
            "kill" => self.kill_every = Duration::from_secs(value.max(1)),
            "drain" => self.drain_every = (value > 0).then_some(Duration::from_secs(value)),
            "requests" => self.requests = value,
            other => return Err(format!("no setting is called {other}").into()),
        }
        Ok(())
    }

    /// The paths on which clients come.
    pub fn networks(&self) -> Vec<Path> {
        let plain = Path { delay: self.delay, ..Path::default() };
        let lossy = Path { loss: self.loss, reordering: self.reordering, rebinding: Some(self.rebind_every), ..plain };
        let narrow_line = Path { rate: 25_000_000, seed: 2, ..plain };
        let narrowing = Narrowing {
            after: Duration::from_secs(1),
            silence: Duration::from_millis(500),
            size: usize::try_from(self.narrow).unwrap_or(usize::MAX),
        };
        let narrowing = (self.narrow > 0).then_some(Path { narrowing: Some(narrowing), seed: 3, ..plain });
        [lossy, narrow_line].into_iter().chain(narrowing).collect()
    }
}
