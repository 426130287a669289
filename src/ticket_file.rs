//! A client's tickets in a file, for programs that end between two connections.
//!
//! A ticket is used once, so it leaves the file before it is used. Who wants one moves the file away, which only one of several
//! processes can do, and puts back what is left. Where that fails tickets are lost, which costs a full handshake; none is used twice.

use crate::error::Error;
use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tls::{Ticket, TicketOrigin, TicketStore};

/// The first line.
const FORM: &str = "posthaste tickets 1";
/// Tickets that are kept for each server, and in all: the newest.
const PER_SERVER: usize = 4;
const IN_ALL: usize = 32;
/// The largest file that is read: room for all of these, each as long as it may be, in hexadecimal digits.
const MAX_LEN: u64 = 1 << 20;
/// How often tickets are put back where another process does the same.
const TRIES: usize = 4;
/// Everybody but the owner.
const OTHERS: u32 = 0o077;

/// Tickets in a file that its owner alone may read, 32 at most: [`ClientBuilder::ticket_store`](crate::ClientBuilder::ticket_store).
/// Each is taken out for good before it is used. With a ticket is its key: whoever reads the file can resume in the client's place, and
/// read what is sent as early data with it.
///
/// After [`TicketFile::open`] what goes wrong with the file is not told: then there are no tickets, and connections begin with full
/// handshakes.
pub struct TicketFile {
    path: PathBuf,
}

type Entry = (TicketOrigin, Ticket);

impl TicketFile {
    /// The file at this path. It need not be there yet.
    ///
    /// # Errors
    /// It is no regular file, is not one of tickets, or may be read or written by others than its owner.
    pub fn open(path: impl Into<PathBuf>) -> Result<TicketFile, Error> {
        let path = path.into();
        let failed = |error| Error::file(&path, "read", error);
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(TicketFile { path }),
            metadata => metadata.map_err(failed)?,
        };
        let shown = path.display();
        if !metadata.is_file() {
            return Err(Error::Message(format!("{shown} is no regular file: name another one for the tickets")));
        }
        let mode = metadata.mode();
        if mode & OTHERS != 0 {
            let mode = mode & 0o777;
            return Err(Error::Message(format!(
                "{shown} may be read or written by others (mode {mode:03o}), who could then use its tickets: chmod 600 {shown}, or \
                 remove it if others have had it"
            )));
        }
        let text = read(&path).map_err(failed)?;
        if !text.is_empty() && text.lines().next() != Some(FORM) {
            return Err(Error::Message(format!(
                "{shown} is no file of tickets: name another one, or remove it to have a new one made"
            )));
        }
        Ok(TicketFile { path })
    }

    /// All that the file has. It is gone then, and nobody else has it.
    fn take_all(&self) -> io::Result<VecDeque<Entry>> {
        let own = self.draft();
        match fs::rename(&self.path, &own) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(VecDeque::new()),
            moved => moved?,
        }
        let text = read(&own);
        fs::remove_file(&own)?;
        Ok(text?.lines().skip(1).filter_map(entry).collect())
    }

    /// Puts these into the file, behind what is there: the oldest make room.
    fn put_all(&self, mut entries: VecDeque<Entry>) -> io::Result<()> {
        for _ in 0..TRIES {
            let mut all = self.take_all()?;
            all.append(&mut entries);
            make_room(&mut all);
            let draft = self.draft();
            let text = text_of(&all);
            let written = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&draft)
                .and_then(|mut file| file.write_all(text.as_bytes()));
            // A link is refused where another process has put a file; to rename would replace it.
            let linked = written.and_then(|()| fs::hard_link(&draft, &self.path));
            let _ = fs::remove_file(&draft);
            match linked {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => entries = all,
                linked => return linked,
            }
        }
        Ok(())
    }

    /// A name of this call alone.
    fn draft(&self) -> PathBuf {
        let number = u64::from_le_bytes(base::random::array(&mut crypto_ring::SystemRandom::new()));
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{number:016x}.new"));
        self.path.with_file_name(name)
    }
}

/// Of each server the newest, and of all.
fn make_room(all: &mut VecDeque<Entry>) {
    let mut kept = VecDeque::new();
    while let Some((origin, ticket)) = all.pop_back() {
        let of_server = kept.iter().filter(|(other, _): &&Entry| *other == origin).count();
        if of_server < PER_SERVER && kept.len() < IN_ALL {
            kept.push_front((origin, ticket));
        }
    }
    *all = kept;
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_LEN).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn text_of(entries: &VecDeque<Entry>) -> String {
    let mut text = format!("{FORM}\n");
    for (origin, ticket) in entries {
        push_hex(&mut text, origin.as_bytes());
        text.push(' ');
        push_hex(&mut text, &ticket.to_bytes());
        text.push('\n');
    }
    text
}

/// A line of the file; `None` if it is of no use.
fn entry(line: &str) -> Option<Entry> {
    let (origin, ticket) = line.split_once(' ')?;
    let origin = TicketOrigin::from_bytes(bytes(origin)?.try_into().ok()?);
    Some((origin, Ticket::from_bytes(&bytes(ticket)?)?))
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let is_hex = pair.iter().all(u8::is_ascii_hexdigit);
        u8::from_str_radix(str::from_utf8(pair).ok().filter(|_| is_hex)?, 16).ok()
    };
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

impl TicketStore for TicketFile {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        let mut all = self.take_all().ok()?;
        all.retain(|(_, ticket)| ticket.is_valid_at(unix_millis));
        let newest = all.iter().rposition(|(of, _)| of == origin);
        let taken = newest.and_then(|at| all.remove(at)).map(|(_, ticket)| ticket);
        if !all.is_empty() {
            let _lost = self.put_all(all);
        }
        taken
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        let _lost = self.put_all(VecDeque::from([(*origin, ticket)]));
    }
}

impl fmt::Debug for TicketFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketFile").field("path", &self.path).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("posthaste-tickets-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Folder(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("tickets")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// A ticket that begins at 10 and ends at `until`, with this number.
    fn ticket(number: u8, until: u64) -> Ticket {
        let mut bytes = vec![1, 0x13, 0x01];
        for millis in [10, until, u64::MAX] {
            bytes.extend(millis.to_be_bytes());
        }
        bytes.extend([0; 8]);
        bytes.push(32);
        bytes.extend([7; 32]);
        bytes.push(0);
        bytes.extend([0, 1, number, 0, 0, 0, 0]);
        Ticket::from_bytes(&bytes).unwrap()
    }

    fn number(ticket: &Ticket) -> u8 {
        let bytes = ticket.to_bytes();
        bytes[bytes.len() - 5]
    }

    fn origin(number: u8) -> TicketOrigin {
        TicketOrigin::from_bytes([number; 32])
    }

    #[test]
    fn each_is_taken_once_the_newest_of_its_server_first() {
        let folder = Folder::new("once");
        let (one, other) = (TicketFile::open(folder.file()).unwrap(), TicketFile::open(folder.file()).unwrap());
        assert!(one.take(&origin(1), 20).is_none());
        (1..=3).for_each(|number| one.put(&origin(1), ticket(number, 30)));
        other.put(&origin(2), ticket(9, 30));
        assert_eq!(fs::metadata(folder.file()).unwrap().mode() & 0o777, 0o600);
        let again = TicketFile::open(folder.file()).unwrap();
        let taken = [&one, &other, &again, &one].map(|file| file.take(&origin(1), 20).map(|ticket| number(&ticket)));
        assert_eq!(taken, [Some(3), Some(2), Some(1), None]);
        assert_eq!(again.take(&origin(2), 20).map(|ticket| number(&ticket)), Some(9));
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn what_is_too_old_or_too_many_goes() {
        let folder = Folder::new("many");
        let file = TicketFile::open(folder.file()).unwrap();
        file.put(&origin(1), ticket(1, 15));
        file.put(&origin(1), ticket(2, 30));
        assert_eq!(file.take(&origin(1), 20).map(|ticket| number(&ticket)), Some(2));
        assert!(file.take(&origin(1), 12).is_none(), "it went with the other");
        (1..=6).for_each(|number| file.put(&origin(1), ticket(number, 30)));
        let of_one: Vec<u8> = std::iter::from_fn(|| file.take(&origin(1), 20)).map(|ticket| number(&ticket)).collect();
        assert_eq!(of_one, [6, 5, 4, 3]);
        (0..40).for_each(|server| file.put(&origin(server), ticket(server, 30)));
        let kept = (0..40).filter(|server| file.take(&origin(*server), 20).is_some()).count();
        assert_eq!(kept, IN_ALL);
    }

    /// Single use, whoever else has the file.
    #[test]
    fn processes_that_take_at_once_never_take_the_same() {
        let folder = Folder::new("together");
        let file = TicketFile::open(folder.file()).unwrap();
        for round in 0..20 {
            (0..4).for_each(|number| file.put(&origin(1), ticket(round * 4 + number, 30)));
            let taken: Vec<u8> = std::thread::scope(|scope| {
                let take = || TicketFile::open(folder.file()).ok()?.take(&origin(1), 20).map(|ticket| number(&ticket));
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
                threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
            });
            let mut different = taken.clone();
            different.sort_unstable();
            different.dedup();
            assert_eq!(different.len(), taken.len());
        }
    }

    #[test]
    fn what_is_no_file_of_tickets_is_refused_with_what_to_do() {
        let folder = Folder::new("wrong");
        let file = folder.file();
        fs::write(&file, "something else\n").unwrap();
        for mode in [0o644, 0o640, 0o602] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let text = TicketFile::open(&file).unwrap_err().to_string();
            assert!(text.contains("chmod 600") && text.contains(&format!("{mode:o}")), "{text}");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(TicketFile::open(&file).unwrap_err().to_string().contains("no file of tickets"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "something else\n", "it is left alone");
        fs::write(&file, "").unwrap();
        assert!(TicketFile::open(&file).is_ok());
        assert!(TicketFile::open(&folder.0).unwrap_err().to_string().contains("no regular file"));
        assert!(TicketFile::open("/proc/self/none/x").is_ok(), "it may come to be");
    }

    #[test]
    fn lines_that_mean_nothing_are_passed_over() {
        let folder = Folder::new("lines");
        let file = TicketFile::open(folder.file()).unwrap();
        file.put(&origin(1), ticket(5, 30));
        let good = fs::read_to_string(folder.file()).unwrap();
        for line in ["", "x", "00 00", "zz zz", " ", "é é", &good[good.len() - 9..]] {
            fs::write(folder.file(), format!("{FORM}\n{line}\n{}", good.lines().nth(1).unwrap())).unwrap();
            assert_eq!(file.take(&origin(1), 20).map(|ticket| number(&ticket)), Some(5), "{line:?}");
        }
    }
}
