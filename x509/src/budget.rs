//! How much work a peer's certificates may cause in one validation.

use crate::error::Error;
use crate::purpose::Purpose;
use rustls_pki_types::CertificateDer;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Budget {
    signatures: u32,
    comparisons: u32,
    steps: usize,
}

/// What a peer may send and cause. A client chooses its server, and pays for the chain that it gets with a connection of its own; a
/// server that asks for certificates gets chains from whoever comes, before it knows anything of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    signatures: u32,
    comparisons: u32,
    steps: usize,
    /// Certificates.
    pub(crate) certificates: usize,
    /// Bytes of all of them.
    pub(crate) bytes: usize,
}

impl Allowance {
    /// Enough for any chain in use; a graph of look-alike authorities ends here instead of growing exponentially.
    const SIGNATURES: u32 = 100;
    /// The same for clients: a path of eight authorities, each with a revocation list. The chains of clients in use have two or three.
    const CLIENT_SIGNATURES: u32 = 20;
    /// Some ten milliseconds of comparing names with constraints.
    const COMPARISONS: u32 = 100_000;
    /// The same for clients, within a millisecond.
    const CLIENT_COMPARISONS: u32 = 5000;
    /// Some ten milliseconds of trying who may have issued what. Chains in use need less than a hundred.
    const STEPS: usize = 50_000;
    /// The same for clients, within a millisecond.
    const CLIENT_STEPS: usize = 2000;
    /// Certificates that a server may send; each is compared with the issuer of every other.
    const CERTIFICATES: usize = 256;
    /// Certificates that a client may send.
    const CLIENT_CERTIFICATES: usize = 16;
    /// Bytes of the certificates that a client may send: some ten large ones.
    const CLIENT_BYTES: usize = 32_768;

    /// For chains that are to prove this.
    pub(crate) const fn of(purpose: Purpose) -> Allowance {
        match purpose {
            Purpose::Server => Allowance {
                signatures: Self::SIGNATURES,
                comparisons: Self::COMPARISONS,
                steps: Self::STEPS,
                certificates: Self::CERTIFICATES,
                // What a handshake message holds is the limit.
                bytes: usize::MAX,
            },
            Purpose::Client => Allowance {
                signatures: Self::CLIENT_SIGNATURES,
                comparisons: Self::CLIENT_COMPARISONS,
                steps: Self::CLIENT_STEPS,
                certificates: Self::CLIENT_CERTIFICATES,
                bytes: Self::CLIENT_BYTES,
            },
        }
    }

    /// Whether so many certificates may come, and be so long.
    pub(crate) fn check_chain(&self, chain: &[CertificateDer<'_>]) -> Result<(), Error> {
        let bytes: usize = chain.iter().map(|certificate| certificate.len()).sum();
        if chain.len() > self.certificates || bytes > self.bytes { Err(Error::TooMuchWork) } else { Ok(()) }
    }
}

impl Budget {
    pub(crate) fn new(allowance: Allowance) -> Budget {
        let Allowance { signatures, comparisons, steps, .. } = allowance;
        Budget { signatures, comparisons, steps }
    }

    /// Before so many candidates for one issuer are tried.
    pub(crate) fn spend_steps(&mut self, steps: usize) -> Result<(), Error> {
        self.steps = self.steps.checked_sub(steps).ok_or(Error::TooMuchWork)?;
        Ok(())
    }

    /// Before a signature is checked by a key of this many bytes. A long key counts as several, because it is as much work: RSA with
    /// 4,096 bits as two, and with 8,192 as five.
    pub(crate) fn spend_signature(&mut self, key_len: usize) -> Result<(), Error> {
        const UNIT_LEN: usize = 512;
        let times = u32::try_from(key_len / UNIT_LEN).unwrap_or(u32::MAX);
        let cost = times.saturating_mul(times).saturating_add(1);
        self.signatures = self.signatures.checked_sub(cost).ok_or(Error::TooMuchWork)?;
        Ok(())
    }

    /// Before a name is compared with a constraint.
    pub(crate) fn spend_comparison(&mut self) -> Result<(), Error> {
        self.comparisons = self.comparisons.checked_sub(1).ok_or(Error::TooMuchWork)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_count_as_several() {
        // P-256, RSA with 2,048, 4,096 and 8,192 bits, as DER has them.
        for (key_len, cost) in [(65, 1), (270, 1), (526, 2), (1038, 5), (usize::MAX, u32::MAX)] {
            let allowance = Allowance { signatures: cost, ..Allowance::of(Purpose::Client) };
            let mut budget = Budget::new(allowance);
            assert_eq!(budget.spend_signature(key_len), Ok(()), "{key_len}");
            assert_eq!(budget.spend_signature(65), Err(Error::TooMuchWork), "{key_len}");
        }
    }
}
