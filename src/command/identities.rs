//! The identities that `posthaste serve` shows and what is sent with them, the authorities of its clients, and what these have revoked: read at the start, and
//! again at each SIGHUP.

use crate::command::arguments::{Clients, KeyPair, Serve};
use crate::command::expiry::{Expiries, InUse};
use crate::command::failure::{Failure, explain};
use crate::command::log::Log;
use crate::command::ocsp::{self, Sent};
use crate::command::reload::Reload;
use crate::command::revocation_files::RevocationFiles;
use crate::command::service::Manager;
use posthaste::{ByName, ClientAuthentication, ClientTrust, Error, Executor, Identity, IdentityHandle, date};
use runtime::Hangups;
use std::fmt::Write as _;
use std::future::pending;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The files, and what was last read of those that say whom to trust.
pub struct Sources {
    pairs: Vec<KeyPair>,
    ocsp_responses: Vec<String>,
    clients: Option<Clients>,
    /// What was read last of whom to trust.
    trusted: Option<Trusted>,
    /// Until when all of it is good, as it was read last.
    expiries: Expiries,
    /// The server's own certificate is replaced by itself.
    is_renewed: bool,
}

/// Who vouches for clients.
struct Trusted {
    authorities: ClientTrust,
    /// What their file had, for words about them.
    authorities_pem: Vec<u8>,
    lists: RevocationFiles,
    /// Both together.
    whole: ClientTrust,
}

/// What the files hold.
pub struct Loaded {
    /// In the order of the command line.
    pub identities: Vec<Identity>,
    /// What became of each OCSP response.
    staples: Vec<Result<Sent, String>>,
    clients: ClientAuthentication,
}

impl Sources {
    /// As the command line names them.
    pub fn new(arguments: &Serve) -> Sources {
        Sources {
            pairs: arguments.identities.clone(),
            ocsp_responses: arguments.ocsp_responses.clone(),
            clients: arguments.clients.clone(),
            trusted: None,
            expiries: Expiries::default(),
            is_renewed: !arguments.acme.names.is_empty(),
        }
    }

    /// Whether there is anything to be read again.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.clients.is_none()
    }

    /// Reads all files, or fails with what is wrong with the first that is of no use.
    fn load(&mut self) -> Result<Loaded, Error> {
        let mut identities = self
            .pairs
            .iter()
            .map(|KeyPair { certificate, key }| Identity::from_pem_files(certificate, key))
            .collect::<Result<Vec<_>, Error>>()?;
        let staples: Vec<_> = self.ocsp_responses.iter().map(|file| ocsp::staple(file, &mut identities)).collect();
        let clients = match &self.clients {
            None => ClientAuthentication::None,
            Some(clients) => {
                let trusted = Trusted::read(clients, self.trusted.as_ref())?;
                let trust = self.trusted.insert(trusted);
                if clients.are_required { trust.whole.required() } else { trust.whole.optional() }
            }
        };
        Ok(Loaded { identities, staples, clients })
    }

    /// From now on it is said when what was loaded is about to be good no more.
    fn watch(&mut self, loaded: &Loaded) {
        // One that was made for this run has no file.
        let files = self.pairs.iter().map(|pair| Some(pair.certificate.as_str())).chain([None]);
        // One that is renewed by itself is told by who renews it.
        let identities = loaded.identities.iter().filter(|_| !self.is_renewed);
        let identities = files.zip(identities).flat_map(|(file, identity)| InUse::certificates(file, identity));
        let staples = loaded.staples.iter().flatten().map(Sent::in_use);
        let lists = self.trusted.iter().flat_map(|trusted| trusted.lists.in_use(runtime::clock::unix_seconds()));
        let authorities = self
            .trusted
            .iter()
            .zip(&self.clients)
            .flat_map(|(trusted, clients)| InUse::authorities(&clients.authorities, &trusted.authorities_pem));
        self.expiries = Expiries::new(identities.chain(staples).chain(authorities).chain(lists));
    }

    /// What has to be done so that what was read last stays of use, as far as that was not said.
    fn due(&mut self) -> Vec<String> {
        self.expiries.warnings(runtime::clock::unix_seconds())
    }

    /// How long there is nothing to be said of that.
    fn wait(&self) -> Option<Duration> {
        self.expiries.wait(runtime::clock::unix_seconds())
    }

    /// What has to be done about what was read, so that it is of use.
    pub fn warnings(&mut self, loaded: &Loaded) -> Vec<String> {
        let mut warnings: Vec<String> = loaded.identities.iter().filter_map(not_valid_yet).collect();
        warnings.extend(loaded.staples.iter().filter_map(|staple| staple.clone().err()));
        if let Some(trusted) = &self.trusted {
            let missing = trusted.lists.warnings(runtime::clock::unix_seconds(), &trusted.authorities_pem);
            let in_words = |text| format!("warning: {text}; until the next SIGHUP clients that need it are refused");
            warnings.extend(missing.into_iter().map(in_words));
        }
        warnings.extend(self.due());
        warnings
    }

    /// What is shown first; `own` if no certificate was named, which is not read again.
    pub fn first(&mut self, own: impl FnOnce() -> Result<Identity, Error>) -> Result<Loaded, Error> {
        let mut loaded = self.load()?;
        if loaded.identities.is_empty() {
            loaded.identities.push(own()?);
        }
        self.watch(&loaded);
        Ok(loaded)
    }

    /// What SIGHUP asks for.
    fn hang_up(&mut self, reload: &mut Option<Reload>, handle: &IdentityHandle, first: &Loaded, log: &Log) {
        if let Some(arguments) = reload.as_mut().and_then(Reload::again) {
            self.pairs.clone_from(&arguments.identities);
            self.ocsp_responses.clone_from(&arguments.ocsp_responses);
            self.clients.clone_from(&arguments.clients);
        }
        if !self.is_empty() {
            log.report(&self.again(handle, first, log));
        }
    }

    /// Reads the files again and has `handle` show what is in them, or leaves it as it is. Says what became of it.
    fn again(&mut self, handle: &IdentityHandle, first: &Loaded, log: &Log) -> String {
        match self.load() {
            Ok(mut loaded) => {
                // One that was made for this run is not in any file.
                if loaded.identities.is_empty() {
                    loaded.identities.clone_from(&first.identities);
                }
                self.watch(&loaded);
                let generation = handle.replace(loaded.by_name());
                self.warnings(&loaded).iter().for_each(|text| log.report(text));
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
        for sent in loaded.staples.iter().flatten() {
            let _ = write!(text, "{}; ", sent.told());
        }
        match &self.clients {
            Some(clients) => {
                let _ = write!(text, "clients are vouched for by {}", clients.authorities);
                let lists = self.trusted.as_ref().map(|trusted| trusted.lists.told()).unwrap_or_default();
                let _ = if lists.is_empty() { Ok(()) } else { write!(text, "; {lists}") };
            }
            None => text.truncate(text.len().saturating_sub(2)),
        }
        text
    }
}

impl Trusted {
    /// As the files are now; the same as `before` if they have not changed, so that connections under way are as good as new
    /// ones.
    fn read(clients: &Clients, before: Option<&Trusted>) -> Result<Trusted, Error> {
        // Without the file the next line fails, and says why.
        let authorities_pem = std::fs::read(&clients.authorities).unwrap_or_default();
        let authorities = match before {
            Some(before) => before.authorities.again_from_pem_file(&clients.authorities)?,
            None => ClientTrust::from_pem_file(&clients.authorities)?,
        };
        let lists = RevocationFiles::read(&clients.revocation_lists)?;
        let same = before.filter(|before| {
            lists.is_same(&before.lists) && authorities.required().is_same(&before.authorities.required())
        });
        let whole = match same {
            Some(before) => before.whole.clone(),
            None if lists.is_empty() => authorities.clone(),
            None => authorities.clone().check_revocation(lists.revocation())?,
        };
        Ok(Trusted { authorities, authorities_pem, lists, whole })
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

/// From now on each SIGHUP has the files read again, on a thread of its own: the server does not wait for them. Without files a SIGHUP
/// is not heard. In both cases the thread says when what is in use is about to be good no more.
pub fn look_after(
    mut sources: Sources,
    first: Loaded,
    handle: IdentityHandle,
    log: Log,
    manager: Manager,
    mut reload: Option<Reload>,
) -> Result<(), Failure> {
    let refused = |error: &std::io::Error| Failure::Failed(format!("the operating system refused: {error}"));
    let (ready, is_ready) = mpsc::channel();
    let listen = move || {
        let heard = Executor::new().and_then(|executor| {
            let hangups =
                (!sources.is_empty() || reload.is_some()).then(|| Hangups::new(executor.handle())).transpose()?;
            Ok((executor, hangups))
        });
        let (executor, mut hangups) = match heard {
            Ok(heard) => heard,
            Err(error) => return drop(ready.send(Err(error))),
        };
        let _ = ready.send(Ok(()));
        executor.block_on(async {
            loop {
                let is_heard = match (sources.wait(), &mut hangups) {
                    (Some(wait), Some(hangups)) => executor.handle().timeout(wait, hangups.next()).await.is_ok(),
                    (Some(wait), None) => executor.handle().timeout(wait, pending::<()>()).await.is_ok(),
                    (None, Some(hangups)) => {
                        hangups.next().await;
                        true
                    }
                    // All is said.
                    (None, None) => return,
                };
                match is_heard {
                    true => {
                        manager.reloading();
                        sources.hang_up(&mut reload, &handle, &first, &log);
                        manager.ready();
                    }
                    false => sources.due().iter().for_each(|text| log.report(text)),
                }
            }
        });
    };
    thread::Builder::new().name("files".into()).spawn(listen).map_err(|error| refused(&error))?;
    // A signal that comes once the server says that it is ready must not end it.
    match is_ready.recv() {
        Ok(result) => result.map_err(|error| refused(&error)),
        Err(_) => Err(Failure::Failed("the thread that waits for SIGHUP ended".into())),
    }
}

/// A word about an identity that clients will refuse today because it is for later.
fn not_valid_yet(identity: &Identity) -> Option<String> {
    let now = i64::try_from(runtime::clock::unix_seconds()).unwrap_or(i64::MAX);
    let (from, _) = identity.validity();
    let until = || format!("warning: the certificate is not valid before {}; clients will refuse it", plain_date(from));
    (now < from).then(until)
}

/// SHA-256 of the first certificate, in hexadecimal.
pub fn fingerprint(identity: &Identity) -> String {
    identity.certificate_sha256().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plain_date(seconds: i64) -> String {
    date::plain_date(u64::try_from(seconds).unwrap_or(0))
}
