//! The identities that `posthaste serve` shows, and the authorities of its clients: read at the start, and again at each SIGHUP.

use crate::command::arguments::{Clients, KeyPair, Serve};
use crate::command::failure::{Failure, explain};
use crate::command::log::Log;
use posthaste::{ByName, ClientAuthentication, ClientTrust, Error, Executor, Identity, IdentityHandle, date};
use runtime::Hangups;
use std::fmt::Write as _;
use std::sync::mpsc;
use std::thread;

/// The files, and what was last read of those that say whom to trust.
pub struct Sources {
    pairs: Vec<KeyPair>,
    clients: Option<Clients>,
    /// The authorities that were read last.
    trusted: Option<ClientTrust>,
}

/// What the files hold.
pub struct Loaded {
    /// In the order of the command line.
    pub identities: Vec<Identity>,
    clients: ClientAuthentication,
}

impl Sources {
    /// As the command line names them.
    pub fn new(arguments: &Serve) -> Sources {
        Sources { pairs: arguments.identities.clone(), clients: arguments.clients.clone(), trusted: None }
    }

    /// Whether there is anything to be read again.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.clients.is_none()
    }

    /// Reads all files, or fails with what is wrong with the first that is of no use.
    fn load(&mut self) -> Result<Loaded, Error> {
        let identities = self
            .pairs
            .iter()
            .map(|KeyPair { certificate, key }| Identity::from_pem_files(certificate, key))
            .collect::<Result<_, Error>>()?;
        let clients = match &self.clients {
            None => ClientAuthentication::None,
            Some(Clients { authorities, are_required }) => {
                let trust = match &self.trusted {
                    Some(before) => before.again_from_pem_file(authorities)?,
                    None => ClientTrust::from_pem_file(authorities)?,
                };
                self.trusted = Some(trust.clone());
                if *are_required { trust.required() } else { trust.optional() }
            }
        };
        Ok(Loaded { identities, clients })
    }

    /// What is shown first; a new development identity for `hosts` if no certificate was named, which is not read again.
    pub fn first(&mut self, hosts: impl FnOnce() -> Vec<String>) -> Result<Loaded, Error> {
        let mut loaded = self.load()?;
        if loaded.identities.is_empty() {
            loaded.identities.push(Identity::development(&hosts())?);
        }
        Ok(loaded)
    }

    /// Reads the files again and has `handle` show what is in them, or leaves it as it is. Says what became of it.
    fn again(&mut self, handle: &IdentityHandle, first: &Loaded, log: &Log) -> String {
        match self.load() {
            Ok(mut loaded) => {
                // One that was made for this run is not in any file.
                if loaded.identities.is_empty() {
                    loaded.identities.clone_from(&first.identities);
                }
                let generation = handle.replace(loaded.by_name());
                loaded.identities.iter().filter_map(not_valid).for_each(|text| log.report(&text));
                format!("SIGHUP: generation {generation}: {}", self.told(&loaded))
            }
            Err(error) => format!("SIGHUP: nothing is changed: {}", explain(&error)),
        }
    }

    fn told(&self, loaded: &Loaded) -> String {
        let mut text = String::new();
        for (pair, identity) in self.pairs.iter().zip(&loaded.identities) {
            let until = plain_date(identity.validity().1);
            let print = fingerprint(identity);
            let _ = write!(text, "{} is valid until {until}, SHA-256 {print}; ", pair.certificate);
        }
        match &self.clients {
            Some(clients) => text.push_str(&format!("clients are vouched for by {}", clients.authorities)),
            None => text.truncate(text.len().saturating_sub(2)),
        }
        text
    }
}

impl Loaded {
    /// For the handle that the server asks.
    pub fn by_name(&self) -> ByName {
        let mut names = Identity::by_name(&self.identities);
        names.set_default_client_authentication(self.clients.clone());
        names
    }
}

/// From now on each SIGHUP has the files read again, on a thread of its own: the server does not wait for them.
pub fn reread_at_hangup(mut sources: Sources, first: Loaded, handle: IdentityHandle, log: Log) -> Result<(), Failure> {
    let refused = |error: &std::io::Error| Failure::Failed(format!("the operating system refused: {error}"));
    let (ready, is_ready) = mpsc::channel();
    let listen = move || {
        let heard = Executor::new().and_then(|executor| Hangups::new(executor.handle()).map(|heard| (executor, heard)));
        let (executor, mut hangups) = match heard {
            Ok(heard) => heard,
            Err(error) => return drop(ready.send(Err(error))),
        };
        let _ = ready.send(Ok(()));
        executor.block_on(async {
            loop {
                hangups.next().await;
                log.report(&sources.again(&handle, &first, &log));
            }
        });
    };
    thread::Builder::new().name("hangups".into()).spawn(listen).map_err(|error| refused(&error))?;
    // A signal that comes once the server says that it is ready must not end it.
    match is_ready.recv() {
        Ok(result) => result.map_err(|error| refused(&error)),
        Err(_) => Err(Failure::Failed("the thread that waits for SIGHUP ended".into())),
    }
}

/// A word about an identity that clients will refuse today.
pub fn not_valid(identity: &Identity) -> Option<String> {
    let now = i64::try_from(runtime::clock::unix_seconds()).unwrap_or(i64::MAX);
    let (from, to) = identity.validity();
    if now > to {
        Some(format!("warning: the certificate expired on {}; clients will refuse it", plain_date(to)))
    } else if now < from {
        Some(format!("warning: the certificate is not valid before {}; clients will refuse it", plain_date(from)))
    } else {
        None
    }
}

/// SHA-256 of the first certificate, in hexadecimal.
pub fn fingerprint(identity: &Identity) -> String {
    identity.certificate_sha256().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plain_date(seconds: i64) -> String {
    date::plain_date(u64::try_from(seconds).unwrap_or(0))
}
