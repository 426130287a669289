//! What an executable of this machine is made of (ELF, 64 bits, little-endian): its symbols, and the bytes that are loaded.

/// An executable as it lies on disk.
pub(crate) struct Executable(Vec<u8>);

/// A name in its tables.
pub(crate) struct Symbol {
    pub(crate) name: String,
    /// Somebody else has to bring it.
    pub(crate) is_outside: bool,
}

const LOADED: u32 = 1;
const SYMBOLS: u32 = 2;
const DYNAMIC_SYMBOLS: u32 = 11;

impl Executable {
    /// Panics if it is of another kind.
    pub(crate) fn new(bytes: Vec<u8>) -> Executable {
        assert!(bytes.starts_with(b"\x7fELF\x02\x01"), "an ELF file, 64 bits, little-endian");
        Executable(bytes)
    }

    fn number(&self, at: usize, len: usize) -> usize {
        self.0[at..at + len].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    /// Bytes of the file that are loaded: code, constants and initial values, and none of its symbols.
    pub(crate) fn loaded(&self) -> usize {
        let (table, each, count) = (self.number(32, 8), self.number(54, 2), self.number(56, 2));
        let entries = (0..count).map(|index| table + index * each);
        entries.filter(|at| self.number(*at, 4) == LOADED as usize).map(|at| self.number(at + 32, 8)).sum()
    }

    /// Every symbol, of the table that a debugger reads as well.
    pub(crate) fn symbols(&self) -> Vec<Symbol> {
        let (table, each, count) = (self.number(40, 8), self.number(58, 2), self.number(60, 2));
        let section = |index: usize| table + index * each;
        let mut symbols = Vec::new();
        for at in (0..count).map(section) {
            if [SYMBOLS, DYNAMIC_SYMBOLS].iter().any(|kind| self.number(at + 4, 4) == *kind as usize) {
                let names = self.number(section(self.number(at + 40, 4)) + 24, 8);
                let (offset, len) = (self.number(at + 24, 8), self.number(at + 32, 8));
                symbols.extend((offset..offset + len).step_by(24).map(|at| self.symbol(at, names)));
            }
        }
        symbols.retain(|symbol| !symbol.name.is_empty());
        symbols
    }

    fn symbol(&self, at: usize, names: usize) -> Symbol {
        let name = self.0[names + self.number(at, 4)..].split(|byte| *byte == 0).next().unwrap_or(&[]);
        // The dynamic linker's version follows an `@`.
        let name = String::from_utf8_lossy(name).split('@').next().unwrap_or("").to_owned();
        Symbol { name, is_outside: self.number(at + 6, 2) == 0 }
    }
}

impl Symbol {
    /// Whether it is of the standard library: mangled, with a path that begins with `std`, or that names it within.
    pub(crate) fn is_of_std(&self) -> bool {
        let is_mangled = self.name.starts_with("_ZN") || self.name.starts_with("_R");
        let path = self.name.match_indices("3std").any(|(at, _)| {
            !self.name[..at].ends_with(|c: char| c.is_ascii_digit())
                && self.name[at + 4..].starts_with(|c: char| c.is_ascii_digit())
        });
        is_mangled && (path || self.name.contains("$std..") || self.name.contains("3std."))
    }
}
