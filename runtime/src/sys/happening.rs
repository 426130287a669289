//! What a selector tells.

/// What happened to one descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) key: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Nothing more comes than what can be read.
    pub(crate) ended: bool,
    /// Nothing goes either way any more: it is broken, or both sides have ended.
    pub(crate) hung_up: bool,
}
