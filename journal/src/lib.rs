//! An append-only log of records in a folder of its own.
//!
//! A [`Journal`] keeps records in segments. What was [appended](Journal::append) is durable after a [commit](Journal::commit); a
//! crash leaves a prefix of it, at least up to the last commit. Every record has checksums. A torn end is cut off, and a
//! record that the disk has spoiled is passed by: both are [told](Damage).
//!
//! ```
//! use posthaste_journal as journal;
//! use journal::{Journal, Options, Record, SystemFiles};
//! use std::ops::ControlFlow;
//!
//! let folder = std::env::temp_dir().join(format!("journal-{}", std::process::id()));
//! let mut journal = Journal::open(SystemFiles::create(&folder)?, Options::default())?;
//! journal.replay(&mut |_| unreachable!("it is new"))?;
//! journal.append([Record { kind: 1, sequence: 1, time: 0, content: b"an event" }].into_iter())?;
//! journal.commit()?;
//! drop(journal);
//!
//! let mut journal = Journal::open(SystemFiles::create(&folder)?, Options::default())?;
//! let mut found = Vec::new();
//! journal.replay(&mut |record| found.push(record.content.to_vec()))?;
//! assert_eq!(found, [b"an event"]);
//! journal.read(1, &mut |record| {
//!     assert_eq!(record.sequence, 1);
//!     ControlFlow::Break(())
//! })?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Whatever a journal does to files goes through [`Files`], so that a test can take away what was not synced. The form of
//! segments and records is in docs/internals/event-store.md.
#![forbid(unsafe_code)]

mod checksum;
mod damage;
mod files;
mod index;
mod journal;
mod record;
mod scan;
mod segment;
mod system;
mod tail;

pub use damage::{Damage, Error};
pub use files::{Files, JournalFile};
pub use journal::{Durability, Journal, Options, Replayed};
pub use record::{HEADER_LEN, MAX_CONTENT, Record};
pub use segment::DATA_START;
pub use system::{SystemFile, SystemFiles};
