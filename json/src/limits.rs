//! How much a text may make the parser hold.

/// Arrays and objects within each other, whatever [`Limits::depth`] says: values are dropped, compared and written by
/// recursion, and this many levels of it fit any stack.
pub const MAX_DEPTH: usize = 1000;

/// What a text may cost. A value takes some 32 bytes beside its text, so `values` bounds what `bytes` alone would not: an array
/// of zeros has one for every two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a text. Default 1 MiB.
    pub bytes: usize,
    /// Arrays and objects within each other, at most [`MAX_DEPTH`]. Default 128.
    pub depth: usize,
    /// Values of every kind in one text. Default 100,000.
    pub values: usize,
    /// What becomes of an object in which a name stands twice. Default: it is refused.
    pub duplicates: Duplicates,
}

/// What becomes of an object in which a name stands twice. RFC 8259 section 4 leaves it open, so two programs that read one text
/// may see two different things, which is how checks are evaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// An error, as in I-JSON (RFC 7493 section 2.3).
    Refuse,
    /// The last member counts, as in JavaScript.
    KeepLast,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 1 << 20, depth: 128, values: 100_000, duplicates: Duplicates::Refuse }
    }
}
