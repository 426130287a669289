//! Sections that wait for insertions (RFC 9204 section 2.2.1): at most one for each stream, and so many streams as were
//! allowed. What is held of them is counted.

use alloc::vec::Vec;

/// The sections that wait.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    sections: Vec<Section>,
    bytes: usize,
    /// The least count that one of them waits for.
    least: u64,
}

#[derive(Debug)]
struct Section {
    stream: u64,
    required: u64,
    bytes: Vec<u8>,
}

impl Blocked {
    /// How many streams wait.
    pub(crate) const fn len(&self) -> usize {
        self.sections.len()
    }

    /// How many bytes are held for them.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds a section. The caller has compared their number with the limit.
    pub(crate) fn hold(&mut self, stream: u64, required: u64, section: &[u8]) {
        self.least = if self.sections.is_empty() { required } else { self.least.min(required) };
        self.bytes += section.len();
        self.sections.push(Section { stream, required, bytes: section.to_vec() });
    }

    /// The stream of a section that can be decoded, the one that came first.
    pub(crate) fn ready(&self, inserted: u64) -> Option<u64> {
        if self.sections.is_empty() || inserted < self.least {
            return None;
        }
        self.sections.iter().find(|section| section.required <= inserted).map(|section| section.stream)
    }

    /// Takes out the section of a stream if it can be decoded.
    pub(crate) fn take(&mut self, stream: u64, inserted: u64) -> Option<Vec<u8>> {
        let is_ready = |section: &Section| section.stream == stream && section.required <= inserted;
        let place = self.sections.iter().position(is_ready)?;
        Some(self.remove(place))
    }

    /// Drops the section of a stream. Whether there was one.
    pub(crate) fn drop_stream(&mut self, stream: u64) -> bool {
        let place = self.sections.iter().position(|section| section.stream == stream);
        place.map(|place| self.remove(place)).is_some()
    }

    fn remove(&mut self, place: usize) -> Vec<u8> {
        let section = self.sections.remove(place);
        self.bytes -= section.bytes.len();
        self.least = self.sections.iter().map(|section| section.required).min().unwrap_or(0);
        if self.sections.is_empty() {
            self.sections = Vec::new();
        }
        section.bytes
    }
}
