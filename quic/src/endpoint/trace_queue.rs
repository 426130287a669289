//! Which connections of an endpoint have records that nobody has pulled yet.

use crate::trace::Tracer;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Who may have records.
#[derive(Default)]
pub(super) struct TraceQueue {
    /// Connections with something new, by index.
    pub(super) touched: Vec<u32>,
    /// Those of connections that are gone.
    #[expect(clippy::vec_box, reason = "a connection keeps its tracer in a box, and it is handed on as it is")]
    pub(super) left: Vec<Box<Tracer>>,
}
