//! Tokens: the names of the poller's registrations.

/// One registration. A token of a registration that has ended is recognized: its place may be taken again, but under
/// another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    index: u32,
    generation: u32,
}

impl Token {
    pub(crate) const fn new(index: u32, generation: u32) -> Token {
        Token { index, generation }
    }

    /// The place: small, and free for another registration once this one has ended. Good to index a table with.
    pub(crate) const fn index(self) -> usize {
        self.index as usize
    }

    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }

    /// As the number that travels through the kernel.
    pub(crate) const fn to_key(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    pub(crate) const fn from_key(key: u64) -> Token {
        Token { index: key as u32, generation: (key >> 32) as u32 }
    }
}
