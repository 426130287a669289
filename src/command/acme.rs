//! Certificates that `posthaste serve` gets by itself: on a thread of its own, as long as the server runs.

use crate::command::arguments::{Level, Serve};
use crate::command::failure::{Failure, explain};
use crate::command::log::Log;
use posthaste::{Acme, Error, Executor, Identity, IdentityHandle, LETS_ENCRYPT, Roots};
use std::io;
use std::thread;

/// As the options say; nothing if they name no host.
pub fn wanted(arguments: &Serve) -> Result<Option<Acme>, Failure> {
    let wanted = &arguments.acme;
    let (Some(folder), false) = (&wanted.state, wanted.names.is_empty()) else { return Ok(None) };
    if arguments.no_tcp && arguments.http.is_empty() {
        let words = "--acme needs TCP, by which the authority looks: leave out --no-tcp, or give --http";
        return Err(Failure::Failed(words.into()));
    }
    let roots = match &wanted.roots {
        Some(file) => Roots::from_pem_file(file)?,
        None => Roots::system()?,
    };
    let directory = wanted.directory.as_deref().unwrap_or(LETS_ENCRYPT);
    let acme = Acme::new(directory, &wanted.names, roots, folder)?;
    let acme = match (arguments.no_tcp, arguments.http.is_empty()) {
        (true, _) => acme.only_http(),
        (false, false) => acme.http(),
        (false, true) => acme,
    };
    Ok(Some(wanted.contacts.iter().fold(acme, Acme::contact)))
}

/// Gets certificates from now on, and has the server show them. What happens is told.
pub fn start(acme: Acme, shown: IdentityHandle, log: Log) -> Result<(), Failure> {
    let refused = |error: &io::Error| Failure::Failed(format!("the operating system refused: {error}"));
    let work = move || {
        let told = log.clone();
        let tell = move |event: &posthaste::AcmeEvent| {
            let level = if event.is_warning() { Level::Warning } else { Level::Info };
            told.say(level, &event.to_string());
        };
        let replace = move |identity: &Identity| {
            shown.replace(Identity::by_name(std::slice::from_ref(identity)));
        };
        let run = || -> Result<(), Error> {
            let executor = Executor::new().map_err(|error| Error::Message(error.to_string()))?;
            executor.block_on(acme.run(executor.handle(), replace, tell))
        };
        if let Err(error) = run() {
            log.say(
                Level::Error,
                &format!("acme: no certificate is got until the server is started again: {}", explain(&error)),
            );
        }
    };
    thread::Builder::new().name("acme".into()).spawn(work).map(drop).map_err(|error| refused(&error))
}
