//! Decisions drawn from a fuzzer's bytes. Bytes that run out are zeros, so that every input means something.

/// A cursor over the input.
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn new(rest: &'a [u8]) -> Input<'a> {
        Input { rest }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// A number below `end`, which is at least 1 and at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.u8()) % end
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// As many bytes as are left of `count`.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Bytes whose number is the first byte.
    pub fn chunk(&mut self) -> &'a [u8] {
        let count = self.u8();
        self.bytes(usize::from(count))
    }

    /// A number of 62 bits: small ones, those at a border, and any.
    pub fn number(&mut self) -> u64 {
        const BORDERS: [u64; 14] = [
            63,
            64,
            1 << 10,
            16_383,
            16_384,
            1 << 16,
            1 << 20,
            (1 << 30) - 1,
            1 << 30,
            1 << 32,
            1 << 60,
            (1 << 60) + 1,
            (1 << 62) - 2,
            (1 << 62) - 1,
        ];
        match self.u8() {
            small @ 0..=191 => u64::from(small),
            192..=223 => u64::from(self.u16()),
            border @ 224..=237 => BORDERS[usize::from(border - 224)],
            _ => (0..8).fold(0, |value, _| value << 8 | u64::from(self.u8())) >> 2,
        }
    }
}
