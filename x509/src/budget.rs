//! How much work a peer's certificates may cause in one validation.

use crate::error::Error;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Budget {
    signatures: u32,
    comparisons: u32,
    steps: usize,
}

impl Budget {
    /// Enough for any chain in use; a graph of look-alike authorities ends here instead of growing exponentially.
    const SIGNATURES: u32 = 100;
    /// Some ten milliseconds of comparing names with constraints.
    const COMPARISONS: u32 = 100_000;

    /// Some ten milliseconds of trying who may have issued what. Chains in use need less than a hundred.
    const STEPS: usize = 50_000;

    pub(crate) fn new() -> Budget {
        Budget { signatures: Self::SIGNATURES, comparisons: Self::COMPARISONS, steps: Self::STEPS }
    }

    /// Before so many candidates for one issuer are tried.
    pub(crate) fn spend_steps(&mut self, steps: usize) -> Result<(), Error> {
        self.steps = self.steps.checked_sub(steps).ok_or(Error::TooMuchWork)?;
        Ok(())
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
