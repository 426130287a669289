//! How much useless activity a peer has left (RFC 9114 section 10.5).
//!
//! Nothing it counts is a violation, and all of it costs us work. There is no clock here, so useful work is the
//! measure: a request that ends well earns some of the budget back.

use crate::config::Limits;
use crate::violation::Violation;

/// A counter that only runs out if bad outweighs good for long.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u32,
    full: u32,
    earned: u32,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Budget {
        Budget { left: limits.glitches, full: limits.glitches, earned: limits.glitches_earned }
    }

    /// The peer did something useless.
    pub(crate) fn spend(&mut self) -> Result<(), Violation> {
        self.left = self.left.checked_sub(1).ok_or(Violation::Glitches)?;
        Ok(())
    }

    /// A request ended well.
    pub(crate) fn earn(&mut self) {
        self.left = self.left.saturating_add(self.earned).min(self.full);
    }
}
