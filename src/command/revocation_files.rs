//! The files of revocation lists: read at the start, and by a server again at each SIGHUP.

use crate::command::expiry::{BY_FILE, InUse, NOTICES};
use posthaste::{Error, Revocation};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use x509::ListSummary;

/// The longest file that is read: lists of the largest authorities have some ten megabytes. A device that gives bytes without an end
/// is not read for ever.
const MAX_FILE: u64 = 1 << 26;

/// Revocation lists, and which file each is from.
#[derive(Debug, Default)]
pub struct RevocationFiles {
    files: Vec<ListFile>,
    all: Revocation,
}

#[derive(Debug)]
struct ListFile {
    name: String,
    /// Of all of it.
    sha256: [u8; 32],
    lists: Vec<ListSummary>,
}

impl RevocationFiles {
    /// Reads all files, each of lists in PEM, or of one in DER.
    ///
    /// # Errors
    /// One cannot be read, or holds no list that can be used.
    pub fn read(names: &[String]) -> Result<RevocationFiles, Error> {
        let mut read = RevocationFiles::default();
        for name in names {
            let content = content(name)?;
            let before = read.all.len();
            read.all.add_file_content(&content).map_err(|error| cannot_be_used(name, &error))?;
            let digest = crypto_ring::PROVIDER.initial.hash.digest(&[&content]);
            let sha256 = *digest.first_chunk().expect("SHA-256 gives 32 bytes");
            let lists = read.all.summaries().skip(before).collect();
            read.files.push(ListFile { name: name.clone(), sha256, lists });
        }
        Ok(read)
    }

    /// Whether no file was named, so that nothing is looked up.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether the same is in both.
    pub fn is_same(&self, other: &RevocationFiles) -> bool {
        self.files.iter().map(|file| file.sha256).eq(other.files.iter().map(|file| file.sha256))
    }

    /// All lists. What none of them speaks for is refused.
    pub fn revocation(&self) -> Revocation {
        self.all.clone()
    }

    /// What has to be done about lists that are not current, and about authorities of a PEM text that have none: whoever they
    /// vouch for is refused until then.
    pub fn warnings(&self, now: u64, authorities_pem: &[u8]) -> Vec<String> {
        let stale = self.lists().filter_map(|(file, list)| {
            let staleness = list.staleness(now)?;
            let is_replaced =
                self.lists().any(|(_, other)| other.issuer == list.issuer && other.staleness(now).is_none());
            let ListSummary { issuer, .. } = list;
            let text =
                format!("the revocation list of {issuer} in {} {staleness}: put its current list there", file.name);
            (!is_replaced).then_some(text)
        });
        stale.chain(self.authorities_without(authorities_pem)).collect()
    }

    /// Until when there is a list that is good: of those of one issuer, the one that lasts longest.
    pub fn in_use(&self, now: u64) -> impl Iterator<Item = InUse> + '_ {
        let current = move || self.lists().filter(move |(_, list)| list.staleness(now).is_none());
        let lasting = current().filter(move |(_, list)| {
            current().all(|(_, other)| other.issuer != list.issuer || other.next_update <= list.next_update)
        });
        lasting.filter_map(|(file, list)| {
            let until = u64::try_from(list.next_update?).ok()?;
            let what = format!("the revocation list of {} in {}", list.issuer, file.name);
            let then = "clients that need it are refused";
            Some(InUse { what, remedy: BY_FILE, then, until, notices: NOTICES })
        })
    }

    fn lists(&self) -> impl Iterator<Item = (&ListFile, &ListSummary)> {
        self.files.iter().flat_map(|file| file.lists.iter().map(move |list| (file, list)))
    }

    fn authorities_without(&self, authorities_pem: &[u8]) -> Vec<String> {
        if self.is_empty() {
            return Vec::new();
        }
        let anchors = x509::load_certificates_pem(authorities_pem).unwrap_or_default();
        let anchors = anchors.iter().filter_map(|der| x509::Certificate::parse(der).ok());
        let without = anchors.filter(|anchor| {
            let is_authority = anchor.extensions().basic_constraints.is_some_and(|basic| basic.is_authority);
            is_authority && !self.all.has_list_by(anchor)
        });
        without
            .map(|anchor| format!("there is no revocation list of {}: name a file with it", anchor.label()))
            .collect()
    }

    /// In words: each list, and until when it is good.
    pub fn told(&self) -> String {
        let words = self.lists().map(|(file, list)| {
            let until = list.next_update.and_then(|next| u64::try_from(next).ok());
            let until = until.map_or("an unknown day".into(), posthaste::date::plain_date);
            format!("{} lists {} revoked by {} until {until}", file.name, list.revoked, list.issuer)
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

fn content(name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(name).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    let failed = |error| Error::File { path: name.into(), action: "read", error: Arc::new(error) };
    if read.map_err(failed)? as u64 > MAX_FILE {
        return Err(Error::Message(format!(
            "{name} cannot be used: it has more than 64 MiB, and is no revocation list"
        )));
    }
    Ok(bytes)
}

fn cannot_be_used(name: &str, error: &x509::Error) -> Error {
    let why = match error {
        x509::Error::Malformed(what) => format!("it is no revocation list, or a damaged one: {what}"),
        x509::Error::Pem(what) => format!("{what}; needed is a CRL in DER, or in PEM as `openssl crl` makes it"),
        error => error.to_string(),
    };
    Error::Message(format!("{name} cannot be used: {why}"))
}
