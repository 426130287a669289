//! Sections that were sent and not acknowledged (RFC 9204 sections 2.1.1 to 2.1.4): which entries they keep in the table, and how
//! many streams may wait for insertions because of them.
//!
//! Of each section the oldest entry it refers to is remembered, and not every one: entries leave in their order, so what stands
//! behind the oldest one that is needed cannot leave either.

use crate::error::DecoderStreamError;
use alloc::collections::VecDeque;

/// How many sections may be unacknowledged. 512: twice the requests that a server takes at once. Beyond it nothing refers to the
/// table, so a peer that never acknowledges costs no more than this.
pub(crate) const MAX_SECTIONS: usize = 512;
/// How many of them on one stream. 8: a head, trailers, and some informational responses.
const MAX_SECTIONS_OF_STREAM: usize = 8;

/// A section that refers to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct References {
    /// One more than the newest entry it refers to.
    pub(crate) required: u64,
    /// The oldest entry it refers to.
    pub(crate) oldest: u64,
}

/// The sections that were not acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    sections: VecDeque<(u64, References)>,
    /// The Known Received Count: insertions that the decoder has.
    known: u64,
    /// How many sections need more than that. A stream with two of them counts twice, so this is never less than the number of
    /// streams that may be blocked.
    at_risk: usize,
    max_blocked: usize,
}

/// What a section may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Nothing in the table.
    Nothing,
    /// What the decoder is known to have.
    Known,
    /// Everything.
    All,
}

impl Outstanding {
    pub(crate) fn new(max_blocked: usize) -> Outstanding {
        Outstanding { max_blocked, ..Outstanding::default() }
    }

    pub(crate) const fn known(&self) -> u64 {
        self.known
    }

    /// How many sections are not acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.sections.len()
    }

    /// What the next section on `stream` may refer to; `None` is a stream that has had none yet.
    /// RFC 9204 section 2.1.2-1.
    pub(crate) fn allowed(&self, stream: Option<u64>) -> Allowed {
        let of_stream = |stream: u64| self.sections.iter().filter(|(of, _)| *of == stream).count();
        let is_full = self.sections.len() >= MAX_SECTIONS
            || stream.is_some_and(|stream| of_stream(stream) >= MAX_SECTIONS_OF_STREAM);
        match is_full {
            true => Allowed::Nothing,
            false if self.at_risk < self.max_blocked => Allowed::All,
            false => Allowed::Known,
        }
    }

    /// A section was sent.
    pub(crate) fn on_sent(&mut self, stream: u64, references: References) {
        self.at_risk += usize::from(references.required > self.known);
        self.sections.push_back((stream, references));
    }

    /// The oldest entry that is referred to.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.sections.iter().map(|(_, references)| references.oldest).min()
    }

    /// RFC 9204 section 4.4.1-1.
    pub(crate) fn on_acknowledgment(&mut self, stream: u64) -> Result<(), DecoderStreamError> {
        let place = self.sections.iter().position(|(of, _)| *of == stream);
        let section = place.and_then(|place| self.sections.remove(place));
        let (_, references) = section.ok_or(DecoderStreamError::SectionAcknowledgment)?;
        if references.required > self.known {
            self.known = references.required;
            self.count();
        }
        Ok(())
    }

    /// The sections of a stream are of no use any more. Nothing is learned about insertions. Whether there were any.
    pub(crate) fn on_cancellation(&mut self, stream: u64) -> bool {
        let before = self.sections.len();
        self.sections.retain(|(of, _)| *of != stream);
        self.count();
        self.sections.len() != before
    }

    /// The decoder has more insertions, of the `inserted` that were sent.
    /// RFC 9204 section 4.4.3-1.
    pub(crate) fn on_increment(&mut self, increment: u64, inserted: u64) -> Result<(), DecoderStreamError> {
        if increment == 0 || increment > inserted - self.known {
            return Err(DecoderStreamError::InsertCountIncrement);
        }
        self.known += increment;
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        if self.at_risk > 0 {
            self.at_risk = self.sections.iter().filter(|(_, references)| references.required > self.known).count();
        }
    }
}
