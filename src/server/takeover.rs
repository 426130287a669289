//! One server takes over from another while both serve: they arrange it over a Unix socket, so that no client is refused.
//!
//! The new server connects to the socket when it is ready but for its ports. The old one lets others bind beside its sockets,
//! gives each connection a socket of its own, and says so by one byte. The new one binds, begins to serve, and says so by one byte.
//! Between the two the old one leaves first packets unanswered, so that their clients send them again and reach the new one.
//! From then on the old one drains as after a signal. Every wait has an end; a server whose successor fails ends all the same.
//!
//! Behind its byte the old one says the number of the form in which it takes back what is its own ([`Offer::FORM`]). Builds before that
//! say nothing. What a later build says behind either byte is not read.

use crate::error::Error;
use crate::server::ending::Ending;
use runtime::{Executor, Offer};
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long each waits for the other.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The old server's ports can be taken over.
const OFFERED: u8 = b'o';
/// The new server has them.
const TAKEN: u8 = b't';

/// The connection to a server that has offered its ports.
pub(super) struct Predecessor {
    stream: UnixStream,
    /// The form in which it takes back what is its own; 1 if it says none.
    form: u8,
}

impl Predecessor {
    /// Asks the server that listens at `path` for its ports; `None` if there is none, or if it has ended meanwhile.
    ///
    /// # Errors
    /// It does not answer in time, or there is something else at `path`.
    pub(super) fn ask(path: &Path) -> Result<Option<Predecessor>, Error> {
        let mut stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(Error::file(path, "connected to", error)),
        };
        let offered = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| form_offered(&mut stream));
        match offered {
            Ok(form) => Ok(Some(Predecessor { stream, form })),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(Error::file(path, "taken over by", error)),
        }
    }

    /// Whether it is of a build that does not know all that this one says to it.
    pub(super) fn is_older(&self) -> bool {
        self.form < Offer::FORM
    }

    /// Says that its ports are bound.
    pub(super) fn on_bound(mut self) {
        // One that is gone need not be told.
        let _gone = self.stream.write_all(&[TAKEN]);
    }
}

/// Lets a later server take over from the one of `ending`: listens at `path` as long as that is there.
///
/// # Errors
/// Something that is no socket is at `path`; or the system refuses.
pub(super) fn offer(path: &Path, ending: &Arc<Ending>) -> Result<(), Error> {
    remove_old(path)?;
    let listener = UnixListener::bind(path).map_err(|error| Error::file(path, "listened at", error))?;
    let private = fs::set_permissions(path, Permissions::from_mode(0o600));
    private.map_err(|error| Error::file(path, "made private", error))?;
    let (path, ending) = (PathBuf::from(path), Arc::downgrade(ending));
    let wait = move || {
        if let Ok((stream, _)) = listener.accept() {
            // Nobody else is to find this one any more; a successor has a socket of its own.
            let _gone = fs::remove_file(&path);
            hand_over(stream, &ending);
        }
    };
    let thread = std::thread::Builder::new().name("posthaste-takeover".into()).spawn(wait);
    thread.map(drop).map_err(Error::system)
}

/// A socket of a server that has been killed is in the way.
fn remove_old(path: &Path) -> Result<(), Error> {
    let failed = |action| move |error| Error::file(path, action, error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("looked at")(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => Err(Error::Message(format!(
            "{} is no socket: name a path for the takeover where there is nothing yet",
            path.display()
        ))),
        Ok(_) => fs::remove_file(path).map_err(failed("removed")),
    }
}

/// The old server's part, on a thread of its own.
fn hand_over(mut stream: UnixStream, ending: &Weak<Ending>) {
    let Some(ending) = ending.upgrade() else { return };
    ending.take_over();
    // Whatever happens from here on, the server does not wait for it for ever.
    let _failed = answer(&mut stream, &ending);
    ending.on_successor();
}

fn answer(stream: &mut UnixStream, ending: &Ending) -> io::Result<()> {
    let executor = Executor::new()?;
    let offered = executor.block_on(executor.handle().timeout(PATIENCE, ending.offered()));
    offered.map_err(|_| io::ErrorKind::TimedOut)?;
    stream.write_all(&[OFFERED, Offer::FORM])?;
    stream.set_read_timeout(Some(PATIENCE))?;
    expect(stream, TAKEN)
}

/// The offer, and in which form what belongs to the old server is taken back: 1 if it does not say so in the same breath.
fn form_offered(stream: &mut UnixStream) -> io::Result<u8> {
    expect(stream, OFFERED)?;
    let mut form = [1];
    stream.set_nonblocking(true)?;
    let _none = stream.read(&mut form);
    stream.set_nonblocking(false)?;
    Ok(form[0])
}

fn expect(stream: &mut UnixStream, byte: u8) -> io::Result<()> {
    let mut word = [0];
    stream.read_exact(&mut word)?;
    if word == [byte] { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path of this test's own where there is nothing.
    fn free_path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("posthaste-{name}-{}", std::process::id()));
        let _none = fs::remove_file(&path);
        path
    }

    #[test]
    fn who_is_not_there_or_ends_is_no_predecessor_and_who_talks_nonsense_is_an_error() {
        let path = free_path("ask");
        assert!(Predecessor::ask(&path).unwrap().is_none());
        // With the form of who is there, if anybody is.
        let answers: [(&[u8], _); 6] = [
            (b"", Ok(None)),
            (b"o", Ok(Some(1))),
            (b"o\x02", Ok(Some(2))),
            (b"o\x03 and more", Ok(Some(3))),
            (b"x", Err(())),
            (b"xo", Err(())),
        ];
        let listener = UnixListener::bind(&path).unwrap();
        let other = std::thread::spawn(move || {
            for (answer, _) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(answer).unwrap();
            }
        });
        for (answer, form) in answers {
            let asked = Predecessor::ask(&path).map_err(drop);
            assert_eq!(asked.map(|found| found.map(|found| found.form)), form, "{answer:?}");
        }
        other.join().unwrap();
        // The socket of a server that was killed.
        assert!(Predecessor::ask(&path).unwrap().is_none());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_socket_that_was_left_is_replaced_and_a_file_is_not() {
        let (path, ending) = (free_path("offer"), Arc::new(Ending::new(1)));
        drop(UnixListener::bind(&path).unwrap());
        offer(&path, &ending).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // The server is gone, and its thread is not: who asks learns that there is no predecessor.
        drop(ending);
        assert!(Predecessor::ask(&path).unwrap().is_none());
        fs::write(&path, "a file").unwrap();
        let error = offer(&path, &Arc::new(Ending::new(1))).unwrap_err();
        assert!(error.to_string().contains("is no socket"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"a file");
        fs::remove_file(&path).unwrap();
    }

    /// The old server waits for its successor and no longer: one that goes away has it end all the same.
    #[test]
    fn a_successor_that_goes_away_is_not_waited_for() {
        let (path, ending) = (free_path("gone"), Arc::new(Ending::new(1)));
        offer(&path, &ending).unwrap();
        let stream = UnixStream::connect(&path).unwrap();
        let executor = Executor::new().unwrap();
        executor.block_on(ending.taken_over());
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(ending.begin(Default::default(), &[port]).is_some());
        drop(stream);
        executor.block_on(executor.handle().timeout(PATIENCE, ending.succeeded())).expect("in time");
        assert!(!path.exists());
    }
}
