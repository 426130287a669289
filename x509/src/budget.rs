//! How much work a peer's certificates may cause in one validation.

use crate::error::Error;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Budget {
    signatures: u32,
    comparisons: u32,
}

impl Budget {
    /// Enough for any chain in use; a graph of look-alike authorities ends here instead of growing exponentially.
    const SIGNATURES: u32 = 100;
    /// Some ten milliseconds of comparing names with constraints.
    const COMPARISONS: u32 = 100_000;

    pub(crate) fn new() -> Budget {
        Budget { signatures: Self::SIGNATURES, comparisons: Self::COMPARISONS }
    }

    /// Before a signature is checked.
    pub(crate) fn spend_signature(&mut self) -> Result<(), Error> {
        self.signatures = self.signatures.checked_sub(1).ok_or(Error::TooMuchWork)?;
        Ok(())
    }

    /// Before a name is compared with a constraint.
    pub(crate) fn spend_comparison(&mut self) -> Result<(), Error> {
        self.comparisons = self.comparisons.checked_sub(1).ok_or(Error::TooMuchWork)?;
        Ok(())
    }
}
